//! The steps that carry a plan out, and their order: after every prefix the registry names nothing that it does not
//! hold, a table is there before a view is recorded as served from it, and goes after nothing is.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use super::infrastructure::Infrastructure;
use super::rules::States;
use super::tables::TableDecision;
use super::{InfraStep, Step, StepAction, StepId};
use crate::model::{Address, Object, ObjectKind};
use crate::provider::{InfraId, InfraObject};
use crate::registry::{AppliedEnvironment, StateChange, TableId};

/// What the steps are made from.
pub(super) struct Parts<'a> {
    pub(super) states: &'a States<'a>,
    /// Objects whose definition changes.
    pub(super) changed: &'a BTreeSet<Address>,
    /// By view.
    pub(super) decisions: &'a BTreeMap<String, TableDecision>,
    pub(super) infrastructure: &'a Infrastructure,
    /// Views whose table decision rests on these changed entities and sources.
    pub(super) together: &'a BTreeMap<Address, BTreeSet<Address>>,
    /// What to record the environment as, if it is another.
    pub(super) environment: Option<&'a AppliedEnvironment>,
}

/// All steps, in an order in which they can run one after the other.
pub(super) fn derive(parts: &Parts<'_>) -> Vec<Step> {
    let groups = groups(parts);
    let mut steps: Vec<Step> = Vec::new();
    let creates: Vec<Step> = parts.infrastructure.created.iter().map(create_step).collect();
    let mut defined_by: BTreeMap<TableId, StepId> = BTreeMap::new();
    let mut defines: Vec<Step> = Vec::new();
    let mut created_for: BTreeMap<&TableId, Vec<&InfraId>> = BTreeMap::new();
    for object in &parts.infrastructure.created {
        if let Some(table) = &object.table {
            created_for.entry(table).or_default().push(&object.id);
        }
    }
    for group in &groups {
        let mut define = define_step(parts, &group.members);
        define.after.extend(group.after.iter().map(define_id));
        for table in define.change.tables.keys() {
            defined_by.insert(table.clone(), define.id.clone());
            let objects = created_for.get(table).into_iter().flatten();
            define.after.extend(objects.map(|id| step_id("create", id)));
        }
        define.after.sort();
        define.after.dedup();
        defines.push(define);
    }
    if let Some(environment) = parts.environment {
        match defines.first_mut() {
            Some(first) => first.change.environment = Some(environment.clone()),
            None => defines.push(Step {
                id: "define environment".to_owned(),
                after: Vec::new(),
                action: StepAction::Define,
                change: StateChange { environment: Some(environment.clone()), ..StateChange::default() },
            }),
        }
    }
    steps.extend(creates);
    steps.extend(parts.infrastructure.updated.iter().map(|(from, to)| update_step(from, to)));
    steps.extend(defines);
    steps.extend(deletions(parts, &defined_by));
    steps
}

fn step_id(verb: &str, id: &InfraId) -> StepId {
    format!("{verb} {} {}", id.kind, id.name)
}

fn define_id(member: &Address) -> StepId {
    format!("define {member}")
}

fn recorded(object: &InfraObject, value: Option<InfraObject>) -> StateChange {
    StateChange { infrastructure: BTreeMap::from([(object.id.clone(), value)]), ..StateChange::default() }
}

fn create_step(object: &InfraObject) -> Step {
    Step {
        id: step_id("create", &object.id),
        after: Vec::new(),
        action: StepAction::Infrastructure(InfraStep::Create { object: object.clone() }),
        change: recorded(object, Some(object.clone())),
    }
}

fn update_step(from: &InfraObject, to: &InfraObject) -> Step {
    Step {
        id: step_id("update", &to.id),
        after: Vec::new(),
        action: StepAction::Infrastructure(InfraStep::Update { from: from.clone(), to: to.clone() }),
        change: recorded(to, Some(to.clone())),
    }
}

fn delete_step(object: &InfraObject) -> Step {
    Step {
        id: step_id("delete", &object.id),
        after: Vec::new(),
        action: StepAction::Infrastructure(InfraStep::Delete { object: object.clone() }),
        change: recorded(object, None),
    }
}

/// Deletions, one object of a table after the other; the last takes the table's record away.
fn deletions(parts: &Parts<'_>, defined_by: &BTreeMap<TableId, StepId>) -> Vec<Step> {
    let mut steps: Vec<Step> = parts.infrastructure.left_over.iter().map(delete_step).collect();
    for deletion in &parts.infrastructure.deleted {
        let freed = deletion.freed.as_ref();
        let defines = [Some(&deletion.table), freed.map(|new| &new.id)].into_iter().flatten();
        let mut after: BTreeSet<StepId> =
            defines.filter_map(|table| defined_by.get(table)).cloned().collect();
        let mut of_table: Vec<Step> = Vec::new();
        for object in &deletion.objects {
            let mut step = delete_step(object);
            step.after = std::mem::take(&mut after).into_iter().collect();
            after.insert(step.id.clone());
            of_table.push(step);
        }
        if of_table.is_empty() {
            of_table.push(Step {
                id: format!("forget table {}", deletion.table),
                after: after.into_iter().collect(),
                action: StepAction::Define,
                change: StateChange::default(),
            });
        }
        if let Some(last) = of_table.last_mut() {
            last.change.tables.insert(deletion.table.clone(), None);
            if let Some(new) = freed {
                last.change.tables.insert(new.id.clone(), Some(new.clone()));
            }
        }
        steps.extend(of_table);
    }
    steps
}

