//! On-demand feature views: features that are computed from others, and from what comes with a request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, Lifecycle, Metadata, ObjectKind, Objects, SourceKind, ValueType, is_default};
use crate::expression::{self, ColumnName};
use crate::time::Timestamp;

/// The `on_demand_feature_view` block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDemandFeatureView {
    /// Feature views and request sources, in declaration order. Expressions know them by their short names.
    pub sources: Vec<Address>,
    /// The features, in declaration order.
    pub features: Vec<OnDemandFeature>,
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

/// The `feature` block of an on-demand feature view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDemandFeature {
    /// Its name, unique in the view.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Its expression, as canonical text; see [`crate::expression`].
    pub expression: String,
    /// Names that it had before and still answers to, with when that ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Timestamp>,
    /// Description, owner, tags.
    #[serde(flatten)]
    pub metadata: Metadata,
}

impl OnDemandFeatureView {
    /// The feature of this name.
    pub fn feature(&self, name: &str) -> Option<&OnDemandFeature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// Whether one of its sources has this name.
    pub fn has_source(&self, name: &str) -> bool {
        self.sources.iter().any(|source| source.name == name)
    }

    /// The columns that a feature of it reads.
    pub fn columns_of(&self, feature: &OnDemandFeature) -> Vec<ColumnName> {
        let sources: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        expression::columns_of(&feature.expression, &sources)
    }

    /// The columns of its sources with their types, by source and name.
    pub fn source_columns(&self, objects: &Objects) -> BTreeMap<String, BTreeMap<String, ValueType>> {
        let columns = |source: &Address| -> BTreeMap<String, ValueType> {
            match source.kind {
                ObjectKind::FeatureView => {
                    let features =
                        objects.feature_view(&source.name).into_iter().flat_map(|view| &view.features);
                    features.map(|feature| (feature.name.clone(), feature.value_type.clone())).collect()
                }
                _ => match objects.data_source(&source.name).map(|source| &source.kind) {
                    Some(SourceKind::Request { fields }) => {
                        fields.iter().map(|field| (field.name.clone(), field.value_type.clone())).collect()
                    }
                    _ => BTreeMap::new(),
                },
            }
        };
        self.sources.iter().map(|source| (source.name.clone(), columns(source))).collect()
    }
}
