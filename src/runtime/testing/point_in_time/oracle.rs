//! What docs/reference/data.md says, in the slowest way: every source row is looked at for every entity row. Shares no code with
//! what it judges, not even types of times.

use std::collections::BTreeSet;

use crate::historical::EventTimeMatch;

/// One field of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Number(i64),
    Text(String),
}

/// A key that may lack fields.
pub(super) type Key = Vec<Option<Field>>;

/// A source row; its place in the source is its place among the rows.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) event: Option<i64>,
    pub(super) created: Option<i64>,
}

/// Which rows an entity row may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) ttl: i64,
    pub(super) matching: EventTimeMatch,
    pub(super) known_by: bool,
}

impl Sight {
    fn sees(&self, row: &Row, time: i64) -> bool {
        let Some(event) = row.event.map(i128::from) else { return false };
        let time = i128::from(time);
        if event > time || (event == time && self.matching == EventTimeMatch::StrictlyBefore) {
            return false;
        }
        if self.known_by && row.created.is_some_and(|created| i128::from(created) > time) {
            return false;
        }
        self.ttl == 0 || time - event <= i128::from(self.ttl)
    }
}

/// Whether `new`, which stands later in the source, takes the place of `old`.
fn takes_over(new: &Row, old: &Row) -> bool {
    if new.event != old.event {
        return new.event > old.event;
    }
    match (new.created, old.created) {
        (Some(new), Some(old)) => new >= old,
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

fn newest<'a>(rows: &'a [Row], mut wanted: impl FnMut(&Row) -> bool) -> Option<usize> {
    let mut best: Option<(usize, &'a Row)> = None;
    for (place, row) in rows.iter().enumerate() {
        if wanted(row) && best.is_none_or(|(_, old)| takes_over(row, old)) {
            best = Some((place, row));
        }
    }
    best.map(|(place, _)| place)
}

fn is_whole(key: &Key) -> bool {
    key.iter().all(Option::is_some)
}

/// The place of the row that an entity row gets its values from.
pub(super) fn found(rows: &[Row], key: &Key, time: Option<i64>, sight: Sight) -> Option<usize> {
    let time = time.filter(|_| is_whole(key))?;
    newest(rows, |row| row.key == *key && sight.sees(row, time))
}

/// The place of the row that a key has after its event times from `start` to `end` were loaded.
pub(super) fn loaded(rows: &[Row], key: &Key, (start, end): (i64, i64)) -> Option<usize> {
    newest(rows, |row| row.key == *key && row.event.is_some_and(|event| start <= event && event <= end))
}

/// Whole keys of rows in a range, with their times, in their order.
pub(super) fn pairs<'a>(
    rows: impl Iterator<Item = &'a Row>,
    (start, end): (i64, i64),
) -> BTreeSet<(Key, i64)> {
    rows.filter(|row| is_whole(&row.key))
        .filter_map(|row| {
            Some((row.key.clone(), row.event.filter(|event| start <= *event && *event <= end)?))
        })
        .collect()
}
