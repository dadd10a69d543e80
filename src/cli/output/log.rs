//! Events of libraries as lines on stderr, for commands that stay running.

use std::io;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least level that is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// Failures of this server.
    Error,
    /// What somebody should look at.
    Warn,
    /// What happens, and requests that were refused.
    #[default]
    Info,
    /// Every request.
    Debug,
}

/// Lines that are on their way are written when this goes.
#[derive(Debug)]
pub(crate) struct LogGuard(#[expect(dead_code, reason = "held until it is dropped")] WorkerGuard);

/// Begins to tell events. Lines are written by a thread of their own, and left out while nobody reads them: a log that is
/// stuck must not hold requests, nor the end of the process.
pub(super) fn begin(format: LogFormat, level: LogLevel, styled: bool) -> LogGuard {
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).finish(io::stderr());
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Libraries below have much to say at `debug`, and it is about them.
    let own = tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.target().starts_with("provender") || *metadata.level() <= tracing::Level::WARN
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(styled).with_target(false);
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;
    let layer = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let registry = tracing_subscriber::registry().with(layer.with_filter(own).with_filter(level));
    // An error means that somebody listens already.
    let _ = tracing::subscriber::set_global_default(registry);
    LogGuard(guard)
}
