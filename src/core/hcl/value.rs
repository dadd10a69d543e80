//! Values of expressions.

use std::collections::BTreeMap;

use crate::model::{ObjectKind, ValueType};
use crate::source::Span;

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    Reference(Box<Reference>),
    /// A bare word for a type: `int64`, `list(string)`.
    Type(ValueType),
    /// Another bare word that means something: `parquet`, `csv`.
    Word(&'static str),
}

/// A number: whole ones are exact.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

/// A definition, or a feature of one, named in an expression.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) kind: ObjectKind,
    pub(crate) name: String,
    pub(crate) feature: Option<String>,
    /// Where it is written.
    pub(crate) span: Span,
}

impl PartialEq for Reference {
    /// Where it is written does not count.
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.feature) == (other.kind, &other.name, &other.feature)
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.kind, self.name)?;
        self.feature.as_ref().map_or(Ok(()), |feature| write!(formatter, ".{feature}"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "comparing with a float is what is asked for")]
impl Number {
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    pub(crate) fn as_integer(self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(value),
            Self::Float(value) => whole(value),
        }
    }

    /// The number of a float: a whole one where that is exact.
    pub(crate) fn of(value: f64) -> Self {
        whole(value).map_or(Self::Float(value), Self::Integer)
    }

    pub(crate) fn compare(self, other: Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
fn whole(value: f64) -> Option<i64> {
    // Beyond 2^53 a float stands for a range of whole numbers.
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other).is_eq()
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::Float(value) => write!(formatter, "{value}"),
        }
    }
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => format!("the truth value `{value}`"),
            Self::Number(number) => format!("the number `{number}`"),
            Self::String(text) => {
                let short: String = text.chars().take(40).collect();
                let more = if short.len() < text.len() { "…" } else { "" };
                format!("the string {short:?}{more}")
            }
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Reference(reference) if reference.feature.is_some() => format!("the feature `{reference}`"),
            Self::Reference(reference) => format!("the reference `{reference}`"),
            Self::Type(value_type) => format!("the type `{value_type}`"),
            Self::Word(word) => format!("the word `{word}`"),
        }
    }

    /// The text that stands for it in a template; none where nothing does.
    pub(crate) fn to_text(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::String(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Every text and number in it that is long enough to be told from others.
    pub(crate) fn texts(&self, found: &mut Vec<String>) {
        match self {
            Self::List(elements) => elements.iter().for_each(|element| element.texts(found)),
            Self::Map(entries) => entries.values().for_each(|value| value.texts(found)),
            other => found.extend(other.to_text().filter(|text| text.len() > 3)),
        }
    }

    /// How much work a copy of it is, in steps.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::String(text) => 1 + text.len() / 32,
            Self::List(elements) => elements.iter().map(Self::weight).sum::<usize>() + 1,
            Self::Map(entries) => entries.values().map(|value| 4 + value.weight()).sum::<usize>() + 1,
            _ => 1,
        }
    }

    /// How much there is of it: elements and bytes of text; and how deep it goes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let all = |sizes: &mut dyn Iterator<Item = (usize, usize)>| {
            let (size, depth) =
                sizes.fold((1_usize, 0), |(size, depth), (more, deep)| (size + more, deep.max(depth)));
            (size, depth + 1)
        };
        match self {
            Self::String(text) => (1 + text.len(), 0),
            Self::List(elements) => all(&mut elements.iter().map(Self::size)),
            Self::Map(entries) => all(&mut entries.iter().map(|(key, value)| {
                let (size, depth) = value.size();
                (size + key.len(), depth)
            })),
            _ => (1, 0),
        }
    }

    /// As JSON; the error says what has no JSON form.
    pub(crate) fn to_json(&self) -> Result<serde_json::Value, String> {
        use serde_json::Value as Json;
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(Number::Integer(value)) => Json::from(*value),
            Self::Number(Number::Float(value)) => Json::from(*value),
            Self::String(text) => Json::String(text.clone()),
            Self::List(elements) => {
                Json::Array(elements.iter().map(Self::to_json).collect::<Result<_, _>>()?)
            }
            Self::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), value.to_json()?)))
                    .collect::<Result<_, String>>()?,
            ),
            Self::Reference(_) | Self::Type(_) | Self::Word(_) => return Err(self.kind()),
        })
    }

    /// From JSON.
    pub(crate) fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(
                number
                    .as_i64()
                    .map_or_else(|| Number::of(number.as_f64().unwrap_or(f64::NAN)), Number::Integer),
            ),
            Json::String(text) => Self::String(text.clone()),
            Json::Array(elements) => Self::List(elements.iter().map(Self::from_json).collect()),
            Json::Object(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
        }
    }
}
