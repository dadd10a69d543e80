//! What `prevent_destroy` forbids: every drop, deletion and replacement of the object, and of all that a protected
//! service reads. The registry remembers it, so deleting a block does not lift it.

use std::collections::BTreeSet;

use super::index::Indexed;
use super::rules::States;
use super::{Action, Change, Finding, FindingSeverity, Work};
use crate::model::{Address, ObjectKind};

/// One error for each protected object that would lose something.
pub(super) fn errors(input: &Indexed<'_>, states: &States<'_>, changes: &[Change]) -> Vec<Finding> {
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
            address: Some(change.address.clone()),
            message: format!(
                "`prevent_destroy` protects {}, and the plan {what}; lift the protection with an apply of its own first",
                change.address
            ),
        })
    })
    .collect()
}

/// A table that is gone already is made again: nothing is destroyed by that.
fn lost(input: &Indexed<'_>, change: &Change) -> bool {
    let Some(observed) = input.observed else { return false };
    change.codes.is_empty()
        && input.live_tables(&change.address.name).iter().any(|table| {
            input.infrastructure_of(&table.id).iter().any(|object| !observed.contains_key(&object.id))
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
