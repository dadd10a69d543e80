//! The embedded online store: one LMDB environment per project, any number of reading processes and one writing at a
//! time, crash-safe.
//!
//! `layout` says what lies where in the environment, `environment` opens it, `writer` shares transactions between
//! concurrent writers, `tables` and `rows` do the work inside a transaction, `known_tables` keeps what reads looked up.
//! Nothing here creates a file before the first [`EmbeddedStore::execute`] of a creation.

mod environment;
mod error;
mod known_tables;
mod layout;
mod rows;
mod tables;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use provender_core::encoding::{PackedRow, RowSchema};
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::{OnlineTable, TableId};
use provender_runtime::provider::{OnlineRow, OnlineStore, TableRead, WriteMode, WriteOutcome};
use provender_runtime::{Error, ErrorKind, Result, in_turn};

use self::environment::{Environment, Settings};
use self::tables::Record;
use crate::spec::EMBEDDED_TABLE;

/// Address space of the map where nothing else is said: 1 TiB. Costs no memory and no disk.
pub(crate) const DEFAULT_MAP_SIZE: usize = 1 << 40;

/// Up to this many keys are read on the calling thread: about a hundred microseconds. More leave the async threads, which
/// takes some twenty for itself.
const INLINE_KEYS: usize = 128;

/// The online store and the infrastructure of one project.
#[derive(Debug)]
pub(crate) struct EmbeddedStore {
    project: String,
    settings: Settings,
    /// Replaced as a whole, so that reads take no lock.
    open: ArcSwapOption<Environment>,
}

impl EmbeddedStore {
    /// Touches no file.
    pub(crate) fn new(project: String, path: PathBuf, map_size: usize) -> Self {
        Self { project, settings: Settings { path, map_size }, open: ArcSwapOption::empty() }
    }

    /// What is there of these objects.
    pub(crate) async fn observe(&self, objects: &[&InfraObject]) -> Result<BTreeMap<InfraId, InfraObject>> {
        let Some(environment) = self.existing().await? else { return Ok(BTreeMap::new()) };
        let asked = objects.iter().filter(|object| object.id.kind == EMBEDDED_TABLE);
        let asked: Vec<_> = asked.map(|object| (object.id.clone(), object.store.clone())).collect();
        let found = blocking(move || {
            environment.reading(|databases, txn| {
                let mut found = BTreeMap::new();
                for (id, store) in asked {
                    if let Some((_, record)) = databases.table(txn, &id.name)? {
                        found.insert(id, InfraObject { store, ..record.object() });
                    }
                }
                Ok(found)
            })
        })
        .await?;
        Ok(found.unwrap_or_default())
    }

    /// Every table of the project.
    pub(crate) async fn list(&self) -> Result<Vec<InfraObject>> {
        let Some(environment) = self.existing().await? else { return Ok(Vec::new()) };
        let project = self.project.clone();
        let tables = move || environment.reading(|databases, txn| databases.tables_of(txn, &project));
        Ok(blocking(tables).await?.unwrap_or_default())
    }

    /// Carries out one step; concurrent steps share a commit.
    pub(crate) async fn execute(&self, step: &InfraStep) -> Result<Option<InfraObject>> {
        match step {
            InfraStep::Create { object } => {
                let record = Record::of(object, &self.project)?;
                let environment = self.existing_or_new().await?;
                environment.submit(1, move |databases, txn| databases.create_table(txn, &record)).await?;
                Ok(Some(object.clone()))
            }
            InfraStep::Update { to, .. } => {
                let record = Record::of(to, &self.project)?;
                let environment = self.existing().await?.ok_or_else(|| table_gone(&to.id.name))?;
                environment.submit(1, move |databases, txn| databases.update_table(txn, &record)).await?;
                Ok(Some(to.clone()))
            }
            InfraStep::Delete { object } => {
                let record = Record::of(object, &self.project)?;
                let Some(environment) = self.existing().await? else { return Ok(None) };
                environment.submit(1, move |databases, txn| databases.delete_table(txn, &record)).await?;
                // What the table held goes in bounded transactions, between which other writers have their turn.
                while environment.submit(1, |databases, txn| databases.sweep(txn)).await? {}
                Ok(None)
            }
        }
    }

