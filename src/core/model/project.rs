//! A project: everything that one folder defines, and what it says about how it came to be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Address, AddressError, Objects, member};
use crate::time::Timestamp;

/// What a project folder and its `feature_store.yaml` define together, checked and free of positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// The project's name.
    pub name: String,
    /// Its definitions. What `moved` blocks say about aliases is in them.
    pub objects: Objects,
    /// `moved` blocks, in the order in which they apply.
    pub moved: Vec<Moved>,
    /// `removed` blocks, by address.
    pub removed: Vec<Removed>,
    /// `allow` blocks, by code and object.
    pub allowed: Vec<Allow>,
}

/// A definition, or one feature of a view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The definition.
    pub address: Address,
    /// The feature; none: the whole definition.
    pub feature: Option<String>,
}

impl Target {
    /// As HCL writes it; stored documents have the plain form of `Display`.
    pub fn written(&self) -> String {
        let feature = self.feature.as_deref().map(member).unwrap_or_default();
        format!("{}{feature}", self.address)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.address)?;
        self.feature.as_ref().map_or(Ok(()), |feature| write!(formatter, ".{feature}"))
    }
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let plain = text.strip_suffix("\"]").and_then(|rest| rest.split_once("[\""));
        let plain = plain.map(|(address, feature)| format!("{address}.{feature}"));
        let mut parts = plain.as_deref().unwrap_or(text).splitn(3, '.');
        let (kind, name, feature) = (parts.next(), parts.next(), parts.next());
        let object = [kind, name].into_iter().flatten().collect::<Vec<_>>().join(".");
        let address: Address = object.parse()?;
        let has_features = address.kind.has_features();
        if feature.is_some() && !has_features {
            return Err(AddressError::of(text));
        }
        Ok(Self { address, feature: feature.map(str::to_owned) })
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The `moved` block: a definition or a feature has another name now, and is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its name before.
    pub from: Target,
    /// Its name now; of the same kind, and a feature stays in its view.
    pub to: Target,
    /// When the old name stops being answered: the end of the day that is written. None: at once.
    pub alias_until: Option<Timestamp>,
}

/// The `removed` block: what becomes of a definition that is gone from the folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removed {
    /// The definition.
    pub from: Address,
    /// Whether its data goes too; if not, it is forgotten and left where it is.
    pub destroy: bool,
}

/// The `allow` block: one finding of a plan that was looked at and accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allow {
    /// The rule: `PV104`.
    pub code: String,
    /// The definition that the finding is on.
    pub on: Address,
    /// Why.
    pub reason: String,
    /// When it stops counting: the end of the day that is written. None: never.
    pub expires: Option<Timestamp>,
    /// Of PV109: the source holds the same values at another place, so nothing is to be written again.
    pub values_unchanged: bool,
}
