//! Random types, values and rows for the tests of this module.

use proptest::prelude::*;

use super::{Cell, RowHeader, RowSchema};
use crate::model::{Value, ValueType};
use crate::registry::ColumnId;
use crate::time::Timestamp;

pub(super) fn key_type() -> impl Strategy<Value = ValueType> {
    let types: Vec<_> = ValueType::SCALARS.into_iter().filter(ValueType::is_key).collect();
    prop::sample::select(types)
}

pub(super) fn any_type() -> impl Strategy<Value = ValueType> {
    let scalar = prop::sample::select(ValueType::SCALARS.to_vec());
    prop_oneof![3 => scalar.clone(), 1 => scalar.prop_map(|element| ValueType::List(Box::new(element)))]
}

/// Few characters, so that texts meet, with all that are special to an encoding.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', '\u{7f}', 'ÿ', '漢', '🦀']),
        0..4,
    )
    .prop_map(String::from_iter)
}

pub(super) fn any_scalar(value_type: &ValueType) -> BoxedStrategy<Value> {
    let edges = prop::sample::select(vec![i64::MIN, -1, 0, 1, i64::MAX]);
    let int64 = prop_oneof![edges, any::<i64>()];
    match value_type {
        ValueType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ValueType::Int32 => {
            prop_oneof![Just(i32::MIN), Just(-1), Just(0), any::<i32>()].prop_map(Value::Int32).boxed()
        }
        ValueType::Int64 => int64.prop_map(Value::Int64).boxed(),
        ValueType::Float32 => any::<u32>().prop_map(|bits| Value::Float32(f32::from_bits(bits))).boxed(),
        ValueType::Float64 => any::<u64>().prop_map(|bits| Value::Float64(f64::from_bits(bits))).boxed(),
        ValueType::Timestamp => {
            int64.prop_map(|nanos| Value::Timestamp(Timestamp::from_nanos(nanos))).boxed()
        }
        ValueType::Bytes => {
            let byte = prop_oneof![Just(0_u8), Just(0xFF), any::<u8>()];
            prop::collection::vec(byte, 0..4).prop_map(Value::Bytes).boxed()
        }
        _ => text().prop_map(Value::String).boxed(),
    }
}

pub(super) fn any_value(value_type: &ValueType) -> BoxedStrategy<Value> {
    match value_type {
        ValueType::List(element) => {
            prop::collection::vec(prop::option::of(any_scalar(element)), 0..20).prop_map(Value::List).boxed()
        }
        scalar => any_scalar(scalar),
    }
}

pub(super) fn any_cell(value_type: &ValueType) -> impl Strategy<Value = Cell> + use<> {
    prop_oneof![1 => Just(Cell::Absent), 1 => Just(Cell::Null), 4 => any_value(value_type).prop_map(Cell::Value)]
}

pub(super) fn any_header() -> impl Strategy<Value = RowHeader> {
    (any::<i64>(), prop::option::of(i64::MIN + 1..=i64::MAX)).prop_map(|(event, created)| RowHeader {
        event_time: Timestamp::from_nanos(event),
        created_time: created.map(Timestamp::from_nanos),
    })
}

/// A schema with column ids 0, 1, 2, … and a row's cells under it.
pub(super) fn schema_and_cells() -> impl Strategy<Value = (RowSchema, Vec<Cell>)> {
    (any::<u32>(), prop::collection::vec(any_type(), 0..12)).prop_flat_map(|(id, types)| {
        let cells: Vec<_> = types.iter().map(any_cell).collect();
        let columns = (0..).map(ColumnId).zip(types).collect();
        (Just(RowSchema { id, columns }), cells)
    })
}
