//! A scan: parts of files (row groups of Parquet, whole CSV files) decoded side by side on blocking threads, each of which hands
//! its batches on. They come in any order; their places say what the order is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::record_batch::RecordBatch;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use provender_core::model::FileFormat;
use provender_runtime::decoding::decoding;
use provender_runtime::provider::TakeBatch;
use provender_runtime::{Error, ErrorKind, Result, processors};
use tokio::sync::{Mutex, Semaphore};

use super::parquet::RowGroup;
use super::shape::{Rows, Shape};
use super::source_file::SourceFile;

/// Files that are opened before their turn.
const OPENED_AHEAD: usize = 4;

/// Who may decode, of all who ask one store.
#[derive(Clone, Debug)]
pub(super) struct Decoders {
    /// As many at a time as there are processors: more would only take memory.
    permits: Arc<Semaphore>,
    /// Whose scan begins the next parts. Several at once would put each other's rows out of the processor's caches, and hold
    /// what all of them need in memory; the next one begins when nothing of this one is left to begin.
    turn: Arc<Mutex<()>>,
}

impl Default for Decoders {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(processors())), turn: Arc::default() }
    }
}

/// A part of a source that is read at a stretch.
pub(super) enum Part {
    RowGroup(RowGroup),
    Csv { file: SourceFile, first: u64 },
}

impl Part {
    async fn send(self, output: &Output) -> Result<()> {
        match self {
            Self::RowGroup(group) => {
                let file = group.file().clone();
                file.unless_changed(group.send(output).await).await
            }
            Self::Csv { file, first } => {
                file.unless_changed(super::csv::send(&file, first, output).await).await
            }
        }
    }
}

/// What becomes of batches as a file has them.
pub(super) struct Output {
    pub(super) shape: Arc<Shape>,
    take: Arc<TakeBatch>,
    decoders: Decoders,
    /// Nobody waits for more: the scan failed, or was given up.
    is_over: Arc<AtomicBool>,
}

impl Output {
    /// Decodes one part of a file on a blocking thread, and hands its batches on, whose rows are these.
    pub(super) async fn decode<Batches: Iterator<Item = Result<RecordBatch>>>(
        &self,
        file: &str,
        rows: Rows,
        open: impl FnOnce() -> Result<Batches> + Send + 'static,
    ) -> Result<()> {
        let (shape, take, is_over) =
            (Arc::clone(&self.shape), Arc::clone(&self.take), Arc::clone(&self.is_over));
        let file = file.to_owned();
        let decode = move || {
            let mut rows = rows;
            let mut batches = decoding(&file, open)?;
            while !is_over.load(Ordering::Relaxed) {
                let shaped = decoding(&file, || {
                    let Some(batch) = batches.next().transpose()? else { return Ok(None) };
                    let shaped = shape.apply(&file, rows, &batch)?;
                    rows = rows.after(batch.num_rows());
                    Ok(Some(shaped))
                })?;
                match shaped {
                    None => break,
                    Some(shaped) if shaped.num_rows() > 0 => take(shaped)?,
                    Some(_) => {}
                }
            }
            Ok(())
        };
        let stopped = "a thread that decodes a file stopped";
        let _permit = self
            .decoders
            .permits
            .acquire()
            .await
            .map_err(|error| Error::new(ErrorKind::Bug, stopped).with_source(error))?;
        tokio::task::spawn_blocking(decode)
            .await
            .map_err(|error| Error::new(ErrorKind::Bug, stopped).with_source(error))?
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Gives the rows of these files, in any order; says how many had no event time.
pub(super) async fn scan(
    files: &[SourceFile],
    shape: Shape,
    take: Arc<TakeBatch>,
    decoders: &Decoders,
) -> Result<u64> {
    let output =
        &Output { shape: Arc::new(shape), take, decoders: decoders.clone(), is_over: Arc::default() };
    // What a bucket sends is waited for, and more at a time come sooner.
    let is_here = files.first().is_some_and(|file| file.path().is_some());
    let turn = if is_here { Some(Arc::clone(&decoders.turn).lock_owned().await) } else { None };
    let end_of_turn = stream::once(async move { drop(turn) }).filter_map(|()| async { None });
    stream::iter((0..files.len()).map(|number| parts(&files[number], number, &output.shape)))
        .buffered(OPENED_AHEAD)
        .map_ok(|parts| stream::iter(parts.into_iter().map(Ok)))
        .try_flatten()
        .chain(end_of_turn)
        .try_for_each_concurrent(processors(), |part| part.send(output))
        .await?;
    Ok(output.shape.skipped.load(Ordering::Relaxed))
}

/// The parts of a file that hold rows that are wanted, as far as that can be told.
async fn parts(file: &SourceFile, number: usize, shape: &Shape) -> Result<Vec<Part>> {
    let first = first_place(number)?;
    if !shape.wants(first, ROWS_OF_A_FILE) {
        return Ok(Vec::new());
    }
    Ok(match shape.format {
        FileFormat::Parquet => {
            super::parquet::row_groups(file, first, shape).await?.into_iter().map(Part::RowGroup).collect()
        }
        FileFormat::Csv => vec![Part::Csv { file: file.clone(), first }],
    })
}

/// Places of the rows of one file: more than any file has rows.
const ROWS_OF_A_FILE: u64 = 1 << 40;

fn first_place(file: usize) -> Result<u64> {
    (file as u64).checked_mul(ROWS_OF_A_FILE).ok_or_else(|| {
        Error::invalid("a source of more than 16 million files").with_hint("make fewer, larger files")
    })
}

/// The row of a place in its file.
pub(super) const fn row_in_file(place: u64) -> u64 {
    place % ROWS_OF_A_FILE
}
