//! What online reads answer: values, statuses at their bounds, names and order.

use provender_core::encoding::Cell;
use provender_core::model::{Object, ObjectKind, Value, ValueType};
use provender_core::time::{Duration, Timestamp};
use serde_json::json;

use super::world::{HOUR, NOW, World, request, service_request, table, view};
use crate::feature_store::{Entities, FieldStatus, OnlineRequest, value_to_json};
use crate::testing::int;

fn rate(value: f32) -> Cell {
    Cell::Value(Value::Float32(value))
}

#[tokio::test]
async fn statuses_at_their_exact_bounds() {
    use FieldStatus::{NotFound, NullValue, OutsideMaxAge, Present};
    let world = World::new().await;
    let stats = world.table("driver_stats");
    // Key, event time, cell of `rate` → status, whether the row's time is told.
    let cases = [
        (1, NOW, rate(0.5), Present),
        (2, NOW - HOUR, rate(0.5), Present),
        (3, NOW - HOUR - 1, rate(0.5), OutsideMaxAge),
        (4, NOW - HOUR, Cell::Null, NullValue),
        (5, NOW - HOUR - 1, Cell::Null, OutsideMaxAge),
        (6, NOW, Cell::Absent, NotFound),
        (7, NOW - HOUR - 1, Cell::Absent, NotFound),
        (8, NOW + HOUR, rate(0.5), Present),
        (9, i64::MIN, rate(0.5), OutsideMaxAge),
    ];
    for (key, event, cell, _) in &cases {
        world.store(&stats, &[Value::Int64(*key)], *event, &[cell.clone(), Cell::Null]).await;
    }
    let keys: Vec<i64> = cases.iter().map(|(key, ..)| *key).chain([404]).collect();
    let answer = world.ask(&request(&["driver_stats:rate"], json!({ "driver_id": keys }))).await.unwrap();
    let result = &answer.results[1];
    for (row, (key, event, _, status)) in cases.iter().enumerate() {
        assert_eq!(result.statuses[row], *status, "key {key}");
        let value = (*status == Present).then_some(Value::Float32(0.5));
        assert_eq!(result.values[row], value, "key {key}");
        let time = if *status == NotFound { 0 } else { *event };
        assert_eq!(result.event_timestamps[row], Timestamp::from_nanos(time), "key {key}");
    }
    assert_eq!(result.statuses[cases.len()], NotFound, "no row");
}

#[tokio::test]
async fn a_ttl_of_zero_never_ends_and_online_ttl_overrides() {
    let mut world = World::new().await;
    world.store(&world.table("globals"), &[], i64::MIN, &[Cell::Null]).await;
    let empty = || request(&["globals:day"], json!({}));
    assert_eq!(world.ask(&empty()).await.unwrap().results[0].statuses, [FieldStatus::NullValue]);
    let mut globals = view(&[], &[("day", ValueType::String)]);
    globals.online_ttl = Some(Duration::from_seconds(1));
    world.define(ObjectKind::FeatureView, "globals", Object::FeatureView(globals));
    assert_eq!(world.ask(&empty()).await.unwrap().results[0].statuses, [FieldStatus::OutsideMaxAge]);
}

#[tokio::test]
async fn the_answer_has_the_shape_that_feast_clients_read() {
    let world = World::new().await;
    world.store(&world.table("driver_stats"), &[Value::Int64(1001)], NOW, &[rate(0.1), int(7)]).await;
    let asked = request(
        &["driver_stats:trips", "driver_stats:rate"],
        json!({"driver_id": [1001, "1002", null, 1001.0]}),
    );
    let answer = world.ask(&asked).await.unwrap();
    let (epoch, now) = ("1970-01-01T00:00:00Z", Timestamp::from_nanos(NOW).to_string());
    let (present, none) = ("PRESENT", "NOT_FOUND");
    assert_eq!(
        answer.to_json(),
        json!({
            "metadata": {"feature_names": ["driver_id", "trips", "rate"]},
            "results": [
                {"values": [1001, 1002, null, 1001], "statuses": [present, present, "NULL_VALUE", present],
                 "event_timestamps": [epoch, epoch, epoch, epoch]},
                {"values": [7, null, null, 7], "statuses": [present, none, none, present],
                 "event_timestamps": [now, epoch, epoch, now]},
                {"values": [0.1, null, null, 0.1], "statuses": [present, none, none, present],
                 "event_timestamps": [now, epoch, epoch, now]},
            ]
        })
    );
    assert!(serde_json::to_string(&answer).unwrap().contains("[0.1,null"), "float32 by its shortest text");
}

