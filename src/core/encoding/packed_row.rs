//! One byte encoding of online rows: times, then cells under a row schema.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | schema id, little-endian like every number here |
//! | 8 | event time, nanoseconds |
//! | 8 | created time, nanoseconds; the smallest int64 (NumPy's "not a time") where there is none |
//! | ⌈n / 4⌉ | two bits a column, low bits first, in schema order: 0 absent, 1 null, 2 value |
//! | … | the values, in schema order, without padding |
//!
//! Values: bool one byte; int32 and float32 four, int64, float64 and timestamp eight; string and bytes a u32 length and
//! the bytes; a list a u32 count, a bit an element (1 = value, low bits first), and the values. Unused bits are zero, so a
//! row has one form.
//!
//! Absent is not null: a column that was added later is absent in older rows, until a backfill fills it.

use serde::{Deserialize, Serialize};

use super::value_bytes::{take, take_count, take_counted, take_slice};
use crate::model::{Value, ValueType};
use crate::registry::{ColumnId, OnlineTable};
use crate::time::Timestamp;

const VERSION: u8 = 1;
pub(super) const HEADER: usize = 21;
const NO_CREATED_TIME: i64 = i64::MIN;

pub(super) const ABSENT: u8 = 0;
pub(super) const NULL: u8 = 1;
pub(super) const VALUE: u8 = 2;

/// Which columns a row holds, in order. Described in the online store before the first row that uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSchema {
    /// Its number, unique in the table.
    pub id: u32,
    /// The columns: id and type.
    pub columns: Vec<(ColumnId, ValueType)>,
}

impl RowSchema {
    /// The schema of rows that are written to a table now.
    pub fn of(table: &OnlineTable) -> Self {
        Self {
            id: table.schema_id,
            columns: table.columns.iter().map(|column| (column.id, column.value_type.clone())).collect(),
        }
    }
}

/// Times of a row. Ordered by event time, then created time; none sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowHeader {
    /// When the values were true.
    pub event_time: Timestamp,
    /// When the row was written to its source.
    pub created_time: Option<Timestamp>,
}

/// One cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The row has no such column yet.
    Absent,
    /// The value is null.
    Null,
    /// The value.
    Value(Value),
}

/// Bytes that are no packed row, or do not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackedRowError {
    /// A version that this program does not know.
    #[error("the stored row has version {0}; this version of provender reads version {VERSION}")]
    Version(u8),
    /// Too short, too long, or with contents that no encoder makes.
    #[error("the stored row is damaged")]
    Damaged,
    /// A row of another schema.
    #[error("the stored row has schema {found}, not {expected}")]
    Schema {
        /// The schema it was read with.
        expected: u32,
        /// The schema it says.
        found: u32,
    },
    /// A value of another type than its column.
    #[error("column {column} holds {expected}; a value of another type was given")]
    Type {
        /// Position in the schema.
        column: usize,
        /// Type of the column.
        expected: ValueType,
    },
    /// More or fewer cells than the schema has columns.
    #[error("a row needs {expected} cells, {found} were given")]
    Cells {
        /// Columns of the schema.
        expected: usize,
        /// Cells given.
        found: usize,
    },
}

/// An encoded row whose version and length of header are known to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedRow(Vec<u8>);

impl PackedRow {
    /// Encodes a row: one cell for each column of the schema.
    ///
    /// # Errors
    /// Another number of cells, or a value of another type than its column.
    pub fn encode(header: RowHeader, schema: &RowSchema, cells: &[Cell]) -> Result<Self, PackedRowError> {
        if cells.len() != schema.columns.len() {
            return Err(PackedRowError::Cells { expected: schema.columns.len(), found: cells.len() });
        }
        let mut builder = PackedRowBuilder::new(header, schema);
        for (column, (cell, (_, value_type))) in cells.iter().zip(&schema.columns).enumerate() {
            match cell {
                Cell::Absent => builder.push_absent(),
                Cell::Null => builder.push_null(),
                Cell::Value(value) => builder
                    .push_value(value, value_type)
                    .ok_or_else(|| PackedRowError::Type { column, expected: value_type.clone() })?,
            }
        }
        Ok(builder.finish())
    }

