//! Reads while a table stands beside the one that replaces it.

use std::collections::BTreeMap;

use provender_core::encoding::Cell;
use provender_core::model::{Address, FeatureView, Object, ObjectKind, Objects, Value, ValueType};
use provender_core::registry::{OnlineTable, ServedDefinitions, TableState};
use provender_core::time::Duration;
use serde_json::json;

use super::world::{HOUR, NOW, World, entity, request, table, view};
use crate::ErrorKind;
use crate::feature_store::{Applied, FieldStatus};
use crate::testing::int;

/// `driver_stats` goes from int64 drivers to string drivers, gets another ttl and one feature more; the old table keeps
/// what it was made for.
async fn replaced() -> (World, OnlineTable, OnlineTable) {
    let mut world = World::new().await;
    let mut old = world.table("driver_stats");
    world.store(&old, &[Value::Int64(1)], NOW - HOUR, &[Cell::Null, int(10)]).await;
    let driver = Address::new(ObjectKind::Entity, "driver");
    let stats = Address::new(ObjectKind::FeatureView, "driver_stats");
    let kept = |address: &Address| (address.clone(), world.registry.objects.get(address).unwrap().clone());
    old.served = Some(ServedDefinitions {
        view: "driver_stats".to_owned(),
        objects: Objects(BTreeMap::from([kept(&driver), kept(&stats)])),
    });
    world.registry.tables.insert(old.id.clone(), old.clone());
    world.define(ObjectKind::Entity, "driver", entity("driver_id", ValueType::String));
    let features = [("trips", ValueType::String), ("added", ValueType::Int64)];
    let wanted = FeatureView { ttl: Duration::from_seconds(1), ..view(&["driver"], &features) };
    world.define(ObjectKind::FeatureView, "driver_stats", Object::FeatureView(wanted));
    let columns = [(1, "trips", ValueType::String), (2, "added", ValueType::Int64)];
    let mut new = table("driver_stats", 12, 1, &[("driver_id", ValueType::String)], &columns);
    new.replaces = Some(old.id.clone());
    world.add_table(new.clone()).await;
    let text = |text: &str| Cell::Value(Value::String(text.to_owned()));
    world.store(&new, &[Value::String("1".to_owned())], NOW, &[text("ten"), int(1)]).await;
    (world, old, new)
}

#[tokio::test]
async fn the_old_table_serves_by_its_own_definitions_until_the_new_one_is_complete() {
    let (mut world, _, new) = replaced().await;
    let asked = request(&["driver_stats:trips", "driver_stats:added"], json!({"driver_id": ["1"]}));
    let answer = world.ask(&asked).await.unwrap();
    assert_eq!(answer.results[0].values, [Some(Value::Int64(1))], "the key has its old type");
    assert_eq!(answer.results[1].values, [Some(Value::Int64(10))], "and the old ttl holds, just");
    assert_eq!(
        answer.results[2].statuses,
        [FieldStatus::NotFound],
        "what only the new one has is not there yet"
    );
    let removed = request(&["driver_stats:rate"], json!({"driver_id": [1]}));
    let answer = world.ask(&removed).await.unwrap();
    assert_eq!(
        answer.results[1].statuses,
        [FieldStatus::NullValue],
        "a removed feature serves till the switch"
    );

    let unfinished: Vec<_> = Applied::unfinished(&world.registry).cloned().collect();
    assert_eq!(unfinished, std::slice::from_ref(&new.id), "whose ledger decides about the switch");
    world.complete = unfinished;
    let answer = world.ask(&asked).await.unwrap();
    assert_eq!(answer.results[0].values, [Some(Value::String("1".to_owned()))]);
    assert_eq!(answer.results[1].values, [Some(Value::String("ten".to_owned()))]);
    assert_eq!(answer.results[2].statuses, [FieldStatus::Present]);
    assert_eq!(world.refusal(&removed).await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn another_view_of_the_same_entity_goes_by_the_new_definition() {
    let (mut world, _, _) = replaced().await;
    let columns = [(1, "age", ValueType::Int64)];
    let key = [("driver_id", ValueType::String)];
    world.define(
        ObjectKind::FeatureView,
        "young",
        Object::FeatureView(view(&["driver"], &[("age", ValueType::Int64)])),
    );
    world.add_table(table("young", 12, 1, &key, &columns)).await;
    world.store(&world.table("young"), &[Value::String("é".to_owned())], NOW, &[int(3)]).await;
    let answer = world.ask(&request(&["young:age"], json!({"driver_id": ["é"]}))).await.unwrap();
    assert_eq!(answer.results[1].values, [Some(Value::Int64(3))]);
    let both = request(&["young:age", "driver_stats:trips"], json!({"driver_id": ["1"]}));
    let error = world.refusal(&both).await;
    assert!(error.to_string().contains("`driver_id` as"), "{error}");
}

#[tokio::test]
async fn the_newest_table_serves_once_the_old_one_is_gone_and_dropped_ones_never_do() {
    let (mut world, mut old, mut new) = replaced().await;
    let asked = request(&["driver_stats:trips"], json!({"driver_id": ["1"]}));
    old.state = TableState::Dropped;
    world.registry.tables.insert(old.id.clone(), old);
    let answer = world.ask(&asked).await.unwrap();
    assert_eq!(answer.results[1].values, [Some(Value::String("ten".to_owned()))]);
    new.replaces = None;
    world.registry.tables = BTreeMap::from([(new.id.clone(), new)]);
    assert_eq!(world.ask(&asked).await.unwrap(), answer);
}
