//! Tables as files. A file appears under its name when it is whole, never before.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::blocking::on_blocking_thread;
use crate::error::room_hint;
use crate::{Error, Result};

/// Formats of entity frames and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
    /// Arrow IPC, the file form (Feather version 2).
    Arrow,
}

impl TableFormat {
    /// The format that a name's ending says.
    ///
    /// # Errors
    /// An ending that says none.
    pub fn of_path(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        match ending.as_str() {
            "parquet" | "pq" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "arrow" | "arrows" | "ipc" | "feather" => Ok(Self::Arrow),
            _ => Err(Error::invalid(format!("the ending of `{}` says no format", path.display()))
                .with_hint("use a name that ends with `.parquet`, `.csv` or `.arrow`")),
        }
    }
}

/// Writes a table to a file: first under another name in the same folder, then renamed. A file of that name is replaced;
/// when anything fails it stays as it was.
///
/// # Errors
/// A folder that cannot be written, a full disk, a column that the format cannot hold.
pub async fn write_result(batch: &RecordBatch, path: &Path, format: TableFormat) -> Result<()> {
    let (batch, path) = (batch.clone(), path.to_owned());
    on_blocking_thread(move || {
        let temporary = temporary_name(&path);
        let written = write_file(&batch, &temporary, format)
            .and_then(|()| fs::rename(&temporary, &path).map_err(Into::into));
        written.map_err(|error| {
            // The error that matters is the first one; what is left is removed as well as can be.
            let _ = fs::remove_file(&temporary);
            let hint = room_hint(error.as_ref());
            let error =
                Error::unavailable(format!("could not write `{}`", path.display())).with_source(error);
            match hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })
    })
    .await
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{:016x}.tmp", rand::random::<u64>()))
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn write_file(batch: &RecordBatch, path: &Path, format: TableFormat) -> Result<(), AnyError> {
    let file = File::create_new(path)?;
    match format {
        TableFormat::Parquet => {
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let mut writer = ArrowWriter::try_new(&file, batch.schema(), Some(properties))?;
            writer.write(batch)?;
            writer.close()?;
        }
        TableFormat::Csv => {
            let mut writer = arrow::csv::Writer::new(std::io::BufWriter::new(&file));
            writer.write(batch)?;
            writer.into_inner().flush()?;
        }
        TableFormat::Arrow => {
            let mut writer = arrow::ipc::writer::FileWriter::try_new_buffered(&file, &batch.schema())?;
            writer.write(batch)?;
            writer.finish()?;
            writer.into_inner()?.flush()?;
        }
    }
    file.sync_all()?;
    Ok(())
}
