//! Text as tokens, with nothing left out: what is between two tokens is spaces and tabs only. They are those of HashiCorp's
//! scanner, so strings and heredocs come in parts. It never fails; text that is no HCL becomes tokens too, and the parser
//! says what is wrong with it.

use std::borrow::Cow;

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
    OpenQuote,
    CloseQuote,
    /// `<<MARKER` with its line feed.
    OpenHeredoc,
    /// The closing marker with the spaces around it, without the line feed.
    CloseHeredoc,
    /// Text of a string, or of one line of a heredoc with its line feed.
    Literal,
    /// `${` or `%{`, with the `~` behind it.
    OpenTemplate,
    /// The `}` of these, with the `~` before it.
    CloseTemplate,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    OpenParenthesis,
    CloseParenthesis,
    Comma,
    Dot,
    Ellipsis,
    Equal,
    Colon,
    DoubleColon,
    Question,
    Bang,
    Minus,
    /// `=>`
    Arrow,
    /// Any other operator.
    Operator,
    /// A character that HCL does not know.
    Other,
}

/// A piece of text and what it is.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: Cow<'a, str>,
}

impl Token<'_> {
    /// How many brackets it opens; fewer than none where it closes one.
    pub(super) const fn opens(&self) -> isize {
        match self.kind {
            Kind::OpenBrace | Kind::OpenBracket | Kind::OpenParenthesis | Kind::OpenTemplate => 1,
            Kind::CloseBrace | Kind::CloseBracket | Kind::CloseParenthesis | Kind::CloseTemplate => -1,
            _ => 0,
        }
    }
}

/// All tokens of a text, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { rest: text, inside: Vec::new(), tokens: Vec::new() };
    while !lexer.rest.is_empty() {
        match lexer.inside.last() {
            Some(Inside::String) => lexer.string(),
            Some(Inside::Heredoc { .. }) => lexer.heredoc(),
            Some(Inside::Template { .. }) | None => lexer.code(),
        }
    }
    lexer.tokens
}

/// What the text stands in; at the top it stands in nothing.
enum Inside<'a> {
    String,
    Heredoc {
        marker: &'a str,
        at_line_start: bool,
    },
    /// Between `${` and `}`.
    Template {
        open_braces: usize,
    },
}

struct Lexer<'a> {
    rest: &'a str,
    inside: Vec<Inside<'a>>,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn take(&mut self, kind: Kind, length: usize) {
        let (text, rest) = self.rest.split_at(length);
        self.tokens.push(Token { kind, text: Cow::Borrowed(text) });
        self.rest = rest;
    }

    fn code(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.is_empty() {
            return;
        }
        if let Some(Inside::Template { open_braces }) = self.inside.last_mut() {
            match self.rest.as_bytes() {
                [b'~', b'}', ..] if *open_braces == 0 => return self.close(Kind::CloseTemplate, 2),
                [b'}', ..] if *open_braces == 0 => return self.close(Kind::CloseTemplate, 1),
                [b'}', ..] => *open_braces -= 1,
                [b'{', ..] => *open_braces += 1,
                _ => {}
            }
        }
        if let Some((marker, length)) = heredoc_start(self.rest) {
            self.take(Kind::OpenHeredoc, length);
            return self.inside.push(Inside::Heredoc { marker, at_line_start: true });
        }
        let (kind, length) = next(self.rest);
        self.take(kind, length);
        if kind == Kind::OpenQuote {
            self.inside.push(Inside::String);
        }
    }

    fn close(&mut self, kind: Kind, length: usize) {
        self.take(kind, length);
        self.inside.pop();
    }

    fn string(&mut self) {
        let text = &self.rest[..literal(self.rest, &['"', '\n', '\\'])];
        // At a line feed, nobody closed it.
        let unclosed = self.rest[text.len()..].starts_with('\n');
        let text = if unclosed { text.strip_suffix('\r').unwrap_or(text) } else { text };
        if !text.is_empty() {
            self.take(Kind::Literal, text.len());
        }
        if unclosed {
            self.inside.pop();
        } else if self.rest.starts_with('"') {
            self.close(Kind::CloseQuote, 1);
        } else {
            self.template();
        }
    }

    fn heredoc(&mut self) {
        let Some(Inside::Heredoc { marker, at_line_start }) = self.inside.last_mut() else { return };
        let line = self.rest.find('\n').map_or(self.rest, |end| &self.rest[..end]);
        if *at_line_start && line.trim() == *marker {
            let length = line.strip_suffix('\r').unwrap_or(line).len();
            return self.close(Kind::CloseHeredoc, length);
        }
        let text = literal(self.rest, &['\n']);
        let ended = self.rest[text..].starts_with('\n');
        *at_line_start = ended;
        if text > 0 || ended {
            self.take(Kind::Literal, text + usize::from(ended));
        }
        if !ended {
            self.template();
        }
    }

    /// At `${` or `%{`, if there is text left.
    fn template(&mut self) {
        if !self.rest.is_empty() {
            let strips = self.rest[2..].starts_with('~');
            self.take(Kind::OpenTemplate, 2 + usize::from(strips));
            self.inside.push(Inside::Template { open_braces: 0 });
        }
    }
}

/// The length of plain text up to one of the ends, or to `${` or `%{`. A backslash among the ends is none: it keeps the
/// character behind it from being one.
fn literal(text: &str, ends: &[char]) -> usize {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if ends.contains(&'\\') => drop(characters.next_if(|(_, next)| *next != '\n')),
            end if ends.contains(&end) => return at,
            '$' | '%' => {
                let doubled = characters.next_if(|(_, next)| *next == character).is_some();
                if characters.next_if(|(_, next)| *next == '{').is_some() && !doubled {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The marker of a heredoc that begins here, and the length of its first line.
fn heredoc_start(text: &str) -> Option<(&str, usize)> {
    let marker = text.strip_prefix("<<")?;
    let marker = marker.strip_prefix('-').unwrap_or(marker);
    let marker = marker[..marker.find('\n')?].trim_end();
    let is_word = !marker.is_empty() && marker.chars().all(|one| one.is_alphanumeric() || "_-".contains(one));
    is_word.then_some((marker, text.find('\n')? + 1))
}

/// The token that begins here, outside of strings and heredocs.
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
        '"' => (Kind::OpenQuote, 1),
        '{' => (Kind::OpenBrace, 1),
        '}' => (Kind::CloseBrace, 1),
        '[' => (Kind::OpenBracket, 1),
        ']' => (Kind::CloseBracket, 1),
        '(' => (Kind::OpenParenthesis, 1),
        ')' => (Kind::CloseParenthesis, 1),
        ',' => (Kind::Comma, 1),
        '.' if starts("...") => (Kind::Ellipsis, 3),
        '.' => (Kind::Dot, 1),
        '?' => (Kind::Question, 1),
        ':' if starts("::") => (Kind::DoubleColon, 2),
        ':' => (Kind::Colon, 1),
        '=' if starts("=>") => (Kind::Arrow, 2),
        '=' if starts("==") => (Kind::Operator, 2),
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
