//! Files as an offline store: a source is one file, a folder or a glob of Parquet or CSV files, on this machine or in a
//! bucket, read in byte order of their paths. What a value becomes is decided in `provender_runtime::columns`; here is only
//! how files are found (`locate`), read (`parquet`, `csv`), brought into the asked form (`shape`) and streamed (`scan`), and
//! how one with new rows is added (`append`).

mod append;
mod buckets;
mod chosen_values;
mod csv;
mod failure;
mod hybrid_runs;
mod in_bucket;
mod locate;
mod on_disk;
mod parquet;
mod scan;
mod shape;
mod source_file;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use provender_core::model::{BucketPath, DataSource, FileFormat, SourceKind};
use provender_core::registry::Interval;
use provender_core::time::Timestamp;
use provender_runtime::provider::{
    CreatedTimes, OfflineStore, PinnedSource, ScanSize, SourceDescription, SourceScan, TakeBatch,
};
use provender_runtime::{Error, ErrorKind, Result};

use self::append::NewFile;
pub use self::buckets::BucketSettings;
use self::buckets::Buckets;
use self::locate::{Reach, ground, locate};
use self::scan::Decoders;
use self::shape::{Shape, Wanted};
use self::source_file::SourceFile;

/// Files of one source whose columns a description looks at. A source with more has its number of rows left open, and its
/// later files are checked when they are read.
const FILES_DESCRIBED: usize = 1_000;
/// Files whose ends are read at the same time.
const FILES_AT_ONCE: usize = 16;

/// File sources below a base folder, where relative paths start, and in buckets.
#[derive(Clone, Debug)]
pub struct FileStore {
    base: PathBuf,
    top: PathBuf,
    buckets: Buckets,
    decoders: Decoders,
}

impl FileStore {
    /// A store whose relative paths start at `base` (the project folder), and which reads nothing that lies outside of `top`
    /// (the repository) on this machine, however it is named.
    pub fn new(base: impl Into<PathBuf>, top: impl Into<PathBuf>) -> Self {
        Self {
            base: base.into(),
            top: top.into(),
            buckets: Buckets::default(),
            decoders: Decoders::default(),
        }
    }

    /// The same store with another way to reach buckets; without it, nothing but their paths is known of them.
    #[must_use]
    pub fn with_buckets(self, settings: BucketSettings) -> Self {
        Self { buckets: Buckets::new(settings), ..self }
    }

    async fn files(&self, source: &DataSource) -> Result<(Vec<SourceFile>, FileFormat)> {
        let (path, format, endpoint) = file_kind(source)?;
        Ok((locate(self.reach(), path, endpoint, format).await?, format))
    }

    fn reach(&self) -> Reach<'_> {
        let disk = on_disk::Reach { base: &self.base, top: &self.top };
        Reach { disk, buckets: &self.buckets }
    }
}

/// Path, format and endpoint of a source of files.
fn file_kind(source: &DataSource) -> Result<(&str, FileFormat, Option<&str>)> {
    match &source.kind {
        SourceKind::File { path, format, endpoint } => Ok((path, *format, endpoint.as_deref())),
        other => Err(Error::invalid(format!("`{}` sources are not of files", other.as_str()))
            .with_hint("use a `file` source, or a provider whose offline store has that kind")),
    }
}

#[async_trait]
impl OfflineStore for FileStore {
    async fn describe(&self, source: &DataSource) -> Result<SourceDescription> {
        let (files, format) = self.files(source).await?;
        let looked_at = files.iter().take(FILES_DESCRIBED).cloned().collect::<Vec<_>>().into_iter();
        let described =
            stream::iter(looked_at.map(move |file| describe_file(file, format))).buffered(FILES_AT_ONCE);
        let described: Vec<(SchemaRef, Option<u64>)> = described.try_collect().await?;
        let rows = described.iter().map(|(_, rows)| *rows).sum::<Option<u64>>();
        let mut kinds = kinds_of_files(&files, described);
        Ok(SourceDescription {
            schema: kinds.remove(0).1,
            other_schemas: kinds,
            rows: rows.filter(|_| files.len() <= FILES_DESCRIBED),
            bytes: Some(files.iter().map(|file| file.meta.size).sum()),
        })
    }

