//! What reads and writes count. Series are looked up when a request is compiled; a read counts in what it finds there, and
//! takes no lock.

use std::sync::Arc;
use std::time::Duration;

use super::response::FieldStatus;
use crate::Result;
use crate::feature_request::ResolvedRequest;
use crate::metrics::{Counter, Distribution, Gauge, Recorder, table};

/// What a façade counts in, whatever the request.
#[derive(Debug)]
pub(super) struct StoreMeters {
    pub(super) recorder: Recorder,
    revision: Gauge,
    read: RoundTrips,
    write: RoundTrips,
}

/// Round trips to the online store.
#[derive(Debug)]
pub(super) struct RoundTrips {
    ok: Distribution,
    failed: Distribution,
}

impl RoundTrips {
    fn of(recorder: &Recorder, operation: &str) -> Self {
        let outcome = |outcome| recorder.distribution(&table::STORE_DURATION, &[operation, outcome]);
        Self { ok: outcome("ok"), failed: outcome("failed") }
    }

    fn ended<T>(&self, result: &Result<T>, took: Duration) {
        let outcome = if result.is_ok() { &self.ok } else { &self.failed };
        outcome.record_duration(took);
    }
}

impl StoreMeters {
    pub(super) fn of(recorder: Recorder) -> Self {
        Self {
            revision: recorder.gauge(&table::REGISTRY_REVISION, &[]),
            read: RoundTrips::of(&recorder, "read"),
            write: RoundTrips::of(&recorder, "write"),
            recorder,
        }
    }

    pub(super) fn revision(&self, revision: u64) {
        self.revision.set(revision);
    }

    pub(super) fn read<T>(&self, result: &Result<T>, took: Duration) {
        self.read.ended(result, took);
    }

    pub(super) fn write<T>(&self, result: &Result<T>, took: Duration) {
        self.write.ended(result, took);
    }

    /// Rows of a push in one table.
    pub(super) fn pushed(&self, view: &str, written: u64, kept: u64, skipped: usize) {
        for (outcome, rows) in [("written", written), ("kept", kept), ("skipped", skipped as u64)] {
            self.recorder.counter(&table::PUSH_ROWS, &[view, outcome]).add(rows);
        }
    }

    /// Rows of a push in the history of a view.
    pub(super) fn appended(&self, view: &str, rows: usize) {
        self.recorder.counter(&table::PUSH_ROWS, &[view, "appended"]).add(rows as u64);
    }
}

/// Values by what is known of them.
#[derive(Clone, Debug)]
pub(super) struct StatusCounters([Counter; FieldStatus::ALL.len()]);

impl StatusCounters {
    fn of(recorder: &Recorder, view: &str) -> Self {
        let of = |status: FieldStatus| recorder.counter(&table::FEATURE_STATUS, &[view, status.as_str()]);
        Self(FieldStatus::ALL.map(of))
    }

    pub(super) fn add(&self, statuses: impl Iterator<Item = FieldStatus>) {
        let mut counts = [0; FieldStatus::ALL.len()];
        statuses.for_each(|status| counts[status as usize] += 1);
        self.0.iter().zip(counts).for_each(|(counter, count)| counter.add(count));
    }
}

/// What the answers to one compiled request count in.
#[derive(Debug)]
pub(super) struct PlanMeters {
    /// One for each view of the request.
    pub(super) views: Vec<StatusCounters>,
    /// One for each expression: its values, and those that it has not for an error.
    pub(super) expressions: Vec<(StatusCounters, Counter)>,
}

impl PlanMeters {
    pub(super) fn of(recorder: &Recorder, request: &ResolvedRequest) -> Arc<Self> {
        let views = request.views.iter().map(|view| StatusCounters::of(recorder, &view.view));
        let expressions = request.expressions.iter().map(|expression| {
            let (view, feature) = expression.name.split_once(':').unwrap_or((&expression.name, ""));
            let errors = recorder.counter(&table::EXPRESSION_ERRORS, &[view, feature]);
            (StatusCounters::of(recorder, view), errors)
        });
        Arc::new(Self { views: views.collect(), expressions: expressions.collect() })
    }
}
