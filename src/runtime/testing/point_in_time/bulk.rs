//! More rows than an engine keeps at once: those that lost go, those that lead stay. Every key gets a new row again and again.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Int64Type;
use provender_core::encoding::Cell;
use provender_core::model::{Value, ValueType};

use super::super::{feature_view, file_source, int_key};
use super::load::Filled;
use super::{HistoryBackend, Pieces, Scene, ask_for, frame, rows};

const KEYS: i64 = 1_000;
/// Rows of each key.
const ROUNDS: i64 = 150;
/// Times that are asked for; those of neighbouring rounds are swapped, so that every second row loses at once.
const TIMES: [i64; 4] = [0, 41, 120, ROUNDS + 7];

pub(super) async fn run(backend: &dyn HistoryBackend) {
    let places = || 0..KEYS * ROUNDS;
    let table = rows(vec![
        ("driver_id", Arc::new(places().map(|place| Some(place % KEYS)).collect::<Int64Array>()) as ArrayRef),
        ("ts", Arc::new(places().map(|place| Some(time_at(place))).collect::<TimestampNanosecondArray>())),
        ("number", Arc::new(places().map(Some).collect::<Int64Array>())),
        ("text", Arc::new(places().map(|place| Some(place.to_string())).collect::<StringArray>())),
    ]);
    let features = [("number", ValueType::Int64), ("text", ValueType::String)];
    let view = feature_view("s", &["driver"], &features);
    let scene = Scene::new().source("s", file_source(""), table).view("stats", view);
    let held = scene.held_by(backend, Pieces { file: 40_000, group: 1_000, page: 1_000 }).await;

    let asked: Vec<(i64, i64)> = (0..KEYS).flat_map(|key| TIMES.map(|time| (key, time))).collect();
    let entities = frame(vec![
        ("driver_id", Arc::new(asked.iter().map(|(key, _)| Some(*key)).collect::<Int64Array>()) as ArrayRef),
        (
            "event_timestamp",
            Arc::new(asked.iter().map(|(_, time)| Some(*time)).collect::<TimestampNanosecondArray>()),
        ),
    ]);
    let result = held.ask(&ask_for(&["stats:number", "stats:text"], entities)).await.unwrap().batch;
    let numbers = result.column_by_name("number").unwrap().as_primitive::<Int64Type>();
    let texts = result.column_by_name("text").unwrap().as_string::<i32>();
    for (row, (key, time)) in asked.into_iter().enumerate() {
        let place = place_of(key, time.min(ROUNDS - 1));
        assert_eq!((numbers.value(row), texts.value(row)), (place, &*place.to_string()), "{key} at {time}");
    }

    let filled = Filled::with(&held, "stats", (0, 120)).await;
    assert_eq!(i64::try_from(filled.keys()), Ok(KEYS));
    for key in (0..KEYS).step_by(7) {
        let place = place_of(key, 120);
        let cells = vec![Value::Int64(place), Value::String(place.to_string())];
        let (header, stored) = filled.row(&int_key(key)).await.unwrap();
        assert_eq!(
            (header.event_time.as_nanos(), stored),
            (120, cells.into_iter().map(Cell::Value).collect())
        );
    }
}

const fn time_at(place: i64) -> i64 {
    (place / KEYS) ^ 1
}

/// The place of a key's row of this time.
const fn place_of(key: i64, time: i64) -> i64 {
    (time ^ 1) * KEYS + key
}
