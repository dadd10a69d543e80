//! The one place that builds an async runtime, and the signals that stop work in it.

use tokio::sync::watch;

use crate::error::{CommandError, CommandResult};
use crate::output::Ui;

/// Runs a future to its end on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = CommandResult<T>>) -> CommandResult<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::new("could not start the async runtime").because(error))?;
    let result = runtime.block_on(future);
    // Work on blocking threads that nobody waits for any more must not hold the exit.
    runtime.shutdown_background();
    result
}

/// Lets every other process have the processor first, from here on: work in bulk must not make answers late that a server
/// on the same machine owes somebody. Where that is not allowed it is not done.
pub(crate) fn yield_to_others() {
    let _ = rustix::process::nice(19);
}

/// What is said at the first signal and at the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopWords {
    /// What is still done.
    pub(crate) first: &'static str,
    /// How it was left.
    pub(crate) second: &'static str,
}

/// Becomes `true` at the first Ctrl-C or SIGTERM; the second one ends the process at once with exit code 1.
pub(crate) fn stop_signal(words: StopWords) -> CommandResult<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        |kind| signal(kind).map_err(|error| CommandError::new("could not listen for signals").because(error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        for round in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round == 0 {
                Ui::note(words.first);
                let _ = sender.send(true);
            } else {
                Ui::note(words.second);
                std::process::exit(1);
            }
        }
    });
    Ok(receiver)
}
