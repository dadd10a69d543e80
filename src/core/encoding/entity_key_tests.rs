//! Entity keys: golden vectors, and order and difference of random keys.

use proptest::prelude::*;

use super::super::strategies::{any_scalar, key_type};
use super::*;

/// How keys sort: by their values, strings by their bytes.
fn compare(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int32(a), Value::Int32(b)) => a.cmp(b),
        (Value::Int64(a), Value::Int64(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ => panic!("values of one type"),
    }
}

fn typed_keys(count: usize) -> impl Strategy<Value = (Vec<ValueType>, Vec<Vec<Value>>)> {
    prop::collection::vec(key_type(), 0..4).prop_flat_map(move |types| {
        let fields: Vec<_> = types.iter().map(any_scalar).collect();
        (Just(types), prop::collection::vec(fields, count))
    })
}

proptest! {
    #[test]
    fn keys_come_back((types, keys) in typed_keys(1)) {
        let key = EntityKey::encode(&keys[0]).unwrap();
        prop_assert_eq!(key.decode(&types), Some(keys[0].clone()));
    }

    #[test]
    fn keys_sort_as_their_values_do((_, keys) in typed_keys(2)) {
        let by_value = keys[0].iter().zip(&keys[1]).map(|(a, b)| compare(a, b)).find(|order| order.is_ne());
        let (a, b) = (EntityKey::encode(&keys[0]).unwrap(), EntityKey::encode(&keys[1]).unwrap());
        prop_assert_eq!(a.as_bytes().cmp(b.as_bytes()), by_value.unwrap_or(std::cmp::Ordering::Equal));
    }

    /// Over all shapes: other types, other numbers of fields, and fields that could run together.
    #[test]
    fn different_keys_have_different_bytes((_, a) in typed_keys(1), (_, b) in typed_keys(1)) {
        let bytes = |values: &[Value]| EntityKey::encode(values).unwrap();
        prop_assert_eq!(a[0] == b[0], bytes(&a[0]) == bytes(&b[0]));
        // No key is the beginning of another of the same shape with one field less than it.
        if a[0].len() > 1 {
            prop_assert_ne!(bytes(&a[0][..1]), bytes(&a[0]));
        }
    }

    #[test]
    fn any_bytes_decode_to_themselves_or_to_nothing(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(0xFF), Just(0x11), Just(0x32), any::<u8>()], 0..24),
        types in prop::collection::vec(key_type(), 0..4),
    ) {
        if let Some(values) = EntityKey::from_bytes(bytes.clone()).decode(&types) {
            prop_assert_eq!(EntityKey::encode(&values).unwrap(), EntityKey::from_bytes(bytes));
        }
    }
}

#[test]
fn floats_and_lists_are_no_keys() {
    for value in [Value::Float32(1.0), Value::Float64(1.0), Value::List(vec![])] {
        assert!(EntityKey::encode(&[value]).is_err());
    }
}

#[test]
fn texts_that_could_run_together_do_not() {
    let texts = ["", "\0", "\0\0", "a", "a\0", "\0a", "a\0\u{ff}", "ab", "b", "\u{32}"];
    let mut keys = std::collections::BTreeSet::new();
    for a in texts {
        for b in texts {
            let values = [Value::String(a.to_owned()), Value::String(b.to_owned())];
            assert!(keys.insert(EntityKey::encode(&values).unwrap()), "{a:?} {b:?}");
        }
    }
}
