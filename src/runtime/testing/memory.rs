//! A provider whose infrastructure and online store are maps in memory. A hook sees every operation before and after it
//! happens and can fail it, so a simulator can lose answers, refuse calls and decide who goes first.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::future::BoxFuture;
use litemap::LiteMap;
use provender_core::encoding::{EntityKey, PackedRow, RowSchema};
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraId, InfraObject, StoreSpec, UpdateKind};
use provender_core::registry::{OnlineTable, TableId};

use crate::provider::{OfflineStore, OnlineRow, OnlineStore, Provider, TableRead, WriteMode, WriteOutcome};
use crate::{Error, ErrorKind, Result};

/// An operation that a [`Hook`] sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`Provider::observe`]
    Observe,
    /// [`Provider::execute`]
    Execute(Box<InfraStep>),
    /// [`OnlineStore::write`] of this many rows
    Write(TableId, usize),
    /// [`OnlineStore::read`] from these tables
    Read(Vec<TableId>),
}

/// When a [`Hook`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has happened yet; an error means that nothing will.
    Before,
    /// It has happened; an error means that the caller does not learn it.
    After,
}

/// Called before and after each operation.
pub type Hook = Arc<dyn Fn(Operation, Moment) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A provider in memory. Clones share everything.
#[derive(Clone)]
pub struct MemoryProvider {
    project: String,
    world: Arc<Mutex<World>>,
    hook: Option<Hook>,
    offline: Option<Arc<dyn OfflineStore>>,
}

/// What all projects on one memory have.
#[derive(Debug, Default)]
struct World {
    objects: BTreeMap<InfraId, InfraObject>,
    tables: BTreeMap<(String, TableId), MemoryTable>,
}

#[derive(Debug, Default)]
struct MemoryTable {
    schemas: BTreeMap<u32, RowSchema>,
    rows: BTreeMap<EntityKey, PackedRow>,
}

impl MemoryProvider {
    /// An empty memory, seen by this project.
    pub fn new(project: impl Into<String>) -> Self {
        Self { project: project.into(), world: Arc::default(), hook: None, offline: None }
    }

    /// The same memory, seen by another project.
    #[must_use]
    pub fn for_project(&self, project: impl Into<String>) -> Self {
        Self { project: project.into(), ..self.clone() }
    }

    /// The same memory, with this hook around every operation.
    #[must_use]
    pub fn with_hook(self, hook: Hook) -> Self {
        Self { hook: Some(hook), ..self }
    }

    /// The same memory, with this offline store.
    #[must_use]
    pub fn with_offline(self, offline: Arc<dyn OfflineStore>) -> Self {
        Self { offline: Some(offline), ..self }
    }

    /// Everything that is there, by id.
    pub fn objects(&self) -> BTreeMap<InfraId, InfraObject> {
        self.world().objects.clone()
    }

    /// Takes away an object and its rows behind everybody's back.
    pub fn lose(&self, id: &InfraId) {
        let mut world = self.world();
        world.objects.remove(id);
        world.tables.retain(|(project, table), _| format!("{project}.{table}") != id.name);
    }

    /// Number of rows in a table of this project.
    pub fn row_count(&self, table: &TableId) -> usize {
        self.world().tables.get(&(self.project.clone(), table.clone())).map_or(0, |table| table.rows.len())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while it holds the memory")
    }

    async fn around<T>(&self, operation: Operation, act: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        if let Some(hook) = &self.hook {
            hook(operation.clone(), Moment::Before).await?;
        }
        let result = act(&mut self.world())?;
        if let Some(hook) = &self.hook {
            hook(operation, Moment::After).await?;
        }
        Ok(result)
    }
}

