//! From rows as a file has them to rows as a scan asks for them: names, times, range, types.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array};
use arrow::compute::{filter, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use provender_core::model::{DataSource, FileFormat, TimestampUnit};
use provender_core::registry::Interval;
use provender_runtime::columns::{self, CellError, nearest};
use provender_runtime::provider::{CREATED_TIME, EVENT_TIME, SourceScan};
use provender_runtime::{Error, ErrorKind, Result};

/// What a scan asks for, in the names of the source.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    columns: Vec<(String, DataType)>,
    event_time: (String, String),
    created_time: Option<(String, String)>,
    unit: Option<TimestampUnit>,
    pub(super) range: Option<Interval>,
    pub(super) format: FileFormat,
    schema: SchemaRef,
    pub(super) skipped: Arc<AtomicU64>,
}

impl Shape {
    pub(super) fn new(scan: &SourceScan, format: FileFormat) -> Result<Self> {
        let source = &scan.source;
        let event_time = source.timestamp_field.as_deref().ok_or_else(|| {
            Error::invalid("the source has no `timestamp_field`")
                .with_hint("name the column of the event time")
        })?;
        let columns = scan
            .columns
            .fields()
            .iter()
            .map(|field| (source.column_of(field.name()).to_owned(), field.data_type().clone()))
            .collect();
        let mut fields: Vec<_> = scan.columns.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(EVENT_TIME, DataType::Int64, false)));
        fields.push(Arc::new(Field::new(CREATED_TIME, DataType::Int64, true)));
        Ok(Self {
            columns,
            event_time: time_names(source, event_time),
            created_time: source.created_timestamp_column.as_deref().map(|name| time_names(source, name)),
            unit: source.timestamp_unit,
            range: scan.range,
            format,
            schema: Arc::new(Schema::new(fields)),
            skipped: Arc::default(),
        })
    }

    /// Positions in a file's schema of the columns that are needed, sorted.
    ///
    /// # Errors
    /// A column that is missing, or whose type cannot become what is asked.
    pub(super) fn positions(&self, file: &str, schema: &Schema) -> Result<Vec<usize>> {
        let mut positions = Vec::new();
        for (name, to) in &self.columns {
            let (position, field) = find(schema, file, name)?;
            let fits = match self.format {
                FileFormat::Parquet => columns::castable(field.data_type(), to),
                FileFormat::Csv => !matches!(to, DataType::List(_)),
            };
            if !fits {
                let error =
                    CellError::column(format!("holds {}, which does not become {to}", field.data_type()));
                return Err(bad_cell(file, name, &error, None)
                    .with_hint("declare a type that the column's values have, or correct the source"));
            }
            positions.push(position);
        }
        for name in [Some(&self.event_time), self.created_time.as_ref()].into_iter().flatten() {
            let (position, field) = find(schema, file, time_column(schema, name))?;
            if self.format == FileFormat::Parquet && !columns::is_time(field.data_type(), self.unit) {
                let error = CellError::column(format!("holds {}, which is no time", field.data_type()));
                let hint = if field.data_type().is_integer() {
                    "say what the numbers count: `timestamp_unit = \"s\"`, `\"ms\"`, `\"us\"` or `\"ns\"`"
                } else {
                    "a time column holds timestamps, dates, or epoch numbers with `timestamp_unit`"
                };
                return Err(bad_cell(file, field.name(), &error, None).with_hint(hint));
            }
            positions.push(position);
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(positions)
    }

    /// The name of the event-time column in this schema.
    pub(super) fn event_time<'a>(&'a self, schema: &Schema) -> &'a str {
        time_column(schema, &self.event_time)
    }

    /// Event times of statistics or rows, in nanoseconds.
    pub(super) fn nanos(&self, column: &ArrayRef) -> Result<Int64Array, CellError> {
        columns::to_nanos(column, self.unit)
    }

    /// The rows that the scan asks for, in its columns. `first_row` is the place of the batch's first row in its file.
    ///
    /// # Errors
    /// A value that does not fit, with its row.
    pub(super) fn apply(&self, file: &str, first_row: usize, batch: &RecordBatch) -> Result<RecordBatch> {
        let event_times = self.times(file, first_row, batch, &self.event_time)?;
        let keep = self.rows_to_keep(&event_times);
        let all = keep.true_count() == keep.len();
        let kept;
        let batch = if all {
            batch
        } else {
            kept = filter_record_batch(batch, &keep).map_err(bug)?;
            &kept
        };
        // Rows of errors are rows of the file, not of what was kept.
        let row_of = |row: usize| {
            let kept_row = if all { Some(row) } else { keep.values().set_indices().nth(row) };
            first_row + kept_row.unwrap_or(row)
        };
        let mut columns = Vec::with_capacity(self.columns.len() + 2);
        for (name, to) in &self.columns {
            let column = batch.column_by_name(name).ok_or_else(|| lost(name))?;
            let shaped = match self.format {
                FileFormat::Parquet => columns::cast(column, to),
                FileFormat::Csv => columns::parse_text(column, to),
            };
            columns.push(shaped.map_err(|error| bad_cell(file, name, &error, error.row.map(row_of)))?);
        }
        columns.push(if all { Arc::new(event_times) } else { filter(&event_times, &keep).map_err(bug)? });
        columns.push(match &self.created_time {
            None => Arc::new(Int64Array::new_null(batch.num_rows())),
            Some(names) => {
                let name = time_column(&batch.schema(), names);
                let column = batch.column_by_name(name).ok_or_else(|| lost(name))?;
                let nanos = self.nanos(column);
                Arc::new(nanos.map_err(|error| bad_cell(file, name, &error, error.row.map(row_of)))?)
            }
        });
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(bug)
    }

    fn times(
        &self,
        file: &str,
        first_row: usize,
        batch: &RecordBatch,
        names: &(String, String),
    ) -> Result<Int64Array> {
        let name = time_column(&batch.schema(), names);
        let column = batch.column_by_name(name).ok_or_else(|| lost(name))?;
        self.nanos(column).map_err(|error| bad_cell(file, name, &error, error.row.map(|row| first_row + row)))
    }

    fn rows_to_keep(&self, event_times: &Int64Array) -> BooleanArray {
        self.skipped.fetch_add(event_times.null_count() as u64, Ordering::Relaxed);
        let range = self.range.unwrap_or(Interval {
            from: provender_core::time::Timestamp::MIN,
            to: provender_core::time::Timestamp::MAX,
        });
        let (from, to) = (range.from.as_nanos(), range.to.as_nanos());
        event_times.iter().map(|time| Some(time.is_some_and(|time| from <= time && time <= to))).collect()
    }
}

