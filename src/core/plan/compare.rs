//! From input to plan: the order in which everything is worked out.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{self, Changes};
use super::index::Indexed;
use super::infrastructure::{self, Infrastructure};
use super::moves::{self, Renamed};
use super::rules::States;
use super::scope::Scope;
use super::steps::{self, Parts};
use super::tables::{self, TableDecision};
use super::{
    Acceptance, Affected, Contract, FORMAT_VERSION, Finding, FindingSeverity, GateReport, InfraStep,
    PendingWork, Plan, PlanInput, PlanOutcome, Preconditions, Step, StepAction, Summary, Work, digest, gate,
    protection,
};
use crate::graph::Graph;
use crate::model::{Address, Fingerprint, Object, ObjectKind, Objects, StoreIdentity};
use crate::registry::{AppliedEnvironment, OnlineTable, Registry, TableId, TableState};
use crate::time::Timestamp;

/// Compares `wanted` with the registry.
pub(super) fn compare(original: &PlanInput<'_>, wanted: &Objects) -> PlanOutcome {
    let renamed = moves::rename(original);
    let accepted = acceptances(original);
    // The same input, but with everything in the registry under its new name.
    let input = &PlanInput {
        prior: renamed.as_ref().map_or(original.prior, |renamed| &renamed.registry),
        accepted: &accepted,
        ..*original
    };
    let scope = Scope::of(input, wanted);
    let states = states(&input.prior.objects, &scope.desired, input.now);
    let registered =
        renamed.as_ref().map(|_| self::states(&original.prior.objects, &scope.desired, input.now));
    let registered = registered.as_ref().unwrap_or(&states);
    let indexed = Indexed::of(input, &states.prior_graph);
    let mut decisions = decide(&indexed, &scope, &states);
    if let Some(renamed) = &renamed {
        follow_moves(original.prior, &renamed.registry, &mut decisions);
    }
    let changed = differing(registered);
    let infrastructure = infrastructure::derive(&indexed, &decisions);
    let gone = renamed.as_ref().map(Renamed::old_addresses).unwrap_or_default();
    let shown: BTreeSet<Address> =
        changed.iter().filter(|address| !gone.contains(address)).cloned().collect();
    let moved = renamed.as_ref().map_or(&[][..], |renamed| &renamed.moved);
    let Changes { mut changes, mut findings, mut risks } =
        changes::derive(input, &states, &decisions, &shown, moved);
    findings.extend(infrastructure.superseded.iter().map(|(view, table)| Finding {
        code: "PV132".to_owned(),
        severity: FindingSeverity::Note,
        address: Some(view.clone()),
        message: format!("online table {table} is not needed any more and is deleted"),
    }));
    let mut errors = protection::errors(&indexed, &states, &changes);
    errors.extend(moves::taken_aliases(&states));
    errors.extend(other_project(input));
    findings.extend(other_offline_store(input));
    if !errors.is_empty() {
        errors.sort_by(|a, b| (&a.address, &a.code).cmp(&(&b.address, &b.code)));
        return PlanOutcome { plan: None, errors };
    }
    risks.extend(gate::drift(&infrastructure.changes, &changes));
    risks.sort();
    let gate = GateReport { gates: input.gates.clone(), risks, accepted: input.accepted.to_vec() };
    findings.extend(gate::acceptances(&gate, input.now));
    changes.sort_by(|a, b| (b.contract, &a.address).cmp(&(a.contract, &b.address)));
    findings.sort_by(|a, b| {
        (b.severity, &a.address, &a.code, &a.message).cmp(&(a.severity, &b.address, &b.code, &b.message))
    });
    findings.dedup();
    let environment = environment(input, &scope);
    let mut together = together(&states, &decisions, &changed);
    for moved in moved.iter().filter(|moved| moved.from.feature.is_none()) {
        together.entry(moved.to.address.clone()).or_default().insert(moved.from.address.clone());
    }
    let steps = steps::derive(&Parts {
        states: registered,
        changed: &changed,
        decisions: &decisions,
        infrastructure: &infrastructure,
        together: &together,
        environment: (environment != input.prior.environment).then_some(&environment),
    });
    let preconditions = preconditions(original, registered, &changed, &steps);
    let mut plan = Plan {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        project: input.project.name.clone(),
        registry: input.registry_location.to_owned(),
        lineage: input.prior.lineage.clone(),
        base_revision: input.prior.revision,
        now: input.now,
        definitions_digest: input.definitions_digest.clone(),
        partial: scope.partial,
        summary: summary(&changes, &decisions, &infrastructure),
        affected: affected(&changes),
        changes,
        infrastructure: infrastructure.changes,
        findings,
        pending: pending(&indexed, &decisions),
        gate,
        environment,
        steps,
        preconditions,
        decision_digest: Fingerprint::of_bytes(b""),
        checksum: None,
    };
    plan.decision_digest = digest::decision_digest(&plan);
    PlanOutcome { plan: Some(plan), errors: Vec::new() }
}

