//! What is answered: statuses at their bounds, every type, names and order.

use provender_core::encoding::Cell;
use provender_core::model::Value;
use provender_core::time::Timestamp;
use provender_runtime::testing::int;
use serde_json::{Value as Json, json};

use super::world::{HOUR, NOW, World};

fn float(value: f32) -> Cell {
    Cell::Value(Value::Float32(value))
}

/// Values and statuses of the last column.
fn last(answer: &Json) -> (Vec<Json>, Vec<String>) {
    let result = answer["results"].as_array().unwrap().last().unwrap();
    let statuses =
        result["statuses"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
    (result["values"].as_array().unwrap().clone(), statuses.collect())
}

#[tokio::test]
async fn statuses_at_their_exact_bounds() {
    let mut world = World::new().await;
    // View, key, event time, cell → value and status of the first feature.
    let cases: &[(&str, i64, i64, Cell, Json, &str)] = &[
        ("stats", 1, NOW, float(0.5), json!(0.5), "PRESENT"),
        ("stats", 2, NOW - HOUR, float(0.1), json!(0.1), "PRESENT"),
        ("stats", 3, NOW - HOUR - 1, float(0.5), json!(null), "OUTSIDE_MAX_AGE"),
        ("stats", 4, NOW - HOUR, Cell::Null, json!(null), "NULL_VALUE"),
        ("stats", 5, NOW - HOUR - 1, Cell::Null, json!(null), "OUTSIDE_MAX_AGE"),
        ("stats", 6, NOW, Cell::Absent, json!(null), "NOT_FOUND"),
        ("stats", 7, NOW + HOUR, float(1.0), json!(1.0), "PRESENT"),
        ("stats", 8, NOW, float(f32::NAN), json!(null), "PRESENT"),
        ("stats", 9, NOW, float(f32::INFINITY), json!(null), "PRESENT"),
        ("stats", 10, NOW, float(f32::NEG_INFINITY), json!(null), "PRESENT"),
    ];
    for (view, key, event, cell, ..) in cases {
        world.store(view, &[Value::Int64(*key)], *event, &[cell.clone(), Cell::Null]).await;
    }
    let server = world.start().await;
    for (_, key, event, _, value, status) in cases {
        let asked = json!({"features": ["stats:rate"], "entities": {"driver_id": [key]}});
        let answer = server.read(asked).await;
        assert_eq!(last(&answer), (vec![value.clone()], vec![(*status).to_owned()]), "key {key}");
        let time = if *status == "NOT_FOUND" { 0 } else { *event };
        let time = Timestamp::from_nanos(time).to_string();
        assert_eq!(answer["results"][1]["event_timestamps"], json!([time]), "key {key}");
    }
    let nobody =
        server.read(json!({"features": ["stats:rate"], "entities": {"driver_id": [404, null]}})).await;
    assert_eq!(last(&nobody).1, ["NOT_FOUND", "NOT_FOUND"]);
    assert_eq!(nobody["results"][0]["statuses"], json!(["PRESENT", "NULL_VALUE"]));
}

#[tokio::test]
async fn views_have_their_own_ttl_and_a_ttl_of_zero_never_ends() {
    let mut world = World::new().await;
    let old = i64::MIN;
    world.store("weather", &[], old, &[Cell::Value(Value::String("clear".to_owned()))]).await;
    let key = [Value::String("Oslo".to_owned()), Value::Int64(1)];
    world.store("fares", &key, old, &[Cell::Value(Value::Float64(2.5))]).await;
    world.store("stats", &[Value::Int64(1)], NOW - 2 * HOUR, &[float(0.5), int(3)]).await;
    let server = world.start().await;
    let asked = json!({
        "features": ["stats:trips", "fares:fare", "weather:sky", "price:offer"],
        "entities": {"driver_id": [1], "city": ["Oslo"], "distance": [4]},
    });
    let answer = server.read(asked).await;
    let names = ["city", "driver_id", "trips", "fare", "sky", "offer"];
    assert_eq!(answer["metadata"]["feature_names"], json!(names));
    let of = |name: &str| -> Vec<&Json> {
        answer["results"].as_array().unwrap().iter().map(|result| &result[name][0]).collect()
    };
    assert_eq!(
        of("values"),
        [&json!("Oslo"), &json!(1), &json!(null), &json!(2.5), &json!("clear"), &json!(10.0)]
    );
    assert_eq!(of("statuses")[2..], ["OUTSIDE_MAX_AGE", "PRESENT", "PRESENT", "PRESENT"]);
}

#[tokio::test]
async fn every_type_has_its_form() {
    let mut world = World::new().await;
    let list = |values: Vec<Option<Value>>| Cell::Value(Value::List(values));
    let rows: [(Vec<Cell>, &str); 3] = [
        (
            vec![
                Cell::Value(Value::Bool(true)),
                Cell::Value(Value::Int32(i32::MIN)),
                int(9_007_199_254_740_993),
                float(0.1),
                Cell::Value(Value::Float64(0.1)),
                Cell::Value(Value::String("é\"\u{0}\u{1f980}".to_owned())),
                Cell::Value(Value::Bytes(vec![0, 255, 62])),
                Cell::Value(Value::Timestamp(Timestamp::from_nanos(-1))),
                list(vec![Some(Value::Int64(i64::MAX)), None]),
                list(vec![Some(Value::Float32(0.1)), Some(Value::Float32(f32::NAN))]),
                list(vec![Some(Value::String("a".to_owned())), None, Some(Value::String(String::new()))]),
            ],
            r#"true -2147483648 9007199254740993 0.1 0.1 "é\"\u0000🦀" "AP8+" -1 [9223372036854775807,null] [0.1,null] ["a",null,""]"#,
        ),
        (
            vec![
                Cell::Value(Value::Bool(false)),
                Cell::Value(Value::Int32(0)),
                int(i64::MIN),
                float(f32::MAX),
                Cell::Value(Value::Float64(f64::NEG_INFINITY)),
                Cell::Value(Value::String(String::new())),
                Cell::Value(Value::Bytes(Vec::new())),
                Cell::Value(Value::Timestamp(Timestamp::from_nanos(1_500_000_000))),
                list(Vec::new()),
                list(Vec::new()),
                list(Vec::new()),
            ],
            r#"false 0 -9223372036854775808 3.4028235e+38 null "" "" 1 [] [] []"#,
        ),
        (vec![Cell::Null; 11], "null null null null null null null null null null null"),
    ];
    for (at, (cells, _)) in rows.iter().enumerate() {
        world.store("every_type", &[Value::Int64(at as i64)], NOW, cells).await;
    }
    let names: Vec<String> = world
        .table("every_type")
        .columns
        .iter()
        .map(|column| format!("every_type:{}", column.name))
        .collect();
    let server = world.start().await;
    for (at, (_, expected)) in rows.iter().enumerate() {
        for (name, expected) in names.iter().zip(expected.split(' ')) {
            let body = json!({"features": [name], "entities": {"driver_id": [at]}}).to_string();
            let answer = server.post("/get-online-features", &body).await;
            assert!(answer.text.contains(&format!("\"values\":[{expected}]")), "{name}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn keys_come_in_every_form_that_clients_write() {
    let mut world = World::new().await;
    world.store("stats", &[Value::Int64(7)], NOW, &[float(1.0), int(70)]).await;
    let day = Timestamp::from_nanos(86_400 * 1_000_000_000);
    world.store("calendar", &[Value::Timestamp(day)], NOW, &[Cell::Value(Value::Bool(true))]).await;
    let server = world.start().await;
    let asked = json!({"features": ["stats:trips"], "entities": {"driver_id": [7, "7", 7.0, null]}});
    assert_eq!(last(&server.read(asked).await).0, [json!(70), json!(70), json!(70), json!(null)]);
    let days = json!([86_400, "1970-01-02", "1970-01-02T00:00:00Z", "1970-01-02T01:00:00+01:00"]);
    let asked = json!({"features": ["calendar:holiday"], "entities": {"day": days}});
    assert_eq!(last(&server.read(asked).await).0, vec![json!(true); 4]);
    // What clients send besides is left out; a join key or request field that nothing needs is welcome; escapes are read.
    let text = r#" {"entities": {"driver_\u0069d": [7], "city": ["x"], "distance": [2.5]}, "features": ["stats:trip\u0073"],
        "include_feature_view_version_metadata": false, "feature_service": null, "full_feature_names": true} "#;
    let answer = server.post("/get-online-features", text).await.json();
    assert_eq!(answer["metadata"]["feature_names"], json!(["city", "distance", "driver_id", "stats__trips"]));
    assert_eq!(last(&answer).0, [json!(70)]);
}

#[tokio::test]
async fn services_rename_and_take_whole_views() {
    let mut world = World::new().await;
    world.store("stats", &[Value::Int64(7)], NOW, &[float(1.0), int(70)]).await;
    let server = world.start().await;
    let asked = json!({"feature_service": "routes", "entities": {"origin_id": [7, 8]}});
    let answer = server.read(asked).await;
    let names = ["origin_id", "sky", "origin__rate", "origin__trips"];
    assert_eq!(answer["metadata"]["feature_names"], json!(names));
    assert_eq!(
        last(&answer),
        (vec![json!(70), json!(null)], vec!["PRESENT".to_owned(), "NOT_FOUND".to_owned()])
    );
    let none =
        server.read(json!({"feature_service": "model", "entities": {"driver_id": [], "city": []}})).await;
    assert_eq!(none["results"][0]["values"], json!([]));
    let of_nobody = server.read(json!({"features": ["weather:sky"]})).await;
    assert_eq!(of_nobody["results"][0]["statuses"], json!(["NOT_FOUND"]));
}

#[tokio::test]
async fn the_openapi_document_has_the_routes_that_are_there() {
    let mut world = World::new().await;
    world.settings.allow_write = true;
    let server = world.start().await;
    let document = server.ask("GET", "/openapi.json", &[], b"").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 9);
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            let answer = server.ask(&method.to_uppercase(), path, &[], b"").await;
            assert!(![404, 405, 500].contains(&answer.status), "{method} {path}: {}", answer.text);
        }
    }
}
