//! Reads the JSON text of `entities` into typed columns, without a tree in between. What a value may look like for a type
//! is `entities::key_value`'s to say: only the plain cases are short-cut here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use provender_core::model::{Value, ValueType};
use serde::Deserialize as _;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::entities::{EntityColumns, check_names, column_type, key_value, misfit};
use super::plan::ReadPlan;
use crate::{Error, Result};

impl EntityColumns {
    /// Reads entities from JSON text: an object of lists, by the types that a plan gives them.
    ///
    /// # Errors
    /// As [`EntityColumns::read`]; and text that is no object of lists, or has a name twice.
    pub fn of_json(text: &str, plan: &ReadPlan) -> Result<Self> {
        let mut refusal = None;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = ColumnsSeed { plan, refusal: &mut refusal }.deserialize(&mut deserializer);
        match (read, refusal) {
            (Ok(columns), _) => Self::of_typed(columns, plan),
            (Err(_), Some(refusal)) => Err(refusal),
            (Err(error), None) => Err(Error::invalid(format!("`entities` cannot be read: {error}"))
                .with_hint("`entities` is an object of lists: {\"driver_id\": [1001, 1002]}")),
        }
    }
}

/// Reads the object. An error of ours is kept in `refusal`; what serde is told then is never looked at.
struct ColumnsSeed<'a> {
    plan: &'a ReadPlan,
    refusal: &'a mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for ColumnsSeed<'_> {
    type Value = BTreeMap<String, Vec<Option<Value>>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ColumnsSeed<'_> {
    type Value = BTreeMap<String, Vec<Option<Value>>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of lists")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut columns: Self::Value = BTreeMap::new();
        while let Some(Text(name)) = map.next_key()? {
            let value_type = match column_type(&name, self.plan) {
                Ok(value_type) => value_type,
                Err(unknown) => {
                    let error = self.unknown_name(unknown, columns.into_keys().collect(), &name, map)?;
                    return Err(refuse(self.refusal, error));
                }
            };
            let seed = ColumnSeed { name: &name, value_type, plan: self.plan, refusal: &mut *self.refusal };
            let values = map.next_value_seed(seed)?;
            if columns.insert(name.to_string(), values).is_some() {
                let error = Error::invalid(format!("the entities have `{name}` twice"));
                return Err(refuse(self.refusal, error));
            }
        }
        Ok(columns)
    }
}

impl ColumnsSeed<'_> {
    /// What is wrong with a name: one that is missing instead of it says more, so the names that follow are read too.
    fn unknown_name<'de, A: MapAccess<'de>>(
        &self,
        unknown: Error,
        mut names: Vec<String>,
        name: &str,
        mut map: A,
    ) -> Result<Error, A::Error> {
        names.push(name.to_owned());
        map.next_value::<IgnoredAny>()?;
        while let Some((Text(name), IgnoredAny)) = map.next_entry()? {
            names.push(name.into_owned());
        }
        Ok(check_names(names.iter().map(String::as_str), self.plan).err().unwrap_or(unknown))
    }
}

/// Keeps our error and gives serde one to stop with.
fn refuse<E: serde::de::Error>(refusal: &mut Option<Error>, error: Error) -> E {
    *refusal = Some(error);
    E::custom("refused")
}

/// Text that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads the list of one column.
struct ColumnSeed<'a> {
    name: &'a str,
    value_type: &'a ValueType,
    plan: &'a ReadPlan,
    refusal: &'a mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for ColumnSeed<'_> {
    type Value = Vec<Option<Value>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ColumnSeed<'_> {
    type Value = Vec<Option<Value>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of values for `{}`", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        loop {
            match list.next_element_seed(ValueSeed(self.value_type)) {
                Ok(Some(Ok(value))) => values.push(value),
                Ok(Some(Err(error))) => {
                    return Err(refuse(self.refusal, misfit(error, values.len(), self.name, self.plan)));
                }
                Ok(None) => return Ok(values),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads one value; the inner result is ours.
struct ValueSeed<'a>(&'a ValueType);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Result<Option<Value>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Result<Option<Value>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a value of type {}", self.0)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(Ok(None))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(key_value(&Json::from(value), self.0))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        match self.0 {
            ValueType::Int64 => Ok(Ok(Some(Value::Int64(value)))),
            other => Ok(key_value(&Json::from(value), other)),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Ok(key_value(&Json::from(value), self.0)),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(key_value(&Json::from(value), self.0))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
        match self.0 {
            ValueType::String => Ok(Ok(Some(Value::String(value.to_owned())))),
            other => Ok(key_value(&Json::from(value), other)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let json = Json::deserialize(SeqAccessDeserializer::new(list)).map_err(A::Error::custom)?;
        Ok(key_value(&json, self.0))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let json = Json::deserialize(MapAccessDeserializer::new(map)).map_err(A::Error::custom)?;
        Ok(key_value(&json, self.0))
    }
}
