//! Entity times, sorted per key: where each source row belongs.

use arrow::array::Int64Array;
use provender_core::time::Duration;

use super::EventTimeMatch;
use super::frame_keys::{FrameKeys, NumberedRow};
use crate::blocking::{made_side_by_side, processors};
use crate::columns::KeyColumns;
use crate::newest_rows::{BLOCK, Candidates, Leader, Offer};
use crate::numbered_places::starts;
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
    /// Of each slot.
    times: Vec<i64>,
    /// The same, in units so large that they take a quarter of the memory; then so many more that a search for few may look at
    /// them.
    coarse: Vec<i16>,
    unit: Unit,
    /// By entity row; [`NONE`] where it has no slot.
    of_row: Vec<u32>,
}

/// Times of so many slots are looked at side by side.
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
        let unit = Unit::of(&times_of_slots);
        let many = times_of_slots.len();
        let coarse = |slot| times_of_slots.get(slot).map_or(i16::MAX, |time| unit.coarse(*time));
        let coarse = made_side_by_side(many + FEW_TIMES, coarse);
        let slots = Self { keys, starts, times: times_of_slots, coarse, unit, of_row: Vec::new() };
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
        let coarse = self.unit.coarse(earliest);
        let (first, many) = (start as usize, (end - start) as usize);
        let mut slot = match i16::try_from(many) {
            Ok(many) if many <= FEW_TIMES as i16 => {
                // Always the same steps: the processor need not guess how many, and goes on with the next row meanwhile. Where the
                // one number is less than the other, all bits of their difference after this shift are ones, which is -1.
                let is_less = |one: i16, other: i16| (one - other) >> (i16::BITS - 1);
                let few = self.coarse[first..first + FEW_TIMES].iter().zip(0..);
                let before: i16 = few.map(|(time, at)| is_less(*time, coarse) & is_less(at, many)).sum();
                start + u32::from(before.unsigned_abs())
            }
            _ => {
                let before = self.coarse[first..first + many].partition_point(|time| *time < coarse);
                start + u32::try_from(before).unwrap_or(0)
            }
        };
        // Of those that are as early in coarse units, nearly always none, the times themselves tell.
        if slot < end && self.coarse[slot as usize] == coarse {
            let rest = &self.coarse[slot as usize..end as usize];
            let mut equal = 1;
            while rest.get(equal).is_some_and(|time| *time == coarse) {
                equal *= 2;
            }
            let equal = &self.times[slot as usize..][..equal.min(rest.len())];
            slot += u32::try_from(equal.partition_point(|time| *time < earliest)).unwrap_or(0);
        }
        slot
    }

    /// Whether a row is not older than the ttl at the time of a slot; the one after the last has any time.
    fn is_alive(&self, visibility: Visibility, event_time: i64, slot: u32) -> bool {
        let last = self.unit.coarse(visibility.last_seen(event_time));
        let coarse = self.coarse[slot as usize];
        let is_alive = |time: &i64| visibility.is_alive(event_time, *time);
        (coarse < last) | (coarse == last && self.times.get(slot as usize).is_some_and(is_alive))
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
        &self.times
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
            let few = |start: &u32| &self.coarse[*start as usize..*start as usize + FEW_TIMES];
            let ends = |(start, _): &(u32, u32)| few(start)[0] ^ few(start)[FEW_TIMES - 1];
            std::hint::black_box(runs[..many].iter().map(ends).fold(0, |sum, times| sum ^ times));
            let mut found = 0;
            for (row, (start, end)) in numbers.iter().zip(&runs[..many]) {
                let leader = candidates.leader(row.row as usize);
                let Some(earliest) = visibility.earliest(leader) else { continue };
                let slot = self.at_or_after(*start, *end, earliest);
                // What is too old for the first is too old for the later ones, and so is what it would stand before.
                seen[found] = Offer { slot, row: row.row };
                found += usize::from((slot < *end) & self.is_alive(visibility, leader.event_time, slot));
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

    /// The last entity time at which a row is not older than the ttl.
    const fn last_seen(self, event_time: i64) -> i64 {
        if self.ttl.is_zero() { i64::MAX } else { event_time.saturating_add(self.ttl.as_nanos()) }
    }

    /// Whether a row is not older than the ttl at an entity time.
    pub(super) fn is_alive(self, event_time: i64, time: i64) -> bool {
        self.ttl.is_zero() || event_time >= time.saturating_sub(self.ttl.as_nanos())
    }
}

fn too_many() -> Error {
    Error::invalid("the entity frame has more than four billion rows").with_hint("ask in parts")
}

/// A unit of time, two to the power of some nanoseconds, in which nearly all times of slots fit into 15 bits.
#[derive(Clone, Copy, Debug)]
struct Unit {
    /// This time is 1, all before are 0.
    first: i64,
    shift: u32,
}

/// So many of the times of slots say how large a unit is, and of a hundred of these so many at either end say nothing: one row of
/// another century must not make all the others equal.
const TIMES_LOOKED_AT: usize = 4096;
const OUTLIERS: usize = 1;

impl Unit {
    fn of(times: &[i64]) -> Self {
        let step = (times.len() / TIMES_LOOKED_AT).max(1);
        let mut times: Vec<i64> = times.iter().copied().step_by(step).collect();
        times.sort_unstable();
        let outliers = times.len() * OUTLIERS / 100;
        let first = times.get(outliers).copied().unwrap_or(0);
        let last = times.iter().rev().nth(outliers).copied().unwrap_or(0);
        let bits = u64::BITS - last.abs_diff(first).leading_zeros();
        Self { first, shift: bits.saturating_sub(i16::BITS - 1) }
    }

    /// A time in this unit. What is earlier or later than nearly all slots is as early or late as all such times: only of times that
    /// are equal in this unit it is not known which one is earlier.
    fn coarse(self, time: i64) -> i16 {
        if time < self.first {
            return 0;
        }
        let after = time.abs_diff(self.first) >> self.shift;
        i16::try_from(after).unwrap_or(i16::MAX).saturating_add(1)
    }
}

/// The distinct times of each key's rows, in order: by key where they begin, with one more at the end, and the times.
fn distinct_times(key_of_row: &[u32], keys: usize, times: &[i64]) -> (Vec<u32>, Vec<i64>) {
    let mut starts = starts(key_of_row, keys);
    let mut sorted = vec![0; starts[keys] as usize];
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::ArrayRef;
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::testing::cases;

    /// Times that lie close to each other, far apart, and some of them at the ends of all times.
    fn random_time(random: &mut StdRng, spread: u32, ends: bool) -> i64 {
        match random.random_range(0..20) {
            0 if ends => i64::MIN,
            1 if ends => i64::MAX,
            _ => random.random_range(-4..4_i64) * (1_i64 << spread) + random.random_range(-3..3),
        }
    }

    #[test]
    fn units_are_as_small_as_nearly_all_times_allow() {
        let day = 24 * 60 * 60 * 1_000_000_000_i64;
        let month: Vec<i64> = (0..30_000).map(|row| 20_000 * day + row * day / 1_000).collect();
        let with_outliers = [&[0, i64::MAX], &month[..]].concat();
        for times in [&month, &with_outliers] {
            let unit = Unit::of(times);
            assert!(unit.shift < 48, "{unit:?}");
            let mut coarse: Vec<i16> = month.iter().map(|time| unit.coarse(*time)).collect();
            assert!(coarse.is_sorted());
            assert!(*coarse.last().unwrap() > i16::MAX / 2);
            coarse.dedup();
            assert!(coarse.len() > 15_000, "{} of {}", coarse.len(), month.len());
            assert!(unit.coarse(0) < unit.coarse(month[1_000]));
        }
        // Rows before all slots are not as early as the first of them.
        let one = Unit::of(&[5; 10]);
        assert_eq!([4, 5, 6].map(|time| one.coarse(time)), [0, 1, 2]);
        assert_eq!([i64::MIN, i64::MAX].map(|time| one.coarse(time)), [0, i16::MAX]);
        Unit::of(&[]);
    }

    #[test]
    fn coarse_times_tell_what_the_times_themselves_do() {
        for seed in 0..cases(2_000) {
            let mut random = StdRng::seed_from_u64(seed);
            let (rows, keys) = (random.random_range(1..200), random.random_range(1..20));
            let (spread, ends) = (random.random_range(0..61), random.random_bool(0.5));
            let key_of_row: Vec<i64> = (0..rows).map(|_| random.random_range(0..keys)).collect();
            let times: Vec<i64> = (0..rows).map(|_| random_time(&mut random, spread, ends)).collect();
            let columns: ArrayRef = Arc::new(Int64Array::from(key_of_row.clone()));
            let columns = KeyColumns::new(&[columns]).unwrap();
            let slots = Slots::new(&columns, &Int64Array::from(times.clone())).unwrap();
            for (row, slot) in slots.of_rows().iter().enumerate() {
                assert_eq!(slots.times()[*slot as usize], times[row], "seed {seed}");
            }
            let ttl = Duration::from_nanos(random.random_range(0..2) << random.random_range(0..62)).unwrap();
            let visibility = Visibility {
                event_time_match: EventTimeMatch::AtOrBefore,
                created_before_event_time: false,
                ttl,
            };
            for run in slots.starts().windows(2) {
                let of_key = &slots.times()[run[0] as usize..run[1] as usize];
                assert!(of_key.is_sorted_by(|one, next| one < next), "seed {seed}");
                let time = random_time(&mut random, spread, ends);
                let before = of_key.partition_point(|other| *other < time);
                assert_eq!(
                    (slots.at_or_after(run[0], run[1], time) - run[0]) as usize,
                    before,
                    "seed {seed}"
                );
                for slot in run[0]..run[1] {
                    let expected = visibility.is_alive(time, slots.times()[slot as usize]);
                    assert_eq!(slots.is_alive(visibility, time, slot), expected, "seed {seed}");
                }
            }
        }
    }
}
