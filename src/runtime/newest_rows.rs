//! The newest row per slot of a source that is never sorted: the one rule that the historical join and materialization
//! share. A slot is a key, or a key at an entity time; memory grows with slots, never with the rows that went by.
//!
//! A source is read twice. The first time only keys and times are looked at, and each slot keeps the place of the row that
//! leads it ([`Leaders`]); the second time only values, and only those of rows that lead at the end ([`Chosen`]).

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array as _, ArrayRef, Int64Array, UInt64Array, new_null_array};
use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::future::{FutureExt as _, TryFutureExt as _, try_join_all};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::blocking::{made_side_by_side, on_blocking_thread, processors};
use crate::columns::KeyColumns;
use crate::numbered_places::{NONE, NumberedPlaces, parts_of};
use crate::provider::{PinnedSource, asked_columns, places, scanned_times};
use crate::scatter::{Column, Destinations};
use crate::{Error, ErrorKind, Result};

/// Rows that are looked up together: so few that what they touch stays in the nearest of the processor's caches.
pub(crate) const BLOCK: usize = 128;

/// So many rows in blocks that are looked up together.
pub(crate) fn blocks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(BLOCK).map(move |first| first..(first + BLOCK).min(rows))
}

/// The row that leads a slot: ordered by event time, created time (none first), place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leader {
    pub(crate) event_time: i64,
    pub(crate) created_time: Option<i64>,
    pub(crate) place: u64,
}

/// Rows of a scan of keys.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    pub(crate) keys: KeyColumns,
    event_times: &'a Int64Array,
    created_times: &'a Int64Array,
    places: &'a UInt64Array,
}

impl<'a> Candidates<'a> {
    /// Looks at a batch that a scan of nothing but keys gave.
    pub(crate) fn new(batch: &'a RecordBatch) -> Result<Self> {
        let keys = KeyColumns::new(asked_columns(batch))?;
        let (event_times, created_times, places) = scanned_times(batch)?;
        Ok(Self { keys, event_times, created_times, places })
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.event_times.len()
    }

    /// All rows, in blocks that are looked up together.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        blocks(self.event_times.len())
    }

    /// The row as one that may lead.
    #[inline]
    pub(crate) fn leader(&self, row: usize) -> Leader {
        Leader {
            event_time: self.event_times.value(row),
            created_time: self.created_times.is_valid(row).then(|| self.created_times.value(row)),
            place: self.places.value(row),
        }
    }
}

/// A row that may lead a slot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer {
    pub(crate) slot: u32,
    /// Of the candidates, of which there are never so many that they could not be numbered.
    pub(crate) row: u32,
}

/// A leader, or none, as it lies in memory: fresh memory is zero, and holds no leaders before anything is written to it.
pub(crate) trait Packed: AsRef<[u64]> + Copy + Default {
    fn pack(leader: Leader) -> Self;
    fn unpack(self) -> Option<Leader>;
}

/// 0 for no leader, 1 for one without created time, 2 for one with; its event time, created time and place.
pub(crate) type WithCreated = [u64; 4];

/// One more than its place, 0 for no leader; its event time. Created times are left out.
pub(crate) type WithoutCreated = [u64; 2];

impl Packed for WithCreated {
    fn pack(Leader { event_time, created_time, place }: Leader) -> Self {
        let kind = 1 + u64::from(created_time.is_some());
        [kind, event_time.cast_unsigned(), created_time.unwrap_or(0).cast_unsigned(), place]
    }

    fn unpack(self) -> Option<Leader> {
        let [kind, event_time, created_time, place] = self;
        let created_time = (kind == 2).then_some(created_time.cast_signed());
        (kind > 0).then_some(Leader { event_time: event_time.cast_signed(), created_time, place })
    }
}

impl Packed for WithoutCreated {
    fn pack(Leader { event_time, place, .. }: Leader) -> Self {
        // No row is at the last place, which means nowhere.
        [place.wrapping_add(1), event_time.cast_unsigned()]
    }

    fn unpack(self) -> Option<Leader> {
        let [after_place, event_time] = self;
        let place = after_place.checked_sub(1)?;
        Some(Leader { event_time: event_time.cast_signed(), created_time: None, place })
    }
}

