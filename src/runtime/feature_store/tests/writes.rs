//! Rows that are pushed: where they go, which win, what is refused.

use provender_core::model::{
    DataSource, FeatureView, Lifecycle, Metadata, Object, ObjectKind, SourceKind, Value, ValueType,
};
use provender_core::registry::TableId;
use provender_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::world::{NOW, World, request, table, view};
use crate::feature_store::{FieldStatus, Frame, PushTo, WriteReport};
use crate::{ErrorKind, Result};

fn frame(columns: Json) -> Frame {
    Frame::of_columns(serde_json::from_value(columns).unwrap()).unwrap()
}

/// The world with the view `live` on the push source `events`, whose history calls its times `at` and `made`.
async fn world() -> World {
    let mut world = World::new().await;
    let mut history = crate::testing::file_source("events.parquet");
    history.timestamp_field = Some("at".to_owned());
    history.created_timestamp_column = Some("made".to_owned());
    history.field_mapping.insert("Speed".to_owned(), "speed".to_owned());
    world.define(ObjectKind::DataSource, "events_history", Object::DataSource(history));
    let push = DataSource {
        kind: SourceKind::Push { batch_source: "events_history".to_owned() },
        timestamp_field: None,
        created_timestamp_column: None,
        timestamp_unit: None,
        date_partition_column: None,
        field_mapping: Default::default(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    };
    world.define(ObjectKind::DataSource, "events", Object::DataSource(push));
    let features = [("speed", ValueType::Float64), ("stops", ValueType::Int64)];
    let live = FeatureView { source: "events".to_owned(), ..view(&["driver"], &features) };
    world.define(ObjectKind::FeatureView, "live", Object::FeatureView(live));
    let key = [("driver_id", ValueType::Int64)];
    let columns = [(1, "speed", ValueType::Float64), (2, "stops", ValueType::Int64)];
    world.add_table(table("live", 5, 1, &key, &columns)).await;
    world
}

async fn push(world: &World, columns: Json) -> Result<WriteReport> {
    world.feature_store().push("events", PushTo::Online, frame(columns), Timestamp::from_nanos(NOW)).await
}

#[tokio::test]
async fn a_pushed_row_is_served_and_the_newest_wins() {
    let world = world().await;
    let rows = json!({
        "driver_id": [1, "2", 1], "Speed": [1.5, null, 2.5], "stops": [1, 2, 3],
        "event_timestamp": ["2026-11-17T00:00:00.000001", "2026-11-17 00:00:00+00:00", "2026-11-17T00:00:00Z"],
    });
    let report = push(&world, rows).await.unwrap();
    assert_eq!((report.rows, report.tables[0].outcome.written, report.tables[0].outcome.kept), (3, 2, 1));
    let asked = request(&["live:speed", "live:stops"], json!({"driver_id": [1, 2]}));
    let answer = world.ask(&asked).await.unwrap();
    assert_eq!(answer.results[1].values, [Some(Value::Float64(1.5)), None]);
    assert_eq!(answer.results[1].statuses, [FieldStatus::Present, FieldStatus::NullValue]);
    assert_eq!(answer.results[2].values, [Some(Value::Int64(1)), Some(Value::Int64(2))]);
    // The same event time: the later created time wins, by either name.
    let at = json!(["2026-11-17T00:00:00.000001Z"]);
    let earlier = json!({"driver_id": [1], "speed": [7], "stops": [7], "at": at, "made": ["2020-01-01"]});
    assert_eq!(push(&world, earlier).await.unwrap().tables[0].outcome.kept, 1);
    let later =
        json!({"driver_id": [1], "speed": [9], "stops": [9], "event_timestamp": at, "created": [null]});
    assert_eq!(push(&world, later).await.unwrap().tables[0].outcome.written, 1);
}

#[tokio::test]
async fn a_table_that_is_being_filled_and_the_one_that_serves_both_get_the_rows() {
    let mut world = world().await;
    let mut next = table(
        "live",
        9,
        1,
        &[("driver_id", ValueType::Int64)],
        &[(1, "speed", ValueType::Float64), (2, "stops", ValueType::Int64)],
    );
    next.replaces = Some(TableId { view: "live".to_owned(), revision: Some(5) });
    world.registry.tables.values_mut().find(|table| table.view.name == "live").unwrap().columns[1]
        .value_type = ValueType::Int32;
    world.add_table(next.clone()).await;
    let rows = json!({"driver_id": [1, 2], "speed": [1, 2], "stops": [1, 3_000_000_000_i64], "at": [0, 0]});
    let report = push(&world, rows).await.unwrap();
    let told: Vec<_> = report
        .tables
        .iter()
        .map(|table| (table.table.revision.unwrap(), table.outcome.written, table.skipped))
        .collect();
    assert_eq!(told, [(9, 2, 0), (5, 1, 1)], "3,000,000,000 does not fit the older table");
}

#[tokio::test]
async fn frames_that_do_not_fit_are_refused_and_nothing_is_written() {
    let world = world().await;
    let ahead = Timestamp::from_nanos(NOW + 301_000_000_000).to_string();
    let now = json!([0]);
    for (columns, expected) in [
        (json!({"driver_id": [1], "at": now}), "lacks `speed`, `stops` of feature view `live`"),
        (json!({"driver_id": [1], "speed": [1], "stops": [1]}), "no column `event_timestamp` or `at`"),
        (json!({"driver_id": [null], "speed": [1], "stops": [1], "at": now}), "join key `driver_id` is null"),
        (json!({"driver_id": [1], "speed": [1], "stops": [1], "at": [null]}), "value 1 of `at` is null"),
        (json!({"driver_id": [1], "speed": [1], "stops": [1], "at": ["soon"]}), "value 1 of `at` is no time"),
        (json!({"driver_id": [1], "speed": [1], "stops": [1], "at": [ahead]}), "five minutes ahead"),
        (
            json!({"driver_id": [1], "speed": [1], "stops": [1.5], "at": now}),
            "value 1 of `stops` does not fit",
        ),
        (json!({"driver_id": [1], "speed": ["fast"], "stops": [1], "at": now}), "value 1 of `speed`"),
    ] {
        let error = push(&world, columns.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{columns}");
        assert!(error.chain().join(": ").contains(expected), "{columns}: {:?}", error.chain());
    }
    let uneven = serde_json::from_value(json!({"driver_id": [1, 2], "speed": [1]})).unwrap();
    assert_eq!(Frame::of_columns(uneven).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(world.memory.row_count(&world.table("live").id), 0);
    let store = world.feature_store();
    let now = Timestamp::from_nanos(NOW);
    for (source, kind) in [("evnts", ErrorKind::NotFound), ("events_history", ErrorKind::Invalid)] {
        assert_eq!(store.push(source, PushTo::Online, Frame::default(), now).await.unwrap_err().kind(), kind);
    }
    let unknown = store.push("event", PushTo::Online, Frame::default(), now).await.unwrap_err();
    assert_eq!(unknown.hints(), ["did you mean `events`?"]);
    let unknown = store.push("nothing", PushTo::Online, Frame::default(), now).await.unwrap_err();
    assert_eq!(unknown.hints(), ["there are `events`"], "sources of other kinds take no rows");
    for (view, kind) in [("lve", ErrorKind::NotFound), ("offline_only", ErrorKind::Invalid)] {
        let error = store.write_to_online_store(view, Frame::default(), now).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}
