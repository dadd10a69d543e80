//! CPU work leaves the async threads through here.

use std::cmp::Ordering;

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
