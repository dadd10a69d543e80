//! An offline store in memory: sources by the path of their `file` kind, given out in small batches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{Array as _, ArrayRef, BooleanArray, Int64Array, UInt64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use provender_core::model::{DataSource, SourceKind};
use provender_core::registry::Interval;

use crate::columns::{CellError, cast, to_nanos};
use crate::newest_rows::locked;
use crate::provider::{
    CREATED_TIME, CreatedTimes, EVENT_TIME, OfflineStore, PLACE, PinnedSource, ScanSize, SourceDescription,
    SourceScan, TakeBatch,
};
use crate::{Error, ErrorKind, Result};

/// What a scan gives: its batches, in the order in which they came, and how many rows had no event time.
///
/// # Errors
/// Those of the scan.
pub async fn scanned(store: &dyn OfflineStore, scan: &SourceScan) -> Result<(Vec<RecordBatch>, u64)> {
    let batches: Arc<Mutex<Vec<RecordBatch>>> = Arc::default();
    let gathered = Arc::clone(&batches);
    let take = move |batch| {
        locked(&gathered).push(batch);
        Ok(())
    };
    let skipped = store.scan(scan, Arc::new(take)).await?;
    let batches = std::mem::take(&mut *locked(&batches));
    Ok((batches, skipped))
}

/// Histories in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryHistory {
    sources: BTreeMap<String, RecordBatch>,
    batch_rows: usize,
}

impl MemoryHistory {
    /// A store that gives out batches of so many rows.
    pub fn new(batch_rows: usize) -> Self {
        Self { sources: BTreeMap::new(), batch_rows }
    }

    /// The same store with the rows of the source whose path is `path`.
    #[must_use]
    pub fn with(mut self, path: &str, rows: RecordBatch) -> Self {
        self.sources.insert(path.to_owned(), rows);
        self
    }

    fn rows(&self, source: &DataSource) -> Result<&RecordBatch> {
        match &source.kind {
            SourceKind::File { path, .. } => self
                .sources
                .get(path)
                .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no file `{path}`"))),
            other => Err(Error::invalid(format!("a `{}` source is not in memory", other.as_str()))),
        }
    }
}

#[async_trait]
impl OfflineStore for MemoryHistory {
    async fn describe(&self, source: &DataSource) -> Result<SourceDescription> {
        let rows = self.rows(source)?;
        Ok(SourceDescription {
            schema: rows.schema(),
            other_schemas: Vec::new(),
            rows: Some(rows.num_rows() as u64),
            bytes: None,
        })
    }

    async fn measure(&self, scan: &SourceScan) -> Result<ScanSize> {
        let rows = self.rows(&scan.source)?.num_rows();
        Ok(ScanSize { rows: Some(rows as u64), bytes: None })
    }

    async fn pin(&self, source: &DataSource) -> Result<Arc<dyn PinnedSource>> {
        let rows = self.rows(source)?.clone();
        Ok(Arc::new(PinnedMemory { source: source.clone(), rows, batch_rows: self.batch_rows.max(1) }))
    }
}

#[derive(Debug)]
struct PinnedMemory {
    source: DataSource,
    rows: RecordBatch,
    batch_rows: usize,
}

impl PinnedMemory {
    fn column(&self, name: &str) -> Result<&ArrayRef> {
        self.rows
            .column_by_name(self.source.column_of(name))
            .ok_or_else(|| Error::invalid(format!("the source has no column `{name}`")))
    }

    fn times(&self, name: &str) -> Result<Int64Array> {
        to_nanos(self.column(name)?, self.source.timestamp_unit).map_err(bad)
    }

    fn created_times(&self) -> Result<Int64Array> {
        match &self.source.created_timestamp_column {
            Some(name) => self.times(name),
            None => Ok(Int64Array::new_null(self.rows.num_rows())),
        }
    }

    /// Gives the rows to keep with these columns and those of the source's own, in small batches, the last first.
    fn give(
        &self,
        columns: &SchemaRef,
        own: Vec<(Field, ArrayRef)>,
        keep: &BooleanArray,
        take: &TakeBatch,
    ) -> Result<()> {
        let mut fields: Vec<_> = columns.fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut values = Vec::new();
        for field in &fields {
            values.push(match field.name().as_str() {
                CREATED_TIME => Arc::new(self.created_times()?),
                name => cast(self.column(name)?, field.data_type()).map_err(bad)?,
            });
        }
        let rows = UInt64Array::from_iter_values(0..self.rows.num_rows() as u64);
        for (field, column) in
            own.into_iter().chain([(Field::new(PLACE, DataType::UInt64, false), Arc::new(rows) as _)])
        {
            fields.push(field);
            values.push(column);
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), values)
            .and_then(|batch| filter_record_batch(&batch, keep))
            .map_err(|error| Error::invalid("rows do not fit together").with_source(error))?;
        let mut starts = (0..batch.num_rows()).step_by(self.batch_rows).rev();
        starts.try_for_each(|at| take(batch.slice(at, self.batch_rows.min(batch.num_rows() - at))))
    }
}

#[async_trait]
impl PinnedSource for PinnedMemory {
    fn has_columns_apart(&self) -> bool {
        true
    }

    async fn scan(
        &self,
        columns: &SchemaRef,
        range: Option<Interval>,
        created: CreatedTimes,
        take: Arc<TakeBatch>,
    ) -> Result<u64> {
        let event_times = self.times(self.source.timestamp_field.as_deref().unwrap_or_default())?;
        let created_times = match created {
            CreatedTimes::Read => self.created_times()?,
            CreatedTimes::LeftOut => Int64Array::new_null(self.rows.num_rows()),
        };
        let seen = |time: i64| {
            range.is_none_or(|range| range.from.as_nanos() <= time && time <= range.to.as_nanos())
        };
        let keep: BooleanArray = event_times.iter().map(|time| Some(time.is_some_and(seen))).collect();
        let skipped = event_times.null_count() as u64;
        let own: Vec<(Field, ArrayRef)> = vec![
            (Field::new(EVENT_TIME, DataType::Int64, true), Arc::new(event_times)),
            (Field::new(CREATED_TIME, DataType::Int64, true), Arc::new(created_times)),
        ];
        self.give(columns, own, &keep, take.as_ref())?;
        Ok(skipped)
    }

    async fn read(&self, columns: &SchemaRef, places: Arc<[u64]>, take: Arc<TakeBatch>) -> Result<()> {
        let rows = 0..self.rows.num_rows() as u64;
        let keep: BooleanArray = rows.map(|row| Some(places.binary_search(&row).is_ok())).collect();
        self.give(columns, Vec::new(), &keep, take.as_ref())
    }
}

fn bad(error: CellError) -> Error {
    Error::invalid(error.to_string())
}
