//! CSV files: a header line, then text. Columns are told apart by the header, so files may order them as they like.

use std::sync::Arc;

use arrow::csv::ReaderBuilder;
use arrow::csv::reader::{Decoder, Format};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use provender_runtime::decoding::{BYTE_ORDER_MARK, Utf8Marks, encoding_hint, looks_like};
use provender_runtime::{Error, Result};
use tokio::runtime::Handle;

use super::scan::Output;
use super::shape::Rows;
use super::source_file::SourceFile;

/// Rows of one decoded batch.
const BATCH_ROWS: usize = 8 * 1024;
/// Bytes from the start of a file that its description looks at.
const SAMPLE_BYTES: u64 = 1 << 20;
/// … and where they end inside of a row, at most.
const LONGEST_SAMPLE: u64 = SAMPLE_BYTES << 6;
/// Rows that its description looks at.
const SAMPLE_ROWS: usize = 1000;

fn damaged(file: &SourceFile, error: ArrowError) -> Error {
    let hint = encoding_hint(&error)
        .unwrap_or("it needs a header line, commas, and as many fields in each line as in the header");
    no_csv(file).with_source(error).with_hint(hint)
}

fn no_csv(file: &SourceFile) -> Error {
    Error::invalid(format!("`{}` is not a CSV file that can be read", file.label))
}

/// The columns of a file, with types guessed from its first rows.
pub(super) async fn describe(file: &SourceFile) -> Result<SchemaRef> {
    Ok(Arc::new(sample(file, SAMPLE_ROWS).await?))
}

async fn sample(file: &SourceFile, rows: usize) -> Result<Schema> {
    if file.meta.size == 0 {
        return Err(damaged(file, ArrowError::CsvError("the file is empty".to_owned())));
    }
    let mut length = SAMPLE_BYTES;
    loop {
        let bytes = file.range(0..file.meta.size.min(length)).await?;
        if let Some(kind) = looks_like(&bytes) {
            return Err(no_csv(file)
                .with_source(format!("it begins like {kind} file"))
                .with_hint("CSV files are read uncompressed; `format = parquet` reads Parquet files"));
        }
        let is_whole = file.meta.size <= length;
        let mut text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        let last_line_end = text.iter().rposition(|byte| *byte == b'\n');
        if let (false, Some(last)) = (is_whole, last_line_end) {
            text = &text[..=last];
        }
        let format = Format::default().with_header(true);
        match format.infer_schema(text, Some(rows)) {
            Ok((schema, _)) if is_whole || last_line_end.is_some() => return Ok(schema),
            Err(error) if is_whole || length >= LONGEST_SAMPLE => return Err(damaged(file, error)),
            // The sample may have cut a long field in two.
            _ => length = length.saturating_mul(8),
        }
    }
}

/// Sends the rows of one file. `first` is the place of its first row.
pub(super) async fn send(file: &SourceFile, first: u64, output: &Output) -> Result<()> {
    let header = sample(file, 0).await?;
    let positions = output.shape.positions(&file.label, &header)?;
    let text = header.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
    let decoder = ReaderBuilder::new(Arc::new(Schema::new(text.collect::<Vec<_>>())))
        .with_header(true)
        .with_projection(positions)
        .with_batch_size(BATCH_ROWS)
        .build_decoder();
    let got = file.get(None).await?;
    let batches = Batches {
        file: file.clone(),
        chunks: got.into_stream().fuse().boxed(),
        runtime: Handle::current(),
        decoder,
        marks: Utf8Marks::default(),
        rest: Bytes::new(),
        at: Place::Start,
    };
    output.decode(&file.label, Rows::From(first), || Ok(batches)).await
}

/// Decodes the text of a file as it arrives. For a blocking thread: it waits for the chunks.
struct Batches {
    file: SourceFile,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    runtime: Handle,
    decoder: Decoder,
    marks: Utf8Marks,
    rest: Bytes,
    at: Place,
}

/// What of a file comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Middle,
    /// All chunks have come; the line end after the last one is still to be decoded, or was.
    End,
}

impl Batches {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            // An empty chunk tells the decoder that the file is over; a chunk ends where it pleases.
            if self.rest.is_empty() {
                let mut marked = Vec::new();
                loop {
                    let chunk = self.next_chunk()?;
                    self.marks.add(&chunk, &mut marked);
                    if chunk.is_empty() || !marked.is_empty() {
                        break;
                    }
                }
                self.rest = marked.into();
            }
            let room = self.decoder.capacity();
            let decoded = self.decoder.decode(&self.rest).map_err(|error| damaged(&self.file, error))?;
            if self.rest.is_empty() && self.decoder.capacity() < room {
                return Err(self.unclosed());
            }
            self.rest = self.rest.slice(decoded..);
            if decoded == 0 || self.decoder.capacity() == 0 {
                return self.decoder.flush().map_err(|error| damaged(&self.file, error));
            }
        }
    }

    fn next_chunk(&mut self) -> Result<Bytes> {
        let chunk = match self.runtime.block_on(self.chunks.next()) {
            Some(chunk) => chunk.map_err(|error| self.file.unreadable(&error))?,
            None if self.at == Place::End => Bytes::new(),
            // A line end more is an empty line, unless a row or a quoted field was open.
            None => {
                self.at = Place::End;
                return Ok(Bytes::from_static(b"\n"));
            }
        };
        let is_marked = self.at == Place::Start && chunk.starts_with(BYTE_ORDER_MARK);
        if self.at == Place::Start {
            self.at = Place::Middle;
        }
        Ok(if is_marked { chunk.slice(BYTE_ORDER_MARK.len()..) } else { chunk })
    }

    /// The end of the file ended a row that a line end did not.
    fn unclosed(&self) -> Error {
        let cause = ArrowError::CsvError("the file ends inside of a quoted field".to_owned());
        damaged(&self.file, cause)
            .with_hint("it was cut off, is still being written, or lacks a closing `\"`")
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
