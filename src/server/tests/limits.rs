//! Limits, keys, slow clients, overload and the end.

use std::sync::Arc;
use std::time::Duration;

use provender_runtime::testing::{Moment, Operation};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::grpc::channel;
use super::world::{Answer, World};

const BODY: &str = r#"{"features": ["stats:rate"], "entities": {"driver_id": [1, 2, 3]}}"#;

#[tokio::test]
async fn large_bodies_and_many_rows_are_refused() {
    let mut world = World::new().await;
    (world.settings.max_body, world.settings.max_rows) = (100, 2);
    let server = world.start().await;
    let answer = server.post("/get-online-features", BODY).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_many_rows"));
    let answer = server.post("/get-online-features", &" ".repeat(101)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let chunked = "POST /get-online-features HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = format!("{chunked}80\r\n{}\r\n0\r\n\r\n", " ".repeat(128));
    let answer = server.exchange(body.as_bytes()).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn keys_are_asked_for_when_there_are_keys() {
    let mut world = World::new().await;
    let digest =
        |key: &str| -> String { Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect() };
    let keys = format!("model read {}\nloader write {}", digest("reader"), digest("writer"));
    world.keys(&keys);
    world.settings.allow_write = true;
    let server = world.start().await;
    let json = "Content-Type: application/json";
    let frame =
        r#"{"push_source_name": "events", "df": {"driver_id": [1], "city": ["a"], "fare": [1], "at": [0]}}"#;
    let (no_key, reader, writer) = ("X-Nothing: 1", "Authorization: Bearer reader", "X-Api-Key: writer");
    for (header, path, body, status) in [
        (no_key, "/get-online-features", BODY, 401),
        (reader, "/get-online-features", BODY, 200),
        (writer, "/get-online-features", BODY, 403),
        ("Authorization: Bearer nobody", "/get-online-features", BODY, 401),
        ("Authorization: Basic reader", "/get-online-features", BODY, 401),
        ("Authorization: reader", "/get-online-features", BODY, 401),
        ("Authorization: bearer  reader ", "/get-online-features", BODY, 200),
        (no_key, "/push", frame, 401),
        (reader, "/push", frame, 403),
        (reader, "/write-to-online-store", frame, 403),
        (reader, "/materialize", "{}", 403),
        (reader, "/materialize-incremental", "{}", 403),
        (no_key, "/materialize", "{}", 401),
        (writer, "/push", frame, 200),
    ] {
        let answer = server.ask("POST", path, &[json, header], body.as_bytes()).await;
        assert_eq!(answer.status, status, "{path} with {header}: {}", answer.text);
    }
    for (path, status) in [("/openapi.json", 401), ("/metrics", 401), ("/health", 200), ("/ready", 200)] {
        assert_eq!(server.ask("GET", path, &[], b"").await.status, status, "{path}");
    }
    assert!(!server.ask("GET", "/ready", &[], b"").await.text.contains("revision"));
    assert!(server.ask("GET", "/ready", &[reader], b"").await.text.contains("revision"));
}

#[tokio::test]
async fn slow_clients_are_given_up() {
    let mut world = World::new().await;
    world.settings.header_timeout = Duration::from_millis(200);
    world.settings.request_timeout = Duration::from_millis(600);
    let server = world.start().await;
    for beginning in ["", "P", "POST /get-online-features HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(server.http).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{beginning:?} holds a connection");
    }
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    let head =
        "POST /get-online-features HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
    // A client that says that it has sent everything, and has not.
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(Answer::read(&mut stream).await.status < 500);
    let mut quiet = TcpStream::connect(server.grpc).await.unwrap();
    let mut rest = Vec::new();
    assert!(tokio::time::timeout(Duration::from_secs(5), quiet.read_to_end(&mut rest)).await.is_ok());
}

#[tokio::test]
async fn connections_that_are_idle_are_let_go() {
    let mut world = World::new().await;
    world.settings.idle_timeout = Duration::from_millis(300);
    world.settings.max_connections = 1;
    let server = world.start().await;
    let mut http = TcpStream::connect(server.http).await.unwrap();
    http.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(one_answer(&mut http).await.contains("200 ok"));
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), http.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "an idle connection is kept");
    // There is room for one connection.
    let first = channel(&server).await;
    HealthClient::new(first.clone()).check(HealthCheckRequest::default()).await.unwrap();
    let mut second = HealthClient::new(channel(&server).await);
    let answered = second.check(HealthCheckRequest::default());
    let answered = tokio::time::timeout(Duration::from_secs(5), answered).await;
    assert!(answered.is_ok_and(|answer| answer.is_ok()), "an idle connection is kept");
    drop(first);
}

