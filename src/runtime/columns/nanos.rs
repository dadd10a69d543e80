//! Times of every kind to 64-bit nanoseconds since the epoch.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use provender_core::model::TimestampUnit;
use provender_core::time::Timestamp;

use super::CellError;

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// Whether a column of this type holds times: a timestamp, a date, or, where a unit is given, an integer.
pub fn is_time(data_type: &DataType, unit: Option<TimestampUnit>) -> bool {
    match data_type {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null => true,
        DataType::Dictionary(_, values) => is_time(values, unit),
        other => unit.is_some() && other.is_integer(),
    }
}

/// Times in nanoseconds since the epoch: timestamps of any unit (without a zone they are UTC), dates (their midnight),
/// integers of the given unit, and text that [`Timestamp`] parses. Null stays null.
///
/// # Errors
/// A time outside the years 1677 to 2262, text that is no time, or (without a row) a column that holds no times.
pub fn to_nanos(array: &ArrayRef, unit: Option<TimestampUnit>) -> Result<Int64Array, CellError> {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => scale::<TimestampSecondType>(array, 1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => scale::<TimestampMillisecondType>(array, 1_000_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => scale::<TimestampMicrosecondType>(array, 1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => scale::<TimestampNanosecondType>(array, 1),
        DataType::Date32 => scale::<Date32Type>(array, NANOS_PER_DAY),
        DataType::Date64 => scale::<Date64Type>(array, 1_000_000),
        DataType::Null => Ok(Int64Array::new_null(array.len())),
        DataType::Dictionary(_, values) => {
            let plain = arrow_cast(array, values).map_err(|error| CellError::column(error.to_string()))?;
            to_nanos(&plain, unit)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => from_text(array, unit),
        other if other.is_integer() => {
            let Some(unit) = unit else {
                return Err(CellError::column(format!(
                    "holds {other} numbers, and no `timestamp_unit` says what they count"
                )));
            };
            let numbers = super::cast(array, &DataType::Int64)?;
            scale::<Int64Type>(&numbers, nanos_per(unit))
        }
        other => Err(CellError::column(format!("holds {other}, which is no time"))),
    }
}

/// Nanoseconds of one of a unit.
pub const fn nanos_per(unit: TimestampUnit) -> i64 {
    match unit {
        TimestampUnit::Second => 1_000_000_000,
        TimestampUnit::Millisecond => 1_000_000,
        TimestampUnit::Microsecond => 1_000,
        TimestampUnit::Nanosecond => 1,
    }
}

fn scale<T: ArrowPrimitiveType>(array: &ArrayRef, factor: i64) -> Result<Int64Array, CellError>
where
    T::Native: Into<i64>,
{
    let times: &PrimitiveArray<T> = array.as_primitive();
    if factor == 1 {
        return Ok(times.unary(Into::into));
    }
    let mut nanos = Vec::with_capacity(times.len());
    for (row, time) in times.values().iter().enumerate() {
        let time: i64 = (*time).into();
        nanos.push(match time.checked_mul(factor) {
            Some(time) => time,
            // What lies below a null may be anything.
            None if times.is_null(row) => 0,
            None => return Err(CellError::at(row, "is a time outside the years 1677 to 2262".to_owned())),
        });
    }
    Ok(Int64Array::new(nanos.into(), times.nulls().cloned()))
}

fn from_text(array: &ArrayRef, unit: Option<TimestampUnit>) -> Result<Int64Array, CellError> {
    let plain = arrow_cast(array, &DataType::Utf8).map_err(|error| CellError::column(error.to_string()))?;
    let mut nanos = Vec::with_capacity(plain.len());
    for (row, text) in plain.as_string::<i32>().iter().enumerate() {
        nanos.push(match (text, unit) {
            (None, _) => None,
            (Some(text), Some(unit)) => Some(number_or_time(text.trim(), unit).ok_or_else(|| {
                CellError::at(
                    row,
                    format!("is `{text}`, which is no epoch number that fits 64-bit nanoseconds and no time"),
                )
            })?),
            (Some(text), None) => Some(
                text.parse::<Timestamp>()
                    .map_err(|error| CellError::at(row, format!("is no time: {error}")))?
                    .as_nanos(),
            ),
        });
    }
    Ok(Int64Array::from(nanos))
}

/// A unit says what numbers count: beside a column of them, another may hold times as text.
fn number_or_time(text: &str, unit: TimestampUnit) -> Option<i64> {
    match text.parse::<i64>() {
        Ok(number) => number.checked_mul(nanos_per(unit)),
        Err(_) => Some(text.parse::<Timestamp>().ok()?.as_nanos()),
    }
}
