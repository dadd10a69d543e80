//! Loads one interval of a source into one table: the newest row per key, written in key order.

use std::array::from_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use provender_core::encoding::{RowHeader, RowSchema};
use provender_core::model::DataSource;
use provender_core::registry::{Interval, OnlineTable};
use provender_core::time::Timestamp;

use crate::blocking::{on_blocking_thread, side_by_side};
use crate::columns::{self, RowColumns};
use crate::key_index::{Hashed, KeyHasher, KeyIndex, SortedKeys};
use crate::newest_rows::{BLOCK, Candidates, Chosen, Leaders, Offer, WithCreated, locked};
use crate::numbered_places::{NOWHERE, NumberedPlaces};
use crate::provider::{
    CreatedTimes, OfflineStore, OnlineRow, OnlineStore, PinnedSource, WriteMode, WriteOutcome,
};
use crate::{Error, ErrorKind, Result};

/// Rows of one write.
const WRITE_ROWS: usize = 32 * 1024;

/// Writes that a store has at a time: while one is carried out, the next is there already.
const WRITES_AT_ONCE: usize = 2;

/// What loading an interval did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loaded {
    pub(super) rows_read: u64,
    pub(super) outcome: WriteOutcome,
    pub(super) null_keys: u64,
    pub(super) no_event_time: u64,
}

/// Called with rows read and rows written so far.
pub(super) type Report = Arc<dyn Fn(u64, u64) + Send + Sync>;

fn join_keys(table: &OnlineTable) -> SchemaRef {
    let keys = table.join_keys.iter().map(|key| columns::field(&key.name, &key.value_type));
    Arc::new(Schema::new(keys.collect::<Vec<_>>()))
}

fn features(table: &OnlineTable) -> SchemaRef {
    let features = table.columns.iter().map(|column| columns::field(&column.name, &column.value_type));
    Arc::new(Schema::new(features.collect::<Vec<_>>()))
}

/// How many rows a load would read.
pub(super) async fn count(
    source: &DataSource,
    interval: Interval,
    offline: &dyn OfflineStore,
) -> Result<u64> {
    let source = offline.pin(source).await?;
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let take = move |batch: RecordBatch| {
        counted.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        Ok(())
    };
    let columns = Arc::new(Schema::empty());
    source.scan(&columns, Some(interval), CreatedTimes::LeftOut, Arc::new(take)).await?;
    Ok(count.load(Ordering::Relaxed))
}

/// Reads an interval and writes the newest row per key.
pub(super) async fn load(
    table: &OnlineTable,
    source: &DataSource,
    (interval, mode): (Interval, WriteMode),
    offline: &dyn OfflineStore,
    online: &dyn OnlineStore,
    report: Report,
) -> Result<Loaded> {
    let source = offline.pin(source).await?;
    let newest = Arc::new(NewestPerKey::new());
    let take = {
        let (newest, report) = (Arc::clone(&newest), Arc::clone(&report));
        move |batch: RecordBatch| {
            newest.take_in(&batch)?;
            report(newest.rows_read.load(Ordering::Relaxed), 0);
            Ok(())
        }
    };
    let keys = join_keys(table);
    let no_event_time = source.scan(&keys, Some(interval), CreatedTimes::Read, Arc::new(take)).await?;
    let mut loaded = Loaded {
        rows_read: newest.rows_read.load(Ordering::Relaxed),
        null_keys: newest.null_keys.load(Ordering::Relaxed),
        no_event_time,
        outcome: WriteOutcome::default(),
    };
    let sorted = newest.sorted(source.as_ref(), table).await?;
    // One batch at least: a table that is gone is an error even when the interval holds no rows.
    let batches = stream::unfold(Some(sorted), |rest| async move {
        let rest = rest?;
        let made = on_blocking_thread(move || rest.next_rows()).await;
        Some(made.map_or_else(
            |error| (Err(error), None),
            |(rest, rows)| (Ok(rows), (!rest.is_done()).then_some(rest)),
        ))
    });
    // The next rows are made, and wait at the store, while these are written.
    let writes = batches.map(|rows| async move { online.write(table, mode, rows?).await });
    let mut writes = pin!(writes.buffered(WRITES_AT_ONCE));
    while let Some(outcome) = writes.try_next().await? {
        loaded.outcome.written += outcome.written;
        loaded.outcome.kept += outcome.kept;
        report(loaded.rows_read, loaded.outcome.written + loaded.outcome.kept);
    }
    Ok(loaded)
}

/// Parts of the keys, by their hash: decoders that look keys up at the same time seldom wait for each other.
const PARTS: usize = 16;

