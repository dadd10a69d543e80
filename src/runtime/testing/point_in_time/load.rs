//! What materializing a range of a held view stores.

use std::sync::Arc;

use async_trait::async_trait;
use provender_core::encoding::{Cell, EntityKey, RowHeader};
use provender_core::model::{FeatureView, ValueType};
use provender_core::registry::{Author, Ledger, LedgerEntry, OnlineTable, Registry, TableId};
use provender_core::time::Timestamp;

use super::super::{Bench, MemoryProvider, online_table};
use super::Held;
use crate::Result;
use crate::clock::SystemClock;
use crate::materialize::{
    LoadedView, MaterializeJob, MaterializeKind, TableLedgers, ViewOutcome, materialize,
};

/// Ledgers that nobody reads again.
struct NoLedgers;

#[async_trait]
impl TableLedgers for NoLedgers {
    async fn ledger(&self, _: &TableId) -> Result<Ledger> {
        Ok(Ledger::default())
    }

    async fn append(&self, _: &TableId, _: LedgerEntry) -> Result<()> {
        Ok(())
    }
}

/// A table that was filled.
pub(super) struct Filled {
    memory: MemoryProvider,
    table: OnlineTable,
    pub(super) figures: LoadedView,
}

impl Filled {
    /// Loads a view's event times from `start` to `end`, both included, into a new table in memory.
    pub(super) async fn with(held: &Held, view: &str, (start, end): (i64, i64)) -> Self {
        let table = table_of(held, view);
        let memory = MemoryProvider::new("p").with_offline(Arc::clone(&held.offline));
        Bench::new(&memory, "p").create(&table).await;
        let mut registry = Registry { objects: held.objects.clone(), ..Registry::default() };
        registry.tables.insert(table.id.clone(), table.clone());
        let time = Timestamp::from_nanos;
        let job = MaterializeJob {
            views: vec![view.to_owned()],
            kind: MaterializeKind::Range { start: time(start), end: time(end) },
            allow_future: true,
            dry_run: false,
            lookback: None,
            job_id: "job".to_owned(),
            by: Author::default(),
            now: Timestamp::EPOCH,
            clock: Arc::new(SystemClock),
            metrics: Default::default(),
        };
        let report = materialize(&job, &registry, &NoLedgers, &memory, &(Arc::new(|_| {}) as _)).await;
        match report.unwrap().views.remove(0).outcome {
            ViewOutcome::Loaded(figures) => Self { memory, table, figures },
            other => panic!("nothing was loaded: {other:?}"),
        }
    }

    /// How many keys have a row.
    pub(super) fn keys(&self) -> usize {
        self.memory.row_count(&self.table.id)
    }

    pub(super) async fn row(&self, key: &EntityKey) -> Option<(RowHeader, Vec<Cell>)> {
        Bench::new(&self.memory, "p").read_one(&self.table, key).await
    }
}

fn table_of(held: &Held, name: &str) -> OnlineTable {
    let view: &FeatureView = held.objects.feature_view(name).unwrap();
    let types: Vec<(u32, ValueType)> =
        (1..).zip(&view.features).map(|(id, feature)| (id, feature.value_type.clone())).collect();
    let mut table = online_table(name, 1, &types);
    for (column, feature) in table.columns.iter_mut().zip(&view.features) {
        column.name.clone_from(&feature.name);
    }
    table.join_keys = held.objects.join_keys(name).unwrap();
    table
}
