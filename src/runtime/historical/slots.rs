//! Entity times, sorted per key: where each source row belongs.

use arrow::array::Int64Array;
use provender_core::time::Duration;

use super::EventTimeMatch;
use super::frame_keys::{FrameKeys, NumberedRow};
use crate::blocking::{made_side_by_side, processors};
use crate::columns::KeyColumns;
use crate::newest_rows::{BLOCK, Candidates, Leader, Offer};
use crate::{Error, Result};

/// Which source rows an entity row may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visibility {
    pub(super) event_time_match: EventTimeMatch,
    pub(super) created_before_event_time: bool,
    /// How old it may be; zero: as old as it likes.
    pub(super) ttl: Duration,
}

/// The distinct (key, time) pairs of an entity frame. The slots of one key are neighbours, in order of time.
#[derive(Debug)]
pub(super) struct Slots {
    keys: FrameKeys,
    /// By number of a key: its first slot; one more at the end.
    starts: Vec<u32>,
    /// Of each slot; then so many more that a search for few may look at them.
    times: Vec<i64>,
    /// By entity row; [`NONE`] where it has no slot.
    of_row: Vec<u32>,
}

/// Times of fewer slots than this are looked for in four steps.
const FEW_TIMES: usize = 16;

/// No key, no slot: there are fewer of either.
pub(super) use crate::numbered_places::NONE;

impl Slots {
    /// Sorts the times of a frame's rows. A row with a null key or a null time has no slot: it finds nothing.
    ///
    /// # Errors
    /// More rows than can be numbered.
    pub(super) fn new(columns: &KeyColumns, times: &Int64Array) -> Result<Self> {
        if u32::try_from(times.len()).is_err() {
            return Err(too_many());
        }
        let (keys, key_of_row) = FrameKeys::new(columns, times)?;
        let (starts, times_of_slots) = distinct_times(&key_of_row, keys.len(), times.values());
        let slots = Self { keys, starts, times: times_of_slots, of_row: Vec::new() };
        let of_row = made_side_by_side(times.len(), |row| match key_of_row[row] {
            NONE => NONE,
            key => {
                let (start, end) = slots.run(key);
                slots.at_or_after(start, end, times.value(row))
            }
        });
        Ok(Self { of_row, ..slots })
    }

    /// The first slot of a key, and the one after its last.
    fn run(&self, key: u32) -> (u32, u32) {
        (self.starts[key as usize], self.starts[key as usize + 1])
    }

    /// The first of the slots from `start` to `end`, those of one key, whose time is not before this one; else `end`.
    fn at_or_after(&self, start: u32, end: u32, earliest: i64) -> u32 {
        let (first, many) = (start as usize, (end - start) as usize);
        if many >= FEW_TIMES {
            let before = self.times[first..first + many].partition_point(|time| *time < earliest);
            return start + u32::try_from(before).unwrap_or(0);
        }
        // Always the same steps: the processor need not guess how many, and goes on with the next row meanwhile.
        let times = &self.times[first..first + FEW_TIMES - 1];
        let mut before = 0;
        for step in [8, 4, 2, 1] {
            let next = before + step;
            before += step * usize::from((next <= many) & (times[next - 1] < earliest));
        }
        start + u32::try_from(before).unwrap_or(0)
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.starts.last().map_or(0, |end| *end as usize)
    }

    /// By number of a key: its first slot; one more at the end.
    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The time of each slot.
    pub(super) fn times(&self) -> &[i64] {
        &self.times[..self.len()]
    }

    /// The slot of each entity row; [`NONE`] where it has no slot.
    pub(super) fn of_rows(&self) -> &[u32] {
        &self.of_row
    }

    /// Those of some source rows that some slot may see, each for the first that does; the later ones of its key may too.
    ///
    /// # Errors
    /// Keys of other types than those of the frame: a bug.
    pub(super) fn first_that_see(
        &self,
        candidates: &Candidates<'_>,
        visibility: Visibility,
    ) -> Result<Vec<Offer>> {
        let mut offers = Vec::with_capacity(candidates.len());
        // In passes over few rows, each of which looks somewhere else in memory. What comes out is written in any case, and
        // kept or not: the processor could not guess which.
        let (mut numbers, mut runs) = ([NumberedRow::default(); BLOCK], [(0, 0); BLOCK]);
        let mut seen = [Offer::default(); BLOCK];
        for rows in candidates.blocks() {
            let many = self.keys.numbers(&candidates.keys, rows, &mut numbers)?;
            for (run, row) in runs.iter_mut().zip(&numbers[..many]) {
                *run = self.run(row.number);
            }
            // Asked for all at once, the times of a block arrive together; the search below would wait for each in turn.
            let ends = |(start, end): &(u32, u32)| self.times[*start as usize] ^ self.times[*end as usize];
            std::hint::black_box(runs[..many].iter().map(ends).fold(0, |sum, times| sum ^ times));
            let mut found = 0;
            for (row, (start, end)) in numbers.iter().zip(&runs[..many]) {
                let leader = candidates.leader(row.row as usize);
                let Some(earliest) = visibility.earliest(leader) else { continue };
                let slot = self.at_or_after(*start, *end, earliest);
                // What is too old for the first is too old for the later ones, and so is what it would stand before.
                let is_alive = visibility.is_alive(leader.event_time, self.times[slot as usize]);
                seen[found] = Offer { slot, row: row.row };
                found += usize::from((slot < *end) & is_alive);
            }
            offers.extend_from_slice(&seen[..found]);
        }
        Ok(offers)
    }
}

