//! Types and values of features and join keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// The type of a feature, a join key or a request field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// `bool`
    Bool,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `string`: UTF-8 text
    String,
    /// `bytes`
    Bytes,
    /// `timestamp`: an instant in nanoseconds
    Timestamp,
    /// `list(T)` of one of the scalar types
    List(Box<ValueType>),
}

impl ValueType {
    /// The scalar types, in the order in which docs and errors list them.
    pub const SCALARS: [Self; 8] = [
        Self::Bool,
        Self::Int32,
        Self::Int64,
        Self::Float32,
        Self::Float64,
        Self::String,
        Self::Bytes,
        Self::Timestamp,
    ];

    /// Whether every value of `self` is exactly a value of `wider`: int32 → int64 and float32 → float64, and the same
    /// for the elements of lists. A type is no widening of itself.
    pub fn widens_to(&self, wider: &Self) -> bool {
        match (self, wider) {
            (Self::Int32, Self::Int64) | (Self::Float32, Self::Float64) => true,
            (Self::List(from), Self::List(to)) => from.widens_to(to),
            _ => false,
        }
    }

    /// Whether an entity may have this type: all scalars but the floats.
    pub fn is_key(&self) -> bool {
        !matches!(self, Self::Float32 | Self::Float64 | Self::List(_))
    }
}

impl ValueType {
    /// The name of a scalar type.
    const fn scalar_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::List(_) => return None,
        })
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.scalar_name()) {
            (Self::List(element), _) => write!(formatter, "list({element})"),
            (_, name) => formatter.write_str(name.unwrap_or_default()),
        }
    }
}

/// Text that is no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a type")]
pub struct ValueTypeError(String);

impl FromStr for ValueType {
    type Err = ValueTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scalar = |name: &str| Self::SCALARS.into_iter().find(|scalar| scalar.scalar_name() == Some(name));
        text.strip_prefix("list(")
            .and_then(|rest| rest.strip_suffix(')'))
            .map_or_else(
                || scalar(text),
                |element| scalar(element).map(|element| Self::List(Box::new(element))),
            )
            .ok_or_else(|| ValueTypeError(text.to_owned()))
    }
}

impl Serialize for ValueType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ValueType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One value that is not null. Floats compare by their bits, so NaN equals itself.
#[derive(Clone, Debug)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A 32-bit integer.
    Int32(i32),
    /// A 64-bit integer.
    Int64(i64),
    /// A 32-bit float.
    Float32(f32),
    /// A 64-bit float.
    Float64(f64),
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An instant.
    Timestamp(Timestamp),
    /// Elements of one scalar type; `None` is a null element.
    List(Vec<Option<Value>>),
}

impl Value {
    /// The same value as the wider type, or itself when it has that type; `None` when that is no widening (see
    /// [`ValueType::widens_to`]).
    pub fn widen_to(self, wider: &ValueType) -> Option<Self> {
        Some(match (self, wider) {
            (Self::Int32(value), ValueType::Int64) => Self::Int64(i64::from(value)),
            (Self::Float32(value), ValueType::Float64) => Self::Float64(f64::from(value)),
            (Self::List(values), ValueType::List(element)) => Self::List(
                values
                    .into_iter()
                    .map(|value| value.map_or(Some(None), |value| value.widen_to(element).map(Some)))
                    .collect::<Option<_>>()?,
            ),
            (value, wider) if value.has_type(wider) => value,
            _ => return None,
        })
    }

    /// Whether this is a value of that type.
    pub fn has_type(&self, value_type: &ValueType) -> bool {
        match (self, value_type) {
            (Self::Bool(_), ValueType::Bool)
            | (Self::Int32(_), ValueType::Int32)
            | (Self::Int64(_), ValueType::Int64)
            | (Self::Float32(_), ValueType::Float32)
            | (Self::Float64(_), ValueType::Float64)
            | (Self::String(_), ValueType::String)
            | (Self::Bytes(_), ValueType::Bytes)
            | (Self::Timestamp(_), ValueType::Timestamp) => true,
            (Self::List(values), ValueType::List(element)) => {
                values.iter().flatten().all(|value| value.has_type(element))
            }
            _ => false,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int32(a), Self::Int32(b)) => a == b,
            (Self::Int64(a), Self::Int64(b)) => a == b,
            (Self::Float32(a), Self::Float32(b)) => a.to_bits() == b.to_bits(),
            (Self::Float64(a), Self::Float64(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}
