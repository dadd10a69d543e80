//! The newest row per slot of a source that is never sorted: the one rule that the historical join and materialization
//! share. A slot is a key, or a key at an entity time; memory grows with slots, never with the rows that went by.
//!
//! A source is read twice. The first time only keys and times are looked at, and each slot keeps the place of the row that
//! leads it ([`Leaders`]); the second time only values, and only those of rows that lead at the end ([`Chosen`]).

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array as _, ArrayRef, Int64Array, UInt32Array, UInt64Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::blocking::{on_blocking_thread, processors};
use crate::columns::KeyColumns;
use crate::numbered_places::{NONE, numbered};
use crate::provider::{PinnedSource, asked_columns, places, scanned_times};
use crate::{Error, ErrorKind, Result};

/// Rows that are looked up together: so few that what they touch stays in the nearest of the processor's caches.
pub(crate) const BLOCK: usize = 256;

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

    /// All rows, in blocks that are looked up together.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        blocks(self.event_times.len())
    }

    /// The row as one that may lead.
    pub(crate) fn leader(&self, row: usize) -> Leader {
        Leader {
            event_time: self.event_times.value(row),
            created_time: self.created_times.is_valid(row).then(|| self.created_times.value(row)),
            place: self.places.value(row),
        }
    }
}

/// A row that may lead a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    slot: u32,
    /// Of the candidates.
    row: u32,
}

impl Offer {
    /// A row of some candidates, of which there are never so many that they could not be numbered.
    pub(crate) fn new(slot: u32, row: usize) -> Self {
        Self { slot, row: u32::try_from(row).unwrap_or(u32::MAX) }
    }
}

/// The leaders of all slots.
#[derive(Debug, Default)]
pub(crate) struct Leaders(Vec<Option<Leader>>);

impl Leaders {
    /// So many slots without a row.
    pub(crate) fn new(slots: usize) -> Self {
        Self(vec![None; slots])
    }

    /// Offers rows to slots, in any order; a slot that is not there is made, with all before it.
    pub(crate) fn offer(&mut self, candidates: &Candidates<'_>, offers: &[Offer]) {
        if let Some(last) = offers.iter().map(|offer| offer.slot as usize).max()
            && last >= self.0.len()
        {
            self.0.resize(last + 1, None);
        }
        for block in offers.chunks(BLOCK) {
            // Asked for all at once, the leaders arrive together; the comparison below would wait for each in turn.
            let leading = |offer: &Offer| self.0[offer.slot as usize].map_or(0, |leader| leader.event_time);
            let times = block.iter().map(leading);
            std::hint::black_box(times.fold(0, |sum, time| sum ^ time));
            for offer in block {
                let leading = &mut self.0[offer.slot as usize];
                let leader = candidates.leader(offer.row as usize);
                if leading.is_none_or(|known| known < leader) {
                    *leading = Some(leader);
                }
            }
        }
    }

    /// Adds the slots of others behind these.
    pub(crate) fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// By slot.
    pub(crate) fn by_slot(&self) -> &[Option<Leader>] {
        &self.0
    }
}

/// Rows of a source that some slots have chosen.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Their places, sorted, each once.
    places: Arc<[u64]>,
    /// For each slot, which of the places it has chosen; [`NONE`] where it has chosen nothing.
    of_slot: Vec<u32>,
}

impl Chosen {
    /// What each slot chooses: a place, or [`NOWHERE`].
    ///
    /// # Errors
    /// More slots than can be numbered.
    pub(crate) fn new(by_slot: &[u64]) -> Result<Self> {
        let (places, of_slot) = numbered(by_slot)?;
        Ok(Self { places: places.into(), of_slot })
    }

    /// Reads the chosen rows: their columns, each of the values of these slots in this order. Null where a slot has chosen
    /// nothing, and where there is no slot.
    pub(crate) async fn read(
        self,
        source: &dyn PinnedSource,
        columns: &SchemaRef,
        slots: impl Iterator<Item = Option<usize>> + Send,
    ) -> Result<Vec<ArrayRef>> {
        let of_slot = |slot: usize| Some(self.of_slot[slot]).filter(|number| *number != NONE);
        let indices: UInt32Array = slots.map(|slot| of_slot(slot?)).collect();
        let (rows, indices) = (self.places.len(), Arc::new(indices));
        let parts = self.parts(source, columns).await?;
        let mut columns: Vec<_> = columns.fields().iter().zip(parts).enumerate().collect();
        // Those that take longest first, so that no processor is left without work at the end.
        columns.sort_by_key(|(_, (field, _))| field.data_type().is_primitive());
        let taken = columns.into_iter().map(|(at, (field, parts))| {
            let (indices, kind) = (Arc::clone(&indices), field.data_type().clone());
            on_blocking_thread(move || match parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().as_slice() {
                [] if rows == 0 => Ok((at, new_null_array(&kind, indices.len()))),
                parts => {
                    let taken = concat(parts).and_then(|whole| take(&whole, indices.as_ref(), None));
                    Ok((at, taken.map_err(explain)?))
                }
            })
        });
        let taken = stream::iter(taken.collect::<Vec<_>>()).buffer_unordered(processors());
        let mut taken: Vec<(usize, ArrayRef)> = taken.try_collect().await?;
        taken.sort_by_key(|(at, _)| *at);
        Ok(taken.into_iter().map(|(_, column)| column).collect())
    }

    /// For each column its values in order of places, in parts.
    async fn parts(self, source: &dyn PinnedSource, columns: &SchemaRef) -> Result<Vec<Vec<ArrayRef>>> {
        if self.places.is_empty() || columns.fields().is_empty() {
            return Ok(vec![Vec::new(); columns.fields().len()]);
        }
        let chunks: Arc<Mutex<Vec<(u64, RecordBatch)>>> = Arc::default();
        let take = {
            let chunks = Arc::clone(&chunks);
            move |batch: RecordBatch| {
                let first = places(&batch)?.value(0);
                locked(&chunks).push((first, batch));
                Ok(())
            }
        };
        source.read(columns, Arc::clone(&self.places), Arc::new(take)).await?;
        let mut chunks = std::mem::take(&mut *locked(&chunks));
        let found: usize = chunks.iter().map(|(_, batch)| batch.num_rows()).sum();
        if found != self.places.len() {
            let asked = self.places.len();
            let message = format!("a source gave {found} rows where {asked} were asked for");
            return Err(Error::new(ErrorKind::Bug, message));
        }
        chunks.sort_unstable_by_key(|(first, _)| *first);
        let of_column = |at| chunks.iter().map(|(_, chunk)| Arc::clone(chunk.column(at))).collect();
        Ok((0..columns.fields().len()).map(of_column).collect())
    }
}

/// What a scan gathers. After a panic the scan fails, and nobody looks at what is half done.
pub(crate) fn locked<T>(gathered: &Mutex<T>) -> MutexGuard<'_, T> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

fn explain(error: ArrowError) -> Error {
    match error {
        ArrowError::OffsetOverflowError(_) => {
            Error::invalid("the values of one column take more than 2 GiB, which is more than fits at once")
                .with_hint("ask for fewer entity rows, or load shorter intervals, one after the other")
        }
        error => Error::new(ErrorKind::Bug, "could not put rows together").with_source(error),
    }
}
