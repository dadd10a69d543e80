//! What is opened and not closed: braces, brackets and strings.

use std::ops::Range;

use super::{Mistake, Place, name_length, token};

/// At the end of the text, a block is still open: the one whose `}` the indentation misses, or else the outermost.
pub(super) fn brace(place: &Place<'_>) -> Option<Mistake> {
    (place.said.contains("`}`") && place.text[place.at()..].trim().is_empty()).then_some(())?;
    let mut open: Vec<(usize, Range<usize>)> = Vec::new();
    let mut suspect = None;
    let mut start = 0;
    for line in place.text.split_inclusive('\n') {
        let (indent, end) = (line.len() - line.trim_start().len(), line.trim_end().len());
        for (_, brace) in marks(line).filter(|(_, mark)| matches!(mark, '{' | '}')) {
            if brace == '{' {
                open.push((indent, start + indent..start + end.max(indent)));
            } else if let Some((opened, range)) = open.pop()
                && indent < opened
            {
                suspect.get_or_insert(range);
            }
        }
        start += line.len();
    }
    let range = suspect.or_else(|| open.into_iter().next().map(|(_, range)| range))?;
    place.mistake(range, "the `{` on this line is not closed", "write a `}` where the block ends")
}

/// Brackets of a line, and the quotes around its strings, that stand in no string and no comment, with their places.
fn marks(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut in_string = false;
    let mut escaped = false;
    let mut previous = ' ';
    let is_comment = move |at: usize, next: char, previous: char| {
        next == '#' || (next == '/' && previous == '/' && at > 0)
    };
    let mut is_over = false;
    line.char_indices().filter(move |(at, next)| {
        let next = *next;
        is_over |= !in_string && is_comment(*at, next, previous);
        if is_over {
            return false;
        }
        let is_quote = next == '"' && !escaped;
        escaped = in_string && next == '\\' && !escaped;
        previous = next;
        if is_quote {
            in_string = !in_string;
        }
        is_quote || (!in_string && matches!(next, '{' | '}' | '[' | ']' | '(' | ')'))
    })
}

/// A list, a call or a conditional that ends too early.
pub(super) fn unfinished(place: &Place<'_>) -> Option<Mistake> {
    let is_over = place.rest.trim().is_empty() || place.rest.starts_with('}') || place.rest.starts_with('#');
    let help = match place.said {
        "expected `]`" if is_over => "write a `]` where the list ends",
        said if is_over && said.starts_with("expected `)`") => "write a `)` where the arguments end",
        "expected `:`" if place.before.contains('?') => "write both values: `condition ? a : b`",
        "expected `:`" if place.before.contains("for ") => {
            "write what is made of each element: `[for element in list : element]`"
        }
        "expected `=>`" => {
            "write `{ for element in list : key => value }`, or a list, `[for element in list : element]`"
        }
        "expected newline or eof" if place.rest.starts_with(['}', ']', ')']) => {
            let closing = &place.rest[..token(place.rest)];
            return place.here(format!("this `{closing}` closes nothing"), "remove it");
        }
        _ => return None,
    };
    place.here(place.said, help)
}

/// A bracket that is still open where the next attribute or the end of the block stands.
pub(super) fn bracket(place: &Place<'_>) -> Option<Mistake> {
    let wanted = ["`]`", "`)`"].iter().any(|close| place.said.contains(close));
    let line = place.line.trim_start();
    let begins_attribute = name_length(line) > 0 && line[name_length(line)..].trim_start().starts_with('=');
    let is_start = place.before.trim().len() <= name_length(line);
    (wanted && is_start && (begins_attribute || place.rest.starts_with('}'))).then_some(())?;
    let mut open = Vec::new();
    let mut start = 0;
    for line in place.text[..place.start].split_inclusive('\n') {
        for (at, mark) in marks(line).filter(|(_, mark)| *mark != '"') {
            match mark {
                '{' | '[' | '(' => open.push((start + at, mark)),
                _ => drop(open.pop()),
            }
        }
        start += line.len();
    }
    let (at, mark) = open.pop().filter(|(_, mark)| *mark != '{')?;
    let (close, what) = if mark == '[' { (']', "the list ends") } else { (')', "it ends") };
    place.mistake(
        at..at + 1,
        format!("this `{mark}` is not closed"),
        format!("write a `{close}` where {what}"),
    )
}

/// The line above the place on which a string begins that is not closed there, so that the text behind it is read as if it
/// stood within strings and the other way round.
pub(in crate::hcl) fn string_above(text: &str, at: usize) -> Option<Range<usize>> {
    let end = text[..at].rfind('\n')? + 1;
    let mut odd: Vec<Range<usize>> = Vec::new();
    let mut heredoc: Option<&str> = None;
    let mut start = 0;
    for line in text[..end].split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        if let Some(marker) = heredoc {
            heredoc = Some(marker).filter(|marker| line.trim() != *marker);
            continue;
        }
        let marker = line.split_once("<<").map(|(_, marker)| marker.trim_start_matches('-').trim());
        heredoc = marker.filter(|marker| !marker.is_empty() && name_length(marker) == marker.len());
        if marks(line).filter(|(_, mark)| *mark == '"').count() % 2 == 1 {
            odd.push(range);
        }
    }
    if odd.len().is_multiple_of(2) {
        return None;
    }
    // A value that `${` begins may go on over lines.
    let goes_on = |range: &&Range<usize>| {
        let line = &text[(*range).clone()];
        line.rfind("${").is_some_and(|open| !line[open..].contains(['}', '"']))
            || line.trim_start().starts_with('}')
    };
    odd.iter().find(|range| !goes_on(range)).or_else(|| odd.first()).cloned()
}