#[test]
fn values_as_json() {
    let f32 = Value::Float32;
    for (value, text) in [
        (Value::Int64(i64::MAX), "9223372036854775807"),
        (Value::Int64(i64::MIN), "-9223372036854775808"),
        (f32(0.1), "0.1"),
        (f32(16_777_216.0), "16777216.0"),
        (f32(f32::MAX), "3.4028235e+38"),
        (f32(f32::from_bits(1)), "1e-45"),
        (f32(-0.0), "-0.0"),
        (f32(f32::NAN), "null"),
        (f32(f32::INFINITY), "null"),
        (Value::Float64(0.1), "0.1"),
        (Value::Float64(f64::NEG_INFINITY), "null"),
        (Value::Bytes(vec![0, 255, 62]), "\"AP8+\""),
        (Value::Timestamp(Timestamp::from_nanos(-1)), "-1"),
        (Value::Timestamp(Timestamp::from_nanos(1_500_000_000)), "1"),
        (Value::List(vec![Some(f32(0.1)), None]), "[0.1,null]"),
        (Value::List(vec![]), "[]"),
        (Value::String("é\0".to_owned()), "\"é\\u0000\""),
        (Value::Bool(true), "true"),
    ] {
        assert_eq!(value_to_json(&value).to_string(), text);
    }
}

