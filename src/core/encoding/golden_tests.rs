//! The vectors in `fixtures/encoding/`, made by another implementation: encoding gives these bytes, decoding takes them.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Cell, EntityKey, PackedRow, RowHeader, RowSchema};
use crate::model::{Fingerprint, Object, Value, ValueType};
use crate::registry::Registry;
use crate::time::Timestamp;

#[derive(Deserialize)]
struct KeyVector {
    fields: Vec<Json>,
    hex: String,
}

#[derive(Deserialize)]
struct RowVector {
    schema: RowSchema,
    event_time: i64,
    created_time: Option<i64>,
    cells: Vec<Json>,
    hex: String,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// `{"int64": 5}` as type and value.
fn tagged(json: &Json) -> (ValueType, Value) {
    let (name, value) = json.as_object().unwrap().iter().next().unwrap();
    let value_type: ValueType = name.parse().unwrap();
    let value = untagged(&value_type, value);
    (value_type, value)
}

fn untagged(value_type: &ValueType, json: &Json) -> Value {
    let text = || json.as_str().unwrap();
    let number = || json.as_i64().unwrap();
    match value_type {
        ValueType::Bool => Value::Bool(json.as_bool().unwrap()),
        ValueType::Int32 => Value::Int32(number().try_into().unwrap()),
        ValueType::Int64 => Value::Int64(number()),
        ValueType::Timestamp => Value::Timestamp(Timestamp::from_nanos(number())),
        ValueType::Float32 => Value::Float32(f32::from_bits(u32::from_str_radix(text(), 16).unwrap())),
        ValueType::Float64 => Value::Float64(f64::from_bits(u64::from_str_radix(text(), 16).unwrap())),
        ValueType::String => Value::String(text().to_owned()),
        ValueType::Bytes => Value::Bytes(unhex(text())),
        ValueType::List(element) => Value::List(
            json.as_array()
                .unwrap()
                .iter()
                .map(|value| (!value.is_null()).then(|| untagged(element, value)))
                .collect(),
        ),
    }
}

#[test]
fn entity_keys_are_frozen() {
    let vectors: Vec<KeyVector> =
        serde_json::from_str(include_str!("../../../fixtures/encoding/entity_keys.json")).unwrap();
    assert!(vectors.len() > 40);
    for vector in vectors {
        let (types, values): (Vec<_>, Vec<_>) = vector.fields.iter().map(tagged).unzip();
        let key = EntityKey::encode(&values).unwrap();
        assert_eq!(key.as_bytes(), unhex(&vector.hex), "{:?}", vector.fields);
        assert_eq!(key.decode(&types), Some(values), "{:?}", vector.fields);
    }
}

#[test]
fn packed_rows_are_frozen() {
    let vectors: Vec<RowVector> =
        serde_json::from_str(include_str!("../../../fixtures/encoding/packed_rows.json")).unwrap();
    assert!(vectors.len() > 50);
    for vector in vectors {
        let cells: Vec<Cell> = vector
            .cells
            .iter()
            .map(|cell| match cell.as_str() {
                Some("absent") => Cell::Absent,
                Some("null") => Cell::Null,
                _ => Cell::Value(tagged(cell).1),
            })
            .collect();
        let header = RowHeader {
            event_time: Timestamp::from_nanos(vector.event_time),
            created_time: vector.created_time.map(Timestamp::from_nanos),
        };
        let row = PackedRow::encode(header, &vector.schema, &cells).unwrap();
        assert_eq!(row.as_bytes(), unhex(&vector.hex), "{:?}", vector.cells);
        let stored = PackedRow::from_bytes(unhex(&vector.hex)).unwrap();
        assert_eq!((stored.header(), stored.schema_id()), (header, vector.schema.id));
        assert_eq!(stored.decode(&vector.schema).unwrap(), cells);
    }
}

/// The description that stores keep of a row schema.
#[test]
fn row_schemas_are_frozen() {
    let text = r#"{"id":3,"columns":[[1,"int64"],[4,"list(float32)"]]}"#;
    let schema: RowSchema = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&schema).unwrap(), text);
}

#[derive(Deserialize)]
struct FingerprintVector {
    address: Option<String>,
    table: Option<String>,
    fingerprint: String,
    /// Of what a data source says about stored values.
    content: Option<String>,
}

/// Of the objects and tables in the golden checkpoint: what preconditions, source histories and plans compare.
#[test]
fn fingerprints_are_frozen() {
    #[derive(Deserialize)]
    struct Checkpoint {
        state: Registry,
    }
    let Checkpoint { state } =
        serde_json::from_str(include_str!("../../../fixtures/registry/v1/checkpoint.json")).unwrap();
    let vectors: Vec<FingerprintVector> =
        serde_json::from_str(include_str!("../../../fixtures/encoding/fingerprints.json")).unwrap();
    assert_eq!(vectors.len(), state.objects.0.len() + state.tables.len());
    for vector in vectors {
        if let Some(table) = &vector.table {
            let table = &state.tables[&table.parse().unwrap()];
            assert_eq!(Fingerprint::of(table).as_str(), vector.fingerprint, "{}", table.id);
            continue;
        }
        let address = vector.address.unwrap().parse().unwrap();
        let object = state.objects.get(&address).unwrap();
        assert_eq!(object.fingerprint().as_str(), vector.fingerprint, "{address}");
        if let Object::DataSource(source) = object {
            assert_eq!(Some(source.content_fingerprint().as_str()), vector.content.as_deref(), "{address}");
        }
    }
}
