//! Online tables inside a transaction: creating, changing and deleting them, and the schemas of their rows.

use heed::{RoTxn, RwTxn};
use litemap::LiteMap;
use provender_core::encoding::RowSchema;
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::TableId;
use provender_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::environment::{Databases, ReadError};
use super::layout::{self, TableNumber};
use super::{table_gone, table_name};
use crate::spec::EMBEDDED_TABLE;

/// Rows that one transaction deletes at most.
const SWEPT_AT_ONCE: usize = 50_000;

/// What the store keeps of a table. Project and table id are our mark: an entry without them is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    project: String,
    table: TableId,
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    attributes: LiteMap<String, Json>,
}

impl Record {
    /// The record of an object of this project.
    ///
    /// # Errors
    /// The object is not one that `EmbeddedSpec::lower` gives for a table of the project.
    pub(super) fn of(object: &InfraObject, project: &str) -> Result<Self> {
        let table = object
            .table
            .clone()
            .filter(|table| table.revision.is_some())
            .filter(|table| object.id.kind == EMBEDDED_TABLE && object.id.name == table_name(project, table))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Bug,
                    format!("`{}` is no table that the embedded store holds for `{project}`", object.id),
                )
            })?;
        Ok(Self { project: project.to_owned(), table, attributes: object.attributes.clone() })
    }

    fn name(&self) -> String {
        table_name(&self.project, &self.table)
    }

    /// The object that this is the record of.
    pub(super) fn object(self) -> InfraObject {
        InfraObject {
            store: None,
            id: InfraId { kind: EMBEDDED_TABLE.to_owned(), name: self.name() },
            table: Some(self.table),
            attributes: self.attributes,
        }
    }

    fn bytes(&self, number: TableNumber) -> Result<Vec<u8>> {
        let mut bytes = number.bytes().to_vec();
        serde_json::to_writer(&mut bytes, self)
            .map_err(|error| Error::new(ErrorKind::Bug, "a table's record has no JSON").with_source(error))?;
        Ok(bytes)
    }
}

impl Databases {
    /// Number of a table; `None` when there is no such table.
    pub(super) fn table_number(&self, txn: &RoTxn<'_>, name: &str) -> Result<Option<TableNumber>, ReadError> {
        let Some(bytes) = self.tables.get(txn, name.as_bytes())? else { return Ok(None) };
        let number = bytes.first_chunk::<4>().ok_or_else(|| damaged(name))?;
        Ok(Some(TableNumber(u32::from_be_bytes(*number))))
    }

    /// Number and record of a table; `None` when there is no such table.
    /// Every table of a project, ordered by name.
    pub(super) fn tables_of(&self, txn: &RoTxn<'_>, project: &str) -> Result<Vec<InfraObject>, ReadError> {
        let mut found = Vec::new();
        for entry in self.tables.prefix_iter(txn, format!("{project}.").as_bytes())? {
            let (name, _) = entry?;
            let name = std::str::from_utf8(name).map_err(|_| damaged("a table"))?;
            // `shop.a` may be a table of `shop` or of another project whose name has a dot.
            found.extend(
                self.table(txn, name)?.map(|(_, record)| record).filter(|record| record.project == project),
            );
        }
        Ok(found.into_iter().map(Record::object).collect())
    }

    pub(super) fn table(
        &self,
        txn: &RoTxn<'_>,
        name: &str,
    ) -> Result<Option<(TableNumber, Record)>, ReadError> {
        let Some(number) = self.table_number(txn, name)? else { return Ok(None) };
        let bytes = self.tables.get(txn, name.as_bytes())?.unwrap_or_default();
        let record: Record =
            serde_json::from_slice(&bytes[4..]).map_err(|error| damaged(name).with_source(error))?;
        if record.name() != name {
            return Err(damaged(name).into());
        }
        Ok(Some((number, record)))
    }

