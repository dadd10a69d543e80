//! Loads one interval of a source into one table: the newest row per key, written in key order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;
use provender_core::encoding::{EntityKey, RowHeader, RowSchema};
use provender_core::model::DataSource;
use provender_core::registry::{Interval, OnlineTable};
use provender_core::time::Timestamp;

use crate::blocking::on_blocking_thread;
use crate::columns::{self, KeyColumns, RowColumns};
use crate::newest_rows::{Leader, NewestRows};
use crate::provider::{
    OfflineStore, OnlineRow, OnlineStore, SourceScan, WriteMode, WriteOutcome, scanned_times,
};
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
pub(super) type Report<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// The scan of a table's join keys and columns.
fn scan_of(table: &OnlineTable, source: &DataSource, interval: Interval) -> SourceScan {
    let keys = table.join_keys.iter().map(|key| columns::field(&key.name, &key.value_type));
    let features = table.columns.iter().map(|column| columns::field(&column.name, &column.value_type));
    SourceScan {
        source: source.clone(),
        columns: Arc::new(Schema::new(keys.chain(features).collect::<Vec<_>>())),
        range: Some(interval),
    }
}

/// How many rows a load would read.
pub(super) async fn count(
    table: &OnlineTable,
    source: &DataSource,
    interval: Interval,
    offline: &dyn OfflineStore,
) -> Result<u64> {
    let mut scan = scan_of(table, source, interval);
    scan.columns = Arc::new(Schema::empty());
    let mut rows = offline.scan(&scan).await?;
    let mut count = 0;
    while let Some(batch) = rows.batches.next().await {
        count += batch?.num_rows() as u64;
    }
    Ok(count)
}

/// Reads an interval and writes the newest row per key.
pub(super) async fn load(
    table: &OnlineTable,
    source: &DataSource,
    (interval, mode): (Interval, WriteMode),
    offline: &dyn OfflineStore,
    online: &dyn OnlineStore,
    report: Report<'_>,
) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut newest = NewestPerKey::new(table);
    let mut rows = offline.scan(&scan_of(table, source, interval)).await?;
    while let Some(batch) = rows.batches.next().await {
        let batch = batch?;
        loaded.rows_read += batch.num_rows() as u64;
        newest = on_blocking_thread(move || newest.take_in(&batch)).await?;
        report(loaded.rows_read, 0);
    }
    loaded.null_keys = newest.null_keys;
    loaded.no_event_time = rows.skipped.load(Ordering::Relaxed);
    let mut sorted = on_blocking_thread(move || Ok(newest.sorted())).await?;
    // One write at least: a table that is gone is an error even when the interval holds no rows.
    loop {
        let (rest, rows) = on_blocking_thread(move || sorted.next_rows()).await?;
        sorted = rest;
        let outcome = online.write(table, mode, &rows).await?;
        loaded.outcome.written += outcome.written;
        loaded.outcome.kept += outcome.kept;
        report(loaded.rows_read, loaded.outcome.written + loaded.outcome.kept);
        if sorted.is_done() {
            return Ok(loaded);
        }
    }
}

/// The newest row per key of a stream.
struct NewestPerKey {
    slots: HashMap<EntityKey, usize>,
    rows: NewestRows,
    join_keys: usize,
    schema: RowSchema,
    null_keys: u64,
}

impl NewestPerKey {
    fn new(table: &OnlineTable) -> Self {
        let features = table.columns.iter().map(|column| columns::field(&column.name, &column.value_type));
        Self {
            slots: HashMap::new(),
            rows: NewestRows::new(Arc::new(Schema::new(features.collect::<Vec<_>>())), 0),
            join_keys: table.join_keys.len(),
            schema: RowSchema::of(table),
            null_keys: 0,
        }
    }

    fn take_in(mut self, batch: &RecordBatch) -> Result<Self> {
        let keys = KeyColumns::new(batch.columns()[..self.join_keys].to_vec())?;
        let (event_times, created_times) = scanned_times(batch)?;
        let mut key = EntityKey::empty();
        for (row, number) in (0..batch.num_rows()).zip(0_u32..) {
            if !keys.encode(row, &mut key) {
                self.null_keys += 1;
                continue;
            }
            let slot = match self.slots.get(&key) {
                Some(slot) => *slot,
                None => {
                    let slot = self.rows.add_slot();
                    self.slots.insert(key.clone(), slot);
                    slot
                }
            };
            let created_time = created_times.is_valid(row).then(|| created_times.value(row));
            self.rows.offer(slot, number, event_times.value(row), created_time);
        }
        let values = batch.project(&(self.join_keys..batch.num_columns() - 2).collect::<Vec<_>>()).map_err(
            |error| Error::new(ErrorKind::Bug, "a scan gave other columns than asked").with_source(error),
        )?;
        self.rows.end_batch(&values)?;
        Ok(self)
    }

    /// The rows in the order of their encoded keys.
    fn sorted(self) -> SortedRows {
        let mut keys: Vec<(EntityKey, usize)> = self.slots.into_iter().collect();
        keys.sort_unstable();
        SortedRows { keys: keys.into_iter(), rows: self.rows, schema: self.schema }
    }
}

struct SortedRows {
    keys: std::vec::IntoIter<(EntityKey, usize)>,
    rows: NewestRows,
    schema: RowSchema,
}

impl SortedRows {
    fn is_done(&self) -> bool {
        self.keys.as_slice().is_empty()
    }

    fn next_rows(mut self) -> Result<(Self, Vec<OnlineRow>)> {
        let next: Vec<(EntityKey, Option<Leader>)> =
            self.keys.by_ref().take(WRITE_ROWS).map(|(key, slot)| (key, self.rows.leaders()[slot])).collect();
        let values: Vec<Option<ArrayRef>> =
            self.rows.gather(next.iter().map(|(_, leader)| *leader))?.into_iter().map(Some).collect();
        let values = RowColumns::new(&self.schema, values)?;
        let rows = next.into_iter().enumerate().map(|(at, (key, leader))| {
            let leader = leader.ok_or_else(|| Error::new(ErrorKind::Bug, "a key has no row"))?;
            let header = RowHeader {
                event_time: Timestamp::from_nanos(leader.event_time),
                created_time: leader.created_time.map(Timestamp::from_nanos),
            };
            Ok(OnlineRow { key, row: values.encode(at, header)? })
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        Ok((self, rows))
    }
}
