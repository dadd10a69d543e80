//! Values between the interface and the runtime. In requests they become JSON, so that what a value may look like for a
//! type is decided in one place for both interfaces.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use provender_core::model::Value;
use serde_json::Value as Json;

use super::interface::types::value::Val;
use super::interface::types::{
    BoolList, BytesList, DoubleList, FloatList, Int32List, Int64List, StringList, Value as Message,
};

/// A value of a request; one that is not set is null.
pub(super) fn to_json(value: Message) -> Json {
    let bytes = |bytes: Vec<u8>| Json::from(BASE64.encode(bytes));
    match value.val {
        None => Json::Null,
        Some(Val::BytesVal(value)) => bytes(value),
        Some(Val::StringVal(value)) => Json::from(value),
        Some(Val::Int32Val(value)) => Json::from(value),
        Some(Val::Int64Val(value) | Val::UnixTimestampVal(value)) => Json::from(value),
        Some(Val::DoubleVal(value)) => Json::from(value),
        Some(Val::FloatVal(value)) => Json::from(value),
        Some(Val::BoolVal(value)) => Json::from(value),
        Some(Val::BytesListVal(list)) => list.val.into_iter().map(bytes).collect(),
        Some(Val::StringListVal(list)) => Json::from(list.val),
        Some(Val::Int32ListVal(list)) => Json::from(list.val),
        Some(Val::Int64ListVal(list) | Val::UnixTimestampListVal(list)) => Json::from(list.val),
        Some(Val::DoubleListVal(list)) => Json::from(list.val),
        Some(Val::FloatListVal(list)) => Json::from(list.val),
        Some(Val::BoolListVal(list)) => Json::from(list.val),
    }
}

/// A value of an answer.
pub(super) fn of_value(value: Option<Value>) -> Message {
    Message { val: value.map(val) }
}

fn val(value: Value) -> Val {
    match value {
        Value::Bool(value) => Val::BoolVal(value),
        Value::Int32(value) => Val::Int32Val(value),
        Value::Int64(value) => Val::Int64Val(value),
        Value::Float32(value) => Val::FloatVal(value),
        Value::Float64(value) => Val::DoubleVal(value),
        Value::String(value) => Val::StringVal(value),
        Value::Bytes(value) => Val::BytesVal(value),
        Value::Timestamp(value) => Val::UnixTimestampVal(value.as_seconds()),
        Value::List(values) => list(values),
    }
}

/// The interface knows no null inside of a list: NaN stands for it among floats, else the empty value of the type. An
/// empty list, and one of nulls alone, is a list of strings: its type is not in the value.
fn list(values: Vec<Option<Value>>) -> Val {
    macro_rules! list_of {
        ($variant:ident, $message:ident, $kind:path, $null:expr) => {
            Val::$variant($message {
                val: values
                    .into_iter()
                    .map(|value| if let Some($kind(value)) = value { value } else { $null })
                    .collect(),
            })
        };
    }
    match values.iter().flatten().next() {
        Some(Value::Bool(_)) => list_of!(BoolListVal, BoolList, Value::Bool, false),
        Some(Value::Int32(_)) => list_of!(Int32ListVal, Int32List, Value::Int32, 0),
        Some(Value::Int64(_)) => list_of!(Int64ListVal, Int64List, Value::Int64, 0),
        Some(Value::Float32(_)) => list_of!(FloatListVal, FloatList, Value::Float32, f32::NAN),
        Some(Value::Float64(_)) => list_of!(DoubleListVal, DoubleList, Value::Float64, f64::NAN),
        Some(Value::Bytes(_)) => list_of!(BytesListVal, BytesList, Value::Bytes, Vec::new()),
        Some(Value::Timestamp(_)) => Val::UnixTimestampListVal(Int64List {
            val: values
                .into_iter()
                .map(|value| if let Some(Value::Timestamp(time)) = value { time.as_seconds() } else { 0 })
                .collect(),
        }),
        Some(Value::String(_) | Value::List(_)) | None => {
            list_of!(StringListVal, StringList, Value::String, String::new())
        }
    }
}
