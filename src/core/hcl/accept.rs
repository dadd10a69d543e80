//! What an attribute takes: values of one type, with a message that says what was wanted.

use std::collections::BTreeMap;

use super::access::roots;
use super::value::{Reference, Value};
use crate::diagnostic::{Diagnostic, codes, nearest, suggestion};
use crate::model::{ObjectKind, ValueType, member};
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
    /// What to say about a bare word, perhaps with dots, that means nothing, where this type has a better answer than the evaluator.
    fn unknown_word(_attribute: &str, _word: &str, _span: Span) -> Option<Diagnostic> {
        None
    }

    /// The value in this type; or the finding, without the attribute's name.
    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>>;

    /// The same, for an attribute whose name may say more about what was meant.
    fn accept_as(_attribute: &str, value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        Self::accept(value, span)
    }
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
                let name = reference.feature.as_ref().unwrap_or(&reference.name);
                let help = format!("write `\"{name}\"` if its name is meant");
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
                let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let meant = Self::meant(&text).map(|meant| format!("write `\"{meant}\"`"));
                let help = meant.or_else(|| is_number.then(|| with_unit(&text)));
                let help = help.unwrap_or_else(|| Self::advice(&text));
                Box::new(Diagnostic::error(codes::DURATION, span, error.to_string()).help(help))
            }),
            Value::Number(number) => {
                let help = with_unit(&number.to_string());
                Err(Box::new(wrong(&Value::Number(number), span, "a duration such as `\"7d\"`").help(help)))
            }
            other => Err(wrong(&other, span, "a duration such as `\"7d\"`")),
        }
    }
}

impl Accept for ValueType {
    fn unknown_word(_: &str, word: &str, span: Span) -> Option<Diagnostic> {
        Some(unknown_type(word, span))
    }

    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::Type(value_type) => Ok(value_type),
            Value::String(text) if text.parse::<Self>().is_ok() => {
                let help = format!("write `{text}`, without quotes");
                Err(Box::new(wrong(&Value::String(text), span, "a type").help(help)))
            }
            Value::String(text) => {
                let help = unknown_type(&text, span).help.into_iter().next();
                Err(Box::new(wrong(&Value::String(text), span, "a type, without quotes").maybe_help(help)))
            }
            other => Err(wrong(&other, span, "a type")),
        }
    }
}

impl Accept for Reference {
    fn unknown_word(attribute: &str, word: &str, span: Span) -> Option<Diagnostic> {
        let first = word.split('.').next().unwrap_or_default();
        let reference = reference_in_text(attribute, word).filter(|_| nearest(first, roots()).is_empty())?;
        let message = format!("there is nothing named `{first}`");
        let diagnostic = Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message);
        Some(diagnostic.help(format!("did you mean `{reference}`?")))
    }

    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        match value {
            Value::Reference(reference) => Ok(*reference),
            other => Err(wrong(&other, span, "a reference")),
        }
    }

    fn accept_as(attribute: &str, value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        let help = match &value {
            Value::String(text) => Some(reference_for_text(attribute, text)),
            _ => None,
        };
        Self::accept(value, span).map_err(|diagnostic| Box::new(diagnostic.maybe_help(help)))
    }
}

/// What to write in an attribute that takes references, where text stands.
pub(crate) fn reference_for_text(attribute: &str, text: &str) -> String {
    let reference = reference_in_text(attribute, text);
    let reference = reference.unwrap_or_else(|| format!("{}.NAME", kind_for(attribute)));
    format!("write `{reference}`, without quotes")
}

/// The kind that an attribute mostly refers to.
fn kind_for(attribute: &str) -> ObjectKind {
    match attribute {
        "entities" => ObjectKind::Entity,
        "source" | "batch_source" => ObjectKind::DataSource,
        _ => ObjectKind::FeatureView,
    }
}

/// The reference that a name, or names with dots or colons between them, may stand for.
fn reference_in_text(attribute: &str, text: &str) -> Option<String> {
    let kind = kind_for(attribute);
    let is_name = |part: &&str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let parts: Vec<&str> = text.split([':', '.']).collect();
    let is_kind = |word: &str| word == "module" || ObjectKind::ALL.iter().any(|kind| kind.as_str() == word);
    let joined = |parts: &[&str]| {
        let (first, rest) = parts.split_first()?;
        Some(rest.iter().fold((*first).to_owned(), |text, part| text + &member(part)))
    };
    match parts.as_slice() {
        parts if !parts.iter().all(is_name) => None,
        [first, _, ..] if is_kind(first) => joined(&parts),
        [_] => Some(format!("{kind}.{text}")),
        [_, _] if kind == ObjectKind::FeatureView => Some(format!("{kind}.{}", joined(&parts)?)),
        _ => None,
    }
}

fn with_unit(number: &str) -> String {
    format!("write the unit as well, for example `\"{number}s\"`, `\"{number}h\"` or `\"{number}d\"`")
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
    // Feast's types stand behind the name of their module or class.
    let last = word.rsplit('.').next().unwrap_or(word);
    let help = match last.to_lowercase().as_str() {
        "int" | "integer" | "long" | "bigint" => Some("did you mean `int64` or `int32`?".to_owned()),
        "float" | "double" | "number" | "real" => Some("did you mean `float64` or `float32`?".to_owned()),
        "list" | "array" | "set" => {
            Some("write the type of the elements as well, as in `list(int64)`".to_owned())
        }
        "map" | "struct" | "json" | "dict" | "object" => {
            Some("keep it as a `string`, or write a feature for each of its fields".to_owned())
        }
        "decimal" | "numeric" => {
            Some("write `float64`, or keep it as a `string` where every digit counts".to_owned())
        }
        _ => type_meant(last).map(|meant| format!("did you mean `{meant}`?")).or_else(|| {
            let scalars = ValueType::SCALARS.map(|scalar| scalar.to_string());
            suggestion(last, scalars.iter().map(String::as_str))
        }),
    };
    Diagnostic::error(codes::TYPE, span, format!("`{word}` is not a type")).maybe_help(help)
}

/// The one type that another name for it can mean.
pub(super) fn type_meant(word: &str) -> Option<ValueType> {
    let lower = word.to_lowercase();
    if let Some(element) = lower.strip_suffix("_list") {
        return type_meant(element).map(|element| ValueType::List(Box::new(element)));
    }
    let name = match lower.as_str() {
        // Of Feast's, where `Float64` is `DOUBLE`.
        "float" => "float32",
        "double" => "float64",
        "text" | "str" | "varchar" | "char" | "uuid" => "string",
        "boolean" | "bit" => "bool",
        "binary" | "blob" => "bytes",
        "datetime" | "date" | "time" | "unix_timestamp" | "unixtimestamp" => "timestamp",
        other => other,
    };
    ValueType::SCALARS.into_iter().find(|scalar| scalar.to_string() == name)
}
