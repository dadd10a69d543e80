//! What online reads refuse, and what they say about it.

use provender_core::model::ValueType;
use provender_core::model::{Object, ObjectKind};
use serde_json::{Value as Json, json};

use super::world::{World, entity, request, service_request, view};
use crate::ErrorKind;
use crate::feature_store::{Entities, OnlineRequest};

/// The whole of an error: message, causes, hints.
fn text(error: &crate::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    for hint in error.hints() {
        text.push_str(&format!(" [{hint}]"));
    }
    text
}

#[tokio::test]
async fn unknown_names_are_not_found_with_a_suggestion() {
    let world = World::new().await;
    let ids = || json!({"driver_id": [1]});
    for (asked, expected) in [
        (request(&["driver_stat:rate"], ids()), "driver_stats"),
        (request(&["driver_stats:rat"], ids()), "rate"),
        (request(&["driver_stats:zzzzzzzz"], ids()), "there are `rate`, `trips`"),
        (service_request("zzzzzzzz", ids()), "there are `eta`]"),
        (service_request("etta", ids()), "eta"),
    ] {
        let error = world.refusal(&asked).await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", text(&error));
        assert!(text(&error).contains(expected), "{}", text(&error));
    }
}

#[tokio::test]
async fn entities_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let trips = ["trips:fare"];
    let cases: [(&[&str], Json, &str); 12] = [
        (&trips, json!({"driver_id": [1]}), "lack join key `city`"),
        (&trips, json!({"driver_id": [1], "cty": ["a"]}), "they have `cty`"),
        (&trips, json!({"driver_id": [1], "city": ["a", "b"]}), "`city` has 2 values, `driver_id` has 1"),
        (&trips, json!({"driver_id": [1], "city": [7]}), "`7` is no string"),
        (&trips, json!({"driver_id": ["x"], "city": ["a"]}), "`\"x\"` is no int64"),
        (&trips, json!({"driver_id": [1.5], "city": ["a"]}), "`1.5` is no int64"),
        (&trips, json!({"driver_id": [9_223_372_036_854_775_808_u64], "city": ["a"]}), "is no int64"),
        (&trips, json!({"driver_id": [1e300], "city": ["a"]}), "is no int64"),
        (&trips, json!({"driver_id": [true], "city": ["a"]}), "`true` is no int64"),
        (&trips, json!({"driver_id": [[1]], "city": ["a"]}), "`[1]` is no int64"),
        (
            &trips,
            json!({"driver_id": [1, 2, "q"], "city": ["a", "b", "c"]}),
            "value 3 of join key `driver_id`",
        ),
        (
            &["driver_stats:rate"],
            json!({"driver_id": [1], "drivr": [1]}),
            "`drivr`, which is no join key and no request field",
        ),
    ];
    for (features, entities, expected) in cases {
        let error = world.refusal(&request(features, entities.clone())).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{entities}: {}", text(&error));
        assert!(text(&error).contains(expected), "{entities}: {}", text(&error));
    }
    let rows = json!([{"driver_id": 1, "city": "a"}, {"driver_id": 2}]);
    let uneven = OnlineRequest {
        entities: Entities::Rows(serde_json::from_value(rows).unwrap()),
        ..request(&trips, json!({}))
    };
    assert!(text(&world.refusal(&uneven).await).contains("entity row 2 differs from the others in `city`"));
}

#[tokio::test]
async fn results_of_one_name_are_refused_and_both_are_named() {
    let mut world = World::new().await;
    let entities = || json!({"driver_id": [1], "city": ["a"]});
    let asked = request(&["driver_stats:trips", "trips:trips"], entities());
    let error = text(&world.refusal(&asked).await);
    assert!(error.contains("`driver_stats:trips`") && error.contains("`trips:trips`"), "{error}");
    world.ask(&OnlineRequest { full_feature_names: true, ..asked }).await.unwrap();
    let clash = view(&["driver"], &[("driver_id", ValueType::Int64)]);
    world.define(ObjectKind::FeatureView, "clash", Object::FeatureView(clash));
    let error = text(&world.refusal(&request(&["clash:driver_id"], entities())).await);
    assert!(error.contains("join key `driver_id` and a feature"), "{error}");
}

#[tokio::test]
async fn views_that_are_not_served_are_refused_and_unfinished_applies_are_not() {
    let mut world = World::new().await;
    let error = world.refusal(&request(&["offline_only:old"], json!({"driver_id": [1]}))).await;
    assert!(text(&error).contains("`offline_only` is not served online"), "{}", text(&error));
    world.define(ObjectKind::Entity, "user", entity("user", ValueType::String));
    let coming = view(&["user"], &[("age", ValueType::Int32)]);
    world.define(ObjectKind::FeatureView, "coming", Object::FeatureView(coming));
    let answer = world.ask(&request(&["coming:age"], json!({"user": ["u"]}))).await.unwrap();
    assert_eq!(answer.results[1].values, [None], "defined, and no table yet");
}
