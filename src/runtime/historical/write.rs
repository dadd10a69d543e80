//! Tables as files. A file appears under its name when it is whole, never before.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::FieldRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::blocking::{on_blocking_thread, processors};
use crate::{Error, Result};

/// Rows of one row group of a Parquet file; in tests so few that files have several.
const ROW_GROUP_ROWS: usize = if cfg!(any(test, feature = "testing")) { 1 << 8 } else { 1 << 18 };

/// Values of a column that are looked at before it is written.
const SAMPLE: usize = 4096;
/// Of a hundred of those, so many may be distinct in a column with a dictionary: some 40,000 values in all, whose dictionary
/// halves the column.
const MOST_DISTINCT: usize = 95;
/// Of a hundred bytes, so many may be left of a column that is compressed.
const MOST_COMPRESSED: usize = 95;

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
    let schema = batch.schema();
    if format == TableFormat::Csv
        && let Some(field) = schema.fields().iter().find(|field| field.data_type().is_nested())
    {
        return Err(no_list_in_csv(field.name(), field.data_type()));
    }
    let (batch, path) = (batch.clone(), path.to_owned());
    on_blocking_thread(move || {
        let temporary = temporary_name(&path);
        let written = write_file(&batch, &temporary, format)
            .and_then(|()| fs::rename(&temporary, &path).map_err(Into::into));
        written.map_err(|error| {
            // The error that matters is the first one; what is left is removed as well as can be.
            let _ = fs::remove_file(&temporary);
            let message = format!("could not write `{}`", path.display());
            Error::unavailable(message).with_source(error).with_hint_of_room()
        })
    })
    .await
}

/// The error of a column that CSV cannot hold.
pub(super) fn no_list_in_csv(column: &str, holds: &impl Display) -> Error {
    Error::invalid(format!("`{column}` is {holds}, which CSV cannot hold"))
        .with_hint("write to a file that ends with `.parquet` or `.arrow`")
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{:016x}.tmp", rand::random::<u64>()))
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn write_file(batch: &RecordBatch, path: &Path, format: TableFormat) -> Result<(), AnyError> {
    let file = File::create_new(path)?;
    match format {
        TableFormat::Parquet => write_parquet(batch, &file)?,
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

/// Columns are encoded side by side, while those before them are written and brought to the disk.
fn write_parquet(batch: &RecordBatch, file: &File) -> Result<(), AnyError> {
    let schema = batch.schema();
    let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    for (field, values) in schema.fields().iter().zip(batch.columns()) {
        let path = ColumnPath::from(field.name().as_str());
        if !repeats(values) {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
            if !shrinks(values) {
                properties = properties.set_column_compression(path, Compression::UNCOMPRESSED);
            }
        }
    }
    let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties.build()))?;
    let (mut writer, factory) = writer.into_serialized_writer()?;
    // A nested column is stored as several.
    let stored = writer.schema_descr();
    let roots: Vec<usize> =
        (0..stored.num_columns()).map(|column| stored.get_column_root_idx(column)).collect();
    let (written, may_begin) = mpsc::channel();
    for _ in 0..processors() + COLUMNS_AHEAD {
        written.send(())?;
    }
    let columns =
        Mutex::new(Columns { batch, roots: &roots, factory, may_begin, groups: 0, waiting: VecDeque::new() });
    std::thread::scope(|threads| {
        // Dropped when this ends, whatever the reason: nobody waits to begin any more.
        let written = written;
        let (encoded, to_write) = mpsc::channel();
        for _ in 0..processors() {
            let (columns, encoded) = (&columns, encoded.clone());
            threads.spawn(move || encode(columns, &encoded));
        }
        drop(encoded);
        let mut chunks = InOrder { to_write, early: BTreeMap::new(), next: 0 };
        for _ in (0..batch.num_rows()).step_by(ROW_GROUP_ROWS) {
            let mut row_group = writer.next_row_group()?;
            let mut not_on_disk = 0;
            for (stored, root) in roots.iter().enumerate() {
                let chunk = chunks.next()?;
                not_on_disk += chunk.close().bytes_written;
                chunk.append_to_row_group(&mut row_group)?;
                if not_on_disk >= BYTES_TO_DISK {
                    file.sync_data()?;
                    not_on_disk = 0;
                }
                if roots.get(stored + 1) != Some(root) {
                    // Nobody waits for it where no more columns begin.
                    let _ = written.send(());
                }
            }
            row_group.close()?;
        }
        writer.close()?;
        Ok(())
    })
}

/// Columns of row groups that wait to be written, beside those that are being encoded: memory holds no more.
const COLUMNS_AHEAD: usize = 4;

/// Bytes that are brought to the disk at once, so that little is left to wait for at the end.
const BYTES_TO_DISK: u64 = 4 << 20;

/// A column of a row group that is not encoded yet, and the number of its first chunk in the file.
struct Column {
    first: usize,
    field: FieldRef,
    values: ArrayRef,
    /// One for each column that it is stored as.
    writers: Vec<ArrowColumnWriter>,
}

/// The columns of all row groups, in order.
struct Columns<'a> {
    batch: &'a RecordBatch,
    /// By stored column the column that it is of.
    roots: &'a [usize],
    factory: ArrowRowGroupWriterFactory,
    /// Says once for each column that it may begin. They begin in order, so the one that is to be written next is never kept waiting.
    may_begin: mpsc::Receiver<()>,
    /// Row groups that have begun.
    groups: usize,
    waiting: VecDeque<Column>,
}

