//! A server whose Redis is down, silent or comes and goes, through the binary and a real `redis-server`: answers are quick
//! refusals meanwhile, good again as soon as it is back, and nothing that was acknowledged is lost.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::processes::{keyed_project, succeed};
use crate::serving::{Serving, ask, body, signal, status};

const DEFINITIONS: &str = r#"
entity "driver" {
  join_key   = "driver_id"
  value_type = int64
}
data_source "file" "history" {
  path            = "history.csv"
  timestamp_field = "at"
}
data_source "push" "events" {
  batch_source = data_source.history
}
feature_view "stats" {
  entities = [entity.driver]
  source   = data_source.events
  feature "trips" { type = int64 }
}
"#;

/// How long the server waits for a read of the store here.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);
/// What a slow machine may add to it.
const SLOWNESS: Duration = Duration::from_secs(10);
/// Drivers that are written and read.
const DRIVERS: i64 = 20;

/// A `redis-server` that has every acknowledged write on disk.
struct Redis {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Redis {
    /// None where it cannot be started, which is said where no test runner hides it.
    fn start(what: &str) -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            let told = format!(
                "SKIPPED: {what} was not tested: `redis-server` is missing; `apt-get install redis-server`\n"
            );
            std::io::stderr().write_all(told.as_bytes()).unwrap();
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let redis = Self { process: Self::spawn(port, folder.path()), folder, port };
        redis.wait();
        Some(redis)
    }

