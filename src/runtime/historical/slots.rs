//! Entity times, sorted per key: where each source row belongs.

use std::ops::Range;

use arrow::array::{Array as _, Int64Array};
use provender_core::encoding::EntityKey;

use super::EventTimeMatch;
use crate::columns::KeyColumns;
use crate::key_index::KeyIndex;
use crate::newest_rows::{Candidates, Leader};
use crate::{Error, Result};

/// Which source rows an entity row may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visibility {
    pub(super) event_time_match: EventTimeMatch,
    pub(super) created_before_event_time: bool,
}

/// The distinct (key, time) pairs of an entity frame. The slots of one key are neighbours, in order of time.
#[derive(Debug)]
pub(super) struct Slots {
    keys: KeyIndex,
    /// By number of a key: its first slot; one more at the end.
    starts: Vec<u32>,
    times: Vec<i64>,
    of_row: Vec<Option<u32>>,
}

impl Slots {
    /// Sorts the times of a frame's rows. A row with a null key or a null time has no slot: it finds nothing.
    ///
    /// # Errors
    /// More rows than can be numbered.
    pub(super) fn new(columns: &KeyColumns, times: &Int64Array) -> Result<Self> {
        let too_many =
            || Error::invalid("an entity frame of more than four billion rows").with_hint("ask in parts");
        let rows = u32::try_from(times.len()).map_err(|_| too_many())?;
        let mut keys = KeyIndex::default();
        let mut key = EntityKey::empty();
        let mut key_of_row = Vec::with_capacity(times.len());
        for row in 0..times.len() {
            let found = times.is_valid(row) && columns.encode(row, &mut key);
            key_of_row.push(if found { Some(keys.insert(&key).ok_or_else(too_many)?) } else { None });
        }
        let mut slots = Self {
            starts: Vec::with_capacity(keys.len() + 1),
            keys,
            times: Vec::with_capacity(times.len()),
            of_row: vec![None; times.len()],
        };
        let (starts, mut by_key) = grouped(&key_of_row, slots.keys.len(), rows);
        for run in starts.windows(2) {
            slots.starts.push(slots.next()?);
            let rows = &mut by_key[run[0]..run[1]];
            rows.sort_unstable_by_key(|row| times.value(*row as usize));
            let first = slots.times.len();
            for row in rows {
                let time = times.value(*row as usize);
                if slots.times.len() == first || slots.times.last() != Some(&time) {
                    slots.times.push(time);
                }
                slots.of_row[*row as usize] = Some(slots.next()? - 1);
            }
        }
        slots.starts.push(slots.next()?);
        Ok(slots)
    }

    fn next(&self) -> Result<u32> {
        u32::try_from(self.times.len()).map_err(|_| too_many())
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// The slots of each key.
    pub(super) fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        self.starts.windows(2).map(|run| run[0] as usize..run[1] as usize)
    }

    /// The time of each slot.
    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// The slot of each entity row.
    pub(super) fn of_rows(&self) -> impl Iterator<Item = Option<usize>> {
        self.of_row.iter().map(|slot| slot.map(|slot| slot as usize))
    }

    /// For each of some source rows the first slot that may see it; the later ones of its key may too.
    pub(super) fn first_that_see(
        &self,
        candidates: &Candidates<'_>,
        rows: Range<usize>,
        visibility: Visibility,
    ) -> Vec<Option<u32>> {
        let numbers = self.keys.numbers(&candidates.keys, rows.clone());
        // In passes of their own, as the numbers are: each looks somewhere else in memory.
        let runs: Vec<Range<u32>> = numbers
            .into_iter()
            .map(|number| number.map_or(0..0, |key| self.starts[key as usize]..self.starts[key as usize + 1]))
            .collect();
        // Asked for all at once, the times of a batch arrive together; the search below would wait for each in turn.
        let ends = |run: &Range<u32>| {
            let last = (run.end as usize).saturating_sub(1);
            self.times.get(run.start as usize).copied().unwrap_or(0)
                ^ self.times.get(last).copied().unwrap_or(0)
        };
        std::hint::black_box(runs.iter().map(ends).fold(0, |sum, times| sum ^ times));
        let first = |(row, run): (usize, Range<u32>)| {
            let seen = self.first_of(&run, candidates.leader(row), visibility);
            (seen < run.end).then_some(seen)
        };
        rows.zip(runs).map(first).collect()
    }

    /// The first slot of a run that may see a row, or the end of the run.
    fn first_of(
        &self,
        run: &Range<u32>,
        Leader { event_time, created_time, .. }: Leader,
        visibility: Visibility,
    ) -> u32 {
        let times = &self.times[run.start as usize..run.end as usize];
        let known_at = match created_time {
            Some(created) if visibility.created_before_event_time => created,
            _ => i64::MIN,
        };
        let earliest = match visibility.event_time_match {
            EventTimeMatch::AtOrBefore => Some(event_time.max(known_at)),
            // Times are whole nanoseconds: after one is at the next, and nothing is after the last.
            EventTimeMatch::StrictlyBefore => event_time.checked_add(1).map(|next| next.max(known_at)),
        };
        let Some(earliest) = earliest else { return run.end };
        run.start + u32::try_from(times.partition_point(|time| *time < earliest)).unwrap_or(0)
    }
}

fn too_many() -> Error {
    Error::invalid("the entity frame has more than four billion rows").with_hint("ask in parts")
}

/// Rows by key, each key's in their order: where those of each key start, with one more at the end, and the rows.
fn grouped(key_of_row: &[Option<usize>], keys: usize, rows: u32) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0; keys + 1];
    for key in key_of_row.iter().flatten() {
        starts[key + 1] += 1;
    }
    for key in 0..keys {
        starts[key + 1] += starts[key];
    }
    let mut next = starts.clone();
    let mut by_key = vec![0; starts[keys]];
    for (row, key) in (0..rows).zip(key_of_row) {
        if let Some(key) = key {
            by_key[next[*key]] = row;
            next[*key] += 1;
        }
    }
    (starts, by_key)
}
