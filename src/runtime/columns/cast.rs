//! Casts from what a source holds to what a project declares, by the rules of docs/reference/data.md: a cast may round a
//! float, it may never change the kind of a value or lose its size; what does not fit is an error that names the row.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float32Array, ListArray, PrimitiveArray,
    TimestampNanosecondArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int32Type, Int64Type};
use arrow::error::ArrowError;

use super::{to_nanos, type_name};

/// A cell, or a whole column, that does not become the asked type. The text goes after the column's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellError {
    /// Row in the column, from 0; none: the column as a whole.
    pub row: Option<usize>,
    /// What is wrong, to be read after "column `x`": "holds …", "is …".
    pub message: String,
}

impl CellError {
    /// An error of one row.
    pub const fn at(row: usize, message: String) -> Self {
        Self { row: Some(row), message }
    }

    /// An error of the column.
    pub const fn column(message: String) -> Self {
        Self { row: None, message }
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// Whether values of one Arrow type can become another without loss of kind. Their size is another matter: see [`cast`].
///
/// Integers become integers, floats and text; floats become floats and text; decimals become floats, text and, without
/// a fraction, integers; dates become timestamps and text; text becomes bytes; lists go element by element.
pub fn castable(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Null, _) => true,
        (DataType::Dictionary(_, values), _) => castable(values, to),
        (DataType::Boolean, DataType::Boolean) => true,
        (from, DataType::Int32 | DataType::Int64) => {
            from.is_integer() || is_decimal(from, |scale| scale <= 0)
        }
        (from, DataType::Float32 | DataType::Float64) => {
            from.is_integer() || from.is_floating() || is_decimal(from, |_| true)
        }
        (DataType::Timestamp(..) | DataType::Date32 | DataType::Date64, DataType::Timestamp(..)) => true,
        (from, DataType::Utf8) => {
            is_text(from)
                || from.is_numeric()
                || matches!(from, DataType::Boolean)
                || super::is_time(from, None)
        }
        (from, DataType::Binary) => {
            is_text(from)
                || matches!(
                    from,
                    DataType::Binary
                        | DataType::LargeBinary
                        | DataType::BinaryView
                        | DataType::FixedSizeBinary(_)
                )
        }
        (
            DataType::List(from) | DataType::LargeList(from) | DataType::FixedSizeList(from, _),
            DataType::List(to),
        ) => castable(from.data_type(), to.data_type()),
        _ => false,
    }
}

const fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_decimal(data_type: &DataType, scale_fits: impl Fn(i8) -> bool) -> bool {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => scale_fits(*scale),
        _ => false,
    }
}

/// Casts a column to a declared type's Arrow type (see [`super::data_type`]). Rounding a float fits; NaN and infinities
/// stay what they are; null stays null.
///
/// # Errors
/// A value that is too large (with its row), or a column that is not [`castable`] (without one).
pub fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, CellError> {
    let from = array.data_type();
    if from == to {
        return Ok(Arc::clone(array));
    }
    if !castable(from, to) {
        return Err(CellError::column(format!(
            "holds {}, which does not become {}",
            type_name(from),
            type_name(to)
        )));
    }
    match (from, to) {
        (DataType::Null, _) => Ok(new_null_array(to, array.len())),
        (DataType::Dictionary(_, values), _) => cast(&plain(array, values)?, to),
        (_, DataType::Timestamp(..)) => {
            let nanos = to_nanos(array, None)?;
            Ok(Arc::new(
                TimestampNanosecondArray::new(nanos.values().clone(), nanos.nulls().cloned())
                    .with_timezone("UTC"),
            ))
        }
        (DataType::Float64, DataType::Float32) => round_to_float32(array),
        (from, DataType::Float32) if is_decimal(from, |_| true) => {
            round_to_float32(&plain(array, &DataType::Float64)?)
        }
        (from, DataType::Utf8) if from.is_integer() || from.is_floating() || *from == DataType::Boolean => {
            to_text(array)
        }
        (_, DataType::List(element)) => cast_list(array, element),
        (_, DataType::Int32) => checked::<Int32Type>(array),
        (_, DataType::Int64) => checked::<Int64Type>(array),
        _ => plain(array, to),
    }
}

