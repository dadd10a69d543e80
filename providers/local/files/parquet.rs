//! Parquet files: footers, row groups that a range of times can leave out, and decoding of one row group at a time.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::Array as _;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use provender_runtime::decoding::{decoding, looks_like};
use provender_runtime::disk_bytes::DiskBytes;
use provender_runtime::provider::too_many_bytes;
use provender_runtime::{Error, Result};

use super::chosen_values::{Width, chosen_values};
use super::scan::Output;
use super::shape::{Rows, Shape, Wanted};
use super::source_file::SourceFile;

/// Rows of one decoded batch.
const BATCH_ROWS: usize = 8 * 1024;
/// Bytes from the end of a file that are read for its footer at first.
const FOOTER_BYTES: u64 = 64 * 1024;

/// Schema and number of rows of a file.
pub(super) async fn describe(file: &SourceFile) -> Result<(SchemaRef, u64)> {
    let footer = footer(file).await?;
    let rows = footer.metadata().file_metadata().num_rows();
    Ok((Arc::clone(footer.schema()), u64::try_from(rows).unwrap_or(0)))
}

fn damaged(file: &SourceFile, error: ParquetError) -> Error {
    no_parquet(file, error).with_hint("it is damaged: write the file again")
}

fn no_parquet(file: &SourceFile, error: ParquetError) -> Error {
    Error::invalid(format!("`{}` is not a Parquet file that can be read", file.label)).with_source(error)
}

async fn footer(file: &SourceFile) -> Result<ArrowReaderMetadata> {
    let size = file.meta.size;
    if size == 0 {
        return Err(damaged(file, ParquetError::EOF("the file is empty".to_owned())));
    }
    let mut start = size.saturating_sub(FOOTER_BYTES);
    loop {
        let tail = file.range(start..size).await?;
        match decoding(&file.label, || Ok(parse_footer(&tail, size)))? {
            Ok(footer) => return Ok(footer),
            Err(ParquetError::NeedMoreData(needed)) if start > 0 && (needed as u64) < size => {
                start = size - needed as u64;
            }
            Err(error) => return Err(other_than_parquet(file, error).await),
        }
    }
}

fn parse_footer(tail: &Bytes, size: u64) -> Result<ArrowReaderMetadata, ParquetError> {
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse_sized(tail, size)?;
    let metadata = reader.finish()?;
    let rows = metadata.file_metadata().num_rows();
    let in_groups = metadata.row_groups().iter().map(|group| group.num_rows()).fold(0, i64::saturating_add);
    if rows != in_groups {
        return Err(ParquetError::General(format!("it has {in_groups} rows where it says {rows}")));
    }
    ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
}

/// Says what a file is that has no footer, as far as its first bytes tell.
async fn other_than_parquet(file: &SourceFile, error: ParquetError) -> Error {
    let start = file.range(0..file.meta.size.min(16)).await.unwrap_or_default();
    let end = file.range(file.meta.size.saturating_sub(4)..file.meta.size).await.unwrap_or_default();
    let is_parquet = start.starts_with(b"PAR1");
    if is_parquet && end.starts_with(b"PAR") && file.meta.size > 8 {
        return damaged(file, error);
    }
    let error = no_parquet(file, error);
    match looks_like(&start) {
        Some(_) if is_parquet => error
            .with_hint("it begins as Parquet and does not end so: it was cut off, or is still being written"),
        Some(other) => error.with_hint(format!("it begins like {other} file")),
        None => error.with_hint("it does not begin as Parquet: write it again, or say its `format`"),
    }
}

/// A row group whose rows are wanted.
pub(super) struct RowGroup {
    file: Arc<OpenFile>,
    number: usize,
    /// The place of its first row.
    first: u64,
}

/// A file whose footer was read.
struct OpenFile {
    file: SourceFile,
    footer: ArrowReaderMetadata,
    mask: ProjectionMask,
}

