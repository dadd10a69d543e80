//! The two things that are written anew besides spaces, as Terraform does: labels stand in quotes, and an attribute that is
//! `"${x}"` becomes `x`, which the parser reads as the same tree. No comment is lost on the way.

use std::borrow::Cow;

use super::lexer::{Kind, Token};

/// The tokens of a body with its labels and attributes in canonical form.
pub(super) fn rewrite<'a>(mut tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut written = Vec::with_capacity(tokens.len());
    // An attribute is taken whole, so that nothing within an expression looks as if it began a block.
    while let Some(kind) = tokens.first().map(|token| token.kind) {
        let length = if kind != Kind::Word {
            written.push(tokens[0].clone());
            1
        } else if let Some(value) = value_of_attribute(tokens) {
            let length = value + expression_length(&tokens[value..]);
            written.extend_from_slice(&tokens[..value]);
            unwrap(&tokens[value..length], &mut written);
            length
        } else {
            let length = header_length(tokens);
            quote_labels(&tokens[..length], &mut written);
            length
        };
        tokens = &tokens[length..];
    }
    written
}

/// Where the value of the attribute that begins here stands.
fn value_of_attribute(tokens: &[Token<'_>]) -> Option<usize> {
    let after = 1 + skipped(&tokens[1..], Kind::BlockComment);
    let equal = tokens.get(after).is_some_and(|token| token.kind == Kind::Equal);
    equal.then(|| after + 1 + skipped(&tokens[after + 1..], Kind::BlockComment))
}

fn skipped(tokens: &[Token<'_>], kind: Kind) -> usize {
    tokens.iter().take_while(|token| token.kind == kind).count()
}

/// Up to the end of its line or to the brace that closes its block, without the comments before that.
fn expression_length(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        let ends = match token.kind {
            Kind::Newline | Kind::LineComment => depth == 0,
            _ => depth + token.opens() < 0,
        };
        depth += token.opens();
        ends
    });
    let expression = &tokens[..end.unwrap_or(tokens.len())];
    let comments = expression.iter().rev().take_while(|token| token.kind == Kind::BlockComment).count();
    expression.len() - comments
}

/// `"${x}"` as `x`, in parentheses where it has several lines.
fn unwrap<'a>(mut expression: &[Token<'a>], written: &mut Vec<Token<'a>>) {
    let mut wrapped = false;
    while let Some(inside) = only_interpolation(expression) {
        expression = inside;
        wrapped = true;
    }
    if wrapped && has_open_line(expression) && !is_in_parentheses(expression) {
        written.push(Token { kind: Kind::OpenParenthesis, text: Cow::Borrowed("(") });
        written.extend_from_slice(expression);
        if expression.last().is_some_and(|last| last.kind == Kind::LineComment) {
            written.push(Token { kind: Kind::Newline, text: Cow::Borrowed("\n") });
        }
        written.push(Token { kind: Kind::CloseParenthesis, text: Cow::Borrowed(")") });
    } else {
        written.extend_from_slice(expression);
    }
}

/// What stands in a string that is one interpolation and nothing else.
fn only_interpolation<'b, 'a>(expression: &'b [Token<'a>]) -> Option<&'b [Token<'a>]> {
    let [quote, open, inside @ .., close, last] = expression else { return None };
    let is_one = quote.kind == Kind::OpenQuote
        && open.kind == Kind::OpenTemplate
        && open.text.starts_with('$')
        && last.kind == Kind::CloseQuote
        && close.kind == Kind::CloseTemplate
        && closing(inside).is_none();
    let newlines = skipped(inside, Kind::Newline);
    let inside = is_one.then(|| &inside[newlines..])?;
    let end = inside.iter().rposition(|token| token.kind != Kind::Newline)?;
    Some(&inside[..=end])
}

/// Whether its text goes on after the end of a line. As in Terraform, any line counts that does not end with a comment in
/// brackets.
fn has_open_line(expression: &[Token<'_>]) -> bool {
    let mut depth = 0;
    let mut after_comment = false;
    expression.iter().any(|token| {
        let is_line = match token.kind {
            Kind::Newline => depth == 0 || !after_comment,
            Kind::LineComment => depth == 0,
            _ => false,
        };
        depth += token.opens();
        after_comment = token.kind == Kind::LineComment;
        is_line
    })
}

fn is_in_parentheses(expression: &[Token<'_>]) -> bool {
    let [first, inside @ .., last] = expression else { return false };
    first.kind == Kind::OpenParenthesis && last.kind == Kind::CloseParenthesis && closing(inside).is_none()
}

/// The first bracket that closes one opened before these tokens.
fn closing(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0;
    tokens.iter().position(|token| {
        depth += token.opens();
        depth < 0
    })
}

/// From the type of a block to its brace; one token, where no block begins here.
fn header_length(tokens: &[Token<'_>]) -> usize {
    let is_label = |kind| {
        use Kind::{BlockComment, CloseQuote, Literal, OpenQuote, Word};
        matches!(kind, Word | OpenQuote | Literal | CloseQuote | BlockComment)
    };
    let length = tokens.iter().take_while(|token| is_label(token.kind)).count();
    let is_header = tokens.get(length).is_some_and(|token| token.kind == Kind::OpenBrace);
    if is_header { length } else { 1 }
}

fn quote_labels<'a>(header: &[Token<'a>], written: &mut Vec<Token<'a>>) {
    for (at, token) in header.iter().enumerate() {
        match token.kind {
            Kind::Word if at > 0 => {
                written.push(Token { kind: Kind::OpenQuote, text: Cow::Borrowed("\"") });
                written.push(Token { kind: Kind::Literal, text: token.text.clone() });
                written.push(Token { kind: Kind::CloseQuote, text: Cow::Borrowed("\"") });
            }
            Kind::Literal => {
                let label = unescaped(&token.text).map(|label| escaped(&label));
                let text = label.map_or_else(|| token.text.clone(), Cow::Owned);
                written.push(Token { kind: Kind::Literal, text });
            }
            _ => written.push(token.clone()),
        }
    }
}

/// What a label says; none where it has an escape that HCL does not know.
fn unescaped(label: &str) -> Option<String> {
    let mut text = String::with_capacity(label.len());
    let mut characters = label.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        let digits = match characters.next()? {
            'n' => Err('\n'),
            'r' => Err('\r'),
            't' => Err('\t'),
            same @ ('"' | '\\') => Err(same),
            'u' => Ok(4),
            'U' => Ok(8),
            _ => return None,
        };
        text.push(match digits {
            Err(character) => character,
            Ok(digits) => {
                let code: String = characters.by_ref().take(digits).collect();
                let code = u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == digits)?;
                char::from_u32(code)?
            }
        });
    }
    Some(text)
}

/// A label with escapes for what cannot be seen. `$${` stays as it is written.
fn escaped(label: &str) -> String {
    let mut text = String::with_capacity(label.len());
    for character in label.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '"' | '\\' => text.extend(['\\', character]),
            hidden if !is_printable(hidden) => {
                let code = u32::from(hidden);
                let code = if code > 0xffff { format!("\\U{code:08x}") } else { format!("\\u{code:04x}") };
                text.push_str(&code);
            }
            _ => text.push(character),
        }
    }
    text
}

/// Whether a character behind another can be seen. The standard library knows: it is what `{:?}` prints as it is, in which
/// only at the start of a text accents are escaped as well.
fn is_printable(character: char) -> bool {
    character == '\'' || format!("a{character}").escape_debug().count() == 2
}
