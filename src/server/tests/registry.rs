//! The registry changes, breaks and goes away while requests are answered.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use provender_core::model::{Address, Fingerprint, ObjectKind};
use provender_core::registry::{
    ApplyBegin, ApplyEnd, ApplyOutcome, ApplyProgress, Author, EntryBody, Registry, StateChange,
};
use provender_core::time::Timestamp;
use provender_runtime::registry::Appended;
use serde_json::json;

use super::world::{Running, World};

async fn append(world: &World, body: EntryBody) -> Registry {
    let log = world.log();
    let state = log.state().await.unwrap();
    // As from a clock that moves: two entries of one number differ in it.
    static CLOCK: AtomicI64 = AtomicI64::new(1);
    let at = Timestamp::from_nanos(CLOCK.fetch_add(1, Ordering::Relaxed));
    match log.append(&state, "apply", &Author::default(), at, body).await.unwrap() {
        Appended::Yes(state) => *state,
        other => panic!("{other:?}"),
    }
}

/// Applies a change.
async fn apply(world: &World, change: StateChange) -> Registry {
    append(
        world,
        EntryBody::ApplyBegin(ApplyBegin {
            plan_digest: Fingerprint::of_bytes(b"plan"),
            steps: Vec::new(),
            process: 1,
            summary: String::new(),
        }),
    )
    .await;
    append(world, EntryBody::ApplyProgress(ApplyProgress { change, ..ApplyProgress::default() })).await;
    append(world, EntryBody::ApplyEnd(ApplyEnd { outcome: ApplyOutcome::Succeeded, closed_by: None })).await
}

async fn started() -> (World, Running) {
    let mut world = World::new().await;
    let mut change = StateChange::default();
    let objects = world.registry.objects.0.iter();
    change.objects.extend(objects.map(|(address, object)| (address.clone(), Some(object.clone()))));
    let tables = world.registry.tables.iter();
    change.tables.extend(tables.map(|(id, table)| (id.clone(), Some(table.clone()))));
    world.registry = apply(&world, change).await;
    world.settings.refresh = Duration::from_millis(50);
    let server = world.start().await;
    (world, server)
}

/// Waits until `/ready` names these problems alone; the server is ready all the time.
async fn until(server: &Running, parts: &[&str]) {
    for _ in 0..100 {
        let answer = server.ask("GET", "/ready", &[], b"").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let told = answer.json();
        let told: Vec<&str> = told["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["part"].as_str().unwrap())
            .collect();
        if told == parts {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("`/ready` never told of {parts:?}");
}

const ASKED: &str = r#"{"features": ["stats:rate"], "entities": {"driver_id": [1]}}"#;

#[tokio::test]
async fn new_definitions_are_served_without_a_restart() {
    let (world, server) = started().await;
    assert_eq!(server.post("/get-online-features", ASKED).await.status, 200);
    let mut change = StateChange::default();
    change.objects.insert(Address::new(ObjectKind::FeatureService, "model"), None);
    apply(&world, change).await;
    let asked =
        json!({"feature_service": "model", "entities": {"driver_id": [1], "city": ["a"]}}).to_string();
    for _ in 0..100 {
        if server.post("/get-online-features", &asked).await.status == 404 {
            assert_eq!(server.post("/get-online-features", ASKED).await.status, 200);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the service that was deleted is still served");
}

#[tokio::test]
async fn a_registry_that_is_gone_or_damaged_is_told_and_answers_go_on() {
    let (world, server) = started().await;
    until(&server, &[]).await;
    let (here, away) = (world.folder().join("registry"), world.folder().join("away"));
    std::fs::rename(&here, &away).unwrap();
    until(&server, &["registry"]).await;
    assert_eq!(server.post("/get-online-features", ASKED).await.status, 200);
    std::fs::rename(&away, &here).unwrap();
    until(&server, &[]).await;
    let next = here.join(format!("log/{:020}.json", world.registry.revision + 1));
    std::fs::write(&next, "{ no entry").unwrap();
    until(&server, &["registry"]).await;
    assert_eq!(server.post("/get-online-features", ASKED).await.status, 200);
    std::fs::remove_file(&next).unwrap();
    until(&server, &[]).await;
}

#[tokio::test]
async fn a_backup_that_was_restored_and_written_to_is_noticed() {
    let (mut world, server) = started().await;
    let (here, backup) = (world.folder().join("registry"), world.folder().join("backup"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let copied = std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap();
        assert!(copied.success());
    };
    copy(&here, &backup);
    let without = |name: &str| {
        let mut change = StateChange::default();
        change.objects.insert(Address::new(ObjectKind::FeatureService, name), None);
        change
    };
    let before = world.registry.clone();
    let first = apply(&world, without("model")).await.revision;
    let is_served = async |service: &str| {
        let asked = json!({"feature_service": service, "entities": {"driver_id": [1], "city": ["a"], "origin_id": [1]}});
        server.post("/get-online-features", &asked.to_string()).await.status != 404
    };
    for _ in 0..100 {
        if !is_served("model").await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!is_served("model").await && is_served("routes").await);
    std::fs::remove_dir_all(&here).unwrap();
    copy(&backup, &here);
    world.registry = before;
    assert_eq!(apply(&world, without("routes")).await.revision, first, "another entry of the same number");
    for _ in 0..100 {
        if is_served("model").await && !is_served("routes").await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what was applied after the backup had been restored is not served");
}
