//! The plan document, as it is saved, shown and applied.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::gate::GateReport;
use crate::model::{Address, Fingerprint, Object};
use crate::provider::{InfraId, InfraObject};
use crate::registry::{AppliedEnvironment, StateChange, TableId};
use crate::time::Timestamp;

/// The plan format that this version writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// A plan: everything that every view and `apply` need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Plan {
    /// Version of this document's format.
    pub format_version: u32,
    /// Version of Provender that made it.
    pub tool_version: String,
    /// The project.
    pub project: String,
    /// Where the registry lies, as written in `feature_store.yaml`.
    pub registry: String,
    /// Lineage of the registry it was compared with; empty for a registry that has no entry yet.
    pub lineage: String,
    /// Revision it was compared with; 0 for a registry that has no entry yet.
    pub base_revision: u64,
    /// The time the plan counts as now.
    pub now: Timestamp,
    /// Digest of the definitions; information only.
    pub definitions_digest: Fingerprint,
    /// Whether `--target` or `--exclude` left something out.
    #[serde(default)]
    pub partial: bool,
    /// Counts.
    pub summary: Summary,
    /// Changes of definitions, ordered by severity, then by address.
    pub changes: Vec<Change>,
    /// Changes of infrastructure, ordered by id.
    pub infrastructure: Vec<InfrastructureChange>,
    /// Findings on the changes, each with a code.
    pub findings: Vec<Finding>,
    /// Services that notice, with what they read of it.
    pub affected: Vec<Affected>,
    /// What gates refuse in it, and what was accepted.
    #[serde(default)]
    pub gate: GateReport,
    /// What waits from earlier applies: tables that `materialize --pending` fills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingWork>,
    /// What the environment will be recorded as.
    pub environment: AppliedEnvironment,
    /// Steps, in an order in which they can run one after the other.
    pub steps: Vec<Step>,
    /// What must still be so when the plan is applied.
    pub preconditions: Preconditions,
    /// Digest over changes and steps, without revision, table numbers, positions, data ranges, rows, bytes and dates.
    pub decision_digest: Fingerprint,
    /// SHA-256 over the text of this document without this field, which is the last; against damage, it is no signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Fingerprint>,
}

/// Counts of a plan. `add`, `change`, `destroy` count definitions once each; those with metadata changes only are counted
/// in `metadata` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Definitions created.
    pub add: usize,
    /// Definitions updated.
    pub change: usize,
    /// Definitions deleted.
    pub destroy: usize,
    /// Online tables replaced.
    pub replace: usize,
    /// Definitions forgotten.
    pub forget: usize,
    /// Definitions with metadata changes only.
    pub metadata: usize,
    /// Changes that break readers.
    pub breaking: usize,
    /// Changes by which stored values, or what holds them, go away.
    pub destructive: usize,
    /// Changes with a backfill.
    pub backfill: usize,
    /// Changes with a new table to fill.
    pub rematerialize: usize,
    /// Superseded tables deleted.
    pub superseded: usize,
}

/// What happens to a definition or an infrastructure object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It comes to be.
    Create,
    /// It changes where it is.
    Update,
    /// It goes away.
    Delete,
    /// It keeps everything but its address.
    Move,
    /// It is there already and is taken over.
    Adopt,
    /// The registry forgets it; what is stored stays.
    Forget,
}

/// What readers of features can notice, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Nothing: words about the object changed.
    #[default]
    Metadata,
    /// Something that breaks nobody.
    NonBreaking,
    /// Something that may break them; everything not proven harmless.
    Breaking,
}

/// Kinds of work on stored values, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Values are added to the table that serves.
    Backfill,
    /// A new table is filled, then switched to.
    Rematerialize,
    /// Values or columns go away.
    Drop,
}

/// One kind of data work of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DataWork {
    /// What kind.
    pub work: Work,
    /// The features concerned; empty: all of the view.
    #[serde(default)]
    pub features: Vec<String>,
    /// First event time, from the ledger; none: not known or nothing is stored.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Last event time.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// Source rows to read, where a file footer tells.
    #[serde(default)]
    pub rows: Option<u64>,
    /// Bytes to read, where a file footer tells.
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// A change of one definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Change {
    /// The object.
    pub address: Address,
    /// Its kind in HCL.
    pub kind: String,
    /// What happens.
    pub actions: Vec<Action>,
    /// Its address before, when it moves.
    #[serde(default)]
    pub previous_address: Option<Address>,
    /// The definition before, as stored.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Json>"))]
    pub before: Option<StoredDefinition>,
    /// The definition after, as stored.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Json>"))]
    pub after: Option<StoredDefinition>,
    /// What differs, attribute by attribute; empty for creations and deletions.
    pub attributes: Vec<AttributeChange>,
    /// What readers notice.
    pub contract: Contract,
    /// Work on stored values.
    pub data: Vec<DataWork>,
    /// Codes of the rules that apply, ordered.
    pub codes: BTreeSet<String>,
    /// Services that notice.
    pub affects: Vec<Affected>,
    /// Where its block stands; none for deletions.
    #[serde(default)]
    pub range: Option<SourceRange>,
}

/// A definition in its stored form, a JSON object. It is kept as text: most of a large plan is never looked into, and trees
/// take ten times the memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredDefinition(Box<RawValue>);

impl StoredDefinition {
    /// The stored form of a definition.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        serde_json::value::to_raw_value(object).ok().map(Self)
    }

    /// The form as a tree.
    pub fn parse(&self) -> Json {
        // What was read as JSON is JSON.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }

    /// The definition; none where the text is that of no definition.
    pub fn object(&self) -> Option<Object> {
        serde_json::from_str(self.0.get()).ok()
    }
}