    /// A table is read because it was applied, so there was an environment.
    fn lost(&self) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!("there is no embedded store at `{}`", self.settings.path.display()),
        )
        .with_hint("if it was lost, `provender plan` shows what must be created and loaded again")
    }

    /// The environment, opened if its file is there; never creates one.
    async fn existing(&self) -> Result<Option<Arc<Environment>>> {
        if let Some(environment) = self.already_open() {
            return Ok(Some(environment));
        }
        let settings = self.settings.clone();
        let opened = blocking(move || Environment::open_existing(&settings)).await?;
        Ok(opened.map(|environment| self.remember(environment)))
    }

    /// As [`Self::existing`], for reads: what was at its path a moment ago is not looked for again. What another process
    /// writes into the environment is seen at once all the same.
    async fn readable(&self) -> Result<Option<Arc<Environment>>> {
        match self.open.load_full() {
            Some(open) if open.was_just_at_its_path() => Ok(Some(open)),
            _ => self.existing().await,
        }
    }

    async fn existing_or_new(&self) -> Result<Arc<Environment>> {
        if let Some(environment) = self.already_open().filter(|environment| environment.is_writable()) {
            return Ok(environment);
        }
        let settings = self.settings.clone();
        let opened = blocking(move || Environment::open_or_create(&settings)).await?;
        Ok(self.remember(opened))
    }

    fn already_open(&self) -> Option<Arc<Environment>> {
        let open = self.open.load_full()?;
        if open.is_still_at_its_path() {
            return Some(open);
        }
        // Unless another is in its place already.
        self.open.compare_and_swap(&Some(open), None);
        None
    }

    fn remember(&self, environment: Arc<Environment>) -> Arc<Environment> {
        self.open.store(Some(environment.clone()));
        environment
    }

    fn table_name(&self, table: &OnlineTable) -> String {
        table_name(&self.project, &table.id)
    }
}

/// What a table is called in the environment.
fn table_name(project: &str, table: &TableId) -> String {
    format!("{project}.{table}")
}

/// Runs file work away from the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(ErrorKind::Bug, "work on the embedded store broke off").with_source(error)
    })?
}

fn table_gone(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("online table `{name}` is not in the embedded store"))
        .with_hint("run `provender plan` to see what is missing, and `provender apply` to create it again")
}

#[async_trait]
impl OnlineStore for EmbeddedStore {
    async fn write(
        &self,
        table: &OnlineTable,
        mode: WriteMode,
        rows: Vec<OnlineRow>,
    ) -> Result<WriteOutcome> {
        let name = self.table_name(table);
        let schema = RowSchema::of(table);
        if let Some(row) = rows.iter().find(|row| row.row.schema_id() != schema.id) {
            let (given, expected) = (row.row.schema_id(), schema.id);
            let message = format!(
                "a row of schema {given} was written to table `{name}`, which is at schema {expected}"
            );
            return Err(Error::new(ErrorKind::Bug, message));
        }
        let environment = self.existing().await?.ok_or_else(|| table_gone(&name))?;
        // Sorting is the writer thread's first act on the rows; a retry finds them sorted.
        let weight = rows.len();
        let mut batch = rows::Batch::new(name, schema, mode, rows);
        environment.submit(weight, move |databases, txn| batch.write(databases, txn)).await
    }

    async fn read(&self, reads: &[TableRead<'_>]) -> Result<Vec<Vec<Option<PackedRow>>>> {
        let Some(environment) = self.readable().await? else { return Err(self.lost()) };
        if reads.iter().map(|read| read.keys.len()).sum::<usize>() <= INLINE_KEYS {
            let wanted: Vec<_> = reads.iter().map(|read| (&read.table.id, read.keys)).collect();
            return environment.rows(&self.project, &wanted)?.ok_or_else(|| self.lost());
        }
        let wanted: Vec<_> = reads.iter().map(|read| (read.table.id.clone(), read.keys.to_vec())).collect();
        let project = self.project.clone();
        in_turn(move || environment.rows(&project, &wanted)).await?.ok_or_else(|| self.lost())
    }

    async fn schema(&self, table: &OnlineTable, schema_id: u32) -> Result<Option<RowSchema>> {
        let Some(environment) = self.existing().await? else { return Ok(None) };
        let name = self.table_name(table);
        let found = environment.reading(|databases, txn| {
            let Some((number, _)) = databases.table(txn, &name)? else { return Ok(None) };
            databases.schema(txn, number, schema_id)
        })?;
        Ok(found.flatten())
    }
}

#[cfg(test)]
pub(crate) mod tests;
