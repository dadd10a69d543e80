//! The entities of a request: JSON in, typed columns and encoded keys out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use provender_core::encoding::EntityKey;
use provender_core::model::{JoinKey, Object, Objects, Value, ValueType};
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use serde_json::Value as Json;

use crate::columns::nearest;
use crate::feature_request::ResolvedRequest;
use crate::{Error, Result};

/// Join keys with their values, as JSON has them.
#[derive(Clone, Debug, PartialEq)]
pub enum Entities {
    /// Name → values; all of one length.
    Columns(BTreeMap<String, Vec<Json>>),
    /// One map for each row, all with the same names.
    Rows(Vec<BTreeMap<String, Json>>),
}

/// Join-key columns of a request, with the types that the requested views give them.
#[derive(Debug)]
pub(super) struct EntityColumns {
    columns: BTreeMap<String, Vec<Option<Value>>>,
    row_count: usize,
}

impl EntityColumns {
    pub(super) fn read(entities: &Entities, request: &ResolvedRequest, objects: &Objects) -> Result<Self> {
        let columns = match entities {
            Entities::Columns(columns) => columns.clone(),
            Entities::Rows(rows) => columns_of(rows)?,
        };
        let row_count = common_length(&columns)?;
        let what = |name: &str| if request.fields.contains_key(name) { "request field" } else { "join key" };
        let types = key_types(request)?;
        if let Some((missing, _)) = types.iter().find(|(name, _)| !columns.contains_key(**name)) {
            let error = Error::invalid(format!("the entities lack {} `{missing}`", what(missing)));
            return Err(match nearest(missing, columns.keys().map(String::as_str)) {
                Some(near) => error.with_hint(format!("they have `{near}`")),
                None => error.with_hint(format!("the features need {}", list(types.keys().copied()))),
            });
        }
        let mut typed = BTreeMap::new();
        for (name, values) in columns {
            if request.outputs.contains(&name) {
                return Err(Error::invalid(format!(
                    "{} `{name}` and a feature would both be named `{name}`",
                    what(&name)
                ))
                .with_hint("full feature names (`view__feature`) tell them apart"));
            }
            let value_type = match types.get(name.as_str()) {
                Some(value_type) => (*value_type).clone(),
                None => type_of_other_key(&name, objects, &types)?,
            };
            let values = values
                .iter()
                .enumerate()
                .map(|(row, value)| {
                    key_value(value, &value_type).map_err(|error| {
                        error.context(format!("value {} of {} `{name}` does not fit", row + 1, what(&name)))
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            typed.insert(name, values);
        }
        // A view without entities has one value, for however many rows; with nothing given that is one.
        let row_count = row_count.unwrap_or(1);
        Ok(Self { columns: typed, row_count })
    }

    pub(super) const fn row_count(&self) -> usize {
        self.row_count
    }

    /// The join keys with their values: all columns but those that only expressions read.
    pub(super) fn join_keys<'a>(
        &'a self,
        fields: &'a BTreeMap<String, ValueType>,
    ) -> impl Iterator<Item = (&'a String, &'a Vec<Option<Value>>)> {
        self.columns.iter().filter(|(name, _)| !fields.contains_key(*name))
    }

    pub(super) fn column(&self, name: &str) -> Option<&Vec<Option<Value>>> {
        self.columns.get(name)
    }

    /// The key of each row; none where one of its fields is null.
    pub(super) fn keys(&self, join_keys: &[(JoinKey, String)]) -> Result<Vec<Option<EntityKey>>> {
        let columns: Vec<&Vec<Option<Value>>> =
            join_keys.iter().filter_map(|(_, name)| self.columns.get(name)).collect();
        (0..self.row_count)
            .map(|row| {
                let mut key = EntityKey::empty();
                for column in &columns {
                    let Some(value) = &column[row] else { return Ok(None) };
                    key.push(value).map_err(|error| {
                        Error::corrupt("a registered join key is no key").with_source(error)
                    })?;
                }
                Ok(Some(key))
            })
            .collect()
    }
}

/// Names of the request's join keys with their types.
fn key_types(request: &ResolvedRequest) -> Result<BTreeMap<&str, &ValueType>> {
    let mut types: BTreeMap<&str, &ValueType> = BTreeMap::new();
    let keys = request.views.iter().flat_map(|view| &view.join_keys);
    let keys = keys.map(|(key, name)| (name, &key.value_type));
    {
        for (name, value_type) in keys.chain(&request.fields) {
            match types.insert(name, value_type) {
                Some(other) if other != value_type => {
                    return Err(Error::invalid(format!(
                        "the requested views take `{name}` as {other} and as {value_type}"
                    ))
                    .with_hint("ask for them one by one while one of them is being replaced"));
                }
                _ => {}
            }
        }
    }
    Ok(types)
}

/// A join key that no requested view needs is welcome when the project knows it.
fn type_of_other_key(
    name: &str,
    objects: &Objects,
    needed: &BTreeMap<&str, &ValueType>,
) -> Result<ValueType> {
    let known = objects.0.values().find_map(|object| match object {
        Object::Entity(entity) if entity.join_key == name => Some(entity.value_type.clone()),
        _ => None,
    });
    known.ok_or_else(|| {
        Error::invalid(format!("the entities have `{name}`, which is no join key"))
            .with_hint(format!("the features need {}", list(needed.keys().copied())))
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "no join key".to_owned() } else { names.join(", ") }
}

fn columns_of(rows: &[BTreeMap<String, Json>]) -> Result<BTreeMap<String, Vec<Json>>> {
    let mut columns: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        for (name, value) in row {
            columns.entry(name.clone()).or_default().push(value.clone());
        }
        if let Some((name, _)) = columns.iter().find(|(_, values)| values.len() != index + 1) {
            return Err(Error::invalid(format!(
                "entity row {} differs from the others in `{name}`",
                index + 1
            ))
            .with_hint("every row needs the same join keys"));
        }
    }
    Ok(columns)
}

/// The length that all columns have; none when there is no column.
fn common_length(columns: &BTreeMap<String, Vec<Json>>) -> Result<Option<usize>> {
    let mut lengths = columns.iter().map(|(name, values)| (name, values.len()));
    let Some((first, length)) = lengths.next() else { return Ok(None) };
    match lengths.find(|(_, other)| *other != length) {
        Some((name, other)) => {
            Err(Error::invalid(format!("`{first}` has {length} values, `{name}` has {other}"))
                .with_hint("every join key needs one value for each entity row"))
        }
        None => Ok(Some(length)),
    }
}

/// The value of a join key or request field. Text is taken for every type, because command lines and CSV have nothing else;
/// that of a list is JSON.
fn key_value(json: &Json, value_type: &ValueType) -> Result<Option<Value>> {
    let value = match (json, value_type) {
        (Json::Null, _) => return Ok(None),
        (Json::Bool(value), ValueType::Bool) => Some(Value::Bool(*value)),
        (Json::Number(number), _) => number_value(number, value_type),
        (Json::String(text), ValueType::List(_)) => match serde_json::from_str(text) {
            Ok(list @ Json::Array(_)) => return key_value(&list, value_type),
            _ => None,
        },
        (Json::String(text), _) => text_value(text, value_type),
        (Json::Array(elements), ValueType::List(element)) => {
            Some(Value::List(elements.iter().map(|one| key_value(one, element)).collect::<Result<_>>()?))
        }
        _ => None,
    };
    value
        .map(Some)
        .ok_or_else(|| Error::invalid(format!("`{json}` is no {value_type}")).with_hint(form_of(value_type)))
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to float32 is what a declared type asks for")]
fn number_value(number: &serde_json::Number, value_type: &ValueType) -> Option<Value> {
    match value_type {
        ValueType::Float64 => return number.as_f64().map(Value::Float64),
        ValueType::Float32 => return number.as_f64().map(|value| Value::Float32(value as f32)),
        _ => {}
    }
    // 1001.0 is how some clients write 1001.
    let integer = number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // Up to 2^53 every integer is a float64, so nothing is rounded.
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })?;
    match value_type {
        ValueType::Int32 => i32::try_from(integer).ok().map(Value::Int32),
        ValueType::Int64 => Some(Value::Int64(integer)),
        ValueType::Timestamp => {
            integer.checked_mul(NANOS_PER_SECOND).map(|nanos| Value::Timestamp(Timestamp::from_nanos(nanos)))
        }
        _ => None,
    }
}

fn text_value(text: &str, value_type: &ValueType) -> Option<Value> {
    match value_type {
        ValueType::String => Some(Value::String(text.to_owned())),
        ValueType::Bool => text.parse().ok().map(Value::Bool),
        ValueType::Int32 => text.parse().ok().map(Value::Int32),
        ValueType::Int64 => text.parse().ok().map(Value::Int64),
        ValueType::Float32 => text.parse().ok().map(Value::Float32),
        ValueType::Float64 => text.parse().ok().map(Value::Float64),
        ValueType::Timestamp => text.parse().ok().map(Value::Timestamp),
        ValueType::Bytes => BASE64.decode(text).ok().map(Value::Bytes),
        _ => None,
    }
}

fn form_of(value_type: &ValueType) -> &'static str {
    match value_type {
        ValueType::Bool => "write `true` or `false`",
        ValueType::Int32 => "write a whole number between -2147483648 and 2147483647",
        ValueType::Int64 => "write a whole number of 64 bits",
        ValueType::Timestamp => "write a time such as `2026-11-25T08:00:00Z`, or whole seconds since 1970",
        ValueType::Bytes => "write base64",
        ValueType::Float32 | ValueType::Float64 => "write a number",
        ValueType::List(_) => "write a JSON list such as `[1, 2]`",
        ValueType::String => "write text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_be_text_that_holds_json() {
        let list = ValueType::List(Box::new(ValueType::Int64));
        let read = |text: &str| key_value(&Json::String(text.to_owned()), &list);
        let wanted = Value::List(vec![Some(Value::Int64(1)), None, Some(Value::Int64(3))]);
        assert_eq!(read("[1, null, 3]").unwrap(), Some(wanted));
        assert_eq!(read("[]").unwrap(), Some(Value::List(Vec::new())));
        for wrong in ["1,2", "[1", "{}", "null", "[1.5]", "[\"x\"]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("1,2").unwrap_err().hints()[0].contains("JSON list"));
    }
}
