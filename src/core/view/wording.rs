//! What every view of a plan says in the same words: counts, impact, data work, names of attributes, reasons. Plain text
//! that may hold anything a definition holds; each view makes it safe for where it goes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::value::{range, scaled, selection, value};
use crate::model::Address;
use crate::plan::{
    Action, AttributeChange, Change, Contract, DataWork, Gate, Plan, Reason, Risk, StoredDefinition, Work,
};

/// `1 service`, `2 services`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// The first names, and how many more there are.
pub(super) fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 6;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// At which revision of the registry it was planned; nothing for a comparison of two folders, which has no registry.
pub(super) fn at_revision(plan: &Plan) -> String {
    match plan.base_revision {
        0 => " (no registry yet)".to_owned(),
        _ if plan.lineage.is_empty() => String::new(),
        revision => format!(" at revision {revision}"),
    }
}

/// How many definitions and tables come, change and go: `1 to add, 2 to change, 0 to destroy.`
pub(super) fn counts(plan: &Plan) -> String {
    let summary = &plan.summary;
    let mut words =
        format!("{} to add, {} to change, {} to destroy", summary.add, summary.change, summary.destroy);
    if summary.forget > 0 {
        words.push_str(&format!(", {} to forget", summary.forget));
    }
    let mut more = Vec::new();
    if summary.replace > 0 {
        more.push(format!("{} to replace", counted(summary.replace, "online table")));
    }
    if summary.superseded > 0 {
        more.push(format!("{} to delete", counted(summary.superseded, "old or unfinished table")));
    }
    if !more.is_empty() {
        words.push_str(&format!("; {}", more.join(", ")));
    }
    words.push('.');
    words
}

/// What the plan means for readers and data, in parts; where something breaks, that is the first.
pub(super) fn impact(plan: &Plan) -> Vec<String> {
    let summary = &plan.summary;
    let mut parts = Vec::new();
    if summary.breaking > 0 {
        parts.push(format!("{} breaking", summary.breaking));
    }
    for (number, work) in [(summary.rematerialize, Work::Rematerialize), (summary.backfill, Work::Backfill)] {
        if number > 0 {
            parts.push(format!("{number} {}", ranged(plan, work)));
        }
    }
    if !plan.affected.is_empty() {
        let consumers: BTreeSet<&String> =
            plan.affected.iter().flat_map(|service| &service.consumers).collect();
        let mut words = counted(plan.affected.len(), "service");
        if !consumers.is_empty() {
            words.push_str(&format!(", {}", counted(consumers.len(), "consumer")));
        }
        parts.push(format!("{words} affected"));
    }
    parts
}

/// The kind of work with the range of all such work, where one is known.
fn ranged(plan: &Plan, work: Work) -> String {
    let all = plan.changes.iter().flat_map(|change| &change.data).filter(|data| data.work == work);
    let sum = all.cloned().reduce(|mut sum, next| {
        sum.from = sum.from.min(next.from).or(sum.from).or(next.from);
        sum.to = sum.to.max(next.to);
        // What is not known of one is not known of all.
        sum.rows = sum.rows.zip(next.rows).map(|(a, b)| a + b);
        sum.bytes = sum.bytes.zip(next.bytes).map(|(a, b)| a + b);
        sum
    });
    sum.map(|mut sum| {
        sum.features.clear();
        data(&sum)
    })
    .unwrap_or_default()
}

/// Data work in words: `rematerialize 2026-08-25 .. 2026-11-23 (2.1M rows, 140 MB)`.
pub(super) fn data(work: &DataWork) -> String {
    let mut out = match work.work {
        Work::Backfill => "backfill".to_owned(),
        Work::Rematerialize => "rematerialize".to_owned(),
        Work::Drop => "drop".to_owned(),
    };
    if !work.features.is_empty() {
        let names: Vec<&str> = work.features.iter().map(String::as_str).collect();
        out.push_str(&format!(" {}", shortened(&names)));
    }
    if let (Some(from), Some(to)) = (work.from, work.to) {
        out.push_str(&format!(" {}", range(from, to)));
    }
    let size: Vec<String> = [
        work.rows.map(|rows| format!("{} rows", scaled(rows, 1000, &["", "k", "M", "G"]))),
        work.bytes.map(|bytes| scaled(bytes, 1000, &[" bytes", " kB", " MB", " GB", " TB"])),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !size.is_empty() {
        out.push_str(&format!(" ({})", size.join(", ")));
    }
    out
}

/// The sign of a change of a definition, and what will happen to it.
pub(super) fn verb(actions: &[Action]) -> (&'static str, &'static str) {
    match actions {
        [Action::Create, ..] => ("+", "will be created"),
        [Action::Delete, ..] => ("-", "will be destroyed"),
        [Action::Forget, ..] => (".", "will be forgotten; what is stored stays"),
        [Action::Move, _, ..] => ("~", "will be moved and updated"),
        [Action::Move] => ("~", "will be moved"),
        _ => ("~", "will be updated"),
    }
}

/// Whether a change concerns words alone, so that short views only count it.
pub(super) fn is_folded(change: &Change) -> bool {
    change.contract == Contract::Metadata && change.actions == [Action::Update]
}

/// What a plan says that changes nothing. Of what was left out nothing is known.
pub(super) const fn no_changes(plan: &Plan) -> &'static str {
    if plan.partial {
        "No changes to what was planned. Other objects were left out and may differ."
    } else {
        "No changes. The registry and the infrastructure match the definitions."
    }
}