#[tokio::test]
async fn who_asks_and_closes_one_half_has_the_answer() {
    let mut world = World::new().await;
    let server = world.start().await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.http).await.unwrap();
        let head = format!(
            "POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            BODY.len()
        );
        stream.write_all(format!("{head}{BODY}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(Answer::read(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn who_sends_large_bodies_slowly_keeps_out_nobody_else() {
    let mut world = World::new().await;
    world.settings.max_in_flight = 1;
    let server = world.start().await;
    let head = "POST /get-online-features HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n";
    let mut slow = TcpStream::connect(server.http).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut small = TcpStream::connect(server.http).await.unwrap();
    small.write_all(head.replace("100000", "100").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.post("/get-online-features", BODY).await.status, 200);
    let large = server.post("/get-online-features", &" ".repeat(100_000)).await;
    assert_eq!((large.status, large.code().as_str()), (503, "overloaded"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_takes_nothing_of_an_answer_loses_the_connection() {
    let mut world = World::new().await;
    world.settings.max_connections = 1;
    world.settings.request_timeout = Duration::from_millis(500);
    let server = world.start().await;
    let drivers: Vec<String> = (0..10_000).map(|driver| driver.to_string()).collect();
    let features =
        r#"["every_type:a_bool", "every_type:an_int32", "every_type:a_string", "every_type:bytes_"]"#;
    let body = format!(r#"{{"features": {features}, "entities": {{"driver_id": [{}]}}}}"#, drivers.join(","));
    let head =
        format!("POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(server.http).await.unwrap();
    let asking = tokio::spawn(async move {
        // The last of these find the connection closed.
        while stream.write_all(format!("{head}{body}").as_bytes()).await.is_ok() {}
        stream
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    // There is room for one connection.
    let other = tokio::time::timeout(Duration::from_secs(10), server.ask("GET", "/health", &[], b"")).await;
    assert_eq!(other.unwrap().status, 200);
    drop(asking.await.unwrap());
}

/// A memory whose reads wait until they are let go.
pub(super) fn held_back(world: &mut World) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    world.memory = world.memory.clone().with_hook(Arc::new(move |operation, moment| {
        let held = held.clone();
        Box::pin(async move {
            if let (Operation::Read(_), Moment::Before) = (operation, moment) {
                held.acquire().await.unwrap().forget();
            }
            Ok(())
        })
    }));
    gate
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_refused_at_once() {
    let mut world = World::new().await;
    world.settings.max_in_flight = 1;
    let gate = held_back(&mut world);
    let server = world.start().await;
    let first = server.post("/get-online-features", BODY);
    let second = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let answer = server.post("/get-online-features", BODY).await;
        gate.add_permits(10);
        answer
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.status, 200);
    assert_eq!((second.status, second.code().as_str()), (503, "overloaded"));
    assert!(second.head.contains("retry-after: 1"), "{}", second.head);
    assert_eq!(server.post("/get-online-features", BODY).await.status, 200, "there is room again");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told() {
    let mut world = World::new().await;
    world.settings.store_timeout = Duration::from_millis(100);
    let gate = held_back(&mut world);
    let server = world.start().await;
    let answer = server.post("/get-online-features", BODY).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    let ready = server.ask("GET", "/ready", &[], b"").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text.contains("online_store"), "{}", ready.text);
    assert_eq!(server.ask("GET", "/health", &[], b"").await.status, 200, "the process lives all the same");
    gate.add_permits(100);
    assert_eq!(server.post("/get-online-features", BODY).await.status, 200);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(server.ask("GET", "/ready", &[], b"").await.status, 200);
}

#[tokio::test]
async fn what_has_begun_is_answered_when_the_server_stops() {
    let mut world = World::new().await;
    let gate = held_back(&mut world);
    let server = world.start().await;
    let mut idle = TcpStream::connect(server.http).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let asked = server.post("/get-online-features", BODY);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.stop();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(TcpStream::connect(server.http).await.is_err(), "no new connection");
        gate.add_permits(10);
    };
    let (answer, ()) = tokio::join!(asked, stopping);
    assert_eq!(answer.status, 200);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    server.ended().await;
}

#[tokio::test]
async fn half_a_head_does_not_hold_up_a_server_that_stops() {
    let mut world = World::new().await;
    world.settings.header_timeout = Duration::from_millis(500);
    world.settings.drain_timeout = Duration::from_secs(300);
    let server = world.start().await;
    let mut half = TcpStream::connect(server.http).await.unwrap();
    half.write_all(b"GET /hea").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop();
    tokio::time::timeout(Duration::from_secs(30), server.ended()).await.unwrap();
    drop(half);
}

/// Reads one answer without a body of interest, to the end of its head and what comes with it.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4_096];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).to_ascii_lowercase()
}

#[tokio::test]
async fn a_request_on_its_way_over_a_kept_connection_is_answered_when_the_server_stops() {
    let server = World::new().await.start().await;
    let mut kept = TcpStream::connect(server.http).await.unwrap();
    let asked = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    kept.write_all(asked).await.unwrap();
    let answer = one_answer(&mut kept).await;
    assert!(answer.starts_with("http/1.1 200") && !answer.contains("connection: close"), "{answer}");
    server.stop();
    kept.write_all(asked).await.unwrap();
    let answer = one_answer(&mut kept).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn requests_have_ids() {
    let mut world = World::new().await;
    let server = world.start().await;
    let answer = server.ask("GET", "/health", &["X-Request-Id: trace-1"], b"").await;
    assert!(answer.head.contains("x-request-id: trace-1"), "{}", answer.head);
    for odd in ["X-Request-Id: a b", "X-Request-Id: {}", "X-Nothing: 1"] {
        let answer = server.ask("GET", "/health", &[odd], b"").await;
        let id = answer.head.split("x-request-id: ").nth(1).unwrap().split("\r\n").next().unwrap();
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn connections_are_spread_over_the_event_loops_and_drained_with_them() {
    let one_thread =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (here, loops) = (one_thread(), [one_thread(), one_thread()]);
    let connections = || loops.each_ref().map(|event_loop| event_loop.metrics().num_alive_tasks());
    here.block_on(async {
        let mut world = World::new().await;
        world.event_loops = loops.iter().map(|event_loop| event_loop.handle().clone()).collect();
        let server = world.start().await;
        let mut kept = Vec::new();
        for _ in 0..6 {
            let mut stream = TcpStream::connect(server.http).await.unwrap();
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut head = [0; 15];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(&head, b"HTTP/1.1 200 OK");
            kept.push(stream);
        }
        assert_eq!(connections(), [3, 3]);
        server.stop();
        server.ended().await;
        // The last thing that a connection does is to say that it has ended.
        let gone = async {
            while connections() != [0, 0] {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    });
}