impl Visibility {
    /// The earliest entity time that may see a row; none where no time may.
    fn earliest(self, Leader { event_time, created_time, .. }: Leader) -> Option<i64> {
        let known_at = match created_time {
            Some(created) if self.created_before_event_time => created,
            _ => i64::MIN,
        };
        match self.event_time_match {
            EventTimeMatch::AtOrBefore => Some(event_time.max(known_at)),
            // Times are whole nanoseconds: after one is at the next, and nothing is after the last.
            EventTimeMatch::StrictlyBefore => event_time.checked_add(1).map(|next| next.max(known_at)),
        }
    }

    /// Whether a row is not older than the ttl at an entity time.
    pub(super) fn is_alive(self, event_time: i64, time: i64) -> bool {
        self.ttl.is_zero() || event_time >= time.saturating_sub(self.ttl.as_nanos())
    }
}

fn too_many() -> Error {
    Error::invalid("the entity frame has more than four billion rows").with_hint("ask in parts")
}

/// The distinct times of each key's rows, in order: by key where they begin, with one more at the end, and the times, with
/// [`FEW_TIMES`] more.
fn distinct_times(key_of_row: &[u32], keys: usize, times: &[i64]) -> (Vec<u32>, Vec<i64>) {
    let mut starts = vec![0_u32; keys + 1];
    for key in key_of_row.iter().filter(|key| **key != NONE) {
        starts[*key as usize + 1] += 1;
    }
    for key in 0..keys {
        starts[key + 1] += starts[key];
    }
    let mut sorted = Vec::with_capacity(starts[keys] as usize + FEW_TIMES);
    sorted.resize(starts[keys] as usize, 0);
    let mut distinct = vec![0_u32; keys];
    let (mut times_left, mut distinct_left, mut first_key) = (&mut sorted[..], &mut distinct[..], 0);
    std::thread::scope(|threads| {
        for starts in in_parts(&starts) {
            let first = starts[0];
            let many = (starts[starts.len() - 1] - first) as usize;
            let sorted = times_left.split_off_mut(..many).unwrap_or_default();
            let distinct = distinct_left.split_off_mut(..starts.len() - 1).unwrap_or_default();
            threads.spawn(move || {
                let mut next: Vec<u32> =
                    starts[..starts.len() - 1].iter().map(|start| start - first).collect();
                for (key, time) in key_of_row.iter().zip(times) {
                    // Rows of other parts, and of none, are too far away.
                    if let Some(next) = next.get_mut(key.wrapping_sub(first_key) as usize) {
                        sorted[*next as usize] = *time;
                        *next += 1;
                    }
                }
                for (run, distinct) in starts.windows(2).zip(distinct) {
                    let run = &mut sorted[(run[0] - first) as usize..(run[1] - first) as usize];
                    run.sort_unstable();
                    *distinct = leave_distinct(run);
                }
            });
            first_key += u32::try_from(starts.len() - 1).unwrap_or(NONE);
        }
    });
    let mut end = 0;
    for (start, distinct) in starts.iter_mut().zip(&distinct) {
        let (from, to) = (std::mem::replace(start, end), end);
        if from != to {
            sorted.copy_within(from as usize..(from + distinct) as usize, to as usize);
        }
        end += distinct;
    }
    starts[keys] = end;
    sorted.truncate(end as usize);
    sorted.resize(end as usize + FEW_TIMES, i64::MAX);
    (starts, sorted)
}

/// Moves the distinct ones of sorted times to the front; says how many there are.
fn leave_distinct(times: &mut [i64]) -> u32 {
    let mut many = 0;
    for at in 0..times.len() {
        if many == 0 || times[at] != times[many - 1] {
            times[many] = times[at];
            many += 1;
        }
    }
    u32::try_from(many).unwrap_or(NONE)
}

/// The starts of keys in as many parts as there are processors; each part ends with the start after its last key.
pub(super) fn in_parts(starts: &[u32]) -> impl Iterator<Item = &[u32]> {
    let keys = starts.len() - 1;
    let in_part = keys.div_ceil(processors()).max(1);
    (0..keys).step_by(in_part).map(move |first| &starts[first..=(first + in_part).min(keys)])
}