fn states<'a>(prior: &'a Objects, desired: &'a Objects, now: Timestamp) -> States<'a> {
    States { prior, desired, prior_graph: Graph::of(prior), desired_graph: Graph::of(desired), now }
}

/// What was accepted on the command line and by `allow` blocks.
fn acceptances(input: &PlanInput<'_>) -> Vec<Acceptance> {
    let blocks = input.project.allowed.iter().map(|allow| Acceptance {
        code: allow.code.clone(),
        on: allow.on.clone(),
        reason: Some(allow.reason.clone()),
        expires: allow.expires,
    });
    input.accepted.iter().cloned().chain(blocks).collect()
}

/// Tables of what moved are recorded under their new names, with whatever else happens to them.
fn follow_moves(before: &Registry, renamed: &Registry, decisions: &mut BTreeMap<String, TableDecision>) {
    for (id, table) in &renamed.tables {
        if before.tables.get(id) != Some(table) && table.state == TableState::Live {
            let decision = decisions.entry(table.view.name.clone()).or_default();
            if !decision.deleted.iter().any(|(deleted, _)| deleted == id) {
                decision.puts.entry(id.clone()).or_insert_with(|| table.clone());
            }
        }
    }
}

/// What one of the states has and the other has not, or has otherwise.
fn differing(states: &States<'_>) -> BTreeSet<Address> {
    let gone = states.prior.0.keys().filter(|address| states.desired.get(address).is_none());
    let others =
        states.desired.0.iter().filter(|(address, object)| states.prior.get(address) != Some(object));
    gone.chain(others.map(|(address, _)| address)).cloned().collect()
}

/// Decisions about tables, by view; only those that decide something.
fn decide(input: &Indexed<'_>, scope: &Scope<'_>, states: &States<'_>) -> BTreeMap<String, TableDecision> {
    let live = input.prior.tables.values().filter(|table| table.state == TableState::Live);
    let with_tables = live.map(|table| table.view.name.as_str());
    let views: BTreeSet<&str> =
        with_tables.chain(states.desired.feature_views().map(|(name, _)| name)).collect();
    let concerned = views.into_iter().filter(|view| {
        let address = Address::new(ObjectKind::FeatureView, *view);
        scope.concerns(&address, &states.prior_graph, &states.desired_graph)
    });
    let histories = tables::histories(states.desired);
    concerned
        .map(|view| (view.to_owned(), tables::decide(input, states.desired, &histories, view)))
        .filter(|(_, decision)| !decision.puts.is_empty() || !decision.deleted.is_empty())
        .collect()
}

