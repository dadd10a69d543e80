//! The JSON form of definitions, as HCL maps it: an object's keys are attributes and blocks, labels are objects in between,
//! `"//"` is a comment, strings are templates. Where a reference, a type or an expression belongs, a string is one. The
//! result is the tree that HCL text gives, so that nothing else knows of this form.

use super::parse::{parse_expression_at, parse_template_at};
use super::tree::{Attribute, Block, Body, Expression, ExpressionKind, Name};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::{SourceId, Span};

/// Blocks at the top, with the number of their labels.
const TOP: [(&str, usize); 11] = [
    ("variable", 1),
    ("locals", 0),
    ("module", 1),
    ("moved", 0),
    ("removed", 0),
    ("allow", 1),
    ("entity", 1),
    ("data_source", 2),
    ("feature_view", 1),
    ("on_demand_feature_view", 1),
    ("feature_service", 1),
];

/// Blocks in these.
const INNER: [(&str, usize); 7] = [
    ("feature", 1),
    ("field", 1),
    ("use", 1),
    ("consumer", 1),
    ("lifecycle", 0),
    ("materialization", 0),
    ("validation", 0),
];

/// Attributes whose strings are expressions.
const EXPRESSIONS: [&str; 14] = [
    "type",
    "value_type",
    "format",
    "entities",
    "source",
    "sources",
    "batch_source",
    "features",
    "view",
    "expression",
    "from",
    "to",
    "on",
    "condition",
];

/// Values deeper than this are refused.
const DEPTH_LIMIT: usize = 64;

/// The tree of a file.
pub(crate) fn parse_json(source: SourceId, text: &str) -> Result<Body, Box<Diagnostic>> {
    let mut parser = Parser { source, text, at: 0 };
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.error(parser.at, "there is something after the end of the document"));
    }
    let Data::Object(entries) = value.data else {
        return Err(syntax(value.span, "a file of definitions is an object"));
    };
    let mut body = Body::default();
    for (key, value) in entries.into_iter().filter(|(key, _)| key.text != "//") {
        match TOP.iter().find(|(kind, _)| *kind == key.text) {
            Some((_, labels)) => blocks(&key, value, *labels, &mut Vec::new(), &mut body.blocks)?,
            // Not a block that there is: the reader of blocks says so.
            None => blocks(&key, value, 0, &mut Vec::new(), &mut body.blocks)?,
        }
    }
    Ok(body)
}

fn syntax(span: Span, message: impl Into<String>) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(codes::SYNTAX, span, message))
}

/// Blocks of one type: the value is an object, or a list of objects, with an object for each label around them.
fn blocks(
    kind: &Name,
    value: Json,
    labels: usize,
    outer: &mut Vec<Name>,
    found: &mut Vec<Block>,
) -> Result<(), Box<Diagnostic>> {
    match value.data {
        Data::Array(elements) => {
            for element in elements {
                blocks(kind, element, labels, outer, found)?;
            }
            Ok(())
        }
        Data::Object(entries) if outer.len() < labels => {
            for (label, value) in entries.into_iter().filter(|(label, _)| label.text != "//") {
                outer.push(label);
                blocks(kind, value, labels, outer, found)?;
                outer.pop();
            }
            Ok(())
        }
        Data::Object(entries) => {
            found.push(Block { kind: kind.clone(), labels: outer.clone(), body: body(&kind.text, entries)? });
            Ok(())
        }
        _ => Err(syntax(value.span, format!("a block `{}` is an object", kind.text))),
    }
}

fn body(kind: &str, entries: Vec<(Name, Json)>) -> Result<Body, Box<Diagnostic>> {
    let mut body = Body::default();
    for (key, value) in entries.into_iter().filter(|(key, _)| key.text != "//") {
        let inner = INNER.iter().find(|(block, _)| *block == key.text && takes_blocks(kind));
        if let Some((_, labels)) = inner {
            blocks(&key, value, *labels, &mut Vec::new(), &mut body.blocks)?;
        } else {
            let text = Text::of(kind, &key.text);
            body.attributes.push(Attribute { value: value.expression(text)?, key });
        }
    }
    Ok(body)
}

/// Blocks whose keys are names of variables or values have no blocks inside.
fn takes_blocks(kind: &str) -> bool {
    !matches!(kind, "locals" | "module")
}

/// What a string of an attribute is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Template,
    Expression,
    /// A value as it is: defaults of variables hold no templates.
    Literal,
}

impl Text {
    fn of(kind: &str, attribute: &str) -> Self {
        match (kind, attribute) {
            ("variable", "default") | ("module", "source") => Self::Literal,
            // A `use` block names features by text.
            ("locals" | "module", _) | ("use", "features") => Self::Template,
            (_, name) if EXPRESSIONS.contains(&name) => Self::Expression,
            _ => Self::Template,
        }
    }
}

/// A JSON value with its place.
struct Json {
    span: Span,
    data: Data,
}

enum Data {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(Name, Json)>),
}

