//! Values of attributes as text: as one would write them in HCL.

use serde_json::Value as Json;

use crate::time::Timestamp;

/// One line, or several for text that has several.
pub(super) fn value(path: &[String], value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::String(text) if is_word(path) => match path.last().map(String::as_str) {
            Some("entities") => format!("entity.{text}"),
            Some("source" | "batch_source") => format!("data_source.{text}"),
            Some("view") => format!("feature_view.{text}"),
            _ => text.clone(),
        },
        Json::String(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| self::value(path, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(_) if selection(value).is_some() => selection(value).unwrap_or_default(),
        Json::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, item)| format!("{key} = {}", self::value(std::slice::from_ref(key), item)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}

/// A selection of a service as a reference: `feature_view.driver_stats.conv_rate`.
pub(super) fn selection(value: &Json) -> Option<String> {
    let fields = value.as_object()?;
    let view = fields.get("view")?.as_str()?;
    let on_demand = fields.contains_key("on_demand");
    let kind = if on_demand { "on_demand_feature_view" } else { "feature_view" };
    match (fields.get("feature"), fields.len() - usize::from(on_demand)) {
        (Some(feature), 2) => Some(format!("{kind}.{view}.{}", feature.as_str()?)),
        (None, 1) => Some(format!("{kind}.{view}")),
        _ => None,
    }
}

/// A range of event times: dates where both ends fall on whole days, else to the second.
pub(super) fn range(from: Timestamp, to: Timestamp) -> String {
    let is_open = from == Timestamp::MIN;
    let days = [from, to].iter().all(|at| at.as_nanos() % DAY == 0 || (is_open && *at == from));
    let shown = |at: Timestamp| {
        let text = Timestamp::from_nanos(at.as_nanos() - at.as_nanos().rem_euclid(SECOND)).to_string();
        if days { text.split('T').next().unwrap_or_default().to_owned() } else { text }
    };
    let from = if is_open { "the beginning".to_owned() } else { shown(from) };
    format!("{from} .. {}", shown(to))
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A large number as people say it: `2.1M`, `140 k`; `units` go up by `step`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn scaled(number: u64, step: u64, units: &[&str]) -> String {
    let mut scaled = number as f64;
    let mut unit = 0;
    while scaled >= step as f64 && unit + 1 < units.len() {
        scaled /= step as f64;
        unit += 1;
    }
    if unit == 0 || scaled >= 100.0 {
        format!("{scaled:.0}{}", units[unit])
    } else {
        format!("{scaled:.1}{}", units[unit])
    }
}

/// Types, formats, references and expressions are written without quotes.
fn is_word(path: &[String]) -> bool {
    matches!(
        path.last().map(String::as_str),
        Some(
            "type"
                | "value_type"
                | "format"
                | "source_kind"
                | "source"
                | "sources"
                | "expression"
                | "entities"
                | "batch_source"
                | "view"
                | "feature"
        )
    )
}