impl Columns<'_> {
    /// None after the last one, and when nobody writes any more.
    fn next(&mut self) -> Result<Option<Column>, ParquetError> {
        let begin = self.groups * ROW_GROUP_ROWS;
        if self.waiting.is_empty() && begin < self.batch.num_rows() {
            let rows = self.batch.slice(begin, ROW_GROUP_ROWS.min(self.batch.num_rows() - begin));
            let first = self.groups * self.roots.len();
            let schema = rows.schema();
            self.waiting.extend(schema.fields().iter().zip(rows.columns()).map(|(field, values)| Column {
                first: 0,
                field: Arc::clone(field),
                values: Arc::clone(values),
                writers: Vec::new(),
            }));
            let writers = self.factory.create_column_writers(self.groups)?;
            for (number, (root, writer)) in self.roots.iter().zip(writers).enumerate() {
                let column = &mut self.waiting[*root];
                if column.writers.is_empty() {
                    column.first = first + number;
                }
                column.writers.push(writer);
            }
            self.groups += 1;
        }
        Ok(self.waiting.pop_front().filter(|_| self.may_begin.recv().is_ok()))
    }
}

type Encoded = Result<(usize, ArrowColumnChunk), ParquetError>;

/// Encodes columns until there are no more, or nobody takes them.
fn encode(columns: &Mutex<Columns<'_>>, encoded: &mpsc::Sender<Encoded>) {
    let chunks = |column: Column| -> Result<Vec<(usize, ArrowColumnChunk)>, ParquetError> {
        let leaves = compute_leaves(&column.field, &column.values)?;
        let chunk = |(number, (mut writer, leaf)): (usize, (ArrowColumnWriter, _))| {
            writer.write(&leaf)?;
            Ok((number, writer.close()?))
        };
        (column.first..).zip(column.writers.into_iter().zip(leaves)).map(chunk).collect()
    };
    loop {
        let next = columns.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(column) = next.transpose() else { return };
        match column.and_then(chunks) {
            Ok(chunks) => {
                if !chunks.into_iter().all(|chunk| encoded.send(Ok(chunk)).is_ok()) {
                    return;
                }
            }
            Err(error) => {
                // Who writes may have failed already.
                let _ = encoded.send(Err(error));
                return;
            }
        }
    }
}

/// Chunks in the order of their numbers, as they are encoded.
struct InOrder {
    to_write: mpsc::Receiver<Encoded>,
    /// Those that came before their turn.
    early: BTreeMap<usize, ArrowColumnChunk>,
    next: usize,
}

impl InOrder {
    fn next(&mut self) -> Result<ArrowColumnChunk, AnyError> {
        loop {
            if let Some(chunk) = self.early.remove(&self.next) {
                self.next += 1;
                return Ok(chunk);
            }
            let (number, chunk) = self.to_write.recv()??;
            self.early.insert(number, chunk);
        }
    }
}

/// Whether a column is worth a dictionary, as far as some of its values tell: looking up values that hardly repeat, such as
/// measurements, is half of the time that writing takes.
fn repeats(column: &ArrayRef) -> bool {
    let rows = (0..column.len()).step_by((column.len() / SAMPLE).max(1));
    let Some((sampled, width)) = bytes_of(column, rows) else { return true };
    let distinct = sampled.chunks(width).collect::<HashSet<_>>().len();
    distinct * width * 100 <= sampled.len() * MOST_DISTINCT
}

/// Whether compression makes a column smaller, as far as some of its values tell, which stand side by side in four places.
fn shrinks(column: &ArrayRef) -> bool {
    let quarter = |number: usize| number * column.len() / 4;
    let windows = (0..4).map(|at| quarter(at)..quarter(at + 1).min(quarter(at) + SAMPLE / 4));
    let Some((sampled, _)) = bytes_of(column, windows.flatten()) else { return true };
    let compressed =
        snap::raw::Encoder::new().compress_vec(&sampled).map_or(0, |compressed| compressed.len());
    sampled.is_empty() || compressed * 100 <= sampled.len() * MOST_COMPRESSED
}