/// Arrow's own cast, for pairs where it cannot lose anything.
fn plain(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, CellError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options)
        .map_err(|error: ArrowError| CellError::column(format!("does not become {to}: {error}")))
}

/// Arrow's cast that makes null of what overflows, and the row of the first such null.
fn checked<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<ArrayRef, CellError> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let to = T::DATA_TYPE;
    let result: PrimitiveArray<T> = cast_with_options(array, &to, &options)
        .map_err(|error: ArrowError| CellError::column(format!("does not become {to}: {error}")))?
        .as_primitive()
        .clone();
    if result.null_count() > array.null_count()
        && let Some(row) = (0..array.len()).find(|row| result.is_null(*row) && array.is_valid(*row))
    {
        return Err(CellError::at(
            row,
            format!("is {}, too large for {}", text_of(array, row), name_of(&to)),
        ));
    }
    Ok(Arc::new(result))
}

/// A float64 rounded to float32; none where it is too large for one.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the rule; overflow is looked for")]
pub(crate) fn to_float32(wide: f64) -> Option<f32> {
    let narrow = wide as f32;
    (narrow.is_finite() || !wide.is_finite()).then_some(narrow)
}

fn round_to_float32(array: &ArrayRef) -> Result<ArrayRef, CellError> {
    let wide = array.as_primitive::<Float64Type>();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding is the rule; overflow is found right below"
    )]
    let narrow: Float32Array = wide.unary(|value| value as f32);
    let overflow = wide
        .values()
        .iter()
        .enumerate()
        .find(|(row, wide)| to_float32(**wide).is_none() && array.is_valid(*row));
    match overflow {
        Some((row, value)) => Err(CellError::at(row, format!("is {value:?}, too large for float32"))),
        None => Ok(Arc::new(narrow)),
    }
}

/// Numbers and truth values as text: the shortest that reads back as the same value.
fn to_text(array: &ArrayRef) -> Result<ArrayRef, CellError> {
    if let Some(values) = array.as_any().downcast_ref::<BooleanArray>() {
        let text: arrow::array::StringArray =
            values.iter().map(|value| value.map(|value| if value { "true" } else { "false" })).collect();
        return Ok(Arc::new(text));
    }
    plain(array, &DataType::Utf8)
}

fn cast_list(array: &ArrayRef, element: &Arc<arrow::datatypes::Field>) -> Result<ArrayRef, CellError> {
    let lists = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().clone(),
        DataType::FixedSizeList(field, _) => {
            let fixed: &FixedSizeListArray = array.as_fixed_size_list();
            let as_list = plain(&(Arc::new(fixed.clone()) as ArrayRef), &DataType::List(Arc::clone(field)))?;
            as_list.as_list::<i32>().clone()
        }
        DataType::LargeList(field) => {
            plain(array, &DataType::List(Arc::clone(field)))?.as_list::<i32>().clone()
        }
        other => return Err(CellError::column(format!("holds {other}, which is no list"))),
    };
    // The values of a sliced array begin before its first offset: an error there must not be ours.
    let offsets = lists.offsets();
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let range = |at: i32| usize::try_from(at).unwrap_or(0);
    let values = lists.values().slice(range(first), range(last) - range(first));
    let values = cast(&values, element.data_type()).map_err(|error| CellError {
        row: error.row.map(|at| offsets.iter().rposition(|offset| range(*offset - first) <= at).unwrap_or(0)),
        message: format!("has an element that {}", error.message),
    })?;
    let offsets = offsets.iter().map(|offset| offset - first).collect::<Vec<_>>();
    ListArray::try_new(
        Arc::clone(element),
        arrow::buffer::OffsetBuffer::new(offsets.into()),
        values,
        lists.nulls().cloned(),
    )
    .map(|list| Arc::new(list) as ArrayRef)
    .map_err(|error| CellError::column(error.to_string()))
}

/// A cell as text, for messages.
fn text_of(array: &ArrayRef, row: usize) -> String {
    arrow::util::display::array_value_to_string(array, row).unwrap_or_else(|_| "a value".to_owned())
}

/// The declared name of an Arrow type, for messages.
fn name_of(data_type: &DataType) -> String {
    data_type.to_string().to_lowercase()
}
