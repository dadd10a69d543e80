//! Frames from Parquet, CSV and Arrow files. Entity frames are rows with join keys and a time, or built by a caller; what is
//! pushed is rows of any columns.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Int64Array};
use arrow::compute::concat_batches;
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use provender_core::model::{JoinKey, ValueType};
use provender_core::time::Timestamp;

use super::{TableFormat, arrow_file};
use crate::blocking::{on_blocking_thread, processors};
use crate::columns::{self, nearest, to_nanos};
use crate::decoding::{BYTE_ORDER_MARK, Utf8Marks, decoding, encoding_hint, looks_like};
use crate::disk_bytes::DiskBytes;
use crate::{Error, ErrorKind, Result};

/// The time column that is taken when none is named.
const TIME_COLUMN: &str = "event_timestamp";

/// Rows of a Parquet frame that are decoded at once: most frames are whole then, and not put together of parts.
const FRAME_ROWS: usize = 1 << 20;

/// Entity rows: any columns, join keys and the time among them.
#[derive(Clone, Debug)]
pub struct EntityFrame {
    /// All columns as they came.
    pub(super) batch: RecordBatch,
    /// The time of each row, in nanoseconds since the epoch.
    pub(super) times: Int64Array,
}

impl EntityFrame {
    /// Takes rows. Their time column is the one named; or `event_timestamp`; or the only one that holds timestamps.
    ///
    /// # Errors
    /// No such column, more than one that may be meant, or a time that is none.
    pub fn new(batch: RecordBatch, time_column: Option<&str>) -> Result<Self> {
        let name = find_time_column(&batch, time_column)?;
        let times = only_column(&batch, &name)?
            .ok_or_else(|| Error::new(ErrorKind::Bug, "the time column is gone"))
            .and_then(|column| {
                to_nanos(column, None).map_err(|error| match column.data_type() {
                    kind if kind.is_integer() => bad_time(&name, kind)
                        .with_hint("entity rows have timestamps, dates or text: convert the numbers"),
                    _ => bad_cell(&name, &error),
                })
            })?;
        Ok(Self { batch, times })
    }

    /// How many rows it has.
    pub fn num_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The columns of these join keys (key, name in the frame), cast to the keys' types.
    pub(super) fn key_columns(&self, keys: &[(JoinKey, String)]) -> Result<Vec<ArrayRef>> {
        keys.iter()
            .map(|(key, name)| {
                let column = only_column(&self.batch, name)?.ok_or_else(|| self.missing(name))?;
                columns::cast(column, &columns::data_type(&key.value_type))
                    .map_err(|error| bad_cell(name, &error))
            })
            .collect()
    }

    fn missing(&self, name: &str) -> Error {
        missing_column(&self.batch.schema(), name, "join key")
    }
}

/// The column of a name, which must not have two.
pub(super) fn only_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<Option<&'a ArrayRef>> {
    let schema = batch.schema_ref();
    if schema.fields().iter().filter(|field| field.name() == name).count() > 1 {
        return Err(Error::invalid(format!("the entity frame has more than one column `{name}`"))
            .with_hint("nothing says which one is meant: rename or remove the others"));
    }
    Ok(batch.column_by_name(name))
}

pub(super) fn missing_column(schema: &SchemaRef, name: &str, what: &str) -> Error {
    let error = Error::invalid(format!("the entity frame has no column `{name}` ({what})"));
    match nearest(name, schema.fields().iter().map(|field| field.name().as_str())) {
        Some(near) => error.with_hint(format!("did you mean `{near}`?")),
        None => error.with_hint(format!("its columns are {}", columns::names(schema))),
    }
}

pub(super) fn bad_cell(column: &str, error: &columns::CellError) -> Error {
    Error::invalid(match error.row {
        Some(row) => format!("column `{column}` of the entity frame {error} in row {}", row + 1),
        None => format!("column `{column}` of the entity frame {error}"),
    })
}

fn bad_time(column: &str, kind: &DataType) -> Error {
    Error::invalid(format!(
        "column `{column}` of the entity frame holds {} numbers, and nothing says what they count",
        columns::type_name(kind)
    ))
}

