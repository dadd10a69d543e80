//! Feature services: the contract between features and a model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, Lifecycle, Metadata, ObjectKind, Objects, ValueType, is_default};
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

/// A join key or request field that requests for a service must send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentValue {
    /// Its name in the request.
    pub name: String,
    /// Its type.
    pub value_type: ValueType,
    /// What asks for it.
    pub asker: Asker,
}

/// What of a service asks for a value, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// An element of `features`.
    Selection(usize),
    /// A `use` block.
    Use(usize),
}

impl FeatureService {
    /// What requests for it must send, for each of its parts in their order: join keys of views, also of those that on-demand
    /// expressions read, and the request fields that these read. What is not defined asks for nothing.
    pub fn sent_values(&self, objects: &Objects) -> Vec<SentValue> {
        let keys = |view: &str, asker: Asker| {
            let keys = objects.join_keys(view).unwrap_or_default().into_iter();
            keys.map(move |key| SentValue { name: key.name, value_type: key.value_type, asker })
        };
        let mut sent = Vec::new();
        for (position, selection) in self.features.iter().enumerate() {
            let asker = Asker::Selection(position);
            sent.extend(keys(&selection.view, asker));
            let Some(view) = objects.on_demand_feature_view(&selection.view) else { continue };
            let columns = view.source_columns(objects);
            let is_taken = |name: &str| selection.feature.as_ref().is_none_or(|taken| taken == name);
            let taken = view.features.iter().filter(|feature| is_taken(&feature.name));
            for column in taken.flat_map(|feature| view.columns_of(feature)) {
                if objects.feature_view(&column.source).is_some() {
                    sent.extend(keys(&column.source, asker));
                    continue;
                }
                let value_type = columns.get(&column.source).and_then(|of| of.get(&column.name)).cloned();
                sent.extend(value_type.map(|value_type| SentValue { name: column.name, value_type, asker }));
            }
        }
        for (position, used) in self.uses.iter().enumerate() {
            sent.extend(keys(&used.view, Asker::Use(position)).map(|key| SentValue {
                name: used.join_keys.get(&key.name).cloned().unwrap_or(key.name),
                ..key
            }));
        }
        sent
    }

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
