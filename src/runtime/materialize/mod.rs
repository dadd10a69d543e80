//! Loading values from history into the online store. `decide` says which intervals (pure), `coverage` holds their algebra,
//! `load` reads a source and writes the newest row per key; here a run goes through its views and keeps the ledger;
//! `meters` counts.
//!
//! A ledger entry is appended after the last row of its interval is stored, so a run that dies loses nothing: the next one
//! does the interval again. A run writes the newest table of a view only, and never the registry's log.

mod decide;
mod load;
mod meters;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use provender_core::model::{DataSource, FeatureView};
use provender_core::registry::{
    Author, Coverage, FORMAT_VERSION, Interval, Ledger, LedgerEntry, LedgerEntryBody,
    MaterializationInterval, OnlineTable, Registry, TableId, TableState,
};
use provender_core::time::{Duration, Timestamp};
use tokio::time::Instant;

use self::decide::{Decision, Ledgers, Load, decide, missing_of_replaced};
use crate::clock::Clock;
use crate::columns::nearest;
use crate::metrics::Recorder;
use crate::provider::{OfflineStore, OnlineStore, Provider};
use crate::registry::random_id;
use crate::{Error, ErrorKind, Result};

/// Views that are loaded side by side.
const VIEWS_AT_ONCE: usize = 2;

/// What to load.
#[derive(Clone, Debug)]
pub struct MaterializeJob {
    /// Names of feature views; empty: every view that is served online.
    pub views: Vec<String>,
    /// Which event times.
    pub kind: MaterializeKind,
    /// Whether an end after `now` is meant.
    pub allow_future: bool,
    /// Say what would be loaded, and load nothing.
    pub dry_run: bool,
    /// Overrides the views' `lateness`.
    pub lookback: Option<Duration>,
    /// Id of this run.
    pub job_id: String,
    /// Who runs it.
    pub by: Author,
    /// When this run began: what "now" means for its ranges.
    pub now: Timestamp,
    /// Tells when a ledger entry is appended: `complete` counts from then, not from when a long run began.
    pub clock: Arc<dyn Clock>,
    /// Where it is counted what a run does.
    pub metrics: Recorder,
}

/// Which event times a run loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaterializeKind {
    /// This range, both ends included.
    Range {
        /// First event time.
        start: Timestamp,
        /// Last event time.
        end: Timestamp,
    },
    /// What is missing up to an end.
    Incremental {
        /// Last event time; none: now, less the view's `available_after`.
        end: Option<Timestamp>,
    },
    /// Recorded backfills, and for a replacement what the replaced table has, or was still to get.
    Pending,
}

/// Ledgers of online tables, as this module needs them.
#[async_trait]
pub trait TableLedgers: Send + Sync {
    /// The state of a table's ledger; empty when nothing was appended.
    async fn ledger(&self, table: &TableId) -> Result<Ledger>;

    /// Appends an entry.
    async fn append(&self, table: &TableId, entry: LedgerEntry) -> Result<()>;
}

/// What a run does, told while it does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaterializeEvent {
    /// An interval is about to be loaded.
    Started {
        /// The view.
        view: String,
        /// The event times.
        interval: Interval,
        /// Rows of the whole source, where it says; an upper bound.
        source_rows: Option<u64>,
    },
    /// Rows of the interval so far.
    Progress {
        /// The view.
        view: String,
        /// Source rows read.
        rows_read: u64,
        /// Rows handed to the online store.
        rows_stored: u64,
    },
    /// A view is done, well or not.
    Finished {
        /// The view.
        view: String,
    },
}

/// Called with each event; must not block.
pub type MaterializeProgress = Arc<dyn Fn(MaterializeEvent) + Send + Sync>;

/// What a run did.
#[derive(Debug)]
pub struct MaterializeReport {
    /// One for each view, in order of names.
    pub views: Vec<ViewReport>,
}

impl MaterializeReport {
    /// Why views failed, in their order.
    pub fn failures(&self) -> impl Iterator<Item = &Error> {
        self.views.iter().filter_map(|view| match &view.outcome {
            ViewOutcome::Failed(error) => Some(error),
            ViewOutcome::Loaded(_) | ViewOutcome::Nothing { .. } => None,
        })
    }
}

/// What a run did for one view.
#[derive(Debug)]
pub struct ViewReport {
    /// The view.
    pub view: String,
    /// The table that was written.
    pub table: TableId,
    /// How it went.
    pub outcome: ViewOutcome,
}

/// How loading one view went.
#[derive(Debug)]
pub enum ViewOutcome {
    /// Values were loaded, or would be with `dry_run`.
    Loaded(LoadedView),
    /// There was nothing to load.
    Nothing {
        /// Why: lower case, no full stop.
        reason: String,
        /// Whether readers switch to this table from now on.
        completed: bool,
    },
    /// It failed; what was stored before stays, and the ledger does not claim more.
    Failed(Error),
}