fn find_time_column(batch: &RecordBatch, named: Option<&str>) -> Result<String> {
    let schema = batch.schema_ref();
    if let Some(name) = named {
        return match schema.column_with_name(name) {
            Some(_) => Ok(name.to_owned()),
            None => Err(missing_column(schema, name, "its time")),
        };
    }
    if schema.column_with_name(TIME_COLUMN).is_some() {
        return Ok(TIME_COLUMN.to_owned());
    }
    let columns = schema.fields().iter().zip(batch.columns());
    let mut times = columns.filter(|(_, column)| holds_times(column)).map(|(field, _)| field.name());
    match (times.next(), times.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(Error::invalid("the entity frame has no timestamp column")
            .with_hint(format!("name it `{TIME_COLUMN}`, or say which column holds the time"))
            .with_hint(format!("its columns are {}", columns::names(schema)))),
        (Some(first), Some(second)) => Err(Error::invalid(format!(
            "the entity frame has more than one timestamp column: `{first}` and `{second}`"
        ))
        .with_hint("say which column holds the time")),
    }
}

/// Timestamps, or text that is nothing else. Digits alone may be a day, and are more often a number.
fn holds_times(column: &ArrayRef) -> bool {
    let is_time = |text: &str| text.contains('-') && text.parse::<Timestamp>().is_ok();
    match column.as_string_opt::<i32>() {
        Some(text) => text.null_count() < text.len() && text.iter().flatten().all(is_time),
        None => matches!(column.data_type(), DataType::Timestamp(..)),
    }
}

/// What becomes of a CSV frame's columns that nothing declares: those which the result passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeclared {
    /// The text as it is written.
    Text,
    /// What all cells are written as; see [`columns::typed_text`].
    Typed,
}

/// Reads an entity frame from a Parquet, CSV or Arrow IPC file, told apart by the name's ending. `declared` are the join keys
/// and request fields as the frame names them: text is read as what they are declared to be (`007` is a string or 7).
///
/// # Errors
/// No such file, another format than its name says, a cell that is not of its declared type, or no time column; see
/// [`EntityFrame::new`].
pub async fn read_entity_frame(
    path: &Path,
    time_column: Option<&str>,
    declared: Vec<(String, ValueType)>,
    undeclared: Undeclared,
) -> Result<EntityFrame> {
    let file = FrameFile { path: PathBuf::from(path), what: "entity frame" };
    let time_column = time_column.map(str::to_owned);
    on_blocking_thread(move || {
        let format = TableFormat::of_path(&file.path)?;
        let shown = file.path.display().to_string();
        let batch = decoding(&shown, || match format {
            TableFormat::Parquet => read_parquet(&file),
            TableFormat::Csv => read_csv(&file),
            TableFormat::Arrow => read_arrow(&file),
        })?;
        let (batch, time_column) = match format {
            TableFormat::Csv => {
                let time = find_time_column(&batch, time_column.as_deref());
                time.and_then(|time| Ok((typed(&batch, &time, &declared, undeclared)?, Some(time))))
            }
            TableFormat::Parquet | TableFormat::Arrow => Ok((batch, time_column)),
        }
        .map_err(|error| error.context(format!("could not use `{shown}` as entity frame")))?;
        EntityFrame::new(batch, time_column.as_deref())
            .map_err(|error| error.context(format!("could not use `{shown}` as entity frame")))
    })
    .await
}

/// Rows of a file, with all columns that it has.
#[derive(Debug)]
pub struct FileRows {
    /// The columns.
    pub batch: RecordBatch,
    /// Whether the file has no types, and all columns are text.
    pub is_text: bool,
}

/// Reads the rows of a Parquet, CSV or Arrow IPC file, told apart by the name's ending.
///
/// # Errors
/// No such file, or another format than its name says.
pub async fn read_file_rows(path: &Path) -> Result<FileRows> {
    let file = FrameFile { path: PathBuf::from(path), what: "frame" };
    on_blocking_thread(move || {
        let format = TableFormat::of_path(&file.path)?;
        decoding(&file.path.display().to_string(), || match format {
            TableFormat::Parquet => Ok(FileRows { batch: read_parquet(&file)?, is_text: false }),
            TableFormat::Arrow => Ok(FileRows { batch: read_arrow(&file)?, is_text: false }),
            TableFormat::Csv => Ok(FileRows { batch: read_csv(&file)?, is_text: true }),
        })
    })
    .await
}