#[tokio::test]
async fn several_views_are_read_in_one_round_trip_in_the_order_asked() {
    use std::sync::{Arc, Mutex};
    let mut world = World::new().await;
    let (stats, trips, globals) = (world.table("driver_stats"), world.table("trips"), world.table("globals"));
    world.store(&stats, &[Value::Int64(1)], NOW, &[rate(0.5), int(5)]).await;
    let key = [Value::String("Oslo".to_owned()), Value::Int64(1)];
    world.store(&trips, &key, NOW, &[Cell::Value(Value::Float64(9.5)), int(6)]).await;
    world.store(&globals, &[], NOW, &[Cell::Value(Value::String("Mon".to_owned()))]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_hook = seen.clone();
    world.memory = world.memory.clone().with_hook(Arc::new(move |operation, _| {
        seen_by_hook.lock().unwrap().push(operation);
        Box::pin(async { Ok(()) })
    }));
    let mut asked = request(
        &["trips:fare", "driver_stats:trips", "globals:day", "trips:trips", "driver_stats:rate"],
        json!({"city": ["Oslo", "Rome"], "driver_id": [1, 1]}),
    );
    asked.full_feature_names = true;
    let answer = world.feature_store().get_online_features(&asked, Timestamp::from_nanos(NOW)).await.unwrap();
    assert_eq!(
        answer.names,
        [
            "city",
            "driver_id",
            "trips__fare",
            "driver_stats__trips",
            "globals__day",
            "trips__trips",
            "driver_stats__rate"
        ]
    );
    let row = |row: usize| -> Vec<_> {
        answer.results.iter().map(|result| result.values[row].as_ref().map(value_to_json)).collect()
    };
    let json = |value: serde_json::Value| Some(value);
    assert_eq!(
        row(0),
        [json!("Oslo"), json!(1), json!(9.5), json!(5), json!("Mon"), json!(6), json!(0.5)].map(json)
    );
    assert_eq!(row(1)[2..], [None, Some(json!(5)), Some(json!("Mon")), None, Some(json!(0.5))]);
    assert_eq!(seen.lock().unwrap().len(), 2, "one read, seen before and after");
}

#[tokio::test]
async fn services_take_whole_views_and_views_under_other_names() {
    let world = World::new().await;
    let stats = world.table("driver_stats");
    for key in [1, 2, 3] {
        world.store(&stats, &[Value::Int64(key)], NOW, &[rate(key as f32), int(key * 10)]).await;
    }
    let asked = service_request("eta", json!({"driver_id": [1], "origin_id": [2], "other_id": ["3"]}));
    let answer = world.ask(&asked).await.unwrap();
    assert_eq!(
        answer.names,
        ["driver_id", "origin_id", "other_id", "day", "trips", "origin__rate", "other__rate", "other__trips"]
    );
    let values: Vec<_> =
        answer.results.iter().map(|result| result.values[0].as_ref().map(value_to_json)).collect();
    let some = Some::<serde_json::Value>;
    assert_eq!(values[3..], [None, some(json!(10)), some(json!(2.0)), some(json!(3.0)), some(json!(30))]);
}

#[tokio::test]
async fn rows_of_older_and_newer_schemas_are_read_right() {
    let mut world = World::new().await;
    let key = [("driver_id", ValueType::Int64)];
    let first = table("aging", 4, 1, &key, &[(1, "a", ValueType::Int32), (2, "b", ValueType::Float32)]);
    let second = table("aging", 4, 2, &key, &[(3, "c", ValueType::Int64), (1, "a", ValueType::Int64)]);
    let widened = table("aging", 4, 3, &key, &[(3, "c", ValueType::Int64), (1, "a", ValueType::Int64)]);
    let features = [("c", ValueType::Int64), ("a", ValueType::Int64)];
    world.define(ObjectKind::FeatureView, "aging", Object::FeatureView(view(&["driver"], &features)));
    world.add_table(second.clone()).await;
    let cells = [Cell::Value(Value::Int32(-7)), rate(1.0)];
    world.store(&first, &[Value::Int64(1)], NOW, &cells).await;
    world.store(&widened, &[Value::Int64(2)], NOW, &[int(1), int(i64::MAX)]).await;
    let asked = request(&["aging:a", "aging:c"], json!({"driver_id": [1, 2]}));
    let answer = world.ask(&asked).await.unwrap();
    let values = |column: usize| answer.results[column].values.clone();
    assert_eq!(values(1), [Some(Value::Int64(-7)), Some(Value::Int64(i64::MAX))]);
    assert_eq!(values(2), [None, Some(Value::Int64(1))]);
    assert_eq!(answer.results[2].statuses[0], FieldStatus::NotFound, "the row has no such column yet");
    // A reader that has not learned of the widening yet gets the value as wide as it is stored.
    world.registry.tables.insert(first.id.clone(), first);
    let old = [("a", ValueType::Int32), ("b", ValueType::Float32)];
    world.define(ObjectKind::FeatureView, "aging", Object::FeatureView(view(&["driver"], &old)));
    let asked = request(&["aging:a", "aging:b"], json!({"driver_id": [1, 2]}));
    let answer = world.ask(&asked).await.unwrap();
    assert_eq!(answer.results[1].values, [Some(Value::Int32(-7)), Some(Value::Int64(i64::MAX))]);
    assert_eq!(answer.results[2].statuses, [FieldStatus::Present, FieldStatus::NotFound]);
}

#[tokio::test]
async fn entities_come_as_rows_too_and_in_large_numbers() {
    let world = World::new().await;
    let stats = world.table("driver_stats");
    world.store(&stats, &[Value::Int64(3)], NOW, &[rate(0.5), int(5)]).await;
    let rows = |count: i64| OnlineRequest {
        entities: Entities::Rows(
            (0..count).map(|key| [("driver_id".to_owned(), json!(key))].into()).collect(),
        ),
        ..request(&["driver_stats:rate", "driver_stats:trips"], json!({}))
    };
    for count in [4, 5_000] {
        let answer = world.ask(&rows(count)).await.unwrap();
        let found: Vec<usize> = (0..answer.results[1].values.len())
            .filter(|row| answer.results[1].values[*row].is_some())
            .collect();
        assert_eq!((answer.results[1].values.len() as i64, found), (count, vec![3]));
    }
    let answer = world.ask(&request(&["globals:day"], json!({"driver_id": [1, 2]}))).await.unwrap();
    assert_eq!(answer.names, ["driver_id", "day"], "a join key that the project knows may come along");
    assert_eq!(answer.results[1].values.len(), 2);
    let answer = world.ask(&request(&["driver_stats:rate"], json!({"driver_id": []}))).await.unwrap();
    assert_eq!(answer.results[1].values, []);
}

#[tokio::test]
async fn a_kept_plan_ends_with_the_old_name_that_it_was_asked_by() {
    use crate::ErrorKind;
    use crate::feature_store::Spelling;
    let mut world = World::new().await;
    let mut renamed = view(&["driver"], &[("rate", ValueType::Float32)]);
    renamed.aliases.insert("stats_before".to_owned(), Timestamp::from_nanos(NOW));
    renamed.features[0].aliases.insert("ratio".to_owned(), Timestamp::from_nanos(NOW + 2));
    world.define(ObjectKind::FeatureView, "driver_stats", Object::FeatureView(renamed));
    let store = world.feature_store();
    let ask = |asked: &str, at: i64| {
        let plan = store.plan(Spelling::Lines(asked), false, Timestamp::from_nanos(at));
        plan.map(|plan| plan.feature_names().join(",")).map_err(|error| error.kind())
    };
    // In this order, so that each is asked with a plan of another time kept.
    for (asked, at, expected) in [
        ("stats_before:rate", NOW - 1, Ok("rate".to_owned())),
        ("stats_before:rate", NOW, Err(ErrorKind::NotFound)),
        ("stats_before:rate", NOW - 1, Ok("rate".to_owned())),
        ("driver_stats:ratio", NOW - 1, Ok("ratio".to_owned())),
        ("driver_stats:ratio", NOW + 1, Ok("ratio".to_owned())),
        ("driver_stats:ratio", NOW + 2, Err(ErrorKind::NotFound)),
        ("driver_stats:rate", NOW + 2, Ok("rate".to_owned())),
    ] {
        assert_eq!(ask(asked, at), expected, "{asked} at {}", at - NOW);
    }
}
