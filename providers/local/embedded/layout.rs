//! What lies where in the environment. This is a stored format; `meta` holds its version.
//!
//! | database | key | value |
//! |---|---|---|
//! | `meta` | `format` | version of this layout, u32 |
//! | `meta` | `next_table` | the number that the next table gets, u32; numbers are never used again |
//! | `meta` | `garbage` and a table number | empty: the rows of this number wait to be deleted |
//! | `tables` | `{project}.{table id}` | table number, u32, then the table's record as JSON |
//! | `schemas` | table number, schema id | description of the row schema as JSON |
//! | `rows` | table number, entity key | packed row |
//!
//! Numbers are big-endian. LMDB keys end at 511 bytes: an entity key over [`LONGEST_PLAIN_KEY`] bytes is stored under its
//! first bytes and its SHA-256, and the value then starts with the length of the key (u32) and the whole key, which is
//! compared on every read. One database of rows for all tables keeps a read at some tens of nanoseconds, whatever the
//! number of tables.

use std::borrow::Cow;

use provender_core::encoding::EntityKey;
use provender_core::model::Fingerprint;
use provender_runtime::{Error, Result};

/// Version of the layout that this program writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;

pub(super) const META: &str = "meta";
pub(super) const TABLES: &str = "tables";
pub(super) const SCHEMAS: &str = "schemas";
pub(super) const ROWS: &str = "rows";

pub(super) const FORMAT_KEY: &[u8] = b"format";
pub(super) const NEXT_TABLE_KEY: &[u8] = b"next_table";
pub(super) const GARBAGE_PREFIX: &[u8] = b"garbage";

/// Entity keys up to this length are LMDB keys as they are.
pub(super) const LONGEST_PLAIN_KEY: usize = 500;
/// A shortened key has this many bytes after the table number: more than any plain one.
const SHORTENED_KEY: usize = 507;

/// Number of a table: names its key range, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TableNumber(pub(super) u32);

impl TableNumber {
    pub(super) const fn bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    pub(super) fn garbage_key(self) -> Vec<u8> {
        [GARBAGE_PREFIX, &self.bytes()].concat()
    }

    pub(super) fn schema_key(self, schema_id: u32) -> [u8; 8] {
        let mut key = [0; 8];
        key[..4].copy_from_slice(&self.bytes());
        key[4..].copy_from_slice(&schema_id.to_be_bytes());
        key
    }
}

/// Writes the LMDB key of a row into `key`, over what it held.
pub(super) fn write_row_key(key: &mut Vec<u8>, number: TableNumber, entity: &EntityKey) {
    let bytes = entity.as_bytes();
    key.clear();
    key.extend(number.bytes());
    if bytes.len() <= LONGEST_PLAIN_KEY {
        key.extend(bytes);
    } else {
        let digest = Fingerprint::of_bytes(bytes);
        key.extend(&bytes[..SHORTENED_KEY - digest.as_str().len()]);
        key.extend(digest.as_str().as_bytes());
    }
}

/// The stored value of a packed row.
pub(super) fn row_value<'a>(entity: &EntityKey, row: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    let key = entity.as_bytes();
    if key.len() <= LONGEST_PLAIN_KEY {
        return Ok(Cow::Borrowed(row));
    }
    let length =
        u32::try_from(key.len()).map_err(|_| Error::invalid("an entity key is longer than 4 GiB"))?;
    Ok(Cow::Owned([&length.to_be_bytes(), key, row].concat()))
}

/// The packed row in a stored value; `None` when the value belongs to another key with the same SHA-256.
pub(super) fn row_of_value<'a>(entity: &EntityKey, value: &'a [u8]) -> Option<&'a [u8]> {
    let key = entity.as_bytes();
    if key.len() <= LONGEST_PLAIN_KEY {
        return Some(value);
    }
    let (length, rest) = value.split_first_chunk::<4>()?;
    let (stored, row) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    (stored == key).then_some(row)
}