/// Figures of one view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedView {
    /// The event times.
    pub intervals: Vec<Interval>,
    /// Source rows read (`dry_run`: that would be).
    pub rows_read: u64,
    /// Rows stored.
    pub rows_written: u64,
    /// Rows that a newer stored row kept out.
    pub rows_kept: u64,
    /// Source rows with a null join key, left out.
    pub null_keys: u64,
    /// Source rows without event time, left out.
    pub no_event_time: u64,
    /// Bytes of the source, where it says.
    pub source_bytes: Option<u64>,
    /// Whether readers switch to this table from now on.
    pub completed: bool,
}

/// Loads values of feature views.
///
/// # Errors
/// A start after the end, an end in the future, an unknown view, no online or offline store. What goes wrong with one view
/// is in the report and does not stop the others.
pub async fn materialize(
    job: &MaterializeJob,
    registry: &Registry,
    ledgers: &dyn TableLedgers,
    provider: &dyn Provider,
    progress: &MaterializeProgress,
) -> Result<MaterializeReport> {
    refuse_bad_range(job)?;
    let views = chosen_views(job, registry)?;
    let online = provider.online().ok_or_else(|| {
        Error::invalid("this project has no online store")
            .with_hint("set `online_store` in `feature_store.yaml`")
    })?;
    let offline = provider.offline().ok_or_else(|| {
        Error::invalid("this project has no offline store")
            .with_hint("set `offline_store` in `feature_store.yaml`")
    })?;
    let runs = views.into_iter().map(|chosen| {
        let run =
            Run { job, registry, ledgers, online: online.as_ref(), offline: offline.as_ref(), progress };
        let report = async move {
            let began = Instant::now();
            let outcome = run.view(&chosen).await.unwrap_or_else(ViewOutcome::Failed);
            meters::ended(job, &chosen.name, &outcome, began.elapsed());
            progress(MaterializeEvent::Finished { view: chosen.name.clone() });
            ViewReport { view: chosen.name, table: chosen.table.id.clone(), outcome }
        };
        // Boxed, so that a task may run it: the compiler sees no `Send` through the types of these closures.
        report.boxed()
    });
    let runs: Vec<_> = runs.collect();
    Ok(MaterializeReport { views: stream::iter(runs).buffered(VIEWS_AT_ONCE).collect().await })
}

fn refuse_bad_range(job: &MaterializeJob) -> Result<()> {
    let (end, instead) = match job.kind {
        MaterializeKind::Range { start, end } if start > end => {
            return Err(Error::invalid(format!("the start {start} is after the end {end}")));
        }
        MaterializeKind::Range { end, .. } => (end, "give an end that is past"),
        MaterializeKind::Incremental { end: Some(end) } => {
            (end, "leave the end out, or give one that is past")
        }
        MaterializeKind::Incremental { end: None } | MaterializeKind::Pending => return Ok(()),
    };
    if end <= job.now || job.allow_future {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the end {end} is in the future: rows that arrive until then would count as loaded, and never be"
    ))
    .with_hint(instead)
    .with_hint(
        "`provender materialize --allow-future` loads what is there now, and records everything up to that end as loaded",
    ))
}

/// A view with the table to write and the source to read.
struct ChosenView<'a> {
    name: String,
    view: &'a FeatureView,
    table: &'a OnlineTable,
    source: &'a DataSource,
}

fn chosen_views<'a>(job: &MaterializeJob, registry: &'a Registry) -> Result<Vec<ChosenView<'a>>> {
    let objects = &registry.objects;
    let names: BTreeSet<&str> = if job.views.is_empty() {
        objects.feature_views().filter(|(_, view)| view.online).map(|(name, _)| name).collect()
    } else {
        job.views.iter().map(String::as_str).collect()
    };
    let mut chosen = Vec::new();
    for name in names {
        let view = objects.feature_view(name).ok_or_else(|| {
            let error = Error::new(ErrorKind::NotFound, format!("there is no feature view `{name}`"));
            match nearest(name, objects.feature_views().map(|(name, _)| name)) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint("`provender list` shows what was applied"),
            }
        })?;
        if !view.online {
            return Err(Error::invalid(format!("feature view `{name}` has `online = false`"))
                .with_hint("set `online = true` and apply, then it can be loaded"));
        }
        let table = newest_table(registry, name).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("feature view `{name}` has no online table"))
                .with_hint("`provender apply` creates it")
        })?;
        let (_, source) = objects.history_of(view).ok_or_else(|| {
            Error::corrupt(format!("feature view `{name}` has no source that holds its history"))
        })?;
        chosen.push(ChosenView { name: name.to_owned(), view, table, source });
    }
    Ok(chosen)
}

/// The table of a view that nothing replaces.
pub fn newest_table<'a>(registry: &'a Registry, view: &str) -> Option<&'a OnlineTable> {
    let of_view = |table: &&OnlineTable| table.view.name == view && table.state == TableState::Live;
    let is_replaced = |id: &TableId| {
        registry.tables.values().filter(of_view).any(|other| other.replaces.as_ref() == Some(id))
    };
    registry
        .tables
        .values()
        .filter(of_view)
        .filter(|table| !is_replaced(&table.id))
        .max_by_key(|table| table.id.revision)
}

