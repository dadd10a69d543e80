//! One view joined to an entity frame.
//!
//! Each source row belongs to the first slot of its key that may see it; per slot the newest row leads; running maxima
//! along the slots of a key then give every slot the newest row it may see, and the ttl decides whether that is too old.
//! The values of what leads at the end are read last.

use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, Int64Array, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use provender_core::model::{DataSource, FeatureView, JoinKey, Objects};
use provender_core::registry::Interval;
use provender_core::time::{Duration, Timestamp};

use super::slots::{Slots, Visibility, in_parts};
use super::ties::Ties;
use super::{EntityFrame, HistoricalRequest};
use crate::blocking::on_blocking_thread;
use crate::columns::{self, KeyColumns};
use crate::feature_request::RequestedView;
use crate::newest_rows::{Candidates, Chosen, Leader, Leaders, Packed, WithCreated, WithoutCreated, locked};
use crate::numbered_places::{NOWHERE, NumberedPlaces};
use crate::provider::{CreatedTimes, OfflineStore, PinnedSource};
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

/// The slots of an entity frame for these join keys.
pub(super) async fn slots_of(frame: &EntityFrame, join_keys: &[(JoinKey, String)]) -> Result<Arc<Slots>> {
    let keys = KeyColumns::new(&frame.key_columns(join_keys)?)?;
    let times = frame.times.clone();
    on_blocking_thread(move || Slots::new(&keys, &times).map(Arc::new)).await
}

/// Finds the values of one view for every row of the frame, which has these slots.
pub(super) async fn join_view(
    requested: &RequestedView,
    (frame, slots): (&EntityFrame, Arc<Slots>),
    request: &HistoricalRequest,
    objects: &Objects,
    offline: &Arc<dyn OfflineStore>,
) -> Result<JoinedView> {
    let (view, source) = history(objects, &requested.view)?;
    let features = feature_schema(requested, view)?;
    let visibility = Visibility {
        event_time_match: request.event_time_match,
        created_before_event_time: request.created_before_event_time,
        ttl: view.ttl,
    };
    let Some(range) = event_times_seen(&frame.times, view.ttl) else {
        return Ok(JoinedView { columns: all_null(&features, frame.times.len()), skipped: 0 });
    };
    let keys = requested.join_keys.iter().map(|(key, _)| columns::field(&key.name, &key.value_type));
    let keys = Arc::new(Schema::new(keys.collect::<Vec<_>>()));
    let context = |error: Error| error.context(format!("could not read the history of `{}`", requested.view));

    let has_created = source.created_timestamp_column.is_some();
    let source = offline.pin(source).await.map_err(context)?;
    let history = History { source, keys, range, slots, visibility };
    let (chosen, skipped) = history.choose(has_created).await.map_err(context)?;
    let columns = chosen.read(history.source.as_ref(), &features).await.map_err(context)?;
    Ok(JoinedView { columns, skipped })
}

/// The history of a view, and what looks at it.
struct History {
    source: Arc<dyn PinnedSource>,
    keys: SchemaRef,
    range: Interval,
    slots: Arc<Slots>,
    visibility: Visibility,
}

impl History {
    /// What each slot sees, and how many rows have no event time. Created times are read where they decide which slots see a row;
    /// else for the rows that are equally new without them, unless there are many, or reading them is no more work.
    async fn choose(&self, has_created: bool) -> Result<(Chosen, u64)> {
        let is_asked = has_created && self.visibility.created_before_event_time;
        if !is_asked && self.source.has_columns_apart() {
            let ties = has_created.then(|| Ties::new(self.slots.len()));
            let (outcome, mut leaders, ties) = self.scan::<WithoutCreated>(CreatedTimes::LeftOut, ties).await;
            match ties {
                Some(ties) if ties.are_too_many() => {}
                ties => {
                    let skipped = outcome?;
                    if let Some(ties) = ties {
                        ties.decide(self.source.as_ref(), &mut leaders).await?;
                    }
                    return Ok((self.newest(leaders).await?, skipped));
                }
            }
        }
        let (outcome, leaders, _) = self.scan::<WithCreated>(CreatedTimes::Read, None).await;
        let skipped = outcome?;
        Ok((self.newest(leaders).await?, skipped))
    }

    /// Reads keys and times. With ties, rows that are equally new are kept there, and an error ends it when they are too many.
    async fn scan<P: Packed + Send + 'static>(
        &self,
        created: CreatedTimes,
        ties: Option<Ties>,
    ) -> (Result<u64>, Leaders<P>, Option<Ties>) {
        let found = Arc::new(Mutex::new((Leaders::new(self.slots.len()), ties)));
        let take = {
            let (slots, visibility, found) = (Arc::clone(&self.slots), self.visibility, Arc::clone(&found));
            move |batch: RecordBatch| {
                let candidates = Candidates::new(&batch)?;
                let offers = slots.first_that_see(&candidates, visibility)?;
                let (leaders, ties) = &mut *locked(&found);
                leaders.offer(&candidates, &offers, |slot, rows| {
                    if let Some(ties) = ties {
                        ties.add(slot, rows);
                    }
                });
                let has_room = ties.as_mut().is_none_or(|ties| ties.make_room(leaders));
                has_room.then_some(()).ok_or_else(|| Error::invalid("many rows are equally new"))
            }
        };
        let outcome = self.source.scan(&self.keys, Some(self.range), created, Arc::new(take)).await;
        let found = std::mem::take(&mut *locked(&found));
        (outcome, found.0, found.1)
    }

    async fn newest<P: Packed + Send + Sync + 'static>(&self, leaders: Leaders<P>) -> Result<Chosen> {
        let (slots, visibility) = (Arc::clone(&self.slots), self.visibility);
        on_blocking_thread(move || choose(leaders, &slots, visibility)).await
    }
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

/// What each slot sees at the end: the newest of the rows that lead it and the slots of its key before it.
///
/// # Errors
/// More slots than can be numbered.
fn choose<P: Packed + Sync>(leaders: Leaders<P>, slots: &Slots, visibility: Visibility) -> Result<Chosen> {
    let mut places = vec![NOWHERE; slots.len()];
    let (mut rest, leading) = (places.as_mut_slice(), &leaders);
    std::thread::scope(|threads| {
        for starts in in_parts(slots.starts()) {
            let of_part = starts[0] as usize..starts[starts.len() - 1] as usize;
            let places = rest.split_off_mut(..of_part.len()).unwrap_or_default();
            threads.spawn(move || {
                for run in starts.windows(2) {
                    let mut newest: Option<Leader> = None;
                    for slot in run[0] as usize..run[1] as usize {
                        newest = newest.max(leading.of_slot(slot));
                        let alive =
                            |leader: &Leader| visibility.is_alive(leader.event_time, slots.times()[slot]);
                        let place = newest.filter(alive).map_or(NOWHERE, |leader| leader.place);
                        places[slot - of_part.start] = place;
                    }
                }
            });
        }
    });
    // What it took serves for what comes.
    drop(leaders);
    Ok(Chosen::new(NumberedPlaces::new(places)?, slots.of_rows()))
}
