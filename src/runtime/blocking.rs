//! CPU work leaves the async threads through here.

use std::cmp::Ordering;
use std::sync::LazyLock;

use tokio::sync::Semaphore;

use crate::{Error, ErrorKind, Result};

/// Runs work on a blocking thread and waits for it.
pub(crate) async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    #[cfg(any(test, feature = "testing"))]
    if tokio::runtime::Handle::current().runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread {
        // The simulator decides alone what happens when; another thread would have a say.
        return work();
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(ErrorKind::Bug, "a worker thread stopped").with_source(error))?
}

/// So many pieces of the work of requests are done at once, or twice as many as there are processors: those that wait for
/// a cold disk must not keep all the others.
const LEAST_TURNS: usize = 8;

static TURNS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(LEAST_TURNS.max(2 * processors())));

/// Runs work of a request, which waits for nothing but the disk, on a blocking thread when its turn has come. The async
/// runtime would start a thread for each piece that is waiting: that finishes nothing sooner, and every thread keeps some
/// two MiB of freed memory for itself.
///
/// # Errors
/// Those of the work; `Bug` where it panics.
pub async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let turn = TURNS
        .acquire()
        .await
        .map_err(|error| Error::new(ErrorKind::Bug, "no work is begun any more").with_source(error))?;
    on_blocking_thread(move || {
        // Also when nobody waits for the result any more, the turn lasts as long as the work.
        let _turn = turn;
        work()
    })
    .await
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

/// How many pieces of CPU work are worth running side by side.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
