//! `provender materialize`: loads a range of event times, or the data work that earlier applies left, into the online
//! store. What incremental runs share with it is here too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use clap::ArgGroup;
use provender_core::registry::{Interval, Registry};
use provender_core::time::{Duration, Timestamp};
use provender_runtime::ErrorKind;
use provender_runtime::clock::SystemClock;
use provender_runtime::materialize::{
    LoadedView, MaterializeEvent, MaterializeJob, MaterializeKind, MaterializeReport, ViewOutcome,
    ViewReport, materialize,
};
use provender_runtime::registry::{RegistryLog, random_id};

use crate::arguments::GlobalArguments;
use crate::clock;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::{block_on, yield_to_others};
use crate::metrics::{MetricsArgs, measured};
use crate::output::{Progress, Ui};
use crate::workspace::{Workspace, author};

/// Load values of a range of event times into the online store
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("what").args(["start", "pending"]).required(true)))]
pub(crate) struct Args {
    /// First event time
    #[arg(value_name = "START", requires = "end")]
    start: Option<Timestamp>,
    /// Last event time
    #[arg(value_name = "END")]
    end: Option<Timestamp>,
    /// Do the data work that earlier applies left: backfills, and tables that wait to be filled
    #[arg(long, conflicts_with_all = ["lookback", "allow_future"])]
    pending: bool,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Allow an end in the future
    #[arg(long)]
    allow_future: bool,
}

/// Options of every command that materializes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SelectionArgs {
    /// Only this view; repeatable
    #[arg(short = 'v', long = "view", value_name = "VIEW")]
    views: Vec<String>,
    /// Say what would be loaded, and load nothing
    #[arg(long)]
    dry_run: bool,
    /// Read this much again: before START, or instead of the views' `lateness`
    #[arg(long, value_name = "DURATION")]
    lookback: Option<Duration>,
    #[command(flatten)]
    metrics: MetricsArgs,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let kind = match (args.start, args.end) {
        (Some(start), Some(end)) => {
            let start = args.selection.lookback.map_or(start, |again| start.saturating_sub(again));
            MaterializeKind::Range { start, end }
        }
        _ => MaterializeKind::Pending,
    };
    yield_to_others();
    block_on(load(ui, &workspace, kind, &args.selection, args.allow_future))
}

/// Does the data work that earlier applies left.
pub(crate) async fn pending(ui: &Ui, workspace: &Workspace, metrics: &MetricsArgs) -> CommandResult {
    let selection = SelectionArgs { metrics: metrics.clone(), ..SelectionArgs::default() };
    load(ui, workspace, MaterializeKind::Pending, &selection, false).await
}

/// Runs, shows progress, and tells what came of each view; exits with 1 when one failed.
pub(crate) async fn load(
    ui: &Ui,
    workspace: &Workspace,
    kind: MaterializeKind,
    selection: &SelectionArgs,
    allow_future: bool,
) -> CommandResult {
    let log = workspace.registry()?;
    let state = workspace.applied(&log).await?;
    let job = |metrics| MaterializeJob {
        views: selection.views.clone(),
        kind,
        allow_future,
        dry_run: selection.dry_run,
        lookback: selection.lookback,
        job_id: random_id(),
        by: author(),
        now: clock::now(),
        clock: Arc::new(SystemClock),
        metrics,
    };
    let provider = workspace.provider()?;
    let bars: Arc<Mutex<BTreeMap<String, Progress>>> = Arc::default();
    let progress = Arc::new({
        let bars = Arc::clone(&bars);
        move |event| show_progress(&bars, event)
    });
    let report = measured(workspace, &selection.metrics, ui.warner(), async |metrics| {
        let (job, progress) = (job(metrics), progress as _);
        Ok(materialize(&job, &state, &log.ledger(), provider.as_ref(), &progress).await?)
    })
    .await?;
    if let Ok(mut bars) = bars.lock() {
        bars.clear();
    }
    tell(ui, &report, selection.dry_run);
    if kind != MaterializeKind::Pending {
        tell_who_waits(ui, &log, &state, &report).await?;
    }
    Ok(exit(&report))
}

