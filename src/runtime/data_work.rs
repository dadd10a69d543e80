//! Rows and bytes behind the data work of a plan, so that its readers know what `materialize` will cost.

use std::sync::Arc;

use arrow::datatypes::Schema;
use futures::stream::{self, StreamExt as _};
use provender_core::model::Objects;
use provender_core::plan::{Change, DataWork, Plan, Work};
use provender_core::registry::Interval;

use crate::columns;
use crate::provider::{OfflineStore, ScanSize, SourceScan};

/// Pieces of work that are measured; the numbers of more are left open.
const MEASURED: usize = 1_000;
/// Sources that are looked at at the same time.
const AT_ONCE: usize = 8;

/// Fills in `rows` and `bytes` of backfills and rematerializations, where the store tells. What cannot be told stays open:
/// a number that is not known is no error of the plan.
pub async fn measure(plan: &mut Plan, desired: &Objects, offline: &dyn OfflineStore) {
    let changes = plan.changes.iter().enumerate();
    let scans = changes.flat_map(|(at, change)| {
        let works = change.data.iter().enumerate();
        works.filter_map(move |(work, data)| Some(((at, work), scan_of(change, data, desired)?)))
    });
    let sizes: Vec<((usize, usize), ScanSize)> = stream::iter(scans.take(MEASURED))
        .map(|(place, scan)| async move { (place, offline.measure(&scan).await.unwrap_or_default()) })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for ((at, work), size) in sizes {
        if let Some(data) = plan.changes.get_mut(at).and_then(|change| change.data.get_mut(work)) {
            (data.rows, data.bytes) = (size.rows, size.bytes);
        }
    }
}

/// What filling reads; none where nothing is read, or nothing is stored whose times could be read again.
fn scan_of(change: &Change, data: &DataWork, desired: &Objects) -> Option<SourceScan> {
    let range = Interval::new(data.from?, data.to?)?;
    let view = desired.feature_view(&change.address.name).filter(|_| data.work != Work::Drop)?;
    let (_, source) = desired.history_of(view)?;
    let keys = desired.join_keys(&change.address.name)?;
    let keys = keys.iter().map(|key| columns::field(&key.name, &key.value_type));
    let wanted =
        view.features.iter().filter(|one| data.features.is_empty() || data.features.contains(&one.name));
    let features = wanted.map(|feature| columns::field(&feature.name, &feature.value_type));
    let columns = Arc::new(Schema::new(keys.chain(features).collect::<Vec<_>>()));
    Some(SourceScan { source: source.clone(), columns, range: Some(range) })
}
