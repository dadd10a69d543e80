//! Reads what nearly all definitions are made of (blocks, attributes, and values that are words, whole numbers, strings without
//! templates and escapes, lists, maps, references and calls) in a tenth of the time of the parser of the whole language. It
//! decides nothing about what is wrong: text with anything else in it is left to that parser, and the two give one tree.

use super::parse::{Lower, Piece};
use super::tree::{Attribute, Block, Body, Call, Expression, ExpressionKind, Name, Step};
use super::value::normalized;

/// Values and blocks deeper than this are left to the parser, which has a limit.
const DEPTH: usize = 16;

/// Bodies and maps with more names than this are left to the parser, which finds doubled ones by a table.
const NAMES: usize = 64;

/// The tree of a piece; none where it holds more than plain text.
pub(super) fn body(lower: &Lower<'_>, piece: Piece<'_>) -> Option<Body> {
    if !piece.is_closed() {
        return None;
    }
    let mut reader = Reader { lower, text: piece.text, at: 0 };
    let mut body = Body::default();
    while !reader.lines().is_empty() {
        reader.structure(&mut body, DEPTH)?;
        if !reader.rest().is_empty() {
            reader.line_end()?;
        }
    }
    Some(body)
}

/// Words that are no names of values.
const KEYWORDS: [&str; 4] = ["null", "true", "false", "for"];

