//! Whether a source fits the views on it: a pure look at its columns, before anything is applied or read. `describe` of an
//! offline store gives the columns; the command line runs this at plan time for what changes.

use arrow::datatypes::{DataType, Field, SchemaRef};
use provender_core::model::{DataSource, FileFormat, Objects, SourceKind, ValueType};

use crate::columns::{self, nearest};
use crate::provider::SourceDescription;

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProblem {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Looks for the columns that a view needs in its source: join keys, features, times. Nothing is read, so values that are
/// too large for their type are not found here. Of a source whose parts have different columns, the first part that does not
/// fit is told about. Empty where the view or its source is not defined: that is another check's.
pub fn check_view(objects: &Objects, view_name: &str, description: &SourceDescription) -> Vec<SourceProblem> {
    let Some(view) = objects.feature_view(view_name) else {
        return Vec::new();
    };
    let (Some((source_name, source)), Some(keys)) = (objects.history_of(view), objects.join_keys(view_name))
    else {
        return Vec::new();
    };
    let whole = (format!("`data_source.{source_name}`"), &description.schema);
    let others = description.other_schemas.iter();
    let others = others.map(|(part, schema)| (format!("`{part}` of `data_source.{source_name}`"), schema));
    for (place, schema) in std::iter::once(whole).chain(others) {
        let mut check = Check { place, source, schema, problems: Vec::new() };
        for key in &keys {
            check.value(&key.name, &key.value_type, &format!("join key of `{view_name}`"));
        }
        for feature in &view.features {
            check.value(&feature.name, &feature.value_type, &format!("a feature of `{view_name}`"));
        }
        check.time(source.timestamp_field.as_deref(), "`timestamp_field`");
        check.time(source.created_timestamp_column.as_deref(), "`created_timestamp_column`");
        if !check.problems.is_empty() {
            return check.problems;
        }
    }
    Vec::new()
}

struct Check<'a> {
    /// How messages name what has these columns.
    place: String,
    source: &'a DataSource,
    schema: &'a SchemaRef,
    problems: Vec<SourceProblem>,
}

impl Check<'_> {
    fn report(&mut self, message: String, help: Option<String>) {
        self.problems.push(SourceProblem { message, help });
    }

    fn column(&mut self, name: &str, what: &str) -> Option<Field> {
        let schema = self.schema;
        if let Some((_, field)) = schema.column_with_name(name) {
            if schema.fields().iter().filter(|field| field.name() == name).count() > 1 {
                let help = "nothing says which one is meant: rename or remove the others";
                self.report(
                    format!("{} has more than one column `{name}` ({what})", self.place),
                    Some(help.to_owned()),
                );
                return None;
            }
            return Some(field.clone());
        }
        let help = match nearest(name, schema.fields().iter().map(|field| field.name().as_str())) {
            Some(near) => format!("did you mean `{near}`? `field_mapping` gives a column another name"),
            None => format!("its columns are {}", columns::names(schema)),
        };
        self.report(format!("{} has no column `{name}` ({what})", self.place), Some(help));
        None
    }

    fn value(&mut self, name: &str, value_type: &ValueType, what: &str) {
        let Some(field) = self.column(self.source.column_of(name), what) else {
            return;
        };
        let is_csv = matches!(self.source.kind, SourceKind::File { format: FileFormat::Csv, .. });
        let fits = columns::castable(field.data_type(), &columns::data_type(value_type));
        // A guess from a sample of text: a time is read from any text, a list from none.
        let fits = if is_csv && *field.data_type() == DataType::Utf8 {
            matches!(value_type, ValueType::String | ValueType::Bytes | ValueType::Timestamp)
        } else {
            fits
        };
        if !fits {
            let help = type_of(field.data_type())
                .map(|fitting| format!("declare it as `{fitting}`, or correct the source"));
            self.report(
                format!(
                    "column `{}` of {} holds {}, which does not become {value_type} ({what})",
                    field.name(),
                    self.place,
                    columns::type_name(field.data_type())
                ),
                help,
            );
        }
    }

    fn time(&mut self, name: Option<&str>, what: &str) {
        let Some(name) = name else {
            return;
        };
        let mapped = self.source.column_of(name);
        let name = if self.schema.column_with_name(name).is_some() { name } else { mapped };
        let Some(field) = self.column(name, what) else {
            return;
        };
        let is_csv = matches!(self.source.kind, SourceKind::File { format: FileFormat::Csv, .. });
        let is_text = is_csv && *field.data_type() == DataType::Utf8;
        if !is_text && !columns::is_time(field.data_type(), self.source.timestamp_unit) {
            let help = if field.data_type().is_integer() {
                "say what the numbers count: `timestamp_unit = \"s\"`, `\"ms\"`, `\"us\"` or `\"ns\"`"
            } else {
                "a time column holds timestamps, dates, or whole epoch numbers with `timestamp_unit`"
            };
            self.report(
                format!(
                    "column `{name}` of {} holds {}, which is no time ({what})",
                    self.place,
                    columns::type_name(field.data_type())
                ),
                Some(help.to_owned()),
            );
        }
    }
}

