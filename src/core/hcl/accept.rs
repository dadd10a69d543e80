//! What an attribute takes: values of one type, with a message that says what was wanted.

use std::collections::BTreeMap;

use super::value::{Reference, Value};
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::model::ValueType;
use crate::source::Span;
use crate::time::Duration;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A type of attributes.
pub(crate) trait Accept: Sized {
    /// What to say about a bare word that means nothing, where this type has a better answer than the evaluator.
    fn unknown_word(_word: &str, _span: Span) -> Option<Diagnostic> {
        None
    }

    /// The value in this type; or the finding, without the attribute's name.
    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>>;
}

fn wrong(value: &Value, span: Span, wanted: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(codes::WRONG_TYPE, span, format!("expected {wanted}, found {}", value.kind())))
}

impl Accept for Value {
    fn accept(value: Value, _: Span) -> Result<Self, Box<Diagnostic>> {
        Ok(value)
    }
}

impl Accept for String {
    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::String(text) => Ok(text),
            Value::Reference(reference) => {
                let help = format!("write `\"{}\"` if its name is meant", reference.name);
                Err(Box::new(wrong(&Value::Reference(reference), span, "a string").help(help)))
            }
            other @ (Value::Number(_) | Value::Bool(_)) => {
                let help = format!("write `\"{}\"`", other.to_text().unwrap_or_default());
                Err(Box::new(wrong(&other, span, "a string").help(help)))
            }
            other => Err(wrong(&other, span, "a string")),
        }
    }
}

impl Accept for bool {
    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::Bool(value) => Ok(value),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            other => Err(wrong(&other, span, "`true` or `false`")),
        }
    }
}

impl Accept for Duration {
    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::String(text) => text.parse().map_err(|error: crate::time::DurationError| {
                Box::new(Diagnostic::error(codes::DURATION, span, error.to_string()))
            }),
            Value::Number(number) => {
                let help = format!("write the unit as well, for example `\"{number}s\"`");
                Err(Box::new(wrong(&Value::Number(number), span, "a duration such as `\"7d\"`").help(help)))
            }
            other => Err(wrong(&other, span, "a duration such as `\"7d\"`")),
        }
    }
}

impl Accept for ValueType {
    fn unknown_word(word: &str, span: Span) -> Option<Diagnostic> {
        Some(unknown_type(word, span))
    }

    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::Type(value_type) => Ok(value_type),
            Value::String(text) if text.parse::<Self>().is_ok() => {
                let help = format!("write `{text}`, without quotes");
                Err(Box::new(wrong(&Value::String(text), span, "a type").help(help)))
            }
            other => Err(wrong(&other, span, "a type")),
        }
    }
}

impl Accept for Reference {
    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::Reference(reference) => Ok(*reference),
            Value::String(text) => {
                let diagnostic = wrong(&Value::String(text), span, "a reference");
                Err(Box::new(diagnostic.help("a reference is written without quotes, as `entity.NAME`")))
            }
            other => Err(wrong(&other, span, "a reference")),
        }
    }
}

/// A map of texts; numbers and truth values become text.
impl Accept for BTreeMap<String, String> {
    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| match value.to_text() {
                    Some(text) => Ok((key, text)),
                    None => Err(wrong(&value, span, &format!("a string for `{key}`"))),
                })
                .collect(),
            other => Err(wrong(&other, span, "a map of strings")),
        }
    }
}

/// A word where a type belongs, and that is none.
pub(super) fn unknown_type(word: &str, span: Span) -> Diagnostic {
    let help = match word.to_lowercase().as_str() {
        "int" | "integer" | "long" | "bigint" => Some("did you mean `int64` or `int32`?".to_owned()),
        "float" | "double" | "number" | "real" => Some("did you mean `float64` or `float32`?".to_owned()),
        "text" | "str" | "varchar" => Some("did you mean `string`?".to_owned()),
        "boolean" => Some("did you mean `bool`?".to_owned()),
        "datetime" | "date" | "time" | "unix_timestamp" => Some("did you mean `timestamp`?".to_owned()),
        "list" | "array" => Some("write the type of the elements as well, as in `list(int64)`".to_owned()),
        _ => {
            let scalars = ValueType::SCALARS.map(|scalar| scalar.to_string());
            suggestion(word, scalars.iter().map(String::as_str))
        }
    };
    Diagnostic::error(codes::TYPE, span, format!("`{word}` is not a type")).maybe_help(help)
}
