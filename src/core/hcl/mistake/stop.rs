//! Where the parser stopped, and what it says there, in other words.

use std::borrow::Cow;

use hcl::edit::parser;

use super::token;

/// Whether a line begins with the word of the heredoc that begins before this place, in other letters or with more behind it.
pub(in crate::hcl) fn closes_nearly(text: &str, begins: usize) -> bool {
    let word = &text[text[..begins].rfind(['<', '-']).map_or(begins, |at| at + 1)..begins];
    let word = word.trim().to_lowercase();
    let is_part = |next: char| next.is_alphanumeric() || next == '_';
    let is_near = |line: &str| {
        let line = line.trim().to_lowercase();
        line.strip_prefix(&word).is_some_and(|rest| !rest.starts_with(is_part))
    };
    !word.is_empty() && text[begins..].lines().skip(1).any(is_near)
}

/// Whether the parser went back to the beginning of an attribute.
pub(in crate::hcl) fn starts_attribute(said: &str, rest: &str) -> bool {
    let is_name = |next: char| next.is_alphanumeric() || matches!(next, '_' | '-');
    let behind = rest.trim_start_matches(is_name);
    said.starts_with("invalid block body")
        && behind.len() < rest.len()
        && behind.trim_start().starts_with('=')
}

/// Where in an attribute of one line it stumbled, where it went back to its beginning.
pub(in crate::hcl) fn inside_of_attribute<'s>(text: &str, at: usize, said: &'s str) -> (usize, Cow<'s, str>) {
    let line = text[at..].lines().next().unwrap_or_default();
    let before = text[..at].lines().next_back().filter(|_| !text[..at].ends_with('\n')).unwrap_or_default();
    let is_first = before.trim().is_empty() || before.trim_end().ends_with('{');
    let went_back = is_first && starts_attribute(said, &text[at..]);
    if let (true, Some(sign)) = (went_back, line.find('=')) {
        let value = line[sign + 1..].trim_start();
        if let Err(error) = parser::parse_expr(value) {
            let mut stopped = error.location().offset().min(value.len());
            while !value.is_char_boundary(stopped) {
                stopped -= 1;
            }
            let rest = value[stopped..].trim_start();
            return (at + line.len() - rest.len(), "expected newline or eof".into());
        }
    }
    (at, said.into())
}

/// What the parser says, in words of the language, and what to do.
pub(in crate::hcl) fn plainly(said: &str, rest: &str) -> (String, Option<&'static str>) {
    let found = rest.chars().next().filter(|next| !next.is_whitespace());
    let found = found.map_or_else(String::new, |_| format!(", found `{}`", &rest[..token(rest)]));
    match said {
        "" => ("this is no HCL".to_owned(), None),
        said if said.starts_with("invalid expression") => (format!("expected an expression{found}"), None),
        said if said.starts_with("invalid block body") => (
            format!("expected an attribute or a block{found}"),
            Some("a line begins with a name: `name = value`, or `name \"label\" { … }`"),
        ),
        said if said.starts_with("invalid structure") => (
            format!("expected `=` or `{{`{found}"),
            Some("an attribute is written `name = value`, a block `name \"label\" { … }`"),
        ),
        said if said.starts_with("expected newline") => (
            format!("expected the end of the line{found}"),
            Some(
                "a value is one expression: a text has `\"` around it, and between two values stands an operator",
            ),
        ),
        said => (said.replace('\n', "; "), None),
    }
}