/// The rows of CSV text with a header line. An empty cell is null; a quoted empty one too, as everywhere in files.
///
/// # Errors
/// Text that is not UTF-8, or no CSV.
pub fn csv_rows(text: &[u8]) -> Result<FileRows, ArrowError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    Ok(FileRows { batch: text_columns(text, text)?, is_text: true })
}

/// All columns as text; the same text twice, since its header is read first.
fn text_columns(header: impl Read, mut text: impl BufRead) -> Result<RecordBatch, ArrowError> {
    if text.fill_buf()?.is_empty() {
        return Err(ArrowError::CsvError("it is empty".to_owned()));
    }
    let format = csv::reader::Format::default().with_header(true);
    let (header, _) = format.infer_schema(header, Some(0))?;
    let fields = header.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let decoder = csv::ReaderBuilder::new(Arc::clone(&schema)).with_format(format).build_decoder();
    concat(&schema, decode_text(decoder, text))
}

/// A file that is read, and what it holds, as messages call it.
struct FrameFile {
    path: PathBuf,
    what: &'static str,
}

impl FrameFile {
    fn open(&self) -> Result<File> {
        let shown = format!("the {} `{}`", self.what, self.path.display());
        // A pipe would be waited for, and could be read only once.
        if std::fs::metadata(&self.path).is_ok_and(|there| !there.is_file()) {
            return Err(Error::invalid(format!("{shown} is no file"))
                .with_hint("write the rows to a Parquet, CSV or Arrow file"));
        }
        File::open(&self.path).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, format!("could not open {shown}")).with_source(error)
        })
    }

    /// Its text, without a byte order mark.
    fn open_text(&self) -> Result<BufReader<File>> {
        let mut text = BufReader::new(self.open()?);
        let start = text.fill_buf().map_err(|error| self.unreadable("CSV")(error.into()))?;
        if start.starts_with(BYTE_ORDER_MARK) {
            text.consume(BYTE_ORDER_MARK.len());
        }
        Ok(text)
    }

    fn unreadable(&self, format: &str) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> Error {
        let message = format!("could not read the {} `{}` as {format}", self.what, self.path.display());
        let looks = self.kind().filter(|kind| !kind.ends_with(format));
        move |error| {
            let encoding = encoding_hint(error.as_ref()).filter(|_| format == "CSV");
            let error = Error::invalid(message.clone()).with_source(error);
            match looks {
                Some(kind) => {
                    error.with_hint(format!("it begins like {kind} file, and its name says {format}"))
                }
                None => error.with_hint(
                    encoding.unwrap_or("its name says what it is; if that is right, write the file again"),
                ),
            }
        }
    }

    /// What it is by its first bytes.
    fn kind(&self) -> Option<&'static str> {
        let mut start = Vec::new();
        self.open().ok()?.take(16).read_to_end(&mut start).ok()?;
        looks_like(&start)
    }
}

