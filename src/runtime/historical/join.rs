//! One view joined to an entity frame.
//!
//! Each source row belongs to the first slot of its key that may see it; per slot the newest row leads; running maxima
//! along the slots of a key then give every slot the newest row it may see, and the ttl decides whether that is too old.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{Array, ArrayRef, Int64Array, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;
use provender_core::encoding::EntityKey;
use provender_core::model::{DataSource, FeatureView, Objects};
use provender_core::registry::Interval;
use provender_core::time::{Duration, Timestamp};

use super::slots::{Slots, Visibility};
use super::{EntityFrame, HistoricalRequest};
use crate::blocking::on_blocking_thread;
use crate::columns::{self, KeyColumns};
use crate::feature_request::RequestedView;
use crate::newest_rows::NewestRows;
use crate::provider::{OfflineStore, SourceScan, scanned_times};
use crate::{Error, ErrorKind, Result};

/// What a view gave: one column for each requested feature, as long as the frame.
pub(super) struct JoinedView {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) skipped: u64,
}

/// The view of a request, and where its history lies.
pub(super) fn history<'a>(objects: &'a Objects, name: &str) -> Result<(&'a FeatureView, &'a DataSource)> {
    objects
        .feature_view(name)
        .and_then(|view| Some((view, objects.history_of(view)?.1)))
        .ok_or_else(|| Error::corrupt(format!("feature view `{name}` has no source that holds its history")))
}

/// Finds the values of one view for every row of the frame.
pub(super) async fn join_view(
    requested: &RequestedView,
    frame: &EntityFrame,
    request: &HistoricalRequest,
    objects: &Objects,
    offline: &Arc<dyn OfflineStore>,
) -> Result<JoinedView> {
    let (view, source) = history(objects, &requested.view)?;
    let features = feature_schema(requested, view)?;
    let keys = KeyColumns::new(frame.key_columns(&requested.join_keys)?)?;
    let times = frame.times.clone();
    let visibility = Visibility {
        event_time_match: request.event_time_match,
        created_before_event_time: request.created_before_event_time,
    };
    let Some(range) = event_times_seen(&times, view.ttl) else {
        return Ok(JoinedView { columns: all_null(&features, times.len()), skipped: 0 });
    };
    let slots = on_blocking_thread(move || Ok(Slots::new(&keys, &times))).await?;
    let newest = NewestRows::new(Arc::clone(&features), slots.len());
    let mut join = Join { slots, newest, keys: requested.join_keys.len(), visibility };

    let mut fields: Vec<_> =
        requested.join_keys.iter().map(|(key, _)| columns::field(&key.name, &key.value_type)).collect();
    fields.extend(features.fields().iter().map(|field| field.as_ref().clone()));
    let scan =
        SourceScan { source: source.clone(), columns: Arc::new(Schema::new(fields)), range: Some(range) };
    let context = |error: Error| error.context(format!("could not read the history of `{}`", requested.view));
    let mut rows = offline.scan(&scan).await.map_err(context)?;
    while let Some(batch) = rows.batches.next().await {
        let batch = batch.map_err(context)?;
        join = on_blocking_thread(move || join.take_in(&batch)).await?;
    }
    let ttl = view.ttl;
    let rows_in_frame = frame.times.len();
    let columns = on_blocking_thread(move || join.finish(rows_in_frame, ttl)).await?;
    Ok(JoinedView { columns, skipped: rows.skipped.load(Ordering::Relaxed) })
}

fn feature_schema(requested: &RequestedView, view: &FeatureView) -> Result<SchemaRef> {
    let fields = requested.features.iter().map(|feature| {
        view.feature(&feature.name)
            .map(|declared| columns::field(&declared.name, &declared.value_type))
            .ok_or_else(|| Error::new(ErrorKind::Bug, "a resolved feature is not in its view"))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
}

fn all_null(schema: &SchemaRef, rows: usize) -> Vec<ArrayRef> {
    schema.fields().iter().map(|field| new_null_array(field.data_type(), rows)).collect()
}

/// The event times that some entity row may see; none when no row has a time.
fn event_times_seen(times: &Int64Array, ttl: Duration) -> Option<Interval> {
    let earliest = arrow::compute::min(times)?;
    let latest = arrow::compute::max(times)?;
    let from =
        if ttl.is_zero() { Timestamp::MIN } else { Timestamp::from_nanos(earliest).saturating_sub(ttl) };
    Some(Interval { from, to: Timestamp::from_nanos(latest) })
}

struct Join {
    slots: Slots,
    newest: NewestRows,
    keys: usize,
    visibility: Visibility,
}

impl Join {
    fn take_in(mut self, batch: &RecordBatch) -> Result<Self> {
        let keys = KeyColumns::new(batch.columns()[..self.keys].to_vec())?;
        let (event_times, created_times) = scanned_times(batch)?;
        let mut key = EntityKey::empty();
        for (row, number) in (0..batch.num_rows()).zip(0_u32..) {
            if !keys.encode(row, &mut key) {
                continue;
            }
            let event_time = event_times.value(row);
            let created_time = created_times.is_valid(row).then(|| created_times.value(row));
            if let Some(slot) = self.slots.first_that_sees(&key, event_time, created_time, self.visibility) {
                self.newest.offer(slot, number, event_time, created_time);
            }
        }
        let values =
            batch.project(&(self.keys..batch.num_columns() - 2).collect::<Vec<_>>()).map_err(|error| {
                Error::new(ErrorKind::Bug, "a scan gave other columns than asked").with_source(error)
            })?;
        self.newest.end_batch(&values)?;
        Ok(self)
    }

    fn finish(mut self, rows: usize, ttl: Duration) -> Result<Vec<ArrayRef>> {
        for run in self.slots.runs() {
            self.newest.accumulate(run);
        }
        let leaders = (0..rows).map(|row| {
            let (slot, time) = self.slots.of_row(row)?;
            let leader = self.newest.leaders()[slot]?;
            let alive = ttl.is_zero() || leader.event_time >= time.saturating_sub(ttl.as_nanos());
            alive.then_some(leader)
        });
        self.newest.gather(leaders)
    }
}
