//! What a difference means: its code, what readers notice, and whether stored values are concerned. What is not proven
//! harmless is breaking. The table of all codes is in the documentation of plan rules.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::attributes::Difference;
use super::gate::Weight;
use super::readers::{FeatureName, behind, outputs, request_keys, services, taken_whole};
use super::{Contract, FindingSeverity};
use crate::expression::ColumnName;
use crate::graph::Graph;
use crate::model::{Address, FeatureView, Object, ObjectKind, Objects, ValueType};
use crate::time::{Duration, Timestamp};

/// The two states that are compared.
#[derive(Debug)]
pub(super) struct States<'a> {
    pub(super) prior: &'a Objects,
    pub(super) desired: &'a Objects,
    pub(super) prior_graph: Graph,
    pub(super) desired_graph: Graph,
    /// The time that counts as now: aliases end.
    pub(super) now: Timestamp,
}

/// What a rule says of one difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) code: &'static str,
    pub(super) contract: Contract,
    /// Whether the online table cannot take the difference in place, if there is one.
    pub(super) wants_new_table: bool,
    /// What a reader of the plan should be told.
    pub(super) note: Option<(FindingSeverity, String)>,
}

impl Verdict {
    /// What it puts at risk.
    pub(super) fn weight(&self) -> Weight {
        Weight {
            contract: self.contract,
            replaces: self.wants_new_table,
            drops: matches!(self.code, "PV101" | "PV102" | "PV103" | "PV112" | "PV115"),
        }
    }

    const fn new(code: &'static str, contract: Contract) -> Self {
        Self { code, contract, wants_new_table: false, note: None }
    }

    const fn replacing(code: &'static str, contract: Contract) -> Self {
        Self { code, contract, wants_new_table: true, note: None }
    }

    fn with(mut self, severity: FindingSeverity, note: impl Into<String>) -> Self {
        self.note = Some((severity, note.into()));
        self
    }
}

const METADATA: Verdict = Verdict::new("PV122", Contract::Metadata);

impl States<'_> {
    fn views_below(&self, address: &Address) -> bool {
        self.prior_graph.downstream(address).iter().any(|at| at.kind == ObjectKind::FeatureView)
    }

    /// Whether a view stands on the object: what nothing used breaks nobody. A view that comes to stand on it is new, or
    /// changes itself.
    fn breaking_if_used(&self, address: &Address) -> Contract {
        if self.views_below(address) { Contract::Breaking } else { Contract::NonBreaking }
    }
}

/// The verdict on one difference of an object that is in both states.
pub(super) fn judge(states: &States<'_>, address: &Address, difference: &Difference) -> Verdict {
    let path: Vec<&str> = difference.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["description" | "owner" | "tags", ..] => METADATA,
        ["lifecycle", "prevent_destroy"] if difference.after.is_none() => {
            Verdict::new("PV128", Contract::NonBreaking).with(
                FindingSeverity::Warning,
                "its protection is lifted; what it protected can be deleted by a later apply",
            )
        }
        ["lifecycle", ..] => METADATA,
        ["aliases", ..] | ["feature", _, "aliases", ..] => judge_alias(states, difference),
        path => match address.kind {
            ObjectKind::Entity => Verdict::replacing("PV106", states.breaking_if_used(address)),
            ObjectKind::DataSource => judge_source(states, address, path),
            ObjectKind::FeatureView => judge_view(states, address, path, difference),
            ObjectKind::OnDemandFeatureView => judge_on_demand(states, address, path, difference),
            ObjectKind::FeatureService => judge_service(states, address, path, difference),
        },
    }
}

/// Whether an expression, before or after, reads a column of a source.
fn is_read(states: &States<'_>, source: &str, name: &str) -> bool {
    [states.prior, states.desired].into_iter().any(|objects| {
        objects.0.values().any(|object| {
            let Object::OnDemandFeatureView(view) = object else { return false };
            let reads = |column: &ColumnName| column.source == source && column.name == name;
            view.has_source(source)
                && view.features.iter().any(|feature| view.columns_of(feature).iter().any(reads))
        })
    })
}

fn judge_source(states: &States<'_>, address: &Address, path: &[&str]) -> Verdict {
    match path {
        ["field", name, ..] => Verdict::new(
            "PV125",
            if is_read(states, &address.name, name) { Contract::Breaking } else { Contract::Metadata },
        ),
        ["fields"] => Verdict::new("PV125", Contract::Metadata),
        ["batch_source"] => Verdict::replacing("PV127", Contract::Breaking),
        _ => Verdict::replacing("PV109", states.breaking_if_used(address)),
    }
}