/// The declared type that holds a column's values as they are.
fn type_of(data_type: &DataType) -> Option<ValueType> {
    Some(match data_type {
        DataType::Dictionary(_, values) => return type_of(values),
        DataType::Boolean => ValueType::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
            ValueType::Int32
        }
        other if other.is_integer() => ValueType::Int64,
        DataType::Float16 | DataType::Float32 => ValueType::Float32,
        other if other.is_numeric() => ValueType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ValueType::String,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ValueType::Bytes
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => ValueType::Timestamp,
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            match type_of(element.data_type())? {
                ValueType::List(_) => return None,
                scalar => ValueType::List(Box::new(scalar)),
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Schema, TimeUnit};

    use super::*;

    fn objects() -> Objects {
        serde_json::from_str(
            r#"{
                "entity.driver": {"kind": "entity", "join_key": "driver_id", "value_type": "int64"},
                "data_source.s": {"kind": "data_source", "source_kind": "file", "path": "s", "format": "parquet",
                    "timestamp_field": "ts", "created_timestamp_column": "created",
                    "field_mapping": {"conversion": "conv_rate"}},
                "feature_view.v": {"kind": "feature_view", "entities": ["driver"], "source": "s",
                    "features": [{"name": "conv_rate", "type": "float32"}, {"name": "trips", "type": "int64"}]}
            }"#,
        )
        .unwrap()
    }

    fn problems(columns: &[(&str, DataType)]) -> Vec<(String, String)> {
        problems_of(&[columns])
    }

    /// Of a source whose parts have these columns.
    fn problems_of(parts: &[&[(&str, DataType)]]) -> Vec<(String, String)> {
        let mut schemas = parts.iter().map(|columns| {
            let fields = columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        });
        let schema = schemas.next().unwrap();
        let other_schemas = (2..).map(|part| format!("d/{part}.parquet")).zip(schemas).collect();
        check_view(&objects(), "v", &SourceDescription { schema, other_schemas, rows: None, bytes: None })
            .into_iter()
            .map(|problem| (problem.message, problem.help.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_source_that_fits_has_no_problems_and_every_misfit_is_named() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        let fitting = [
            ("driver_id", DataType::Int32),
            ("conversion", DataType::Float64),
            ("trips", DataType::Int64),
            ("ts", time.clone()),
            ("created", DataType::Date32),
        ];
        assert_eq!(problems(&fitting), []);
        let found = problems_of(&[&fitting, &fitting, &fitting[1..], &[]]);
        let expected = "`d/3.parquet` of `data_source.s` has no column `driver_id` (join key of `v`)";
        assert_eq!(found.iter().map(|(message, _)| message.as_str()).collect::<Vec<_>>(), [expected]);
        let found = problems(&[
            ("driverid", DataType::Int64),
            ("conversion", DataType::Float64),
            ("trips", DataType::Float64),
            ("ts", DataType::Int64),
            ("created", time),
        ]);
        let expected = [
            ("`data_source.s` has no column `driver_id` (join key of `v`)", "did you mean `driverid`?"),
            (
                "column `trips` of `data_source.s` holds float64, which does not become int64",
                "declare it as `float64`",
            ),
            ("column `ts` of `data_source.s` holds int64, which is no time", "say what the numbers count"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((message, help), (expected_message, expected_help)) in found.iter().zip(expected) {
            assert!(
                message.starts_with(expected_message) && help.starts_with(expected_help),
                "{message} | {help}"
            );
        }
    }
}
