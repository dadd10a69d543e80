//! Arrow columns as the vectors that expressions work on, and values back as Arrow columns.

use arrow::array::ArrayBuilder;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder,
    Int64Builder, ListBuilder, StringBuilder, TimestampNanosecondBuilder, make_builder,
};
use arrow::datatypes::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType,
};
use provender_core::expression::Vector;
use provender_core::model::{Value, ValueType};
use provender_core::time::Timestamp;

use super::data_type;
use crate::{Error, ErrorKind, Result};

/// A column of a declared type as a vector. The column must have [`data_type`]'s type.
///
/// # Errors
/// It has another type: a bug of the caller.
pub fn vector(value_type: &ValueType, column: &ArrayRef) -> Result<Vector> {
    let wrong =
        || Error::new(ErrorKind::Bug, format!("a column of {value_type} came as {}", column.data_type()));
    if *column.data_type() != data_type(value_type) {
        return Err(wrong());
    }
    fn numbers<T: ArrowPrimitiveType>(column: &ArrayRef) -> impl Iterator<Item = Option<T::Native>> {
        column.as_primitive::<T>().iter()
    }
    Ok(match value_type {
        ValueType::Int32 => {
            Vector::of_integers(numbers::<Int32Type>(column).map(|value| value.map(i64::from)))
        }
        ValueType::Int64 => Vector::of_integers(numbers::<Int64Type>(column)),
        ValueType::Float32 => {
            Vector::of_floats(numbers::<Float32Type>(column).map(|value| value.map(f64::from)))
        }
        ValueType::Float64 => Vector::of_floats(numbers::<Float64Type>(column)),
        other => Vector::of_values(other, values(other, column).into_iter()),
    })
}

/// The values of a column that has the declared type.
pub(crate) fn values(value_type: &ValueType, column: &ArrayRef) -> Vec<Option<Value>> {
    match value_type {
        ValueType::Bool => column.as_boolean().iter().map(|value| value.map(Value::Bool)).collect(),
        ValueType::Int32 => {
            column.as_primitive::<Int32Type>().iter().map(|value| value.map(Value::Int32)).collect()
        }
        ValueType::Int64 => {
            column.as_primitive::<Int64Type>().iter().map(|value| value.map(Value::Int64)).collect()
        }
        ValueType::Float32 => {
            column.as_primitive::<Float32Type>().iter().map(|value| value.map(Value::Float32)).collect()
        }
        ValueType::Float64 => {
            column.as_primitive::<Float64Type>().iter().map(|value| value.map(Value::Float64)).collect()
        }
        ValueType::String => column
            .as_string::<i32>()
            .iter()
            .map(|value| value.map(|text| Value::String(text.to_owned())))
            .collect(),
        ValueType::Bytes => column
            .as_binary::<i32>()
            .iter()
            .map(|value| value.map(|bytes| Value::Bytes(bytes.to_vec())))
            .collect(),
        ValueType::Timestamp => column
            .as_primitive::<TimestampNanosecondType>()
            .iter()
            .map(|value| value.map(|nanos| Value::Timestamp(Timestamp::from_nanos(nanos))))
            .collect(),
        ValueType::List(element) => column
            .as_list::<i32>()
            .iter()
            .map(|list| list.map(|list| Value::List(values(element, &list))))
            .collect(),
    }
}

/// Values of a declared type as a column.
///
/// # Errors
/// A value has another type: a bug of the caller.
pub fn column(value_type: &ValueType, values: &[Option<Value>]) -> Result<ArrayRef> {
    let mut builder = make_builder(&data_type(value_type), values.len());
    for value in values {
        append(builder.as_mut(), value_type, value.as_ref())
            .ok_or_else(|| Error::new(ErrorKind::Bug, format!("a value is no {value_type}: {value:?}")))?;
    }
    Ok(builder.finish())
}

fn append(builder: &mut dyn ArrayBuilder, value_type: &ValueType, value: Option<&Value>) -> Option<()> {
    macro_rules! plain {
        ($builder:ty, $variant:path, $value:ident => $appended:expr) => {{
            let builder = builder.as_any_mut().downcast_mut::<$builder>()?;
            match value {
                None => builder.append_null(),
                Some($variant($value)) => builder.append_value($appended),
                Some(_) => return None,
            }
        }};
    }
    match value_type {
        ValueType::Bool => plain!(BooleanBuilder, Value::Bool, value => *value),
        ValueType::Int32 => plain!(Int32Builder, Value::Int32, value => *value),
        ValueType::Int64 => plain!(Int64Builder, Value::Int64, value => *value),
        ValueType::Float32 => plain!(Float32Builder, Value::Float32, value => *value),
        ValueType::Float64 => plain!(Float64Builder, Value::Float64, value => *value),
        ValueType::String => plain!(StringBuilder, Value::String, value => value),
        ValueType::Bytes => plain!(BinaryBuilder, Value::Bytes, value => value),
        ValueType::Timestamp => {
            plain!(TimestampNanosecondBuilder, Value::Timestamp, value => value.as_nanos())
        }
        ValueType::List(element) => {
            let builder = builder.as_any_mut().downcast_mut::<ListBuilder<Box<dyn ArrayBuilder>>>()?;
            match value {
                None => builder.append_null(),
                Some(Value::List(values)) => {
                    for value in values {
                        append(builder.values().as_mut(), element, value.as_ref())?;
                    }
                    builder.append(true);
                }
                Some(_) => return None,
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let list = ValueType::List(Box::new(ValueType::Float32));
        let cases = [
            (ValueType::Bool, vec![Some(Value::Bool(true)), None]),
            (ValueType::Int32, vec![Some(Value::Int32(-1)), None]),
            (ValueType::Int64, vec![None, Some(Value::Int64(i64::MAX))]),
            (ValueType::Float32, vec![Some(Value::Float32(0.1)), None]),
            (ValueType::Float64, vec![Some(Value::Float64(f64::NAN)), None]),
            (ValueType::String, vec![Some(Value::String("é".to_owned())), None]),
            (ValueType::Bytes, vec![Some(Value::Bytes(vec![0, 255])), None]),
            (ValueType::Timestamp, vec![Some(Value::Timestamp(Timestamp::from_nanos(7))), None]),
            (
                list,
                vec![
                    Some(Value::List(vec![Some(Value::Float32(1.5)), None])),
                    None,
                    Some(Value::List(vec![])),
                ],
            ),
        ];
        for (value_type, expected) in cases {
            let array = column(&value_type, &expected).unwrap();
            assert_eq!(*array.data_type(), data_type(&value_type));
            assert_eq!(values(&value_type, &array), expected);
            let found = vector(&value_type, &array).unwrap();
            // NaN is not equal to itself.
            assert_eq!(
                format!("{found:?}"),
                format!("{:?}", Vector::of_values(&value_type, expected.into_iter()))
            );
        }
        let other = column(&ValueType::Int64, &[None]).unwrap();
        assert!(vector(&ValueType::Int32, &other).is_err());
    }
}
