//! Rows that a client sends to be stored, column by column: JSON values, or columns of a file. How they become typed columns
//! and times.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{ArrayRef, AsArray as _};
use provender_core::model::{DataSource, TimestampUnit, Value, ValueType};
use provender_core::time::Timestamp;
use serde_json::Value as Json;

use super::entities::{Entities, common_length, key_value};
use crate::columns::{self, CellError, nanos_per};
use crate::historical::FileRows;
use crate::{Error, Result};

/// What Feast's clients call the event time.
const EVENT_TIME: &str = "event_timestamp";
/// What Feast's clients call the created time.
const CREATED_TIME: &str = "created";

/// Rows to store, column by column.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    columns: BTreeMap<String, FrameColumn>,
    row_count: usize,
}

/// A column as it was sent.
#[derive(Clone, Debug)]
pub(super) enum FrameColumn {
    Json(Vec<Json>),
    /// Of a file that has types.
    Typed(ArrayRef),
}

impl Frame {
    /// Rows from columns.
    ///
    /// # Errors
    /// Columns of different lengths.
    pub fn of_columns(columns: BTreeMap<String, Vec<Json>>) -> Result<Self> {
        let row_count = common_length(columns.iter().map(|(name, values)| (name, values.len())))?;
        let columns = columns.into_iter().map(|(name, values)| (name, FrameColumn::Json(values)));
        Ok(Self { columns: columns.collect(), row_count: row_count.unwrap_or(0) })
    }

    /// Rows from either form of JSON; a name that one of several objects does not have is null there.
    ///
    /// # Errors
    /// Columns of different lengths.
    pub fn of_json(rows: Entities) -> Result<Self> {
        match rows {
            Entities::Columns(columns) => Self::of_columns(columns),
            Entities::Rows(rows) => Ok(Self::of_rows(rows)),
        }
    }

    fn of_rows(rows: Vec<BTreeMap<String, Json>>) -> Self {
        let names: BTreeSet<String> = rows.iter().flat_map(BTreeMap::keys).cloned().collect();
        let mut columns: BTreeMap<String, Vec<Json>> =
            names.into_iter().map(|name| (name, Vec::with_capacity(rows.len()))).collect();
        let row_count = rows.len();
        for mut row in rows {
            for (name, values) in &mut columns {
                values.push(row.remove(name).unwrap_or_default());
            }
        }
        let columns = columns.into_iter().map(|(name, values)| (name, FrameColumn::Json(values)));
        Self { columns: columns.collect(), row_count }
    }

    /// The rows of a file: of one with types as they are, of CSV as text for every type.
    ///
    /// # Errors
    /// Two columns of one name.
    pub fn of_file(rows: FileRows) -> Result<Self> {
        let FileRows { batch, is_text } = rows;
        let mut columns = BTreeMap::new();
        for (field, values) in batch.schema().fields().iter().zip(batch.columns()) {
            let column = match values.as_string_opt::<i32>().filter(|_| is_text) {
                Some(texts) => FrameColumn::Json(texts.iter().map(Json::from).collect()),
                None => FrameColumn::Typed(values.clone()),
            };
            if columns.insert(field.name().clone(), column).is_some() {
                return Err(Error::invalid(format!("the frame has more than one column `{}`", field.name())));
            }
        }
        Ok(Self { columns, row_count: batch.num_rows() })
    }

