//! What must hold for any bytes at all, shared by the fuzzer (`examples/fuzz`) and the test that replays what it found: a
//! file is read as a table or refused, in little time and memory, and never half.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow::array::UInt64Array;
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use provender_core::model::{DataSource, FileFormat, Lifecycle, Metadata, SourceKind, ValueType};
use provender_core::registry::Interval;
use provender_core::time::Timestamp;
use provender_runtime::columns;
use provender_runtime::historical::{Undeclared, read_entity_frame};
use provender_runtime::provider::{OfflineStore as _, SourceScan, TakeBatch, places};
use provender_runtime::{Error, ErrorKind, Result};
use tokio::runtime::Runtime;

use crate::FileStore;

/// What is fuzzed: files of sources, and files of entity rows.
pub const TARGETS: [&str; 5] = ["csv", "parquet", "frame-csv", "frame-parquet", "frame-arrow"];

/// The time column that inputs are read with.
pub const TIME_COLUMN: &str = "ts";

/// Reads inputs of one target, each from a file of its own.
pub struct Reader {
    runtime: Runtime,
    folder: PathBuf,
    file: String,
    is_frame: bool,
    format: FileFormat,
}

impl Reader {
    /// A reader for a target, which writes its files below `folder`.
    ///
    /// # Errors
    /// No async runtime.
    pub fn new(target: &str, folder: impl Into<PathBuf>) -> std::io::Result<Self> {
        let (is_frame, ending) = match target.strip_prefix("frame-") {
            Some(ending) => (true, ending),
            None => (false, target),
        };
        Ok(Self {
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?,
            folder: folder.into(),
            file: format!("input.{ending}"),
            is_frame,
            format: if ending == "csv" { FileFormat::Csv } else { FileFormat::Parquet },
        })
    }

    /// Reads an input; how many rows it had.
    ///
    /// # Errors
    /// It is no such table. That is an answer, and a good one.
    pub fn run(&self, input: &[u8]) -> Result<usize> {
        let path = self.folder.join(&self.file);
        fs::write(&path, input)
            .map_err(|error| provender_runtime::Error::unavailable("no input file").with_source(error))?;
        if self.is_frame {
            let keys = vec![("name".to_owned(), ValueType::String)];
            let frame = read_entity_frame(&path, Some(TIME_COLUMN), keys, Undeclared::Typed);
            let frame = self.runtime.block_on(frame)?;
            return Ok(frame.num_rows());
        }
        self.runtime.block_on(self.scan())
    }

    async fn scan(&self) -> Result<usize> {
        let store = FileStore::new(&self.folder, &self.folder);
        let mut source = source(&self.file, self.format);
        let schema = store.describe(&source).await?.schema;
        source.created_timestamp_column =
            schema.column_with_name("created").map(|(_, field)| field.name().clone());
        let fields = schema.fields().iter().filter(|field| field.name() != TIME_COLUMN);
        let fields =
            fields.filter_map(|field| Some(columns::field(field.name(), &declared(field.data_type())?)));
        let mut scan = SourceScan {
            source,
            columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            range: Some(Interval { from: Timestamp::EPOCH, to: Timestamp::MAX }),
        };
        store.measure(&scan).await?;
        gather(&store, &scan).await?;
        scan.range = None;
        let rows = gather(&store, &scan).await?;
        same_at_places(&store, &scan, &rows).await?;
        Ok(rows.iter().map(RecordBatch::num_rows).sum())
    }
}

async fn gather(store: &FileStore, scan: &SourceScan) -> Result<Vec<RecordBatch>> {
    let batches: Arc<Mutex<Vec<RecordBatch>>> = Arc::default();
    store.scan(scan, pushed_to(&batches)).await?;
    Ok(batches.lock().map(|mut batches| std::mem::take(&mut *batches)).unwrap_or_default())
}

fn pushed_to(batches: &Arc<Mutex<Vec<RecordBatch>>>) -> Arc<TakeBatch> {
    let batches = Arc::clone(batches);
    Arc::new(move |batch| {
        batches.lock().map(|mut batches| batches.push(batch)).unwrap_or_default();
        Ok(())
    })
}

/// Reads some of the rows that a scan gave once more by their places: each is refused, or has the values that the scan gave.
async fn same_at_places(store: &FileStore, scan: &SourceScan, rows: &[RecordBatch]) -> Result<()> {
    let bug = |message: &str| Error::new(ErrorKind::Bug, message);
    let joined = |batches: &[RecordBatch]| -> Result<Option<RecordBatch>> {
        let Some(first) = batches.first() else { return Ok(None) };
        let whole = concat_batches(&first.schema(), batches).map_err(|_| bug("batches are not alike"))?;
        let order = sort_to_indices(&places(&whole)?.clone(), None, None).map_err(|_| bug("no order"))?;
        Ok(Some(take_record_batch(&whole, &order).map_err(|_| bug("no rows"))?))
    };
    let Some(whole) = joined(rows)? else { return Ok(()) };
    let some = UInt64Array::from_iter_values((0..whole.num_rows() as u64).step_by(3));
    let expected = take_record_batch(&whole, &some).map_err(|_| bug("no rows"))?;
    let chosen: Arc<[u64]> = places(&expected)?.values().to_vec().into();
    let pinned = store.pin(&scan.source).await?;
    for column in 0..scan.columns.fields().len() {
        let asked = scan.columns.project(&[column]).map_err(|_| bug("no column"))?;
        let read: Arc<Mutex<Vec<RecordBatch>>> = Arc::default();
        pinned.read(&Arc::new(asked), Arc::clone(&chosen), pushed_to(&read)).await?;
        let read = read.lock().map(|mut batches| std::mem::take(&mut *batches)).unwrap_or_default();
        let read = joined(&read)?.ok_or_else(|| bug("no rows were read"))?;
        assert_eq!(read.column(0), expected.column(column), "rows read by their places are others");
    }
    Ok(())
}

/// A type to ask for where a file has this one.
fn declared(data_type: &DataType) -> Option<ValueType> {
    Some(match data_type {
        DataType::Boolean => ValueType::Bool,
        DataType::Int32 => ValueType::Int32,
        data_type if data_type.is_integer() => ValueType::Int64,
        DataType::Float32 => ValueType::Float32,
        data_type if data_type.is_numeric() => ValueType::Float64,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => ValueType::Timestamp,
        DataType::Binary | DataType::FixedSizeBinary(_) => ValueType::Bytes,
        DataType::List(element) => ValueType::List(Box::new(declared(element.data_type())?)),
        data_type if columns::castable(data_type, &DataType::Utf8) => ValueType::String,
        _ => return None,
    })
}

fn source(path: &str, format: FileFormat) -> DataSource {
    DataSource {
        kind: SourceKind::File { path: path.to_owned(), format, endpoint: None },
        timestamp_field: Some(TIME_COLUMN.to_owned()),
        created_timestamp_column: None,
        timestamp_unit: None,
        date_partition_column: None,
        field_mapping: std::collections::BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}