/// A view whose table changes is defined together with what changes upstream, other than in words.
fn together(
    states: &States<'_>,
    decisions: &BTreeMap<String, TableDecision>,
    changed: &BTreeSet<Address>,
) -> BTreeMap<Address, BTreeSet<Address>> {
    let content = |objects: &Objects, address: &Address| match objects.get(address) {
        Some(Object::Entity(entity)) => Some(Fingerprint::of(&(&entity.join_key, &entity.value_type))),
        Some(Object::DataSource(source)) => Some(source.content_fingerprint()),
        _ => None,
    };
    decisions
        .iter()
        .filter(|(_, decision)| !decision.puts.is_empty())
        .map(|(view, _)| {
            let view = Address::new(ObjectKind::FeatureView, view);
            let upstream =
                states.prior_graph.upstream(&view).into_iter().chain(states.desired_graph.upstream(&view));
            let moved = upstream.filter(|address| {
                changed.contains(address)
                    && states.prior.get(address).is_some()
                    && states.desired.get(address).is_some()
                    && content(states.prior, address) != content(states.desired, address)
            });
            (view.clone(), moved.collect())
        })
        .collect()
}

/// What to record. A plan that leaves something out leaves the environment too, unless there is none yet.
fn environment(input: &PlanInput<'_>, scope: &Scope<'_>) -> AppliedEnvironment {
    let prior = &input.prior.environment;
    let source =
        if scope.partial && *prior != AppliedEnvironment::default() { prior } else { input.environment };
    source.clone()
}

/// A registry keeps its project and its provider (PV131).
fn other_project(input: &PlanInput<'_>) -> Vec<Finding> {
    let (before, after) = (&input.prior.environment.provider, &input.environment.provider);
    let (project, name) = (&input.prior.project, &input.project.name);
    let moved = [
        (!project.is_empty() && project != name)
            .then(|| format!("the registry belongs to project `{project}`, this one is `{name}`")),
        (!before.is_empty() && before != after)
            .then(|| format!("the registry was applied with provider `{before}`, now it is `{after}`")),
    ];
    let finding = |message: String| Finding {
        code: "PV131".to_owned(),
        severity: FindingSeverity::Error,
        address: None,
        message: format!("{message}; use another registry"),
    };
    moved.into_iter().flatten().map(finding).collect()
}

/// Another offline store may give other values to every view (PV130); said once.
fn other_offline_store(input: &PlanInput<'_>) -> Option<Finding> {
    let before = input.prior.environment.offline_store.as_ref()?;
    let after = input.environment.offline_store.as_ref();
    (Some(before) != after).then(|| Finding {
        code: "PV130".to_owned(),
        severity: FindingSeverity::Warning,
        address: None,
        message: format!(
            "the offline store of the project was {}, now it is {}: training may read other values for every view",
            store_name(Some(before)),
            store_name(after)
        ),
    })
}

/// Kind and settings, as written.
fn store_name(store: Option<&StoreIdentity>) -> String {
    let Some(store) = store else { return "none".to_owned() };
    let settings: Vec<String> =
        store.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if settings.is_empty() {
        format!("`{}`", store.kind)
    } else {
        format!("`{}` ({})", store.kind, settings.join(", "))
    }
}

fn summary(
    changes: &[super::Change],
    decisions: &BTreeMap<String, TableDecision>,
    infrastructure: &Infrastructure,
) -> Summary {
    use super::Action;
    let is_metadata = |change: &super::Change| {
        change.actions == [Action::Update] && change.contract == Contract::Metadata && change.data.is_empty()
    };
    let with = |action: Action| {
        changes.iter().filter(|change| change.actions.contains(&action) && !is_metadata(change)).count()
    };
    let work =
        |kind: Work| changes.iter().filter(|change| change.data.iter().any(|data| data.work == kind)).count();
    let destroys = |change: &&super::Change| {
        change.data.iter().any(|data| matches!(data.work, Work::Rematerialize | Work::Drop))
    };
    Summary {
        add: with(Action::Create),
        change: changes
            .iter()
            .filter(|change| {
                let changes = |action: &Action| matches!(action, Action::Update | Action::Move);
                change.actions.iter().any(changes) && !is_metadata(change)
            })
            .count(),
        destroy: with(Action::Delete),
        replace: decisions.values().filter(|decision| decision.replaced.is_some()).count(),
        forget: with(Action::Forget),
        metadata: changes.iter().filter(|change| is_metadata(change)).count(),
        breaking: changes.iter().filter(|change| change.contract == Contract::Breaking).count(),
        destructive: changes.iter().filter(destroys).count(),
        backfill: work(Work::Backfill),
        rematerialize: work(Work::Rematerialize),
        superseded: infrastructure.superseded.len(),
    }
}