/// Rules that can be accepted, by object.
pub(super) type Risks<'a> = BTreeMap<&'a Address, Vec<&'a str>>;

/// All that gates could refuse in a plan and nobody accepts.
pub(super) fn risks(plan: &Plan) -> Risks<'_> {
    let mut risks = Risks::new();
    for risk in plan.gate.refused_by(&Gate::ALL.into(), plan.now) {
        risks.entry(&risk.address).or_default().push(&risk.code);
    }
    risks
}

/// The flag that accepts a rule on an object.
pub(super) fn allow(rule: &str, address: &Address) -> String {
    format!("--allow {rule}:{address}")
}

/// The names of the plan's gates that refuse a risk.
pub(super) fn refusing(plan: &Plan, risk: &Risk) -> Vec<&'static str> {
    risk.gates.intersection(&plan.gate.gates).map(|gate| gate.as_str()).collect()
}

/// The attributes to show of a change: words about the object only where nothing else changes, or with `verbose`.
pub(super) fn shown_attributes(change: &Change, verbose: bool) -> Vec<&AttributeChange> {
    let hides = !verbose && change.contract != Contract::Metadata;
    let is_words = |attribute: &AttributeChange| attribute.code.as_deref() == Some("PV122");
    change.attributes.iter().filter(|attribute| !(hides && is_words(attribute))).collect()
}

/// How many features of an updated feature view stay as they are.
pub(super) fn unchanged_features(change: &Change) -> usize {
    if change.kind != "feature_view" {
        return 0;
    }
    let mut touched: Vec<&str> = change
        .attributes
        .iter()
        .filter(|attribute| attribute.path.len() > 1 && attribute.path[0] == "feature")
        .filter(|attribute| !(attribute.path.len() == 2 && attribute.before.is_none()))
        .map(|attribute| attribute.path[1].as_str())
        .collect();
    touched.dedup();
    let features = change.before.as_ref().and_then(StoredDefinition::object);
    features.map_or(0, |before| before.feature_names().len()).saturating_sub(touched.len())
}

/// `feature "acc_rate" type`, as the block would be written.
pub(super) fn attribute_name(path: &[String]) -> String {
    match path {
        [block, name, rest @ ..] if matches!(block.as_str(), "feature" | "field" | "consumer" | "use") => {
            let rest: String = rest.iter().map(|part| format!(" {part}")).collect();
            format!("{block} \"{name}\"{rest}")
        }
        [only] if only == "feature" => "order of features".to_owned(),
        _ => path.join("."),
    }
}

/// A named thing that comes or goes, as it would be written: `feature "trips" { type = int64 }`.
pub(super) fn element(attribute: &AttributeChange, name: &str) -> Option<String> {
    let only = match (&attribute.before, &attribute.after) {
        (Some(only), None) | (None, Some(only)) => only,
        _ => return None,
    };
    if let Some(selection) = selection(only) {
        return Some(selection);
    }
    let fields = only.as_object()?;
    let shown: Vec<String> = fields
        .iter()
        .filter(|(key, _)| *key != "name")
        .map(|(key, item)| format!("{key} = {}", value(std::slice::from_ref(key), item)))
        .collect();
    Some(format!("{name} {{ {} }}", shown.join(", ")))
}

/// Whether an attribute of a stored definition is its list of features, written as blocks.
pub(super) fn is_features(name: &str, item: &Json) -> bool {
    name == "features"
        && item.as_array().is_some_and(|items| items.iter().all(|item| item.get("name").is_some()))
}

/// Why an infrastructure object changes; none where the change says it all.
pub(super) fn reason(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::New | Reason::Changed => return None,
        Reason::NeedsNewTable { because } => {
            format!("because of {}; the old table serves until the new one is filled", because.join(", "))
        }
        Reason::Missing => "it was applied and is not there".to_owned(),
        Reason::Drifted => "it differs from what was applied".to_owned(),
        Reason::Unused => "no view needs it any more".to_owned(),
        Reason::Superseded => "its successor is filled and serves".to_owned(),
        Reason::Unfinished => "it never came to serve".to_owned(),
        Reason::Unknown => "the registry does not know it".to_owned(),
    })
}
