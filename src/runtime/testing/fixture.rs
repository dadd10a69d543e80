//! What the conformance suites work on: a backend, and tables and rows that are short to write.

use std::fmt::Debug;
use std::sync::Arc;

use provender_core::encoding::{Cell, EntityKey, PackedRow, RowHeader, RowSchema};
use provender_core::model::{Address, Fingerprint, JoinKey, ObjectKind, StoreIdentity, Value, ValueType};
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraObject, StoreSpec};
use provender_core::registry::{Column, ColumnId, OnlineTable, TableId, TableState};
use provender_core::time::Timestamp;

use crate::provider::{OnlineRow, OnlineStore, Provider, TableRead, WriteMode, WriteOutcome};
use crate::{Error, ErrorKind, Result};

/// A backend under test. It may hold tables of other runs: suites use the project names they are given.
pub trait Backend: Debug + Send + Sync {
    /// The pure half of its online store.
    fn spec(&self) -> &dyn StoreSpec;

    /// The same backend, seen by a project; every call may give a new handle.
    fn provider(&self, project: &str) -> Arc<dyn Provider>;
}

/// A project on a backend, with what a test does all the time.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The backend.
    pub backend: &'a dyn Backend,
    /// The project.
    pub project: &'a str,
    /// The project's provider.
    pub provider: Arc<dyn Provider>,
}

impl<'a> Bench<'a> {
    /// A project on a backend.
    pub fn new(backend: &'a dyn Backend, project: &'a str) -> Self {
        Self { backend, project, provider: backend.provider(project) }
    }

    /// The online store.
    pub fn online(&self) -> Arc<dyn OnlineStore> {
        self.provider.online().expect("the provider has an online store")
    }

    /// The infrastructure of a table.
    pub fn objects(&self, table: &OnlineTable) -> Vec<InfraObject> {
        self.backend.spec().lower(self.project, table)
    }

    /// Creates a table.
    pub async fn create(&self, table: &OnlineTable) {
        for object in self.objects(table) {
            self.provider.execute(&InfraStep::Create { object }).await.unwrap();
        }
    }

    /// Deletes a table.
    pub async fn delete(&self, table: &OnlineTable) {
        for object in self.objects(table) {
            self.provider.execute(&InfraStep::Delete { object }).await.unwrap();
        }
    }

    /// Writes rows by the rule of the newest.
    pub async fn write(&self, table: &OnlineTable, rows: &[OnlineRow]) -> WriteOutcome {
        self.try_write(table, WriteMode::Newest, rows).await.unwrap()
    }

    /// Fills what is absent.
    pub async fn fill(&self, table: &OnlineTable, rows: &[OnlineRow]) -> WriteOutcome {
        self.try_write(table, WriteMode::FillAbsent, rows).await.unwrap()
    }

    /// Writes rows.
    pub async fn try_write(
        &self,
        table: &OnlineTable,
        mode: WriteMode,
        rows: &[OnlineRow],
    ) -> Result<WriteOutcome> {
        self.online().write(table, mode, rows.to_vec()).await
    }

    /// Reads rows of one table; none of one that is gone.
    pub async fn read(&self, table: &OnlineTable, keys: &[EntityKey]) -> Vec<Option<PackedRow>> {
        let mut answer = match self.online().read(&[TableRead { table, keys }]).await {
            Err(error) if error.kind() == ErrorKind::NotFound => vec![vec![None; keys.len()]],
            answer => answer.unwrap(),
        };
        assert_eq!(answer.len(), 1, "one table was read");
        answer.remove(0)
    }

    /// Times and cells of one row, as the table's columns are now.
    pub async fn read_one(&self, table: &OnlineTable, key: &EntityKey) -> Option<(RowHeader, Vec<Cell>)> {
        let row = self.read(table, std::slice::from_ref(key)).await.remove(0)?;
        let current = RowSchema::of(table);
        let stored = if row.schema_id() == current.id {
            current.clone()
        } else {
            let described = self.online().schema(table, row.schema_id()).await.unwrap();
            described.expect("the schema of every stored row is described")
        };
        Some((row.header(), row.decode_as(&stored, &current).unwrap()))
    }
}

/// The memory provider as a backend.
impl Backend for super::MemoryProvider {
    fn spec(&self) -> &dyn StoreSpec {
        &super::MemorySpec
    }

    fn provider(&self, project: &str) -> Arc<dyn Provider> {
        Arc::new(self.for_project(project))
    }
}

/// A table of a view, created by revision 1, with one int64 join key `id` and columns `c<id>`.
pub fn online_table(view: &str, schema_id: u32, columns: &[(u32, ValueType)]) -> OnlineTable {
    OnlineTable {
        id: TableId { view: view.to_owned(), revision: Some(1) },
        view: Address::new(ObjectKind::FeatureView, view),
        state: TableState::Live,
        store: StoreIdentity { kind: "test".to_owned(), settings: Default::default() },
        join_keys: vec![JoinKey { name: "id".to_owned(), value_type: ValueType::Int64 }],
        columns: columns
            .iter()
            .map(|(id, value_type)| Column {
                id: ColumnId(*id),
                name: format!("c{id}"),
                value_type: value_type.clone(),
            })
            .collect(),
        next_column_id: ColumnId(columns.iter().map(|(id, _)| id + 1).max().unwrap_or(1)),
        schema_id,
        source: Fingerprint::of_bytes(b"source"),
        equal_sources: Vec::new(),
        replaces: None,
        backfills: Vec::new(),
        served: None,
    }
}

/// The key of one int64.
pub fn int_key(value: i64) -> EntityKey {
    EntityKey::encode(&[Value::Int64(value)]).unwrap()
}

/// The key of one string.
pub fn string_key(value: &str) -> EntityKey {
    EntityKey::encode(&[Value::String(value.to_owned())]).unwrap()
}

/// Times of a row, in nanoseconds.
pub fn times(event: i64, created: Option<i64>) -> RowHeader {
    RowHeader { event_time: Timestamp::from_nanos(event), created_time: created.map(Timestamp::from_nanos) }
}

/// A row of a table as its columns are now.
pub fn online_row(table: &OnlineTable, key: &EntityKey, times: RowHeader, cells: &[Cell]) -> OnlineRow {
    let row = PackedRow::encode(times, &RowSchema::of(table), cells)
        .map_err(|error| Error::invalid("the cells do not fit the table").with_source(error))
        .unwrap();
    OnlineRow { key: key.clone(), row }
}

/// A cell with an int64.
pub const fn int(value: i64) -> Cell {
    Cell::Value(Value::Int64(value))
}