    fn spawn(port: u16, folder: &Path) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn wait(&self) {
        let begin = Instant::now();
        while !self.answers() {
            assert!(begin.elapsed() < Duration::from_secs(30), "Redis does not come up");
            sleep(Duration::from_millis(10));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = [0; 5];
        stream.write_all(b"PING\r\n").is_ok()
            && std::io::Read::read_exact(&mut stream, &mut answer).is_ok()
            && answer == *b"+PONG"
    }

    /// As `kill -9`.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn restart(&mut self) {
        self.process = Self::spawn(self.port, self.folder.path());
        self.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server over the Redis behind a port, with its tables applied.
fn started(folder: &Path, port: u16) -> Serving {
    let yaml = format!(
        "project: shop\nregistry: {{ path: registry, cache_ttl_seconds: 1 }}\nprovider: local\n\
         online_store: {{ type: redis, connection_string: \"127.0.0.1:{port}\" }}\n"
    );
    fs::write(folder.join("feature_store.yaml"), yaml).unwrap();
    fs::write(folder.join("views.hcl"), DEFINITIONS).unwrap();
    fs::write(folder.join("history.csv"), "at,driver_id,trips\n2026-01-01T00:00:00Z,1,10\n").unwrap();
    succeed(folder, &["apply", "--auto-approve"]);
    let server = Serving::start(folder, &["--allow-write", "--store-timeout", "1s"]);
    assert_eq!(status(&push(&server, 1)), 200);
    server
}

/// Gives every driver this number of trips.
fn push(server: &Serving, trips: i64) -> String {
    let drivers: Vec<i64> = (0..DRIVERS).collect();
    let (many, at) = (vec![trips; drivers.len()], vec![1_767_225_600 + trips; drivers.len()]);
    let frame = serde_json::json!({
        "push_source_name": "events", "df": {"driver_id": drivers, "trips": many, "at": at},
    });
    server.ask("POST", "/push", &frame.to_string())
}

fn read(server: &Serving) -> String {
    let drivers: Vec<i64> = (0..DRIVERS).collect();
    let asked = serde_json::json!({"features": ["stats:trips"], "entities": {"driver_id": drivers}});
    server.ask("POST", "/get-online-features", &asked.to_string())
}

/// The trips of every driver; none: the store was not there, which was said in time.
fn trips(server: &Serving) -> Option<Vec<i64>> {
    let begin = Instant::now();
    let answer = read(server);
    let took = begin.elapsed();
    if status(&answer) == 200 {
        let values = body(&answer)["results"][1]["values"].clone();
        return Some(serde_json::from_value(values).unwrap());
    }
    assert_refused(&answer);
    assert!(took < STORE_TIMEOUT + SLOWNESS, "{took:?}: {answer}");
    None
}

/// A refusal for want of the store.
fn assert_refused(answer: &str) {
    assert_eq!(status(answer), 503, "{answer}");
    let error = body(answer)["error"].clone();
    assert_eq!(error["code"], "unavailable", "{answer}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("Redis at `127.0.0.1:") || message.contains("did not answer"), "{answer}");
}

fn counted(server: &Serving, series: &str) -> u64 {
    let text = server.ask("GET", "/metrics", "");
    let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or("0");
    line.trim().parse().unwrap()
}

const FAILED_READS: &str = "provender_store_duration_seconds_count{operation=\"read\",outcome=\"failed\"}";

#[test]
fn a_store_that_is_down_or_silent_is_told_and_found_again() {
    let Some(mut redis) = Redis::start("a server whose Redis is down") else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = started(folder.path(), redis.port);
    server.wait("/ready", |answer| status(answer) == 200);
    for is_silent in [false, true, false] {
        if is_silent {
            signal(&redis.process, "-STOP");
        } else {
            redis.kill();
        }
        let failed = counted(&server, FAILED_READS);
        for _ in 0..3 {
            assert_eq!(trips(&server), None);
        }
        assert_eq!(counted(&server, FAILED_READS), failed + 3);
        assert_refused(&push(&server, 2));
        let told = server.wait("/ready", |answer| status(answer) == 503);
        assert_eq!(body(&told)["problems"][0]["part"], "online_store", "{told}");
        assert_eq!(status(&server.ask("GET", "/health", "")), 200);
        if is_silent {
            signal(&redis.process, "-CONT");
            redis.wait();
        } else {
            redis.restart();
        }
        // The very first one after it is back.
        let found = trips(&server).expect("it is back");
        // A push that was refused may have come through all the same.
        assert!(found.iter().all(|trips| *trips == 1 || *trips == 2), "{found:?}");
        server.wait("/ready", |answer| status(answer) == 200);
    }
    server.stop();
}

#[test]
fn a_store_that_comes_and_goes_loses_nothing_that_was_acknowledged() {
    let Some(mut redis) = Redis::start("a server whose Redis comes and goes") else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = started(folder.path(), redis.port);
    let (is_over, acknowledged) = (AtomicBool::new(false), Mutex::new(1));
    let (mut refused, mut read_in_vain) = (0, 0);
    scope(|threads| {
        let writer = threads.spawn(|| {
            let mut refused = 0;
            for number in 2.. {
                let answer = push(&server, number);
                if status(&answer) == 200 {
                    *acknowledged.lock().unwrap() = number;
                } else {
                    assert_refused(&answer);
                    refused += 1;
                    sleep(Duration::from_millis(10));
                }
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
            refused
        });
        let reader = threads.spawn(|| {
            let mut in_vain = 0;
            while !is_over.load(Ordering::Relaxed) {
                let before = *acknowledged.lock().unwrap();
                match trips(&server) {
                    Some(found) => {
                        assert!(found.iter().all(|trips| *trips >= before), "{found:?} < {before}")
                    }
                    None => in_vain += 1,
                }
            }
            in_vain
        });
        for _ in 0..4 {
            sleep(Duration::from_millis(300));
            redis.kill();
            sleep(Duration::from_millis(300));
            redis.restart();
            // As soon as it is back, whatever the threads beside do.
            assert!(trips(&server).is_some(), "it is back");
        }
        is_over.store(true, Ordering::Relaxed);
        (refused, read_in_vain) = (writer.join().unwrap(), reader.join().unwrap());
    });
    assert!(refused > 0 && read_in_vain > 0, "Redis was not missed: {refused}, {read_in_vain}");
    let last = acknowledged.into_inner().unwrap();
    let found = trips(&server).unwrap();
    assert!(last > 1 && found.iter().all(|trips| *trips >= last), "{found:?} < {last}");
    server.stop();
}

/// What goes between a server and its Redis; connections can be cut off without either end being told.
struct Wire {
    port: u16,
    silent: std::sync::Arc<AtomicBool>,
}

impl Wire {
    fn to(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = std::sync::Arc::new(AtomicBool::new(false));
        let state = silent.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", redis)) else { continue };
                // A connection that was there when the wire broke stays broken; a later one does not.
                let is_broken = std::sync::Arc::new(AtomicBool::new(false));
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    let (state, is_broken) = (state.clone(), is_broken.clone());
                    std::thread::spawn(move || {
                        let mut bytes = [0; 65_536];
                        while let Ok(length @ 1..) = std::io::Read::read(&mut from, &mut bytes) {
                            if state.load(Ordering::Relaxed) {
                                is_broken.store(true, Ordering::Relaxed);
                            }
                            if !is_broken.load(Ordering::Relaxed) && to.write_all(&bytes[..length]).is_err() {
                                break;
                            }
                        }
                    });
                }
            }
        });
        Self { port, silent }
    }
}

/// A firewall that forgets a connection, or a machine that is gone and whose address another one has taken over.
#[test]
fn a_connection_that_is_dead_without_anybody_knowing_is_made_again() {
    let Some(redis) = Redis::start("a connection to Redis that is dead") else { return };
    let folder = tempfile::tempdir().unwrap();
    let wire = Wire::to(redis.port);
    let server = started(folder.path(), wire.port);
    assert_eq!(trips(&server), Some(vec![1; 20]));
    wire.silent.store(true, Ordering::Relaxed);
    assert_eq!(trips(&server), None);
    wire.silent.store(false, Ordering::Relaxed);
    assert_eq!(trips(&server), Some(vec![1; 20]), "the dead connection is used no more");
    server.stop();
}

/// Entries of the registry as they are kept.
fn entries(folder: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let log = fs::read_dir(folder.join("registry/log")).unwrap().map(|entry| entry.unwrap().path());
    log.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_registry_that_is_gone_garbage_or_unreadable_is_told_and_answers_go_on() {
    let Some(redis) = Redis::start("a server whose registry is damaged") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = started(folder, redis.port);
    server.wait("/ready", |answer| status(answer) == 200);
    let kept = entries(folder);
    let (newest, bytes) = kept.last_key_value().unwrap();
    let (registry, away) = (folder.join("registry"), folder.join("away"));
    type Change<'a> = &'a dyn Fn();
    let put_back = || fs::write(newest, bytes).unwrap();
    let damages: [(&str, Change<'_>, Change<'_>); 5] = [
        ("gone", &|| fs::rename(&registry, &away).unwrap(), &|| fs::rename(&away, &registry).unwrap()),
        ("cut off", &|| fs::write(newest, &bytes[..bytes.len() / 2]).unwrap(), &put_back),
        ("empty", &|| fs::write(newest, "").unwrap(), &put_back),
        ("garbage", &|| fs::write(newest, [0xff; 4_096]).unwrap(), &put_back),
        (
            // For whom permissions do not count, a folder in its place cannot be read either.
            "unreadable",
            &|| {
                fs::remove_file(newest).unwrap();
                fs::create_dir(newest).unwrap();
            },
            &|| {
                fs::remove_dir(newest).unwrap();
                put_back();
            },
        ),
    ];
    for (what, damage, mend) in damages {
        let failures = counted(&server, "provender_registry_refresh_failures_total");
        damage();
        let told = server.wait("/ready", |answer| body(answer)["problems"][0]["part"] == "registry");
        assert_eq!(status(&told), 200, "{what}: {told}");
        assert_eq!(trips(&server), Some(vec![1; 20]), "{what}");
        assert!(counted(&server, "provender_registry_refresh_failures_total") > failures, "{what}");
        mend();
        server.wait("/ready", |answer| body(answer)["problems"] == serde_json::json!([]));
        assert_eq!(trips(&server), Some(vec![1; 20]), "{what}");
    }
    // What is applied afterwards is served: it went on from where it was.
    let views = fs::read_to_string(folder.join("views.hcl")).unwrap();
    fs::write(
        folder.join("views.hcl"),
        format!("{views}\nfeature_service \"all\" {{\n  features = [feature_view.stats]\n}}\n"),
    )
    .unwrap();
    succeed(folder, &["apply", "--auto-approve"]);
    let asked = r#"{"feature_service": "all", "entities": {"driver_id": [1]}}"#;
    let begin = Instant::now();
    while status(&ask(&server.http, "POST", "/get-online-features", &[], asked).unwrap()) != 200 {
        assert!(begin.elapsed() < Duration::from_secs(60), "the new service is not served");
        sleep(Duration::from_millis(50));
    }
    server.stop();
}

#[test]
fn a_log_that_nobody_reads_holds_neither_requests_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keyed_project(folder, 10);
    succeed(folder, &["apply", "--auto-approve"]);
    let mut server = crate::provender(folder)
        .args(["serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-format", "json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::with_capacity(1, server.stderr.take().unwrap());
    let listening = loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        if line.contains("\"listening\"") {
            break line;
        }
    };
    let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
    let http = listening["http"].as_str().unwrap();
    // Each refusal is a line of some two hundred bytes; a pipe takes 64 KiB.
    for _ in 0..2_000 {
        assert_eq!(status(&ask(http, "GET", "/nothing", &[], "").unwrap()), 404);
    }
    signal(&server, "-TERM");
    let begin = Instant::now();
    while server.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(20) {
            server.kill().unwrap();
            panic!("it does not end");
        }
        sleep(Duration::from_millis(20));
    }
    assert!(server.wait().unwrap().success());
}
