//! From columns to encoded keys and packed rows, without a `Value` per cell.

use std::ops::Range;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int32Array, Int64Array, StringArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType,
};
use provender_core::encoding::{EntityKey, PackedRow, PackedRowBuilder, RowHeader, RowSchema};
use provender_core::model::{Value, ValueType};
use provender_core::time::Timestamp;

use crate::{Error, ErrorKind, Result};

/// Join-key columns of one batch, in the order of join-key names, with their declared types.
#[derive(Debug)]
pub struct KeyColumns(Vec<KeyColumn>);

#[derive(Debug)]
enum KeyColumn {
    Bool(BooleanArray),
    Int32(Int32Array),
    Int64(Int64Array),
    String(StringArray),
    Bytes(BinaryArray),
    Timestamp(TimestampNanosecondArray),
}

impl KeyColumns {
    /// Takes columns that have the Arrow types of key types (see [`super::data_type`]).
    ///
    /// # Errors
    /// A column of a type that no key has.
    pub fn new(columns: &[ArrayRef]) -> Result<Self> {
        columns.iter().map(KeyColumn::new).collect::<Result<_>>().map(Self)
    }

    /// Writes the key of a row over `key`; false, with `key` in no good state, when a field is null.
    #[inline]
    pub fn encode(&self, row: usize, key: &mut EntityKey) -> bool {
        key.clear();
        self.0.iter().all(|column| column.push(row, key))
    }

    /// Calls `take` with each of some rows whose key is not null, and the key, when keys are one integer; else false.
    pub fn for_each_integer(&self, rows: Range<usize>, mut take: impl FnMut(usize, i64)) -> bool {
        match self.0.as_slice() {
            [KeyColumn::Int64(column)] => {
                rows.filter(|row| column.is_valid(*row)).for_each(|row| take(row, column.value(row)));
            }
            [KeyColumn::Int32(column)] => {
                rows.filter(|row| column.is_valid(*row)).for_each(|row| take(row, column.value(row).into()));
            }
            _ => return false,
        }
        true
    }

    /// Calls `take` with each of some rows whose key has no null field, and the encoded key.
    pub fn for_each(&self, rows: Range<usize>, mut take: impl FnMut(usize, &[u8])) {
        if let [KeyColumn::Int64(column)] = self.0.as_slice() {
            for row in rows.filter(|row| column.is_valid(*row)) {
                take(row, &EntityKey::of_int64(column.value(row)));
            }
            return;
        }
        let mut key = EntityKey::empty();
        for row in rows {
            if self.encode(row, &mut key) {
                take(row, key.as_bytes());
            }
        }
    }
}

impl KeyColumn {
    fn new(column: &ArrayRef) -> Result<Self> {
        Ok(match column.data_type() {
            DataType::Boolean => Self::Bool(column.as_boolean().clone()),
            DataType::Int32 => Self::Int32(column.as_primitive().clone()),
            DataType::Int64 => Self::Int64(column.as_primitive().clone()),
            DataType::Utf8 => Self::String(column.as_string().clone()),
            DataType::Binary => Self::Bytes(column.as_binary().clone()),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Self::Timestamp(column.as_primitive().clone()),
            other => return Err(Error::new(ErrorKind::Bug, format!("a column of {other} cannot be a key"))),
        })
    }

    /// Adds the field of a row; false when it is null.
    fn push(&self, row: usize, key: &mut EntityKey) -> bool {
        macro_rules! push {
            ($column:ident, $push:ident) => {{
                if $column.is_null(row) {
                    return false;
                }
                key.$push($column.value(row));
            }};
        }
        match self {
            Self::Bool(column) => push!(column, push_bool),
            Self::Int32(column) => push!(column, push_int32),
            Self::Int64(column) => push!(column, push_int64),
            Self::String(column) => push!(column, push_string),
            Self::Bytes(column) => push!(column, push_bytes),
            Self::Timestamp(column) => push!(column, push_timestamp),
        }
        true
    }
}

