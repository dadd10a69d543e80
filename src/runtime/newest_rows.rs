//! The newest row per slot of a source that is never sorted: the one rule that the historical join and materialization
//! share. A slot is a key, or a key at an entity time; memory grows with slots, never with the rows that went by.
//!
//! A source is read twice. The first time only keys and times are looked at, and each slot keeps the place of the row that
//! leads it ([`Leaders`]); the second time only values, and only those of rows that lead at the end ([`Chosen`]).

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array, UInt64Array, new_null_array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{concat, take};
use arrow::datatypes::{Field, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use futures::future::{FutureExt as _, TryFutureExt as _, try_join_all};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::blocking::{made_side_by_side, on_blocking_thread, processors};
use crate::columns::KeyColumns;
use crate::numbered_places::{NONE, NumberedPlaces, parts_of};
use crate::provider::{PinnedSource, asked_columns, places, scanned_times, too_many_bytes};
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

/// Rows of a source that some slots have chosen.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Their places, sorted, each once.
    places: Arc<[u64]>,
    /// For each slot, which of the places it has chosen.
    numbers: NumberedPlaces,
}

impl Chosen {
    /// What each slot chooses: a place, or [`NOWHERE`](crate::numbered_places::NOWHERE).
    ///
    /// # Errors
    /// More slots than can be numbered.
    pub(crate) fn new(by_slot: Vec<u64>) -> Result<Self> {
        let (numbers, places) = NumberedPlaces::new(by_slot)?;
        Ok(Self { places: places.into(), numbers })
    }

    /// Reads the chosen rows: their columns, each of the values of these slots in this order. Null where a slot has chosen
    /// nothing, and where there is no slot ([`NONE`]).
    ///
    /// Some columns are read at a time, while those before them are put in order: what lies in memory are the values of few.
    pub(crate) async fn read(
        self,
        source: &dyn PinnedSource,
        columns: &SchemaRef,
        slots: &[u32],
    ) -> Result<Vec<ArrayRef>> {
        let Self { places, numbers } = self;
        let indices = Arc::new(indices(&numbers, slots));
        drop(numbers);
        if places.is_empty() {
            let null = |field: &Arc<Field>| new_null_array(field.data_type(), indices.len());
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
            let schema = Arc::new(columns.project(some).map_err(explain)?);
            let read = in_order(source, schema, Arc::clone(&places), Arc::clone(&indices));
            reads.push(read.map_ok(|columns| some.iter().copied().zip(columns)).boxed());
        }
        // To put them in order each column takes a processor.
        let reads_at_once = processors().div_ceil(COLUMNS_AT_A_TIME);
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
/// take longer.
const MANY_ROWS: usize = 20_000;

/// For each of some slots the number of its place; null where it has none.
fn indices(numbers: &NumberedPlaces, slots: &[u32]) -> UInt32Array {
    let indices = made_side_by_side(slots.len(), |at| match slots[at] {
        NONE => NONE,
        slot => numbers.of_slot(slot as usize),
    });
    let valid = BooleanBuffer::collect_bool(indices.len(), |at| indices[at] != NONE);
    UInt32Array::new(indices.into(), Some(NullBuffer::new(valid)))
}

/// The values of columns at these indices of these places.
async fn in_order(
    source: &dyn PinnedSource,
    columns: SchemaRef,
    places: Arc<[u64]>,
    indices: Arc<UInt32Array>,
) -> Result<Vec<ArrayRef>> {
    let taken = parts(source, &columns, places).await?.into_iter().map(|parts| {
        let indices = Arc::clone(&indices);
        on_blocking_thread(move || {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts).and_then(|whole| take(&whole, indices.as_ref(), None)).map_err(explain)
        })
    });
    try_join_all(taken).await
}

/// For each column its values at these places, in parts in their order.
async fn parts(
    source: &dyn PinnedSource,
    columns: &SchemaRef,
    places_asked: Arc<[u64]>,
) -> Result<Vec<Vec<ArrayRef>>> {
    let chunks: Arc<Mutex<Vec<(u64, RecordBatch)>>> = Arc::default();
    let take = {
        let chunks = Arc::clone(&chunks);
        move |batch: RecordBatch| {
            let first = places(&batch)?.value(0);
            locked(&chunks).push((first, batch));
            Ok(())
        }
    };
    source.read(columns, Arc::clone(&places_asked), Arc::new(take)).await?;
    let mut chunks = std::mem::take(&mut *locked(&chunks));
    let found: usize = chunks.iter().map(|(_, batch)| batch.num_rows()).sum();
    if found != places_asked.len() {
        let asked = places_asked.len();
        let message = format!("a source gave {found} rows where {asked} were asked for");
        return Err(Error::new(ErrorKind::Bug, message));
    }
    chunks.sort_unstable_by_key(|(first, _)| *first);
    let of_column = |at| chunks.iter().map(|(_, chunk)| Arc::clone(chunk.column(at))).collect();
    Ok((0..columns.fields().len()).map(of_column).collect())
}

/// What a scan gathers. After a panic the scan fails, and nobody looks at what is half done.
pub(crate) fn locked<T>(gathered: &Mutex<T>) -> MutexGuard<'_, T> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

fn explain(error: ArrowError) -> Error {
    match error {
        ArrowError::OffsetOverflowError(_) => too_many_bytes(),
        error => Error::new(ErrorKind::Bug, "could not put rows together").with_source(error),
    }
}
