//! Requests that are wrong: each has its status and code, and none is ever this server's fault.

use super::world::World;

/// Bodies of `POST /get-online-features`, with status and code.
const BODIES: &[(&str, u16, &str)] = &[
    // No JSON.
    ("", 400, "bad_json"),
    (" ", 400, "bad_json"),
    ("{", 400, "bad_json"),
    ("}", 400, "bad_json"),
    ("{]", 400, "bad_json"),
    ("nope", 400, "bad_json"),
    ("{'features': []}", 400, "bad_json"),
    ("{\"features\": [\"stats:rate\"],}", 400, "bad_json"),
    ("{\"features\": [\"stats:rate\"}", 400, "bad_json"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [NaN]}}", 400, "bad_json"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [1}}", 400, "bad_json"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [01]}}", 400, "bad_json"),
    ("{} {}", 400, "bad_json"),
    ("{\"features\": [\"a\u{0}b\"]}", 400, "bad_json"),
    ("{\"features\": [\"\\ud800\"]}", 422, "invalid"),
    ("driver_id=1", 400, "bad_json"),
    // JSON of another shape.
    ("null", 422, "invalid"),
    ("[]", 422, "invalid"),
    ("[[\"stats:rate\"], null, {\"driver_id\": [1]}]", 422, "invalid"),
    ("7", 422, "invalid"),
    ("\"stats:rate\"", 422, "invalid"),
    ("{}", 422, "invalid"),
    ("{\"features\": null}", 422, "invalid"),
    ("{\"features\": []}", 422, "invalid"),
    ("{\"features\": {}}", 422, "invalid"),
    ("{\"features\": 1}", 422, "invalid"),
    ("{\"features\": \"stats:rate\"}", 422, "invalid"),
    ("{\"features\": [1]}", 422, "invalid"),
    ("{\"features\": [null]}", 422, "invalid"),
    ("{\"features\": [[\"stats:rate\"]]}", 422, "invalid"),
    ("{\"features\": [\"\"]}", 422, "invalid"),
    ("{\"features\": [\"stats\"]}", 422, "invalid"),
    ("{\"features\": [\":\"]}", 422, "invalid"),
    ("{\"features\": [\"stats:\"]}", 422, "invalid"),
    ("{\"features\": [\":rate\"]}", 422, "invalid"),
    ("{\"features\": [\"stats:rate:x\"]}", 422, "invalid"),
    ("{\"features\": [\"feature_view.stats.rate\"]}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"features\": [\"stats:rate\"]}", 422, "invalid"),
    ("{\"feature_service\": 1}", 422, "invalid"),
    ("{\"feature_service\": [\"model\"]}", 422, "invalid"),
    ("{\"feature_service\": \"model\", \"features\": [\"stats:rate\"]}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"full_feature_names\": \"yes\"}", 422, "invalid"),
    // Names that are not there.
    ("{\"features\": [\"stat:rate\"], \"entities\": {\"driver_id\": [1]}}", 404, "not_found"),
    ("{\"features\": [\"stats:rat\"], \"entities\": {\"driver_id\": [1]}}", 404, "not_found"),
    ("{\"features\": [\"Stats:rate\"], \"entities\": {\"driver_id\": [1]}}", 404, "not_found"),
    ("{\"features\": [\"stats:rate \"], \"entities\": {\"driver_id\": [1]}}", 404, "not_found"),
    ("{\"features\": [\"price:none\"], \"entities\": {\"driver_id\": [1]}}", 404, "not_found"),
    ("{\"features\": [\"../etc:passwd\"], \"entities\": {}}", 404, "not_found"),
    ("{\"feature_service\": \"modell\", \"entities\": {\"driver_id\": [1]}}", 404, "not_found"),
    ("{\"feature_service\": \"\", \"entities\": {}}", 404, "not_found"),
    // Features that cannot be asked for like this.
    ("{\"features\": [\"stats:rate\", \"stats:rate\"], \"entities\": {\"driver_id\": [1]}}", 422, "invalid"),
    ("{\"features\": [\"offline_only:old\"], \"entities\": {\"driver_id\": [1]}}", 422, "invalid"),
    // Entities that do not fit.
    ("{\"features\": [\"stats:rate\"]}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": []}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": 1}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": [{\"driver_id\": 1}]}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": 1}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": null}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": \"1\"}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": {\"val\": [1]}}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [\"x\"]}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [\"\"]}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [true]}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [1.5]}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [1e300]}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [1e999]}}", 422, "invalid"),
    (
        "{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [9223372036854775808]}}",
        422,
        "invalid",
    ),
    (
        "{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [-9223372036854775809]}}",
        422,
        "invalid",
    ),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [[1]]}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [{\"id\": 1}]}}", 422, "invalid"),
    (
        "{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [1], \"driver_id\": [2]}}",
        422,
        "invalid",
    ),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"driver_id\": [1], \"other\": [2]}}", 422, "invalid"),
    ("{\"features\": [\"stats:rate\"], \"entities\": {\"drver_id\": [1]}}", 422, "invalid"),
    ("{\"features\": [\"fares:fare\"], \"entities\": {\"driver_id\": [1]}}", 422, "invalid"),
    (
        "{\"features\": [\"fares:fare\"], \"entities\": {\"driver_id\": [1, 2], \"city\": [\"a\"]}}",
        422,
        "invalid",
    ),
    ("{\"features\": [\"fares:fare\"], \"entities\": {\"driver_id\": [1], \"city\": []}}", 422, "invalid"),
    ("{\"features\": [\"fares:fare\"], \"entities\": {\"driver_id\": [1], \"city\": [7]}}", 422, "invalid"),
    (
        "{\"features\": [\"price:offer\"], \"entities\": {\"driver_id\": [1], \"city\": [\"a\"]}}",
        422,
        "invalid",
    ),
    (
        "{\"features\": [\"price:offer\"], \"entities\": {\"driver_id\": [1], \"city\": [\"a\"], \"distance\": [\"far\"]}}",
        422,
        "invalid",
    ),
    ("{\"features\": [\"calendar:holiday\"], \"entities\": {\"day\": [\"soon\"]}}", 422, "invalid"),
    (
        "{\"features\": [\"calendar:holiday\"], \"entities\": {\"day\": [9223372036854775807]}}",
        422,
        "invalid",
    ),
];