/// The leaders of all slots.
#[derive(Debug)]
pub(crate) struct Leaders<P>(Vec<P>);

impl<P> Default for Leaders<P> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<P: Packed> Leaders<P> {
    /// So many slots without a row.
    pub(crate) fn new(slots: usize) -> Self {
        Self(vec![P::default(); slots])
    }

    /// Offers rows to slots, in any order; a slot that is not there is made, with all before it. Where a row is as new as what
    /// leads, as far as times tell, `on_tie` is called with the slot and both.
    pub(crate) fn offer(
        &mut self,
        candidates: &Candidates<'_>,
        offers: &[Offer],
        mut on_tie: impl FnMut(u32, [Leader; 2]),
    ) {
        if let Some(last) = offers.iter().map(|offer| offer.slot as usize).max()
            && last >= self.0.len()
        {
            self.0.resize(last + 1, P::default());
        }
        for block in offers.chunks(BLOCK) {
            // Asked for all at once, the leaders arrive together; the comparison below would wait for each in turn.
            let words = block.iter().map(|offer| self.0[offer.slot as usize].as_ref()[0]);
            std::hint::black_box(words.fold(0, |sum, word| sum ^ word));
            for offer in block {
                let leading = &mut self.0[offer.slot as usize];
                let leader = candidates.leader(offer.row as usize);
                let known = leading.unpack();
                if let Some(known) = known
                    && (known.event_time, known.created_time) == (leader.event_time, leader.created_time)
                {
                    on_tie(offer.slot, [known, leader]);
                }
                if known.is_none_or(|known| known < leader) {
                    *leading = P::pack(leader);
                }
            }
        }
    }

    /// Puts a row in the place of what leads a slot.
    pub(crate) fn put(&mut self, slot: usize, leader: Leader) {
        self.0[slot] = P::pack(leader);
    }

    /// The slots of all, those of each behind those of the one before.
    pub(crate) fn joined(parts: Vec<Self>) -> Self {
        let mut joined = Vec::with_capacity(parts.iter().map(|part| part.0.len()).sum());
        parts.into_iter().for_each(|part| joined.extend(part.0));
        Self(joined)
    }

    /// The leader of a slot.
    pub(crate) fn of_slot(&self, slot: usize) -> Option<Leader> {
        self.0[slot].unpack()
    }

    /// By slot.
    pub(crate) fn by_slot(&self) -> impl Iterator<Item = Option<Leader>> {
        self.0.iter().copied().map(P::unpack)
    }
}

/// Rows of a source that some slots have chosen, for a result whose rows have these slots.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Their places, sorted, each once.
    places: Arc<[u64]>,
    destinations: Arc<Destinations>,
}

impl Chosen {
    /// What each slot chooses, and the slot of each row of the result; [`NONE`] for a row that has none. It is work for a blocking
    /// thread.
    pub(crate) fn new((numbers, places): (NumberedPlaces, Vec<u64>), slots: &[u32]) -> Self {
        let wanted = made_side_by_side(slots.len(), |row| match slots[row] {
            NONE => NONE,
            slot => numbers.of_slot(slot as usize),
        });
        drop(numbers);
        Self { destinations: Arc::new(Destinations::new(&wanted, places.len())), places: places.into() }
    }

    /// Reads the chosen rows: their columns, as the result has them. Null where a row has no slot, and where its slot has chosen
    /// nothing.
    ///
    /// Some columns are read at a time: of what lies in memory and is not the result there is little.
    pub(crate) async fn read(self, source: &dyn PinnedSource, columns: &SchemaRef) -> Result<Vec<ArrayRef>> {
        let Self { places, destinations } = self;
        if places.is_empty() {
            let null = |field: &Arc<Field>| new_null_array(field.data_type(), destinations.many());
            return Ok(columns.fields().iter().map(null).collect());
        }
        let are_many = source.has_columns_apart() && places.len() / parts_of(&places) >= MANY_ROWS;
        let all = columns.fields().len().max(1);
        let at_a_time = if are_many { all.div_ceil(READS).max(COLUMNS_AT_A_TIME) } else { all };
        let mut order: Vec<usize> = (0..columns.fields().len()).collect();
        // Those that take longest first, so that no processor is left without work at the end.
        order.sort_by_key(|at| columns.field(*at).data_type().is_primitive());
        let mut reads = Vec::new();
        for some in order.chunks(at_a_time) {
            let schema = columns.project(some).map_err(|error| {
                Error::new(ErrorKind::Bug, "a column that is asked for is none").with_source(error)
            })?;
            let read = read_columns(source, Arc::new(schema), Arc::clone(&places), Arc::clone(&destinations));
            reads.push(read.map_ok(|columns| some.iter().copied().zip(columns)).boxed());
        }
        // The next one begins while the last parts of this one are decoded; a file of one row group has one part for each.
        let reads_at_once = processors().div_ceil(COLUMNS_AT_A_TIME).max(2);
        let read: Vec<_> = stream::iter(reads).buffer_unordered(reads_at_once).try_collect().await?;
        let mut read: Vec<(usize, ArrayRef)> = read.into_iter().flatten().collect();
        read.sort_by_key(|(at, _)| *at);
        Ok(read.into_iter().map(|(_, column)| column).collect())
    }
}

