//! Numbers of tables that reads have looked up. Nearly all reads are of the same tables, and to look up the number of one
//! takes as long as to read a row: what one snapshot has is kept until a read finds another.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use heed::RoTxn;
use provender_core::registry::TableId;

use super::environment::{Databases, ReadError};
use super::layout::TableNumber;
use super::{table_gone, table_name};

/// What was looked up last. Replaced as a whole, so that reads take no lock.
#[derive(Debug, Default)]
pub(super) struct KnownTables(ArcSwap<OfSnapshot>);

/// Numbers of a project's tables in one snapshot.
#[derive(Debug, Default)]
struct OfSnapshot {
    /// Number of the newest transaction that the snapshot has: two snapshots of one environment with the same one are equal.
    newest: usize,
    project: String,
    numbers: BTreeMap<TableId, TableNumber>,
}

impl KnownTables {
    /// Numbers in the snapshot of a transaction.
    pub(super) fn numbers<'a>(
        &'a self,
        databases: &'a Databases,
        txn: &'a RoTxn<'a>,
        project: &'a str,
    ) -> Numbers<'a> {
        let last = self.0.load();
        let known = (last.newest == txn.id() && last.project == project).then_some(last);
        Numbers { kept: self, databases, txn, project, known, learned: BTreeMap::new() }
    }
}

/// Numbers of a project's tables in the snapshot of a transaction, each looked up once.
pub(super) struct Numbers<'a> {
    kept: &'a KnownTables,
    databases: &'a Databases,
    txn: &'a RoTxn<'a>,
    project: &'a str,
    known: Option<Guard<Arc<OfSnapshot>>>,
    learned: BTreeMap<TableId, TableNumber>,
}

impl Numbers<'_> {
    /// The number of a table.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn of(&mut self, table: &TableId) -> Result<TableNumber, ReadError> {
        let known = self.known.as_ref().and_then(|known| known.numbers.get(table));
        if let Some(number) = known.or_else(|| self.learned.get(table)) {
            return Ok(*number);
        }
        let name = table_name(self.project, table);
        let number = self.databases.table_number(self.txn, &name)?.ok_or_else(|| table_gone(&name))?;
        self.learned.insert(table.clone(), number);
        Ok(number)
    }

    /// Keeps what was looked up for reads of the same snapshot.
    pub(super) fn keep(self) {
        if self.learned.is_empty() {
            return;
        }
        let mut numbers = self.learned;
        if let Some(known) = &self.known {
            numbers.extend(known.numbers.iter().map(|(table, number)| (table.clone(), *number)));
        }
        let project = self.project.to_owned();
        self.kept.0.store(Arc::new(OfSnapshot { newest: self.txn.id(), project, numbers }));
    }
}
