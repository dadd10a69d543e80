//! What `/metrics` shows after requests of every kind.

use std::str::FromStr as _;
use std::time::Duration;

use provender_core::model::Value;
use provender_runtime::testing::int;
use tonic::transport::Endpoint;

use super::world::{NOW, Running, World};
use crate::grpc::interface::serving::serving_service_client::ServingServiceClient;
use crate::grpc::interface::serving::{GetFeastServingInfoRequest, GetOnlineFeaturesRequest};

async fn shown(server: &Running) -> String {
    server.ask("GET", "/metrics", &[], b"").await.text
}

fn assert_shown(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn requests_and_statuses_are_counted() {
    let mut world = World::new().await;
    world.settings.allow_write = true;
    world.store("stats", &[Value::Int64(1)], NOW, &[provender_core::encoding::Cell::Null, int(7)]).await;
    let server = world.start().await;
    let body = r#"{"features": ["stats:rate", "stats:trips"], "entities": {"driver_id": [1, 2, 3]}}"#;
    server.post("/get-online-features", body).await;
    server.post("/get-online-features", "{").await;
    server.post("/get-online-features", r#"{"features": ["nowhere:rate"], "entities": {}}"#).await;
    let frame =
        r#"{"push_source_name": "events", "df": {"driver_id": [1], "city": ["a"], "fare": [1], "at": [0]}}"#;
    server.post("/push", frame).await;
    server.ask("GET", "/%2e%2e/made/up", &[], b"").await;
    let channel = Endpoint::from_str(&format!("http://{}", server.grpc)).unwrap().connect().await.unwrap();
    let mut client = ServingServiceClient::new(channel);
    client.get_feast_serving_info(GetFeastServingInfoRequest {}).await.unwrap();
    client.get_online_features(GetOnlineFeaturesRequest::default()).await.unwrap_err();
    let text = shown(&server).await;
    assert_shown(
        &text,
        &[
            r#"provender_requests_total{endpoint="get-online-features",status="ok"} 1"#,
            r#"provender_requests_total{endpoint="get-online-features",status="bad_json"} 1"#,
            r#"provender_requests_total{endpoint="get-online-features",status="not_found"} 1"#,
            r#"provender_requests_total{endpoint="push",status="ok"} 1"#,
            r#"provender_requests_total{endpoint="other",status="unknown_path"} 1"#,
            r#"provender_requests_total{endpoint="GetFeastServingInfo",status="ok"} 1"#,
            r#"provender_requests_total{endpoint="GetOnlineFeatures",status="invalid_argument"} 1"#,
            r#"provender_request_duration_seconds_count{endpoint="get-online-features"} 3"#,
            r#"provender_request_rows_sum{endpoint="get-online-features"} 3.0"#,
            r#"provender_request_rows_sum{endpoint="push"} 1.0"#,
            r#"provender_request_features_sum{endpoint="get-online-features"} 2.0"#,
            r#"provender_feature_status_total{view="stats",status="PRESENT"} 1"#,
            r#"provender_feature_status_total{view="stats",status="NULL_VALUE"} 1"#,
            r#"provender_feature_status_total{view="stats",status="NOT_FOUND"} 4"#,
            r#"provender_feature_status_total{view="stats",status="OUTSIDE_MAX_AGE"} 0"#,
            r#"provender_push_rows_total{view="fares",outcome="written"} 1"#,
            r#"provender_store_duration_seconds_count{operation="read",outcome="ok"} 1"#,
            r#"provender_store_duration_seconds_count{operation="write",outcome="ok"} 1"#,
            "provender_registry_revision 1",
            "provender_registry_age_seconds 0.0",
        ],
    );
    assert!(!text.contains("made"), "{text}");
    assert_shown(&shown(&server).await, &[r#"provender_requests_total{endpoint="metrics",status="ok"} 1"#]);
}

#[tokio::test]
async fn a_registry_that_cannot_be_read_is_counted() {
    let mut world = World::new().await;
    // Nothing lies there: the entry that answers are given by is gone.
    world.settings.refresh = Duration::from_millis(20);
    let server = world.start().await;
    for _ in 0..100 {
        let text = shown(&server).await;
        let failures =
            text.lines().find_map(|line| line.strip_prefix("provender_registry_refresh_failures_total "));
        if failures.is_some_and(|failures| failures != "0") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no failure was counted");
}

#[tokio::test]
async fn the_format_is_the_one_that_was_asked_for() {
    let server = World::new().await.start().await;
    let asked =
        server.ask("GET", "/metrics", &["Accept: application/openmetrics-text;version=1.0.0"], b"").await;
    assert!(
        asked.head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        asked.head
    );
    let plain = server.ask("GET", "/metrics", &[], b"").await;
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4"), "{}", plain.head);
    assert!(asked.text.ends_with("# EOF\n") && !plain.text.contains("EOF"));
}
