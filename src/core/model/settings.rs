//! Settings of stores, as `feature_store.yaml` has them.

use std::collections::BTreeMap;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

/// A store's kind and settings as written: `${NAME}` is not replaced here, so no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSettings {
    /// Kind of the store, under its Provender name: `embedded`, `redis`, `file`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// All other keys, in text form, as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// What identifies the data of a store: the part of its settings that the registry keeps (never secrets). A table whose
/// store has another identity lives somewhere else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreIdentity {
    /// Kind of the store.
    #[serde(rename = "type")]
    pub kind: String,
    /// Region, address, namespace, path; as written.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, String>"))]
    pub settings: LiteMap<String, String>,
}
