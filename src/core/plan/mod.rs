//! The plan: what changes, what that means for readers and data, and the steps that make it so.
//!
//! The types of `document` are the saved plan (`plan --out`), so they are a stored format and the only input of every
//! view. `plan` compares; nothing here looks at a clock, a file or the network. Read on in `scope` (which objects are
//! compared), `tables` (what becomes of online tables), `fit` (whether one can stay), `rules` (what a difference means) and
//! `steps` (what is done).

mod attributes;
mod changes;
mod compare;
mod digest;
mod document;
mod file;
mod fit;
mod gate;
mod index;
mod infrastructure;
mod moves;
mod preconditions;
mod protection;
mod readers;
mod rules;
mod scope;
mod steps;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub use document::*;
pub use file::PlanFileError;
pub use gate::{Acceptance, DRIFT, Gate, GateReport, Risk, UnknownGate};

use crate::model::{Address, Fingerprint, Project};
use crate::provider::{InfraId, InfraObject, StoreSpec};
use crate::registry::{AppliedEnvironment, Ledger, Registry, TableId};
use crate::time::{Duration, Timestamp};

/// The rules that findings and changes name.
pub const CODES: [&str; 31] = [
    "PV101", "PV102", "PV103", "PV104", "PV105", "PV106", "PV107", "PV108", "PV109", "PV110", "PV111",
    "PV112", "PV113", "PV114", "PV115", "PV116", "PV117", "PV118", "PV120", "PV122", "PV123", "PV124",
    "PV125", "PV126", "PV127", "PV128", "PV129", "PV130", "PV131", "PV132", "drift",
];

/// Everything that a plan is made from. The same input gives the same plan, byte for byte.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// What the folder defines.
    pub project: &'a Project,
    /// Where each definition stands.
    pub ranges: &'a BTreeMap<Address, SourceRange>,
    /// Digest of the definitions; information only.
    pub definitions_digest: &'a Fingerprint,
    /// Where the registry lies, as written in `feature_store.yaml`.
    pub registry_location: &'a str,
    /// What the environment is now.
    pub environment: &'a AppliedEnvironment,
    /// How long a replaced table is kept after its successor is filled.
    pub keep_superseded: Duration,
    /// What was applied.
    pub prior: &'a Registry,
    /// What was materialized, by table; a table without a ledger counts as empty.
    pub ledgers: &'a BTreeMap<TableId, Ledger>,
    /// What is really there of the infrastructure that the registry knows; none with `--refresh=false`.
    pub observed: Option<&'a BTreeMap<InfraId, InfraObject>>,
    /// The online store; none with `type: "null"`.
    pub store: Option<&'a dyn StoreSpec>,
    /// The time that counts as now.
    pub now: Timestamp,
    /// Gates that count: `gates:` and `--fail-on`.
    pub gates: &'a BTreeSet<Gate>,
    /// What was accepted: `--allow` and `allow` blocks.
    pub accepted: &'a [Acceptance],
    /// `--target`: only these, what they need, and what must change with them; empty: everything.
    pub targets: &'a [Address],
    /// `--exclude`: not these, nor what cannot change without them.
    pub excludes: &'a [Address],
}

impl<'a> PlanInput<'a> {
    /// The comparison of a project with a registry of which nothing else is known: nothing was materialized or looked at, there
    /// is no online store, no gate, and nothing is left out.
    pub fn of(
        project: &'a Project,
        prior: &'a Registry,
        environment: &'a AppliedEnvironment,
        now: Timestamp,
    ) -> Self {
        static NO_RANGES: BTreeMap<Address, SourceRange> = BTreeMap::new();
        static NO_LEDGERS: BTreeMap<TableId, Ledger> = BTreeMap::new();
        static NO_GATES: BTreeSet<Gate> = BTreeSet::new();
        static NO_DEFINITIONS: LazyLock<Fingerprint> =
            LazyLock::new(|| Fingerprint::of(&crate::model::Objects::default()));
        Self {
            project,
            ranges: &NO_RANGES,
            definitions_digest: &NO_DEFINITIONS,
            registry_location: "",
            environment,
            keep_superseded: Duration::ZERO,
            prior,
            ledgers: &NO_LEDGERS,
            observed: None,
            store: None,
            now,
            gates: &NO_GATES,
            accepted: &[],
            targets: &[],
            excludes: &[],
        }
    }
}

impl PlanInput<'_> {
    /// Whether a `removed` block says that the object is forgotten, with what is stored left where it is.
    fn is_forgotten(&self, address: &Address) -> bool {
        self.project.removed.iter().any(|removed| removed.from == *address && !removed.destroy)
    }
}

/// A plan, or why there is none.
#[derive(Clone, Debug, Default)]
pub struct PlanOutcome {
    /// The plan; none when there are errors.
    pub plan: Option<Plan>,
    /// What forbids the plan, ordered by address.
    pub errors: Vec<Finding>,
}

impl Plan {
    /// Whether applying it writes an entry; work on data that waits from earlier applies alone does not.
    pub const fn would_write(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The registry as this plan leaves it when nothing was registered before; for a comparison without one.
    #[must_use]
    pub fn applied_first(&self) -> Registry {
        const REVISION: u64 = 1;
        let mut registry =
            Registry { project: self.project.clone(), revision: REVISION, ..Registry::default() };
        registry.environment = self.environment.clone();
        for step in &self.steps {
            registry.apply_change(&step.change.resolve(REVISION));
            if let StepAction::Infrastructure(InfraStep::Create { object }) = &step.action {
                let object = object.resolve(REVISION);
                registry.infrastructure.insert(object.id.clone(), object);
            }
        }
        registry
    }
}

/// Compares what should be with what was applied and what is there.
pub fn plan(input: &PlanInput<'_>) -> PlanOutcome {
    compare::compare(input, &input.project.objects)
}

/// Plans the deletion of everything that the registry holds; the definitions of the folder count for nothing.
pub fn destroy(input: &PlanInput<'_>) -> PlanOutcome {
    compare::compare(input, &crate::model::Objects::default())
}

/// Plans the deletion of what carries the project's mark and the registry does not know: what applies left behind that were
/// killed. `found` is everything with that mark; what `input` says beside the registry and the environment does not count.
pub fn sweep(input: &PlanInput<'_>, found: &[InfraObject]) -> PlanOutcome {
    let unknown = found.iter().filter(|object| !input.prior.infrastructure.contains_key(&object.id));
    let infrastructure: BTreeMap<InfraId, InfraObject> =
        unknown.map(|object| (object.id.clone(), object.clone())).collect();
    // To a registry that holds them and nothing else they are remains of an apply.
    let prior = Registry {
        objects: crate::model::Objects::default(),
        tables: BTreeMap::new(),
        infrastructure: infrastructure.clone(),
        ..input.prior.clone()
    };
    let environment = &input.prior.environment;
    let mut outcome =
        destroy(&PlanInput { prior: &prior, environment, observed: Some(&infrastructure), ..*input });
    if let Some(plan) = &mut outcome.plan {
        plan.summary.superseded = plan.infrastructure.len();
        plan.infrastructure.iter_mut().for_each(|change| change.reason = Reason::Unknown);
        plan.decision_digest = digest::decision_digest(plan);
    }
    outcome
}

#[cfg(test)]
mod gate_tests;
#[cfg(test)]
mod measure_tests;
#[cfg(test)]
mod move_tests;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
