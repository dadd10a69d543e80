//! The name of an object that stays the same wherever its block stands: `feature_view.driver_stats`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kinds of objects that a registry holds, in the order in which they depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `entity`
    Entity,
    /// `data_source`
    DataSource,
    /// `feature_view`
    FeatureView,
    /// `on_demand_feature_view`
    OnDemandFeatureView,
    /// `feature_service`
    FeatureService,
}

impl ObjectKind {
    /// Whether objects of this kind have features: views of both kinds.
    pub const fn has_features(self) -> bool {
        matches!(self, Self::FeatureView | Self::OnDemandFeatureView)
    }

    /// Every kind, in dependency order.
    pub const ALL: [Self; 5] =
        [Self::Entity, Self::DataSource, Self::FeatureView, Self::OnDemandFeatureView, Self::FeatureService];

    /// The block type in HCL and the first part of an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::DataSource => "data_source",
            Self::FeatureView => "feature_view",
            Self::OnDemandFeatureView => "on_demand_feature_view",
            Self::FeatureService => "feature_service",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Kind and name of an object; unique in a project. Ordered by kind, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name (the block's `name`, else its label).
    pub name: String,
}

impl Address {
    /// The address of the object `name` of this kind.
    pub fn new(kind: ObjectKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.kind, self.name)
    }
}

/// A feature behind the view that has it, as HCL writes it: `.conv_rate`, or `["7d_avg"]`, since no name begins with a digit
/// behind a point.
pub fn member(name: &str) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("[\"{name}\"]")
    } else {
        format!(".{name}")
    }
}

/// Text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address such as `feature_view.driver_stats`")]
pub struct AddressError(String);

impl AddressError {
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || AddressError(text.to_owned());
        let (kind, name) = text.split_once('.').ok_or_else(error)?;
        let kind = ObjectKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(error)?;
        if name.is_empty() || name.contains('.') {
            return Err(error());
        }
        Ok(Self::new(kind, name))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