    /// Takes stored bytes.
    ///
    /// # Errors
    /// Another version, or fewer bytes than a header has.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PackedRowError> {
        match bytes.first() {
            Some(&VERSION) if bytes.len() >= HEADER => Ok(Self(bytes)),
            Some(&VERSION) | None => Err(PackedRowError::Damaged),
            Some(&version) => Err(PackedRowError::Version(version)),
        }
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The encoded bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Number of the schema it was written with.
    pub fn schema_id(&self) -> u32 {
        u32::from_le_bytes(self.array(1))
    }

    /// Its times.
    pub fn header(&self) -> RowHeader {
        let created = i64::from_le_bytes(self.array(13));
        RowHeader {
            event_time: Timestamp::from_nanos(i64::from_le_bytes(self.array(5))),
            created_time: (created != NO_CREATED_TIME).then_some(Timestamp::from_nanos(created)),
        }
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        // Every constructor made sure that the header is there.
        if let Some(found) = self.0.get(at..at + N) {
            bytes.copy_from_slice(found);
        }
        bytes
    }

    /// All cells, in schema order.
    ///
    /// # Errors
    /// The row has another schema, or its bytes end early or late.
    pub fn decode(&self, schema: &RowSchema) -> Result<Vec<Cell>, PackedRowError> {
        if self.schema_id() != schema.id {
            return Err(PackedRowError::Schema { expected: schema.id, found: self.schema_id() });
        }
        let states =
            self.0.get(HEADER..HEADER + state_bytes(schema.columns.len())).ok_or(PackedRowError::Damaged)?;
        let mut rest = &self.0[HEADER + states.len()..];
        let mut cells = Vec::with_capacity(schema.columns.len());
        for (column, (_, value_type)) in schema.columns.iter().enumerate() {
            cells.push(match states[column / 4] >> (column % 4 * 2) & 3 {
                ABSENT => Cell::Absent,
                NULL => Cell::Null,
                VALUE => Cell::Value(take_value(&mut rest, value_type).ok_or(PackedRowError::Damaged)?),
                _ => return Err(PackedRowError::Damaged),
            });
        }
        if rest.is_empty() && unused_bits_are_zero(states, schema.columns.len() * 2) {
            Ok(cells)
        } else {
            Err(PackedRowError::Damaged)
        }
    }
}

/// Whether all bits from number `used` on are zero, low bits first.
pub(super) fn unused_bits_are_zero(bytes: &[u8], used: usize) -> bool {
    used.is_multiple_of(8) || bytes.last().is_none_or(|last| last >> (used % 8) == 0)
}

pub(super) const fn state_bytes(columns: usize) -> usize {
    columns.div_ceil(4)
}

/// Writes one row, column after column, without a [`Value`] for each cell.
#[derive(Debug)]
pub struct PackedRowBuilder {
    bytes: Vec<u8>,
    column: usize,
    columns: usize,
}

impl PackedRowBuilder {
    /// Starts a row of this schema. Push one cell for each of its columns, then [`PackedRowBuilder::finish`];
    /// columns without a cell are absent.
    pub fn new(header: RowHeader, schema: &RowSchema) -> Self {
        let states = state_bytes(schema.columns.len());
        let mut bytes = Vec::with_capacity(HEADER + states + schema.columns.len() * 8);
        bytes.push(VERSION);
        bytes.extend(schema.id.to_le_bytes());
        bytes.extend(header.event_time.as_nanos().to_le_bytes());
        bytes.extend(header.created_time.map_or(NO_CREATED_TIME, Timestamp::as_nanos).to_le_bytes());
        bytes.resize(HEADER + states, 0);
        Self { bytes, column: 0, columns: schema.columns.len() }
    }

    fn set_state(&mut self, state: u8) {
        debug_assert!(self.column < self.columns, "more cells than the schema has columns");
        self.bytes[HEADER + self.column / 4] |= state << (self.column % 4 * 2);
        self.column += 1;
    }

    /// The next cell is absent.
    pub fn push_absent(&mut self) {
        self.set_state(ABSENT);
    }

    /// The next cell is null.
    pub fn push_null(&mut self) {
        self.set_state(NULL);
    }

