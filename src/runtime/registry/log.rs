//! The log: entries with consecutive numbers, each created once.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use provender_core::registry::{Author, Entry, EntryBody, FORMAT_VERSION, Registry};
use provender_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::documents::{Created, Documents, Stored, parse};
use super::ledger::LedgerStore;
use crate::{Error, Result};

/// An entry after which the state is written as a checkpoint: every so many.
const CHECKPOINT_EVERY: u64 = 20;

const HINT: &str = "log/_last_checkpoint";

/// A checkpoint: the whole state after one entry.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) format_version: u32,
    pub(super) state: Registry,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hint {
    format_version: u32,
    revision: u64,
}

impl Stored for Entry {
    const KINDS: &'static [&'static str] = &["apply_begin", "apply_progress", "apply_end", "import"];

    fn format_version(&self) -> u32 {
        self.format_version
    }
}

impl Stored for Checkpoint {
    fn format_version(&self) -> u32 {
        self.format_version
    }
}

/// What came of an append.
#[derive(Debug)]
pub enum Appended {
    /// The entry is in the log, and this is the state after it.
    Yes(Box<Registry>),
    /// Somebody else was first; read the state again.
    Lost,
}

/// The log of one project's registry.
#[derive(Clone, Debug)]
pub struct RegistryLog {
    documents: Documents,
    project: String,
}