/// The columns are decoded side by side.
fn read_parquet(file: &FrameFile) -> Result<RecordBatch> {
    let bad = file.unreadable("Parquet");
    let opened = file.open()?;
    let size = opened.metadata().map_err(|error| bad(error.into()))?.len();
    let bytes = DiskBytes::new(opened, size);
    let footer =
        ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).map_err(|error| bad(error.into()))?;
    let schema = plain_schema(footer.schema());
    let said = footer.metadata().file_metadata().num_rows();
    let rows_at_once = usize::try_from(said).unwrap_or(0).clamp(1, FRAME_ROWS);
    let columns = schema.fields().len();
    let parts = processors().min(columns).max(1);
    let read = |part: usize| {
        let of_part: Vec<usize> = (part..columns).step_by(parts).collect();
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), footer.clone())
            .with_projection(ProjectionMask::roots(footer.parquet_schema(), of_part.iter().copied()))
            .with_batch_size(rows_at_once)
            .build()?
            .collect();
        concat(&Arc::new(schema.project(&of_part)?), batches)
    };
    let shown = file.path.display().to_string();
    let read = |part| decoding(&shown, || read(part).map_err(|error| bad(error.into())));
    let batches: Result<Vec<RecordBatch>> = std::thread::scope(|threads| {
        let read = &read;
        let running: Vec<_> = (0..parts).map(|part| threads.spawn(move || read(part))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let batches = batches?;
    if let Some(batch) =
        batches.iter().find(|batch| i64::try_from(batch.num_rows()).is_ok_and(|rows| rows != said))
    {
        return Err(bad(format!("it has {} rows where it says {said}", batch.num_rows()).into()));
    }
    let taken = (0..columns).map(|column| Arc::clone(batches[column % parts].column(column / parts)));
    let rows = RecordBatchOptions::new().with_row_count(batches.first().map(RecordBatch::num_rows));
    RecordBatch::try_new_with_options(schema, taken.collect(), &rows).map_err(|error| bad(error.into()))
}

fn read_arrow(file: &FrameFile) -> Result<RecordBatch> {
    let bad = file.unreadable("Arrow");
    let read = match arrow_file::with_footer(file.open()?) {
        // A stream file has no footer; it is the other form that Arrow writes to files.
        Err(_) if file.kind() != Some("an Arrow") => arrow_file::stream(file.open()?),
        read => read,
    };
    let (schema, batches) = read.map_err(|error| bad(error.into()))?;
    concat(&plain_schema(&schema), Ok(batches)).map_err(|error| bad(error.into()))
}

fn read_csv(file: &FrameFile) -> Result<RecordBatch> {
    text_columns(file.open_text()?, file.open_text()?).map_err(|error| file.unreadable("CSV")(error.into()))
}

/// The rows of a text that is whole: a file that ends inside of a quoted field was cut off.
fn decode_text(
    mut decoder: csv::reader::Decoder,
    text: impl BufRead,
) -> Result<Vec<RecordBatch>, ArrowError> {
    // A line end more is an empty line, unless a row or a quoted field was open.
    let mut text = text.chain(&b"\n"[..]);
    let (mut batches, mut marks) = (Vec::new(), Utf8Marks::default());
    let (mut chunk, mut at) = (Vec::new(), 0);
    loop {
        while at == chunk.len() {
            chunk.clear();
            at = 0;
            let piece = text.fill_buf()?;
            if piece.is_empty() {
                break;
            }
            marks.add(piece, &mut chunk);
            let read = piece.len();
            text.consume(read);
        }
        let (is_end, room) = (chunk.is_empty(), decoder.capacity());
        at += decoder.decode(&chunk[at..])?;
        if is_end && decoder.capacity() < room {
            return Err(ArrowError::CsvError("the file ends inside of a quoted field".to_owned()));
        }
        if is_end || decoder.capacity() == 0 {
            batches.extend(decoder.flush()?);
        }
        if is_end {
            return Ok(batches);
        }
    }
}

/// Columns of text as what they are: the time, what is declared, and the others.
fn typed(
    batch: &RecordBatch,
    time: &str,
    declared: &[(String, ValueType)],
    undeclared: Undeclared,
) -> Result<RecordBatch> {
    let declared = |name: &str| {
        let declared = declared.iter().find(|(declared, _)| declared == name);
        declared.map(|(_, value_type)| value_type).or((name == time).then_some(&ValueType::Timestamp))
    };
    let typed = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, text)| {
        let name = field.name();
        let column = match (declared(name), undeclared) {
            (Some(value_type), _) => columns::parse_text(text, &columns::data_type(value_type))
                .map_err(|error| bad_cell(name, &error))?,
            (None, Undeclared::Text) => Arc::clone(text),
            (None, Undeclared::Typed) => columns::typed_text(text),
        };
        Ok((Field::new(name, column.data_type().clone(), true), column))
    });
    let (fields, columns): (Vec<_>, Vec<_>) = typed.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| {
        Error::new(ErrorKind::Bug, "could not put the entity frame together").with_source(error)
    })
}

/// The schema without metadata of the tool that wrote the file: it would speak of columns that the result does not have.
fn plain_schema(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().clone()))
}

fn concat(
    schema: &SchemaRef,
    batches: Result<Vec<RecordBatch>, ArrowError>,
) -> Result<RecordBatch, ArrowError> {
    let batches: Vec<RecordBatch> =
        batches?.into_iter().map(|batch| batch.with_schema(Arc::clone(schema))).collect::<Result<_, _>>()?;
    concat_batches(schema, &batches)
}
