//! What must still be so when a plan is applied, and whether it is.

use std::collections::{BTreeMap, BTreeSet};

use super::Preconditions;
use crate::graph::Graph;
use crate::model::{Address, Fingerprint, Object, Objects};
use crate::provider::{InfraId, InfraObject};
use crate::registry::Registry;

/// Digest of everything that depends on an object, directly or through others, with the features that it reads. Two
/// states have the same digest when the same readers stand to notice a change of the object.
pub(super) fn dependents_digest(objects: &Objects, graph: &Graph, address: &Address) -> Fingerprint {
    let readers: Vec<(Address, Vec<String>)> = graph
        .downstream(address)
        .into_iter()
        .map(|reader| {
            let features = match objects.get(&reader) {
                Some(Object::FeatureService(service)) => features_read(service),
                Some(Object::FeatureView(view)) => {
                    view.features.iter().map(|feature| feature.name.clone()).collect()
                }
                Some(Object::OnDemandFeatureView(view)) => {
                    let columns = view.features.iter().flat_map(|feature| view.columns_of(feature));
                    let columns: BTreeSet<String> =
                        columns.map(|column| format!("{}:{}", column.source, column.name)).collect();
                    columns.into_iter().collect()
                }
                _ => Vec::new(),
            };
            (reader, features)
        })
        .collect();
    Fingerprint::of(&readers)
}

/// The digest of an object that nothing depends on.
pub(super) fn no_dependents() -> Fingerprint {
    Fingerprint::of(&Vec::<(Address, Vec<String>)>::new())
}

/// `view:feature` of every feature that a service names, and `view:*` of every view that it takes whole; sorted.
fn features_read(service: &crate::model::FeatureService) -> Vec<String> {
    let whole = service
        .features
        .iter()
        .filter(|selection| selection.feature.is_none())
        .map(|selection| &selection.view);
    let used_whole = service.uses.iter().filter(|used| used.features.is_none()).map(|used| &used.view);
    let mut features: Vec<String> = service
        .selected_features()
        .map(|(view, feature)| format!("{view}:{feature}"))
        .chain(whole.chain(used_whole).map(|view| format!("{view}:*")))
        .collect();
    features.sort();
    features.dedup();
    features
}

impl Preconditions {
    /// What is not as the plan read it, one sentence each, in a stable order; empty when the plan still fits.
    /// `observed` is what is really there of the infrastructure that the plan looked at; `None` when nobody looked.
    pub fn check(&self, state: &Registry, observed: Option<&BTreeMap<InfraId, InfraObject>>) -> Vec<String> {
        let mut moved = Vec::new();
        for (address, expected) in &self.objects {
            let found = state.objects.get(address).map(Object::fingerprint);
            moved.extend(difference(address, expected.as_ref(), found.as_ref()));
        }
        for (id, expected) in &self.tables {
            let found = state.tables.get(id).map(Fingerprint::of);
            moved.extend(difference(&format!("online table {id}"), expected.as_ref(), found.as_ref()));
        }
        if !self.dependents.is_empty() {
            let graph = Graph::of(&state.objects);
            for (address, expected) in &self.dependents {
                // Of an object that itself moved, that has been said.
                let same = self
                    .objects
                    .get(address)
                    .is_none_or(|expected| state.objects.get(address).map(Object::fingerprint) == *expected);
                if same && dependents_digest(&state.objects, &graph, address) != *expected {
                    let readers: Vec<String> =
                        graph.downstream(address).iter().map(ToString::to_string).collect();
                    moved.push(format!(
                        "what depends on {address} is different now ({})",
                        if readers.is_empty() { "nothing does".to_owned() } else { readers.join(", ") }
                    ));
                }
            }
        }
        if let Some(observed) = observed {
            for (id, expected) in &self.observed {
                moved.extend(difference(
                    &format!("{} \"{}\"", id.kind, id.name),
                    expected.as_ref(),
                    observed.get(id),
                ));
            }
        }
        moved
    }
}

fn difference<T: PartialEq>(
    what: &impl std::fmt::Display,
    expected: Option<&T>,
    found: Option<&T>,
) -> Option<String> {
    match (expected, found) {
        (expected, found) if expected == found => None,
        (None, _) => Some(format!("{what} exists now")),
        (Some(_), None) => Some(format!("{what} is gone")),
        (Some(_), Some(_)) => Some(format!("{what} is different now")),
    }
}