/// Bodies of the routes that write, on a server that writes.
const WRITES: &[(&str, &str, u16, &str)] = &[
    ("/push", "{", 400, "bad_json"),
    ("/push", "{}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"events\"}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"events\", \"df\": []}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"events\", \"df\": {}}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"events\", \"df\": {\"a\": 1}}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"events\", \"df\": {\"a\": [1], \"b\": []}}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"evnts\", \"df\": {}}", 404, "not_found"),
    ("/push", "{\"push_source_name\": \"history\", \"df\": {}}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"events\", \"df\": {}, \"to\": \"offline\"}", 422, "invalid"),
    ("/push", "{\"push_source_name\": \"events\", \"df\": {}, \"to\": \"nowhere\"}", 422, "invalid"),
    ("/write-to-online-store", "{\"feature_view_name\": \"none\", \"df\": {}}", 404, "not_found"),
    ("/write-to-online-store", "{\"feature_view_name\": \"offline_only\", \"df\": {}}", 422, "invalid"),
    (
        "/write-to-online-store",
        "{\"feature_view_name\": \"stats\", \"df\": {\"driver_id\": [1]}}",
        422,
        "invalid",
    ),
    ("/materialize", "{}", 422, "invalid"),
    ("/materialize-incremental", "[null, null]", 422, "invalid"),
    ("/push", "[\"events\", {}]", 422, "invalid"),
    ("/materialize", "{\"start_ts\": \"soon\", \"end_ts\": \"2020-01-01\"}", 422, "invalid"),
    ("/materialize", "{\"start_ts\": \"2021-01-01\", \"end_ts\": \"2020-01-01\"}", 422, "invalid"),
    ("/materialize-incremental", "{\"end_ts\": \"2999-01-01\"}", 422, "invalid"),
    ("/materialize-incremental", "{\"end_ts\": 5}", 422, "invalid"),
];

