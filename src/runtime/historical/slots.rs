//! Entity times, sorted per key: where each source row belongs.

use std::ops::Range;

use arrow::array::Int64Array;

use super::EventTimeMatch;
use super::frame_keys::FrameKeys;
use crate::blocking::processors;
use crate::columns::KeyColumns;
use crate::newest_rows::{Candidates, Leader, Offer};
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
    keys: FrameKeys,
    /// By number of a key: its first slot; one more at the end.
    starts: Vec<u32>,
    times: Vec<i64>,
    /// By entity row; [`NONE`] where it has no slot.
    of_row: Vec<u32>,
}

/// No key, no slot: there are fewer of either.
pub(super) const NONE: u32 = u32::MAX;

impl Slots {
    /// Sorts the times of a frame's rows. A row with a null key or a null time has no slot: it finds nothing.
    ///
    /// # Errors
    /// More rows than can be numbered.
    pub(super) fn new(columns: &KeyColumns, times: &Int64Array) -> Result<Self> {
        let rows = u32::try_from(times.len()).map_err(|_| too_many())?;
        let (keys, key_of_row) = FrameKeys::new(columns, times)?;
        let (ends, mut by_key) =
            grouped(&key_of_row, keys.len(), (0..rows).zip(times.values().iter().copied()));
        drop(key_of_row);
        sort_runs(&mut by_key, &ends);
        let mut slots = Self {
            keys,
            starts: Vec::with_capacity(ends.len() + 1),
            times: Vec::with_capacity(by_key.len()),
            of_row: vec![NONE; times.len()],
        };
        let mut first = 0;
        for end in ends {
            slots.starts.push(slots.next());
            let mut last = None;
            for (time, row) in &by_key[first..end as usize] {
                if last != Some(time) {
                    slots.times.push(*time);
                    last = Some(time);
                }
                slots.of_row[*row as usize] = slots.next() - 1;
            }
            first = end as usize;
        }
        slots.starts.push(slots.next());
        Ok(slots)
    }

    /// The number of the next slot: there are no more slots than rows, and those were counted.
    fn next(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(NONE)
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
        self.of_row.iter().map(|slot| (*slot != NONE).then_some(*slot as usize))
    }

    /// Those of some source rows that some slot may see, each for the first that does; the later ones of its key may too.
    ///
    /// # Errors
    /// Keys of other types than those of the frame: a bug.
    pub(super) fn first_that_see(
        &self,
        candidates: &Candidates<'_>,
        rows: Range<usize>,
        visibility: Visibility,
    ) -> Result<Vec<Offer>> {
        // In passes of their own, as those of the numbers are: each looks somewhere else in memory.
        let run = |(row, key): (usize, u32)| (row, self.starts[key as usize]..self.starts[key as usize + 1]);
        let runs: Vec<(usize, Range<u32>)> =
            self.keys.numbers(&candidates.keys, rows)?.into_iter().map(run).collect();
        // Asked for all at once, the times of a batch arrive together; the search below would wait for each in turn.
        let ends = |(_, run): &(usize, Range<u32>)| {
            let last = (run.end as usize).saturating_sub(1);
            self.times.get(run.start as usize).copied().unwrap_or(0)
                ^ self.times.get(last).copied().unwrap_or(0)
        };
        std::hint::black_box(runs.iter().map(ends).fold(0, |sum, times| sum ^ times));
        let first = |(row, run): (usize, Range<u32>)| {
            let seen = self.first_of(&run, candidates.leader(row), visibility);
            (seen < run.end).then_some(Offer { slot: seen as usize, row })
        };
        Ok(runs.into_iter().filter_map(first).collect())
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

/// An entity row by its time.
type TimedRow = (i64, u32);

/// Rows by key, which each of them has the number of: where those of each key end, and the rows.
fn grouped(
    key_of_row: &[u32],
    keys: usize,
    rows: impl Iterator<Item = (u32, i64)>,
) -> (Vec<u32>, Vec<TimedRow>) {
    let mut next = vec![0_u32; keys + 1];
    for key in key_of_row.iter().filter(|key| **key != NONE) {
        next[*key as usize + 1] += 1;
    }
    for key in 0..keys {
        next[key + 1] += next[key];
    }
    let mut by_key = vec![(0, 0); next[keys] as usize];
    for ((row, time), key) in rows.zip(key_of_row) {
        if *key != NONE {
            let place = &mut next[*key as usize];
            by_key[*place as usize] = (time, row);
            *place += 1;
        }
    }
    // Each start has moved to where the next key starts.
    next.truncate(keys);
    (next, by_key)
}

/// Sorts the rows of each key by time, the keys in as many parts as there are processors.
fn sort_runs(by_key: &mut [TimedRow], ends: &[u32]) {
    let in_part = ends.len().div_ceil(processors()).max(1);
    let (mut rest, mut start) = (by_key, 0);
    std::thread::scope(|threads| {
        for ends in ends.chunks(in_part) {
            let end = ends.last().copied().unwrap_or(start);
            let (mut part, others) = std::mem::take(&mut rest).split_at_mut((end - start) as usize);
            rest = others;
            let mut first = std::mem::replace(&mut start, end);
            threads.spawn(move || {
                for end in ends {
                    let (run, others) = std::mem::take(&mut part).split_at_mut((end - first) as usize);
                    run.sort_unstable();
                    (part, first) = (others, *end);
                }
            });
        }
    });
}
