//! What decisions about tables ask of the store: objects to create, to update and to delete.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Indexed;
use super::tables::{TableDecision, forget_done_backfills};
use super::{Action, InfrastructureChange, Reason};
use crate::model::Address;
use crate::provider::{InfraId, InfraObject};
use crate::registry::{OnlineTable, TableId, TableState};

/// Tables by id, as they are after the plan.
type Tables<'a> = BTreeMap<&'a TableId, &'a OnlineTable>;

/// A table that goes, with what holds it.
#[derive(Clone, Debug)]
pub(super) struct Deletion {
    pub(super) table: TableId,
    pub(super) objects: Vec<InfraObject>,
    /// The newer table whose `replaces` ends with it, as it is after the define step.
    pub(super) freed: Option<OnlineTable>,
}

/// Everything that happens to infrastructure.
#[derive(Debug, Default)]
pub(super) struct Infrastructure {
    pub(super) created: Vec<InfraObject>,
    /// As it was left, as it should be.
    pub(super) updated: Vec<(InfraObject, InfraObject)>,
    pub(super) deleted: Vec<Deletion>,
    /// Objects that belong to no table.
    pub(super) left_over: Vec<InfraObject>,
    pub(super) changes: Vec<InfrastructureChange>,
    /// How many superseded and unfinished tables are deleted.
    pub(super) superseded: Vec<(Address, TableId)>,
}

/// Works out the infrastructure of these decisions, which are by view.
pub(super) fn derive(input: &Indexed<'_>, decisions: &BTreeMap<String, TableDecision>) -> Infrastructure {
    let mut after: Tables<'_> = input.prior.tables.iter().collect();
    let mut reasons: BTreeMap<&TableId, &Reason> = BTreeMap::new();
    let mut freed: BTreeMap<&TableId, &TableId> = BTreeMap::new();
    let mut doomed: BTreeMap<&TableId, &Reason> = BTreeMap::new();
    let mut replaced: BTreeMap<&TableId, &TableId> = BTreeMap::new();
    // What an interrupted apply left behind.
    for table in input.prior.tables.values().filter(|table| table.state == TableState::Dropped) {
        doomed.insert(&table.id, &Reason::Unused);
    }
    for decision in decisions.values() {
        after.extend(&decision.puts);
        reasons.extend(decision.created.iter().map(|(id, reason)| (id, reason)));
        doomed.extend(decision.deleted.iter().map(|(id, reason)| (id, reason)));
        freed.extend(decision.freed.iter().map(|(new, old)| (old, new)));
        if let (Some((new, _)), Some(old)) = (&decision.created, &decision.replaced) {
            replaced.insert(new, old);
        }
    }
    let mut infrastructure = Infrastructure::default();
    for (id, reason) in &doomed {
        let freed = freed.get(id).and_then(|new| after.get(new)).copied();
        delete(input, id, reason, freed, &mut infrastructure);
    }
    after.retain(|id, _| !doomed.contains_key(id));
    let mut wanted = BTreeSet::new();
    for table in after.values() {
        let reason = reasons.get(&table.id).copied().unwrap_or(&Reason::New);
        for object in lower(input, table) {
            settle(input, &object, table, (reason, replaced.get(&table.id).copied()), &mut infrastructure);
            wanted.insert(object.id);
        }
    }
    left_over(input, &wanted, &after, &mut infrastructure);
    infrastructure.created.sort_by(|a, b| a.id.cmp(&b.id));
    infrastructure.updated.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
    infrastructure.changes.sort_by(|a, b| a.id.cmp(&b.id));
    infrastructure
}

/// What the store needs for a table that stays, if it lies in it.
fn lower(input: &Indexed<'_>, table: &OnlineTable) -> Vec<InfraObject> {
    let here = input.environment.online_store.as_ref();
    // A forgotten table is nobody's any more: it is neither made again nor changed.
    let store = input.store.filter(|_| Some(&table.store) == here && table.state != TableState::Forgotten);
    let mut objects = store.map(|store| store.lower(&input.project.name, table)).unwrap_or_default();
    for object in &mut objects {
        object.store = here.cloned();
    }
    objects
}

