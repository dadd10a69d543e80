//! Which event times a ledger covers for some columns, and what is missing in a range.

use std::collections::BTreeSet;

use provender_core::registry::{ColumnId, Interval, Ledger, OnlineTable};
use provender_core::time::Timestamp;

/// Event times, as intervals that neither overlap nor touch, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage(Vec<Interval>);

impl Coverage {
    pub(super) fn of(intervals: impl IntoIterator<Item = Interval>) -> Self {
        let mut sorted: Vec<Interval> =
            intervals.into_iter().filter(|interval| interval.from <= interval.to).collect();
        sorted.sort_unstable();
        let mut merged: Vec<Interval> = Vec::with_capacity(sorted.len());
        for interval in sorted {
            match merged.last_mut() {
                Some(last) if interval.from.as_nanos() <= last.to.as_nanos().saturating_add(1) => {
                    last.to = last.to.max(interval.to);
                }
                _ => merged.push(interval),
            }
        }
        Self(merged)
    }

    /// Everything that any entry of a ledger covers, whatever its columns and source.
    pub(super) fn of_whole(ledger: &Ledger) -> Self {
        Self::of(ledger.intervals.iter().map(|entry| entry.interval))
    }

    /// What a table's ledger covers for every one of these columns, from the table's source or one that is equal to it.
    pub(super) fn of_columns(ledger: &Ledger, table: &OnlineTable, columns: &BTreeSet<ColumnId>) -> Self {
        Self::of_all(columns.iter().map(|column| Self::of_column(ledger, table, *column, &[])))
    }

    /// The same, taking recorded backfills as done: `--pending` does those.
    pub(super) fn with_backfills(ledger: &Ledger, table: &OnlineTable, columns: &BTreeSet<ColumnId>) -> Self {
        Self::of_all(columns.iter().map(|column| {
            let recorded: Vec<Interval> = table
                .backfills
                .iter()
                .filter(|backfill| backfill.columns.contains(column))
                .map(|backfill| Interval { from: backfill.from, to: backfill.to })
                .collect();
            Self::of_column(ledger, table, *column, &recorded)
        }))
    }

    fn of_column(ledger: &Ledger, table: &OnlineTable, column: ColumnId, also: &[Interval]) -> Self {
        let loaded = ledger
            .intervals
            .iter()
            .filter(|entry| entry.source == table.source || table.equal_sources.contains(&entry.source))
            .filter(|entry| entry.columns.contains(&column))
            .map(|entry| entry.interval);
        Self::of(loaded.chain(also.iter().copied()))
    }

    /// What all of these cover.
    fn of_all(coverages: impl Iterator<Item = Self>) -> Self {
        coverages.reduce(|a, b| a.intersection(&b)).unwrap_or_default()
    }

    fn intersection(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a, b)));
        Self::of(pairs.map(|(a, b)| Interval { from: a.from.max(b.from), to: a.to.min(b.to) }))
    }

    /// The parts of an interval that are not covered.
    pub(super) fn gaps(&self, within: Interval) -> Vec<Interval> {
        let mut gaps = Vec::new();
        let mut from = Some(within.from);
        for covered in &self.0 {
            let Some(start) = from else { break };
            if covered.to < start {
                continue;
            }
            if covered.from > within.to {
                break;
            }
            if covered.from > start {
                gaps.push(Interval { from: start, to: Timestamp::from_nanos(covered.from.as_nanos() - 1) });
            }
            from = covered.to.as_nanos().checked_add(1).map(Timestamp::from_nanos);
        }
        if let Some(from) = from.filter(|from| *from <= within.to) {
            gaps.push(Interval { from, to: within.to });
        }
        gaps
    }

    /// What `other` covers and this does not.
    pub(super) fn missing_of(&self, other: &Self) -> Vec<Interval> {
        other.0.iter().flat_map(|interval| self.gaps(*interval)).collect()
    }

    /// First and last instant that are covered.
    pub(super) fn span(&self) -> Option<Interval> {
        Some(Interval { from: self.0.first()?.from, to: self.0.last()?.to })
    }

    /// Start of the covered stretch that holds an instant.
    pub(super) fn start_of_stretch(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.iter().find(|interval| interval.from <= at && at <= interval.to).map(|interval| interval.from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(from: i64, to: i64) -> Interval {
        Interval { from: Timestamp::from_nanos(from), to: Timestamp::from_nanos(to) }
    }

    #[test]
    fn touching_intervals_are_one_and_the_ends_of_time_do_not_overflow() {
        assert_eq!(Coverage::of([interval(5, 9), interval(0, 4)]).0, [interval(0, 9)]);
        let all = Coverage::of([interval(i64::MIN, i64::MAX)]);
        assert_eq!(all.gaps(interval(i64::MIN, i64::MAX)), []);
        assert_eq!(Coverage::default().gaps(interval(i64::MIN, i64::MAX)), [interval(i64::MIN, i64::MAX)]);
        assert_eq!(Coverage::of([interval(3, 4)]).gaps(interval(0, 6)), [interval(0, 2), interval(5, 6)]);
    }

    proptest! {
        #[test]
        fn gaps_are_exactly_the_instants_that_no_interval_holds(
            intervals in prop::collection::vec((0_i64..40, 0_i64..10), 0..8),
            others in prop::collection::vec((0_i64..40, 0_i64..10), 0..8),
            from in 0_i64..40,
            length in 0_i64..20,
        ) {
            let make = |pairs: &[(i64, i64)]| Coverage::of(pairs.iter().map(|(from, length)| interval(*from, from + length)));
            let holds = |intervals: &[Interval], at: i64| {
                intervals.iter().any(|interval| interval.from.as_nanos() <= at && at <= interval.to.as_nanos())
            };
            let (a, b) = (make(&intervals), make(&others));
            let gaps = a.gaps(interval(from, from + length));
            let both = a.intersection(&b);
            let missing = a.missing_of(&b);
            for at in -5..70 {
                let inside = from <= at && at <= from + length;
                prop_assert_eq!(holds(&gaps, at), inside && !holds(&a.0, at));
                prop_assert_eq!(holds(&both.0, at), holds(&a.0, at) && holds(&b.0, at));
                prop_assert_eq!(holds(&missing, at), holds(&b.0, at) && !holds(&a.0, at));
            }
        }
    }
}