struct Reader<'a> {
    lower: &'a Lower<'a>,
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn next(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Takes this byte when it is the next one.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// Takes bytes as long as they are such.
    fn take_while(&mut self, is_such: impl Fn(&u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is_such(byte)).unwrap_or(rest.len());
        self.at += length;
        &self.text[self.at - length..self.at]
    }

    /// To what follows on this line.
    fn blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Takes a comment up to the end of its line, when there is one.
    fn comment(&mut self) {
        if self.rest().starts_with(b"#") || self.rest().starts_with(b"//") {
            // A carriage return is left to the parser.
            self.take_while(|byte| !matches!(byte, b'\n' | b'\r'));
        }
    }

    /// To what follows on this line or a later one, which is the result.
    fn lines(&mut self) -> &'a [u8] {
        loop {
            self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
            let before = self.at;
            self.comment();
            if self.at == before {
                return self.rest();
            }
        }
    }

    fn line_end(&mut self) -> Option<()> {
        self.blanks();
        self.comment();
        if self.rest().is_empty() { Some(()) } else { self.take(b'\n') }
    }

    fn word(&mut self) -> Option<&'a str> {
        let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        if !starts(self.next()?) {
            return None;
        }
        let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        // More letters than these are the parser's.
        self.next().is_none_or(|byte| byte.is_ascii()).then_some(word)
    }

    fn name(&mut self) -> Option<Name> {
        let start = self.at;
        let text = self.word()?.into();
        Some(Name { text, span: self.lower.span(Some(start..self.at)) })
    }

    /// What stands between quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let text = self.take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=31));
        self.take(b'"')?;
        (!text.contains("${") && !text.contains("%{")).then_some(text)
    }

    /// An attribute or a block.
    fn structure(&mut self, body: &mut Body, depth: usize) -> Option<()> {
        let kind = self.name()?;
        self.blanks();
        if self.next()? == b'=' {
            return self.attribute(kind, body, depth);
        }
        let mut labels = Vec::new();
        while self.next()? != b'{' {
            let start = self.at;
            let text = if self.next()? == b'"' { self.string()? } else { self.word()? };
            labels.push(Name { text: text.into(), span: self.lower.span(Some(start..self.at)) });
            self.blanks();
        }
        let inner = self.block_body(depth.checked_sub(1)?)?;
        body.blocks.push(Block { kind, labels, body: inner });
        Some(())
    }

    fn attribute(&mut self, key: Name, body: &mut Body, depth: usize) -> Option<()> {
        self.take(b'=')?;
        self.blanks();
        let value = self.expression(depth)?;
        let attributes = &mut body.attributes;
        if attributes.len() >= NAMES || attributes.iter().any(|other| other.key.text == key.text) {
            return None;
        }
        if attributes.is_empty() {
            // Most bodies hold few attributes.
            attributes.reserve_exact(2);
        }
        attributes.push(Attribute { key, value });
        Some(())
    }

    fn block_body(&mut self, depth: usize) -> Option<Body> {
        let mut body = Body::default();
        self.take(b'{')?;
        self.blanks();
        self.comment();
        if self.take(b'\n').is_some() {
            while self.lines().first()? != &b'}' {
                self.structure(&mut body, depth)?;
                self.line_end()?;
            }
        } else if self.next()? != b'}' {
            // One attribute, on the same line.
            let key = self.name()?;
            self.blanks();
            body.attributes.reserve_exact(1);
            self.attribute(key, &mut body, depth)?;
            self.blanks();
        }
        self.take(b'}')?;
        Some(body)
    }

    /// A value with nothing behind it that goes on with it.
    fn expression(&mut self, depth: usize) -> Option<Expression> {
        let start = self.at;
        let kind = match self.next()? {
            b'"' => ExpressionKind::String(normalized(self.string()?.to_owned())),
            b'0'..=b'9' => ExpressionKind::Integer(self.integer()?),
            b'[' => ExpressionKind::List(self.values(b'[', b']', depth.checked_sub(1)?)?),
            b'{' => ExpressionKind::Map(self.map(depth.checked_sub(1)?)?),
            _ => self.words(depth)?,
        };
        let span = self.lower.span(Some(start..self.at));
        let end = self.at;
        self.blanks();
        let ends = match self.rest() {
            [] | [b'\n' | b'#' | b',' | b']' | b')' | b'}' | b':', ..] | [b'/', b'/', ..] => true,
            // Of a key in a map.
            [b'=', other, ..] => !matches!(other, b'=' | b'>'),
            _ => false,
        };
        self.at = end;
        ends.then_some(Expression { span, kind })
    }

    fn integer(&mut self) -> Option<i64> {
        let digits = self.take_while(u8::is_ascii_digit);
        let is_plain = digits.len() < 18 && (digits.len() == 1 || !digits.starts_with('0'));
        let goes_on =
            self.next().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
        if is_plain && !goes_on { digits.parse().ok() } else { None }
    }

    /// A constant, a variable, a reference or a call.
    fn words(&mut self, depth: usize) -> Option<ExpressionKind> {
        let start = self.at;
        let name = self.name()?;
        match (name.text.as_str(), self.next()) {
            (word, Some(b'.' | b'(')) if KEYWORDS.contains(&word) => None,
            ("for", _) => None,
            ("null", _) => Some(ExpressionKind::Null),
            (word @ ("true" | "false"), _) => Some(ExpressionKind::Bool(word == "true")),
            (_, Some(b'(')) => {
                let arguments = self.values(b'(', b')', depth.checked_sub(1)?)?;
                Some(ExpressionKind::Call(Box::new(Call { name, arguments, expand: false })))
            }
            (_, Some(b'.')) => {
                let span = self.lower.span(Some(start..self.at));
                let first = Expression { span, kind: ExpressionKind::Variable(name.text) };
                let mut steps = Vec::with_capacity(2);
                while self.take(b'.').is_some() {
                    steps.push(Step::Attribute(self.name()?));
                }
                // A call of a name with dots is none.
                (self.next() != Some(b'(')).then(|| ExpressionKind::Traversal(Box::new(first), steps))
            }
            _ => Some(ExpressionKind::Variable(name.text)),
        }
    }

    /// Values between brackets.
    fn values(&mut self, open: u8, close: u8, depth: usize) -> Option<Vec<Expression>> {
        self.take(open)?;
        let mut values = Vec::new();
        while self.lines().first()? != &close {
            values.push(self.expression(depth)?);
            if self.lines().first()? != &close {
                self.take(b',')?;
                // A comma at the end is fine in a list.
                if self.lines().first()? == &close && close == b')' {
                    return None;
                }
            }
        }
        self.take(close)?;
        Some(values)
    }

    fn map(&mut self, depth: usize) -> Option<Vec<(Expression, Expression)>> {
        self.take(b'{')?;
        let mut entries: Vec<(Expression, Expression)> = Vec::new();
        while self.lines().first()? != &b'}' {
            let key = self.key()?;
            self.blanks();
            if self.take(b'=').is_none() {
                self.take(b':')?;
            }
            self.blanks();
            let value = self.expression(depth)?;
            if entries.len() >= NAMES || entries.iter().any(|(other, _)| other.kind == key.kind) {
                return None;
            }
            entries.push((key, value));
            self.blanks();
            if self.next()? != b'}' && self.take(b',').is_none() {
                self.line_end()?;
            }
        }
        self.take(b'}')?;
        Some(entries)
    }

    fn key(&mut self) -> Option<Expression> {
        let start = self.at;
        let text = match self.next()? {
            b'"' => normalized(self.string()?.to_owned()),
            _ => self.word().filter(|word| !KEYWORDS.contains(word))?.to_owned(),
        };
        let span = self.lower.span(Some(start..self.at));
        Some(Expression { span, kind: ExpressionKind::String(text) })
    }
}
