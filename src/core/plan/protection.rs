//! What `prevent_destroy` forbids: every drop, deletion and replacement of the object, and of all that a protected
//! service reads. The registry remembers it, so deleting a block does not lift it.

use std::collections::BTreeSet;

use super::rules::States;
use super::{Action, Change, Finding, FindingSeverity, PlanInput, Work};
use crate::model::{Address, ObjectKind};

/// One error for each protected object that would lose something.
pub(super) fn errors(input: &PlanInput<'_>, states: &States<'_>, changes: &[Change]) -> Vec<Finding> {
    let protected = protected(states);
    let hurt = changes.iter().filter(|change| protected.contains(&change.address));
    hurt.filter_map(|change| {
        let what = if change.actions.contains(&Action::Delete) {
            "deletes it"
        } else if change.data.iter().any(|data| data.work == Work::Drop) {
            "drops stored values of it"
        } else if change.data.iter().any(|data| data.work == Work::Rematerialize) && !lost(input, change) {
            "replaces its online table"
        } else {
            return None;
        };
        Some(Finding {
            code: change.codes.first().cloned().unwrap_or_default(),
            severity: FindingSeverity::Error,
            address: change.address.clone(),
            message: format!(
                "`prevent_destroy` protects {}, and the plan {what}; lift the protection with an apply of its own first",
                change.address
            ),
        })
    })
    .collect()
}

/// A table that is gone already is made again: nothing is destroyed by that.
fn lost(input: &PlanInput<'_>, change: &Change) -> bool {
    let Some(observed) = input.observed else { return false };
    change.codes.is_empty()
        && input.prior.tables.values().filter(|table| table.view == change.address).any(|table| {
            super::tables::infrastructure_of(input.prior, &table.id)
                .iter()
                .any(|id| !observed.contains_key(id))
        })
}

fn protected(states: &States<'_>) -> BTreeSet<Address> {
    let mut protected = BTreeSet::new();
    for (objects, graph) in [(states.prior, &states.prior_graph), (states.desired, &states.desired_graph)] {
        for (address, _) in objects.0.iter().filter(|(_, object)| object.lifecycle().prevent_destroy) {
            if address.kind == ObjectKind::FeatureService {
                protected.extend(graph.upstream(address));
            }
            protected.insert(address.clone());
        }
    }
    protected
}