/// The newest row per key of a source.
struct NewestPerKey {
    hasher: KeyHasher,
    parts: Vec<Mutex<Part>>,
    rows_read: AtomicU64,
    null_keys: AtomicU64,
}

#[derive(Default)]
struct Part {
    keys: KeyIndex,
    /// By number of a key.
    leaders: Leaders<WithCreated>,
}

impl NewestPerKey {
    fn new() -> Self {
        let hasher = KeyHasher::default();
        let part = || Part { keys: KeyIndex::new(hasher.clone()), leaders: Leaders::default() };
        let parts = (0..PARTS).map(|_| Mutex::new(part())).collect();
        Self { hasher, parts, rows_read: AtomicU64::new(0), null_keys: AtomicU64::new(0) }
    }

    fn take_in(&self, batch: &RecordBatch) -> Result<()> {
        let (candidates, rows) = (Candidates::new(batch)?, batch.num_rows());
        let mut by_part: [Vec<Hashed>; PARTS] = from_fn(|_| Vec::with_capacity(rows * 5 / 4 / PARTS));
        self.hasher.for_each(&candidates.keys, 0..rows, |hashed| {
            // Bits in the middle: tables use the others.
            by_part[(hashed.hash >> 32) as usize % PARTS].push(hashed);
        });
        let keys: usize = by_part.iter().map(Vec::len).sum();
        self.rows_read.fetch_add(rows as u64, Ordering::Relaxed);
        self.null_keys.fetch_add((rows - keys) as u64, Ordering::Relaxed);
        for (keys, part) in by_part.iter().zip(&self.parts) {
            let Part { keys: index, leaders } = &mut *locked(part);
            for keys in keys.chunks(BLOCK) {
                let numbers = index.number(&candidates.keys, keys)?;
                let offers = keys.iter().zip(numbers);
                let offers = offers.map(|(key, number)| Offer {
                    slot: number,
                    row: u32::try_from(key.row).unwrap_or(u32::MAX),
                });
                // With created times and places no two rows are equal.
                leaders.offer(&candidates, &offers.collect::<Vec<_>>(), |_, _| {});
            }
        }
        Ok(())
    }

    /// The rows in the order of their encoded keys.
    async fn sorted(self: Arc<Self>, source: &dyn PinnedSource, table: &OnlineTable) -> Result<SortedRows> {
        let (keys, leaders, chosen) = on_blocking_thread(move || {
            let parts = self.parts.iter().map(|part| std::mem::take(&mut *locked(part)));
            let (indexes, leaders): (Vec<KeyIndex>, Vec<Leaders<WithCreated>>) =
                parts.map(|part| (part.keys, part.leaders)).unzip();
            let places = || {
                let leaders = Leaders::joined(leaders);
                let places = leaders.by_slot().map(|leader| leader.map_or(NOWHERE, |leader| leader.place));
                let places = NumberedPlaces::new(places.collect());
                (leaders, places)
            };
            let (keys, (leaders, places)) = side_by_side(|| SortedKeys::new(indexes), places);
            let keys = keys?;
            let chosen = Chosen::new(places?, &keys.numbers().collect::<Vec<_>>());
            Ok((keys, leaders, chosen))
        })
        .await?;
        let values = chosen.read(source, &features(table)).await?;
        Ok(SortedRows { keys, leaders, values, next: 0, schema: RowSchema::of(table) })
    }
}

struct SortedRows {
    keys: SortedKeys,
    leaders: Leaders<WithCreated>,
    /// In the order of keys.
    values: Vec<ArrayRef>,
    /// The first key whose row was not made yet.
    next: usize,
    schema: RowSchema,
}

impl SortedRows {
    fn is_done(&self) -> bool {
        self.next == self.keys.len()
    }

    fn next_rows(mut self) -> Result<(Self, Vec<OnlineRow>)> {
        let many = WRITE_ROWS.min(self.keys.len() - self.next);
        let values = self.values.iter().map(|column| Some(column.slice(self.next, many))).collect();
        let values = RowColumns::new(&self.schema, values)?;
        let rows = self.keys.range(self.next..self.next + many).enumerate().map(|(at, (key, slot))| {
            let leader =
                self.leaders.of_slot(slot).ok_or_else(|| Error::new(ErrorKind::Bug, "a key has no row"))?;
            let header = RowHeader {
                event_time: Timestamp::from_nanos(leader.event_time),
                created_time: leader.created_time.map(Timestamp::from_nanos),
            };
            Ok(OnlineRow { key, row: values.encode(at, header)? })
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        self.next += many;
        Ok((self, rows))
    }
}