fn define_step(parts: &Parts<'_>, members: &BTreeSet<Address>) -> Step {
    let mut change = StateChange::default();
    for member in members {
        if parts.changed.contains(member) {
            change.objects.insert(member.clone(), parts.states.desired.get(member).cloned());
        }
        if member.kind == ObjectKind::FeatureView
            && let Some(decision) = parts.decisions.get(&member.name)
        {
            change.tables.extend(decision.puts.iter().map(|(id, table)| (id.clone(), Some(table.clone()))));
        }
    }
    let id = members.first().map(define_id).unwrap_or_default();
    Step { id, after: Vec::new(), action: StepAction::Define, change }
}

/// Objects that are defined in one step.
struct Group {
    members: BTreeSet<Address>,
    /// First members of the groups that go before.
    after: BTreeSet<Address>,
}

/// Objects that must go together, in an order that leaves no reference dangling.
fn groups(parts: &Parts<'_>) -> Vec<Group> {
    let with_tables = parts.decisions.iter().filter(|(_, decision)| !decision.puts.is_empty());
    let views = with_tables.map(|(view, _)| Address::new(ObjectKind::FeatureView, view));
    let nodes: BTreeSet<Address> = parts.changed.iter().cloned().chain(views).collect();
    // An edge goes from what must be first.
    let mut first: DiGraphMap<&Address, ()> = DiGraphMap::new();
    for node in &nodes {
        first.add_node(node);
    }
    for node in &nodes {
        for other in parts.together.get(node).into_iter().flatten().filter_map(|other| nodes.get(other)) {
            first.add_edge(node, other, ());
            first.add_edge(other, node, ());
        }
        for (needs, before, after) in [
            (parts.states.desired.get(node), parts.states.prior, true),
            (parts.states.prior.get(node), parts.states.desired, false),
        ] {
            let Some(object) = needs else { continue };
            for missing in missing_in(object, before).iter().filter_map(|missing| nodes.get(missing)) {
                let (one, two) = if after { (missing, node) } else { (node, missing) };
                first.add_edge(one, two, ());
            }
        }
    }
    sorted(&first)
}

/// What an object names that a state does not hold, or does not hold with that feature.
fn missing_in(object: &Object, state: &crate::model::Objects) -> BTreeSet<Address> {
    let absent = object.references().into_iter().filter(|named| state.get(named).is_none());
    absent.chain(state.missing_features(object).into_iter().map(|(view, _)| view)).collect()
}

/// Groups of a graph whose edges go from what must be first, in a stable order.
fn sorted(first: &DiGraphMap<&Address, ()>) -> Vec<Group> {
    let mut group_of: BTreeMap<Address, Address> = BTreeMap::new();
    let mut groups: BTreeMap<Address, Group> = BTreeMap::new();
    for members in tarjan_scc(first) {
        let members: BTreeSet<Address> = members.into_iter().cloned().collect();
        let Some(name) = members.first().cloned() else { continue };
        group_of.extend(members.iter().map(|member| (member.clone(), name.clone())));
        groups.insert(name, Group { members, after: BTreeSet::new() });
    }
    for (one, two, ()) in first.all_edges() {
        let (Some(one), Some(two)) = (group_of.get(one), group_of.get(two)) else { continue };
        if one != two
            && let Some(group) = groups.get_mut(two)
        {
            group.after.insert(one.clone());
        }
    }
    in_order(groups)
}

/// The groups, each after those that it names; by first member where that leaves a choice.
fn in_order(mut groups: BTreeMap<Address, Group>) -> Vec<Group> {
    let mut waiting: BTreeMap<Address, usize> = BTreeMap::new();
    let mut frees: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
    let mut ready: BTreeSet<Address> = BTreeSet::new();
    for (name, group) in &groups {
        if group.after.is_empty() {
            ready.insert(name.clone());
        } else {
            waiting.insert(name.clone(), group.after.len());
        }
        for first in &group.after {
            frees.entry(first.clone()).or_default().push(name.clone());
        }
    }
    let mut order = Vec::with_capacity(groups.len());
    while let Some(name) = ready.pop_first() {
        for next in frees.remove(&name).unwrap_or_default() {
            if let Some(count) = waiting.get_mut(&next) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
        order.extend(groups.remove(&name));
    }
    order
}
