//! New rows of a source: one file more, in the columns and types of those that are there. What is written is first read
//! back by the rules that every reader goes by, so a value that the files cannot hold is refused and never changed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int64Array, StringArray, TimestampNanosecondArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{PutMode, PutOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use provender_core::model::{DataSource, FileFormat, TimestampUnit};
use provender_core::time::Timestamp;
use provender_runtime::columns::{self, CellError};
use provender_runtime::provider::{CREATED_TIME, EVENT_TIME};
use provender_runtime::registry::random_id;
use provender_runtime::{Error, ErrorKind, Result};

use super::buckets::Bucket;
use super::failure;
use super::locate::{Ground, endings};
use super::shape::{Rows, Shape, Wanted};
use super::source_file::SourceFile;

/// Files of appended rows have this in their names, before the time of their arrival.
const MARK: &str = "pushed-";

/// A file to be, of a source.
pub(super) struct NewFile {
    location: StorePath,
    /// How messages name it.
    label: String,
    bucket: Option<Arc<Bucket>>,
}

impl NewFile {
    /// A file in the place of those that are there, whose name comes after all of theirs.
    pub(super) fn beside(
        ground: &Ground,
        last: &SourceFile,
        format: FileFormat,
        arrival: Timestamp,
    ) -> Result<Self> {
        let location = last.meta.location.as_ref();
        let below = location.strip_prefix(ground.folder.as_ref()).unwrap_or(location).trim_start_matches('/');
        let name = name_after(below, endings(format)[0], arrival, &random_id());
        let file = Self {
            location: sibling(&ground.folder, &name)?,
            label: format!("{}{name}", last.label.strip_suffix(below).unwrap_or_default()),
            bucket: last.bucket.clone(),
        };
        if !ground.is_read(&file.location, format) {
            return Err(Error::invalid(format!("the source would not read a new file `{}`", file.label))
                .with_hint(format!(
                    "a `path` that is a folder, or ends with `/*.{}`, takes new files",
                    endings(format)[0]
                )));
        }
        if file.bucket.is_none() && ground.is_read(&file.temporary()?, format) {
            return Err(Error::invalid("the source would read a new file before it is whole")
                .with_hint(format!("end the glob in `path` with `*.{}`", endings(format)[0])));
        }
        Ok(file)
    }

    /// Its name while it is written: no reader takes it for data.
    fn temporary(&self) -> Result<StorePath> {
        let (folder, name) = self.location.as_ref().rsplit_once('/').unwrap_or(("", self.location.as_ref()));
        sibling(&StorePath::parse(folder).map_err(|error| bug(error.into()))?, &format!(".{name}.tmp"))
    }

    /// Writes it: whole or not at all, and never over another.
    pub(super) async fn write(self, bytes: Vec<u8>) -> Result<String> {
        match self.bucket.clone() {
            Some(bucket) => self.put(&bucket, bytes).await?,
            None => {
                let (place, temporary) = (self.location.clone(), self.temporary()?);
                let written =
                    tokio::task::spawn_blocking(move || write_on_disk(&place, &temporary, &bytes)).await;
                let written = written.map_err(|error| {
                    Error::new(ErrorKind::Bug, "a thread that writes a file stopped").with_source(error)
                })?;
                written.map_err(|error| self.not_written(error))?;
            }
        }
        Ok(self.label)
    }

    async fn put(&self, bucket: &Bucket, bytes: Vec<u8>) -> Result<()> {
        let options = PutOptions::from(PutMode::Create);
        match bucket.read.put_opts(&self.location, bytes.into(), options).await {
            Ok(_) => Ok(()),
            // A try before, whose answer was lost, may have made it; nothing tells.
            Err(object_store::Error::AlreadyExists { .. }) => {
                Err(Error::conflict(format!("`{}` is there already", self.label))
                    .with_hint("push the rows again: the same rows twice do no harm"))
            }
            Err(error) => Err(failure::explain_write(bucket, &self.label, &error)),
        }
    }

    fn not_written(&self, error: io::Error) -> Error {
        use io::ErrorKind as Io;
        let message = format!("could not write `{}`", self.label);
        let hint = match error.kind() {
            Io::PermissionDenied | Io::ReadOnlyFilesystem => {
                "rows that are pushed offline become a new file there: give this program the right to write it"
            }
            Io::StorageFull | Io::QuotaExceeded => {
                "the disk is full; free some space and push the rows again"
            }
            _ => return Error::unavailable(message).with_source(error),
        };
        Error::unavailable(message).with_source(error).with_hint(hint)
    }
}

