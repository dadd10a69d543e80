//! Values of expressions.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization as _;

use crate::model::{ObjectKind, ValueType, member};
use crate::source::Span;

/// What an expression comes to.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Value>),
    /// Values of one type, each once.
    Set(BTreeSet<Value>),
    Map(BTreeMap<String, Value>),
    Reference(Box<Reference>),
    /// A bare word for a type: `int64`, `list(string)`.
    Type(ValueType),
    /// Another bare word that means something: `parquet`, `csv`.
    Word(&'static str),
}

/// Text in the normal form in which HCL compares and counts it (NFC).
pub(crate) fn normalized(text: String) -> String {
    if text.is_ascii() || unicode_normalization::is_nfc(&text) { text } else { text.nfc().collect() }
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

impl Reference {
    /// What it names; where it is written does not count.
    fn identity(&self) -> (ObjectKind, &str, Option<&str>) {
        (self.kind, &self.name, self.feature.as_deref())
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.kind, self.name)?;
        self.feature.as_ref().map_or(Ok(()), |feature| formatter.write_str(&member(feature)))
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

    /// A total order: that of numbers, exact beyond 2^53 too.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Integer(a), Self::Float(b)) => whole_and_float(a, b),
            (Self::Float(a), Self::Integer(b)) => whole_and_float(b, a).reverse(),
            // Zeros of both signs are one number.
            (Self::Float(a), Self::Float(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^63 is exact")]
fn whole_and_float(whole: i64, float: f64) -> Ordering {
    const BEYOND: f64 = i64::MAX as f64;
    if !(-BEYOND..BEYOND).contains(&float) {
        return 0.0_f64.total_cmp(&float);
    }
    let floor = float.floor();
    #[expect(clippy::cast_possible_truncation, reason = "it is within the range, which was looked at")]
    let below = whole.cmp(&(floor as i64));
    below.then_with(|| floor.total_cmp(&float))
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

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the elements of a set, which for truth values, numbers and strings is Terraform's.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.compare(*b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            (Self::Set(a), Self::Set(b)) => a.cmp(b),
            (Self::Map(a), Self::Map(b)) => a.cmp(b),
            (Self::Reference(a), Self::Reference(b)) => a.identity().cmp(&b.identity()),
            (Self::Type(a), Self::Type(b)) => a.to_string().cmp(&b.to_string()),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl Value {
    /// A string of text as it came.
    pub(crate) fn text(text: String) -> Self {
        Self::String(normalized(text))
    }

    /// The place of its kind among the others; null comes last.
    const fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(_) => 1,
            Self::String(_) => 2,
            Self::List(_) => 3,
            Self::Set(_) => 4,
            Self::Map(_) => 5,
            Self::Reference(_) => 6,
            Self::Type(_) => 7,
            Self::Word(_) => 8,
            Self::Null => 9,
        }
    }

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
            Self::Set(_) => "a set".to_owned(),
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

    /// The truth value that it is or, as text, stands for.
    pub(crate) fn to_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::String(text) => match text.as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Every text and number in it that is long enough to be told from others.
    pub(crate) fn texts(&self, found: &mut Vec<String>) {
        match self {
            Self::List(elements) => elements.iter().for_each(|element| element.texts(found)),
            Self::Set(elements) => elements.iter().for_each(|element| element.texts(found)),
            Self::Map(entries) => entries.values().for_each(|value| value.texts(found)),
            other => found.extend(other.to_text().filter(|text| text.len() > 3)),
        }
    }

    /// How much work a copy of it is, in steps.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::String(text) => 1 + text.len() / 32,
            Self::List(elements) => elements.iter().map(Self::weight).sum::<usize>() + 1,
            Self::Set(elements) => elements.iter().map(|element| 4 + element.weight()).sum::<usize>() + 1,
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
            Self::Set(elements) => all(&mut elements.iter().map(Self::size)),
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
            Self::Set(elements) => Json::Array(elements.iter().map(Self::to_json).collect::<Result<_, _>>()?),
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
            Json::String(text) => Self::text(text.clone()),
            Json::Array(elements) => Self::List(elements.iter().map(Self::from_json).collect()),
            Json::Object(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
        }
    }
}