/// Columns that are read together at least, and how many such reads there are at most: each looks at the ends of all files again.
const COLUMNS_AT_A_TIME: usize = 2;
const READS: usize = 5;
/// Where fewer rows than this are chosen of each part of a source, all columns are read together: to open the parts would
/// take longer. In tests so few that random histories have more as often as not.
const MANY_ROWS: usize = if cfg!(any(test, feature = "testing")) { 5 } else { 20_000 };

/// Columns with the values at these places, each in the rows that want it.
async fn read_columns(
    source: &dyn PinnedSource,
    columns: SchemaRef,
    asked: Arc<[u64]>,
    destinations: Arc<Destinations>,
) -> Result<Vec<ArrayRef>> {
    // Made where the first values are decoded: to fill them with nulls is work.
    let filled: Arc<Vec<_>> = Arc::new(columns.fields().iter().map(|_| Mutex::new(None)).collect());
    let found = Arc::new(AtomicUsize::new(0));
    let take = {
        let (asked, filled, found) = (Arc::clone(&asked), Arc::clone(&filled), Arc::clone(&found));
        let (destinations, fields) = (Arc::clone(&destinations), columns.fields().clone());
        move |batch: RecordBatch| {
            let (places, values) = (places(&batch)?.values(), &batch.columns()[..batch.num_columns() - 1]);
            let Some(place) = places.first() else { return Ok(()) };
            let at = asked.partition_point(|asked| asked < place);
            let are_asked =
                asked.get(at..at + places.len()) == Some(&**places) && values.len() == filled.len();
            let Some(number) = u32::try_from(at).ok().filter(|_| are_asked) else {
                let message = "a source gave rows or columns that nobody asked for";
                return Err(Error::new(ErrorKind::Bug, message));
            };
            found.fetch_add(places.len(), Ordering::Relaxed);
            let put = |mut column: MutexGuard<'_, Option<Column>>, at: usize| {
                let new = || Column::new(fields[at].data_type(), &destinations);
                column.get_or_insert_with(new).put(number, &values[at], &destinations)
            };
            // First the columns that no other thread is at.
            let mut others = Vec::new();
            for (at, column) in filled.iter().enumerate() {
                match column.try_lock() {
                    Ok(column) => put(column, at)?,
                    Err(_) => others.push(at),
                }
            }
            others.into_iter().try_for_each(|at| put(locked(&filled[at]), at))
        }
    };
    source.read(&columns, Arc::clone(&asked), Arc::new(take)).await?;
    let found = found.load(Ordering::Relaxed);
    if found != asked.len() {
        let message = format!("a source gave {found} rows where {} were asked for", asked.len());
        return Err(Error::new(ErrorKind::Bug, message));
    }
    let finished = (0..filled.len()).map(|at| {
        let (filled, destinations) = (Arc::clone(&filled), Arc::clone(&destinations));
        on_blocking_thread(move || match locked(&filled[at]).take() {
            Some(column) => column.finish(&destinations),
            None => Err(Error::new(ErrorKind::Bug, "a source gave no values")),
        })
    });
    try_join_all(finished).await
}

/// What a scan gathers. After a panic the scan fails, and nobody looks at what is half done.
pub(crate) fn locked<T>(gathered: &Mutex<T>) -> MutexGuard<'_, T> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}