/// A file of this name in a folder. Joining would encode what is no plain letter, and names that are there are as they are.
fn sibling(folder: &StorePath, name: &str) -> Result<StorePath> {
    let path = [folder.as_ref(), name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    StorePath::parse(path.join("/")).map_err(|error| bug(error.into()))
}

/// A name after `last`, the path of a file below the same folder: byte order is the order of arrival.
///
/// `pushed-NANOSECONDS-UNIQUE.ENDING`; where a file that others wrote comes after that, its name is put before.
fn name_after(last: &str, ending: &str, arrival: Timestamp, unique: &str) -> String {
    let first = last.split('/').next().unwrap_or_default();
    let pushed = first.rfind(MARK).and_then(|at| {
        let nanos = first[at + MARK.len()..].get(..19)?.parse::<i64>().ok()?;
        Some((&first[..at], nanos))
    });
    // A clock may be behind that of the one who pushed before.
    let (before, nanos) = match pushed {
        Some((before, last)) => (before.to_owned(), arrival.as_nanos().max(last.saturating_add(1))),
        None if first < MARK => (String::new(), arrival.as_nanos()),
        None => (format!("{}_", first.rsplit_once('.').map_or(first, |(stem, _)| stem)), arrival.as_nanos()),
    };
    format!("{before}{MARK}{:019}-{unique}.{ending}", nanos.max(0))
}

/// The bytes of a file with these rows, which are a batch as a scan gives it, without places. `like` are the columns of a file
/// that is there.
pub(super) fn encode(
    source: &DataSource,
    format: FileFormat,
    like: &Schema,
    label: &str,
    rows: &RecordBatch,
) -> Result<Vec<u8>> {
    let is_own = |field: &Field| field.name() == EVENT_TIME || field.name() == CREATED_TIME;
    let asked = rows.schema().fields().iter().filter(|field| !is_own(field)).cloned().collect::<Vec<_>>();
    let shape = Shape::new(source, format, &Arc::new(Schema::new(asked)), Wanted::InRange(None))?;
    // A reader could not do with such a file either.
    shape.positions(label, like)?;
    let mut columns = Vec::with_capacity(like.fields().len());
    for field in like.fields() {
        let name = shape.asked_for(like, field.name());
        let column = match name.and_then(|name| rows.column_by_name(name)) {
            None => new_null_array(file_type(field.data_type(), format), rows.num_rows()),
            Some(column) if matches!(name, Some(EVENT_TIME | CREATED_TIME)) => {
                time_column(column.as_primitive(), field.data_type(), shape.unit(), format)
                    .map_err(|error| cannot_hold(field, &error))?
            }
            Some(column) => {
                value_column(column, field.data_type(), format).map_err(|error| cannot_hold(field, &error))?
            }
        };
        columns.push((field, column));
    }
    let schema = columns.iter().map(|(field, column)| {
        let is_nullable = field.is_nullable() || column.null_count() > 0;
        Field::new(field.name(), column.data_type().clone(), is_nullable)
    });
    let schema = Arc::new(Schema::new(schema.collect::<Vec<_>>()));
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    let written = RecordBatch::try_new(schema, columns).map_err(|error| bug(error.into()))?;
    compare(rows, &shape.apply(label, Rows::From(0), &written)?, like, &shape)?;
    match format {
        FileFormat::Parquet => parquet_bytes(&written),
        FileFormat::Csv => csv_bytes(&written),
    }
}

const fn file_type(of_column: &DataType, format: FileFormat) -> &DataType {
    match format {
        FileFormat::Parquet => of_column,
        FileFormat::Csv => &DataType::Utf8,
    }
}

/// Times in the form that the files have. Parts of a unit that they do not count are left away; `compare` finds them.
fn time_column(
    nanos: &Int64Array,
    of_column: &DataType,
    unit: Option<TimestampUnit>,
    format: FileFormat,
) -> Result<ArrayRef, CellError> {
    if let (true, Some(unit)) = (of_column.is_integer(), unit) {
        let counted: Int64Array = nanos.unary(|time| time.div_euclid(columns::nanos_per(unit)));
        return as_type(&(Arc::new(counted) as ArrayRef), file_type(of_column, format));
    }
    let times =
        TimestampNanosecondArray::new(nanos.values().clone(), nanos.nulls().cloned()).with_timezone("UTC");
    as_type(&(Arc::new(times) as ArrayRef), file_type(of_column, format))
}

/// Values in the form that the files have.
fn value_column(column: &ArrayRef, of_column: &DataType, format: FileFormat) -> Result<ArrayRef, CellError> {
    if format == FileFormat::Csv {
        let empty = text_of(column).and_then(|text| text.iter().position(|text| text == Some("")));
        if let Some(row) = empty {
            return Err(CellError::at(row, "is an empty text, which CSV does not tell from null".to_owned()));
        }
    }
    as_type(column, file_type(of_column, format))
}

/// A column of text or bytes as text, where it is one and that can be.
fn text_of(column: &ArrayRef) -> Option<StringArray> {
    let is_text = matches!(column.data_type(), DataType::Utf8 | DataType::Binary);
    is_text.then(|| as_type(column, &DataType::Utf8).ok()?.as_string_opt().cloned()).flatten()
}

fn as_type(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, CellError> {
    // A column of nothing but nulls has no type of its own.
    if column.data_type() == to || *to == DataType::Null {
        return Ok(Arc::clone(column));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, to, &options).map_err(|error| CellError::column(error.to_string()))
}

/// Refuses what readers would not read as it was given.
fn compare(given: &RecordBatch, read: &RecordBatch, like: &Schema, shape: &Shape) -> Result<()> {
    for field in like.fields() {
        // When a row was written only breaks ties; files may count it less finely.
        let Some(name) = shape.asked_for(like, field.name()).filter(|name| *name != CREATED_TIME) else {
            continue;
        };
        let (Some(given), Some(read)) = (given.column_by_name(name), read.column_by_name(name)) else {
            continue;
        };
        let expected = rounded(given, field.data_type()).map_err(|error| cannot_hold(field, &error))?;
        if expected.as_ref() != read.as_ref() {
            let row = (0..expected.len()).find(|row| expected.slice(*row, 1) != read.slice(*row, 1));
            let held = columns::type_name(field.data_type());
            let message = format!("holds {held} in the files, which cannot hold the value");
            let error = CellError { row, message };
            return Err(cannot_hold(field, &error));
        }
    }
    Ok(())
}

/// The values that files of this type keep: they may round a float.
fn rounded(given: &ArrayRef, of_column: &DataType) -> Result<ArrayRef, CellError> {
    let is_float32 = match of_column {
        DataType::List(element) => *element.data_type() == DataType::Float32,
        other => *other == DataType::Float32,
    };
    if is_float32 && columns::castable(given.data_type(), of_column) {
        return columns::cast(&columns::cast(given, of_column)?, given.data_type());
    }
    Ok(Arc::clone(given))
}

fn cannot_hold(field: &Field, error: &CellError) -> Error {
    let row = error.row.map(|row| format!(" of row {}", row + 1)).unwrap_or_default();
    Error::invalid(format!("column `{}` {error}{row}", field.name()))
        .with_hint("a new file has the types of the source's last one: push values that they hold")
}

fn parquet_bytes(batch: &RecordBatch) -> Result<Vec<u8>> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
        .map_err(|error| bug(error.into()))?;
    writer.write(batch).map_err(|error| bug(error.into()))?;
    writer.into_inner().map_err(|error| bug(error.into()))
}

fn csv_bytes(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut writer = arrow::csv::Writer::new(Vec::new());
    writer.write(batch).map_err(|error| bug(error.into()))?;
    Ok(writer.into_inner())
}

fn bug(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::new(ErrorKind::Bug, "could not encode new rows").with_source(error)
}

/// Writes a file under another name, which then becomes its own unless a file has that.
fn write_on_disk(place: &StorePath, temporary: &StorePath, bytes: &[u8]) -> io::Result<()> {
    let files = LocalFileSystem::new();
    let (place, temporary) = (files.path_to_filesystem(place)?, files.path_to_filesystem(temporary)?);
    let written = write_synced(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, &place));
    // The error that matters is the first one; what is left is removed as well as can be.
    let _ = fs::remove_file(&temporary);
    written?;
    match place.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_comes_after_what_is_there_and_after_those_that_came_before() {
        let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        for there in [
            "part-0.parquet",
            "2026-11-29/x.parquet",
            "zebra.parquet",
            "zebra/a/b.parquet",
            "é.parquet",
            "~~.parquet",
            "no_ending",
            "pushed-.parquet",
            "pushed-x.parquet",
            "pushed-9999999999999999999-0.parquet",
            "p~pushed-é.parquet",
        ] {
            let mut last = there.to_owned();
            // The third clock is behind the second.
            for seconds in [1_795_000_000, 1_795_000_002, 1_795_000_001, 1_795_000_009] {
                let next = name_after(&last, "parquet", at(seconds), "ff");
                assert!(next > last, "{next} after {last}");
                assert!(next.len() < there.len() + 60 && next.ends_with(".parquet"), "{next}");
                last = next;
            }
        }
        let name = name_after("a.csv", "csv", at(1_795_000_000), "0a");
        assert_eq!(name, "pushed-1795000000000000000-0a.csv");
        assert_eq!(name_after("q.csv", "csv", at(1), "1"), "q_pushed-0000000001000000000-1.csv");
    }
}
