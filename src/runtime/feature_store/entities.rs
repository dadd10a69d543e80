//! The entities of a request: JSON in, typed columns and encoded keys out. JSON text is read into typed values at once
//! (`entity_text`); what is JSON already, as from a command line, goes value by value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use provender_core::encoding::EntityKey;
use provender_core::model::{JoinKey, Value, ValueType};
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use super::plan::ReadPlan;
use crate::columns::nearest;
use crate::{Error, Result};

/// Join keys with their values, or rows to store, as JSON has them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Entities {
    /// Name → values; all of one length.
    Columns(BTreeMap<String, Vec<Json>>),
    /// One map for each row, all with the same names.
    Rows(Vec<BTreeMap<String, Json>>),
}

/// Join keys and request fields of a request, with the types that its plan gives them.
#[derive(Debug, Default)]
pub struct EntityColumns {
    columns: BTreeMap<String, Vec<Option<Value>>>,
    row_count: usize,
}

impl EntityColumns {
    /// Reads entities by the types that a plan gives them.
    ///
    /// # Errors
    /// `Invalid` for a missing or unknown column, columns of different lengths, a value of another type.
    pub fn read(entities: &Entities, plan: &ReadPlan) -> Result<Self> {
        let columns = match entities {
            Entities::Columns(columns) => Cow::Borrowed(columns),
            Entities::Rows(rows) => Cow::Owned(columns_of(rows)?),
        };
        check_names(columns.keys().map(String::as_str), plan)?;
        let row_count = row_count(columns.iter().map(|(name, values)| (name, values.len())))?;
        let mut typed = BTreeMap::new();
        for (name, values) in columns.as_ref() {
            let value_type = column_type(name, plan)?;
            let values = values.iter().enumerate().map(|(row, value)| {
                key_value(value, value_type).map_err(|error| misfit(error, row, name, plan))
            });
            typed.insert(name.clone(), values.collect::<Result<Vec<_>>>()?);
        }
        Ok(Self { columns: typed, row_count })
    }

    /// Columns whose values have been read; their names and lengths are looked at.
    pub(super) fn of_typed(columns: BTreeMap<String, Vec<Option<Value>>>, plan: &ReadPlan) -> Result<Self> {
        check_names(columns.keys().map(String::as_str), plan)?;
        let row_count = row_count(columns.iter().map(|(name, values)| (name, values.len())))?;
        Ok(Self { columns, row_count })
    }

    /// How many rows the answer has.
    pub const fn row_count(&self) -> usize {
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

    /// The keys of the rows that have one, and for each row its position among them; none where one of its fields is null.
    pub(super) fn keys(
        &self,
        join_keys: &[(JoinKey, String)],
    ) -> Result<(Vec<EntityKey>, Vec<Option<usize>>)> {
        let columns: Vec<&Vec<Option<Value>>> =
            join_keys.iter().filter_map(|(_, name)| self.columns.get(name)).collect();
        let mut keys = Vec::with_capacity(self.row_count);
        let mut positions = Vec::with_capacity(self.row_count);
        'rows: for row in 0..self.row_count {
            let mut key = EntityKey::empty();
            for column in &columns {
                let Some(value) = &column[row] else {
                    positions.push(None);
                    continue 'rows;
                };
                key.push(value)
                    .map_err(|error| Error::corrupt("a registered join key is no key").with_source(error))?;
            }
            positions.push(Some(keys.len()));
            keys.push(key);
        }
        Ok((keys, positions))
    }
}

/// Whether all names are there that the plan needs, and none is that of a feature as well.
pub(super) fn check_names<'a>(names: impl Iterator<Item = &'a str> + Clone, plan: &ReadPlan) -> Result<()> {
    let needed = || plan.needed.keys().map(String::as_str);
    if let Some(missing) = needed().find(|needed| !names.clone().any(|name| name == *needed)) {
        let kind = plan.kind_of_column(missing);
        let error = Error::invalid(format!("the entities lack {kind} `{missing}`"));
        return Err(match nearest(missing, names) {
            Some(near) => error.with_hint(format!("they have `{near}`")),
            None => error.with_hint(format!("the features need {}", list(needed()))),
        });
    }
    for name in names {
        if plan.resolved.outputs.iter().any(|output| output == name) {
            let kind = plan.kind_of_column(name);
            return Err(Error::invalid(format!(
                "{kind} `{name}` and a feature would both be named `{name}`"
            ))
            .with_hint("full feature names (`view__feature`) tell them apart"));
        }
    }
    Ok(())
}

/// The type of an entity column. A join key or request field that nothing requested needs is welcome when the project knows it:
/// who sends it need not change when an expression stops reading it.
pub(super) fn column_type<'a>(name: &str, plan: &'a ReadPlan) -> Result<&'a ValueType> {
    plan.needed.get(name).or_else(|| plan.known_columns.get(name)).ok_or_else(|| {
        Error::invalid(format!("the entities have `{name}`, which is no join key and no request field"))
            .with_hint(format!("the features need {}", list(plan.needed.keys().map(String::as_str))))
    })
}

/// Says which value does not fit.
pub(super) fn misfit(error: Error, row: usize, name: &str, plan: &ReadPlan) -> Error {
    error.context(format!("value {} of {} `{name}` does not fit", row + 1, plan.kind_of_column(name)))
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

/// How many rows columns of these lengths ask for. A view without entities has one value, for however many rows; with
/// nothing given that is one.
fn row_count<'a>(lengths: impl Iterator<Item = (&'a String, usize)>) -> Result<usize> {
    Ok(common_length(lengths)?.unwrap_or(1))
}

/// The length that all columns have; none when there is no column.
pub(super) fn common_length<'a>(
    mut lengths: impl Iterator<Item = (&'a String, usize)>,
) -> Result<Option<usize>> {
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
pub(super) fn key_value(json: &Json, value_type: &ValueType) -> Result<Option<Value>> {
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
    value.map(Some).ok_or_else(|| {
        Error::invalid(format!("`{}` is no {value_type}", shortened(&json.to_string())))
            .with_hint(form_of(value_type))
    })
}

/// Characters of a value that an error quotes at most.
const QUOTED_CHARACTERS: usize = 80;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what has no fraction and is that small is an integer")]
fn number_value(number: &serde_json::Number, value_type: &ValueType) -> Option<Value> {
    match value_type {
        ValueType::Float64 => return number.as_f64().map(Value::Float64),
        ValueType::Float32 => return crate::columns::to_float32(number.as_f64()?).map(Value::Float32),
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
        ValueType::Float32 => {
            crate::columns::to_float32(crate::columns::parse_float64(text)?).map(Value::Float32)
        }
        ValueType::Float64 => crate::columns::parse_float64(text).map(Value::Float64),
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
        ValueType::Float32 => "write a number of at most 3.4e38",
        ValueType::Float64 => "write a number",
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