#[tokio::test]
async fn bad_requests_have_their_codes() {
    let mut world = World::new().await;
    let server = world.start().await;
    for (body, status, code) in BODIES {
        let answer = server.post("/get-online-features", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (*status, *code), "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn bad_writes_have_their_codes() {
    let mut world = World::new().await;
    world.settings.allow_write = true;
    let server = world.start().await;
    for (path, body, status, code) in WRITES {
        let answer = server.post(path, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (*status, *code),
            "{path} {body}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn deep_and_odd_bodies_are_refused() {
    let mut world = World::new().await;
    let server = world.start().await;
    let deep = "[".repeat(200_000);
    for (body, status) in [
        (deep.clone(), 400),
        (format!("{{\"features\": {deep}{}}}", "]".repeat(200_000)), 422),
        (
            format!(
                "{{\"features\": [\"stats:rate\"], \"entities\": {{\"driver_id\": [{deep}{}]}}}}",
                "]".repeat(200_000)
            ),
            422,
        ),
        (format!("{{\"other\": {deep}{}}}", "]".repeat(200_000)), 422),
    ] {
        let answer = server.post("/get-online-features", &body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.len() < 1_000, "a refusal does not give back what it refuses");
    }
    let not_text = server
        .ask("POST", "/get-online-features", &["Content-Type: application/json"], b"{\"\xff\": 1}")
        .await;
    assert_eq!((not_text.status, not_text.code().as_str()), (400, "bad_json"));
}

#[tokio::test]
async fn routes_methods_and_content_types() {
    let mut world = World::new().await;
    let server = world.start().await;
    let json = "Content-Type: application/json";
    let body = br#"{"features": ["weather:sky"]}"#;
    for (method, path, header, status, code) in [
        ("GET", "/get-online-features", json, 405, "method_not_allowed"),
        ("PUT", "/push", json, 405, "method_not_allowed"),
        ("POST", "/health", json, 405, "method_not_allowed"),
        ("POST", "/", json, 404, "unknown_path"),
        ("POST", "/feast.serving.ServingService/GetOnlineFeatures", json, 404, "unknown_path"),
        ("POST", "/get-online-features/", json, 404, "unknown_path"),
        ("POST", "/GET-ONLINE-FEATURES", json, 404, "unknown_path"),
        ("POST", "/get-online-features", "Content-Type: text/plain", 415, "unsupported_media_type"),
        (
            "POST",
            "/get-online-features",
            "Content-Type: application/x-www-form-urlencoded",
            415,
            "unsupported_media_type",
        ),
        ("POST", "/get-online-features", "Content-Type: application/jsonx", 415, "unsupported_media_type"),
        ("POST", "/get-online-features", "Content-Type:", 415, "unsupported_media_type"),
        ("POST", "/push", json, 403, "writes_off"),
        ("POST", "/write-to-online-store", json, 403, "writes_off"),
        ("POST", "/materialize", json, 403, "writes_off"),
        ("POST", "/materialize-incremental", json, 403, "writes_off"),
    ] {
        let answer = server.ask(method, path, &[header], body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path} {header}");
    }
    for (method, path, allowed) in [("GET", "/push", "allow: post"), ("DELETE", "/ready", "allow: get, head")]
    {
        let head = server.ask(method, path, &[json], body).await.head;
        assert!(head.lines().any(|line| line == allowed), "{head}");
    }
    assert_eq!(server.ask("HEAD", "/ready", &[], b"").await.status, 200);
    for header in
        ["X-Nothing: 1", "Content-Type: application/json; charset=utf-8", "Content-Type: Application/JSON"]
    {
        assert_eq!(server.ask("POST", "/get-online-features", &[header], body).await.status, 200, "{header}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_turned_away() {
    let mut world = World::new().await;
    let server = world.start().await;
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1_000_000));
    for bytes in [
        b"hello\r\n\r\n".as_slice(),
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        long.as_bytes(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = server.exchange(bytes).await;
        assert!(answer.status < 500, "{:?}", answer.head);
    }
    assert_eq!(server.ask("GET", "/health", &[], b"").await.status, 200);
}