/// The values of some rows, and how many bytes each has; none of columns that are no numbers.
fn bytes_of(column: &ArrayRef, rows: impl Iterator<Item = usize>) -> Option<(Vec<u8>, usize)> {
    let data = column.to_data();
    let width = data.data_type().primitive_width()?;
    let values = data.buffers().first().map_or(&[][..], |buffer| &buffer[data.offset() * width..]);
    let valid = rows.filter(|row| column.is_valid(*row));
    Some((valid.flat_map(|row| &values[row * width..][..width]).copied().collect(), width))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float32Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    fn column(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        Arc::new(values.collect::<Int64Array>())
    }

    /// Like random numbers: no two of them have bytes in common.
    fn spread(row: i64) -> i64 {
        row.wrapping_mul(0x1E37_79B9_7F4A_7C15)
    }

    #[test]
    fn only_a_column_that_gets_smaller_is_compressed() {
        let rows = 100_000;
        for (what, values, expected) in [
            ("random bits", column((0..rows).map(|row| Some(spread(row)))), false),
            ("random bits and nulls", column((0..rows).map(|row| (row % 3 > 0).then(|| spread(row)))), false),
            ("numbers of few bits", column((0..rows).map(|row| Some(spread(row) & 0xF_FFFF))), true),
            (
                "noise in the middle",
                column((0..rows).map(|row| Some(if row / 20_000 == 2 { spread(row) } else { row }))),
                true,
            ),
            ("nulls in the middle", column((0..rows).map(|row| (row / 90_000 == 1).then_some(row))), true),
            ("nulls", column((0..3).map(|_| None)), true),
            ("nothing", column(std::iter::empty()), true),
        ] {
            assert_eq!(shrinks(&values), expected, "{what}");
        }
    }

    #[tokio::test]
    async fn row_groups_are_written_in_order_and_each_column_as_it_is_worth() {
        let rows = 5 * ROW_GROUP_ROWS as i64 + 7;
        let texts: ArrayRef =
            Arc::new((0..rows).map(|row| Some((row % 9).to_string())).collect::<StringArray>());
        let lists = (0..rows).map(|row| Some(vec![Some(row), None]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists));
        let batch = RecordBatch::try_from_iter([
            ("texts", texts),
            ("lists", lists),
            ("noise", column((0..rows).map(|row| Some(spread(row))))),
            ("counted", column((0..rows).map(Some))),
        ]);
        let batch = batch.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write_result(&batch, &path, TableFormat::Parquet).await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let groups = reader.metadata().row_groups().to_vec();
        assert_eq!(groups.len(), 6);
        for group in &groups {
            let is_compressed = |at: usize| group.column(at).compression() != Compression::UNCOMPRESSED;
            assert_eq!([0, 1, 2, 3].map(is_compressed), [true, true, false, true]);
        }
        let schema = Arc::clone(reader.schema());
        let read: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        let read = arrow::compute::concat_batches(&schema, &read).unwrap();
        for (one, other) in read.columns().iter().zip(batch.columns()) {
            assert_eq!(one, other);
        }
    }

    #[test]
    fn a_column_that_hardly_repeats_has_no_dictionary() {
        let rows: i64 = 100_000;
        let numbers = |numbers: Int64Array| -> ArrayRef { Arc::new(numbers) };
        let floats: ArrayRef = Arc::new((0..rows).map(|row| Some(row as f32)).collect::<Float32Array>());
        let grades: ArrayRef =
            Arc::new((0..rows).map(|row| Some((row % 5) as f32)).collect::<Float32Array>());
        let texts: ArrayRef = Arc::new((0..rows).map(|row| Some(row.to_string())).collect::<StringArray>());
        let nulls_between = (0..rows).map(|row| (row % 50 == 0).then_some(row / 50 % 7)).collect();
        for (what, values, expected) in [
            ("distinct numbers", numbers((0..rows).collect()), false),
            ("numbers of few", numbers((0..rows).map(|row| row * row % 1000).collect()), true),
            (
                "few at the beginning, then others",
                numbers((0..rows).map(|row| (row - 100).max(0)).collect()),
                false,
            ),
            ("few numbers between nulls", numbers(nulls_between), true),
            ("nulls", numbers(vec![None; 3].into()), true),
            ("nothing", numbers(Vec::<i64>::new().into()), true),
            ("distinct floats", floats.clone(), false),
            ("grades", grades, true),
            ("texts", texts, true),
            ("a slice of distinct floats", floats.slice(7, 5_000), false),
        ] {
            assert_eq!(repeats(&values), expected, "{what}");
        }
    }
}
