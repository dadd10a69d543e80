//! Functions of sets. They take lists as well.

use std::collections::BTreeSet;

use super::Arguments;
use super::arguments::unify;
use crate::hcl::evaluate::Result;
use crate::hcl::value::Value;

/// Every set, with elements of one type in all of them.
fn sets(arguments: &Arguments) -> Result<Vec<BTreeSet<Value>>> {
    let mut lengths = Vec::new();
    let mut all = Vec::new();
    for index in 0..arguments.values.len() {
        let elements = arguments.elements(index)?;
        lengths.push(elements.len());
        all.extend_from_slice(&elements);
        arguments.limit(all.len())?;
    }
    let mut all = unify(all)
        .map_err(|(one, other)| {
            let message = format!("sets must have one type, found {} and {}", one.kind(), other.kind());
            arguments.fail(message)
        })?
        .into_iter();
    Ok(lengths.into_iter().map(|length| all.by_ref().take(length).collect()).collect())
}

fn fold(
    arguments: &Arguments,
    how: fn(BTreeSet<Value>, &BTreeSet<Value>) -> BTreeSet<Value>,
) -> Result<Value> {
    let mut sets = sets(arguments)?.into_iter();
    let first = sets.next().unwrap_or_default();
    Ok(Value::Set(sets.fold(first, |set, other| how(set, &other))))
}

pub(super) fn union(arguments: &Arguments) -> Result<Value> {
    fold(arguments, |mut set, other| {
        set.extend(other.iter().cloned());
        set
    })
}

pub(super) fn intersection(arguments: &Arguments) -> Result<Value> {
    fold(arguments, |mut set, other| {
        set.retain(|element| other.contains(element));
        set
    })
}

pub(super) fn subtract(arguments: &Arguments) -> Result<Value> {
    fold(arguments, |mut set, other| {
        set.retain(|element| !other.contains(element));
        set
    })
}

/// Every way to take one element of each: a set where one of them is a set, else a list in their order.
pub(super) fn product(arguments: &Arguments) -> Result<Value> {
    let mut ways: Vec<Vec<Value>> = vec![Vec::new()];
    for index in 0..arguments.values.len() {
        let elements = arguments.unified(index)?;
        arguments.limit(ways.len().saturating_mul(elements.len()).saturating_mul(index + 1))?;
        ways = ways
            .into_iter()
            .flat_map(|way| {
                elements.iter().map(move |element| {
                    let mut longer = way.clone();
                    longer.push(element.clone());
                    longer
                })
            })
            .collect();
    }
    let ways = ways.into_iter().map(Value::List);
    let is_set = arguments.values.iter().any(|(value, _)| matches!(value, Value::Set(_)));
    Ok(if is_set { Value::Set(ways.collect()) } else { Value::List(ways.collect()) })
}
