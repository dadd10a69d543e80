//! A scan as a stream: files one after the other, decoded on blocking threads, with a few batches in flight.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use provender_core::model::FileFormat;
use provender_runtime::decoding::{decoding, stopped};
use provender_runtime::provider::SourceRows;
use provender_runtime::{Error, ErrorKind, Result};
use tokio::sync::mpsc;

use super::locate::SourceFile;
use super::shape::Shape;

/// Batches that may wait for the reader.
const IN_FLIGHT: usize = 2;

/// Where batches go.
pub(super) struct Output(mpsc::Sender<Result<RecordBatch>>);

impl Output {
    /// Shapes and sends batches of one file, from a blocking thread. `first_row` is the place of the first row in its file.
    /// Returns false when nobody listens any more.
    pub(super) async fn send_all(
        &self,
        shape: &Arc<Shape>,
        file: &str,
        first_row: usize,
        batches: impl Iterator<Item = Result<RecordBatch>> + Send + 'static,
    ) -> Result<bool> {
        let (sender, shape, file) = (self.0.clone(), Arc::clone(shape), file.to_owned());
        let name = file.clone();
        let decode = move || {
            let mut row = first_row;
            for batch in batches {
                let batch = batch?;
                let shaped = shape.apply(&file, row, &batch)?;
                row += batch.num_rows();
                if shaped.num_rows() > 0 && sender.blocking_send(Ok(shaped)).is_err() {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        tokio::task::spawn_blocking(move || decoding(&name, decode)).await.map_err(|error| {
            Error::new(ErrorKind::Bug, "a thread that decodes a file stopped").with_source(error)
        })?
    }
}

/// The rows of these files.
pub(super) fn rows(files: Vec<SourceFile>, shape: Shape) -> SourceRows {
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let skipped = Arc::clone(&shape.skipped);
    let shape = Arc::new(shape);
    tokio::spawn(async move {
        let output = Output(sender);
        for file in files {
            let send = async {
                match shape.format {
                    FileFormat::Parquet => super::parquet::scan(&file, &shape, &output).await,
                    FileFormat::Csv => super::csv::scan(&file, &shape, &output).await,
                }
            };
            // A task that panics would drop the sender, and its reader would take that for the end of the rows.
            let sent = AssertUnwindSafe(send).catch_unwind().await;
            match sent.unwrap_or_else(|panic| Err(stopped(&file.label, panic.as_ref()))) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    // Nobody to tell when the reader is gone.
                    let _ = output.0.send(Err(error)).await;
                    return;
                }
            }
        }
    });
    let batches = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    SourceRows { batches: batches.boxed(), skipped }
}
