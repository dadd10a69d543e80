//! Rows of one key and event time. The created time says which of them is newer; it is a third of what a scan of keys would read,
//! and so it is read for these rows only.

use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

use crate::blocking::on_blocking_thread;
use crate::newest_rows::{Chosen, Leader, Leaders, Packed, WithoutCreated};
use crate::numbered_places::NumberedPlaces;
use crate::provider::{CREATED_TIME, PinnedSource};
use crate::{Error, ErrorKind, Result};

/// Of so many slots one may be led by a row that is as new as others; where more are, created times are read with the keys.
const SLOTS_PER_TIE: usize = 8;
/// So many may in any case; in tests so few that random histories have too many as often as not.
const FEW: usize = if cfg!(any(test, feature = "testing")) { 3 } else { 1_000 };

/// Rows that were as new as what led their slot, and what led it.
#[derive(Debug)]
pub(super) struct Ties {
    rows: Vec<(u32, Leader)>,
    /// When it is time to forget those that were beaten since.
    full: usize,
    are_too_many: bool,
}

impl Ties {
    /// None yet, among so many slots.
    pub(super) fn new(slots: usize) -> Self {
        Self { rows: Vec::new(), full: 4 * (slots / SLOTS_PER_TIE).max(FEW), are_too_many: false }
    }

    /// Keeps two rows that are equally new.
    pub(super) fn add(&mut self, slot: u32, rows: [Leader; 2]) {
        self.rows.extend(rows.map(|row| (slot, row)));
    }

    /// Forgets rows that were beaten since when there is no more room; whether half of it is free then. Once it was not, there are too
    /// many for good: the scan that was told so is over, while others of its threads may offer rows still.
    pub(super) fn make_room<P: Packed>(&mut self, leaders: &Leaders<P>) -> bool {
        if self.rows.len() >= self.full {
            self.forget_beaten(leaders);
            self.are_too_many |= self.rows.len() > self.full / 2;
        }
        !self.are_too_many
    }

    /// Whether there was no room for more.
    pub(super) const fn are_too_many(&self) -> bool {
        self.are_too_many
    }

    fn forget_beaten<P: Packed>(&mut self, leaders: &Leaders<P>) {
        self.rows.retain(|(slot, row)| {
            leaders.of_slot(*slot as usize).is_some_and(|leader| leader.event_time == row.event_time)
        });
    }

    /// Lets the one with the latest created time lead, and of those the last one.
    ///
    /// # Errors
    /// A source that cannot be read.
    pub(super) async fn decide(
        mut self,
        source: &dyn PinnedSource,
        leaders: &mut Leaders<WithoutCreated>,
    ) -> Result<()> {
        self.forget_beaten(leaders);
        if self.rows.is_empty() {
            return Ok(());
        }
        let places = self.rows.iter().map(|(_, row)| row.place).collect();
        let rows: Vec<u32> = (0..).take(self.rows.len()).collect();
        let chosen = on_blocking_thread(move || Ok(Chosen::new(NumberedPlaces::new(places)?, &rows))).await?;
        let column = Arc::new(Schema::new(vec![Field::new(CREATED_TIME, DataType::Int64, true)]));
        let read = chosen.read(source, &column).await?;
        let created_times = read.first().and_then(|column| column.as_primitive_opt::<Int64Type>());
        let created_times = created_times.ok_or_else(|| Error::new(ErrorKind::Bug, "no created times"))?;
        for ((_, row), created_time) in self.rows.iter_mut().zip(created_times) {
            row.created_time = created_time;
        }
        self.rows.sort_unstable();
        for rows in self.rows.chunk_by(|(one, _), (next, _)| one == next) {
            if let Some((slot, newest)) = rows.last() {
                leaders.put(*slot as usize, *newest);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_that_were_too_many_stay_too_many() {
        let leader = |event_time| Leader { event_time, created_time: None, place: 0 };
        let mut leaders = Leaders::<WithoutCreated>::new(1);
        leaders.put(0, leader(7));
        let mut ties = Ties::new(1);
        while ties.make_room(&leaders) {
            assert!(!ties.are_too_many());
            ties.add(0, [leader(7), leader(7)]);
        }
        assert!(ties.are_too_many());
        // All of them are beaten by a row of another thread.
        leaders.put(0, leader(8));
        assert!(!ties.make_room(&leaders));
        assert!(ties.are_too_many());
    }
}
