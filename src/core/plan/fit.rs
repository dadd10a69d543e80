//! Whether an online table fits what a view wants: as it is, with a change in place, or not at all.

use std::collections::BTreeSet;

use super::Work;
use super::index::Indexed;
use super::tables::{TableWork, Wanted, held};
use crate::model::{Address, Feature, ObjectKind};
use crate::registry::{Backfill, Column, ColumnId, Interval, OnlineTable};
use crate::time::{Duration, Timestamp};

/// How a table fits what is wanted.
pub(super) enum Fit {
    Same,
    InPlace(Box<OnlineTable>, Vec<TableWork>),
    New(Vec<String>),
}

/// How a table fits.
pub(super) fn fit(input: &Indexed<'_>, wanted: &Wanted<'_>, table: &OnlineTable) -> Fit {
    let mut because = Vec::new();
    if table.store != *wanted.store {
        because.push("online_store".to_owned());
    }
    if table.join_keys != wanted.join_keys {
        because.push("join_keys".to_owned());
    }
    if !table.holds_values_of(wanted.source) && !is_said_unchanged(input, wanted) {
        because.push("source".to_owned());
    }
    for feature in &wanted.view.features {
        let Some(column) = table.column(&feature.name) else { continue };
        if column.value_type != feature.value_type && !column.value_type.widens_to(&feature.value_type) {
            because.push(format!("feature.{}.type", feature.name));
        }
    }
    if let Some(more) = replaced_by_store(input, table) {
        because.extend(more);
    }
    if because.is_empty() { fit_in_place(input, wanted, table) } else { Fit::New(because) }
}

/// Attributes of the store that cannot change where the table is.
fn replaced_by_store(input: &Indexed<'_>, table: &OnlineTable) -> Option<Vec<String>> {
    let store = input.store?;
    let wanted = store.lower(&input.project.name, table);
    wanted.iter().find_map(|object| {
        let left = input.prior.infrastructure.get(&object.id)?;
        let from = input.observed.and_then(|observed| observed.get(&object.id)).unwrap_or(left);
        match store.update_kind(from, object) {
            crate::provider::UpdateKind::Replace { because } => Some(because),
            crate::provider::UpdateKind::InPlace => None,
        }
    })
}

/// Whether an `allow "PV109"` says that the source holds the same values as before: on the view, or on a source of it.
fn is_said_unchanged(input: &Indexed<'_>, wanted: &Wanted<'_>) -> bool {
    let blocks = input.project.allowed.iter().filter(|allow| allow.values_unchanged && allow.code == "PV109");
    let in_force = blocks.filter(|allow| allow.expires.is_none_or(|expires| input.now < expires));
    let view = Address::new(ObjectKind::FeatureView, wanted.name);
    in_force.map(|allow| &allow.on).any(|on| {
        *on == view
            || on.kind == ObjectKind::DataSource
                && (on.name == wanted.view.source || wanted.history == on.name)
    })
}

fn fit_in_place(input: &Indexed<'_>, wanted: &Wanted<'_>, table: &OnlineTable) -> Fit {
    if is_as_wanted(input, wanted, table) {
        return Fit::Same;
    }
    let mut next = table.clone();
    if !table.holds_values_of(wanted.source) {
        next.equal_sources.push(std::mem::replace(&mut next.source, wanted.source.clone()));
    }
    let held = held(input, table).span();
    let mut work = Vec::new();
    let removed: BTreeSet<ColumnId> = table
        .columns
        .iter()
        .filter(|column| wanted.view.feature(&column.name).is_none())
        .map(|column| column.id)
        .collect();
    if !removed.is_empty() {
        let names = table.columns.iter().filter(|column| removed.contains(&column.id));
        let features = names.map(|column| column.name.clone()).collect();
        work.push(TableWork { work: Work::Drop, features, range: held });
        next.columns.retain(|column| !removed.contains(&column.id));
        for backfill in &mut next.backfills {
            backfill.columns.retain(|column| !removed.contains(column));
        }
        next.backfills.retain(|backfill| !backfill.columns.is_empty());
    }
    let mut added = Vec::new();
    for feature in &wanted.view.features {
        if let Some(column) = next.columns.iter_mut().find(|column| column.name == feature.name) {
            column.value_type = feature.value_type.clone();
        } else {
            added.push(Column {
                id: ColumnId(next.next_column_id.0),
                name: feature.name.clone(),
                value_type: feature.value_type.clone(),
            });
            next.next_column_id.0 += 1;
        }
    }
    if let Some(range) = held.filter(|_| !added.is_empty()) {
        let columns = added.iter().map(|column| column.id).collect();
        next.backfills.push(Backfill { columns, from: range.from, to: range.to });
        let features = added.iter().map(|column| column.name.clone()).collect();
        work.push(TableWork { work: Work::Backfill, features, range: Some(range) });
    }
    next.columns.extend(added);
    if let Some(range) = longer_lived(wanted, || held) {
        let columns = next.columns.iter().map(|column| column.id).collect();
        next.backfills.push(Backfill { columns, from: range.from, to: range.to });
        work.push(TableWork { work: Work::Backfill, features: Vec::new(), range: Some(range) });
    }
    if next.columns != table.columns {
        next.schema_id += 1;
    }
    if next == *table { Fit::Same } else { Fit::InPlace(Box::new(next), work) }
}

/// Whether the table has what is wanted and nothing else; the answer for nearly every table of nearly every plan.
fn is_as_wanted(input: &Indexed<'_>, wanted: &Wanted<'_>, table: &OnlineTable) -> bool {
    let features = &wanted.view.features;
    let has = |feature: &Feature| {
        table.column(&feature.name).is_some_and(|column| column.value_type == feature.value_type)
    };
    table.columns.len() == features.len()
        && features.iter().all(has)
        && table.holds_values_of(wanted.source)
        && longer_lived(wanted, || held(input, table).span()).is_none()
}

/// The event times that a longer ttl adds before what the table holds.
fn longer_lived(wanted: &Wanted<'_>, held: impl FnOnce() -> Option<Interval>) -> Option<Interval> {
    let (before, after) = (wanted.before?.effective_online_ttl(), wanted.view.effective_online_ttl());
    if before.is_zero() || !(after.is_zero() || after > before) {
        return None;
    }
    let held = held()?;
    let to = Timestamp::from_nanos(held.from.as_nanos().checked_sub(1)?);
    let from = if after.is_zero() {
        Timestamp::MIN
    } else {
        held.from.saturating_sub(Duration::from_nanos(after.as_nanos() - before.as_nanos())?)
    };
    Some(Interval { from, to })
}
