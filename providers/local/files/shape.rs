//! From rows as a file has them to rows as a scan asks for them: names, times, range, types.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use provender_core::model::{DataSource, FileFormat, TimestampUnit};
use provender_core::registry::Interval;
use provender_runtime::columns::{self, CellError, nearest};
use provender_runtime::provider::{CREATED_TIME, EVENT_TIME, PLACE};
use provender_runtime::{Error, ErrorKind, Result};

use super::scan::row_in_file;

/// Which rows are asked for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// Those with event times in this range, or with any.
    InRange(Option<Interval>),
    /// Those at these places, sorted and distinct.
    At(Arc<[u64]>),
}

/// Where the rows of a batch are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows {
    /// One after the other in the source, from this place on.
    From(u64),
    /// They are wanted, all of them: what comes from this one of the wanted places on.
    Wanted(usize),
}

impl Rows {
    /// Those after so many.
    pub(super) fn after(self, many: usize) -> Self {
        match self {
            Self::From(place) => Self::From(place + many as u64),
            Self::Wanted(number) => Self::Wanted(number + many),
        }
    }
}

/// Where at most one of so many rows is wanted, the others are skipped and not decoded.
const SKIPPED: u64 = 32;

/// What is asked for, in the names of the source.
#[derive(Debug)]
pub(super) struct Shape {
    columns: Vec<(String, DataType)>,
    times: Times,
    /// Whether there is a column of created times, and whether it is read: else it is null.
    has_created: bool,
    reads_created: bool,
    pub(super) wanted: Wanted,
    pub(super) format: FileFormat,
    schema: SchemaRef,
    /// Rows without event time that were met so far.
    pub(super) skipped: AtomicU64,
}

/// The time columns of a source.
#[derive(Clone, Debug)]
struct Times {
    event: (String, String),
    created: Option<(String, String)>,
    unit: Option<TimestampUnit>,
}

impl Shape {
    pub(super) fn new(
        source: &DataSource,
        format: FileFormat,
        columns: &SchemaRef,
        wanted: Wanted,
    ) -> Result<Self> {
        let event_time = source.timestamp_field.as_deref().ok_or_else(|| {
            Error::invalid("the source has no `timestamp_field`")
                .with_hint("name the column of the event time")
        })?;
        let mut fields: Vec<_> = columns.fields().iter().cloned().collect();
        if let Wanted::InRange(_) = wanted {
            fields.push(Arc::new(Field::new(EVENT_TIME, DataType::Int64, false)));
            fields.push(Arc::new(Field::new(CREATED_TIME, DataType::Int64, true)));
        }
        fields.push(Arc::new(Field::new(PLACE, DataType::UInt64, false)));
        let has_created = fields.iter().any(|field| field.name() == CREATED_TIME);
        let columns = columns.fields().iter().filter(|field| field.name() != CREATED_TIME);
        let columns =
            columns.map(|field| (source.column_of(field.name()).to_owned(), field.data_type().clone()));
        Ok(Self {
            columns: columns.collect(),
            times: Times {
                event: time_names(source, event_time),
                created: source.created_timestamp_column.as_deref().map(|name| time_names(source, name)),
                unit: source.timestamp_unit,
            },
            has_created,
            reads_created: has_created,
            wanted,
            format,
            schema: Arc::new(Schema::new(fields)),
            skipped: AtomicU64::new(0),
        })
    }

    /// The same, with nulls for the created times. That they are there, and times, is found out still.
    pub(super) fn without_created_times(self) -> Self {
        Self { reads_created: false, ..self }
    }

    /// Whether some of so many rows from a place on may be wanted.
    pub(super) fn wants(&self, first: u64, rows: u64) -> bool {
        match &self.wanted {
            Wanted::InRange(_) => true,
            Wanted::At(places) => !wanted_of(places, first, rows).is_empty(),
        }
    }

    /// Of so many rows from a place on the places of those that are wanted, and which of all wanted ones they are; none where
    /// all rows in a range are.
    pub(super) fn wanted_rows(&self, first: u64, rows: u64) -> Option<(&[u64], Rows)> {
        let Wanted::At(places) = &self.wanted else { return None };
        let wanted = wanted_of(places, first, rows);
        Some((&places[wanted.clone()], Rows::Wanted(wanted.start)))
    }

    /// The same, and none where decoding all rows takes no longer than to skip the others.
    pub(super) fn few_wanted(&self, first: u64, rows: u64) -> Option<(&[u64], Rows)> {
        self.wanted_rows(first, rows).filter(|(places, _)| places.len() as u64 * SKIPPED <= rows)
    }

