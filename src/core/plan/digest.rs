//! The decision digest: equal for plans that decide the same, whatever the revision, the numbers of tables, the lines of
//! blocks and what was materialized meanwhile.

use serde_json::{Map, Value as Json, json};

use super::Plan;
use crate::model::Fingerprint;

/// Digest over changes and steps.
pub(super) fn decision_digest(plan: &Plan) -> Fingerprint {
    Fingerprint::of(&decided(json!({ "changes": plan.changes, "steps": plan.steps })))
}

/// The value without what is no decision.
fn decided(value: Json) -> Json {
    match value {
        Json::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, value)| !is_incidental(key, value));
            Json::Object(
                kept.map(|(key, value)| (without_number(&key), decided(value))).collect::<Map<_, _>>(),
            )
        }
        Json::Array(list) => Json::Array(list.into_iter().map(decided).collect()),
        Json::String(text) => Json::String(without_number(&text)),
        other => other,
    }
}

/// Places, and the times, rows and bytes of data work. Only times are texts under `from` and `to`.
fn is_incidental(key: &str, value: &Json) -> bool {
    match key {
        "range" | "rows" | "bytes" => true,
        "from" | "to" => !value.is_object(),
        _ => false,
    }
}

/// `driver_stats.r37` → `driver_stats.r`.
fn without_number(text: &str) -> String {
    let stem = text.trim_end_matches(|character: char| character.is_ascii_digit());
    match stem.strip_suffix(".r").or_else(|| text.strip_suffix(".r(new)")) {
        Some(name) => format!("{name}.r"),
        None => text.to_owned(),
    }
}
