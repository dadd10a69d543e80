//! The state of a registry: the fold of its log entries.

use std::collections::{BTreeMap, BTreeSet};

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
        /// The object or feature that is not there.
        to: String,
    },
    /// Another apply is open.
    #[error("entry {revision} begins an apply while apply {open} is open")]
    AnotherIsOpen {
        /// The entry.
        revision: u64,
        /// The open apply.
        open: String,
    },
}

impl Registry {
    /// The state after an entry. On an error the state is as it was.
    ///
    /// # Errors
    /// The entry does not follow this state; see [`FoldError`]. References are not checked here, but by whoever writes:
    /// see [`Registry::check_references`].
    pub fn fold(&mut self, entry: Entry) -> Result<(), FoldError> {
        self.check_follows(&entry)?;
        let Entry { revision, apply_id, at, by, project, lineage, .. } = entry;
        match entry.body {
            EntryBody::ApplyBegin(begin) => {
                if let Some(open) = &self.open_apply {
                    return Err(FoldError::AnotherIsOpen { revision, open: open.apply_id.clone() });
                }
                self.open_apply = Some(OpenApply {
                    apply_id,
                    begin_revision: revision,
                    at,
                    by,
                    process: begin.process,
                    plan_digest: begin.plan_digest,
                    claimed: Vec::new(),
                });
            }
            EntryBody::ApplyProgress(progress) => {
                let open = self.open_of(revision, &apply_id)?;
                let done: BTreeSet<&String> = progress.done.iter().map(|report| &report.step).collect();
                open.claimed.retain(|step| !done.contains(step));
                open.claimed.extend(progress.claimed);
                self.take_change(progress.change);
            }
            EntryBody::ApplyEnd(_) => {
                self.open_of(revision, &apply_id)?;
                self.open_apply = None;
            }
            EntryBody::Import(import) => {
                if self.revision != 0 {
                    return Err(FoldError::OutOfOrder { expected: self.revision + 1, found: 1 });
                }
                *self = import.state;
                self.open_apply = None;
            }
        }
        self.project = project;
        self.lineage = lineage;
        self.revision = revision;
        self.at = Some(at);
        Ok(())
    }

    fn check_follows(&self, entry: &Entry) -> Result<(), FoldError> {
        let revision = entry.revision;
        if entry.format_version > FORMAT_VERSION {
            return Err(FoldError::NewerFormat { revision, found: entry.format_version });
        }
        if revision != self.revision + 1 {
            return Err(FoldError::OutOfOrder { expected: self.revision + 1, found: revision });
        }
        if self.revision > 0 && entry.project != self.project {
            let (expected, found) = (self.project.clone(), entry.project.clone());
            return Err(FoldError::OtherProject { revision, expected, found });
        }
        if self.revision > 0 && entry.lineage != self.lineage {
            let (expected, found) = (self.lineage.clone(), entry.lineage.clone());
            return Err(FoldError::OtherLineage { revision, expected, found });
        }
        Ok(())
    }

    fn open_of(&mut self, revision: u64, apply_id: &str) -> Result<&mut OpenApply, FoldError> {
        let error = || FoldError::NotTheOpenApply { revision, found: apply_id.to_owned() };
        self.open_apply.as_mut().filter(|open| open.apply_id == apply_id).ok_or_else(error)
    }

    /// Takes over new values of parts of the state. Table ids must not be open any more; see [`StateChange::resolve`].
    pub fn apply_change(&mut self, change: &StateChange) {
        self.take_change(change.clone());
    }

    fn take_change(&mut self, change: StateChange) {
        fn update<K: Ord, V>(map: &mut BTreeMap<K, V>, change: BTreeMap<K, Option<V>>) {
            for (key, value) in change {
                match value {
                    Some(value) => drop(map.insert(key, value)),
                    None => drop(map.remove(&key)),
                }
            }
        }
        update(&mut self.objects.0, change.objects);
        update(&mut self.tables, change.tables);
        update(&mut self.infrastructure, change.infrastructure);
        if let Some(environment) = change.environment {
            self.environment = environment;
        }
    }

    /// Makes sure that every object that is named is there: entities and sources of views, views and features of
    /// services, batch sources of push sources.
    ///
    /// # Errors
    /// The first object, in order, that names what is not there; see [`FoldError::DanglingReference`].
    pub fn check_references(&self) -> Result<(), FoldError> {
        let dangling = |from: &Address, to: String| FoldError::DanglingReference {
            revision: self.revision,
            from: from.clone(),
            to,
        };
        for (address, object) in &self.objects.0 {
            if let Some(missing) = object.references().iter().find(|named| self.objects.get(named).is_none())
            {
                return Err(dangling(address, missing.to_string()));
            }
            if let Some((view, feature)) = self.objects.missing_features(object).first() {
                return Err(dangling(address, format!("{view}.{feature}")));
            }
        }
        Ok(())
    }
}