/// A time column as written, and the column that `field_mapping` says it is; the first that exists is meant.
fn time_names(source: &DataSource, name: &str) -> (String, String) {
    (name.to_owned(), source.column_of(name).to_owned())
}

fn time_column<'a>(schema: &Schema, (written, mapped): &'a (String, String)) -> &'a str {
    if schema.column_with_name(written).is_some() { written } else { mapped }
}

fn find<'a>(schema: &'a Schema, file: &str, name: &str) -> Result<(usize, &'a Field)> {
    let found = schema.column_with_name(name);
    if let Some((first, _)) = found
        && schema.fields()[first + 1..].iter().any(|field| field.name() == name)
    {
        return Err(Error::invalid(format!("`{file}` has more than one column `{name}`"))
            .with_hint("nothing says which one is meant: rename or remove the others"));
    }
    found.ok_or_else(|| {
        let error = Error::invalid(format!("`{file}` has no column `{name}`"));
        match nearest(name, schema.fields().iter().map(|field| field.name().as_str())) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint(format!("its columns are {}", columns::names(&Arc::new(schema.clone())))),
        }
    })
}

fn bad_cell(file: &str, column: &str, error: &CellError, row: Option<usize>) -> Error {
    Error::invalid(match row {
        Some(row) => format!("column `{column}` of `{file}` {error} in row {}", row + 1),
        None => format!("column `{column}` of `{file}` {error}"),
    })
}

fn lost(column: &str) -> Error {
    Error::new(ErrorKind::Bug, format!("column `{column}` was not read"))
}

fn bug(error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Bug, "could not shape a batch").with_source(error)
}
