//! Packed rows: golden vectors, random rows, and bytes that are no row.

use proptest::prelude::*;

use super::super::strategies::{any_header, schema_and_cells};
use super::*;

proptest! {
    #[test]
    fn rows_come_back(header in any_header(), (schema, cells) in schema_and_cells()) {
        let row = PackedRow::encode(header, &schema, &cells).unwrap();
        let stored = PackedRow::from_bytes(row.as_bytes().to_vec()).unwrap();
        prop_assert_eq!(stored.header(), header);
        prop_assert_eq!(stored.schema_id(), schema.id);
        prop_assert_eq!(stored.decode(&schema).unwrap(), cells);
    }

    /// What is cut, longer, or has one byte changed is refused, or is the one encoding of what it says.
    #[test]
    fn damaged_rows_are_refused_or_mean_what_they_say(
        header in any_header(),
        (schema, cells) in schema_and_cells(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let row = PackedRow::encode(header, &schema, &cells).unwrap().into_bytes();
        let cut = PackedRow::from_bytes(row[..at.index(row.len())].to_vec());
        prop_assert!(cut.and_then(|row| row.decode(&schema)).is_err());
        let longer = PackedRow::from_bytes([&row[..], &[byte]].concat());
        prop_assert!(longer.and_then(|row| row.decode(&schema)).is_err());
        let mut changed = row.clone();
        changed[at.index(row.len())] = byte;
        if let Ok(decoded) = PackedRow::from_bytes(changed.clone()).and_then(|row| Ok((row.header(), row.decode(&schema)?))) {
            let again = PackedRow::encode(decoded.0, &schema, &decoded.1).unwrap();
            prop_assert_eq!(again.as_bytes(), &changed[..]);
        }
    }

    #[test]
    fn any_bytes_decode_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), (schema, _) in schema_and_cells()) {
        if bytes.len() >= 5 {
            bytes[0] = VERSION;
            bytes[1..5].copy_from_slice(&schema.id.to_le_bytes());
        }
        if let Ok(row) = PackedRow::from_bytes(bytes) {
            let _ = row.decode(&schema);
        }
    }
}

fn header() -> RowHeader {
    RowHeader { event_time: Timestamp::from_nanos(1), created_time: None }
}

fn schema(types: &[ValueType]) -> RowSchema {
    RowSchema { id: 1, columns: (1..).map(ColumnId).zip(types.iter().cloned()).collect() }
}

#[test]
fn no_created_time_sorts_first() {
    let with = |event, created: Option<i64>| RowHeader {
        event_time: Timestamp::from_nanos(event),
        created_time: created.map(Timestamp::from_nanos),
    };
    let sorted = [with(1, None), with(1, Some(i64::MIN + 1)), with(1, Some(0)), with(2, None)];
    assert!(sorted.is_sorted());
    let smallest = PackedRow::encode(with(1, Some(i64::MIN)), &schema(&[]), &[]).unwrap();
    assert_eq!(smallest.header(), with(1, None), "NumPy's `not a time` is none");
}

#[test]
fn rows_of_other_versions_schemas_and_sizes_are_told_apart() {
    let schema = schema(&[ValueType::Int64]);
    let row = PackedRow::encode(header(), &schema, &[Cell::Null]).unwrap();
    let other = RowSchema { id: 2, ..schema.clone() };
    assert_eq!(row.decode(&other), Err(PackedRowError::Schema { expected: 2, found: 1 }));
    let mut newer = row.into_bytes();
    newer[0] = 2;
    assert_eq!(PackedRow::from_bytes(newer), Err(PackedRowError::Version(2)));
    assert_eq!(PackedRow::from_bytes(vec![]), Err(PackedRowError::Damaged));
    assert_eq!(PackedRow::from_bytes(vec![VERSION; HEADER - 1]), Err(PackedRowError::Damaged));
    let wrong = Cell::Value(Value::Int32(1));
    let refused = PackedRowError::Type { column: 0, expected: ValueType::Int64 };
    assert_eq!(PackedRow::encode(header(), &schema, std::slice::from_ref(&wrong)), Err(refused));
    let count = PackedRowError::Cells { expected: 1, found: 2 };
    assert_eq!(PackedRow::encode(header(), &schema, &[wrong.clone(), wrong]), Err(count));
}

#[test]
fn the_builder_writes_what_encode_writes() {
    let types = [ValueType::Int32, ValueType::String, ValueType::Bool, ValueType::Float64, ValueType::Bytes];
    let schema = schema(&types);
    let cells = [
        Cell::Value(Value::Int32(-2)),
        Cell::Null,
        Cell::Absent,
        Cell::Value(Value::Float64(0.5)),
        Cell::Value(Value::Bytes(vec![0, 1])),
    ];
    let mut builder = PackedRowBuilder::new(header(), &schema);
    builder.push_fixed((-2_i32).to_le_bytes());
    builder.push_null();
    builder.push_absent();
    // A value of another type pushes nothing.
    assert_eq!(builder.push_value(&Value::List(vec![]), &ValueType::Float64), None);
    builder.push_fixed(0.5_f64.to_le_bytes());
    builder.push_bytes(&[0, 1]);
    assert_eq!(builder.finish(), PackedRow::encode(header(), &schema, &cells).unwrap());
}