    /// The next cell is a value of a fixed width, as its little-endian bytes.
    pub fn push_fixed<const N: usize>(&mut self, little_endian: [u8; N]) {
        self.set_state(VALUE);
        self.bytes.extend(little_endian);
    }

    /// The next cell is a string's or bytes' value.
    pub fn push_bytes(&mut self, value: &[u8]) {
        self.set_state(VALUE);
        put_bytes(&mut self.bytes, value);
    }

    /// The next cell is a value; `None`, and nothing is pushed, when it is not of this type.
    pub fn push_value(&mut self, value: &Value, value_type: &ValueType) -> Option<()> {
        let before = self.bytes.len();
        if put_value(&mut self.bytes, value, value_type).is_none() {
            self.bytes.truncate(before);
            return None;
        }
        self.set_state(VALUE);
        Some(())
    }

    /// The row.
    pub fn finish(self) -> PackedRow {
        PackedRow(self.bytes)
    }
}

fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    // A cell over 4 GiB cannot come from a file that Arrow read: its offsets are 32 bits wide.
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    bytes.extend(length.to_le_bytes());
    bytes.extend(&value[..length as usize]);
}

fn put_value(bytes: &mut Vec<u8>, value: &Value, value_type: &ValueType) -> Option<()> {
    match (value, value_type) {
        (Value::Bool(value), ValueType::Bool) => bytes.push(u8::from(*value)),
        (Value::Int32(value), ValueType::Int32) => bytes.extend(value.to_le_bytes()),
        (Value::Int64(value), ValueType::Int64) => bytes.extend(value.to_le_bytes()),
        (Value::Float32(value), ValueType::Float32) => bytes.extend(value.to_le_bytes()),
        (Value::Float64(value), ValueType::Float64) => bytes.extend(value.to_le_bytes()),
        (Value::Timestamp(value), ValueType::Timestamp) => bytes.extend(value.as_nanos().to_le_bytes()),
        (Value::String(value), ValueType::String) => put_bytes(bytes, value.as_bytes()),
        (Value::Bytes(value), ValueType::Bytes) => put_bytes(bytes, value),
        (Value::List(values), ValueType::List(element)) => {
            bytes.extend(u32::try_from(values.len()).ok()?.to_le_bytes());
            let bits = bytes.len();
            bytes.resize(bits + values.len().div_ceil(8), 0);
            for (index, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    bytes[bits + index / 8] |= 1 << (index % 8);
                    put_value(bytes, value, element)?;
                }
            }
        }
        _ => return None,
    }
    Some(())
}

pub(super) fn take_value(rest: &mut &[u8], value_type: &ValueType) -> Option<Value> {
    Some(match value_type {
        ValueType::Bool => match take::<1>(rest)? {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return None,
        },
        ValueType::Int32 => Value::Int32(i32::from_le_bytes(take(rest)?)),
        ValueType::Int64 => Value::Int64(i64::from_le_bytes(take(rest)?)),
        ValueType::Float32 => Value::Float32(f32::from_le_bytes(take(rest)?)),
        ValueType::Float64 => Value::Float64(f64::from_le_bytes(take(rest)?)),
        ValueType::Timestamp => Value::Timestamp(Timestamp::from_nanos(i64::from_le_bytes(take(rest)?))),
        ValueType::String | ValueType::Bytes => {
            let bytes = take_counted(rest)?.to_vec();
            if *value_type == ValueType::String {
                Value::String(String::from_utf8(bytes).ok()?)
            } else {
                Value::Bytes(bytes)
            }
        }
        ValueType::List(element) => {
            let count = take_count(rest)?;
            let bits = take_slice(rest, count.div_ceil(8))?;
            if !unused_bits_are_zero(bits, count) {
                return None;
            }
            let mut values = Vec::with_capacity(count);
            for index in 0..count {
                let is_value = bits[index / 8] >> (index % 8) & 1 == 1;
                values.push(if is_value { Some(take_value(rest, element)?) } else { None });
            }
            Value::List(values)
        }
    })
}

#[cfg(test)]
#[path = "packed_row_tests.rs"]
mod tests;
