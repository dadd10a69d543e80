//! Rows inside a transaction.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

use heed::{PutFlags, RoTxn, RwTxn};
use provender_core::encoding::{EntityKey, PackedRow, RowSchema};
use provender_core::registry::TableId;
use provender_runtime::provider::{OnlineRow, WriteMode, WriteOutcome};
use provender_runtime::{Error, Result};

use super::environment::{Databases, ReadError};
use super::known_tables::Numbers;
use super::layout::{self, TableNumber};
use super::table_gone;

/// Rows of tables in one snapshot, as [`provender_runtime::provider::OnlineStore::read`] wants them.
pub(super) fn read<T: Borrow<TableId>, K: AsRef<[EntityKey]>>(
    databases: &Databases,
    txn: &RoTxn<'_>,
    mut numbers: Numbers<'_>,
    wanted: &[(T, K)],
) -> Result<Vec<Vec<Option<PackedRow>>>, ReadError> {
    let mut lmdb_key = Vec::with_capacity(64);
    let mut answer = Vec::with_capacity(wanted.len());
    for (table, keys) in wanted {
        let (table, keys) = (table.borrow(), keys.as_ref());
        if keys.is_empty() {
            answer.push(Vec::new());
            continue;
        }
        let number = numbers.of(table)?;
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            layout::write_row_key(&mut lmdb_key, number, key);
            let value = databases.rows.get(txn, &lmdb_key)?;
            let row = value.and_then(|value| layout::row_of_value(key, value));
            rows.push(row.map(|row| packed(row.to_vec(), table)).transpose()?);
        }
        answer.push(rows);
    }
    numbers.keep();
    Ok(answer)
}

fn packed(bytes: Vec<u8>, table: impl fmt::Display) -> Result<PackedRow> {
    PackedRow::from_bytes(bytes).map_err(|error| {
        Error::corrupt(format!("a stored row of `{table}` cannot be read")).with_source(error)
    })
}

/// Rows for one table.
#[derive(Debug)]
pub(super) struct Batch {
    table: String,
    schema: RowSchema,
    mode: WriteMode,
    rows: Vec<OnlineRow>,
    sorted: bool,
}

impl Batch {
    pub(super) fn new(table: String, schema: RowSchema, mode: WriteMode, rows: Vec<OnlineRow>) -> Self {
        Self { table, schema, mode, rows, sorted: false }
    }

    /// Writes the rows in key order: in random order LMDB is ten times slower.
    pub(super) fn write(
        &mut self,
        databases: &Databases,
        txn: &mut RwTxn<'_>,
    ) -> Result<WriteOutcome, ReadError> {
        if !self.sorted {
            // Stable: rows of one key stay in the order in which they came.
            self.rows.sort_by(|a, b| a.key.cmp(&b.key));
            self.sorted = true;
        }
        let number = databases.table_number(txn, &self.table)?.ok_or_else(|| table_gone(&self.table))?;
        databases.describe_schema(txn, number, &self.schema)?;
        let mut schemas = StoredSchemas { databases, number, known: BTreeMap::new() };
        let mut outcome = WriteOutcome::default();
        let mut lmdb_key = Vec::with_capacity(64);
        let mut last = databases.rows.last(txn)?.map(|(key, _)| key.to_vec());
        for row in &self.rows {
            layout::write_row_key(&mut lmdb_key, number, &row.key);
            // Behind all that is there, where the first rows of a new table go: nothing is looked for, and pages are filled up.
            let is_last = last.as_ref().is_none_or(|last| lmdb_key > *last);
            let stored = if is_last { None } else { databases.rows.get(txn, &lmdb_key)? };
            let merged = match stored {
                None => Merged::New,
                Some(value) => {
                    let stored = layout::row_of_value(&row.key, value).ok_or_else(collision)?;
                    self.merge(&mut schemas, txn, stored, row)?
                }
            };
            let bytes = match &merged {
                Merged::New => row.row.as_bytes(),
                Merged::Filled(filled) => filled.as_bytes(),
                Merged::Kept => {
                    outcome.kept += 1;
                    continue;
                }
            };
            let flags = if is_last { PutFlags::APPEND } else { PutFlags::empty() };
            databases.rows.put_with_flags(txn, flags, &lmdb_key, &layout::row_value(&row.key, bytes)?)?;
            if is_last {
                last.get_or_insert_default().clone_from(&lmdb_key);
            }
            outcome.written += 1;
        }
        Ok(outcome)
    }

    fn merge(
        &self,
        schemas: &mut StoredSchemas<'_>,
        txn: &RoTxn<'_>,
        stored: &[u8],
        row: &OnlineRow,
    ) -> Result<Merged, ReadError> {
        let stored = packed(stored.to_vec(), &self.table)?;
        match self.mode {
            WriteMode::Newest if row.row.header() >= stored.header() => Ok(Merged::New),
            WriteMode::Newest => Ok(Merged::Kept),
            WriteMode::FillAbsent => {
                let schema = schemas.get(txn, stored.schema_id(), &self.table)?;
                let filled = stored.fill_absent(schema, &row.row, &self.schema).map_err(|error| {
                    Error::corrupt(format!("a stored row of `{}` cannot be filled", self.table))
                        .with_source(error)
                })?;
                Ok(filled.map_or(Merged::Kept, Merged::Filled))
            }
        }
    }
}

/// What becomes of a key that has a row.
enum Merged {
    /// The new row takes its place.
    New,
    /// The stored row with its absent cells filled takes its place.
    Filled(PackedRow),
    /// The stored row stays.
    Kept,
}

/// Schemas of one table that stored rows have, each looked up once.
struct StoredSchemas<'a> {
    databases: &'a Databases,
    number: TableNumber,
    known: BTreeMap<u32, RowSchema>,
}

impl StoredSchemas<'_> {
    fn get(&mut self, txn: &RoTxn<'_>, schema_id: u32, table: &str) -> Result<&RowSchema, ReadError> {
        if !self.known.contains_key(&schema_id) {
            let schema = self.databases.schema(txn, self.number, schema_id)?.ok_or_else(|| {
                Error::corrupt(format!(
                    "a stored row of `{table}` has schema {schema_id}, which is not described"
                ))
            })?;
            self.known.insert(schema_id, schema);
        }
        Ok(&self.known[&schema_id])
    }
}

fn collision() -> Error {
    Error::unavailable("two entity keys over 500 bytes have the same SHA-256; only one can be stored")
}
