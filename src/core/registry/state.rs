//! The state of a registry: the fold of its log entries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    AppliedEnvironment, Author, Entry, EntryBody, FORMAT_VERSION, OnlineTable, StateChange, TableId,
};
use crate::model::{Address, Fingerprint, Objects};
use crate::provider::{InfraId, InfraObject};
use crate::time::Timestamp;

/// Everything that was applied, at one revision. Also the body of a checkpoint and of `registry export`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The project; empty before the first apply.
    pub project: String,
    /// Random id of the whole history; empty before the first apply.
    pub lineage: String,
    /// The last entry that is part of this state; 0 before the first.
    pub revision: u64,
    /// When that entry was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What of `feature_store.yaml` was applied.
    #[serde(default)]
    pub environment: AppliedEnvironment,
    /// Definitions.
    #[serde(default)]
    pub objects: Objects,
    /// Online tables.
    #[serde(default)]
    pub tables: BTreeMap<TableId, OnlineTable>,
    /// Infrastructure as it was left.
    #[serde(default)]
    pub infrastructure: BTreeMap<InfraId, InfraObject>,
    /// The apply that began and did not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_apply: Option<OpenApply>,
}

/// An apply that began and did not end (yet).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenApply {
    /// Its id.
    pub apply_id: String,
    /// Revision of its `apply_begin`; names the tables it creates.
    pub begin_revision: u64,
    /// When it began.
    pub at: Timestamp,
    /// Who began it.
    pub by: Author,
    /// Process id on that host.
    pub process: u32,
    /// Decision digest of its plan.
    pub plan_digest: Fingerprint,
    /// Steps that were claimed and have no outcome yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<String>,
}

/// Why an entry does not follow a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The entry was written by a newer version.
    #[error(
        "entry {revision} has format version {found}; this version of provender reads up to {FORMAT_VERSION}"
    )]
    NewerFormat {
        /// The entry.
        revision: u64,
        /// Its format version.
        found: u32,
    },
    /// The entry is not the next one.
    #[error("expected entry {expected}, found one that says it is entry {found}")]
    OutOfOrder {
        /// The number that follows the state.
        expected: u64,
        /// The number in the entry.
        found: u64,
    },
    /// The entry belongs to another history.
    #[error("entry {revision} belongs to lineage {found}, the entries before it to {expected}")]
    OtherLineage {
        /// The entry.
        revision: u64,
        /// The state's lineage.
        expected: String,
        /// The entry's lineage.
        found: String,
    },
    /// The entry belongs to another project.
    #[error("entry {revision} belongs to project `{found}`, the entries before it to `{expected}`")]
    OtherProject {
        /// The entry.
        revision: u64,
        /// The state's project.
        expected: String,
        /// The entry's project.
        found: String,
    },
    /// The entry belongs to an apply that is not the open one.
    #[error("entry {revision} is of apply {found}, which is not the open apply")]
    NotTheOpenApply {
        /// The entry.
        revision: u64,
        /// The entry's apply.
        found: String,
    },
    /// The state after the entry names an object that it does not hold.
    #[error("after entry {revision}, {from} names {to}, which is not registered")]
    DanglingReference {
        /// The entry.
        revision: u64,
        /// The object that names the other.
        from: Address,
        /// The object that is not there.
        to: Address,
    },
}