    /// Whether it asks for single rows, so that most of what is decoded is thrown away.
    pub(super) const fn wants_few(&self) -> bool {
        matches!(self.wanted, Wanted::At(_))
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
                let (from, to) = (columns::type_name(field.data_type()), columns::type_name(to));
                let error = CellError::column(format!("holds {from}, which does not become {to}"));
                return Err(bad_cell(file, name, &error, None)
                    .with_hint("declare a type that the column's values have, or correct the source"));
            }
            positions.push(position);
        }
        let event = Some((&self.times.event, true)).filter(|_| !self.wants_few());
        let created = self.times.created.as_ref().filter(|_| self.has_created);
        for (name, is_read) in event.into_iter().chain(created.map(|name| (name, self.reads_created))) {
            let (position, field) = find(schema, file, time_column(schema, name))?;
            if self.format == FileFormat::Parquet && !columns::is_time(field.data_type(), self.times.unit) {
                let held = columns::type_name(field.data_type());
                let error = CellError::column(format!("holds {held}, which is no time"));
                let hint = if field.data_type().is_integer() {
                    "say what the numbers count: `timestamp_unit = \"s\"`, `\"ms\"`, `\"us\"` or `\"ns\"`"
                } else {
                    "a time column holds timestamps, dates, or epoch numbers with `timestamp_unit`"
                };
                return Err(bad_cell(file, field.name(), &error, None).with_hint(hint));
            }
            if is_read {
                positions.push(position);
            }
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(positions)
    }

    /// What a column of a file holds, in the names of a scan.
    pub(super) fn asked_for(&self, schema: &Schema, column: &str) -> Option<&str> {
        let is_time = |names| time_column(schema, names) == column;
        if is_time(&self.times.event) {
            return Some(EVENT_TIME);
        }
        if self.times.created.as_ref().is_some_and(is_time) {
            return Some(CREATED_TIME);
        }
        let asked = self.columns.iter().position(|(name, _)| name == column)?;
        Some(self.schema.field(asked).name())
    }

    /// The unit of times that are numbers.
    pub(super) const fn unit(&self) -> Option<TimestampUnit> {
        self.times.unit
    }

    /// The name of the event-time column in this schema.
    pub(super) fn event_time<'a>(&'a self, schema: &Schema) -> &'a str {
        time_column(schema, &self.times.event)
    }

    /// Event times of statistics or rows, in nanoseconds.
    pub(super) fn nanos(&self, column: &ArrayRef) -> Result<Int64Array, CellError> {
        columns::to_nanos(column, self.times.unit)
    }

    /// The rows that are asked for, in the columns that are.
    ///
    /// # Errors
    /// A value that does not fit, with its row.
    pub(super) fn apply(&self, file: &str, rows: Rows, batch: &RecordBatch) -> Result<RecordBatch> {
        let row_of = |place: u64| usize::try_from(row_in_file(place)).unwrap_or(usize::MAX);
        let no_places = || Error::new(ErrorKind::Bug, "a batch holds rows that nobody wants");
        let (kept, places, times) = match (&self.wanted, rows) {
            (Wanted::At(places), Rows::Wanted(number)) => {
                let places = places.get(number..number + batch.num_rows()).ok_or_else(no_places)?;
                (batch.clone(), places.to_vec(), None)
            }
            (Wanted::InRange(_), Rows::Wanted(_)) => return Err(no_places()),
            (Wanted::At(places), Rows::From(first)) => {
                let places = &places[wanted_of(places, first, batch.num_rows() as u64)];
                let kept = if places.len() == batch.num_rows() {
                    batch.clone()
                } else {
                    let rows = UInt64Array::from_iter_values(places.iter().map(|place| place - first));
                    take_record_batch(batch, &rows).map_err(bug)?
                };
                (kept, places.to_vec(), None)
            }
            (Wanted::InRange(range), Rows::From(first)) => {
                let all_places = || (first..).take(batch.num_rows());
                let event_times = self.times(file, batch, &self.times.event, |row| row_of(first) + row)?;
                let keep = self.rows_to_keep(&event_times, *range);
                if keep.true_count() == keep.len() {
                    (batch.clone(), all_places().collect(), Some(event_times))
                } else {
                    let places = all_places().zip(keep.values()).filter(|(_, keep)| *keep);
                    let places: Vec<u64> = places.map(|(place, _)| place).collect();
                    let event_times = filter(&event_times, &keep).map_err(bug)?;
                    let batch = filter_record_batch(batch, &keep).map_err(bug)?;
                    (batch, places, Some(event_times.as_primitive().clone()))
                }
            }
        };
        // Rows of errors are rows of the file, not of what was kept.
        let row_of = |row: usize| row_of(places[row]);
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (name, to) in &self.columns {
            let column = kept.column_by_name(name).ok_or_else(|| lost(name))?;
            let shaped = match self.format {
                FileFormat::Parquet => columns::cast(column, to),
                FileFormat::Csv => columns::parse_text(column, to),
            };
            columns.push(shaped.map_err(|error| bad_cell(file, name, &error, error.row.map(row_of)))?);
        }
        if let Some(event_times) = times {
            columns.push(Arc::new(event_times));
        }
        if self.has_created {
            columns.push(match self.times.created.as_ref().filter(|_| self.reads_created) {
                None => Arc::new(Int64Array::new_null(kept.num_rows())),
                Some(names) => Arc::new(self.times(file, &kept, names, row_of)?),
            });
        }
        columns.push(Arc::new(UInt64Array::from(places)));
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(bug)
    }

    fn times(
        &self,
        file: &str,
        batch: &RecordBatch,
        names: &(String, String),
        row_of: impl Fn(usize) -> usize,
    ) -> Result<Int64Array> {
        let name = time_column(batch.schema_ref(), names);
        let column = batch.column_by_name(name).ok_or_else(|| lost(name))?;
        self.nanos(column).map_err(|error| bad_cell(file, name, &error, error.row.map(row_of)))
    }

    fn rows_to_keep(&self, event_times: &Int64Array, range: Option<Interval>) -> BooleanArray {
        self.skipped.fetch_add(event_times.null_count() as u64, Ordering::Relaxed);
        let (from, to) =
            range.map_or((i64::MIN, i64::MAX), |range| (range.from.as_nanos(), range.to.as_nanos()));
        let times = event_times.values();
        let in_range = BooleanBuffer::collect_bool(times.len(), |row| from <= times[row] && times[row] <= to);
        let keep = event_times.nulls().map_or_else(|| in_range.clone(), |valid| &in_range & valid.inner());
        BooleanArray::new(keep, None)
    }
}

/// Which of some sorted places are in so many from a first one on.
fn wanted_of(places: &[u64], first: u64, rows: u64) -> Range<usize> {
    let from = places.partition_point(|place| *place < first);
    let to = places.partition_point(|place| *place < first.saturating_add(rows));
    from..to
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