/// Its values are computed when they are asked for: whatever changes, there is no work on stored ones.
fn judge_on_demand(
    states: &States<'_>,
    address: &Address,
    path: &[&str],
    difference: &Difference,
) -> Verdict {
    match path {
        ["feature", _, "description" | "owner" | "tags", ..] => METADATA,
        ["feature", _, "expression"] => Verdict::new("PV110", Contract::Breaking),
        ["feature", _, "type"] => Verdict { wants_new_table: false, ..judge_type(difference) },
        ["feature", name] if difference.after.is_none() => judge_removed(states, &address.name, name),
        ["feature", _] => judge_added(states, &address.name),
        ["features"] if taken_whole(&address.name, states.desired) => reordered(),
        ["features"] => Verdict::new("PV118", Contract::Metadata),
        // What is read of them, the expressions say.
        ["sources", ..] => METADATA,
        _ => Verdict::new("PV110", Contract::Breaking),
    }
}

/// Services that take the whole view get the feature as well.
fn judge_added(states: &States<'_>, view: &str) -> Verdict {
    let verdict = Verdict::new("PV111", Contract::NonBreaking);
    let both = [states.prior, states.desired];
    if both.into_iter().all(|objects| taken_whole(view, objects)) {
        let note = "a service takes the whole view and gets this feature too: columns behind it move, for readers by position";
        verdict.with(FindingSeverity::Warning, note)
    } else {
        verdict
    }
}

fn reordered() -> Verdict {
    Verdict::new("PV118", Contract::NonBreaking).with(
        FindingSeverity::Warning,
        "a service takes the whole view: readers by position get other columns",
    )
}

fn judge_view(states: &States<'_>, address: &Address, path: &[&str], difference: &Difference) -> Verdict {
    let (before, after) =
        (states.prior.feature_view(&address.name), states.desired.feature_view(&address.name));
    match path {
        ["ttl" | "online_ttl"] => judge_ttl(path[0], before, after),
        ["online"] if difference.after == Some(Json::Bool(false)) => {
            Verdict::new("PV112", Contract::Breaking)
        }
        ["online"] => Verdict::new("PV113", Contract::NonBreaking),
        ["entities"] => Verdict::replacing("PV106", Contract::Breaking),
        ["source"] => Verdict::replacing("PV109", Contract::Breaking),
        ["materialization", ..] => METADATA,
        ["feature", _, "description" | "owner" | "tags", ..] => METADATA,
        ["feature", _, "type"] => judge_type(difference),
        ["feature", name] if difference.after.is_none() => judge_removed(states, &address.name, name),
        ["feature", _] => judge_added(states, &address.name),
        ["features"] if taken_whole(&address.name, states.desired) => reordered(),
        ["features"] => Verdict::new("PV118", Contract::Metadata),
        _ => Verdict::new("PV109", Contract::Breaking),
    }
}

/// Longer, shorter: zero is for ever. A change of `ttl` that online reads do not see is still one for training.
fn judge_ttl(attribute: &str, before: Option<&FeatureView>, after: Option<&FeatureView>) -> Verdict {
    let value = |view: Option<&FeatureView>| {
        let view = view?;
        Some(if attribute == "ttl" { view.ttl } else { view.effective_online_ttl() })
    };
    let forever = |ttl: Duration| if ttl.is_zero() { i64::MAX } else { ttl.as_nanos() };
    let (before, after) = (value(before).map(forever), value(after).map(forever));
    match after.cmp(&before) {
        Ordering::Less => Verdict::new("PV107", Contract::Breaking),
        Ordering::Greater => Verdict::new("PV108", Contract::NonBreaking),
        // What was the default is written out.
        Ordering::Equal => METADATA,
    }
}

fn judge_type(difference: &Difference) -> Verdict {
    let parse = |json: &Option<Json>| -> Option<ValueType> { json.as_ref()?.as_str()?.parse().ok() };
    match (parse(&difference.before), parse(&difference.after)) {
        (Some(before), Some(after)) if before.widens_to(&after) => Verdict::new("PV105", Contract::Breaking),
        _ => Verdict::replacing("PV104", Contract::Breaking),
    }
}

fn judge_removed(states: &States<'_>, view: &str, feature: &str) -> Verdict {
    let renamed = renamed_to(states, view, feature);
    if let Some(new) = renamed {
        let on_demand = states.prior.on_demand_feature_view(view).is_some();
        let kind = if on_demand { ObjectKind::OnDemandFeatureView } else { ObjectKind::FeatureView };
        return Verdict::new("PV103", Contract::Breaking).with(
            FindingSeverity::Warning,
            format!(
                "`{feature}` goes and `{new}` of the same type comes: a rename loses the stored values unless it is said\n\
                 moved {{\n  from = {kind}.{view}.{feature}\n  to   = {kind}.{view}.{new}\n}}"
            ),
        );
    }
    let is_it = |(of, name): &FeatureName| of == view && name == feature;
    let readers: Vec<String> = services(states.prior)
        .filter(|(_, service)| {
            let mut read = outputs(service, states.prior).into_iter().map(|(_, feature)| feature);
            read.any(|read| is_it(&read) || behind(&read, states.prior).iter().any(is_it))
        })
        .map(|(address, _)| address.to_string())
        .collect();
    if readers.is_empty() {
        return Verdict::new("PV102", Contract::Breaking)
            .with(FindingSeverity::Note, format!("`{feature}` has no declared reader"));
    }
    Verdict::new("PV101", Contract::Breaking)
        .with(FindingSeverity::Note, format!("`{feature}` was read by {}", readers.join(", ")))
}

