//! CPU work leaves the async threads through here.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::oneshot;

use crate::{Error, ErrorKind, Result};

/// Runs work on a blocking thread and waits for it.
pub(crate) async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    #[cfg(any(test, feature = "testing"))]
    if is_simulated() {
        return work();
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(ErrorKind::Bug, "a worker thread stopped").with_source(error))?
}

/// So many threads do the work of requests, or twice as many as there are processors: those that wait for a cold disk must
/// not keep all the others.
const LEAST_THREADS: usize = 8;

type Work = Box<dyn FnOnce() + Send>;

/// Where the threads that do the work of requests take it from.
static WORK_OF_REQUESTS: LazyLock<mpsc::Sender<Work>> = LazyLock::new(|| {
    let (sender, work) = mpsc::channel::<Work>();
    let work = Arc::new(Mutex::new(work));
    for number in 0..LEAST_THREADS.max(2 * processors()) {
        let work = Arc::clone(&work);
        let next = move || work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let run = move || {
            while let Ok(work) = next() {
                // Whoever waits for the result learns of a panic; the thread goes on.
                let _ = catch_unwind(AssertUnwindSafe(work));
            }
        };
        // Fewer threads do the same work; without any, sending it fails.
        let _ = thread::Builder::new().name(format!("requests-{number}")).spawn(run);
    }
    sender
});

/// Runs work of a request, which waits for nothing but the disk, on one of a few threads when its turn has come. The async
/// runtime would start a thread for each piece that is waiting: that finishes nothing sooner, and every thread keeps some
/// two MiB of freed memory for itself.
///
/// # Errors
/// Those of the work; `Bug` where it panics.
pub async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    #[cfg(any(test, feature = "testing"))]
    if is_simulated() {
        return work();
    }
    let (done, result) = oneshot::channel();
    let work = move || {
        // Nobody may wait for the result any more.
        let _ = done.send(work());
    };
    let stopped = || Error::new(ErrorKind::Bug, "a thread that works for requests stopped");
    WORK_OF_REQUESTS.send(Box::new(work)).map_err(|_| stopped())?;
    result.await.map_err(|_| stopped())?
}

#[cfg(any(test, feature = "testing"))]
thread_local! {
    static IS_SIMULATED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs something with all its work on this thread: the simulator decides alone what happens when, and another thread would
/// have a say.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn simulated<T>(run: impl FnOnce() -> T) -> T {
    IS_SIMULATED.set(true);
    let result = run();
    IS_SIMULATED.set(false);
    result
}

#[cfg(any(test, feature = "testing"))]
fn is_simulated() -> bool {
    IS_SIMULATED.get()
}

/// Sorts in as many parts as there are processors, then merges them; equal items come in any order.
pub(crate) fn sort_side_by_side<T: Send>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering + Sync) {
    let in_part = items.len().div_ceil(processors()).max(1);
    std::thread::scope(|threads| {
        for part in items.chunks_mut(in_part) {
            threads.spawn(|| part.sort_unstable_by(&compare));
        }
    });
    // The stable sort finds the sorted runs and merges them.
    items.sort_by(&compare);
}

/// So many values, each made from its number, in as many parts as there are processors.
pub(crate) fn made_side_by_side<T: Clone + Default + Send>(
    many: usize,
    make: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let mut values = vec![T::default(); many];
    let in_part = many.div_ceil(processors()).max(1);
    std::thread::scope(|threads| {
        for (part, values) in values.chunks_mut(in_part).enumerate() {
            let make = &make;
            threads.spawn(move || {
                for (number, value) in (part * in_part..).zip(values) {
                    *value = make(number);
                }
            });
        }
    });
    values
}

/// Does two things at the same time.
pub(crate) fn side_by_side<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|threads| {
        let one = threads.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
    })
}

/// How many pieces of CPU work are worth running side by side.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_of_requests_gives_its_result_and_outlives_a_panic() {
        for _ in 0..3 * LEAST_THREADS {
            let failed = in_turn(|| -> Result<()> { Err(Error::invalid("no")) }).await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::Invalid);
            let panicked = in_turn(|| -> Result<()> { panic!("a worker is tried") }).await.unwrap_err();
            assert_eq!(panicked.kind(), ErrorKind::Bug);
        }
        let mut running: Vec<_> =
            (0..1_000).map(|number| tokio::spawn(in_turn(move || Ok(2 * number)))).collect();
        for (number, work) in running.drain(..).enumerate() {
            assert_eq!(work.await.unwrap().unwrap(), 2 * number);
        }
    }
}
