//! Text from definitions, made inert for Markdown as code hosts render it: it can start no markup, leave no table, link
//! no issue and call nobody. Entities do for markup; what a host looks for in the finished text, such as mentions, is
//! broken by a space of no width.

use crate::view::visible::{clipped, visible};

/// Longest text that stands in a sentence or a cell, in characters.
const LIMIT: usize = 120;

/// A space of no width, which breaks words that a host would link.
const BREAK: &str = "&#8203;";

/// Running text of one line.
pub(super) fn inert(text: &str) -> String {
    let text = visible(text, false);
    let mut safe = String::with_capacity(text.len());
    let mut before = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let after = characters.peek().map(|(_, next)| *next);
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '_' if [before, after].iter().all(|beside| beside.is_some_and(char::is_alphanumeric)) => {
                safe.push('_');
            }
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '!' | '$' | '"' => {
                safe.push_str(&format!("&#{};", u32::from(character)));
            }
            _ => safe.push(character),
        }
        if is_linked(&text[..at], character, after) {
            safe.push_str(BREAK);
        }
        before = Some(character);
    }
    safe
}

/// Whether a host would make a link of what stands around this character: `@name`, `#12`, `GH-12`, `https://`, `www.`.
fn is_linked(before: &str, character: char, after: Option<char>) -> bool {
    let follows = |word: &str| {
        before
            .len()
            .checked_sub(word.len())
            .and_then(|start| before.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    match character {
        '@' | '#' => true,
        ':' => after == Some('/') || follows("mailto") || follows("xmpp"),
        '.' => follows("www"),
        '-' => follows("gh"),
        _ => false,
    }
}

/// A name or value as code. Hosts look for no mentions and no issues in code.
pub(super) fn code(text: &str) -> String {
    let text = clipped(text, LIMIT);
    let is_harmless =
        |character: char| character.is_alphanumeric() || " _.:-/,()=+@#%'\"{}~?;^…←→·".contains(character);
    if text.chars().all(is_harmless) && !text.is_empty() && text.trim().len() == text.len() {
        format!("`{text}`")
    } else {
        format!("<code>{}</code>", inert(&text))
    }
}

/// The same where Markdown is not read: in `<summary>`.
pub(super) fn html_code(text: &str) -> String {
    format!("<code>{}</code>", inert(&clipped(text, LIMIT)))
}

/// A sentence of our own in which names stand between backticks; they may hold anything.
pub(super) fn sentence(text: &str) -> String {
    let text = clipped(text, 4 * LIMIT);
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    let part = |(position, part): (usize, &&str)| match position {
        odd if odd % 2 == 1 && odd < last => code(part),
        odd if odd % 2 == 1 => format!("&#96;{}", inert(part)),
        _ => inert(part),
    };
    parts.iter().enumerate().map(part).collect()
}

/// A part of the line that marks the comment: letters, digits, `.`, `_` and `-` stay, the rest becomes `%XX`; a long one is
/// told apart by a digest.
pub(super) fn marker_part(text: &str) -> String {
    use std::fmt::Write as _;
    const LONGEST: usize = 64;
    let mut safe = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(safe, "%{byte:02X}");
        }
        if safe.len() > LONGEST {
            let digest = crate::model::Fingerprint::of_bytes(text.as_bytes());
            return format!("{}~{}", &safe[..LONGEST - 17], &digest.as_str()[..16]);
        }
    }
    safe
}

/// Lines as a fenced block of a language; no line can end it.
pub(super) fn fence(language: &str, lines: &[String]) -> String {
    let longest = lines.iter().map(|line| backticks(line)).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let mut block = format!("{fence}{language}\n");
    for line in lines {
        block.push_str(line);
        block.push('\n');
    }
    block.push_str(&fence);
    block.push('\n');
    block
}

/// The longest run of backticks.
fn backticks(line: &str) -> usize {
    line.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}
