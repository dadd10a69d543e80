//! Group commit: one thread per environment writes, and everything that waits when a transaction starts goes into it.
//! A commit costs a flush of the disk, so ten tasks that create tables side by side pay for one, not for ten.

use std::fmt;
use std::sync::Arc;

use heed::RwTxn;
use provender_runtime::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};

use super::environment::{Core, Databases, ReadError};
use super::error::{self, Doing};

/// A transaction takes no further work once it has about this many rows.
const FULL_WEIGHT: usize = 100_000;

/// The way to the writer thread; dropping it ends the thread once its queue is empty.
pub(super) struct Writer {
    queue: mpsc::UnboundedSender<Waiting>,
}

struct Waiting {
    weight: usize,
    work: Box<dyn Work>,
}

/// Something to do in a transaction, and somebody who waits for it.
trait Work: Send {
    fn run(&mut self, databases: &Databases, txn: &mut RwTxn<'_>) -> Result<(), ReadError>;
    fn answer(self: Box<Self>, outcome: Result<()>);
}

struct Task<T, F> {
    act: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnMut(&Databases, &mut RwTxn<'_>) -> Result<T, ReadError> + Send,
{
    fn run(&mut self, databases: &Databases, txn: &mut RwTxn<'_>) -> Result<(), ReadError> {
        self.result = Some((self.act)(databases, txn)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let Self { result, reply, .. } = *self;
        // Whoever asked may have gone; the work is done all the same.
        let _ = reply.send(outcome.and_then(|()| result.ok_or_else(broke_off)));
    }
}

fn broke_off() -> Error {
    Error::new(ErrorKind::Bug, "the writer of the embedded store broke off")
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(core: Arc<Core>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        // When no thread can be started the queue closes, and every submission says so.
        let _ = std::thread::Builder::new()
            .name("embedded-writer".to_owned())
            .spawn(move || write_all(&core, waiting));
        Self { queue }
    }

    pub(super) async fn submit<T: Send + 'static>(
        &self,
        weight: usize,
        act: impl FnMut(&Databases, &mut RwTxn<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(Task { act, result: None, reply });
        self.queue.send(Waiting { weight, work }).map_err(|_| broke_off())?;
        answer.await.map_err(|_| broke_off())?
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Writer").finish_non_exhaustive()
    }
}

fn write_all(core: &Core, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut weight = first.weight;
        let mut batch = vec![first.work];
        while weight < FULL_WEIGHT
            && let Ok(next) = waiting.try_recv()
        {
            weight += next.weight;
            batch.push(next.work);
        }
        write_together(core, batch);
    }
}

/// One transaction for the whole batch. A work that fails is answered and left out, and the others start over, so that
/// none sees half of another.
fn write_together(core: &Core, mut batch: Vec<Box<dyn Work>>) {
    while !batch.is_empty() {
        match try_together(core, &mut batch) {
            Ok(()) => {
                batch.into_iter().for_each(|work| work.answer(Ok(())));
                return;
            }
            Err(Failure::One(position, error)) => batch.remove(position).answer(Err(error)),
            Err(Failure::All(make_error)) => {
                batch.into_iter().for_each(|work| work.answer(Err(make_error())));
                return;
            }
        }
    }
}

enum Failure {
    /// This work cannot be done.
    One(usize, Error),
    /// Nothing can be done now; makes the error for each.
    All(Box<dyn Fn() -> Error>),
}

fn try_together(core: &Core, batch: &mut [Box<dyn Work>]) -> Result<(), Failure> {
    let lmdb = |cause| error::of_lmdb(cause, Doing::Writing, core.path());
    let databases = core.databases_or_new().map_err(|error| all(&error))?;
    let mut txn = core.write_txn().map_err(|cause| all(&lmdb(cause)))?;
    for (position, work) in batch.iter_mut().enumerate() {
        work.run(&databases, &mut txn).map_err(|cause| match cause {
            ReadError::Lmdb(cause) => Failure::One(position, lmdb(cause)),
            ReadError::Other(error) => Failure::One(position, error),
        })?;
    }
    txn.commit().map_err(|cause| all(&lmdb(cause)))
}

/// An error is not `Clone`: its copies carry the cause as text.
fn all(error: &Error) -> Failure {
    let kind = error.kind();
    let message = error.to_string();
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let hints = error.hints().to_vec();
    Failure::All(Box::new(move || {
        let mut copy = Error::new(kind, message.clone());
        if let Some(cause) = &cause {
            copy = copy.with_source(cause.clone());
        }
        hints.iter().fold(copy, Error::with_hint)
    }))
}
