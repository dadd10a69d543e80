//! The pure half of providers and stores: which infrastructure a project needs. Looking at the real thing and changing
//! it is the runtime's (`runtime::provider`).

use std::fmt;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::{StoreIdentity, StoreSettings};
use crate::registry::{OnlineTable, TableId};

/// Type and physical name of an infrastructure object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfraId {
    /// What it is: `embedded_table`, `dynamodb_table`, …
    pub kind: String,
    /// Its physical name: `staging.driver_stats.r37`.
    pub name: String,
}

const OPEN_REVISION: &str = ".r(new)";

impl InfraId {
    /// Whether the revision in the name is still open; see [`InfraId::resolve`].
    pub fn is_open(&self) -> bool {
        self.name.ends_with(OPEN_REVISION)
    }

    /// The same id with the revision of an open table id filled in.
    #[must_use]
    pub fn resolve(&self, revision: u64) -> Self {
        let name = match self.name.strip_suffix(OPEN_REVISION) {
            Some(stem) => format!("{stem}.r{revision}"),
            None => self.name.clone(),
        };
        Self { kind: self.kind.clone(), name }
    }
}

impl fmt::Display for InfraId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.kind, self.name)
    }
}

/// Text that is no infrastructure id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an infrastructure id such as `embedded_table:staging.driver_stats.r37`")]
pub struct InfraIdError(String);

impl std::str::FromStr for InfraId {
    type Err = InfraIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(':').ok_or_else(|| InfraIdError(text.to_owned()))?;
        Ok(Self { kind: kind.to_owned(), name: name.to_owned() })
    }
}

impl Serialize for InfraId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InfraId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An infrastructure object as it should be, was left, or is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InfraObject {
    /// Type and physical name.
    pub id: InfraId,
    /// The store that it lies in; the plan fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreIdentity>,
    /// The online table it holds, if it holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableId>,
    /// Its settings, by name; never secrets.
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, Json>"))]
    pub attributes: LiteMap<String, Json>,
}

impl InfraObject {
    /// The object of this kind that holds a table of a project, in no store yet: both names are its own.
    pub fn of_table(
        kind: &str,
        project: &str,
        table: &OnlineTable,
        attributes: LiteMap<String, Json>,
    ) -> Self {
        Self {
            id: InfraId { kind: kind.to_owned(), name: format!("{project}.{}", table.id) },
            store: None,
            table: Some(table.id.clone()),
            attributes,
        }
    }

    /// The same object with open table ids filled in; see [`TableId::resolve`].
    #[must_use]
    pub fn resolve(&self, revision: u64) -> Self {
        Self {
            id: self.id.resolve(revision),
            store: self.store.clone(),
            table: self.table.as_ref().map(|table| table.resolve(revision)),
            attributes: self.attributes.clone(),
        }
    }
}

/// What a change of an infrastructure object asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// It can be changed where it is.
    InPlace,
    /// It must be made anew because of these attributes.
    Replace {
        /// Names of the attributes.
        because: Vec<String>,
    },
}

/// The identity that these settings make, where they are given.
pub fn identity_of(settings: &StoreSettings, names: &[&str]) -> StoreIdentity {
    let given =
        names.iter().filter_map(|name| Some(((*name).to_owned(), settings.settings.get(*name)?.clone())));
    StoreIdentity { kind: settings.kind.clone(), settings: given.collect() }
}

/// The pure half of an online store. The same input gives the same output, always.
pub trait StoreSpec: fmt::Debug + Send + Sync {
    /// The kind as in `online_store: { type: … }`.
    fn name(&self) -> &'static str;

    /// The part of the settings that identifies the data; never a secret.
    fn identity(&self, settings: &StoreSettings) -> StoreIdentity;

    /// The infrastructure that a table of a project needs, one or more objects.
    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject>;

    /// Whether a difference can be mended in place.
    fn update_kind(&self, from: &InfraObject, to: &InfraObject) -> UpdateKind;
}
