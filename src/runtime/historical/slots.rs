//! Entity times, sorted per key: where each source row belongs.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, Int64Array};
use provender_core::encoding::EntityKey;

use super::EventTimeMatch;
use crate::columns::KeyColumns;

/// Which source rows an entity row may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visibility {
    pub(super) event_time_match: EventTimeMatch,
    pub(super) created_before_event_time: bool,
}

/// The distinct (key, time) pairs of an entity frame. The slots of one key are neighbours, in order of time.
#[derive(Debug)]
pub(super) struct Slots {
    runs: HashMap<Box<[u8]>, Range<usize>>,
    times: Vec<i64>,
    of_row: Vec<Option<usize>>,
}

impl Slots {
    /// Sorts the times of a frame's rows. A row with a null key or a null time has no slot: it finds nothing.
    pub(super) fn new(keys: &KeyColumns, times: &Int64Array) -> Self {
        let mut numbers: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut pairs = Vec::with_capacity(times.len());
        let mut key = EntityKey::empty();
        for row in 0..times.len() {
            if times.is_null(row) || !keys.encode(row, &mut key) {
                continue;
            }
            let next = numbers.len();
            let number = match numbers.get(key.as_bytes()) {
                Some(number) => *number,
                None => *numbers.entry(key.as_bytes().into()).or_insert(next),
            };
            pairs.push((number, times.value(row), row));
        }
        pairs.sort_unstable();
        let mut slots = Self { runs: HashMap::new(), times: Vec::new(), of_row: vec![None; times.len()] };
        let mut runs = vec![0..0; numbers.len()];
        let mut last = None;
        for (number, time, row) in pairs {
            if last != Some((number, time)) {
                if last.is_none_or(|(known, _)| known != number) {
                    runs[number].start = slots.times.len();
                }
                slots.times.push(time);
                runs[number].end = slots.times.len();
                last = Some((number, time));
            }
            slots.of_row[row] = Some(slots.times.len() - 1);
        }
        slots.runs = numbers.into_iter().map(|(key, number)| (key, runs[number].clone())).collect();
        slots
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// The slots of each key.
    pub(super) fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        self.runs.values().cloned()
    }

    /// The slot and the time of an entity row.
    pub(super) fn of_row(&self, row: usize) -> Option<(usize, i64)> {
        self.of_row[row].map(|slot| (slot, self.times[slot]))
    }

    /// The first slot that may see a source row; the later ones of its key may too.
    pub(super) fn first_that_sees(
        &self,
        key: &EntityKey,
        event_time: i64,
        created_time: Option<i64>,
        visibility: Visibility,
    ) -> Option<usize> {
        let run = self.runs.get(key.as_bytes())?.clone();
        let times = &self.times[run.clone()];
        let known_at = match created_time {
            Some(created) if visibility.created_before_event_time => created,
            _ => i64::MIN,
        };
        let first = match visibility.event_time_match {
            EventTimeMatch::AtOrBefore => times.partition_point(|time| *time < event_time.max(known_at)),
            EventTimeMatch::StrictlyBefore => {
                times.partition_point(|time| *time <= event_time || *time < known_at)
            }
        };
        (first < times.len()).then_some(run.start + first)
    }
}
