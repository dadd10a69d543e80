//! Rows that are written through the server are read through it.

use serde_json::json;

use super::world::{NOW, World};

#[tokio::test]
async fn pushed_rows_are_served() {
    let mut world = World::new().await;
    world.settings.allow_write = true;
    let server = world.start().await;
    let columns = json!({"driver_id": [1, 2], "city": ["a", "b"], "fare": [1.5, null], "event_timestamp": ["2026-01-01T00:00:00", "2026-01-01"]});
    let body =
        json!({"push_source_name": "events", "df": columns, "to": "online", "allow_registry_cache": true});
    let answer = server.post("/push", &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.json(),
        json!({"rows": 2, "tables": [{"feature_view": "fares", "table": "fares.r1", "written": 2, "kept": 0, "skipped": 0}]})
    );
    let read =
        json!({"features": ["fares:fare"], "entities": {"driver_id": [1, 2, 1], "city": ["a", "b", "b"]}});
    let found = server.read(read).await;
    assert_eq!(found["results"][2]["values"], json!([1.5, null, null]));
    assert_eq!(found["results"][2]["statuses"], json!(["PRESENT", "NULL_VALUE", "NOT_FOUND"]));
    let columns = json!({"driver_id": [5], "rate": [0.5], "trips": [9], "event_timestamp": [NOW / 1_000_000_000 - 60], "created": [null]});
    let body = json!({"feature_view_name": "stats", "df": columns});
    assert_eq!(server.post("/write-to-online-store", &body.to_string()).await.status, 200);
    let found = server.read(json!({"features": ["stats:trips"], "entities": {"driver_id": [5]}})).await;
    assert_eq!(found["results"][1]["values"], json!([9]));
    // The memory provider has no history to load from.
    let answer = server.post("/materialize-incremental", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "invalid"), "{}", answer.text);
}

#[tokio::test]
async fn a_frame_has_no_more_rows_than_a_request() {
    let mut world = World::new().await;
    (world.settings.allow_write, world.settings.max_rows) = (true, 1);
    let server = world.start().await;
    let columns = json!({"driver_id": [1, 2], "city": ["a", "b"], "fare": [1.5, null], "at": [0, 0]});
    let answer =
        server.post("/push", &json!({"push_source_name": "events", "df": columns}).to_string()).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_many_rows"));
}