/// Feature columns of one batch, in the order of a row schema; a schema column that is not there is absent.
#[derive(Debug)]
pub struct RowColumns<'a> {
    schema: &'a RowSchema,
    columns: Vec<Option<ArrayRef>>,
}

impl<'a> RowColumns<'a> {
    /// Takes one column, or none, for each column of the schema.
    ///
    /// # Errors
    /// Another number of columns, or one of another type than the schema says.
    pub fn new(schema: &'a RowSchema, columns: Vec<Option<ArrayRef>>) -> Result<Self> {
        let fits = columns.len() == schema.columns.len()
            && columns.iter().zip(&schema.columns).all(|(column, (_, value_type))| {
                column.as_ref().is_none_or(|column| *column.data_type() == super::data_type(value_type))
            });
        if fits {
            Ok(Self { schema, columns })
        } else {
            Err(Error::new(ErrorKind::Bug, "columns do not have the row schema's types"))
        }
    }

    /// The packed row of one row.
    ///
    /// # Errors
    /// A value that is not of its column's type: a bug.
    pub fn encode(&self, row: usize, header: RowHeader) -> Result<PackedRow> {
        let mut builder = PackedRowBuilder::new(header, self.schema);
        for (column, (_, value_type)) in self.columns.iter().zip(&self.schema.columns) {
            let Some(column) = column else {
                builder.push_absent();
                continue;
            };
            if column.is_null(row) {
                builder.push_null();
                continue;
            }
            match value_type {
                ValueType::Bool => builder.push_fixed([u8::from(column.as_boolean().value(row))]),
                ValueType::Int32 => {
                    builder.push_fixed(column.as_primitive::<Int32Type>().value(row).to_le_bytes())
                }
                ValueType::Int64 => {
                    builder.push_fixed(column.as_primitive::<Int64Type>().value(row).to_le_bytes())
                }
                ValueType::Float32 => {
                    builder.push_fixed(column.as_primitive::<Float32Type>().value(row).to_le_bytes())
                }
                ValueType::Float64 => {
                    builder.push_fixed(column.as_primitive::<Float64Type>().value(row).to_le_bytes())
                }
                ValueType::Timestamp => {
                    builder.push_fixed(
                        column.as_primitive::<TimestampNanosecondType>().value(row).to_le_bytes(),
                    );
                }
                ValueType::String => builder.push_bytes(column.as_string::<i32>().value(row).as_bytes()),
                ValueType::Bytes => builder.push_bytes(column.as_binary::<i32>().value(row)),
                ValueType::List(_) => builder
                    .push_value(&value(column, row, value_type), value_type)
                    .ok_or_else(|| Error::new(ErrorKind::Bug, "a list does not have its declared type"))?,
            }
        }
        Ok(builder.finish())
    }
}

/// The value of a cell that is not null, in a column that has the Arrow type of `value_type`.
fn value(column: &ArrayRef, row: usize, value_type: &ValueType) -> Value {
    match value_type {
        ValueType::Bool => Value::Bool(column.as_boolean().value(row)),
        ValueType::Int32 => Value::Int32(column.as_primitive::<Int32Type>().value(row)),
        ValueType::Int64 => Value::Int64(column.as_primitive::<Int64Type>().value(row)),
        ValueType::Float32 => Value::Float32(column.as_primitive::<Float32Type>().value(row)),
        ValueType::Float64 => Value::Float64(column.as_primitive::<Float64Type>().value(row)),
        ValueType::String => Value::String(column.as_string::<i32>().value(row).to_owned()),
        ValueType::Bytes => Value::Bytes(column.as_binary::<i32>().value(row).to_vec()),
        ValueType::Timestamp => Value::Timestamp(Timestamp::from_nanos(
            column.as_primitive::<TimestampNanosecondType>().value(row),
        )),
        ValueType::List(element) => {
            let values = column.as_list::<i32>().value(row);
            let cell = |at| if values.is_null(at) { None } else { Some(value(&values, at, element)) };
            Value::List((0..values.len()).map(cell).collect())
        }
    }
}
