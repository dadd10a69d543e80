//! Feature services: the contract between features and a model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, Lifecycle, Metadata, ObjectKind, is_default};
use crate::time::Timestamp;

/// The `feature_service` block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureService {
    /// What it takes, in declaration order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Selection>,
    /// Views under another name, in declaration order; they come after `features`.
    #[serde(default, rename = "use", skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<ServiceUse>,
    /// Who breaks when this breaks, in declaration order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumers: Vec<Consumer>,
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

/// One feature of a view, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Selection {
    /// Name of the view; feature views and on-demand views share one namespace.
    pub view: String,
    /// Whether it is an on-demand view.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_demand: bool,
    /// The feature; none: every feature of the view, in its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
}

/// The `use` block: a view under another name and other join keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceUse {
    /// The prefix of its features: `<name>__<feature>`.
    pub name: String,
    /// Name of the view.
    pub view: String,
    /// Join key of the view → name in the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub join_keys: BTreeMap<String, String>,
    /// Its features; none: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
}

/// The `consumer` block: a model or a team that reads the service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl Selection {
    /// One feature of a feature view, or all of them.
    pub fn of(view: impl Into<String>, feature: Option<&str>) -> Self {
        Self { view: view.into(), on_demand: false, feature: feature.map(str::to_owned) }
    }

    /// The view.
    pub fn address(&self) -> Address {
        let kind = if self.on_demand { ObjectKind::OnDemandFeatureView } else { ObjectKind::FeatureView };
        Address::new(kind, &self.view)
    }
}

impl FeatureService {
    /// Features that it names one by one, as (view, feature); views that it takes whole name none.
    pub fn selected_features(&self) -> impl Iterator<Item = (&str, &str)> {
        let single = self
            .features
            .iter()
            .filter_map(|selection| Some((selection.view.as_str(), selection.feature.as_deref()?)));
        let used = self.uses.iter().flat_map(|used| {
            used.features.iter().flatten().map(|feature| (used.view.as_str(), feature.as_str()))
        });
        single.chain(used)
    }

    /// Addresses of the views it names directly, each once, in order.
    pub fn references(&self) -> Vec<Address> {
        let mut addresses: Vec<Address> = Vec::new();
        let used = self.uses.iter().map(|used| Address::new(ObjectKind::FeatureView, &used.view));
        for address in self.features.iter().map(Selection::address).chain(used) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}
