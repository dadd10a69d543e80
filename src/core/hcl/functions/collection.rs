//! Functions of lists and maps.

use std::collections::{BTreeMap, BTreeSet};

use unicode_segmentation::UnicodeSegmentation as _;

use super::Arguments;
use crate::hcl::evaluate::{Result, integer, wrong_type};
use crate::hcl::value::Value;

/// Characters of a string as a reader counts them, elements of a list, a set or a map.
pub(super) fn length(arguments: &Arguments) -> Result<Value> {
    Ok(integer(match arguments.value(0) {
        Value::String(text) => text.graphemes(true).count(),
        Value::List(elements) => elements.len(),
        Value::Set(elements) => elements.len(),
        Value::Map(entries) => entries.len(),
        other => return Err(wrong_type(arguments.span_of(0), "a string, a list, a set or a map", other)),
    }))
}

pub(super) fn concat(arguments: &Arguments) -> Result<Value> {
    let mut all = Vec::new();
    for index in 0..arguments.values.len() {
        all.extend_from_slice(arguments.list(index)?);
        arguments.limit(all.len())?;
    }
    Ok(Value::List(all))
}

pub(super) fn flatten(arguments: &Arguments) -> Result<Value> {
    fn into<'a>(elements: impl IntoIterator<Item = &'a Value>, flat: &mut Vec<Value>) {
        for element in elements {
            match element {
                Value::List(inner) => into(inner, flat),
                Value::Set(inner) => into(inner, flat),
                other => flat.push(other.clone()),
            }
        }
    }
    let mut flat = Vec::new();
    into(&*arguments.elements(0)?, &mut flat);
    arguments.made_list(flat)
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
    Ok(Value::Bool(arguments.elements(0)?.contains(arguments.value(1))))
}

pub(super) fn distinct(arguments: &Arguments) -> Result<Value> {
    let mut kept = arguments.unified(0)?;
    let mut seen = BTreeSet::new();
    kept.retain(|element| seen.insert(element.clone()));
    Ok(Value::List(kept))
}

pub(super) fn reverse(arguments: &Arguments) -> Result<Value> {
    Ok(Value::List(arguments.elements(0)?.iter().rev().cloned().collect()))
}

/// Strings, by their code points.
pub(super) fn sort(arguments: &Arguments) -> Result<Value> {
    let texts: Option<Vec<String>> = arguments.texts(0)?.into_iter().collect();
    let mut texts = texts.ok_or_else(|| arguments.fail_at(0, "null has no place in an order"))?;
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

/// The position of a value.
pub(super) fn index(arguments: &Arguments) -> Result<Value> {
    let found = arguments.list(0)?.iter().position(|element| element == arguments.value(1));
    found.map(integer).ok_or_else(|| arguments.fail_at(1, "the list has no such value"))
}

/// The only element; null, where there is none.
pub(super) fn one(arguments: &Arguments) -> Result<Value> {
    match &*arguments.elements(0)? {
        [] => Ok(Value::Null),
        [only] => Ok(only.clone()),
        more => Err(arguments.fail_at(0, format!("expected one element or none, found {}", more.len()))),
    }
}

pub(super) fn chunk_list(arguments: &Arguments) -> Result<Value> {
    let elements = arguments.unified(0)?;
    let size = arguments.integer(1)?;
    let size =
        usize::try_from(size).map_err(|_| arguments.fail_at(1, "the size of a part is less than 0"))?;
    let size = if size == 0 { elements.len().max(1) } else { size };
    Ok(Value::List(elements.chunks(size).map(|chunk| Value::List(chunk.to_vec())).collect()))
}

/// The first list that has elements.
pub(super) fn coalesce_list(arguments: &Arguments) -> Result<Value> {
    for (at, (value, _)) in arguments.values.iter().enumerate() {
        if *value != Value::Null && !arguments.list(at)?.is_empty() {
            return Ok(value.clone());
        }
    }
    Err(arguments.fail("every list is empty".to_owned()))
}

/// The strings that are neither null nor empty.
pub(super) fn compact(arguments: &Arguments) -> Result<Value> {
    let kept = arguments.texts(0)?.into_iter().flatten().filter(|text| !text.is_empty());
    Ok(Value::List(kept.map(Value::String).collect()))
}

/// The values at whose positions the keys have one that is searched for.
pub(super) fn match_keys(arguments: &Arguments) -> Result<Value> {
    let (values, keys) = (arguments.list(0)?, arguments.list(1)?);
    if values.len() != keys.len() {
        return Err(arguments.fail_at(1, "there must be as many keys as values"));
    }
    let searched: BTreeSet<Value> = arguments.elements(2)?.iter().cloned().collect();
    let found = values.iter().zip(keys).filter(|(_, key)| searched.contains(*key));
    Ok(Value::List(found.map(|(value, _)| value.clone()).collect()))
}

/// Of a map from keys to lists of strings, the map from these strings to lists of keys.
pub(super) fn transpose(arguments: &Arguments) -> Result<Value> {
    let mut transposed: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, value) in arguments.map(0)? {
        let elements: Box<dyn Iterator<Item = &Value>> = match value {
            Value::List(elements) => Box::new(elements.iter()),
            Value::Set(elements) => Box::new(elements.iter()),
            other => return Err(wrong_type(arguments.span_of(0), "lists of strings in the map", other)),
        };
        for element in elements {
            let text = element
                .to_text()
                .ok_or_else(|| wrong_type(arguments.span_of(0), "strings in the lists", element))?;
            transposed.entry(text).or_default().push(Value::String(key.clone()));
        }
    }
    Ok(Value::Map(transposed.into_iter().map(|(key, keys)| (key, Value::List(keys))).collect()))
}

pub(super) fn all_true(arguments: &Arguments) -> Result<Value> {
    let mut truths = truths(arguments)?.into_iter();
    Ok(Value::Bool(truths.all(|truth| truth == Some(true))))
}

pub(super) fn any_true(arguments: &Arguments) -> Result<Value> {
    let mut truths = truths(arguments)?.into_iter();
    Ok(Value::Bool(truths.any(|truth| truth == Some(true))))
}

fn truths(arguments: &Arguments) -> Result<Vec<Option<bool>>> {
    let truth = |element: &Value| match element {
        Value::Null => Ok(None),
        other => match other.to_bool() {
            Some(truth) => Ok(Some(truth)),
            None => Err(wrong_type(arguments.span_of(0), "truth values in the list", other)),
        },
    };
    arguments.elements(0)?.iter().map(truth).collect()
}

/// The map of these keys and values.
pub(super) fn zip_map(arguments: &Arguments) -> Result<Value> {
    let (keys, values) = (arguments.texts(0)?, arguments.list(1)?);
    if keys.len() != values.len() {
        return Err(
            arguments.fail_at(1, format!("there are {} values for {} keys", values.len(), keys.len()))
        );
    }
    let keys: Option<Vec<String>> = keys.into_iter().collect();
    let keys = keys.ok_or_else(|| arguments.fail_at(0, "null is no key"))?;
    Ok(Value::Map(keys.into_iter().zip(values.iter().cloned()).collect()))
}