/// The one feature that came in place of the one that went: same type, similar name.
fn renamed_to(states: &States<'_>, view: &str, feature: &str) -> Option<String> {
    let on_demand = [states.prior, states.desired].map(|objects| objects.on_demand_feature_view(view));
    if let [Some(before), Some(after)] = on_demand {
        let removed = before.features.iter().filter(|old| after.feature(&old.name).is_none());
        let mut added = after.features.iter().filter(|new| before.feature(&new.name).is_none());
        let (new, old) = (added.next()?, before.feature(feature)?);
        // The same expression under another name.
        let only = removed.count() == 1 && added.next().is_none();
        return (only && old.expression == new.expression).then(|| new.name.clone());
    }
    let (before, after) = (states.prior.feature_view(view)?, states.desired.feature_view(view)?);
    let removed = before.features.iter().filter(|old| after.feature(&old.name).is_none());
    let mut added = after.features.iter().filter(|new| before.feature(&new.name).is_none());
    let (new, old) = (added.next()?, before.feature(feature)?);
    let only = removed.count() == 1 && added.next().is_none();
    let similar = strsim::normalized_levenshtein(&old.name, &new.name) >= 0.5;
    (only && similar && old.value_type == new.value_type).then(|| new.name.clone())
}

fn judge_service(states: &States<'_>, address: &Address, path: &[&str], difference: &Difference) -> Verdict {
    if matches!(path, ["consumer" | "consumers", ..]) {
        return Verdict::new("PV129", Contract::Metadata);
    }
    let (Some(before), Some(after)) =
        (states.prior.feature_service(&address.name), states.desired.feature_service(&address.name))
    else {
        return Verdict::new("PV116", Contract::Breaking);
    };
    if matches!(path, ["use", _, "view" | "join_keys", ..]) {
        return Verdict::new("PV126", Contract::Breaking);
    }
    let given = |service, objects| -> BTreeMap<String, FeatureName> {
        outputs(service, objects).into_iter().collect()
    };
    let (old, new) = (given(before, states.prior), given(after, states.desired));
    let lost = old.iter().any(|(name, feature)| new.get(name) != Some(feature));
    let gained = new.keys().any(|name| !old.contains_key(name));
    let takes = difference.after.is_some();
    let shift = "columns move: readers by position get other ones";
    if lost && (!takes || difference.before.is_some()) {
        let others = old.iter().filter_map(|(name, (view, _))| {
            let (other, feature) = new.get(name).filter(|new| Some(*new) != old.get(name))?;
            Some(format!("`{name}` was of {view} and is {other}.{feature} now: readers get other values by the same name"))
        });
        let others: Vec<String> = others.collect();
        let verdict = Verdict::new("PV116", Contract::Breaking);
        return if others.is_empty() {
            verdict
        } else {
            verdict.with(FindingSeverity::Warning, others.join("\n"))
        };
    }
    if takes && gained {
        let more: Vec<String> = request_keys(after, states.desired)
            .difference(&request_keys(before, states.prior))
            .cloned()
            .collect();
        return if more.is_empty() {
            Verdict::new("PV117", Contract::NonBreaking).with(FindingSeverity::Warning, shift)
        } else {
            let note = format!("requests must send {} from now on", more.join(", "));
            Verdict::new("PV117", Contract::Breaking).with(FindingSeverity::Warning, note)
        };
    }
    Verdict::new("PV118", Contract::NonBreaking).with(FindingSeverity::Warning, shift)
}

/// An old name that is answered longer breaks nobody; one that is taken back before its day may.
fn judge_alias(states: &States<'_>, difference: &Difference) -> Verdict {
    let until = |side: &Option<Json>| -> Option<Timestamp> { side.as_ref()?.as_str()?.parse().ok() };
    let (before, after) = (until(&difference.before), until(&difference.after));
    let was_answered = before.is_some_and(|before| before > states.now);
    let contract = match (was_answered, after >= before) {
        (true, false) => Contract::Breaking,
        (_, true) => Contract::NonBreaking,
        (false, false) => Contract::Metadata,
    };
    Verdict::new("PV123", contract)
}

/// The verdict on an object that is new.
pub(super) const fn judge_created() -> Verdict {
    Verdict::new("PV124", Contract::NonBreaking)
}

/// The verdict on an object that goes.
pub(super) const fn judge_deleted(object: &Object) -> Verdict {
    match object {
        Object::FeatureView(_) | Object::OnDemandFeatureView(_) => Verdict::new("PV115", Contract::Breaking),
        Object::FeatureService(_) => Verdict::new("PV116", Contract::Breaking),
        Object::DataSource(source) if matches!(source.kind, crate::model::SourceKind::Push { .. }) => {
            Verdict::new("PV127", Contract::Breaking)
        }
        Object::Entity(_) | Object::DataSource(_) => Verdict::new("PV124", Contract::NonBreaking),
    }
}
