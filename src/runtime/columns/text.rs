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
            let values = parse(text, "float64", parse_float64)?;
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
        return Err(CellError::column(format!("holds {}, not text", super::type_name(text.data_type()))));
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

/// A float64 from text. A number that is too large for one is none; infinity has names of its own.
pub(crate) fn parse_float64(text: &str) -> Option<f64> {
    let value = text.parse::<f64>().ok()?;
    let is_named = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    (!value.is_infinite() || is_named).then_some(value)
}

/// A column of text that nothing declares as what all of its cells are written as: int64, float64 or bool. Where a value
/// would lose anything, it stays text: `007`, a number of twenty digits, a time with its zone. Null stays null.
pub fn typed_text(text: &ArrayRef) -> ArrayRef {
    let Some(strings) = text.as_string_opt::<i32>().filter(|strings| strings.null_count() < strings.len())
    else {
        return Arc::clone(text);
    };
    let all = |fits: fn(&str) -> bool| strings.iter().flatten().all(fits);
    let to = if all(is_int64) {
        DataType::Int64
    } else if all(is_float64) {
        DataType::Float64
    } else if all(|text| parse_bool(text).is_some()) {
        DataType::Boolean
    } else {
        return Arc::clone(text);
    };
    parse_text(text, &to).unwrap_or_else(|_| Arc::clone(text))
}

/// Whether text is an int64 as a number is written: without zeros before it.
fn is_int64(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
}

/// Whether text is a number that a float64 holds as well as it is written, short of rounding a fraction.
fn is_float64(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    let is_whole = whole == "0" || !whole.starts_with('0');
    if !is_whole || !whole.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    if whole.len() == digits.len()
        && !text.parse::<i64>().is_ok_and(|number| number.unsigned_abs() <= 1 << 53)
    {
        return false;
    }
    text.parse::<f64>().is_ok_and(f64::is_finite)
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

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;

    fn text(cells: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(cells.to_vec()))
    }

    #[test]
    fn undeclared_text_is_typed_where_nothing_is_lost() {
        for (cells, expected) in [
            (&["1", "-20", "0"][..], DataType::Int64),
            (&["9223372036854775807"], DataType::Int64),
            (&["1", "1.50", "-0.5", "1e5"], DataType::Float64),
            (&["true", "FALSE"], DataType::Boolean),
            (&["1", "007"], DataType::Utf8),
            (&["1.5", "01.5"], DataType::Utf8),
            (&["-0"], DataType::Float64),
            (&["+1"], DataType::Utf8),
            (&["1", "12345678901234567890"], DataType::Utf8),
            (&["1.5", "9007199254740993"], DataType::Utf8),
            (&["1e400"], DataType::Utf8),
            (&["inf", "nan"], DataType::Utf8),
            (&["2026-01-02"], DataType::Utf8),
            (&["1", "true"], DataType::Utf8),
            (&["1 "], DataType::Utf8),
            (&[".5"], DataType::Utf8),
        ] {
            let cells: Vec<Option<&str>> = cells.iter().map(|cell| Some(*cell)).chain([None]).collect();
            let typed = typed_text(&text(&cells));
            assert_eq!(typed.data_type(), &expected, "{cells:?}");
            assert_eq!(typed.null_count(), 1);
        }
        assert_eq!(typed_text(&text(&[None])).data_type(), &DataType::Utf8);
    }

    #[test]
    fn a_number_that_is_too_large_for_its_type_is_an_error() {
        for (cell, to, fits) in [
            ("1e400", DataType::Float64, false),
            ("-1e400", DataType::Float64, false),
            ("inf", DataType::Float64, true),
            ("-Infinity", DataType::Float64, true),
            ("1e308", DataType::Float64, true),
            ("1e39", DataType::Float32, false),
            ("2147483648", DataType::Int32, false),
            ("9223372036854775808", DataType::Int64, false),
        ] {
            let parsed = parse_text(&text(&[Some(cell)]), &to);
            assert_eq!(parsed.is_ok(), fits, "{cell} as {to}");
            assert!(parsed.is_ok() || parsed.unwrap_err().row == Some(0));
        }
    }
}
