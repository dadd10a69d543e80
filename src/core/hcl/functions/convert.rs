//! Functions that change the type of a value.

use super::Arguments;
use crate::hcl::evaluate::{Result, as_number, wrong_type};
use crate::hcl::template::TEXT_LIMIT;
use crate::hcl::value::Value;

pub(super) fn to_string(arguments: &Arguments) -> Result<Value> {
    match arguments.value(0) {
        Value::Null => Ok(Value::Null),
        value => value
            .to_text()
            .map(Value::String)
            .ok_or_else(|| wrong_type(arguments.span_of(0), "a string, a number or a truth value", value)),
    }
}

pub(super) fn to_number(arguments: &Arguments) -> Result<Value> {
    match arguments.value(0) {
        Value::Null => Ok(Value::Null),
        value => as_number(value)
            .map(Value::Number)
            .ok_or_else(|| wrong_type(arguments.span_of(0), "a number or the text of one", value)),
    }
}

pub(super) fn to_bool(arguments: &Arguments) -> Result<Value> {
    match arguments.value(0) {
        value @ (Value::Null | Value::Bool(_)) => Ok(value.clone()),
        Value::String(text) if text == "true" => Ok(Value::Bool(true)),
        Value::String(text) if text == "false" => Ok(Value::Bool(false)),
        other => Err(wrong_type(arguments.span_of(0), "`true` or `false`", other)),
    }
}

pub(super) fn to_list(arguments: &Arguments) -> Result<Value> {
    Ok(Value::List(arguments.list(0)?.to_vec()))
}

pub(super) fn to_map(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Map(arguments.map(0)?.clone()))
}

/// A sorted list of strings, each once: sets have no type of their own here.
pub(super) fn to_set(arguments: &Arguments) -> Result<Value> {
    match super::collection::sort(arguments)? {
        Value::List(mut elements) => {
            elements.dedup();
            Ok(Value::List(elements))
        }
        other => Ok(other),
    }
}

/// The first that is neither null nor an empty string.
pub(super) fn coalesce(arguments: &Arguments) -> Result<Value> {
    let mut values = arguments.values.iter().map(|(value, _)| value);
    let found = values.find(|value| !matches!(value, Value::Null) && **value != Value::String(String::new()));
    found.cloned().ok_or_else(|| arguments.fail("every argument is null or empty".to_owned()))
}

pub(super) fn json_encode(arguments: &Arguments) -> Result<Value> {
    let json = arguments
        .value(0)
        .to_json()
        .map_err(|what| arguments.fail_at(0, format!("{what} has no JSON form")))?;
    arguments.made(json.to_string())
}

pub(super) fn json_decode(arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    if text.len() > TEXT_LIMIT {
        return arguments.made(text.to_owned());
    }
    let json: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| arguments.fail_at(0, format!("the text is no JSON: {error}")))?;
    Ok(Value::from_json(&json))
}
