//! Where the metrics of a command go: options first, then `feature_store.yaml`. The one place that makes a recorder.

use provender_core::config::environment::is_host_and_port;
use provender_runtime::metrics::{Collector, Exporter, Recorder, TagStyle};

use crate::error::{CommandError, CommandResult};
use crate::workspace::Workspace;

/// Options of every command that counts what it does.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct MetricsArgs {
    /// Send metrics to this StatsD server
    #[arg(long, value_name = "HOST:PORT", value_parser = place)]
    statsd: Option<String>,
    /// Whether labels of metrics are tags (`dogstatsd`) or parts of names (`none`)
    #[arg(long, value_name = "STYLE")]
    statsd_tags: Option<TagStyle>,
}

fn place(text: &str) -> Result<String, String> {
    if is_host_and_port(text) {
        Ok(text.to_owned())
    } else {
        Err("it is not `HOST:PORT`, such as `127.0.0.1:8125`".to_owned())
    }
}

/// Does work that is counted, and sends what was counted, while it runs and once more at its end, well or not. `warn` is
/// told where the collector cannot be found; the work goes on all the same.
pub(crate) async fn measured<T>(
    workspace: &Workspace,
    args: &MetricsArgs,
    warn: impl FnOnce(String) + Send + 'static,
    work: impl AsyncFnOnce(Recorder) -> CommandResult<T>,
) -> CommandResult<T> {
    let recorder = Recorder::default();
    let collector = collector(workspace, args)?;
    let exporter = collector.map(|collector| Exporter::start(recorder.clone(), collector, warn));
    let result = work(recorder).await;
    if let Some(exporter) = exporter {
        exporter.finish().await;
    }
    result
}

fn collector(workspace: &Workspace, args: &MetricsArgs) -> CommandResult<Option<Collector>> {
    let setting = |name: &str| {
        let written = workspace.environment.metrics.get(name);
        written.map(|written| workspace.expand(&format!("metrics.{name}"), written)).transpose()
    };
    let failed = |name: &str, why: String| {
        CommandError::new(format!("`metrics.{name}` in feature_store.yaml cannot be used")).because(why)
    };
    let place = match &args.statsd {
        Some(given) => given.clone(),
        None => match setting("statsd")? {
            None => return Ok(None),
            Some(place) if is_host_and_port(&place) => place,
            Some(place) => return Err(failed("statsd", format!("`{place}` is not `HOST:PORT`"))),
        },
    };
    let tags = match args.statsd_tags {
        Some(given) => given,
        None => match setting("statsd_tags")? {
            None => TagStyle::default(),
            Some(text) => text.parse().map_err(|why| failed("statsd_tags", why))?,
        },
    };
    Ok(Some(Collector { place, tags }))
}
