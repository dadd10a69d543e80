//! What a run counts of one view.

use std::time::Duration;

use provender_core::time::Timestamp;

use super::load::Loaded;
use super::{MaterializeJob, ViewOutcome};
use crate::metrics::table;

/// Rows of an interval that is loaded and in the ledger.
pub(super) fn loaded(job: &MaterializeJob, view: &str, loaded: &Loaded) {
    for (outcome, rows) in [
        ("read", loaded.rows_read),
        ("written", loaded.outcome.written),
        ("kept", loaded.outcome.kept),
        ("null_key", loaded.null_keys),
        ("no_event_time", loaded.no_event_time),
    ] {
        job.metrics.counter(&table::MATERIALIZE_ROWS, &[view, outcome]).add(rows);
    }
}

/// The last event time that the ledger says is loaded.
pub(super) fn loaded_until(job: &MaterializeJob, view: &str, until: Option<Timestamp>) {
    if let (false, Some(until)) = (job.dry_run, until) {
        job.metrics.age(&table::FRESHNESS, &[view]).since(until);
    }
}

/// How the run over a view ended.
pub(super) fn ended(job: &MaterializeJob, view: &str, outcome: &ViewOutcome, took: Duration) {
    if job.dry_run {
        return;
    }
    let outcome = match outcome {
        ViewOutcome::Loaded(_) => "loaded",
        ViewOutcome::Nothing { .. } => "nothing",
        ViewOutcome::Failed(_) => "failed",
    };
    job.metrics.distribution(&table::MATERIALIZE_DURATION, &[view, outcome]).record_duration(took);
}
