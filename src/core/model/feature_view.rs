//! Feature views: features of some entities, from one source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, Lifecycle, Metadata, ObjectKind, ValueType, is_default};
use crate::time::{Duration, Timestamp};

/// The `feature_view` block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureView {
    /// Names of entities. Their order has no meaning; kept as declared. Empty: one row for the whole project.
    pub entities: Vec<String>,
    /// Name of the data source.
    pub source: String,
    /// How long a value is valid after its event time; zero: for ever.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub ttl: Duration,
    /// Whether it is served online.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub online: bool,
    /// Overrides `ttl` for online reads and for what materialization loads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online_ttl: Option<Duration>,
    /// The features, in declaration order.
    pub features: Vec<Feature>,
    /// How incremental runs treat late data.
    #[serde(default, skip_serializing_if = "is_default")]
    pub materialization: Materialization,
    /// Names that it had before and still answers to, with when that ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Timestamp>,
    /// Description, owner, tags.
    #[serde(flatten)]
    pub metadata: Metadata,
    /// `prevent_destroy`, `ignore_changes`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lifecycle: Lifecycle,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_yes(value: &bool) -> bool {
    *value
}

/// The `feature` block of a feature view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name, unique in the view.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Names that it had before and still answers to, with when that ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Timestamp>,
    /// Description, owner, tags.
    #[serde(flatten)]
    pub metadata: Metadata,
}

/// The `materialization` block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Materialization {
    /// Incremental runs stop this long before now.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub available_after: Duration,
    /// Incremental runs read this much again.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub lateness: Duration,
}

/// A column that identifies a row online, with its type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JoinKey {
    /// The column.
    pub name: String,
    /// The type of the key.
    #[serde(rename = "type")]
    pub value_type: ValueType,
}

impl FeatureView {
    /// The ttl that online reads use.
    pub fn effective_online_ttl(&self) -> Duration {
        self.online_ttl.unwrap_or(self.ttl)
    }

    /// The feature of this name.
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// Addresses it names directly: its entities, then its source.
    pub fn references(&self) -> Vec<Address> {
        self.entities
            .iter()
            .map(|name| Address::new(ObjectKind::Entity, name))
            .chain([Address::new(ObjectKind::DataSource, &self.source)])
            .collect()
    }
}
