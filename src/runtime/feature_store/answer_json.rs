//! An answer as JSON text, written straight from the bytes of rows. It is the same text that `OnlineResponse` gives as
//! values; a test holds that.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use provender_core::encoding::value_bytes::{take, take_count, take_counted, take_slice};
use provender_core::model::{Value, ValueType};
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use serde::Serialize;

use super::answer::{Answer, ValueBytes, ViewRows};
use super::plan::SlotSource;
use super::response::{FieldStatus, OnlineResult, value_to_json};
use crate::{Error, ErrorKind, Result};

/// Bytes that a value takes in an answer, roughly: with its status and its time.
const BYTES_A_VALUE: usize = 48;

impl Answer {
    /// The answer as JSON text: names first, then one object a column.
    ///
    /// # Errors
    /// None that a caller can bring about.
    pub fn to_json_text(&self) -> Result<Vec<u8>> {
        let outputs = &self.plan.resolved.outputs;
        let join_keys = || self.entities.join_keys(&self.plan.resolved.fields);
        let values = (outputs.len() + join_keys().count()) * self.entities.row_count();
        let mut text = Vec::with_capacity(64 + self.plan.names_json.len() + values * BYTES_A_VALUE);
        text.extend_from_slice(br#"{"metadata":{"feature_names":["#);
        let mut is_first = true;
        for (name, _) in join_keys() {
            comma(&mut text, &mut is_first);
            put(&mut text, name)?;
        }
        if !outputs.is_empty() {
            comma(&mut text, &mut is_first);
            text.extend_from_slice(self.plan.names_json.as_bytes());
        }
        text.extend_from_slice(br#"]},"results":["#);
        is_first = true;
        for (_, values) in join_keys() {
            comma(&mut text, &mut is_first);
            put_values(&mut text, &OnlineResult::of_join_key(values.clone()))?;
        }
        let times: Vec<TimeTexts> = self.views.iter().map(TimeTexts::of).collect();
        for slot in self.plan.slots.iter().take(outputs.len()) {
            comma(&mut text, &mut is_first);
            match *slot {
                SlotSource::Stored(view, feature) => {
                    let (rows, times) = (self.views.get(view), times.get(view));
                    let (rows, times) = rows.zip(times).ok_or_else(incomplete)?;
                    put_stored(&mut text, rows, feature, times)?;
                }
                SlotSource::Computed(at) => {
                    put_values(&mut text, self.computed.get(at).ok_or_else(incomplete)?)?;
                }
            }
        }
        text.extend_from_slice(b"]}");
        Ok(text)
    }
}

fn incomplete() -> Error {
    Error::new(ErrorKind::Bug, "a feature of an answer was not read")
}

/// The event times of a view's rows as JSON texts, each made once for all features.
struct TimeTexts {
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

/// What is told where nothing was found.
const EPOCH: &str = "\"1970-01-01T00:00:00Z\"";

impl TimeTexts {
    fn of(view: &ViewRows) -> Self {
        let mut text = String::with_capacity(view.event_times.len() * 24);
        let mut ends = Vec::with_capacity(view.event_times.len());
        for time in &view.event_times {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\"{time}\"");
            ends.push(text.len());
        }
        Self { text, ends }
    }

    fn get(&self, row: usize) -> &str {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|end| self.text.get(start..*end)).unwrap_or(EPOCH)
    }
}

/// A column whose values lie in rows.
fn put_stored(text: &mut Vec<u8>, view: &ViewRows, feature: usize, times: &TimeTexts) -> Result<()> {
    let rows = || 0..view.event_times.len();
    text.extend_from_slice(br#"{"values":["#);
    separated(text, rows(), |text, row| match view.value(feature, row) {
        Some(ValueBytes::Encoded(bytes, value_type)) => put_encoded(text, bytes, value_type),
        Some(narrower) => put(text, &narrower.decode().as_ref().map(value_to_json)),
        None => put_null(text),
    })?;
    text.extend_from_slice(br#"],"statuses":["#);
    separated(text, rows(), |text, row| put_status(text, view.status(feature, row)))?;
    text.extend_from_slice(br#"],"event_timestamps":["#);
    separated(text, rows(), |text, row| {
        let is_found = view.status(feature, row) != FieldStatus::NotFound;
        text.extend_from_slice(if is_found { times.get(row) } else { EPOCH }.as_bytes());
        Ok(())
    })?;
    text.extend_from_slice(b"]}");
    Ok(())
}

/// A column of values: a join key, or what an expression gave.
fn put_values(text: &mut Vec<u8>, result: &OnlineResult) -> Result<()> {
    text.extend_from_slice(br#"{"values":["#);
    separated(text, result.values.iter(), |text, value| match value {
        Some(Value::Int64(value)) => put(text, value),
        Some(Value::String(value)) => put(text, value),
        Some(value) => put(text, &value_to_json(value)),
        None => put_null(text),
    })?;
    text.extend_from_slice(br#"],"statuses":["#);
    separated(text, result.statuses.iter(), |text, status| put_status(text, *status))?;
    text.extend_from_slice(br#"],"event_timestamps":["#);
    separated(text, result.event_timestamps.iter(), |text, time| {
        if *time == Timestamp::EPOCH {
            text.extend_from_slice(EPOCH.as_bytes());
            return Ok(());
        }
        put(text, time)
    })?;
    text.extend_from_slice(b"]}");
    Ok(())
}

fn put_status(text: &mut Vec<u8>, status: FieldStatus) -> Result<()> {
    text.push(b'"');
    text.extend_from_slice(status.as_str().as_bytes());
    text.push(b'"');
    Ok(())
}

fn put_null(text: &mut Vec<u8>) -> Result<()> {
    text.extend_from_slice(b"null");
    Ok(())
}

/// A value from its encoded bytes.
fn put_encoded(text: &mut Vec<u8>, mut bytes: &[u8], value_type: &ValueType) -> Result<()> {
    put_next(text, &mut bytes, value_type)
}

/// The value that the bytes begin with.
fn put_next(text: &mut Vec<u8>, bytes: &mut &[u8], value_type: &ValueType) -> Result<()> {
    match value_type {
        ValueType::Bool => put(text, &(whole(take::<1>(bytes))? != [0])),
        ValueType::Int32 => put(text, &i32::from_le_bytes(whole(take(bytes))?)),
        ValueType::Int64 => put(text, &i64::from_le_bytes(whole(take(bytes))?)),
        // NaN and infinities become null.
        ValueType::Float32 => put(text, &f32::from_le_bytes(whole(take(bytes))?)),
        ValueType::Float64 => put(text, &f64::from_le_bytes(whole(take(bytes))?)),
        ValueType::Timestamp => {
            put(text, &i64::from_le_bytes(whole(take(bytes))?).div_euclid(NANOS_PER_SECOND))
        }
        ValueType::String => {
            let value = std::str::from_utf8(whole(take_counted(bytes))?).map_err(|_| damaged())?;
            put(text, value)
        }
        ValueType::Bytes => put(text, &BASE64.encode(whole(take_counted(bytes))?)),
        ValueType::List(element) => put_list(text, bytes, element),
    }
}

fn put_list(text: &mut Vec<u8>, bytes: &mut &[u8], element: &ValueType) -> Result<()> {
    let count = whole(take_count(bytes))?;
    let bits = whole(take_slice(bytes, count.div_ceil(8)))?;
    text.push(b'[');
    separated(text, 0..count, |text, index| {
        if bits[index / 8] >> (index % 8) & 1 == 1 { put_next(text, bytes, element) } else { put_null(text) }
    })?;
    text.push(b']');
    Ok(())
}

fn damaged() -> Error {
    Error::corrupt("the stored row is damaged")
}

/// What was taken from the bytes of a value.
fn whole<T>(taken: Option<T>) -> Result<T> {
    taken.ok_or_else(damaged)
}

/// Writes items with commas between them.
fn separated<T>(
    text: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> Result<()>,
) -> Result<()> {
    let mut is_first = true;
    for item in items {
        comma(text, &mut is_first);
        write(text, item)?;
    }
    Ok(())
}

fn comma(text: &mut Vec<u8>, is_first: &mut bool) {
    if !std::mem::take(is_first) {
        text.push(b',');
    }
}

fn put(text: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(text, value)
        .map_err(|error| Error::new(ErrorKind::Bug, "a value has no JSON").with_source(error))
}
