//! What a caller gets: one column for each join key and feature, with a status and a time for each value, and its JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use provender_core::model::Value;
use provender_core::time::Timestamp;
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// What is known about one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FieldStatus {
    /// The value is there.
    Present,
    /// The row is there and the value is null.
    NullValue,
    /// There is no row, or the row has no such column yet.
    NotFound,
    /// The row is older than the view's ttl; its value is withheld.
    OutsideMaxAge,
}

impl FieldStatus {
    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "PRESENT",
            Self::NullValue => "NULL_VALUE",
            Self::NotFound => "NOT_FOUND",
            Self::OutsideMaxAge => "OUTSIDE_MAX_AGE",
        }
    }
}

/// The answer to an [`super::OnlineRequest`], column by column: join keys first, ordered by name, then features in the
/// order asked. Serializes as the JSON that Feast's clients speak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnlineResponse {
    /// Names of the columns.
    pub names: Vec<String>,
    /// The columns, as many as names.
    pub results: Vec<OnlineResult>,
}

/// One column of an answer; all vectors have one element for each entity row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OnlineResult {
    /// The values; `None` for null and where the status says that there is none.
    #[serde(serialize_with = "serialize_values")]
    pub values: Vec<Option<Value>>,
    /// What is known about each.
    pub statuses: Vec<FieldStatus>,
    /// Event time of the row each came from; the epoch for join keys and where nothing was found.
    pub event_timestamps: Vec<Timestamp>,
}

impl OnlineResult {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            values: Vec::with_capacity(rows),
            statuses: Vec::with_capacity(rows),
            event_timestamps: Vec::with_capacity(rows),
        }
    }

    pub(super) fn of_join_key(values: Vec<Option<Value>>) -> Self {
        let status = |value: &Option<Value>| match value {
            Some(_) => FieldStatus::Present,
            None => FieldStatus::NullValue,
        };
        Self {
            statuses: values.iter().map(status).collect(),
            event_timestamps: vec![Timestamp::EPOCH; values.len()],
            values,
        }
    }

    pub(super) fn push(&mut self, value: Option<Value>, status: FieldStatus, event_time: Timestamp) {
        self.values.push(value);
        self.statuses.push(status);
        self.event_timestamps.push(event_time);
    }
}

impl OnlineResponse {
    /// The answer as JSON; see [`value_to_json`] for values.
    pub fn to_json(&self) -> Json {
        // Names are strings and numbers finite, so there is always a JSON form.
        serde_json::to_value(self).unwrap_or(Json::Null)
    }
}

#[derive(Serialize)]
struct JsonShape<'a> {
    metadata: JsonMetadata<'a>,
    results: &'a [OnlineResult],
}

#[derive(Serialize)]
struct JsonMetadata<'a> {
    feature_names: &'a [String],
}

impl Serialize for OnlineResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = JsonMetadata { feature_names: &self.names };
        JsonShape { metadata, results: &self.results }.serialize(serializer)
    }
}

fn serialize_values<S: Serializer>(values: &[Option<Value>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(values.len()))?;
    for value in values {
        sequence.serialize_element(&value.as_ref().map(value_to_json))?;
    }
    sequence.end()
}

/// A value as answers have it: integers as numbers, float32 by its shortest text, bytes as base64, timestamps as whole
/// seconds since the epoch, lists as arrays, NaN and infinities as null.
pub fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::from(*value),
        Value::Int32(value) => Json::from(*value),
        Value::Int64(value) => Json::from(*value),
        // The nearest float64 to a float32's shortest text has that same shortest text.
        Value::Float32(value) => value.to_string().parse::<f64>().map_or(Json::Null, Json::from),
        Value::Float64(value) => Json::from(*value),
        Value::String(value) => Json::from(value.as_str()),
        Value::Bytes(value) => Json::from(BASE64.encode(value)),
        Value::Timestamp(value) => Json::from(value.as_seconds()),
        Value::List(values) => {
            values.iter().map(|value| value.as_ref().map_or(Json::Null, value_to_json)).collect()
        }
    }
}
