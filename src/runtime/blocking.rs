//! CPU work leaves the async threads through here.

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

/// How many pieces of CPU work are worth running side by side.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
