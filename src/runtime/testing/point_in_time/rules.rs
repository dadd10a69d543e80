//! Rules that one row and one answer cannot tell: order and number of entity rows, keys of several columns, several views,
//! entity rows that come from the sources, times in mixed units.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Float64Array, Int16Array, Int32Array, Int64Array, StringArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use provender_core::model::{DataSource, FeatureView, TimestampUnit, ValueType};
use provender_core::time::{Duration, Timestamp};

use super::super::{feature_view, file_source};
use super::{HistoryBackend, Pieces, Scene, ask_for, frame, rows};
use crate::historical::EntityRows;

const CUTS: [Pieces; 3] = [
    Pieces { file: 1, group: 1, page: 1 },
    Pieces { file: 3, group: 2, page: 1 },
    Pieces { file: 1_000, group: 1_000, page: 1_000 },
];

pub(super) async fn run(backend: &dyn HistoryBackend) {
    for pieces in CUTS {
        every_entity_row_comes_back_once_in_order_with_its_own_columns(backend, pieces).await;
        composite_keys_compare_by_value(backend, pieces).await;
        text_keys_with_separators_do_not_meet(backend, pieces).await;
        keys_of_other_widths_meet_by_value(backend, pieces).await;
        the_last_of_equal_rows_is_found_across_files(backend, pieces).await;
        views_of_other_keys_and_of_none_stand_side_by_side(backend, pieces).await;
        a_range_makes_the_entity_rows(backend, pieces).await;
        times_of_mixed_units_meet(backend, pieces).await;
        rows_without_time_are_counted_for_each_view(backend, pieces).await;
        mapped_columns_are_read_by_their_names_in_the_source(backend, pieces).await;
    }
}

fn ints(values: impl Into<Int64Array>) -> ArrayRef {
    Arc::new(values.into())
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn nanos(times: &[i64]) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(times.to_vec()))
}