impl Json {
    fn expression(self, text: Text) -> Result<Expression, Box<Diagnostic>> {
        let span = self.span;
        let kind = match self.data {
            Data::Null => ExpressionKind::Null,
            Data::Bool(value) => ExpressionKind::Bool(value),
            Data::Integer(value) => ExpressionKind::Integer(value),
            Data::Float(value) => ExpressionKind::Float(value),
            Data::String(value) => return string(value, span, text),
            Data::Array(elements) => {
                let elements = elements.into_iter().map(|element| element.expression(text));
                ExpressionKind::List(elements.collect::<Result<_, _>>()?)
            }
            Data::Object(entries) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    let key = Expression { span: key.span, kind: ExpressionKind::String(key.text.into()) };
                    Ok((key, value.expression(if text == Text::Expression { Text::Template } else { text })?))
                });
                ExpressionKind::Map(entries.collect::<Result<_, Box<Diagnostic>>>()?)
            }
        };
        Ok(Expression { span, kind })
    }
}

fn string(value: String, span: Span, text: Text) -> Result<Expression, Box<Diagnostic>> {
    // After the opening quote; with escapes before it a place is off by their length.
    let start = span.start as usize + 1;
    let is_template = ["${", "%{"].iter().any(|open| value.contains(open));
    match text {
        Text::Literal => Ok(Expression { span, kind: ExpressionKind::String(value) }),
        Text::Expression if !value.starts_with("${") => parse_expression_at(span.source, &value, start),
        Text::Expression | Text::Template if is_template => parse_template_at(span.source, &value, start),
        Text::Expression | Text::Template => Ok(Expression { span, kind: ExpressionKind::String(value) }),
    }
}

struct Parser<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn error(&self, at: usize, message: &str) -> Box<Diagnostic> {
        let at = at.min(self.text.len());
        let width = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        syntax(Span::new(self.source, at..at + width), message)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        if self.at == 0 && self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, Box<Diagnostic>> {
        self.skip_space();
        let start = self.at;
        if depth > DEPTH_LIMIT {
            let message = format!("values go more than {DEPTH_LIMIT} deep");
            let diagnostic =
                Diagnostic::error(codes::LIMIT, Span::new(self.source, start..start + 1), message);
            return Err(Box::new(diagnostic));
        }
        let data = match self.rest().chars().next() {
            Some('{') => Data::Object(self.object(depth)?),
            Some('[') => Data::Array(self.array(depth)?),
            Some('"') => Data::String(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            _ if self.take("true") => Data::Bool(true),
            _ if self.take("false") => Data::Bool(false),
            _ if self.take("null") => Data::Null,
            _ => return Err(self.error(start, "expected a JSON value")),
        };
        Ok(Json { span: Span::new(self.source, start..self.at), data })
    }

    fn object(&mut self, depth: usize) -> Result<Vec<(Name, Json)>, Box<Diagnostic>> {
        self.at += 1;
        let mut entries = Vec::new();
        self.skip_space();
        if self.take("}") {
            return Ok(entries);
        }
        loop {
            self.skip_space();
            let start = self.at;
            if !self.rest().starts_with('"') {
                return Err(self.error(start, "expected a key in quotes"));
            }
            let text = self.string()?;
            let key = Name { text: text.into(), span: Span::new(self.source, start..self.at) };
            self.skip_space();
            if !self.take(":") {
                return Err(self.error(self.at, "expected `:` after the key"));
            }
            entries.push((key, self.value(depth + 1)?));
            self.skip_space();
            if self.take("}") {
                return Ok(entries);
            }
            if !self.take(",") {
                return Err(self.error(self.at, "expected `,` or `}`"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Json>, Box<Diagnostic>> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.take("]") {
            return Ok(elements);
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take("]") {
                return Ok(elements);
            }
            if !self.take(",") {
                return Err(self.error(self.at, "expected `,` or `]`"));
            }
        }
    }

    /// The library decodes escapes; here the end of the string is found.
    fn string(&mut self) -> Result<String, Box<Diagnostic>> {
        let start = self.at;
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find_map(|(at, character)| {
            if character == '\n' {
                return Some(Err(()));
            }
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends.then_some(Ok(at + 1))
        });
        let Some(Ok(length)) = end else { return Err(self.error(start, "this string is not closed")) };
        let raw = &self.rest()[..length];
        let text = serde_json::from_str(raw).map_err(|_| {
            self.error(start, "this string holds an escape or a character that JSON does not have")
        })?;
        self.at += length;
        Ok(text)
    }

    fn number(&mut self) -> Result<Data, Box<Diagnostic>> {
        let rest = self.rest();
        let end = rest.find(|one: char| !matches!(one, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let raw = &rest[..end.unwrap_or(rest.len())];
        let number: serde_json::Number =
            serde_json::from_str(raw).map_err(|_| self.error(self.at, "this is no number"))?;
        self.at += raw.len();
        Ok(match number.as_i64() {
            Some(value) => Data::Integer(value),
            None => Data::Float(number.as_f64().unwrap_or(f64::NAN)),
        })
    }
}