    /// Number of rows.
    pub const fn row_count(&self) -> usize {
        self.row_count
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// The column that holds what a source's views call `name`: by that name, else by the source's.
    pub(super) fn column(&self, name: &str, source: &DataSource) -> Option<(&str, &FrameColumn)> {
        let found = self.columns.get_key_value(name);
        let found = found.or_else(|| self.columns.get_key_value(source.column_of(name)))?;
        Some((found.0, found.1))
    }

    /// The event time of each row.
    pub(super) fn event_times(&self, source: &DataSource, history: &DataSource) -> Result<Vec<Timestamp>> {
        let own = source.timestamp_field.as_ref().or(history.timestamp_field.as_ref());
        let Some((name, values)) = self.time_column(EVENT_TIME, own) else {
            let or = own.map(|own| format!(" or `{own}`")).unwrap_or_default();
            return Err(Error::invalid(format!("the frame has no event time: no column `{EVENT_TIME}`{or}")));
        };
        let times = values.times(name, unit(source, history))?;
        let times = times.into_iter().enumerate().map(|(row, time)| {
            time.ok_or_else(|| Error::invalid(format!("value {} of `{name}` is null", row + 1)))
        });
        times.collect()
    }

    /// The created time of each row; a missing one is the time of arrival.
    pub(super) fn created_times(
        &self,
        source: &DataSource,
        history: &DataSource,
        arrival: Timestamp,
    ) -> Result<Vec<Timestamp>> {
        let own = source.created_timestamp_column.as_ref().or(history.created_timestamp_column.as_ref());
        let Some((name, values)) = self.time_column(CREATED_TIME, own) else {
            return Ok(vec![arrival; self.row_count]);
        };
        let times = values.times(name, unit(source, history))?;
        Ok(times.into_iter().map(|time| time.unwrap_or(arrival)).collect())
    }

    /// A time column, by the source's name or else Feast's.
    fn time_column(&self, of_feast: &str, own: Option<&String>) -> Option<(&String, &FrameColumn)> {
        let own = own.and_then(|own| self.columns.get_key_value(own));
        own.or_else(|| self.columns.get_key_value(of_feast))
    }
}

impl FrameColumn {
    /// The values, by type. `name` is what the client called the column.
    pub(super) fn values(&self, name: &str, value_type: &ValueType) -> Result<Vec<Option<Value>>> {
        match self {
            Self::Json(values) => {
                let values = values.iter().enumerate().map(|(row, value)| {
                    key_value(value, value_type)
                        .map_err(|error| error.context(format!("value {} of `{name}` does not fit", row + 1)))
                });
                values.collect()
            }
            Self::Typed(column) => {
                let typed = columns::cast(column, &columns::data_type(value_type));
                Ok(columns::values(value_type, &typed.map_err(|error| misfit(name, &error))?))
            }
        }
    }

    fn times(&self, name: &str, unit: TimestampUnit) -> Result<Vec<Option<Timestamp>>> {
        match self {
            Self::Json(values) => times(name, values, unit),
            Self::Typed(column) => {
                let nanos = columns::to_nanos(column, Some(unit)).map_err(|error| misfit(name, &error))?;
                Ok(nanos.iter().map(|time| time.map(Timestamp::from_nanos)).collect())
            }
        }
    }
}

fn misfit(name: &str, error: &CellError) -> Error {
    let row = error.row.map(|row| format!(" in row {}", row + 1)).unwrap_or_default();
    Error::invalid(format!("column `{name}` of the frame {error}{row}"))
}

fn unit(source: &DataSource, history: &DataSource) -> TimestampUnit {
    source.timestamp_unit.or(history.timestamp_unit).unwrap_or(TimestampUnit::Second)
}

/// Times are text, or whole numbers in the source's unit.
fn times(name: &str, values: &[Json], unit: TimestampUnit) -> Result<Vec<Option<Timestamp>>> {
    let time = |value: &Json| match value {
        Json::Null => Some(None),
        Json::String(text) => text.parse().ok().map(Some),
        Json::Number(number) => {
            let nanos = number.as_i64().and_then(|number| number.checked_mul(nanos_per(unit)));
            nanos.map(|nanos| Some(Timestamp::from_nanos(nanos)))
        }
        _ => None,
    };
    let times = values.iter().enumerate().map(|(row, value)| {
        time(value).ok_or_else(|| {
            Error::invalid(format!("value {} of `{name}` is no time", row + 1))
                .with_hint("write a time such as `2026-11-25T08:00:00Z`")
        })
    });
    times.collect()
}