impl RegistryLog {
    /// The registry of a project below a prefix. Nothing is read or written.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, project: String) -> Self {
        Self { documents: Documents::new(store, prefix), project }
    }

    /// The project whose registry this is.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The ledgers of its tables.
    pub fn ledger(&self) -> LedgerStore {
        LedgerStore::new(self.documents.clone())
    }

    pub(super) const fn documents(&self) -> &Documents {
        &self.documents
    }

    /// The state after the last entry; the empty state when there is none.
    ///
    /// # Errors
    /// A damaged entry, one of a newer format, or a registry of another project.
    pub async fn state(&self) -> Result<Registry> {
        let mut state = self.newest_checkpoint().await?.unwrap_or_default();
        self.refresh(&mut state).await?;
        self.refuse_gap(&mut state).await?;
        Ok(state)
    }

    /// Reads the entries after a state into it. Where nothing is new this is one cheap miss.
    ///
    /// # Errors
    /// As [`RegistryLog::state`]; the state is then that of the last good entry.
    pub async fn refresh(&self, state: &mut Registry) -> Result<()> {
        loop {
            let revision = state.revision + 1;
            let Some(entry) = self.entry(revision).await? else { break };
            state.fold(entry).map_err(|error| {
                Error::corrupt(format!(
                    "`{}` of the registry does not follow the entries before it",
                    entry_name(revision)
                ))
                .with_source(error)
                .with_hint("`provender registry verify` checks the whole log")
            })?;
        }
        self.check_project(state)
    }

    /// Entries after a missing one must not be taken for the end of the log: to write there would ruin it. Others may
    /// write between two looks, so what is found is read first.
    async fn refuse_gap(&self, state: &mut Registry) -> Result<()> {
        loop {
            let names = self.documents.list("log").await?;
            let numbers = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
            let Some(beyond) = numbers.filter(|number| *number > state.revision).min() else { return Ok(()) };
            let before = state.revision;
            self.refresh(state).await?;
            if state.revision == before {
                return Err(Error::corrupt(format!(
                    "`{}` of the registry is missing, and there is an entry {beyond}",
                    entry_name(before + 1)
                ))
                .with_hint("restore the missing file from a backup of the registry; nothing was changed"));
            }
        }
    }

    fn check_project(&self, state: &Registry) -> Result<()> {
        if state.revision == 0 || state.project == self.project {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "this registry belongs to project `{}`, and feature_store.yaml is of project `{}`",
            state.project, self.project
        ))
        .with_hint("one registry holds one project: give this one a path of its own"))
    }

    /// The newest checkpoint that the hint, or else the folder, leads to.
    async fn newest_checkpoint(&self) -> Result<Option<Registry>> {
        let hinted = match self.documents.read(HINT).await? {
            // A wrong hint changes nothing, so how it is wrong does not matter.
            Some(bytes) => serde_json::from_slice::<Hint>(&bytes).ok().map(|hint| hint.revision),
            None => return Ok(None),
        };
        if let Some(revision) = hinted
            && let Some(state) = self.checkpoint(revision).await?
        {
            return Ok(Some(state));
        }
        let names = self.documents.list("checkpoint").await?;
        let newest = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).max();
        match newest {
            Some(revision) => self.checkpoint(revision).await,
            None => Ok(None),
        }
    }

    /// A checkpoint; `None` when there is none or it is wrong, because the log says everything that it says.
    async fn checkpoint(&self, revision: u64) -> Result<Option<Registry>> {
        let name = checkpoint_name(revision);
        let Some(bytes) = self.documents.read(&name).await? else { return Ok(None) };
        match parse::<Checkpoint>(&name, &bytes) {
            Ok(checkpoint) if checkpoint.state.revision == revision => Ok(Some(checkpoint.state)),
            Ok(_) => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "reading the whole log instead of a checkpoint");
                Ok(None)
            }
        }
    }

    /// One entry; `None` when there is none of that number.
    ///
    /// # Errors
    /// It is damaged or of a newer format.
    pub async fn entry(&self, revision: u64) -> Result<Option<Entry>> {
        let name = entry_name(revision);
        match self.documents.read(&name).await? {
            Some(bytes) => parse(&name, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The state as it was at a revision; reads every entry up to there.
    ///
    /// # Errors
    /// As [`RegistryLog::state`]; there are fewer entries.
    pub async fn state_at(&self, revision: u64) -> Result<Registry> {
        let mut state = Registry::default();
        while state.revision < revision {
            let name = entry_name(state.revision + 1);
            let entry = self.entry(state.revision + 1).await?;
            let entry =
                entry.ok_or_else(|| Error::corrupt(format!("`{name}` of the registry is missing")))?;
            state.fold(entry).map_err(|error| {
                Error::corrupt(format!("`{name}` of the registry does not follow the entries before it"))
                    .with_source(error)
            })?;
        }
        self.check_project(&state)?;
        Ok(state)
    }

    /// All entries, oldest first.
    ///
    /// # Errors
    /// One is damaged or of a newer format.
    pub async fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while let Some(entry) = self.entry(entries.len() as u64 + 1).await? {
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Writes the entry after a state, if nobody else did. The state after it must be valid; references are checked.
    ///
    /// # Errors
    /// The entry does not follow, would leave a dangling reference, or the store failed; then it may be in the log or not,
    /// and reading the state tells.
    pub async fn append(
        &self,
        state: &Registry,
        apply_id: &str,
        by: &Author,
        at: Timestamp,
        body: EntryBody,
    ) -> Result<Appended> {
        let entry = Entry {
            format_version: FORMAT_VERSION,
            project: self.project.clone(),
            lineage: if state.revision == 0 { random_id() } else { state.lineage.clone() },
            revision: state.revision + 1,
            entry_id: random_id(),
            apply_id: apply_id.to_owned(),
            at,
            by: by.clone(),
            body,
        };
        let mut next = state.clone();
        let invalid =
            |error| Error::conflict("the registry would not be valid after this change").with_source(error);
        next.fold(entry.clone()).map_err(invalid)?;
        if matches!(entry.body, EntryBody::ApplyProgress(_) | EntryBody::Import(_)) {
            next.check_references().map_err(invalid)?;
        }
        let name = entry_name(entry.revision);
        while self.documents.create(&name, &entry).await? == Created::Exists {
            match self.is_ours(&entry).await? {
                Some(true) => break,
                Some(false) => return Ok(Appended::Lost),
                // Two writers met and the store refused both: the number is free.
                None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
        if next.revision.is_multiple_of(CHECKPOINT_EVERY) {
            self.write_checkpoint(&next).await;
        }
        Ok(Appended::Yes(Box::new(next)))
    }

    /// A store may retry by itself, so a writer can lose to its own first try: our entry id means that we won. `None` when
    /// there is no entry of that number.
    async fn is_ours(&self, entry: &Entry) -> Result<Option<bool>> {
        #[cfg(any(test, feature = "testing"))]
        if crate::testing::sabotage::skips(crate::testing::sabotage::Guard::OwnEntry) {
            return Ok(Some(false));
        }
        Ok(self.entry(entry.revision).await?.map(|found| found.entry_id == entry.entry_id))
    }

    /// Checkpoints only make reading quicker: one that cannot be written is no failure of the entry before it.
    async fn write_checkpoint(&self, state: &Registry) {
        let checkpoint = Checkpoint { format_version: FORMAT_VERSION, state: state.clone() };
        let hint = Hint { format_version: FORMAT_VERSION, revision: state.revision };
        let written = async {
            self.documents.create(&checkpoint_name(state.revision), &checkpoint).await?;
            self.documents.overwrite(HINT, &hint).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, revision = state.revision, "a checkpoint could not be written");
        }
    }
}

pub(super) fn entry_name(revision: u64) -> String {
    format!("log/{revision:020}.json")
}

pub(super) fn checkpoint_name(revision: u64) -> String {
    format!("checkpoint/{revision:020}.json")
}

/// 16 hexadecimal digits that nobody else has.
pub fn random_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}
