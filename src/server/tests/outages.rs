//! A store that fails in every way there is, over both interfaces: 503 and `UNAVAILABLE` in time, and good answers as soon
//! as it is well again. `tests/cli/outages.rs` does the same with a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use provender_runtime::testing::{Moment, Operation};
use provender_runtime::{Error, ErrorKind};
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::grpc::{channel, key, request};
use super::world::{Running, World};
use crate::grpc::interface::serving::serving_service_client::ServingServiceClient;

const ASKED: &str = r#"{"features": ["stats:rate"], "entities": {"driver_id": [1]}}"#;
const PUSHED: &str = r#"{"push_source_name": "events",
    "df": {"driver_id": [1], "city": ["a"], "fare": [1.5], "event_timestamp": ["2026-01-01"]}}"#;

/// How a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Well,
    Failing(ErrorKind),
    Silent,
}

/// Every way in which a store fails that is not a damaged row or a bug.
const OUTAGES: [State; 5] = [
    State::Failing(ErrorKind::Unavailable),
    // Somebody changed the password of the store, or took a table away: no client asked for anything wrong.
    State::Failing(ErrorKind::Invalid),
    State::Failing(ErrorKind::NotFound),
    State::Failing(ErrorKind::Conflict),
    State::Silent,
];

/// A memory that is as `OUTAGES` has it, or well where the number is none of it.
fn moody(world: &mut World) -> Arc<AtomicUsize> {
    let state = Arc::new(AtomicUsize::new(usize::MAX));
    let now = state.clone();
    world.memory = world.memory.clone().with_hook(Arc::new(move |operation, moment| {
        let state = OUTAGES.get(now.load(Ordering::Relaxed)).copied().unwrap_or(State::Well);
        Box::pin(async move {
            match (operation, moment, state) {
                (Operation::Read(_) | Operation::Write(..), Moment::Before, State::Failing(kind)) => {
                    Err(Error::new(kind, "no store"))
                }
                (Operation::Read(_), Moment::Before, State::Silent) => std::future::pending().await,
                _ => Ok(()),
            }
        })
    }));
    state
}

async fn assert_refused(server: &Running, channel: &Channel, state: State) {
    let begin = Instant::now();
    let answer = server.post("/get-online-features", ASKED).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{state:?}: {}", answer.text);
    let says = if state == State::Silent { "did not answer within" } else { "no store" };
    assert!(answer.text.contains(says) && answer.head.contains("retry-after: 1"), "{state:?}: {answer:?}");
    let mut client = ServingServiceClient::new(channel.clone());
    let asked = request(&["stats:rate"], &[("driver_id", vec![key(1)])]);
    let refused = client.get_online_features(asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{state:?}: {refused}");
    assert!(refused.message().contains(says), "{state:?}: {refused}");
    // A slow machine is allowed for; without the limit of the store it would be ten minutes each.
    assert!(begin.elapsed() < Duration::from_secs(60), "{state:?}: {:?}", begin.elapsed());
}

/// Asks until the health service says of the service that needs the store what it should; of the process it says that it
/// lives all the time.
async fn assert_health(channel: &Channel, expected: ServingStatus) {
    let mut health = HealthClient::new(channel.clone());
    let mut told = async |service: &str| {
        let asked = HealthCheckRequest { service: service.to_owned() };
        health.check(asked).await.unwrap().into_inner().status()
    };
    let begin = Instant::now();
    while told("feast.serving.ServingService").await != expected {
        assert_eq!(told("").await, ServingStatus::Serving);
        assert!(begin.elapsed() < Duration::from_secs(60), "health is never {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(told("").await, ServingStatus::Serving);
}

#[tokio::test]
async fn health_over_grpc_says_whether_the_store_answers_and_that_the_process_lives() {
    let mut world = World::new().await;
    world.settings.store_timeout = Duration::from_secs(2);
    let store = moody(&mut world);
    let server = world.start().await;
    let channel = channel(&server).await;
    assert_health(&channel, ServingStatus::Serving).await;
    store.store(OUTAGES.len() - 1, Ordering::Relaxed);
    let begin = Instant::now();
    let mut health = HealthClient::new(channel.clone());
    health.check(HealthCheckRequest::default()).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2), "a probe waits for a store that is silent");
    assert_health(&channel, ServingStatus::NotServing).await;
    store.store(usize::MAX, Ordering::Relaxed);
    assert_health(&channel, ServingStatus::Serving).await;
}

async fn assert_served(server: &Running, channel: &Channel) {
    assert_eq!(server.post("/get-online-features", ASKED).await.status, 200);
    let asked = request(&["stats:rate"], &[("driver_id", vec![key(1)])]);
    ServingServiceClient::new(channel.clone()).get_online_features(asked).await.unwrap();
}

#[tokio::test]
async fn a_store_that_fails_is_no_fault_of_a_client_and_is_well_again_at_once() {
    let mut world = World::new().await;
    world.settings.store_timeout = Duration::from_millis(100);
    world.settings.request_timeout = Duration::from_secs(600);
    let store = moody(&mut world);
    let server = world.start().await;
    let channel = channel(&server).await;
    for (at, state) in OUTAGES.into_iter().enumerate() {
        store.store(at, Ordering::Relaxed);
        assert_refused(&server, &channel, state).await;
        store.store(usize::MAX, Ordering::Relaxed);
        assert_served(&server, &channel).await;
    }
    let shown = server.ask("GET", "/metrics", &[], b"").await.text;
    for (outcome, count) in [("failed", 2 * OUTAGES.len()), ("ok", 2 * OUTAGES.len())] {
        let series = format!(
            "provender_store_duration_seconds_count{{operation=\"read\",outcome=\"{outcome}\"}} {count}"
        );
        assert!(shown.contains(&series), "no {series} in {shown}");
    }
}

#[tokio::test]
async fn a_store_that_takes_no_rows_is_no_fault_of_who_pushes_them() {
    let mut world = World::new().await;
    world.settings.allow_write = true;
    let store = moody(&mut world);
    let server = world.start().await;
    for (at, state) in OUTAGES.into_iter().enumerate().filter(|(_, state)| *state != State::Silent) {
        store.store(at, Ordering::Relaxed);
        let answer = server.post("/push", PUSHED).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "unavailable"),
            "{state:?}: {}",
            answer.text
        );
        assert!(answer.text.contains("no store"), "{state:?}: {}", answer.text);
        store.store(usize::MAX, Ordering::Relaxed);
        assert_eq!(server.post("/push", PUSHED).await.status, 200, "{state:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_damaged_is_told_as_such() {
    let mut world = World::new().await;
    world.memory = world.memory.clone().with_hook(Arc::new(|operation, moment| {
        Box::pin(async move {
            match (operation, moment) {
                (Operation::Read(_), Moment::Before) => Err(Error::corrupt("a damaged row")),
                _ => Ok(()),
            }
        })
    }));
    let server = world.start().await;
    let answer = server.post("/get-online-features", ASKED).await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
}
