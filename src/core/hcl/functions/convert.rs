//! Functions that change the type of a value.

use super::Arguments;
use super::arguments::unify;
use crate::hcl::evaluate::{Result, as_number, wrong_type};
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
        Value::Null => Ok(Value::Null),
        value => value
            .to_bool()
            .map(Value::Bool)
            .ok_or_else(|| wrong_type(arguments.span_of(0), "`true` or `false`", value)),
    }
}

pub(super) fn to_list(arguments: &Arguments) -> Result<Value> {
    arguments.unified(0).map(Value::List)
}

pub(super) fn to_set(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Set(arguments.unified(0)?.into_iter().collect()))
}

pub(super) fn to_map(arguments: &Arguments) -> Result<Value> {
    let map = arguments.map(0)?;
    let values = unify(map.values().cloned().collect()).map_err(|(one, other)| {
        arguments.fail(format!("values must have one type, found {} and {}", one.kind(), other.kind()))
    })?;
    Ok(Value::Map(map.keys().cloned().zip(values).collect()))
}

/// The first that is neither null nor an empty string; all have one type.
pub(super) fn coalesce(arguments: &Arguments) -> Result<Value> {
    let values = arguments.values.iter().map(|(value, _)| value.clone()).collect();
    let values = unify(values).map_err(|(one, other)| {
        arguments.fail(format!("values must have one type, found {} and {}", one.kind(), other.kind()))
    })?;
    let mut values = values.into_iter();
    let found = values.find(|value| !matches!(value, Value::Null) && *value != Value::String(String::new()));
    found.ok_or_else(|| arguments.fail("every argument is null or empty".to_owned()))
}
