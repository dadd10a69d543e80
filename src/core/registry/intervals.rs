//! The algebra of closed intervals of event times. A list is disjoint, in order, and holds no two that touch.

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

/// Everything that one of them holds.
pub(super) fn union(intervals: impl Iterator<Item = Interval>) -> Vec<Interval> {
    let mut sorted: Vec<Interval> = intervals.collect();
    sorted.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(sorted.len());
    for next in sorted {
        match merged.last_mut() {
            Some(last) if last.touches(&next) => *last = last.hull(&next),
            _ => merged.push(next),
        }
    }
    merged
}

/// Everything that both lists hold.
pub(super) fn intersection(left: &[Interval], right: &[Interval]) -> Vec<Interval> {
    union(left.iter().flat_map(|a| right.iter().filter_map(|b| a.overlap(b))))
}

/// Everything that the left list holds and the right one does not.
pub(super) fn difference(left: &[Interval], right: &[Interval]) -> Vec<Interval> {
    let mut rest: Vec<Interval> = left.to_vec();
    for taken in right {
        rest = rest.iter().flat_map(|part| without(part, taken)).collect();
    }
    rest
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

    fn is_canonical(list: &[Interval]) -> bool {
        list.windows(2).all(|pair| !pair[0].touches(&pair[1]) && pair[0] < pair[1])
    }

    proptest! {
        #[test]
        fn the_algebra_is_that_of_sets(
            left in prop::collection::vec(interval(), 0..6), right in prop::collection::vec(interval(), 0..6)
        ) {
            let (a, b) = (union(left.iter().copied()), union(right.iter().copied()));
            let (both, rest) = (intersection(&a, &b), difference(&a, &b));
            prop_assert!(is_canonical(&a) && is_canonical(&both) && is_canonical(&rest));
            for at in -1..60 {
                prop_assert_eq!(holds(&a, at), holds(&left, at));
                prop_assert_eq!(holds(&both, at), holds(&left, at) && holds(&right, at));
                prop_assert_eq!(holds(&rest, at), holds(&left, at) && !holds(&right, at));
            }
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let all = Interval { from: Timestamp::MIN, to: Timestamp::MAX };
        assert_eq!(difference(&[all], &[all]), []);
        assert_eq!(union([all, all].into_iter()), [all]);
    }
}