fn settle(
    input: &Indexed<'_>,
    object: &InfraObject,
    table: &OnlineTable,
    (reason, replaced): (&Reason, Option<&TableId>),
    infrastructure: &mut Infrastructure,
) {
    let seen = input.observed.map(|observed| observed.get(&object.id));
    let left = input.prior.infrastructure.get(&object.id);
    let (before, actions, reason) = match (left, seen) {
        (None, _) | (Some(_), Some(None)) => {
            infrastructure.created.push(object.clone());
            let before = replaced.and_then(|old| counterpart(input, &object.id.kind, old));
            let reason = if left.is_some() { Reason::Missing } else { reason.clone() };
            let actions =
                if replaced.is_some() { vec![Action::Create, Action::Delete] } else { vec![Action::Create] };
            (before, actions, reason)
        }
        (Some(left), seen) => {
            let from = seen.flatten().unwrap_or(left);
            if from == object && left == object {
                return;
            }
            infrastructure.updated.push((from.clone(), object.clone()));
            let reason = if left == object { Reason::Drifted } else { Reason::Changed };
            (Some(from.clone()), vec![Action::Update], reason)
        }
    };
    infrastructure.changes.push(InfrastructureChange {
        id: object.id.clone(),
        kind: object.id.kind.clone(),
        actions,
        before,
        after: Some(object.clone()),
        reason,
        serves: vec![table.view.clone()],
    });
}

/// The object of another table that has the same part in it.
fn counterpart(input: &Indexed<'_>, kind: &str, table: &TableId) -> Option<InfraObject> {
    input.infrastructure_of(table).iter().copied().find(|object| object.id.kind == kind).cloned()
}

fn delete(
    input: &Indexed<'_>,
    id: &TableId,
    reason: &Reason,
    freed: Option<&OnlineTable>,
    infrastructure: &mut Infrastructure,
) {
    let objects: Vec<InfraObject> = input.infrastructure_of(id).iter().copied().cloned().collect();
    let view = input.prior.tables.get(id).map(|table| table.view.clone());
    if let (Reason::Superseded | Reason::Unfinished, Some(view)) = (reason, &view) {
        infrastructure.superseded.push((view.clone(), id.clone()));
    }
    for object in &objects {
        let serves = view.clone().into_iter().collect();
        infrastructure.changes.push(deletion(object, reason.clone(), serves));
    }
    let freed = freed.map(|new| {
        let mut table = OnlineTable { replaces: None, ..new.clone() };
        forget_done_backfills(input, &mut table);
        table
    });
    infrastructure.deleted.push(Deletion { table: id.clone(), objects, freed });
}

/// Objects that the registry has and no table needs: created by an apply that went no further.
fn left_over(
    input: &Indexed<'_>,
    wanted: &BTreeSet<InfraId>,
    after: &Tables<'_>,
    infrastructure: &mut Infrastructure,
) {
    let deleted = infrastructure.deleted.iter().flat_map(|deletion| &deletion.objects);
    let going: BTreeSet<InfraId> = deleted.map(|object| object.id.clone()).collect();
    for object in input.prior.infrastructure.values() {
        let kept = object.table.as_ref().is_some_and(|table| after.contains_key(table));
        if wanted.contains(&object.id) || going.contains(&object.id) || kept {
            continue;
        }
        infrastructure.left_over.push(object.clone());
        infrastructure.changes.push(deletion(object, Reason::Unfinished, Vec::new()));
    }
}

fn deletion(object: &InfraObject, reason: Reason, serves: Vec<Address>) -> InfrastructureChange {
    InfrastructureChange {
        id: object.id.clone(),
        kind: object.id.kind.clone(),
        actions: vec![Action::Delete],
        before: Some(object.clone()),
        after: None,
        reason,
        serves,
    }
}