/// One run over one view.
struct Run<'a> {
    job: &'a MaterializeJob,
    registry: &'a Registry,
    ledgers: &'a dyn TableLedgers,
    online: &'a dyn OnlineStore,
    offline: &'a dyn OfflineStore,
    progress: &'a MaterializeProgress,
}

impl Run<'_> {
    async fn view(&self, chosen: &ChosenView<'_>) -> Result<ViewOutcome> {
        let ledgers = self.read_ledgers(chosen.table).await?;
        let mut until = ledgers.own.loaded().span().map(|span| span.to);
        meters::loaded_until(self.job, &chosen.name, until);
        let loads = match decide(self.job, chosen.view, chosen.table, &ledgers) {
            Decision::Load(loads) => loads,
            Decision::Nothing { reason } => {
                let completed = !self.job.dry_run && self.complete(chosen.table).await?;
                return Ok(ViewOutcome::Nothing { reason, completed });
            }
        };
        let description = self.offline.describe(chosen.source).await?;
        let mut figures = LoadedView { source_bytes: description.bytes, ..LoadedView::default() };
        for load in loads {
            if self.job.dry_run {
                figures.rows_read += load::count(chosen.source, load.interval, self.offline).await?;
            } else {
                (self.progress)(MaterializeEvent::Started {
                    view: chosen.name.clone(),
                    interval: load.interval,
                    source_rows: description.rows,
                });
                self.load(chosen, &load, &mut figures).await?;
                until = until.max(Some(load.interval.to));
                meters::loaded_until(self.job, &chosen.name, until);
            }
            figures.intervals.push(load.interval);
        }
        figures.completed = !self.job.dry_run && self.complete(chosen.table).await?;
        Ok(ViewOutcome::Loaded(figures))
    }

    async fn read_ledgers(&self, table: &OnlineTable) -> Result<Ledgers> {
        // A replaced table that the registry does not hold any more was deleted: readers have switched.
        let replaced = table.replaces.as_ref().and_then(|id| self.registry.tables.get(id));
        Ok(Ledgers {
            own: self.ledgers.ledger(&table.id).await?,
            replaced: match replaced {
                Some(old) => old.loaded_or_recorded(&self.ledgers.ledger(&old.id).await?),
                None => Coverage::default(),
            },
        })
    }

    async fn load(&self, chosen: &ChosenView<'_>, load: &Load, figures: &mut LoadedView) -> Result<()> {
        let (progress, view) = (Arc::clone(self.progress), chosen.name.clone());
        let report = Arc::new(move |rows_read, rows_stored| {
            progress(MaterializeEvent::Progress { view: view.clone(), rows_read, rows_stored });
        });
        #[cfg(any(test, feature = "testing"))]
        if crate::testing::sabotage::skips(crate::testing::sabotage::Guard::LedgerAfterValues) {
            self.append_interval(chosen.table, load, (0, 0)).await?;
        }
        let what = (load.interval, load.mode);
        let loaded = load::load(chosen.table, chosen.source, what, self.offline, self.online, report)
            .await
            .map_err(|error| explain(error, chosen.table))?;
        self.append_interval(chosen.table, load, (loaded.rows_read, loaded.outcome.written)).await?;
        meters::loaded(self.job, &chosen.name, &loaded);
        figures.rows_read += loaded.rows_read;
        figures.rows_written += loaded.outcome.written;
        figures.rows_kept += loaded.outcome.kept;
        figures.null_keys += loaded.null_keys;
        figures.no_event_time += loaded.no_event_time;
        Ok(())
    }

    /// Appends what was loaded, with the rows read and written.
    async fn append_interval(&self, table: &OnlineTable, load: &Load, rows: (u64, u64)) -> Result<()> {
        let interval = MaterializationInterval {
            interval: load.interval,
            columns: load.columns.clone(),
            source: table.source.clone(),
            rows_read: rows.0,
            rows_written: rows.1,
        };
        self.append(&table.id, LedgerEntryBody::Materialized(interval)).await
    }

    /// Appends `complete` once the ledger covers what the replaced table has, or was still to get; whether it did so now.
    async fn complete(&self, table: &OnlineTable) -> Result<bool> {
        if table.replaces.is_none() {
            return Ok(false);
        }
        let ledgers = self.read_ledgers(table).await?;
        if ledgers.own.complete.is_some() || !missing_of_replaced(table, &ledgers).is_empty() {
            return Ok(false);
        }
        self.append(&table.id, LedgerEntryBody::Complete).await?;
        Ok(true)
    }

    async fn append(&self, table: &TableId, body: LedgerEntryBody) -> Result<()> {
        let entry = LedgerEntry {
            format_version: FORMAT_VERSION,
            entry_id: random_id(),
            job_id: self.job.job_id.clone(),
            at: self.job.clock.now(),
            by: self.job.by.clone(),
            body,
        };
        self.ledgers.append(table, entry).await
    }
}

fn explain(error: Error, table: &OnlineTable) -> Error {
    match error.kind() {
        ErrorKind::NotFound => error
            .context(format!("could not load table `{}`", table.id))
            .with_hint("if an apply deleted the table, run again; if it was lost, `provender plan` says so"),
        _ => error,
    }
}