fn values(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn view(source: &str, entities: &[&str], feature: &str) -> FeatureView {
    feature_view(source, entities, &[(feature, ValueType::Float64)])
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

/// Rows (key, time, value) of drivers.
fn drivers(rows_of: &[(Option<i64>, Option<i64>, f64)]) -> RecordBatch {
    rows(vec![
        ("driver_id", ints(rows_of.iter().map(|row| row.0).collect::<Vec<_>>())),
        ("ts", Arc::new(rows_of.iter().map(|row| row.1).collect::<TimestampNanosecondArray>())),
        ("v", values(&rows_of.iter().map(|row| row.2).collect::<Vec<_>>())),
    ])
}

async fn every_entity_row_comes_back_once_in_order_with_its_own_columns(
    backend: &dyn HistoryBackend,
    pieces: Pieces,
) {
    let source = drivers(&[(Some(1), Some(5), 1.0), (Some(3), Some(5), 3.0)]);
    let held = Scene::new().source("s", file_source(""), source).view("stats", view("s", &["driver"], "v"));
    let held = held.held_by(backend, pieces).await;
    let label: ArrayRef = ints(vec![Some(0), Some(1), None, Some(1), Some(1), Some(0)]);
    let entities = frame(vec![
        ("label", Arc::clone(&label)),
        ("driver_id", ints(vec![Some(1), Some(1), Some(2), None, Some(1), Some(1)])),
        ("event_timestamp", nanos(&[9, 9, 9, 9, 4, 9])),
    ]);
    let result = held.ask(&ask_for(&["stats:v"], entities)).await.unwrap().batch;
    assert_eq!(floats(&result, "v"), [Some(1.0), Some(1.0), None, None, None, Some(1.0)]);
    assert_eq!(result.column_by_name("label"), Some(&label));
    let names: Vec<_> = result.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["label", "driver_id", "event_timestamp", "v"]);
    let nobody = frame(vec![("driver_id", ints(Vec::<i64>::new())), ("event_timestamp", nanos(&[]))]);
    let result = held.ask(&ask_for(&["stats:v"], nobody)).await.unwrap().batch;
    assert_eq!((result.num_rows(), result.num_columns()), (0, 3));
}

async fn composite_keys_compare_by_value(backend: &dyn HistoryBackend, pieces: Pieces) {
    let source = rows(vec![
        ("a", ints(vec![1, 12, 1, -1])),
        ("b", ints(vec![23, 3, 0, 23])),
        ("ts", nanos(&[5, 5, 5, 5])),
        ("v", values(&[1.0, 2.0, 3.0, 4.0])),
    ]);
    let held = Scene::new().source("s", file_source(""), source).view("pairs", view("s", &["b", "a"], "v"));
    let held = held.held_by(backend, pieces).await;
    let entities = frame(vec![
        ("b", ints(vec![Some(3), Some(23), Some(12), Some(1), Some(23), None])),
        ("a", ints(vec![Some(12), Some(1), Some(3), Some(23), Some(-1), Some(1)])),
        ("event_timestamp", nanos(&[9; 6])),
    ]);
    let result = held.ask(&ask_for(&["pairs:v"], entities)).await.unwrap().batch;
    assert_eq!(floats(&result, "v"), [Some(2.0), Some(1.0), None, None, Some(4.0), None]);
}

async fn text_keys_with_separators_do_not_meet(backend: &dyn HistoryBackend, pieces: Pieces) {
    let mut pairs = vec![
        ("a,b", "c"),
        ("a", "b,c"),
        ("a|b", "c"),
        ("a", "b|c"),
        ("a\"", "b"),
        ("a", "\"b"),
        ("a b", "c"),
        ("a", "b c"),
        ("é", "ö"),
        ("e\u{301}", "ö"),
        ("1", "23"),
        ("12", "3"),
        ("01", "23"),
        ("A", "b"),
    ];
    if backend.knows_empty_text() {
        pairs.extend([("", "ab"), ("ab", ""), ("a\0", "b"), ("a", "\0b")]);
    }
    let (left, right): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
    let numbers: Vec<f64> = (0..pairs.len()).map(|number| number as f64).collect();
    let source = rows(vec![
        ("code", texts(&left)),
        ("left", texts(&right)),
        ("ts", nanos(&vec![5; pairs.len()])),
        ("v", values(&numbers)),
    ]);
    let held =
        Scene::new().source("s", file_source(""), source).view("pairs", view("s", &["code", "left"], "v"));
    let held = held.held_by(backend, pieces).await;
    let ask = |code: &[&str], left: &[&str]| {
        let times = nanos(&vec![9; code.len()]);
        let entities = frame(vec![("code", texts(code)), ("left", texts(left)), ("event_timestamp", times)]);
        ask_for(&["pairs:v"], entities)
    };
    let result = held.ask(&ask(&left, &right)).await.unwrap().batch;
    assert_eq!(floats(&result, "v"), numbers.iter().map(|number| Some(*number)).collect::<Vec<_>>());
    let result =
        held.ask(&ask(&["a", "a,b,c", "", "1,23", "a"], &["b", "", "a", "", "B"])).await.unwrap().batch;
    assert_eq!(floats(&result, "v"), [None; 5]);
}

async fn keys_of_other_widths_meet_by_value(backend: &dyn HistoryBackend, pieces: Pieces) {
    let source = rows(vec![
        ("driver_id", Arc::new(Int16Array::from(vec![7, -7])) as ArrayRef),
        ("code", Arc::new(Int32Array::from(vec![7, -7])) as ArrayRef),
        ("ts", nanos(&[5, 5])),
        ("v", values(&[1.0, 2.0])),
    ]);
    let scene = Scene::new().source("s", file_source(""), source);
    let scene = scene.view("stats", view("s", &["driver"], "v")).view("coded", view("s", &["code"], "v"));
    let held = scene.held_by(backend, pieces).await;
    let entities = frame(vec![
        ("driver_id", Arc::new(Int32Array::from(vec![-7, 7, 7])) as ArrayRef),
        ("code", texts(&["-7", "07", "7"])),
        ("event_timestamp", nanos(&[9; 3])),
    ]);
    let mut request = ask_for(&["stats:v", "coded:v"], entities);
    request.full_feature_names = true;
    let result = held.ask(&request).await.unwrap().batch;
    assert_eq!(floats(&result, "stats__v"), [Some(2.0), Some(1.0), Some(1.0)]);
    assert_eq!(floats(&result, "coded__v"), [Some(2.0), None, Some(1.0)]);
}

/// More files than there are digits: names are in byte order, not in that of numbers.
async fn the_last_of_equal_rows_is_found_across_files(backend: &dyn HistoryBackend, pieces: Pieces) {
    let source: Vec<_> =
        (0..24).map(|row| (Some(row % 2), Some(5), row as f64)).chain([(Some(0), Some(4), 99.0)]).collect();
    let scene = Scene::new().source("s", file_source(""), drivers(&source));
    let held = scene.view("stats", view("s", &["driver"], "v")).held_by(backend, pieces).await;
    let entities = frame(vec![("driver_id", ints(vec![0, 1])), ("event_timestamp", nanos(&[5, 6]))]);
    let result = held.ask(&ask_for(&["stats:v"], entities)).await.unwrap().batch;
    assert_eq!(floats(&result, "v"), [Some(22.0), Some(23.0)]);
}

async fn views_of_other_keys_and_of_none_stand_side_by_side(backend: &dyn HistoryBackend, pieces: Pieces) {
    let both = rows(vec![
        ("driver_id", ints(vec![1, 1, 2])),
        ("code", texts(&["x", "y", "x"])),
        ("ts", nanos(&[3, 4, 6])),
        ("v", values(&[1.0, 2.0, 3.0])),
        ("g", values(&[10.0, 20.0, 30.0])),
    ]);
    let short = FeatureView { ttl: Duration::from_nanos(2).unwrap(), ..view("s", &["code"], "v") };
    let scene = Scene::new()
        .source("s", file_source(""), both)
        .view("by_driver", view("s", &["driver"], "v"))
        .view("by_code", short)
        .view("by_both", view("s", &["code", "driver"], "v"))
        .view("global", view("s", &[], "g"));
    let held = scene.held_by(backend, pieces).await;
    let entities = frame(vec![
        ("code", texts(&["x", "y", "x", "z"])),
        ("driver_id", ints(vec![Some(1), Some(2), Some(2), None])),
        ("event_timestamp", nanos(&[5, 6, 7, 2])),
    ]);
    let mut request = ask_for(&["global:g", "by_both:v", "by_code:v", "by_driver:v"], entities);
    request.full_feature_names = true;
    let result = held.ask(&request).await.unwrap().batch;
    assert_eq!(floats(&result, "by_driver__v"), [Some(2.0), Some(3.0), Some(3.0), None]);
    assert_eq!(floats(&result, "by_code__v"), [Some(1.0), Some(2.0), Some(3.0), None]);
    assert_eq!(floats(&result, "by_both__v"), [Some(1.0), None, Some(3.0), None]);
    assert_eq!(floats(&result, "global__g"), [Some(20.0), Some(30.0), Some(30.0), None]);
}

async fn a_range_makes_the_entity_rows(backend: &dyn HistoryBackend, pieces: Pieces) {
    let stats = [
        (Some(1), Some(11), 2.0),
        (Some(1), Some(5), 1.0),
        (Some(1), Some(5), 3.0),
        (None, Some(5), 4.0),
        (Some(1), None, 5.0),
        (Some(-3), Some(10), 6.0),
        (Some(1), Some(4), 7.0),
    ];
    let other = [(Some(2), Some(5), 7.0), (Some(1), Some(8), 8.0)];
    let global = rows(vec![("ts", nanos(&[3, 6])), ("g", values(&[30.0, 60.0]))]);
    let scene = Scene::new()
        .source("s", file_source(""), drivers(&stats))
        .source("o", file_source(""), drivers(&other))
        .source("g", file_source(""), global)
        .view("stats", view("s", &["driver"], "v"))
        .view("other", view("o", &["driver"], "v"))
        .view("global", view("g", &[], "g"));
    let held = scene.held_by(backend, pieces).await;
    let range = |start, end| EntityRows::Range {
        start: Timestamp::from_nanos(start),
        end: Timestamp::from_nanos(end),
    };
    let mut request = ask_for(&["stats:v", "other:v", "global:g"], range(5, 10));
    request.full_feature_names = true;
    let result = held.ask(&request).await.unwrap();
    assert_eq!(result.skipped_rows.values().sum::<u64>(), 1);
    let result = result.batch;
    let keys = result.column_by_name("driver_id").unwrap().as_primitive::<Int64Type>().values().to_vec();
    let times = result.column_by_name("event_timestamp").unwrap();
    let times = times.as_primitive::<TimestampNanosecondType>().values().to_vec();
    assert_eq!((keys, times), (vec![-3, 1, 1, 2], vec![10, 5, 8, 5]));
    assert_eq!(floats(&result, "stats__v"), [Some(6.0), Some(3.0), Some(3.0), None]);
    assert_eq!(floats(&result, "other__v"), [None, None, Some(8.0), Some(7.0)]);
    assert_eq!(floats(&result, "global__g"), [Some(60.0), Some(30.0), Some(60.0), Some(30.0)]);
    let alone = held.ask(&ask_for(&["global:g"], range(5, 10))).await.unwrap().batch;
    assert_eq!(floats(&alone, "g"), [Some(60.0)]);
    let nothing = held.ask(&ask_for(&["stats:v"], range(12, 90))).await.unwrap().batch;
    assert_eq!(nothing.num_rows(), 0);
}

/// Event time in seconds, created time in milliseconds of another zone, entity rows in nanoseconds and in seconds.
async fn times_of_mixed_units_meet(backend: &dyn HistoryBackend, pieces: Pieces) {
    const SECOND: i64 = 1_000_000_000;
    let created = arrow::array::TimestampMillisecondArray::from(vec![9_999, 10_001, 1]);
    let source = DataSource {
        created_timestamp_column: Some("created".to_owned()),
        timestamp_unit: Some(TimestampUnit::Second),
        ..file_source("")
    };
    let table = rows(vec![
        ("driver_id", ints(vec![1, 1, 1])),
        ("ts", ints(vec![10, 10, 11])),
        ("created", Arc::new(created.with_timezone("-08:00"))),
        ("v", values(&[1.0, 2.0, 3.0])),
    ]);
    let view = FeatureView { ttl: Duration::from_seconds(5), ..view("s", &["driver"], "v") };
    let held = Scene::new().source("s", source, table).view("stats", view).held_by(backend, pieces).await;
    let times = [
        10 * SECOND - 1,
        10 * SECOND,
        10 * SECOND + 500_000,
        10 * SECOND + 1_000_000,
        16 * SECOND,
        16 * SECOND + 1,
    ];
    let ids = ints(vec![1; times.len()]);
    let mut request = ask_for(
        &["stats:v"],
        frame(vec![("driver_id", Arc::clone(&ids)), ("event_timestamp", nanos(&times))]),
    );
    let found = floats(&held.ask(&request).await.unwrap().batch, "v");
    assert_eq!(found, [None, Some(2.0), Some(2.0), Some(2.0), Some(3.0), None]);
    request.created_before_event_time = true;
    let found = floats(&held.ask(&request).await.unwrap().batch, "v");
    assert_eq!(found, [None, Some(1.0), Some(1.0), Some(2.0), Some(3.0), None]);
    let seconds = Arc::new(TimestampSecondArray::from(vec![9, 10, 11, 15, 16, 17]));
    let entities = frame(vec![("driver_id", ids), ("event_timestamp", seconds)]);
    let found = floats(&held.ask(&ask_for(&["stats:v"], entities)).await.unwrap().batch, "v");
    assert_eq!(found, [None, Some(2.0), Some(3.0), Some(3.0), Some(3.0), None]);
}

async fn rows_without_time_are_counted_for_each_view(backend: &dyn HistoryBackend, pieces: Pieces) {
    let some = [
        (Some(1), None, 1.0),
        (Some(1), Some(5), 2.0),
        (None, None, 3.0),
        (Some(1), Some(900), 4.0),
        (Some(1), None, 5.0),
    ];
    let scene = Scene::new()
        .source("s", file_source(""), drivers(&some))
        .source("o", file_source(""), drivers(&[(Some(1), Some(5), 6.0)]))
        .view("stats", view("s", &["driver"], "v"))
        .view("other", view("o", &["driver"], "v"));
    let held = scene.held_by(backend, pieces).await;
    let entities = frame(vec![("driver_id", ints(vec![1])), ("event_timestamp", nanos(&[9]))]);
    let mut request = ask_for(&["stats:v", "other:v"], entities);
    request.full_feature_names = true;
    let result = held.ask(&request).await.unwrap();
    let skipped: Vec<(&str, u64)> =
        result.skipped_rows.iter().map(|(view, rows)| (view.as_str(), *rows)).collect();
    assert_eq!(skipped, [("stats", 3)]);
    assert_eq!(result.batch.column_by_name("other__v").unwrap().null_count(), 0);
}

async fn mapped_columns_are_read_by_their_names_in_the_source(backend: &dyn HistoryBackend, pieces: Pieces) {
    let mut source = file_source("");
    source.field_mapping =
        [("id", "driver_id"), ("value", "v")].map(|(here, there)| (here.to_owned(), there.to_owned())).into();
    let table = rows(vec![
        ("v", values(&[8.0, 9.0])),
        ("value", values(&[1.0, 2.0])),
        ("id", ints(vec![1, 2])),
        ("ts", nanos(&[5, 6])),
    ]);
    let held = Scene::new().source("s", source, table).view("stats", view("s", &["driver"], "v"));
    let held = held.held_by(backend, pieces).await;
    let entities = frame(vec![("driver_id", ints(vec![2, 1])), ("event_timestamp", nanos(&[9, 9]))]);
    let result = held.ask(&ask_for(&["stats:v"], entities)).await.unwrap().batch;
    assert_eq!(floats(&result, "v"), [Some(2.0), Some(1.0)]);
}