/// The row groups of a file that hold rows that are wanted, as far as the footer tells. `first` is the place of the file's
/// first row.
pub(super) async fn row_groups(file: &SourceFile, first: u64, shape: &Shape) -> Result<Vec<RowGroup>> {
    let footer = footer(file).await?;
    let positions = shape.positions(&file.label, footer.schema())?;
    let mask = ProjectionMask::roots(footer.parquet_schema(), positions);
    let in_range = decoding(&file.label, || Ok(row_groups_in_range(&footer, shape)))?;
    let footer = if shape.wants_few() { without_copies(file, &footer)? } else { footer };
    let file = Arc::new(OpenFile { file: file.clone(), footer, mask });
    let mut groups = Vec::new();
    let mut first = first;
    for (number, in_range) in in_range.into_iter().enumerate() {
        let rows = u64::try_from(file.footer.metadata().row_group(number).num_rows()).unwrap_or(0);
        if in_range && rows > 0 && shape.wants(first, rows) {
            groups.push(RowGroup { file: Arc::clone(&file), number, first });
        }
        first = first.saturating_add(rows);
    }
    Ok(groups)
}

/// Texts stay where they were decoded until it is known which of them are wanted.
fn without_copies(file: &SourceFile, footer: &ArrowReaderMetadata) -> Result<ArrowReaderMetadata> {
    let fields = footer.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        DataType::Binary | DataType::LargeBinary => {
            field.as_ref().clone().with_data_type(DataType::BinaryView)
        }
        _ => field.as_ref().clone(),
    });
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
    ArrowReaderMetadata::try_new(Arc::clone(footer.metadata()), options).map_err(|error| damaged(file, error))
}

impl RowGroup {
    /// The file it lies in.
    pub(super) fn file(&self) -> &SourceFile {
        &self.file.file
    }

    /// Sends its rows.
    pub(super) async fn send(self, output: &Output) -> Result<()> {
        let OpenFile { file, footer, mask } = self.file.as_ref();
        let ranges = column_ranges(file, footer, self.number, mask)?;
        match file.path() {
            Some(path) => {
                let opened = File::open(&path).map_err(|error| file.cannot_open(error))?;
                self.send_from(DiskBytes::new(opened, file.meta.size), output).await
            }
            None => self.send_from(RowGroupBytes::fetch(file, ranges).await?, output).await,
        }
    }

    async fn send_from(&self, bytes: impl ChunkReader + Clone + 'static, output: &Output) -> Result<()> {
        let (opened, number, first) = (Arc::clone(&self.file), self.number, self.first);
        let in_group = opened.footer.metadata().row_group(number).num_rows();
        let in_group = u64::try_from(in_group).unwrap_or(0);
        let columns = output.shape.wants_few().then(|| opened.columns_of_chosen(number)).flatten();
        let wanted = match &columns {
            Some(_) => output.shape.wanted_rows(first, in_group),
            None => output.shape.few_wanted(first, in_group),
        };
        let rows = wanted.map_or(Rows::From(first), |(_, rows)| rows);
        let places: Option<Vec<u64>> =
            wanted.map(|(places, _)| places.iter().map(|place| place - first).collect());
        let batches = move || {
            let OpenFile { file, footer, mask } = opened.as_ref();
            if let (Some(columns), Some(places)) = (&columns, &places)
                && let Some(batch) = opened.chosen(number, columns, places, bytes.clone())?
            {
                return Ok(Box::new(std::iter::once(Ok(batch))) as Batches);
            }
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, footer.clone())
                .with_row_groups(vec![number])
                .with_projection(mask.clone())
                .with_batch_size(BATCH_ROWS);
            let mut expected = usize::try_from(in_group).unwrap_or(0);
            if let Some(places) = places {
                expected = places.len();
                builder = builder.with_row_selection(selection(&places, in_group));
            }
            let reader = builder.build().map_err(|error| damaged(file, error))?;
            Ok(Box::new(all_of(expected, reader, file.clone())) as Batches)
        };
        output.decode(&self.file.file.label, rows, batches).await
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>>>;

/// A column of which single values can be read: its number in the file, its field, and how wide its values are.
type ColumnOfChosen = (usize, FieldRef, Width);

impl OpenFile {
    /// The columns that are asked for, if single values of all of them can be read.
    fn columns_of_chosen(&self, group: usize) -> Option<Vec<ColumnOfChosen>> {
        let (stored, group) = (self.footer.parquet_schema(), self.footer.metadata().row_group(group));
        u32::try_from(group.num_rows()).ok()?;
        let asked = (0..stored.num_columns()).filter(|column| self.mask.leaf_included(*column));
        let column = |column| {
            let field = &self.footer.schema().fields()[stored.get_column_root_idx(column)];
            let width = Width::of(group.column(column), field.data_type())?;
            Some((column, Arc::clone(field), width))
        };
        asked.map(column).collect::<Option<Vec<_>>>().filter(|columns| !columns.is_empty())
    }

