//! Entity rows without an entity frame: every (key, event time) that the views' sources have in a range.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use provender_core::encoding::EntityKey;
use provender_core::model::{JoinKey, Objects, Value, ValueType};
use provender_core::registry::Interval;
use provender_core::time::Timestamp;

use super::EntityFrame;
use super::join::history;
use crate::blocking::on_blocking_thread;
use crate::columns;
use crate::feature_request::{RequestedView, ResolvedRequest};
use crate::newest_rows::{Candidates, locked};
use crate::provider::{CreatedTimes, OfflineStore};
use crate::{Error, ErrorKind, Result};

/// Name of the time column of such a frame.
const TIME_COLUMN: &str = "event_timestamp";

/// The union of (key, event time) over the views of a request, ordered by key, then time. A view without entities adds
/// rows only when no view has any. Source rows with a null key add none; how many there were is told by view.
pub(super) async fn of_range(
    resolved: &ResolvedRequest,
    objects: &Objects,
    offline: &Arc<dyn OfflineStore>,
    start: Timestamp,
    end: Timestamp,
) -> Result<(EntityFrame, BTreeMap<String, u64>)> {
    let mut null_keys = BTreeMap::new();
    if start > end {
        return Err(Error::invalid(format!("the start {start} is after the end {end}")));
    }
    let views = views_with_rows(resolved)?;
    let keys = views.first().map(|view| view.join_keys.clone()).unwrap_or_default();
    let pairs = Arc::new(Mutex::new(Pairs::new(&keys)));
    for view in views {
        let (_, source) = history(objects, &view.view)?;
        let fields = view.join_keys.iter().map(|(key, _)| columns::field(&key.name, &key.value_type));
        let columns = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let range = Some(Interval { from: start, to: end });
        let context = |error: Error| error.context(format!("could not read the history of `{}`", view.view));
        let taken = Arc::clone(&pairs);
        let take = move |batch| locked(&taken).take_in(&batch);
        let source = offline.pin(source).await.map_err(context)?;
        source.scan(&columns, range, CreatedTimes::LeftOut, Arc::new(take)).await.map_err(context)?;
        let nulls = std::mem::take(&mut locked(&pairs).null_keys);
        if nulls > 0 {
            null_keys.insert(view.view.clone(), nulls);
        }
    }
    let pairs = std::mem::take(&mut *locked(&pairs));
    Ok((on_blocking_thread(move || pairs.finish()).await?, null_keys))
}

fn views_with_rows(resolved: &ResolvedRequest) -> Result<Vec<&RequestedView>> {
    let keyed: Vec<_> = resolved.views.iter().filter(|view| !view.join_keys.is_empty()).collect();
    let views = if keyed.is_empty() { resolved.views.iter().collect() } else { keyed };
    let names = |view: &RequestedView| {
        let names: Vec<_> = view.join_keys.iter().map(|(_, name)| name.as_str()).collect();
        names.join(", ")
    };
    let shape = |view: &RequestedView| -> Vec<(String, ValueType)> {
        view.join_keys.iter().map(|(key, name)| (name.clone(), key.value_type.clone())).collect()
    };
    match views.iter().find(|view| shape(view) != shape(views[0])) {
        None => Ok(views),
        Some(other) => Err(Error::invalid(format!(
            "`{}` has the keys {}, `{}` has {}: without an entity frame all views need the same keys",
            views[0].view,
            names(views[0]),
            other.view,
            names(other)
        ))
        .with_hint("give an entity frame")),
    }
}

/// The distinct pairs of key and event time.
#[derive(Default)]
struct Pairs {
    known: HashSet<(EntityKey, i64)>,
    keys: Vec<(String, ValueType)>,
    /// Rows of the present view that have no key.
    null_keys: u64,
}

impl Pairs {
    fn new(keys: &[(JoinKey, String)]) -> Self {
        let keys = keys.iter().map(|(key, name)| (name.clone(), key.value_type.clone()));
        Self { known: HashSet::new(), keys: keys.collect(), null_keys: 0 }
    }

    fn take_in(&mut self, batch: &RecordBatch) -> Result<()> {
        let candidates = Candidates::new(batch)?;
        for row in 0..batch.num_rows() {
            let mut key = EntityKey::empty();
            if candidates.keys.encode(row, &mut key) {
                self.known.insert((key, candidates.leader(row).event_time));
            } else {
                self.null_keys += 1;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<EntityFrame> {
        let mut pairs: Vec<_> = self.known.into_iter().collect();
        pairs.sort_unstable();
        let types: Vec<ValueType> = self.keys.iter().map(|(_, value_type)| value_type.clone()).collect();
        let mut values: Vec<Vec<Option<Value>>> = vec![Vec::with_capacity(pairs.len()); types.len()];
        for (key, _) in &pairs {
            let decoded = key.decode(&types).ok_or_else(|| Error::new(ErrorKind::Bug, "a key is damaged"))?;
            values.iter_mut().zip(decoded).for_each(|(column, value)| column.push(Some(value)));
        }
        let mut fields: Vec<_> =
            self.keys.iter().map(|(name, value_type)| columns::field(name, value_type)).collect();
        let mut columns: Vec<ArrayRef> = types
            .iter()
            .zip(&values)
            .map(|(value_type, values)| columns::column(value_type, values))
            .collect::<Result<_>>()?;
        let times: Int64Array = pairs.iter().map(|(_, time)| *time).collect::<Vec<_>>().into();
        let shown = TimestampNanosecondArray::new(times.values().clone(), None).with_timezone("UTC");
        fields.push(columns::field(TIME_COLUMN, &ValueType::Timestamp));
        columns.push(Arc::new(shown));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| {
            Error::new(ErrorKind::Bug, "could not put entity rows together").with_source(error)
        })?;
        Ok(EntityFrame { batch, times })
    }
}
