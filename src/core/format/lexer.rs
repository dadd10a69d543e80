//! Text as tokens, with nothing left out: what is between two tokens is spaces and tabs only. It never fails; text that is
//! no HCL becomes tokens too, and the parser says what is wrong with it.

/// What a token is, as far as layout asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A line feed, with the carriage return before it.
    Newline,
    /// `#…`, `//…`, without the line feed.
    LineComment,
    /// `/*…*/`
    BlockComment,
    Word,
    Number,
    /// A whole string with its quotes.
    Text,
    /// From `<<` to the end of the closing marker.
    Heredoc,
    Open,
    OpenBrace,
    Close,
    CloseBrace,
    Comma,
    Dot,
    Ellipsis,
    Equal,
    Colon,
    DoubleColon,
    Question,
    Bang,
    Minus,
    /// Any other operator.
    Operator,
    /// A character that HCL does not know.
    Other,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

/// All tokens of a text, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return tokens;
        }
        let (kind, length) = next(rest);
        let (token, after) = rest.split_at(length);
        tokens.push(Token { kind, text: token });
        rest = after;
    }
}

fn next(text: &str) -> (Kind, usize) {
    let starts = |start: &str| text.starts_with(start);
    let line =
        || text.find('\n').map_or(text.len(), |at| if text[..at].ends_with('\r') { at - 1 } else { at });
    let first = text.chars().next().unwrap_or(' ');
    match first {
        '\n' => (Kind::Newline, 1),
        '\r' if starts("\r\n") => (Kind::Newline, 2),
        '#' => (Kind::LineComment, line()),
        '/' if starts("//") => (Kind::LineComment, line()),
        '/' if starts("/*") => (Kind::BlockComment, text[2..].find("*/").map_or(text.len(), |at| at + 4)),
        '"' => (Kind::Text, string(text)),
        '<' if starts("<<") => heredoc(text).map_or((Kind::Operator, 2), |length| (Kind::Heredoc, length)),
        '{' => (Kind::OpenBrace, 1),
        '}' => (Kind::CloseBrace, 1),
        '(' | '[' => (Kind::Open, 1),
        ')' | ']' => (Kind::Close, 1),
        ',' => (Kind::Comma, 1),
        '.' if starts("...") => (Kind::Ellipsis, 3),
        '.' => (Kind::Dot, 1),
        '?' => (Kind::Question, 1),
        ':' if starts("::") => (Kind::DoubleColon, 2),
        ':' => (Kind::Colon, 1),
        '=' if starts("==") || starts("=>") => (Kind::Operator, 2),
        '=' => (Kind::Equal, 1),
        '!' if starts("!=") => (Kind::Operator, 2),
        '!' => (Kind::Bang, 1),
        '-' => (Kind::Minus, 1),
        '<' | '>' => (Kind::Operator, 1 + usize::from(text[1..].starts_with('='))),
        '&' | '|' if text[1..].starts_with(first) => (Kind::Operator, 2),
        '+' | '*' | '/' | '%' => (Kind::Operator, 1),
        digit if digit.is_ascii_digit() => (Kind::Number, number(text)),
        // Which characters beyond ASCII a name may hold, the parser knows; here they are never torn apart.
        letter if letter.is_ascii_alphabetic() || letter == '_' || !letter.is_ascii() => {
            let is_part =
                |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-') || !one.is_ascii();
            let end = text.find(|one: char| !is_part(one));
            (Kind::Word, end.unwrap_or(text.len()))
        }
        other => (Kind::Other, other.len_utf8()),
    }
}

fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits((end + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// The length of a string that begins here; to the end of the line where it is not closed.
fn string(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return at + 1,
            '\n' => return at,
            '\\' => drop(characters.next()),
            '$' | '%' => {
                let doubled = characters.next_if(|(_, next)| *next == character).is_some();
                let Some((open, _)) = characters.next_if(|(_, next)| *next == '{') else { continue };
                if doubled {
                    continue;
                }
                let end = open + 1 + interpolation(&text[open + 1..]);
                while characters.next_if(|(at, _)| *at < end).is_some() {}
            }
            _ => {}
        }
    }
    text.len()
}

/// The length of what stands between `${` and its `}`, with that brace.
pub(super) fn interpolation(text: &str) -> usize {
    let mut at = 0;
    let mut depth = 0_usize;
    while at < text.len() {
        let rest = &text[at..];
        let space = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if space > 0 {
            at += space;
            continue;
        }
        let (kind, length) = next(rest);
        match kind {
            Kind::OpenBrace => depth += 1,
            Kind::CloseBrace if depth == 0 => return at + length,
            Kind::CloseBrace => depth -= 1,
            _ => {}
        }
        at += length;
    }
    text.len()
}

/// The length of a heredoc that begins here.
fn heredoc(text: &str) -> Option<usize> {
    let marker = text[2..].strip_prefix('-').unwrap_or(&text[2..]);
    let end = marker.find('\n')?;
    let (marker, _) = marker.split_at(end);
    let marker = marker.trim_end_matches('\r');
    let is_word =
        !marker.is_empty() && marker.chars().all(|one| one.is_alphanumeric() || one == '_' || one == '-');
    if !is_word {
        return None;
    }
    let mut at = text.find('\n')? + 1;
    for line in text[at..].split_inclusive('\n') {
        if line.trim() == marker {
            return Some(at + line.trim_end_matches(['\n', '\r']).len());
        }
        at += line.len();
    }
    None
}
