//! Values from text, for formats that hold nothing else.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use arrow::datatypes::DataType;

use super::{CellError, cast};

/// Parses a column of text as a declared type's Arrow type. Null stays null.
///
/// # Errors
/// Text that is no such value, or one that is too large (with its row); a type that text cannot hold (without one).
pub fn parse_text(text: &ArrayRef, to: &DataType) -> Result<ArrayRef, CellError> {
    match to {
        DataType::Boolean => {
            parse(text, "bool", parse_bool).map(|values| Arc::new(BooleanArray::from(values)) as ArrayRef)
        }
        DataType::Int32 | DataType::Int64 => {
            let name = if *to == DataType::Int32 { "int32" } else { "int64" };
            let values = parse(text, name, |text| text.parse::<i64>().ok())?;
            cast(&(Arc::new(Int64Array::from(values)) as ArrayRef), to)
        }
        DataType::Float32 | DataType::Float64 => {
            let values = parse(text, "float64", |text| text.parse::<f64>().ok())?;
            cast(&(Arc::new(Float64Array::from(values)) as ArrayRef), to)
        }
        DataType::Timestamp(..) => {
            let nanos = super::to_nanos(text, None)?;
            let times =
                arrow::array::TimestampNanosecondArray::new(nanos.values().clone(), nanos.nulls().cloned());
            Ok(Arc::new(times.with_timezone("UTC")))
        }
        DataType::Utf8 | DataType::Binary => cast(text, to),
        other => Err(CellError::column(format!("holds text, which does not become {other}"))),
    }
}

fn parse<T>(
    text: &ArrayRef,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>, CellError> {
    let Some(strings) = text.as_string_opt::<i32>() else {
        return Err(CellError::column(format!("holds {}, not text", text.data_type())));
    };
    strings
        .iter()
        .enumerate()
        .map(|(row, cell)| match cell {
            None => Ok(None),
            Some(cell) => parse(cell.trim())
                .map(Some)
                .ok_or_else(|| CellError::at(row, format!("is `{cell}`, which is no {name}"))),
        })
        .collect()
}

fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
