//! A scan as a stream: parts of files (row groups of Parquet, whole CSV files) side by side, decoded on blocking threads, with
//! a few batches in flight. Batches come in any order; their places say what the order is.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use provender_core::model::FileFormat;
use provender_runtime::decoding::{decoding, stopped};
use provender_runtime::provider::BatchStream;
use provender_runtime::{Error, ErrorKind, Result, processors};
use tokio::sync::mpsc;

use super::parquet::RowGroup;
use super::shape::Shape;
use super::source_file::SourceFile;

/// Batches that may wait for the reader.
const IN_FLIGHT: usize = 4;
/// Files that are opened before their turn.
const OPENED_AHEAD: usize = 4;

/// Why a scan is over before its end.
pub(super) enum Stop {
    /// The reader is gone.
    NobodyListens,
    /// Something is wrong with the source.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A part of a source that is read at a stretch.
pub(super) enum Part {
    RowGroup(RowGroup),
    Csv { file: SourceFile, first: u64 },
}

impl Part {
    async fn send(self, shape: &Arc<Shape>, output: &Output) -> Result<(), Stop> {
        match self {
            Self::RowGroup(group) => {
                let file = group.file().clone();
                file.unless_changed(group.send(shape, output).await).await
            }
            Self::Csv { file, first } => {
                file.unless_changed(super::csv::send(&file, first, shape, output).await).await
            }
        }
    }
}

/// Where batches go.
pub(super) struct Output(mpsc::Sender<Result<RecordBatch>>);

impl Output {
    /// Shapes and sends batches of one file, from a blocking thread. `first` is the place of the first row.
    pub(super) async fn send_all(
        &self,
        shape: &Arc<Shape>,
        file: &str,
        first: u64,
        batches: impl Iterator<Item = Result<RecordBatch>> + Send + 'static,
    ) -> Result<(), Stop> {
        let (sender, shape, file) = (self.0.clone(), Arc::clone(shape), file.to_owned());
        let name = file.clone();
        let decode = move || {
            let mut place = first;
            for batch in batches {
                let batch = batch?;
                let shaped = shape.apply(&file, place, &batch)?;
                place += batch.num_rows() as u64;
                if shaped.num_rows() > 0 && sender.blocking_send(Ok(shaped)).is_err() {
                    return Ok(Err(Stop::NobodyListens));
                }
            }
            Ok(Ok(()))
        };
        tokio::task::spawn_blocking(move || decoding(&name, decode)).await.map_err(|error| {
            Error::new(ErrorKind::Bug, "a thread that decodes a file stopped").with_source(error)
        })??
    }
}

/// The rows of these files, in any order.
pub(super) fn batches(files: &Arc<[SourceFile]>, shape: Shape) -> BatchStream {
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let (files, shape) = (Arc::clone(files), Arc::new(shape));
    tokio::spawn(async move {
        let output = Output(sender);
        let parts = (0..files.len()).map(|number| parts(&files[number], number, &shape));
        let send = stream::iter(parts)
            .buffered(OPENED_AHEAD)
            .map_ok(|parts| stream::iter(parts.into_iter().map(Ok)))
            .try_flatten()
            .try_for_each_concurrent(processors(), |part| part.send(&shape, &output));
        // A task that panics would drop the sender, and its reader would take that for the end of the rows.
        let sent = AssertUnwindSafe(send).catch_unwind().await;
        let sent = sent.unwrap_or_else(|panic| {
            let label = files.first().map_or("", |file| file.label.as_str());
            Err(Stop::Failed(stopped(label, panic.as_ref())))
        });
        if let Err(Stop::Failed(error)) = sent {
            // Nobody to tell when the reader is gone.
            let _ = output.0.send(Err(error)).await;
        }
    });
    stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) }).boxed()
}

/// The parts of a file that hold rows that are wanted, as far as that can be told.
async fn parts(file: &SourceFile, number: usize, shape: &Arc<Shape>) -> Result<Vec<Part>, Stop> {
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
