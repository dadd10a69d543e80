//! Servers that die, hang, refuse or forget: errors say where and what to do, nothing acknowledged is lost, and the store
//! goes on when the server is back.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use provender_core::model::ValueType;
use provender_runtime::provider::{TableRead, WriteMode};
use provender_runtime::testing::{self, Bench, int, int_key, online_row, online_table, times};
use provender_runtime::{Error, ErrorKind};

use super::servers::{Certificates, PASSWORD, Place, RedisCluster, RedisServer, can_start, free_port};

fn table() -> provender_core::registry::OnlineTable {
    online_table("view", 1, &[(1, ValueType::Int64)])
}

async fn failure(place: &Place) -> Error {
    let bench = Bench::new(place, "failing");
    let table = table();
    let keys: Vec<_> = (0..100).map(int_key).collect();
    let read = [TableRead { table: &table, keys: &keys }];
    bench.online().read(&read).await.unwrap_err()
}

/// Everything that a user or a log could be shown.
fn all_of(error: &Error) -> String {
    format!("{error:?} {} {}", error.chain().join(": "), error.hints().join(" "))
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    for others in [&[][..], &[("redis_type", "redis_cluster")]] {
        let place = format!("127.0.0.1:{}", free_port());
        let begin = Instant::now();
        let error = failure(&Place::new(&format!("redis://user:{PASSWORD}@{place}"), others)).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.to_string(), format!("cannot reach Redis at `{place}`"));
        assert!(!error.hints().is_empty() && !all_of(&error).contains("canary"), "{}", all_of(&error));
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn what_is_set_wrong_is_said() {
    if !can_start("wrong settings of Redis") {
        return;
    }
    let locked = RedisServer::with(free_port(), &["--requirepass", PASSWORD, "--save", ""]);
    let plain = RedisServer::with(free_port(), &["--save", ""]);
    let cluster = RedisCluster::start("wrong settings of Redis").unwrap();
    let address = |server: &RedisServer| format!("127.0.0.1:{}", server.port);
    let is_cluster = ("redis_type", "redis_cluster");
    let wrong = ("password", "canary-wrong");
    for (place, kind, says) in [
        (Place::new(&address(&locked), &[]), ErrorKind::Invalid, "`password`"),
        (Place::new(&address(&locked), &[wrong]), ErrorKind::Invalid, "`password`"),
        (
            Place::new(&address(&locked), &[wrong, ("username", "canary-user")]),
            ErrorKind::Invalid,
            "`password`",
        ),
        (Place::new(&format!("{},db=9", address(&plain)), &[]), ErrorKind::Invalid, "databases"),
        (Place::new(&address(&plain), &[is_cluster]), ErrorKind::Invalid, "redis_type"),
        (Place::new(&address(&cluster.nodes[0]), &[]), ErrorKind::Invalid, "redis_type"),
        (Place::new(&address(&plain), &[("ssl", "true")]), ErrorKind::Unavailable, "TLS"),
    ] {
        let error = failure(&place).await;
        let shown = all_of(&error);
        assert!(shown.contains(says) && shown.contains("127.0.0.1:") && !shown.contains("canary"), "{shown}");
        assert_eq!(error.kind(), kind, "{shown}");
    }
    let right = Place::new(&format!("{},password={PASSWORD}", address(&locked)), &[]);
    let bench = Bench::new(&right, "allowed");
    bench.create(&table()).await;
}

/// Runs in a process of its own, whose environment names the authority.
#[test]
fn a_password_over_tls() {
    if let Ok(port) = std::env::var("PROVENDER_TEST_TLS_PORT") {
        return over_tls(&port);
    }
    if !can_start("Redis over TLS") {
        return;
    }
    let certificates = Certificates::make();
    let (server, port) = certificates.server();
    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::failures::a_password_over_tls", "--nocapture"])
        .env("PROVENDER_TEST_TLS_PORT", port.to_string())
        .env("SSL_CERT_FILE", certificates.path("ca.pem"))
        .output()
        .unwrap();
    drop(server);
    let printed = [inner.stdout, inner.stderr].concat();
    assert!(inner.status.success(), "{}", String::from_utf8_lossy(&printed));
    assert!(String::from_utf8_lossy(&printed).contains("1 passed"));
}

fn over_tls(port: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let place = Place::new(&format!("rediss://:{PASSWORD}@localhost:{port}"), &[]);
        testing::provider(&place).await;
        testing::online_store(&place).await;
        // The certificate is for the name, not for the number.
        let error =
            failure(&Place::new(&format!("127.0.0.1:{port},ssl=true,password={PASSWORD}"), &[])).await;
        assert!(
            all_of(&error).contains("certificate") && !all_of(&error).contains("canary"),
            "{}",
            all_of(&error)
        );
        let error = failure(&Place::new(&format!("localhost:{port},password={PASSWORD}"), &[])).await;
        assert!(
            all_of(&error).contains("ssl: true") && !all_of(&error).contains("canary"),
            "{}",
            all_of(&error)
        );
        let error = failure(&Place::new(&format!("localhost:{port},ssl=true"), &[])).await;
        assert!(all_of(&error).contains("`password`"), "{}", all_of(&error));
    });
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_a_server_dies() {
    let Some(mut server) = RedisServer::durable("a Redis server that dies") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "dying");
    let table = table();
    bench.create(&table).await;
    let is_over = AtomicBool::new(false);
    let mut acknowledged: BTreeMap<i64, i64> = BTreeMap::new();
    let mut errors = Vec::new();
    let mut read_errors = Vec::new();
    let writer = async {
        let mut event = 0;
        while !is_over.load(Ordering::Relaxed) {
            event += 1;
            let keys: Vec<i64> = (0..10).map(|at| (event * 7 + at) % 40).collect();
            let rows: Vec<_> = keys
                .iter()
                .map(|key| online_row(&table, &int_key(*key), times(event, None), &[int(event)]))
                .collect();
            match bench.online().write(&table, WriteMode::Newest, rows).await {
                Ok(_) => acknowledged.extend(keys.into_iter().map(|key| (key, event))),
                Err(error) => {
                    errors.push(error);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    };
    let reader = async {
        let keys: Vec<_> = (0..40).map(int_key).collect();
        while !is_over.load(Ordering::Relaxed) {
            let read = [TableRead { table: &table, keys: &keys }];
            if let Err(error) = bench.online().read(&read).await {
                read_errors.push(error);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let killer = async {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.kill();
            tokio::time::sleep(Duration::from_millis(200)).await;
            server.restart();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(writer, reader, killer);
    assert!(!errors.is_empty() && !read_errors.is_empty(), "the server was not missed");
    for error in errors.iter().chain(&read_errors) {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", all_of(error));
        assert!(error.to_string().contains("Redis at `127.0.0.1:"), "{error}");
    }
    assert_eq!(acknowledged.len(), 40);
    for (key, event) in acknowledged {
        let (header, _) = bench.read_one(&table, &int_key(key)).await.unwrap();
        assert!(header >= times(event, None), "key {key}: {header:?}, acknowledged {event}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_found_again() {
    let Some(server) = RedisServer::start("a Redis server that hangs") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "hanging");
    let table = table();
    bench.create(&table).await;
    server.signal("-STOP");
    let begin = Instant::now();
    let keys = [int_key(1)];
    let read = [TableRead { table: &table, keys: &keys }];
    let error = bench.online().read(&read).await.unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no answer in time"), "{}", all_of(&error));
    server.signal("-CONT");
    bench.online().read(&read).await.unwrap();
}

#[tokio::test]
async fn scripts_that_a_server_forgot_are_sent_again() {
    let Some(server) = RedisServer::start("forgotten scripts of Redis") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "scripts");
    let table = table();
    bench.create(&table).await;
    for event in 1..5 {
        let rows: Vec<_> = (0..1_000)
            .map(|key| online_row(&table, &int_key(key), times(event, None), &[int(event)]))
            .collect();
        server.cli(&["script", "flush"]);
        assert_eq!(bench.write(&table, &rows).await.written, 1_000);
        server.cli(&["script", "flush"]);
        assert_eq!(bench.fill(&table, &rows).await.kept, 1_000);
    }
}

#[tokio::test]
async fn a_full_server_says_so() {
    let Some(server) = RedisServer::start("a full Redis server") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "full");
    let table = table();
    bench.create(&table).await;
    server.cli(&["config", "set", "maxmemory", "1"]);
    let row = online_row(&table, &int_key(1), times(1, None), &[int(1)]);
    let error = bench.try_write(&table, WriteMode::Newest, &[row]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no memory left"), "{}", all_of(&error));
}

/// The library keeps an error of a login for ever; the store must not.
#[tokio::test]
async fn a_login_that_was_refused_for_a_moment_is_tried_again() {
    if !can_start("a Redis server whose password changes") {
        return;
    }
    let server = RedisServer::with(free_port(), &["--requirepass", PASSWORD, "--save", ""]);
    let place = Place::new(&format!("127.0.0.1:{},password={PASSWORD}", server.port), &[]);
    let (bench, table) = (Bench::new(&place, "locked_out"), table());
    bench.create(&table).await;
    let client = redis::Client::open(format!("redis://:{PASSWORD}@127.0.0.1:{}", server.port)).unwrap();
    // A connection of its own, which stays logged in.
    let mut admin = client.get_multiplexed_async_connection().await.unwrap();
    let key = [int_key(1)];
    let read = [TableRead { table: &table, keys: &key }];
    bench.online().read(&read).await.unwrap();
    let mut set = async |password: &str| {
        let command = &mut redis::cmd("CONFIG");
        let () = command.arg("SET").arg("requirepass").arg(password).query_async(&mut admin).await.unwrap();
        let kill = &mut redis::cmd("CLIENT");
        let kill = kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
        let _: i64 = kill.query_async(&mut admin).await.unwrap();
    };
    set("another").await;
    let mut refused = false;
    for _ in 0..20 {
        refused |= bench.online().read(&read).await.is_err();
    }
    assert!(refused, "a login with an old password is refused");
    set(PASSWORD).await;
    for _ in 0..50 {
        if bench.online().read(&read).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the login is not tried again");
}