fn show_progress(bars: &Mutex<BTreeMap<String, Progress>>, event: MaterializeEvent) {
    let Ok(mut bars) = bars.lock() else { return };
    match event {
        MaterializeEvent::Started { view, source_rows, .. } => {
            bars.insert(view.clone(), Progress::new(source_rows, view));
        }
        MaterializeEvent::Progress { view, rows_read, .. } => {
            if let Some(bar) = bars.get(&view) {
                bar.set(rows_read);
            }
        }
        MaterializeEvent::Finished { view } => {
            if let Some(bar) = bars.remove(&view) {
                bar.finish();
            }
        }
    }
}

/// What the world did to a run while it went on is told from what is wrong with it.
fn exit(report: &MaterializeReport) -> Exit {
    if report.failures().next().is_none() {
        Exit::Done
    } else if report.failures().all(|error| error.kind() == ErrorKind::Conflict) {
        Exit::Moved
    } else {
        Exit::Failed
    }
}

fn tell(ui: &Ui, report: &MaterializeReport, dry_run: bool) {
    if report.views.is_empty() {
        ui.message("Nothing to load: no view is served online, or nothing is pending.");
    }
    for ViewReport { view, outcome, .. } in &report.views {
        match outcome {
            ViewOutcome::Loaded(loaded) => tell_loaded(ui, view, loaded, dry_run),
            ViewOutcome::Nothing { reason, completed } => {
                ui.message(&format!("feature_view.{view}: {reason}{}", switched(*completed)));
            }
            ViewOutcome::Failed(error) => {
                let failure = CommandError::new(format!("feature_view.{view} was not loaded"))
                    .because(error.chain().join(": "));
                ui.error(&error.hints().iter().fold(failure, CommandError::with_hint));
            }
        }
    }
}

/// A run writes the newest table of a view; while that one waits to be filled, the older one serves and grows old. Values
/// that an apply recorded are left to `--pending`.
async fn tell_who_waits(
    ui: &Ui,
    log: &RegistryLog,
    state: &Registry,
    report: &MaterializeReport,
) -> CommandResult<()> {
    for ViewReport { view, table, .. } in &report.views {
        let Some(written) = state.tables.get(table) else { continue };
        if written.replaces.is_none() && written.backfills.is_empty() {
            continue;
        }
        let ledger = log.ledger().read(table).await?;
        if written.replaces.is_some() && ledger.complete.is_none() {
            ui.warning(&format!(
                "feature_view.{view} is still served from the table before {table}, which this run did not write; \
                 `{} materialize --pending` fills the new one and switches",
                ui.program()
            ));
        } else if written.waits_for_backfill(&ledger) {
            ui.warning(&format!(
                "feature_view.{view} still lacks values that an apply recorded; `{} materialize --pending` loads them",
                ui.program()
            ));
        }
    }
    Ok(())
}

fn tell_loaded(ui: &Ui, view: &str, loaded: &LoadedView, dry_run: bool) {
    let intervals: Vec<String> = loaded.intervals.iter().map(Interval::to_string).collect();
    let intervals = intervals.join(", ");
    if dry_run {
        let bytes = loaded.source_bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
        ui.message(&format!(
            "feature_view.{view}: would load {intervals} ({} source rows{bytes})",
            loaded.rows_read
        ));
        return;
    }
    ui.message(&format!(
        "feature_view.{view}: loaded {intervals}: {} source rows, {} keys written{}{}",
        loaded.rows_read,
        loaded.rows_written,
        if loaded.rows_kept > 0 {
            format!(", {} kept that are newer", loaded.rows_kept)
        } else {
            String::new()
        },
        switched(loaded.completed)
    ));
    for (rows, what) in [(loaded.null_keys, "a null join key"), (loaded.no_event_time, "no event time")] {
        if rows > 0 {
            ui.warning(&format!("{rows} source rows of feature_view.{view} have {what} and were left out"));
        }
    }
}

const fn switched(completed: bool) -> &'static str {
    if completed { "; the new table serves from now on" } else { "" }
}
