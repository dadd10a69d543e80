//! Values as Arrow columns: which Arrow type a declared type has, what may be cast to it, and the way from columns to
//! keys, rows and times. Every reader of sources and entity frames goes through here, so that a value means the same
//! wherever it comes from. No file is opened here; see `provider::OfflineStore` for that.

mod cast;
mod encode;
mod nanos;
mod text;
mod vectors;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use provender_core::model::ValueType;

pub(crate) use cast::to_float32;
pub use cast::{CellError, cast, castable};
pub use encode::{KeyColumns, RowColumns};
pub use nanos::{is_time, nanos_per, to_nanos};
pub(crate) use text::parse_float64;
pub use text::{parse_text, typed_text};
pub(crate) use vectors::values;
pub use vectors::{column, vector};

/// The Arrow type of a declared type. A timestamp is nanoseconds in UTC; elements of lists may be null.
pub fn data_type(value_type: &ValueType) -> DataType {
    match value_type {
        ValueType::Bool => DataType::Boolean,
        ValueType::Int32 => DataType::Int32,
        ValueType::Int64 => DataType::Int64,
        ValueType::Float32 => DataType::Float32,
        ValueType::Float64 => DataType::Float64,
        ValueType::String => DataType::Utf8,
        ValueType::Bytes => DataType::Binary,
        ValueType::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        ValueType::List(element) => DataType::List(Arc::new(Field::new_list_field(data_type(element), true))),
    }
}

/// A nullable field of a declared type.
pub fn field(name: &str, value_type: &ValueType) -> Field {
    Field::new(name, data_type(value_type), true)
}

/// What a column holds, for messages: our name of its type where we have one.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "bytes".to_owned()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "timestamp".to_owned(),
        DataType::Timestamp(unit, _) => {
            let unit = match unit {
                TimeUnit::Second => "seconds",
                TimeUnit::Millisecond => "milliseconds",
                TimeUnit::Microsecond | TimeUnit::Nanosecond => "microseconds",
            };
            format!("timestamp in {unit}")
        }
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Dictionary(_, values) => type_name(values),
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            format!("list({})", type_name(element.data_type()))
        }
        DataType::Struct(fields) => format!("struct of {} fields", fields.len()),
        DataType::Null => "nothing but nulls".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// The nearest of some names to one that is not among them, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Names of a schema's columns, for messages: at most twelve.
pub fn names(schema: &SchemaRef) -> String {
    let mut text = schema
        .fields()
        .iter()
        .take(12)
        .map(|field| format!("`{}`", field.name()))
        .collect::<Vec<_>>()
        .join(", ");
    if schema.fields().len() > 12 {
        text.push_str(&format!(" and {} more", schema.fields().len() - 12));
    }
    text
}
