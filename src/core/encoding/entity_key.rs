//! One byte encoding of entity keys.
//!
//! The fields stand in the order of join-key names. Each is a type byte followed by order-preserving bytes that cannot
//! run into the next field, so the bytes of two keys are equal exactly when the keys are, and sort as the keys do.
//!
//! | type | type byte | bytes |
//! |---|---|---|
//! | bool | `0x11` | one byte, 0 or 1 |
//! | int32 | `0x21` | big-endian, sign bit flipped |
//! | int64 | `0x22` | big-endian, sign bit flipped |
//! | timestamp | `0x23` | nanoseconds as int64 |
//! | bytes | `0x31` | `00` written as `00 FF`; ends with `00` |
//! | string | `0x32` | UTF-8, as bytes |
//!
//! A later encoding of a type takes another type byte; these never change. `FF` is never a type byte: after the `00`
//! that ends a field it would read as an escaped `00`.

use std::fmt;

use crate::model::{Value, ValueType};
use crate::time::Timestamp;

/// The encoded key of one row of an online table. A view without entities has the empty key.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(Vec<u8>);

const BOOL: u8 = 0x11;
const INT32: u8 = 0x21;
const INT64: u8 = 0x22;
const TIMESTAMP: u8 = 0x23;
const BYTES: u8 = 0x31;
const STRING: u8 = 0x32;

/// A value that cannot be (part of) a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value of type {0} cannot be an entity key")]
pub struct EntityKeyError(&'static str);

impl EntityKey {
    /// The key of a view without entities.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The key of these values, which stand in the order of join-key names.
    ///
    /// # Errors
    /// A float or a list is no key.
    pub fn encode(values: &[Value]) -> Result<Self, EntityKeyError> {
        let mut key = Self(Vec::with_capacity(values.len() * 9));
        for value in values {
            key.push(value)?;
        }
        Ok(key)
    }

    /// Adds the next field.
    ///
    /// # Errors
    /// A float or a list is no key.
    pub fn push(&mut self, value: &Value) -> Result<(), EntityKeyError> {
        match value {
            Value::Bool(value) => self.push_bool(*value),
            Value::Int32(value) => self.push_int32(*value),
            Value::Int64(value) => self.push_int64(*value),
            Value::Timestamp(value) => self.push_timestamp(value.as_nanos()),
            Value::Bytes(value) => self.push_bytes(value),
            Value::String(value) => self.push_string(value),
            Value::Float32(_) => return Err(EntityKeyError("float32")),
            Value::Float64(_) => return Err(EntityKeyError("float64")),
            Value::List(_) => return Err(EntityKeyError("list")),
        }
        Ok(())
    }

    /// Adds a bool field.
    pub fn push_bool(&mut self, value: bool) {
        self.0.extend([BOOL, u8::from(value)]);
    }

    /// Adds an int32 field.
    pub fn push_int32(&mut self, value: i32) {
        self.0.push(INT32);
        self.0.extend((value.cast_unsigned() ^ (1 << 31)).to_be_bytes());
    }

    /// Adds an int64 field.
    pub fn push_int64(&mut self, value: i64) {
        self.0.extend_from_slice(&Self::of_int64(value));
    }

    /// The bytes of a key that is one int64 field: most keys are, and need no allocation.
    pub const fn of_int64(value: i64) -> [u8; 9] {
        let [a, b, c, d, e, f, g, h] = (value.cast_unsigned() ^ (1 << 63)).to_be_bytes();
        [INT64, a, b, c, d, e, f, g, h]
    }

    /// Adds a timestamp field, in nanoseconds since the epoch.
    pub fn push_timestamp(&mut self, nanos: i64) {
        self.0.push(TIMESTAMP);
        self.0.extend((nanos.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    }

    /// Adds a bytes field.
    pub fn push_bytes(&mut self, value: &[u8]) {
        self.0.push(BYTES);
        self.push_terminated(value);
    }

    /// Adds a string field.
    pub fn push_string(&mut self, value: &str) {
        self.0.push(STRING);
        self.push_terminated(value.as_bytes());
    }

    fn push_terminated(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.push(0);
    }

    /// Starts over with no field, keeping the allocation.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes stored bytes; any bytes are a key to a store.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The fields, by the types they were encoded with; `None` for bytes that no `encode` makes.
    pub fn decode(&self, types: &[ValueType]) -> Option<Vec<Value>> {
        let mut rest = self.0.as_slice();
        let mut values = Vec::with_capacity(types.len());
        for expected in types {
            let (kind, after) = rest.split_first()?;
            rest = after;
            let value = match (*kind, expected) {
                (BOOL, ValueType::Bool) => {
                    let (byte, after) = rest.split_first()?;
                    rest = after;
                    match byte {
                        0 => Value::Bool(false),
                        1 => Value::Bool(true),
                        _ => return None,
                    }
                }
                (INT32, ValueType::Int32) => {
                    let (bytes, after) = rest.split_first_chunk::<4>()?;
                    rest = after;
                    Value::Int32((u32::from_be_bytes(*bytes) ^ (1 << 31)).cast_signed())
                }
                (INT64, ValueType::Int64) | (TIMESTAMP, ValueType::Timestamp) => {
                    let (bytes, after) = rest.split_first_chunk::<8>()?;
                    rest = after;
                    let number = (u64::from_be_bytes(*bytes) ^ (1 << 63)).cast_signed();
                    if *kind == INT64 {
                        Value::Int64(number)
                    } else {
                        Value::Timestamp(Timestamp::from_nanos(number))
                    }
                }
                (BYTES, ValueType::Bytes) => Value::Bytes(take_terminated(&mut rest)?),
                (STRING, ValueType::String) => {
                    Value::String(String::from_utf8(take_terminated(&mut rest)?).ok()?)
                }
                _ => return None,
            };
            values.push(value);
        }
        rest.is_empty().then_some(values)
    }
}

fn take_terminated(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match rest {
            [0, 0xFF, after @ ..] => {
                bytes.push(0);
                *rest = after;
            }
            [0, after @ ..] => {
                *rest = after;
                return Some(bytes);
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                *rest = after;
            }
            [] => return None,
        }
    }
}

impl fmt::Debug for EntityKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EntityKey(")?;
        for byte in &self.0 {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str(")")
    }
}

#[cfg(test)]
#[path = "entity_key_tests.rs"]
mod tests;