impl fmt::Debug for MemoryProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryProvider").field("project", &self.project).finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for MemoryProvider {
    async fn observe(&self, objects: &[&InfraObject]) -> Result<BTreeMap<InfraId, InfraObject>> {
        self.around(Operation::Observe, |world| {
            let found = objects.iter().filter_map(|object| world.objects.get_key_value(&object.id));
            Ok(found.map(|(id, object)| (id.clone(), object.clone())).collect())
        })
        .await
    }

    async fn list(&self, store: Option<&StoreIdentity>) -> Result<Vec<InfraObject>> {
        let prefix = format!("{}.", self.project);
        self.around(Operation::Observe, |world| {
            let of_project = world.objects.values().filter(|object| object.id.name.starts_with(&prefix));
            let named = of_project.map(|object| InfraObject { store: store.cloned(), ..object.clone() });
            Ok(named.collect())
        })
        .await
    }

    async fn execute(&self, step: &InfraStep) -> Result<Option<InfraObject>> {
        self.around(Operation::Execute(Box::new(step.clone())), |world| match step {
            InfraStep::Create { object } => {
                world.objects.entry(object.id.clone()).or_insert_with(|| object.clone());
                if let Some(table) = &object.table {
                    world.tables.entry((self.project.clone(), table.clone())).or_default();
                }
                Ok(Some(object.clone()))
            }
            InfraStep::Update { to, .. } => {
                let found = world.objects.get_mut(&to.id).ok_or_else(|| gone(&to.id))?;
                *found = to.clone();
                Ok(Some(to.clone()))
            }
            InfraStep::Delete { object } => {
                world.objects.remove(&object.id);
                if let Some(table) = &object.table {
                    world.tables.remove(&(self.project.clone(), table.clone()));
                }
                Ok(None)
            }
        })
        .await
    }

    fn online(&self) -> Option<Arc<dyn OnlineStore>> {
        Some(Arc::new(self.clone()))
    }

    fn offline(&self) -> Option<Arc<dyn OfflineStore>> {
        self.offline.clone()
    }
}

fn gone(what: &impl fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, format!("online table `{what}` is not in the online store"))
}

#[async_trait]
impl OnlineStore for MemoryProvider {
    async fn write(
        &self,
        table: &OnlineTable,
        mode: WriteMode,
        rows: Vec<OnlineRow>,
    ) -> Result<WriteOutcome> {
        self.around(Operation::Write(table.id.clone(), rows.len()), |world| {
            let stored = world
                .tables
                .get_mut(&(self.project.clone(), table.id.clone()))
                .ok_or_else(|| gone(&table.id))?;
            let schema = RowSchema::of(table);
            stored.schemas.insert(schema.id, schema.clone());
            let mut outcome = WriteOutcome::default();
            for row in &rows {
                match stored.merge(&schema, mode, row)? {
                    Some(merged) => {
                        stored.rows.insert(row.key.clone(), merged);
                        outcome.written += 1;
                    }
                    None => outcome.kept += 1,
                }
            }
            Ok(outcome)
        })
        .await
    }

    async fn read(&self, reads: &[TableRead<'_>]) -> Result<Vec<Vec<Option<PackedRow>>>> {
        let tables = reads.iter().map(|read| read.table.id.clone()).collect();
        self.around(Operation::Read(tables), |world| {
            let rows = reads.iter().map(|read| {
                if read.keys.is_empty() {
                    return Ok(Vec::new());
                }
                let table = world.tables.get(&(self.project.clone(), read.table.id.clone()));
                let table = table.ok_or_else(|| gone(&read.table.id))?;
                Ok(read.keys.iter().map(|key| table.rows.get(key).cloned()).collect())
            });
            rows.collect()
        })
        .await
    }

    async fn schema(&self, table: &OnlineTable, schema_id: u32) -> Result<Option<RowSchema>> {
        let world = self.world();
        let stored = world.tables.get(&(self.project.clone(), table.id.clone()));
        Ok(stored.and_then(|table| table.schemas.get(&schema_id).cloned()))
    }
}

impl MemoryTable {
    /// The row to store, or `None` when the stored one stays.
    fn merge(&self, schema: &RowSchema, mode: WriteMode, row: &OnlineRow) -> Result<Option<PackedRow>> {
        let Some(stored) = self.rows.get(&row.key) else { return Ok(Some(row.row.clone())) };
        match mode {
            WriteMode::Newest => Ok((row.row.header() >= stored.header()).then(|| row.row.clone())),
            WriteMode::FillAbsent => {
                let stored_schema = self
                    .schemas
                    .get(&stored.schema_id())
                    .ok_or_else(|| Error::corrupt("a stored row has a schema that is not described"))?;
                stored
                    .fill_absent(stored_schema, &row.row, schema)
                    .map_err(|error| Error::corrupt("cannot fill a stored row").with_source(error))
            }
        }
    }
}

/// The pure half of the memory store.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemorySpec;

impl StoreSpec for MemorySpec {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn identity(&self, _: &StoreSettings) -> StoreIdentity {
        StoreIdentity { kind: "memory".to_owned(), settings: LiteMap::new() }
    }

    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject> {
        vec![InfraObject::of_table("memory_table", project, table, LiteMap::new())]
    }

    fn update_kind(&self, _: &InfraObject, _: &InfraObject) -> UpdateKind {
        UpdateKind::InPlace
    }
}
