//! Loads one interval of a source into one table: the newest row per key, written in key order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use provender_core::encoding::{EntityKey, RowHeader, RowSchema};
use provender_core::model::DataSource;
use provender_core::registry::{Interval, OnlineTable};
use provender_core::time::Timestamp;

use crate::blocking::{on_blocking_thread, sort_side_by_side};
use crate::columns::{self, RowColumns};
use crate::key_index::KeyIndex;
use crate::newest_rows::{Candidates, Chosen, Leaders, locked};
use crate::provider::{OfflineStore, OnlineRow, OnlineStore, PinnedSource, WriteMode, WriteOutcome};
use crate::{Error, ErrorKind, Result};

/// Rows of one write.
const WRITE_ROWS: usize = 16 * 1024;

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
    source.scan(&Arc::new(Schema::empty()), Some(interval), Arc::new(take)).await?;
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
    let newest = Arc::new(Mutex::new(NewestPerKey::default()));
    let take = {
        let (newest, report) = (Arc::clone(&newest), Arc::clone(&report));
        move |batch: RecordBatch| {
            let mut newest = locked(&newest);
            newest.take_in(&batch)?;
            report(newest.rows_read, 0);
            Ok(())
        }
    };
    let no_event_time = source.scan(&join_keys(table), Some(interval), Arc::new(take)).await?;
    let newest = std::mem::take(&mut *locked(&newest));
    let NewestPerKey { rows_read, null_keys, .. } = newest;
    let mut loaded = Loaded { rows_read, null_keys, no_event_time, outcome: WriteOutcome::default() };
    let sorted = newest.sorted(source.as_ref(), table).await?;
    // One write at least: a table that is gone is an error even when the interval holds no rows.
    let (mut rest, mut rows) = on_blocking_thread(move || sorted.next_rows()).await?;
    loop {
        let is_last = rest.is_done();
        // The next rows are made while these are written.
        let next = on_blocking_thread(move || rest.next_rows());
        let (outcome, next) = futures::join!(online.write(table, mode, &rows), next);
        let outcome = outcome?;
        loaded.outcome.written += outcome.written;
        loaded.outcome.kept += outcome.kept;
        report(loaded.rows_read, loaded.outcome.written + loaded.outcome.kept);
        if is_last {
            return Ok(loaded);
        }
        (rest, rows) = next?;
    }
}

/// The newest row per key of a source.
#[derive(Default)]
struct NewestPerKey {
    keys: KeyIndex,
    leaders: Leaders,
    rows_read: u64,
    null_keys: u64,
}

impl NewestPerKey {
    fn take_in(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows_read += batch.num_rows() as u64;
        let candidates = Candidates::new(batch)?;
        for rows in candidates.blocks() {
            let numbers = self.keys.numbered(&candidates.keys, rows.clone())?;
            self.null_keys += numbers.iter().filter(|number| number.is_none()).count() as u64;
            let offers = rows.zip(numbers);
            let offers = offers.filter_map(|(row, number)| Some((number? as usize, candidates.leader(row))));
            self.leaders.offer(&offers.collect::<Vec<_>>());
        }
        Ok(())
    }

    /// The rows in the order of their encoded keys.
    async fn sorted(self, source: &dyn PinnedSource, table: &OnlineTable) -> Result<SortedRows> {
        let Self { keys, leaders, .. } = self;
        let (keys, leaders, chosen) = on_blocking_thread(move || {
            let mut keys: Vec<(EntityKey, usize)> = keys.into_keys().collect();
            sort_side_by_side(&mut keys);
            let places = leaders.by_slot().iter().map(|leader| leader.map(|leader| leader.place));
            let chosen = Chosen::new(places)?;
            Ok((keys, leaders, chosen))
        })
        .await?;
        let slots = keys.iter().map(|(_, slot)| Some(*slot));
        let values = chosen.read(source, &features(table), slots).await?;
        Ok(SortedRows { keys: keys.into_iter(), leaders, values, next: 0, schema: RowSchema::of(table) })
    }
}

struct SortedRows {
    keys: std::vec::IntoIter<(EntityKey, usize)>,
    leaders: Leaders,
    /// In the order of keys.
    values: Vec<ArrayRef>,
    next: usize,
    schema: RowSchema,
}

impl SortedRows {
    fn is_done(&self) -> bool {
        self.keys.as_slice().is_empty()
    }

    fn next_rows(mut self) -> Result<(Self, Vec<OnlineRow>)> {
        let many = WRITE_ROWS.min(self.keys.len());
        let values = self.values.iter().map(|column| Some(column.slice(self.next, many))).collect();
        let values = RowColumns::new(&self.schema, values)?;
        let rows = self.keys.by_ref().take(many).enumerate().map(|(at, (key, slot))| {
            let leader =
                self.leaders.by_slot()[slot].ok_or_else(|| Error::new(ErrorKind::Bug, "a key has no row"))?;
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