impl PartialEq for StoredDefinition {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for StoredDefinition {}

/// One attribute that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AttributeChange {
    /// Where in the definition: `ttl`, `tags.team`, `feature.acc_rate.type`. Elements of lists of named things go by name.
    pub path: Vec<String>,
    /// The value before; none: it was not there.
    #[serde(default)]
    pub before: Option<Json>,
    /// The value after; none: it is gone.
    #[serde(default)]
    pub after: Option<Json>,
    /// Whether it asks for a new online table.
    #[serde(default)]
    pub needs_new_table: bool,
    /// The rule it falls under.
    #[serde(default)]
    pub code: Option<String>,
}

/// A service that notices a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Affected {
    /// The service.
    pub address: Address,
    /// `view:feature` that it reads and that change.
    pub features: Vec<String>,
    /// Its consumers, with owners: `eta-model (ml-eta@acme.example)`.
    pub consumers: Vec<String>,
}

/// A place in a file, relative to the project folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SourceRange {
    /// The file.
    pub filename: String,
    /// First character.
    pub start: SourcePosition,
    /// Just after the last character.
    pub end: SourcePosition,
}

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SourcePosition {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// A change of one infrastructure object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InfrastructureChange {
    /// The object after the change; the old one when it is deleted.
    pub id: InfraId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happens; `["create", "delete"]` for a replacement, whose delete is a later apply's step.
    pub actions: Vec<Action>,
    /// As it was left.
    #[serde(default)]
    pub before: Option<InfraObject>,
    /// As it should be.
    #[serde(default)]
    pub after: Option<InfraObject>,
    /// Why; printed, never steering.
    pub reason: Reason,
    /// The views it serves.
    pub serves: Vec<Address>,
}

/// Why an infrastructure object changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// A view is served for the first time, or again.
    New,
    /// Something about the table cannot change in place.
    NeedsNewTable {
        /// The attributes.
        because: Vec<String>,
    },
    /// It was applied and is not there.
    Missing,
    /// It differs from what was applied.
    Drifted,
    /// Its definition wants other settings.
    Changed,
    /// No view needs it any more.
    Unused,
    /// Its successor is filled, and `keep_superseded` is over.
    Superseded,
    /// It was created and never came to serve.
    Unfinished,
    /// It carries the project's mark, and the registry does not know it (`sweep`).
    Unknown,
}

/// What a rule says about a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule.
    pub code: String,
    /// How much it weighs.
    pub severity: FindingSeverity,
    /// The object; none where it is about the project as a whole.
    #[serde(default)]
    pub address: Option<Address>,
    /// One sentence.
    pub message: String,
}

/// Weight of a finding, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingSeverity {
    /// Good to know.
    Note,
    /// Look at it.
    Warning,
    /// The plan cannot be applied.
    Error,
}

/// A table that waits to be filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PendingWork {
    /// The table.
    pub table: TableId,
    /// The view.
    pub view: Address,
    /// What kind of work.
    pub work: Work,
}

/// Name of a step, unique in its plan and stable: `define feature_view.driver_stats`.
pub type StepId = String;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// Steps that must have succeeded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<StepId>,
    /// What it does.
    #[serde(flatten)]
    pub action: StepAction,
    /// What the registry says once it is done; table ids may be open, see [`StateChange::resolve`].
    #[serde(default, skip_serializing_if = "StateChange::is_empty")]
    pub change: StateChange,
}

/// What a step does.
#[expect(clippy::large_enum_variant, reason = "a plan has few steps, and most are of the larger kind")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum StepAction {
    /// Records definitions and tables in the registry; touches nothing else.
    Define,
    /// Changes one infrastructure object.
    Infrastructure(InfraStep),
}

/// A change of one infrastructure object, for a provider to execute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "infra_action", rename_all = "snake_case")]
pub enum InfraStep {
    /// Make it; succeeds when it is there already with our mark.
    Create {
        /// As it should be.
        object: InfraObject,
    },
    /// Change it where it is.
    Update {
        /// As it was left.
        from: InfraObject,
        /// As it should be.
        to: InfraObject,
    },
    /// Take it away with what it holds; succeeds when it is gone already.
    Delete {
        /// As it was left.
        object: InfraObject,
    },
}

impl InfraStep {
    /// The same step with open table ids filled in; see [`TableId::resolve`].
    #[must_use]
    pub fn resolve(&self, revision: u64) -> Self {
        match self {
            Self::Create { object } => Self::Create { object: object.resolve(revision) },
            Self::Update { from, to } => {
                Self::Update { from: from.resolve(revision), to: to.resolve(revision) }
            }
            Self::Delete { object } => Self::Delete { object: object.resolve(revision) },
        }
    }
}

/// What must still be so when a plan is applied. Each is about what the plan read, never about the whole registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Preconditions {
    /// Objects that change, and everything upstream of them: their fingerprint, or none where there was no such object.
    pub objects: BTreeMap<Address, Option<Fingerprint>>,
    /// Objects that change: digest of their transitive dependents as (address, features read).
    pub dependents: BTreeMap<Address, Fingerprint>,
    /// Tables that change or are deleted: fingerprint of their record, or none where there was no such table.
    pub tables: BTreeMap<TableId, Option<Fingerprint>>,
    /// Infrastructure that is touched and was looked at: what was seen, or none where nothing was there.
    pub observed: BTreeMap<InfraId, Option<InfraObject>>,
}
