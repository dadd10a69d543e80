//! What a run has to load into one table. Pure: ledgers in, intervals out.

use std::collections::BTreeSet;

use provender_core::model::FeatureView;
use provender_core::registry::{ColumnId, Coverage, Interval, Ledger, OnlineTable};
use provender_core::time::{Duration, Timestamp};

use super::{MaterializeJob, MaterializeKind};
use crate::provider::WriteMode;

/// One interval to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) interval: Interval,
    pub(super) mode: WriteMode,
    /// The columns that the ledger will say are loaded.
    pub(super) columns: BTreeSet<ColumnId>,
}

/// What there is to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Load(Vec<Load>),
    Nothing { reason: String },
}

/// The ledger of the table that is written, and what the one that it replaces has or is still to get.
pub(super) struct Ledgers {
    pub(super) own: Ledger,
    pub(super) replaced: Coverage,
}

pub(super) fn decide(
    job: &MaterializeJob,
    view: &FeatureView,
    table: &OnlineTable,
    ledgers: &Ledgers,
) -> Decision {
    let columns = columns_of(table);
    let whole = |interval| Load { interval, mode: WriteMode::Newest, columns: columns.clone() };
    match job.kind {
        MaterializeKind::Range { start, end } => {
            Decision::Load(vec![whole(Interval { from: start, to: end })])
        }
        MaterializeKind::Incremental { end } => {
            let end = end.unwrap_or_else(|| job.now.saturating_sub(view.materialization.available_after));
            let coverage = covered_or_recorded(table, &ledgers.own);
            let lateness = job.lookback.unwrap_or(view.materialization.lateness);
            let intervals = incremental(&coverage, end, lateness, view.effective_online_ttl());
            if intervals.is_empty() {
                let last = coverage.span().map_or(end, |span| span.to);
                let or = if table.waits_for_backfill(&ledgers.own) { ", or left to `--pending`" } else { "" };
                return Decision::Nothing { reason: format!("everything up to {last} is loaded{or}") };
            }
            Decision::Load(intervals.into_iter().map(whole).collect())
        }
        MaterializeKind::Pending => {
            let mut loads: Vec<Load> =
                missing_of_replaced(table, ledgers).intervals().iter().copied().map(whole).collect();
            loads.extend(backfills(table, &ledgers.own));
            if loads.is_empty() {
                Decision::Nothing { reason: "nothing is pending".to_owned() }
            } else {
                Decision::Load(loads)
            }
        }
    }
}

fn columns_of(table: &OnlineTable) -> BTreeSet<ColumnId> {
    table.columns.iter().map(|column| column.id).collect()
}

/// What is loaded into every column, with recorded backfills taken as done: `--pending` does those.
fn covered_or_recorded(table: &OnlineTable, own: &Ledger) -> Coverage {
    let of_column = |column: &ColumnId| {
        let recorded = table.backfills.iter().filter(|backfill| backfill.columns.contains(column));
        let recorded: Coverage =
            recorded.filter_map(|backfill| Interval::new(backfill.from, backfill.to)).collect();
        table.covered(own, &BTreeSet::from([*column])).union(&recorded)
    };
    let columns = columns_of(table);
    columns.iter().map(of_column).reduce(|a, b| a.intersection(&b)).unwrap_or_default()
}

/// Every gap from the first instant that is covered to `end`; the last one starts `lateness` earlier, so that late rows are
/// read again. With nothing covered: the values that are still alive at `end`.
fn incremental(coverage: &Coverage, end: Timestamp, lateness: Duration, ttl: Duration) -> Vec<Interval> {
    let Some(span) = coverage.span() else {
        let from = if ttl.is_zero() { Timestamp::MIN } else { end.saturating_sub(ttl) };
        return vec![Interval { from, to: end }];
    };
    let wanted: Coverage = Interval::new(span.from, end).into_iter().collect();
    let mut gaps = wanted.difference(coverage).intervals().to_vec();
    if let Some(last) = gaps.last_mut()
        && last.from > span.to
    {
        let stretch = coverage.interval_at(span.to).map_or(last.from, |interval| interval.from);
        last.from = last.from.saturating_sub(lateness).max(stretch);
    }
    gaps
}

/// What the replaced table covers and this one's ledger does not; nothing when the table replaces none.
pub(super) fn missing_of_replaced(table: &OnlineTable, ledgers: &Ledgers) -> Coverage {
    ledgers.replaced.difference(&table.covered(&ledgers.own, &columns_of(table)))
}

/// What is missing of recorded backfills, the newest interval first: what one fills is not absent for the next.
///
/// The rows written hold every column, not only the added ones: a key whose row was never stored (its table was lost, or
/// the row arrived late) then gets a whole one, where a row of added columns alone would be served as if the others had no
/// value. Where rows may be stored without these columns, only what is absent is filled, so the other columns cost reading
/// and no more. Elsewhere (a longer ttl, a table made again for a lost one) the newest row wins, as in every other run.
fn backfills(table: &OnlineTable, own: &Ledger) -> Vec<Load> {
    let mut loads = Vec::new();
    let first = table.columns.iter().map(|column| column.id).min();
    for backfill in &table.backfills {
        let (columns, missing) = table.missing_of(backfill, own);
        // Rows that were pushed are in no ledger: they lack the columns that were added after the first ones.
        let were_added = first.is_some_and(|first| !columns.contains(&first));
        let may_be_absent = were_added || !own.loaded().difference(&table.covered(own, &columns)).is_empty();
        let mode = if may_be_absent { WriteMode::FillAbsent } else { WriteMode::Newest };
        loads.extend(missing.intervals().iter().map(|interval| Load {
            interval: *interval,
            mode,
            columns: columns.clone(),
        }));
    }
    loads.sort_by_key(|load| std::cmp::Reverse(load.interval.to));
    loads
}