/// Everything that notices any of the changes, each service once.
fn affected(changes: &[super::Change]) -> Vec<Affected> {
    let mut by_service: BTreeMap<Address, (BTreeSet<String>, Vec<String>)> = BTreeMap::new();
    for affected in changes.iter().flat_map(|change| &change.affects) {
        let (features, consumers) = by_service.entry(affected.address.clone()).or_default();
        features.extend(affected.features.iter().cloned());
        consumers.clone_from(&affected.consumers);
    }
    by_service
        .into_iter()
        .map(|(address, (features, consumers))| Affected {
            address,
            features: features.into_iter().collect(),
            consumers,
        })
        .collect()
}

/// Work that earlier applies left to `materialize --pending` and this plan does not make void.
fn pending(input: &Indexed<'_>, decisions: &BTreeMap<String, TableDecision>) -> Vec<PendingWork> {
    let going: BTreeSet<&TableId> = decisions
        .values()
        .flat_map(|decision| decision.deleted.iter().map(|(deleted, _)| deleted).chain(&decision.replaced))
        .collect();
    let replaced: BTreeSet<&TableId> =
        input.prior.tables.values().filter_map(|table| table.replaces.as_ref()).collect();
    let stays = |table: &&OnlineTable| table.state == TableState::Live && !going.contains(&table.id);
    let live = input.prior.tables.values().filter(stays);
    live.filter_map(|table| {
        let ledger = input.ledger(&table.id);
        let waits = table.replaces.as_ref().is_some_and(|old| input.prior.tables.contains_key(old));
        let work = if waits && ledger.complete.is_none() {
            Work::Rematerialize
        } else if replaced.contains(&table.id) {
            // Its successor is filled whole.
            return None;
        } else if table.waits_for_backfill(ledger) {
            Work::Backfill
        } else {
            return None;
        };
        Some(PendingWork { table: table.id.clone(), view: table.view.clone(), work })
    })
    .collect()
}

fn preconditions(
    input: &PlanInput<'_>,
    states: &States<'_>,
    changed: &BTreeSet<Address>,
    steps: &[Step],
) -> Preconditions {
    let mut preconditions = Preconditions::default();
    // An object whose table the registry does not hold is the remains of an apply, until that apply records the table.
    let owners = steps.iter().filter_map(|step| match &step.action {
        StepAction::Infrastructure(
            InfraStep::Create { object }
            | InfraStep::Update { to: object, .. }
            | InfraStep::Delete { object },
        ) => object.table.as_ref(),
        StepAction::Define => None,
    });
    let tables = steps.iter().flat_map(|step| step.change.tables.keys()).chain(owners);
    for id in tables.filter(|id| id.revision.is_some()) {
        preconditions.tables.insert(id.clone(), input.prior.tables.get(id).map(Fingerprint::of));
    }
    let with_tables = steps.iter().flat_map(|step| step.change.tables.values().flatten());
    let views: BTreeSet<Address> = with_tables.map(|table| table.view.clone()).collect();
    let without = super::preconditions::no_dependents();
    let mut read: BTreeSet<Address> = BTreeSet::new();
    for address in changed.union(&views) {
        for graph in [&states.prior_graph, &states.desired_graph] {
            read.extend(graph.upstream(address));
        }
        read.insert(address.clone());
        let digest = if states.prior_graph.needed_by(address).is_empty() {
            without.clone()
        } else {
            super::preconditions::dependents_digest(states.prior, &states.prior_graph, address)
        };
        preconditions.dependents.insert(address.clone(), digest);
    }
    for address in read {
        let found = states.prior.get(&address).map(Object::fingerprint);
        preconditions.objects.insert(address, found);
    }
    if let Some(observed) = input.observed {
        for id in steps.iter().flat_map(|step| step.change.infrastructure.keys()) {
            if !id.is_open() {
                preconditions.observed.insert(id.clone(), observed.get(id).cloned());
            }
        }
    }
    preconditions
}
