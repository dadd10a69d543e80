//! What a caller asks for.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// A request for online features.
#[derive(Clone, Debug, PartialEq)]
pub struct OnlineRequest {
    /// Which features.
    pub selection: OnlineSelection,
    /// For which entities.
    pub entities: Entities,
    /// Call features `view__feature` instead of `feature`.
    pub full_feature_names: bool,
}

/// Which features are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnlineSelection {
    /// `view:feature`, or `view` for all features of a view; in the order of the answer.
    Features(Vec<String>),
    /// All features of a feature service.
    Service(String),
}

/// Join keys with their values, as JSON has them.
#[derive(Clone, Debug, PartialEq)]
pub enum Entities {
    /// Name → values; all of one length.
    Columns(BTreeMap<String, Vec<Json>>),
    /// One map for each row, with the same names.
    Rows(Vec<BTreeMap<String, Json>>),
}
