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
use provender_runtime::{Error, Result};
use tokio::runtime::Handle;

use super::scan::{Output, Stop};
use super::shape::Shape;
use super::source_file::SourceFile;

/// Rows of one decoded batch.
const BATCH_ROWS: usize = 8 * 1024;
/// Bytes from the start of a file that its description looks at.
const SAMPLE_BYTES: u64 = 1 << 20;
/// Rows that its description looks at.
const SAMPLE_ROWS: usize = 1000;
/// Some programs begin UTF-8 text with this mark.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

fn damaged(file: &SourceFile, error: ArrowError) -> Error {
    Error::invalid(format!("`{}` is not a CSV file that can be read", file.label))
        .with_source(error)
        .with_hint("it needs a header line, commas, and as many fields in each line as in the header")
}

/// The columns of a file, with types guessed from its first rows.
pub(super) async fn describe(file: &SourceFile) -> Result<SchemaRef> {
    Ok(Arc::new(sample(file, SAMPLE_ROWS).await?))
}

async fn sample(file: &SourceFile, rows: usize) -> Result<Schema> {
    if file.meta.size == 0 {
        return Err(damaged(file, ArrowError::CsvError("the file is empty".to_owned())));
    }
    let bytes = file.range(0..file.meta.size.min(SAMPLE_BYTES)).await?;
    let mut text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    if file.meta.size > SAMPLE_BYTES
        && let Some(last) = text.iter().rposition(|byte| *byte == b'\n')
    {
        text = &text[..=last];
    }
    let format = Format::default().with_header(true);
    let (schema, _) = format.infer_schema(text, Some(rows)).map_err(|error| damaged(file, error))?;
    Ok(schema)
}

/// Sends the rows of one file. `first` is the place of its first row.
pub(super) async fn send(
    file: &SourceFile,
    first: u64,
    shape: &Arc<Shape>,
    output: &Output,
) -> Result<(), Stop> {
    let header = sample(file, 0).await?;
    let positions = shape.positions(&file.label, &header)?;
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
        rest: Bytes::new(),
        at_start: true,
    };
    output.send_all(shape, &file.label, first, batches).await
}

/// Decodes the text of a file as it arrives. For a blocking thread: it waits for the chunks.
struct Batches {
    file: SourceFile,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    runtime: Handle,
    decoder: Decoder,
    rest: Bytes,
    at_start: bool,
}

impl Batches {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            // An empty chunk tells the decoder that the file is over; a chunk ends where it pleases.
            if self.rest.is_empty() {
                self.rest = self.next_chunk()?;
            }
            let decoded = self.decoder.decode(&self.rest).map_err(|error| damaged(&self.file, error))?;
            self.rest = self.rest.slice(decoded..);
            if decoded == 0 || self.decoder.capacity() == 0 {
                return self.decoder.flush().map_err(|error| damaged(&self.file, error));
            }
        }
    }

    fn next_chunk(&mut self) -> Result<Bytes> {
        let chunk = match self.runtime.block_on(self.chunks.next()) {
            Some(chunk) => chunk.map_err(|error| self.file.unreadable(&error))?,
            None => Bytes::new(),
        };
        let is_marked = std::mem::take(&mut self.at_start) && chunk.starts_with(BYTE_ORDER_MARK);
        Ok(if is_marked { chunk.slice(BYTE_ORDER_MARK.len()..) } else { chunk })
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
