//! Where a name stood first that stands in its block or map again.

use std::ops::Range;

use hcl::edit::Span as _;
use hcl::edit::expr::{Expression, Object, ObjectKey};
use hcl::edit::parser::parse_body;
use hcl::edit::structure::Body;
use hcl::edit::visit::{self, Visit};

use super::mistake::token;

/// The first place of the name that the parser refused at this one. The text is read again with another name there, so
/// this finds nothing when something else is wrong as well.
pub(super) fn first(text: &str, at: usize) -> Option<Range<usize>> {
    let quote = usize::from(text[at..].starts_with('"'));
    let word = at + quote..at + quote + token(&text[at + quote..]);
    let other = "_".repeat(word.len());
    let body = parse_body(&format!("{}{other}{}", &text[..word.start], &text[word.end..])).ok()?;
    let end = word.end + quote;
    let mut search = Search { text, wanted: at..end, found: None };
    search.visit_body(&body);
    search.found
}

struct Search<'a> {
    text: &'a str,
    wanted: Range<usize>,
    found: Option<Range<usize>>,
}

impl Search<'_> {
    fn look(&mut self, names: &[Range<usize>]) {
        if !names.iter().any(|name| name.start == self.wanted.start) {
            return;
        }
        let is_same = |name: &&Range<usize>| {
            name.start < self.wanted.start
                && self.text.get((*name).clone()) == self.text.get(self.wanted.clone())
        };
        self.found = names.iter().find(is_same).cloned();
    }
}

impl Visit for Search<'_> {
    fn visit_body(&mut self, body: &Body) {
        let names: Vec<_> = body.attributes().filter_map(|attribute| attribute.key.span()).collect();
        self.look(&names);
        visit::visit_body(self, body);
    }

    fn visit_object(&mut self, object: &Object) {
        let span = |key: &ObjectKey| match key {
            ObjectKey::Ident(word) => word.span(),
            ObjectKey::Expression(Expression::Variable(word)) => word.span(),
            ObjectKey::Expression(other) => other.span(),
        };
        let names: Vec<_> = object.iter().filter_map(|(key, _)| span(key)).collect();
        self.look(&names);
        visit::visit_object(self, object);
    }
}
