//! Values inside of an evaluation: integers are 64 bits wide, floats too, whatever their columns declare.

use std::sync::Arc;

use crate::model::{Value, ValueType};
use crate::time::Timestamp;

/// What a value is, in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The literal `null`, which fits everywhere.
    Null,
    Bool,
    Integer,
    Float,
    Text,
    Bytes,
    Time,
    List(Box<Kind>),
}

impl Kind {
    pub(super) fn of(value_type: &ValueType) -> Self {
        match value_type {
            ValueType::Bool => Self::Bool,
            ValueType::Int32 | ValueType::Int64 => Self::Integer,
            ValueType::Float32 | ValueType::Float64 => Self::Float,
            ValueType::String => Self::Text,
            ValueType::Bytes => Self::Bytes,
            ValueType::Timestamp => Self::Time,
            ValueType::List(element) => Self::List(Box::new(Self::of(element))),
        }
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool => "a truth value".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::Float => "a number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::Time => "a time".to_owned(),
            Self::List(_) => "a list".to_owned(),
        }
    }
}

/// One value that is not null.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Datum {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// Nanoseconds since 1970.
    Time(i64),
    List(Arc<[Option<Datum>]>),
}

impl Datum {
    pub(super) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    fn of(value: Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::Int32(value) => Self::Integer(i64::from(value)),
            Value::Int64(value) => Self::Integer(value),
            Value::Float32(value) => Self::Float(f64::from(value)),
            Value::Float64(value) => Self::Float(value),
            Value::String(text) => Self::Text(text.into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Timestamp(time) => Self::Time(time.as_nanos()),
            Value::List(values) => Self::List(values.into_iter().map(|value| value.map(Self::of)).collect()),
        }
    }

    /// The value in a declared type; none where it does not fit.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to float32 is what is asked for, overflow is checked"
    )]
    pub(super) fn into_value(self, value_type: &ValueType) -> Option<Value> {
        Some(match (self, value_type) {
            (Self::Bool(value), ValueType::Bool) => Value::Bool(value),
            (Self::Integer(value), ValueType::Int32) => Value::Int32(i32::try_from(value).ok()?),
            (Self::Integer(value), ValueType::Int64) => Value::Int64(value),
            (Self::Float(value), ValueType::Float64) => Value::Float64(value),
            (Self::Float(value), ValueType::Float32) => {
                let rounded = value as f32;
                if rounded.is_infinite() && value.is_finite() {
                    return None;
                }
                Value::Float32(rounded)
            }
            (Self::Text(text), ValueType::String) => Value::String(text.as_ref().to_owned()),
            (Self::Bytes(bytes), ValueType::Bytes) => Value::Bytes(bytes.to_vec()),
            (Self::Time(nanos), ValueType::Timestamp) => Value::Timestamp(Timestamp::from_nanos(nanos)),
            (Self::List(values), ValueType::List(element)) => Value::List(
                values
                    .iter()
                    .map(|value| match value {
                        None => Some(None),
                        Some(value) => value.clone().into_value(element).map(Some),
                    })
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        })
    }
}

/// A column of values, each of which may be null.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector(pub(super) Cells);

/// The columns that arithmetic works on go without boxes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cells {
    Bool(Vec<Option<bool>>),
    Integer(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    Other(Vec<Option<Datum>>),
}

impl Vector {
    /// A column of values of one type.
    pub fn of_values(value_type: &ValueType, values: impl Iterator<Item = Option<Value>>) -> Self {
        Self::of_data(&Kind::of(value_type), values.map(|value| value.map(Datum::of)))
    }

    /// A column of numbers.
    pub fn of_floats(values: impl Iterator<Item = Option<f64>>) -> Self {
        Self(Cells::Float(values.collect()))
    }

    /// A column of whole numbers.
    pub fn of_integers(values: impl Iterator<Item = Option<i64>>) -> Self {
        Self(Cells::Integer(values.collect()))
    }

    pub(super) fn of_data(kind: &Kind, values: impl Iterator<Item = Option<Datum>>) -> Self {
        Self(match kind {
            Kind::Bool => Cells::Bool(
                values
                    .map(|value| if let Some(Datum::Bool(value)) = value { Some(value) } else { None })
                    .collect(),
            ),
            Kind::Integer => Cells::Integer(
                values
                    .map(|value| if let Some(Datum::Integer(value)) = value { Some(value) } else { None })
                    .collect(),
            ),
            Kind::Float => Cells::Float(
                values
                    .map(|value| if let Some(Datum::Float(value)) = value { Some(value) } else { None })
                    .collect(),
            ),
            _ => Cells::Other(values.collect()),
        })
    }

    pub(super) fn get(&self, row: usize) -> Option<Datum> {
        match &self.0 {
            Cells::Bool(values) => values.get(row).copied().flatten().map(Datum::Bool),
            Cells::Integer(values) => values.get(row).copied().flatten().map(Datum::Integer),
            Cells::Float(values) => values.get(row).copied().flatten().map(Datum::Float),
            Cells::Other(values) => values.get(row).cloned().flatten(),
        }
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        match &self.0 {
            Cells::Bool(values) => values.get(row).is_none_or(Option::is_none),
            Cells::Integer(values) => values.get(row).is_none_or(Option::is_none),
            Cells::Float(values) => values.get(row).is_none_or(Option::is_none),
            Cells::Other(values) => values.get(row).is_none_or(Option::is_none),
        }
    }

    /// The values of these rows, in this order.
    pub(super) fn take(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
            rows.iter().map(|row| values.get(*row).cloned().flatten()).collect()
        }
        Self(match &self.0 {
            Cells::Bool(values) => Cells::Bool(pick(values, rows)),
            Cells::Integer(values) => Cells::Integer(pick(values, rows)),
            Cells::Float(values) => Cells::Float(pick(values, rows)),
            Cells::Other(values) => Cells::Other(pick(values, rows)),
        })
    }
}
