//! An offline store in memory: sources by the path of their `file` kind, given out in small batches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::array::{Array as _, ArrayRef, BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt as _;
use provender_core::model::{DataSource, SourceKind};

use crate::columns::{cast, to_nanos};
use crate::provider::{
    CREATED_TIME, EVENT_TIME, OfflineStore, ScanSize, SourceDescription, SourceRows, SourceScan,
};
use crate::{Error, ErrorKind, Result};

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

    async fn scan(&self, scan: &SourceScan) -> Result<SourceRows> {
        let rows = self.rows(&scan.source)?;
        let column = |name: &str| {
            rows.column_by_name(scan.source.column_of(name))
                .ok_or_else(|| Error::invalid(format!("the source has no column `{name}`")))
        };
        let bad = |error: crate::columns::CellError| Error::invalid(error.to_string());
        let times = |name: &str| to_nanos(column(name)?, scan.source.timestamp_unit).map_err(bad);
        let event_times = times(scan.source.timestamp_field.as_deref().unwrap_or_default())?;
        let created_times = match &scan.source.created_timestamp_column {
            Some(name) => times(name)?,
            None => Int64Array::new_null(rows.num_rows()),
        };
        let mut fields: Vec<_> = scan.columns.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(EVENT_TIME, DataType::Int64, true)));
        fields.push(Arc::new(Field::new(CREATED_TIME, DataType::Int64, true)));
        let mut columns: Vec<ArrayRef> = Vec::new();
        for field in scan.columns.fields() {
            columns.push(cast(column(field.name())?, field.data_type()).map_err(bad)?);
        }
        let seen = |time: i64| {
            scan.range.is_none_or(|range| range.from.as_nanos() <= time && time <= range.to.as_nanos())
        };
        let keep: BooleanArray = event_times.iter().map(|time| Some(time.is_some_and(seen))).collect();
        let skipped = event_times.null_count() as u64;
        columns.push(Arc::new(event_times));
        columns.push(Arc::new(created_times));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .and_then(|batch| filter_record_batch(&batch, &keep))
            .map_err(|error| Error::invalid("rows do not fit together").with_source(error))?;
        let batches: Vec<Result<RecordBatch>> = (0..batch.num_rows())
            .step_by(self.batch_rows.max(1))
            .map(|at| Ok(batch.slice(at, self.batch_rows.max(1).min(batch.num_rows() - at))))
            .collect();
        Ok(SourceRows {
            batches: futures::stream::iter(batches).boxed(),
            skipped: Arc::new(AtomicU64::new(skipped)),
        })
    }
}
