//! Entries of the registry log.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{OnlineTable, Registry, TableId};
use crate::model::{Address, Fingerprint, Object, StoreIdentity};
use crate::provider::{InfraId, InfraObject};
use crate::time::Timestamp;

/// The format that this version writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// One document of the log: `log/<revision, 20 digits>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Version of this document's format.
    pub format_version: u32,
    /// The project that the registry belongs to.
    pub project: String,
    /// Random id of this registry's whole history.
    pub lineage: String,
    /// Position in the log; the first entry has 1.
    pub revision: u64,
    /// Random; tells a writer that an entry that "already exists" is its own.
    pub entry_id: String,
    /// The apply it belongs to.
    pub apply_id: String,
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
    /// Who wrote it.
    pub by: Author,
    /// What it says.
    #[serde(flatten)]
    pub body: EntryBody,
}

impl<'de> Deserialize<'de> for Entry {
    /// As a derived one, but the body, which may hold thousands of objects, is read in one pass: `flatten` and an enum with
    /// a tag would each copy it into a tree of their own first.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            format_version: u32,
            project: String,
            lineage: String,
            revision: u64,
            entry_id: String,
            apply_id: String,
            at: Timestamp,
            by: Author,
            kind: String,
            body: Box<RawValue>,
        }
        fn body<T: DeserializeOwned, E: serde::de::Error>(raw: &RawValue) -> Result<T, E> {
            serde_json::from_str(raw.get()).map_err(E::custom)
        }
        let parts = Parts::deserialize(deserializer)?;
        let raw = &parts.body;
        Ok(Self {
            format_version: parts.format_version,
            project: parts.project,
            lineage: parts.lineage,
            revision: parts.revision,
            entry_id: parts.entry_id,
            apply_id: parts.apply_id,
            at: parts.at,
            by: parts.by,
            body: match parts.kind.as_str() {
                "apply_begin" => EntryBody::ApplyBegin(body(raw)?),
                "apply_progress" => EntryBody::ApplyProgress(body(raw)?),
                "apply_end" => EntryBody::ApplyEnd(body(raw)?),
                "import" => EntryBody::Import(body(raw)?),
                other => {
                    return Err(serde::de::Error::unknown_variant(
                        other,
                        &["apply_begin", "apply_progress", "apply_end", "import"],
                    ));
                }
            },
        })
    }
}

/// Who wrote a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Login name.
    pub user: String,
    /// Machine.
    pub host: String,
    /// Version of Provender.
    pub tool_version: String,
}

/// The kinds of entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub enum EntryBody {
    /// An apply starts.
    ApplyBegin(ApplyBegin),
    /// Steps are about to run, or have run.
    ApplyProgress(ApplyProgress),
    /// An apply is over.
    ApplyEnd(ApplyEnd),
    /// A whole state from elsewhere; only as the first entry.
    Import(Box<Import>),
}

/// Body of `apply_begin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyBegin {
    /// The plan's decision digest.
    pub plan_digest: Fingerprint,
    /// Ids of the steps, in order.
    pub steps: Vec<String>,
    /// Process id of the applier on its host; lets the same machine tell a dead one.
    pub process: u32,
    /// One line for `history`: "2 to add, 1 to change, 0 to destroy".
    pub summary: String,
}

/// Body of `apply_progress`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyProgress {
    /// Steps that start after this entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<String>,
    /// Steps that ended before this entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<StepReport>,
    /// What is different now.
    #[serde(default, skip_serializing_if = "StateChange::is_empty")]
    pub change: StateChange,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: String,
    /// Its outcome.
    #[serde(flatten)]
    pub outcome: StepOutcome,
}

/// Outcome of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum StepOutcome {
    /// It did what the plan said.
    Succeeded,
    /// It did not.
    Failed {
        /// The error, without secrets.
        error: String,
    },
}

/// New values of parts of the state; `None` takes one away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Definitions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<Address, Option<Object>>,
    /// Online tables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<TableId, Option<OnlineTable>>,
    /// Infrastructure as it was left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub infrastructure: BTreeMap<InfraId, Option<InfraObject>>,
    /// Settings that identify the environment, when they changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<AppliedEnvironment>,
}

/// What of `feature_store.yaml` was applied: what a later plan compares with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AppliedEnvironment {
    /// The provider.
    pub provider: String,
    /// Identity of the online store; none with `type: "null"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online_store: Option<StoreIdentity>,
    /// Identity of the offline store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_store: Option<StoreIdentity>,
}

impl StateChange {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
            && self.tables.is_empty()
            && self.infrastructure.is_empty()
            && self.environment.is_none()
    }

    /// Adds `later` to this change; where both say something, `later` wins.
    pub fn extend(&mut self, later: Self) {
        self.objects.extend(later.objects);
        self.tables.extend(later.tables);
        self.infrastructure.extend(later.infrastructure);
        if later.environment.is_some() {
            self.environment = later.environment;
        }
    }

    /// The same change with open table ids filled in; see [`TableId::resolve`].
    #[must_use]
    pub fn resolve(&self, revision: u64) -> Self {
        Self {
            objects: self.objects.clone(),
            tables: self
                .tables
                .iter()
                .map(|(id, table)| {
                    (id.resolve(revision), table.as_ref().map(|table| table.resolve(revision)))
                })
                .collect(),
            infrastructure: self
                .infrastructure
                .iter()
                .map(|(id, object)| {
                    (id.resolve(revision), object.as_ref().map(|object| object.resolve(revision)))
                })
                .collect(),
            environment: self.environment.clone(),
        }
    }
}

/// Body of `apply_end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyEnd {
    /// How it ended.
    pub outcome: ApplyOutcome,
    /// Who closed it, where that is another apply or `unlock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
}

/// How an apply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyOutcome {
    /// Every step succeeded.
    Succeeded,
    /// A step failed; those that depend on it did not run.
    Failed,
    /// Stopped by a signal.
    Interrupted,
    /// Its process was gone; another apply or `unlock` closed it.
    Abandoned,
}

/// Body of `import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The state to start from.
    pub state: Registry,
}