    /// Creates a table; nothing to do when it is there with our mark.
    pub(super) fn create_table(&self, txn: &mut RwTxn<'_>, record: &Record) -> Result<(), ReadError> {
        let name = record.name();
        if self.table(txn, &name)?.is_some() {
            return self.update_table(txn, record);
        }
        let next = match self.meta.get(txn, layout::NEXT_TABLE_KEY)? {
            Some(bytes) => u32::from_be_bytes(bytes.try_into().map_err(|_| damaged("next_table"))?),
            None => 1,
        };
        let following = next
            .checked_add(1)
            .ok_or_else(|| Error::unavailable("the embedded store has used up its table numbers"))?;
        self.meta.put(txn, layout::NEXT_TABLE_KEY, &following.to_be_bytes())?;
        self.tables.put(txn, name.as_bytes(), &record.bytes(TableNumber(next))?)?;
        Ok(())
    }

    /// Replaces what is said about a table.
    pub(super) fn update_table(&self, txn: &mut RwTxn<'_>, record: &Record) -> Result<(), ReadError> {
        let name = record.name();
        let (number, stored) = self.table(txn, &name)?.ok_or_else(|| table_gone(&name))?;
        if stored != *record {
            self.tables.put(txn, name.as_bytes(), &record.bytes(number)?)?;
        }
        Ok(())
    }

    /// Takes a table out of sight at once; what it held is left for [`Databases::sweep`].
    pub(super) fn delete_table(&self, txn: &mut RwTxn<'_>, record: &Record) -> Result<(), ReadError> {
        let name = record.name();
        if let Some((number, _)) = self.table(txn, &name)? {
            self.tables.delete(txn, name.as_bytes())?;
            self.meta.put(txn, &number.garbage_key(), &[])?;
        }
        Ok(())
    }

    /// Deletes some of what deleted tables held, those of an interrupted apply too; false when nothing is left.
    pub(super) fn sweep(&self, txn: &mut RwTxn<'_>) -> Result<bool, ReadError> {
        let garbage = self.meta.prefix_iter(txn, layout::GARBAGE_PREFIX)?.next().transpose()?;
        let Some((key, _)) = garbage else { return Ok(false) };
        let key = key.to_vec();
        let prefix = &key[layout::GARBAGE_PREFIX.len()..];
        let mut left = SWEPT_AT_ONCE;
        for database in [self.schemas, self.rows] {
            let mut entries = database.prefix_iter_mut(txn, prefix)?;
            while left > 0 && entries.next().transpose()?.is_some() {
                #[expect(unsafe_code, reason = "no reference into the entry is kept across its deletion")]
                // SAFETY: `next` gave borrowed bytes, which are gone before this line.
                unsafe {
                    entries.del_current()?;
                }
                left -= 1;
            }
        }
        if left > 0 {
            self.meta.delete(txn, &key)?;
        }
        Ok(true)
    }

    /// Description of a row schema; `None` when no row of the table was ever written with it.
    pub(super) fn schema(
        &self,
        txn: &RoTxn<'_>,
        number: TableNumber,
        schema_id: u32,
    ) -> Result<Option<RowSchema>, ReadError> {
        let Some(bytes) = self.schemas.get(txn, &number.schema_key(schema_id))? else { return Ok(None) };
        let schema = serde_json::from_slice(bytes).map_err(|error| {
            Error::corrupt(format!("schema {schema_id} of an online table is damaged in the embedded store"))
                .with_source(error)
        })?;
        Ok(Some(schema))
    }

    /// Describes a row schema where it is not described yet.
    pub(super) fn describe_schema(
        &self,
        txn: &mut RwTxn<'_>,
        number: TableNumber,
        schema: &RowSchema,
    ) -> Result<(), ReadError> {
        match self.schema(txn, number, schema.id)? {
            Some(stored) if stored == *schema => Ok(()),
            Some(_) => Err(Error::corrupt(format!(
                "schema {} of an online table is described otherwise in the embedded store",
                schema.id
            ))
            .with_hint(
                "another registry may have written to this store; give each project a `path` of its own",
            )
            .into()),
            None => {
                let json = serde_json::to_vec(schema).map_err(|error| {
                    Error::new(ErrorKind::Bug, "a row schema has no JSON").with_source(error)
                })?;
                self.schemas.put(txn, &number.schema_key(schema.id), &json)?;
                Ok(())
            }
        }
    }
}

fn damaged(name: &str) -> Error {
    Error::corrupt(format!("the entry of `{name}` in the embedded store is damaged or not ours"))
}
