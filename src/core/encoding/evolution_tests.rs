//! Rows of older schemas, read after a table gained, lost or widened columns.

use proptest::prelude::*;

use super::super::RowHeader;
use super::super::strategies::{any_header, schema_and_cells};
use super::*;
use crate::model::Value;
use crate::time::Timestamp;

fn wider(value_type: &ValueType) -> ValueType {
    match value_type {
        ValueType::Int32 => ValueType::Int64,
        ValueType::Float32 => ValueType::Float64,
        ValueType::List(element) => ValueType::List(Box::new(wider(element))),
        other => other.clone(),
    }
}

proptest! {
    /// A later schema that keeps some columns (as they are or wider), in another order, and adds some.
    #[test]
    fn a_row_reads_as_any_later_schema(
        header in any_header(),
        (schema, cells) in schema_and_cells(),
        keep in prop::collection::vec((any::<bool>(), any::<bool>()), 12),
        added in 0..3_u32,
    ) {
        let row = PackedRow::encode(header, &schema, &cells).unwrap();
        let mut columns: Vec<(ColumnId, ValueType)> = Vec::new();
        let mut expected = Vec::new();
        for (index, (column, value_type)) in schema.columns.iter().enumerate().rev() {
            let (kept, widened) = keep[index];
            if kept {
                let to = if widened { wider(value_type) } else { value_type.clone() };
                expected.push(match &cells[index] {
                    Cell::Value(value) => Cell::Value(value.clone().widen_to(&to).unwrap()),
                    other => other.clone(),
                });
                columns.push((*column, to));
            }
        }
        for number in 0..added {
            columns.push((ColumnId(1_000 + number), ValueType::Bool));
            expected.push(Cell::Absent);
        }
        // A column may be wanted twice.
        if let (Some(column), Some(cell)) = (columns.first().cloned(), expected.first().cloned()) {
            columns.push(column);
            expected.push(cell);
        }
        let later = RowSchema { id: schema.id.wrapping_add(1), columns };
        prop_assert_eq!(row.decode_as(&schema, &later).unwrap(), expected);
    }

    /// Filling keeps times and what is there, adds what is absent, and a second time adds nothing.
    #[test]
    fn filling_adds_only_what_is_absent(
        times in any_header(),
        filler_times in any_header(),
        (schema, cells) in schema_and_cells(),
        swap in any::<u64>(),
    ) {
        let filler_cells: Vec<Cell> = cells
            .iter()
            .enumerate()
            .map(|(index, cell)| if swap >> index & 1 == 1 { Cell::Null } else { cell.clone() })
            .collect();
        let stored_cells: Vec<Cell> = cells
            .iter()
            .enumerate()
            .map(|(index, cell)| if swap >> (index + 20) & 1 == 1 { Cell::Absent } else { cell.clone() })
            .collect();
        let stored = PackedRow::encode(times, &schema, &stored_cells).unwrap();
        let filler = PackedRow::encode(filler_times, &schema, &filler_cells).unwrap();
        let expected: Vec<Cell> = stored_cells
            .iter()
            .zip(&filler_cells)
            .map(|(stored, new)| if *stored == Cell::Absent { new.clone() } else { stored.clone() })
            .collect();
        match stored.fill_absent(&schema, &filler, &schema).unwrap() {
            None => prop_assert_eq!(expected, stored_cells),
            Some(filled) => {
                prop_assert_ne!(&expected, &stored_cells);
                prop_assert_eq!(filled.header(), times);
                prop_assert_eq!(filled.decode(&schema).unwrap(), expected);
                prop_assert_eq!(filled.fill_absent(&schema, &filler, &schema).unwrap(), None);
            }
        }
    }
}

#[test]
fn a_type_that_does_not_widen_is_refused() {
    let schema = |id, value_type| RowSchema { id, columns: vec![(ColumnId(4), value_type)] };
    let header = RowHeader { event_time: Timestamp::EPOCH, created_time: None };
    let stored = schema(1, ValueType::Int64);
    let row = PackedRow::encode(header, &stored, &[Cell::Value(Value::Int64(1))]).unwrap();
    let error = row.decode_as(&stored, &schema(2, ValueType::Int32)).unwrap_err();
    assert_eq!(error.to_string(), "column 4 is stored as int64, which does not widen to int32");
    let null = PackedRow::encode(header, &stored, &[Cell::Null]).unwrap();
    assert_eq!(null.decode_as(&stored, &schema(2, ValueType::Int32)).unwrap(), [Cell::Null]);
}
