//! Values of attributes as text: as one would write them in HCL.

use serde_json::Value as Json;

/// One line, or several for text that has several.
pub(super) fn value(path: &[String], value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::String(text) if is_word(path) => text.clone(),
        Json::String(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| self::value(path, item)).collect();
            format!("[{}]", items.join(", "))
        }
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

/// Types, formats and references are written without quotes.
fn is_word(path: &[String]) -> bool {
    matches!(
        path.last().map(String::as_str),
        Some(
            "type"
                | "value_type"
                | "format"
                | "source_kind"
                | "source"
                | "entities"
                | "batch_source"
                | "view"
                | "feature"
        )
    )
}
