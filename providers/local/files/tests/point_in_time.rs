//! Values at points in time over files: the suite that every engine runs, with tables cut into many small files, row groups
//! and pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow::csv;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use provender_core::model::{FileFormat, SourceKind};
use provender_runtime::provider::OfflineStore;
use provender_runtime::testing::{
    HistoryBackend, Pieces, cases, historical_conformance, random_histories, random_lifetimes,
};
use tempfile::TempDir;

use super::super::FileStore;
use crate::embedded::tests::Folder;

/// Files in a folder of their own for each call.
#[derive(Debug)]
struct Files {
    format: FileFormat,
    folder: TempDir,
    calls: AtomicU64,
}

impl Files {
    fn new(format: FileFormat) -> Self {
        Self { format, folder: tempfile::tempdir().unwrap(), calls: AtomicU64::new(0) }
    }

    /// The files of a table, in byte order of their paths: every second one lies in a folder.
    fn write(&self, place: &Path, rows: &RecordBatch, pieces: Pieces) {
        let ending = if self.format == FileFormat::Csv { "csv" } else { "parquet" };
        let mut starts: Vec<usize> = (0..rows.num_rows()).step_by(pieces.file).collect();
        if starts.is_empty() {
            starts.push(0);
        }
        for (number, start) in starts.into_iter().enumerate() {
            let part = rows.slice(start, pieces.file.min(rows.num_rows() - start));
            let inner = if number % 2 == 0 { "" } else { "/part" };
            let path = place.join(format!("{number:03}{inner}.{ending}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match self.format {
                FileFormat::Csv => write_csv(&path, &part),
                FileFormat::Parquet => write_parquet(&path, &part, pieces),
            }
        }
    }
}

fn write_csv(path: &Path, rows: &RecordBatch) {
    let mut writer = csv::WriterBuilder::new().with_header(true).build(fs::File::create(path).unwrap());
    writer.write(rows).unwrap();
}

/// What a writer may choose follows from the pieces.
fn write_parquet(path: &Path, rows: &RecordBatch, pieces: Pieces) {
    let statistics = match pieces.page % 3 {
        0 => EnabledStatistics::None,
        1 => EnabledStatistics::Page,
        _ => EnabledStatistics::Chunk,
    };
    let compression =
        if pieces.group.is_multiple_of(2) { Compression::SNAPPY } else { Compression::UNCOMPRESSED };
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(pieces.group))
        .set_data_page_row_count_limit(pieces.page)
        .set_write_batch_size(pieces.page)
        .set_statistics_enabled(statistics)
        .set_dictionary_enabled(pieces.file.is_multiple_of(2))
        .set_compression(compression)
        .build();
    let mut writer =
        ArrowWriter::try_new(fs::File::create(path).unwrap(), rows.schema(), Some(properties)).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

#[async_trait]
impl HistoryBackend for Files {
    async fn hold(&self, tables: &[RecordBatch], pieces: Pieces) -> (Vec<SourceKind>, Arc<dyn OfflineStore>) {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let folder = |call: u64| -> PathBuf { self.folder.path().join(call.to_string()) };
        if let Some(last) = call.checked_sub(1) {
            fs::remove_dir_all(folder(last)).unwrap();
        }
        let mut kinds = Vec::new();
        for (number, rows) in tables.iter().enumerate() {
            self.write(&folder(call).join(format!("table{number}")), rows, pieces);
            let path = format!("table{number}");
            kinds.push(SourceKind::File { path, format: self.format, endpoint: None });
        }
        (kinds, Arc::new(FileStore::new(folder(call), self.folder.path())))
    }

    /// A CSV field without text is null.
    fn knows_empty_text(&self) -> bool {
        self.format != FileFormat::Csv
    }
}

#[tokio::test]
async fn an_engine_over_parquet_conforms() {
    historical_conformance(&Files::new(FileFormat::Parquet)).await;
}

#[tokio::test]
async fn an_engine_over_csv_conforms() {
    historical_conformance(&Files::new(FileFormat::Csv)).await;
}

#[tokio::test]
async fn random_histories_in_parquet_equal_the_oracle() {
    let cases = cases(200);
    random_histories(&Files::new(FileFormat::Parquet), 0..cases).await.are_worth_something(cases);
}

#[tokio::test]
async fn random_histories_in_csv_equal_the_oracle() {
    let cases = cases(100);
    random_histories(&Files::new(FileFormat::Csv), 0..cases).await.are_worth_something(cases);
}

/// Both halves of the local provider at once.
#[tokio::test]
async fn random_lifetimes_from_parquet_to_the_embedded_store_leave_what_the_oracle_has() {
    let lifetimes = random_lifetimes(&Folder::new(), &Files::new(FileFormat::Parquet), 0..cases(30)).await;
    assert!(lifetimes.rows > 0, "{lifetimes:?}");
}