    /// Of Parquet files, the row groups and columns that the scan would decode; a source of too many files is not known.
    async fn measure(&self, scan: &SourceScan) -> Result<ScanSize> {
        let (files, format) = self.files(&scan.source).await?;
        if format == FileFormat::Csv {
            return Ok(ScanSize { rows: None, bytes: Some(files.iter().map(|file| file.meta.size).sum()) });
        }
        if files.len() > FILES_DESCRIBED {
            return Ok(ScanSize::default());
        }
        let shape = &Shape::new(&scan.source, format, &scan.columns, Wanted::InRange(scan.range))?;
        let sizes = stream::iter(files).map(|file| async move { parquet::measure(&file, shape).await });
        let sizes: Vec<(u64, u64)> = sizes.buffered(FILES_AT_ONCE).try_collect().await?;
        let (rows, bytes) = sizes.into_iter().fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        Ok(ScanSize { rows: Some(rows), bytes: Some(bytes) })
    }

    fn reads(&self, source: &DataSource, file: &Path) -> Result<bool> {
        match file_kind(source) {
            Ok((path, format, _)) if BucketPath::parse(path).is_ok_and(|bucket| bucket.is_none()) => {
                on_disk::reads(self.reach().disk, path, format, file)
            }
            _ => Ok(false),
        }
    }

    async fn pin(&self, source: &DataSource) -> Result<Arc<dyn PinnedSource>> {
        let (files, format) = self.files(source).await?;
        Ok(Arc::new(PinnedFiles {
            source: source.clone(),
            format,
            files: files.into(),
            decoders: self.decoders.clone(),
        }))
    }

    /// As one file more of a folder or glob, with the columns and types of the last one that is there.
    async fn append(&self, source: &DataSource, rows: RecordBatch, arrival: Timestamp) -> Result<String> {
        let (path, format, endpoint) = file_kind(source)?;
        let ground = ground(self.reach(), path, endpoint, format).await?;
        let last = ground.files.last().ok_or_else(|| Error::new(ErrorKind::Bug, "a source has no file"))?;
        let file = NewFile::beside(&ground, last, format, arrival)?;
        let (like, _) = describe_file(last.clone(), format).await?;
        let (source, label) = (source.clone(), last.label.clone());
        let encoded = move || append::encode(&source, format, &like, &label, &rows);
        let encoded = tokio::task::spawn_blocking(encoded).await;
        let stopped = "a thread that encodes rows stopped";
        file.write(encoded.map_err(|error| Error::new(ErrorKind::Bug, stopped).with_source(error))??).await
    }
}

/// The files of a source as they were found.
#[derive(Debug)]
struct PinnedFiles {
    source: DataSource,
    format: FileFormat,
    files: Arc<[SourceFile]>,
    decoders: Decoders,
}

#[async_trait]
impl PinnedSource for PinnedFiles {
    async fn scan(
        &self,
        columns: &SchemaRef,
        range: Option<Interval>,
        created: CreatedTimes,
        take: Arc<TakeBatch>,
    ) -> Result<u64> {
        let shape = Shape::new(&self.source, self.format, columns, Wanted::InRange(range))?;
        let shape = if created == CreatedTimes::Read { shape } else { shape.without_created_times() };
        // A column that is nowhere is told before anything is read.
        let (first, _) = describe_file(self.files[0].clone(), self.format).await?;
        shape.positions(&self.files[0].label, &first)?;
        scan::scan(&self.files, shape, take, &self.decoders).await
    }

    async fn read(&self, columns: &SchemaRef, places: Arc<[u64]>, take: Arc<TakeBatch>) -> Result<()> {
        let shape = Shape::new(&self.source, self.format, columns, Wanted::At(places))?;
        scan::scan(&self.files, shape, take, &self.decoders).await.map(|_| ())
    }

    fn has_columns_apart(&self) -> bool {
        self.format == FileFormat::Parquet
    }
}

/// Columns of a file, and its rows where it says how many.
async fn describe_file(file: SourceFile, format: FileFormat) -> Result<(SchemaRef, Option<u64>)> {
    Ok(match format {
        FileFormat::Csv => (csv::describe(&file).await?, None),
        FileFormat::Parquet => {
            let (schema, rows) = parquet::describe(&file).await?;
            (schema, Some(rows))
        }
    })
}

/// The first file of each kind: those with the same columns in the same order are of one kind.
fn kinds_of_files(
    files: &[SourceFile],
    described: Vec<(SchemaRef, Option<u64>)>,
) -> Vec<(String, SchemaRef)> {
    let mut kinds: Vec<(String, SchemaRef)> = Vec::new();
    for (file, (schema, _)) in files.iter().zip(described) {
        if !kinds.iter().any(|(_, known)| known.fields() == schema.fields()) {
            kinds.push((file.label.clone(), schema));
        }
    }
    kinds
}
