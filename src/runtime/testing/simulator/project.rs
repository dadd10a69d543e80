//! The definitions that appliers edit: one entity, one source, three views, three services. Every change of a view counts
//! up its description, so that an edit that is lost shows.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;
use provender_core::model::{
    Address, Feature, FeatureService, FeatureView, Object, ObjectKind, Objects, Selection, ValueType,
};
use provender_core::time::Duration;

use super::fate::Fate;
use crate::testing::{MemoryHistory, entity, feature_view, file_source};

/// The project's name, and the folder of its registry.
pub(super) const NAME: &str = "simulated";
/// Rows of the source, each of its own key.
pub(super) const ROWS: usize = 3;
/// Event times of all rows lie in here, in nanoseconds.
pub(super) const TIMES: (i64, i64) = (1, 3);

/// The rows of the source.
pub(super) fn history() -> MemoryHistory {
    let numbers = || Arc::new(Int64Array::from_iter_values(TIMES.0..=TIMES.1)) as ArrayRef;
    let times = Arc::new(TimestampNanosecondArray::from_iter_values(TIMES.0..=TIMES.1)) as ArrayRef;
    let columns = [("id", numbers()), ("f0", numbers()), ("f1", numbers()), ("ts", times)];
    MemoryHistory::new(2).with("rows", RecordBatch::try_from_iter(columns).expect("columns of one length"))
}

fn address(kind: ObjectKind, name: &str) -> Address {
    Address::new(kind, name)
}

/// What every edit starts from: entity and source.
fn base(objects: &mut Objects) {
    let (entity, source) = (entity("id", ValueType::Int64), file_source("rows"));
    objects.0.entry(address(ObjectKind::Entity, "key")).or_insert(Object::Entity(entity));
    objects.0.entry(address(ObjectKind::DataSource, "rows")).or_insert(Object::DataSource(source));
}

fn feature(name: &str) -> Feature {
    crate::testing::feature(name, ValueType::Int64)
}

fn new_view() -> FeatureView {
    let ttl = Duration::from_seconds(3600);
    FeatureView { ttl, ..feature_view("rows", &["key"], &[("f0", ValueType::Int64)]) }
}

/// How often a view was changed since it was created.
pub(super) fn count(view: &FeatureView) -> u64 {
    view.metadata.description.as_ref().and_then(|words| words.parse().ok()).unwrap_or(0)
}

/// Changes a view, or makes it first, and counts the change.
fn change_view(objects: &mut Objects, name: &str, change: impl FnOnce(&mut FeatureView)) {
    let mut view = objects.feature_view(name).cloned().unwrap_or_else(new_view);
    change(&mut view);
    view.metadata.description = Some((count(&view) + 1).to_string());
    objects.0.insert(address(ObjectKind::FeatureView, name), Object::FeatureView(view));
}

/// Takes a service that reads the view away.
fn without_service(objects: &mut Objects, name: &str) {
    objects.0.remove(&address(ObjectKind::FeatureService, name));
}

fn has_f1(objects: &Objects, view: &str) -> bool {
    objects.feature_view(view).is_some_and(|view| view.feature("f1").is_some())
}

/// A random edit.
pub(super) fn edit(fate: &Fate, before: &Objects) -> Objects {
    let mut objects = before.clone();
    base(&mut objects);
    let number = fate.between(0, 3);
    let (view, service) = (format!("view{number}"), format!("service{number}"));
    match fate.between(0, 6) {
        // A service reads `f1`…
        0 if has_f1(&objects, &view) => {
            let features = vec![Selection::of(view, Some("f1"))];
            let reads = FeatureService { features, ..FeatureService::default() };
            objects.0.insert(address(ObjectKind::FeatureService, &service), Object::FeatureService(reads));
        }
        // … or `f1` goes away.
        0 | 1 if has_f1(&objects, &view) => {
            without_service(&mut objects, &service);
            change_view(&mut objects, &view, |view| view.features.truncate(1));
        }
        0 | 1 => change_view(&mut objects, &view, |view| view.features = vec![feature("f0"), feature("f1")]),
        2 if objects.feature_view(&view).is_some() => {
            without_service(&mut objects, &service);
            objects.0.remove(&address(ObjectKind::FeatureView, &view));
        }
        3 => change_view(&mut objects, &view, |view| view.online = !view.online),
        4 => {
            let twice = format!("view{}", (number + 1) % 3);
            change_view(&mut objects, &twice, |_| ());
            change_view(&mut objects, &view, |_| ());
        }
        _ => change_view(&mut objects, &view, |_| ()),
    }
    objects
}

/// Where every schedule ends: one view, no service.
pub(super) fn last(before: &Objects) -> Objects {
    let mut objects = Objects::default();
    base(&mut objects);
    if let Some(view) = before.feature_view("view0") {
        objects.0.insert(address(ObjectKind::FeatureView, "view0"), Object::FeatureView(view.clone()));
    }
    change_view(&mut objects, "view0", |view| {
        view.online = true;
        view.features = vec![feature("f0")];
    });
    objects
}
