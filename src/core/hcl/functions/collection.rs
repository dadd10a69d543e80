//! Functions of lists and maps.

use std::collections::BTreeMap;

use super::Arguments;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::{Result, integer, wrong_type};
use crate::hcl::value::Value;

/// Most elements of a list that `concat` and `flatten` make.
const LIST_LIMIT: usize = 1 << 18;

/// Characters of a string, elements of a list or a map.
pub(super) fn length(arguments: &Arguments) -> Result<Value> {
    Ok(integer(match arguments.value(0) {
        Value::String(text) => text.chars().count(),
        Value::List(elements) => elements.len(),
        Value::Map(entries) => entries.len(),
        other => return Err(wrong_type(arguments.span_of(0), "a string, a list or a map", other)),
    }))
}

pub(super) fn concat(arguments: &Arguments) -> Result<Value> {
    let mut all = Vec::new();
    for index in 0..arguments.values.len() {
        all.extend_from_slice(arguments.list(index)?);
    }
    limited(arguments, all)
}

pub(super) fn flatten(arguments: &Arguments) -> Result<Value> {
    fn into(elements: &[Value], flat: &mut Vec<Value>) {
        for element in elements {
            match element {
                Value::List(inner) => into(inner, flat),
                other => flat.push(other.clone()),
            }
        }
    }
    let mut flat = Vec::new();
    into(arguments.list(0)?, &mut flat);
    limited(arguments, flat)
}

fn limited(arguments: &Arguments, elements: Vec<Value>) -> Result<Value> {
    if elements.len() > LIST_LIMIT {
        let message = format!("this list has more than {LIST_LIMIT} elements");
        return Err(Diagnostic::error(codes::LIMIT, arguments.span, message).into());
    }
    Ok(Value::List(elements))
}

/// Later maps win.
pub(super) fn merge(arguments: &Arguments) -> Result<Value> {
    let mut merged = BTreeMap::new();
    for (index, (value, _)) in arguments.values.iter().enumerate() {
        if *value != Value::Null {
            merged.extend(arguments.map(index)?.clone());
        }
    }
    Ok(Value::Map(merged))
}

pub(super) fn keys(arguments: &Arguments) -> Result<Value> {
    Ok(Value::List(arguments.map(0)?.keys().cloned().map(Value::String).collect()))
}

pub(super) fn values(arguments: &Arguments) -> Result<Value> {
    Ok(Value::List(arguments.map(0)?.values().cloned().collect()))
}

pub(super) fn lookup(arguments: &Arguments) -> Result<Value> {
    let name = arguments.string(1)?;
    match (arguments.map(0)?.get(name), arguments.values.get(2)) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some((default, _))) => Ok(default.clone()),
        (None, None) => {
            Err(arguments.fail_at(1, format!("the map has no `{name}`, and `lookup` has no default")))
        }
    }
}

pub(super) fn contains(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Bool(arguments.list(0)?.contains(arguments.value(1))))
}

pub(super) fn distinct(arguments: &Arguments) -> Result<Value> {
    let elements = arguments.list(0)?;
    if elements.len() > 1 << 13 {
        return Err(
            Diagnostic::error(codes::LIMIT, arguments.span, "this list is too long for `distinct`").into()
        );
    }
    let mut kept: Vec<Value> = Vec::new();
    for element in elements {
        if !kept.contains(element) {
            kept.push(element.clone());
        }
    }
    Ok(Value::List(kept))
}

pub(super) fn reverse(arguments: &Arguments) -> Result<Value> {
    Ok(Value::List(arguments.list(0)?.iter().rev().cloned().collect()))
}

/// Strings, by their code points.
pub(super) fn sort(arguments: &Arguments) -> Result<Value> {
    let mut texts = Vec::new();
    for element in arguments.list(0)? {
        let text = element
            .to_text()
            .ok_or_else(|| wrong_type(arguments.span_of(0), "strings in the list", element))?;
        texts.push(text);
    }
    texts.sort();
    Ok(Value::List(texts.into_iter().map(Value::String).collect()))
}

/// From the first index up to, without, the second.
pub(super) fn slice(arguments: &Arguments) -> Result<Value> {
    let elements = arguments.list(0)?;
    let bound = |index: usize| -> Result<usize> {
        Ok(usize::try_from(arguments.integer(index)?).unwrap_or(usize::MAX))
    };
    let part = elements.get(bound(1)?..bound(2)?);
    part.map(|part| Value::List(part.to_vec())).ok_or_else(|| {
        arguments.fail(format!("the list has {} elements; the slice goes beyond them", elements.len()))
    })
}

/// The index wraps around.
pub(super) fn element(arguments: &Arguments) -> Result<Value> {
    let elements = arguments.list(0)?;
    let count = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let index = arguments.integer(1)?.checked_rem_euclid(count);
    let found = index.and_then(|index| usize::try_from(index).ok()).and_then(|index| elements.get(index));
    found.cloned().ok_or_else(|| arguments.fail_at(0, "an empty list has no elements"))
}