    /// These rows of a row group; none where some page is of a kind of which single values cannot be read.
    fn chosen(
        &self,
        group: usize,
        columns: &[ColumnOfChosen],
        rows: &[u64],
        bytes: impl ChunkReader + 'static,
    ) -> Result<Option<RecordBatch>> {
        let (bytes, group) = (Arc::new(bytes), self.footer.metadata().row_group(group));
        let rows: Vec<u32> = rows.iter().filter_map(|row| u32::try_from(*row).ok()).collect();
        let in_group = usize::try_from(group.num_rows()).unwrap_or(0);
        let read = columns.iter().map(|(number, field, width)| {
            let column = group.column(*number);
            let pages = SerializedPageReader::new(Arc::clone(&bytes), column, in_group, None)?;
            let is_optional = column.column_descr().max_def_level() > 0;
            let values = chosen_values(pages, *width, is_optional, field.data_type(), in_group, &rows)?;
            Ok((field.name(), values, true))
        });
        let is_overflow = |error: &ParquetError| {
            let ParquetError::External(source) = error else { return false };
            matches!(source.downcast_ref(), Some(ArrowError::OffsetOverflowError(_)))
        };
        match read.collect::<Result<Vec<_>, ParquetError>>() {
            Ok(columns) => RecordBatch::try_from_iter_with_nullable(columns)
                .map(Some)
                .map_err(|error| damaged(&self.file, error.into())),
            Err(ParquetError::NYI(_)) => Ok(None),
            Err(error) if is_overflow(&error) => Err(too_many_bytes()),
            Err(error) => Err(damaged(&self.file, error)),
        }
    }
}

/// Selects some of so many rows.
fn selection(chosen: &[u64], rows: u64) -> RowSelection {
    let number = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
    let runs = chosen.chunk_by(|one, next| one + 1 == *next);
    let ranges = runs.map(|run| number(run[0])..number(run[0]) + run.len());
    RowSelection::from_consecutive_ranges(ranges, number(rows))
}

/// The batches, and an error where they hold fewer rows than the footer says.
fn all_of(
    rows: usize,
    mut batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    file: SourceFile,
) -> impl Iterator<Item = Result<RecordBatch>> {
    let mut missing = rows;
    std::iter::from_fn(move || match batches.next() {
        Some(Ok(batch)) => {
            missing = missing.saturating_sub(batch.num_rows());
            Some(Ok(batch))
        }
        Some(Err(error)) => Some(Err(damaged(&file, error.into()))),
        None if missing > 0 => {
            let error = ParquetError::EOF(format!("a row group ends {missing} rows before it should"));
            missing = 0;
            Some(Err(damaged(&file, error)))
        }
        None => None,
    })
}

/// Rows of the row groups that a scan would decode, and compressed bytes of its columns in them.
pub(super) async fn measure(file: &SourceFile, shape: &Shape) -> Result<(u64, u64)> {
    let footer = footer(file).await?;
    let positions = shape.positions(&file.label, footer.schema())?;
    let mask = ProjectionMask::roots(footer.parquet_schema(), positions);
    decoding(&file.label, || {
        let keep = row_groups_in_range(&footer, shape);
        let groups = footer.metadata().row_groups().iter().zip(keep).filter(|(_, keep)| *keep);
        Ok(groups.fold((0_u64, 0_u64), |(rows, bytes), (group, _)| {
            let columns = group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
            let needed = columns.map(|(_, column)| column.byte_range().1).fold(0, u64::saturating_add);
            let group_rows = u64::try_from(group.num_rows()).unwrap_or(0);
            (rows.saturating_add(group_rows), bytes.saturating_add(needed))
        }))
    })
}

/// For each row group, whether its statistics allow an event time in the range. Rows without event time in a group that
/// is left out are counted from its statistics.
fn row_groups_in_range(footer: &ArrowReaderMetadata, shape: &Shape) -> Vec<bool> {
    let groups = footer.metadata().row_groups();
    let all = vec![true; groups.len()];
    let Wanted::InRange(Some(range)) = shape.wanted else {
        return all;
    };
    let name = shape.event_time(footer.schema());
    let Ok(statistics) = StatisticsConverter::try_new(name, footer.schema(), footer.parquet_schema()) else {
        return all;
    };
    let (Ok(least), Ok(greatest)) = (statistics.row_group_mins(groups), statistics.row_group_maxes(groups))
    else {
        return all;
    };
    let (Ok(least), Ok(greatest)) = (shape.nanos(&least), shape.nanos(&greatest)) else {
        return all;
    };
    let nulls = statistics.row_group_null_counts(groups).ok();
    (0..groups.len())
        .map(|group| {
            let outside = least.is_valid(group)
                && greatest.is_valid(group)
                && (greatest.value(group) < range.from.as_nanos()
                    || least.value(group) > range.to.as_nanos());
            if outside
                && let Some(nulls) = &nulls
                && nulls.is_valid(group)
            {
                shape.skipped.fetch_add(nulls.value(group), Ordering::Relaxed);
            }
            !outside
        })
        .collect()
}

/// Where the columns of a row group lie.
fn column_ranges(
    file: &SourceFile,
    footer: &ArrowReaderMetadata,
    group: usize,
    mask: &ProjectionMask,
) -> Result<Vec<Range<u64>>> {
    let columns = footer.metadata().row_group(group).columns().iter().enumerate();
    let needed = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
    let ranges: Vec<Range<u64>> = decoding(&file.label, || {
        let ranges = needed.map(|(_, column)| {
            let (start, length) = column.byte_range();
            start..start.saturating_add(length)
        });
        Ok(ranges.collect())
    })?;
    if ranges.iter().any(|range| range.end > file.meta.size) {
        return Err(damaged(file, ParquetError::EOF("a column ends after the file".to_owned())));
    }
    Ok(ranges)
}

/// The bytes of one row group's columns, so that decoding waits for nothing.
#[derive(Clone)]
struct RowGroupBytes {
    parts: Vec<(u64, Bytes)>,
    file_size: u64,
}

impl RowGroupBytes {
    async fn fetch(file: &SourceFile, ranges: Vec<Range<u64>>) -> Result<Self> {
        let bytes = file.ranges(&ranges).await?;
        let parts = ranges.into_iter().map(|range| range.start).zip(bytes).collect();
        Ok(Self { parts, file_size: file.meta.size })
    }

    /// What is there from `start` on.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        self.parts
            .iter()
            .find_map(|(first, bytes)| {
                let at = usize::try_from(start.checked_sub(*first)?).ok()?;
                (at < bytes.len()).then(|| bytes.slice(at..))
            })
            .ok_or_else(|| ParquetError::EOF(format!("byte {start} belongs to no column that was asked for")))
    }
}

impl Length for RowGroupBytes {
    fn len(&self) -> u64 {
        self.file_size
    }
}

impl ChunkReader for RowGroupBytes {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(bytes::Buf::reader(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!(
                "a page of {length} bytes at {start} ends after its column"
            )));
        }
        Ok(bytes.slice(..length))
    }
}
