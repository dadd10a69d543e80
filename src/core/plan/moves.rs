//! `moved` blocks: the registry as if everything had its new name already. Comparing with that shows what else changes; the
//! steps, and what must still be so, are about the registry as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::States;
use super::{Finding, FindingSeverity, PlanInput};
use crate::model::{Address, Moved, Object, ObjectKind, Target};
use crate::registry::Registry;
use crate::time::Timestamp;

/// The registry under new names.
#[derive(Debug)]
pub(super) struct Renamed {
    pub(super) registry: Registry,
    /// The moves that did something, in their order.
    pub(super) moved: Vec<Moved>,
}

/// Applies the moves whose old name is registered and whose new name is not; none when there is no such move.
pub(super) fn rename(input: &PlanInput<'_>) -> Option<Renamed> {
    let mut renamed: Option<Renamed> = None;
    for moved in input.project.moved.iter().filter(|moved| is_in_scope(input, moved)) {
        let registry = renamed.as_ref().map_or(input.prior, |renamed| &renamed.registry);
        if !has(registry, &moved.from) || has(registry, &moved.to) {
            continue;
        }
        let into =
            renamed.get_or_insert_with(|| Renamed { registry: input.prior.clone(), moved: Vec::new() });
        match (&moved.from.feature, &moved.to.feature) {
            (Some(from), Some(to)) => rename_feature(&mut into.registry, &moved.from.address, from, to),
            _ => rename_object(&mut into.registry, &moved.from.address, &moved.to.address),
        }
        into.moved.push(moved.clone());
    }
    renamed
}

/// What is new may not take an old name that is still answered: who asks by it would get something else.
pub(super) fn taken_aliases(states: &States<'_>) -> Vec<Finding> {
    let live = |aliases: Option<&BTreeMap<String, Timestamp>>| -> Vec<(String, Timestamp)> {
        let live = aliases.into_iter().flatten().filter(|(_, until)| **until > states.now);
        live.map(|(name, until)| (name.to_lowercase(), *until)).collect()
    };
    // Views of both kinds share one namespace.
    let space = |kind| if kind == ObjectKind::OnDemandFeatureView { ObjectKind::FeatureView } else { kind };
    let mut names: BTreeMap<(ObjectKind, String), (&Address, Timestamp)> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut taken = |address: &Address, what: String, holder: String, until: Timestamp| {
        findings.push(Finding {
            code: "PV123".to_owned(),
            severity: FindingSeverity::Error,
            address: Some(address.clone()),
            message: format!(
                "{what} is still the old name of {holder}, which answers to it until {}: take another name",
                until.last_day()
            ),
        });
    };
    for (address, object) in &states.prior.0 {
        names.extend(
            live(object.aliases())
                .into_iter()
                .map(|(name, until)| ((space(address.kind), name), (address, until))),
        );
        let Some(after) = states.desired.get(address) else { continue };
        let known = Object::feature_names;
        for feature in known(object) {
            for (alias, until) in live(object.feature_aliases(feature)) {
                let new = known(after).into_iter().find(|new| new.to_lowercase() == alias);
                if let Some(new) = new.filter(|new| !known(object).contains(new)) {
                    taken(address, format!("`{new}`"), format!("`{feature}`"), until);
                }
            }
        }
    }
    for address in states.desired.0.keys().filter(|address| states.prior.get(address).is_none()) {
        if let Some((holder, until)) = names.get(&(space(address.kind), address.name.to_lowercase())) {
            taken(address, "its name".to_owned(), holder.to_string(), *until);
        }
    }
    findings
}

/// With `--target` or `--exclude`, a move goes with the object under either name.
fn is_in_scope(input: &PlanInput<'_>, moved: &Moved) -> bool {
    let names = |list: &[Address]| list.contains(&moved.from.address) || list.contains(&moved.to.address);
    (input.targets.is_empty() || names(input.targets)) && !names(input.excludes)
}

fn has(registry: &Registry, target: &Target) -> bool {
    match &target.feature {
        None => registry.objects.get(&target.address).is_some(),
        Some(feature) => registry.objects.has_feature(&target.address.name, feature),
    }
}

fn rename_object(registry: &mut Registry, from: &Address, to: &Address) {
    if let Some(object) = registry.objects.0.remove(from) {
        registry.objects.0.insert(to.clone(), object);
    }
    let put = |name: &mut String| {
        if *name == from.name {
            name.clone_from(&to.name);
        }
    };
    for object in registry.objects.0.values_mut() {
        match (object, from.kind) {
            (Object::FeatureView(view), ObjectKind::Entity) => view.entities.iter_mut().for_each(put),
            (Object::FeatureView(view), ObjectKind::DataSource) => put(&mut view.source),
            (Object::DataSource(source), ObjectKind::DataSource) => {
                if let crate::model::SourceKind::Push { batch_source } = &mut source.kind {
                    put(batch_source);
                }
            }
            (Object::OnDemandFeatureView(view), ObjectKind::FeatureView | ObjectKind::DataSource) => {
                if let Some(source) = view.sources.iter_mut().find(|source| *source == from) {
                    *source = to.clone();
                    for feature in &mut view.features {
                        feature.expression =
                            crate::expression::with_source(&feature.expression, &from.name, &to.name);
                    }
                }
            }
            (Object::FeatureService(service), ObjectKind::FeatureView | ObjectKind::OnDemandFeatureView) => {
                for selection in service.features.iter_mut().filter(|one| one.address() == *from) {
                    selection.view.clone_from(&to.name);
                }
                if from.kind == ObjectKind::FeatureView {
                    service.uses.iter_mut().for_each(|used| put(&mut used.view));
                }
            }
            _ => {}
        }
    }
    for table in registry.tables.values_mut().filter(|table| table.view == *from) {
        table.view = to.clone();
    }
}

fn rename_feature(registry: &mut Registry, view: &Address, from: &str, to: &str) {
    let put = |name: &mut String| {
        if name == from {
            to.clone_into(name);
        }
    };
    for (address, object) in &mut registry.objects.0 {
        match object {
            Object::FeatureView(found) if address == view => {
                found.features.iter_mut().for_each(|feature| put(&mut feature.name));
            }
            Object::OnDemandFeatureView(found) if address == view => {
                found.features.iter_mut().for_each(|feature| put(&mut feature.name));
            }
            Object::OnDemandFeatureView(reader) if reader.sources.contains(view) => {
                for feature in &mut reader.features {
                    feature.expression =
                        crate::expression::with_column(&feature.expression, &view.name, from, to);
                }
            }
            Object::FeatureService(service) => {
                for selection in service.features.iter_mut().filter(|one| one.address() == *view) {
                    selection.feature.iter_mut().for_each(put);
                }
                if view.kind == ObjectKind::FeatureView {
                    let used = service.uses.iter_mut().filter(|used| used.view == view.name);
                    used.flat_map(|used| used.features.iter_mut().flatten()).for_each(put);
                }
            }
            _ => {}
        }
    }
    for table in registry.tables.values_mut().filter(|table| table.view == *view) {
        table.columns.iter_mut().for_each(|column| put(&mut column.name));
    }
}

impl Renamed {
    /// Old addresses, which go without being deleted.
    pub(super) fn old_addresses(&self) -> BTreeSet<&Address> {
        self.moved
            .iter()
            .filter(|moved| moved.from.feature.is_none())
            .map(|moved| &moved.from.address)
            .collect()
    }
}
