//! Which objects are compared: the folder's definitions, less what `ignore_changes`, `--target` and `--exclude` leave
//! as it is. The result never names an object or a feature that it does not hold, provided the folder does not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::PlanInput;
use crate::graph::Graph;
use crate::model::{Address, FeatureView, Object, Objects};

/// What the registry should hold afterwards.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// The definitions; those of the folder themselves where nothing is left as it is.
    pub(super) desired: Cow<'a, Objects>,
    /// Whether something was left out.
    pub(super) partial: bool,
    /// With `partial`: the objects that may change. What depends on them may get another table.
    selected: BTreeSet<Address>,
}

impl<'a> Scope<'a> {
    /// Compares with `wanted`, which is the folder's definitions or nothing (`destroy`).
    pub(super) fn of(input: &PlanInput<'_>, wanted: &'a Objects) -> Self {
        let prior = &input.prior.objects;
        let settled: Vec<(Address, Object)> = wanted
            .0
            .iter()
            .filter_map(|(address, object)| Some((address.clone(), settle(object, prior.get(address)?)?)))
            .collect();
        let mut whole = Cow::Borrowed(wanted);
        if !settled.is_empty() {
            whole.to_mut().0.extend(settled);
        }
        let partial = !input.targets.is_empty() || !input.excludes.is_empty();
        if !partial {
            return Self { desired: whole, partial, selected: BTreeSet::new() };
        }
        let selected = select(input, &whole);
        let desired = Cow::Owned(mix(prior, &whole, &selected));
        Self { desired, partial, selected }
    }

    /// Whether the online tables of this view may change: with everything in scope, or when it or what it needs is.
    pub(super) fn concerns(&self, view: &Address, prior: &Graph, desired: &Graph) -> bool {
        !self.partial
            || self.selected.contains(view)
            || prior.upstream(view).iter().chain(&desired.upstream(view)).any(|up| self.selected.contains(up))
    }
}

/// The folder's definition with what it leaves to the registry, and entities in the registry's order; none where it is that
/// already.
fn settle(object: &Object, prior: &Object) -> Option<Object> {
    let mut settled = keep_ignored(object, prior);
    if let (Object::FeatureView(view), Object::FeatureView(before)) =
        (settled.as_ref().unwrap_or(object), prior)
        && is_reordered(&view.entities, &before.entities)
    {
        let view = FeatureView { entities: before.entities.clone(), ..view.clone() };
        settled = Some(Object::FeatureView(view));
    }
    settled
}

/// Whether both lists hold the same names in another order, which has no meaning for entities.
fn is_reordered(one: &[String], other: &[String]) -> bool {
    let sorted = |list: &[String]| list.iter().cloned().collect::<BTreeSet<String>>();
    one != other && one.len() == other.len() && sorted(one) == sorted(other)
}

/// Attributes named by `ignore_changes` as the registry has them; `None` when nothing is named or the result would be no
/// definition.
fn keep_ignored(object: &Object, prior: &Object) -> Option<Object> {
    let ignored = &object.lifecycle().ignore_changes;
    if ignored.is_empty() || object == prior {
        return None;
    }
    let (mut json, before) = (serde_json::to_value(object).ok()?, serde_json::to_value(prior).ok()?);
    for name in ignored.iter().filter(|name| !matches!(name.as_str(), "kind" | "lifecycle")) {
        let attributes = json.as_object_mut()?;
        match before.get(name) {
            Some(value) => attributes.insert(name.clone(), value.clone()),
            None => attributes.remove(name),
        };
    }
    serde_json::from_value::<Object>(json).ok()
}

/// `whole` where selected, `prior` elsewhere.
fn mix(prior: &Objects, whole: &Objects, selected: &BTreeSet<Address>) -> Objects {
    let kept = prior.0.iter().filter(|(address, _)| !selected.contains(address));
    let taken = whole.0.iter().filter(|(address, _)| selected.contains(address));
    Objects(kept.chain(taken).map(|(address, object)| (address.clone(), object.clone())).collect())
}

fn select(input: &PlanInput<'_>, whole: &Objects) -> BTreeSet<Address> {
    let prior = &input.prior.objects;
    let graphs = [Graph::of(prior), Graph::of(whole)];
    let mut selected: BTreeSet<Address> = if input.targets.is_empty() {
        prior.0.keys().chain(whole.0.keys()).cloned().collect()
    } else {
        let upstream =
            input.targets.iter().flat_map(|target| graphs.iter().flat_map(|graph| graph.upstream(target)));
        input.targets.iter().cloned().chain(upstream).collect()
    };
    for excluded in input.excludes {
        selected.remove(excluded);
    }
    // Each round selects or drops at least one object that the round before did not.
    let rounds = prior.0.len() + whole.0.len();
    for _ in 0..=rounds {
        let mixed = mix(prior, whole, &selected);
        let Some((from, to)) = dangling(&mixed) else { break };
        let grow =
            input.excludes.is_empty() || !(input.excludes.contains(&from) || input.excludes.contains(&to));
        let next = if selected.contains(&from) { to.clone() } else { from.clone() };
        let moved = if grow && !input.targets.is_empty() {
            selected.insert(next)
        } else if selected.contains(&from) {
            selected.remove(&from)
        } else {
            selected.remove(&to)
        };
        if !moved {
            break;
        }
    }
    selected
}

/// The first object, in order, that names what is not there, and what it names.
fn dangling(objects: &Objects) -> Option<(Address, Address)> {
    objects.0.iter().find_map(|(address, object)| {
        let missing = object.references().into_iter().find(|named| objects.get(named).is_none());
        let missing = missing.or_else(|| Some(objects.missing_features(object).into_iter().next()?.0));
        Some((address.clone(), missing?))
    })
}
