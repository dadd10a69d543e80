//! Sets of event times, and their algebra. Ledgers, recorded backfills and the ranges of runs are compared here and
//! nowhere else; what a set is good for is said where it is asked (`ledger`, `table`).

use super::Interval;
use crate::time::Timestamp;

impl Interval {
    /// Both ends included; `None` when `from` is after `to`.
    pub fn new(from: Timestamp, to: Timestamp) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// Whether the two overlap, or one starts the nanosecond after the other ends.
    pub(super) fn touches(&self, other: &Self) -> bool {
        let reaches = |end: Timestamp, start: Timestamp| end.as_nanos().saturating_add(1) >= start.as_nanos();
        reaches(self.to, other.from) && reaches(other.to, self.from)
    }

    /// The smallest interval that holds both.
    pub(super) fn hull(&self, other: &Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// The part that both hold.
    fn overlap(&self, other: &Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to))
    }
}

/// A set of event times: closed intervals that are disjoint, in order, and of which no two touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(Vec<Interval>);

impl FromIterator<Interval> for Coverage {
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut sorted: Vec<Interval> = intervals.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<Interval> = Vec::with_capacity(sorted.len());
        for next in sorted {
            match merged.last_mut() {
                Some(last) if last.touches(&next) => *last = last.hull(&next),
                _ => merged.push(next),
            }
        }
        Self(merged)
    }
}

impl From<Interval> for Coverage {
    fn from(interval: Interval) -> Self {
        Self(vec![interval])
    }
}

impl Coverage {
    /// The intervals, in order.
    pub fn intervals(&self) -> &[Interval] {
        &self.0
    }

    /// Whether it holds no instant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// First and last instant that it holds.
    pub fn span(&self) -> Option<Interval> {
        Some(Interval { from: self.0.first()?.from, to: self.0.last()?.to })
    }

    /// The interval that holds an instant.
    pub fn interval_at(&self, at: Timestamp) -> Option<Interval> {
        self.0.iter().copied().find(|part| part.from <= at && at <= part.to)
    }

    /// Everything that one of the two holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    /// Everything that both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.0.iter().flat_map(|a| other.0.iter().filter_map(|b| a.overlap(b))).collect()
    }

    /// Everything that this one holds and the other does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = self.0.clone();
        for taken in &other.0 {
            rest = rest.iter().flat_map(|part| without(part, taken)).collect();
        }
        Self(rest)
    }
}

fn without(part: &Interval, taken: &Interval) -> Vec<Interval> {
    if part.overlap(taken).is_none() {
        return vec![*part];
    }
    let before = taken.from.as_nanos().checked_sub(1).map(Timestamp::from_nanos);
    let after = taken.to.as_nanos().checked_add(1).map(Timestamp::from_nanos);
    let left = before.and_then(|end| Interval::new(part.from, end));
    let right = after.and_then(|start| Interval::new(start, part.to));
    [left, right].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval() -> impl Strategy<Value = Interval> {
        (0_i64..40, 0_i64..8).prop_map(|(from, length)| Interval {
            from: Timestamp::from_nanos(from),
            to: Timestamp::from_nanos(from + length),
        })
    }

    fn holds(list: &[Interval], at: i64) -> bool {
        list.iter().any(|part| part.from.as_nanos() <= at && at <= part.to.as_nanos())
    }

    fn is_canonical(set: &Coverage) -> bool {
        set.0.windows(2).all(|pair| !pair[0].touches(&pair[1]) && pair[0] < pair[1])
    }

    proptest! {
        #[test]
        fn the_algebra_is_that_of_sets(
            left in prop::collection::vec(interval(), 0..6), right in prop::collection::vec(interval(), 0..6)
        ) {
            let set = |list: &[Interval]| list.iter().copied().collect::<Coverage>();
            let (a, b) = (set(&left), set(&right));
            let (either, both, rest) = (a.union(&b), a.intersection(&b), a.difference(&b));
            prop_assert!([&a, &either, &both, &rest].into_iter().all(is_canonical));
            for at in -1..60 {
                prop_assert_eq!(holds(&a.0, at), holds(&left, at));
                prop_assert_eq!(holds(&either.0, at), holds(&left, at) || holds(&right, at));
                prop_assert_eq!(holds(&both.0, at), holds(&left, at) && holds(&right, at));
                prop_assert_eq!(holds(&rest.0, at), holds(&left, at) && !holds(&right, at));
                let around = a.interval_at(Timestamp::from_nanos(at));
                prop_assert_eq!(around.is_some(), holds(&left, at));
            }
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let all = Coverage::from(Interval { from: Timestamp::MIN, to: Timestamp::MAX });
        assert!(all.difference(&all).is_empty());
        assert_eq!(all.union(&all), all);
    }
}
