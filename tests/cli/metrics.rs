//! What a StatsD collector hears from the binary, and what it costs when there is none.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::processes::{run, succeed};
use crate::provender;
use crate::serving::Serving;

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
data_source "request" "ride" {
  field "distance" { type = float64 }
}
feature_view "stats" {
  entities = [entity.driver]
  source   = data_source.events
  feature "trips" { type = int64 }
}
on_demand_feature_view "ratio" {
  sources = [feature_view.stats, data_source.ride]
  feature "per_trip" {
    type       = float64
    expression = ride.distance / stats.trips
  }
}
"#;

/// A project whose `feature_store.yaml` ends with `settings`.
fn project(folder: &Path, settings: &str) {
    let yaml = format!("project: measured\nregistry: registry\nprovider: local\n{settings}\n");
    fs::write(folder.join("feature_store.yaml"), yaml).unwrap();
    fs::write(folder.join("views.hcl"), DEFINITIONS).unwrap();
    let rows = "at,driver_id,trips\n2026-01-01T00:00:00Z,1,10\n2026-01-02T00:00:00Z,1,20\n2026-01-02T00:00:00Z,2,0\n";
    fs::write(folder.join("history.csv"), rows).unwrap();
}

/// A socket in place of a collector.
struct Ear {
    socket: UdpSocket,
    place: String,
}

impl Ear {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let place = socket.local_addr().unwrap().to_string();
        Self { socket, place }
    }

    /// The lines that lie there.
    fn lines(&self) -> Vec<String> {
        let (mut lines, mut datagram) = (Vec::new(), [0; 65_536]);
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = std::str::from_utf8(&datagram[..length]).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    }
}

fn assert_heard(lines: &[String], expected: &[&str]) {
    for beginning in expected {
        assert!(lines.iter().any(|line| line.starts_with(beginning)), "no {beginning} in {lines:#?}");
    }
}

fn read(server: &Serving) -> String {
    let body =
        r#"{"features": ["ratio:per_trip"], "entities": {"driver_id": [1, 2, 3], "distance": [5, 5, 5]}}"#;
    server.ask("POST", "/get-online-features", body)
}

#[test]
fn a_collector_hears_from_apply_materialize_push_and_the_server() {
    let (folder, ear) = (tempfile::tempdir().unwrap(), Ear::new());
    let folder = folder.path();
    project(folder, &format!("metrics: {{ statsd: \"{}\" }}", ear.place));
    succeed(folder, &["apply", "--auto-approve"]);
    assert_heard(
        &ear.lines(),
        &[
            "provender.apply_steps.create.succeeded:1|c",
            "provender.apply_steps.define.succeeded:",
            "provender.apply_duration.succeeded:",
        ],
    );
    succeed(folder, &["materialize", "2026-01-01", "2026-01-03"]);
    assert_heard(
        &ear.lines(),
        &[
            "provender.materialize_rows.stats.read:3|c",
            "provender.materialize_rows.stats.written:2|c",
            "provender.materialize_duration.stats.loaded:",
            "provender.freshness.stats:",
        ],
    );
    fs::write(folder.join("rows.csv"), "at,driver_id,trips\n2026-01-05T00:00:00Z,1,30\n").unwrap();
    // What is typed goes before what is written.
    let other = Ear::new();
    let tagged = ["--statsd", &other.place, "--statsd-tags", "dogstatsd"];
    succeed(folder, &[&["push", "events", "--from", "rows.csv"], &tagged[..]].concat());
    assert!(ear.lines().is_empty());
    assert_heard(
        &other.lines(),
        &["provender.push_rows:1|c|#view:stats,outcome:written", "provender.store_duration:"],
    );

    let server = Serving::start(folder, &[]);
    for _ in 0..20 {
        assert!(read(&server).starts_with("HTTP/1.1 200"), "{}", read(&server));
    }
    server.ask("GET", "/nowhere", "");
    let text = server.ask("GET", "/metrics", "");
    for line in [
        "provender_requests_total{endpoint=\"get-online-features\",status=\"ok\"} 20",
        "provender_requests_total{endpoint=\"other\",status=\"unknown_path\"} 1",
        "provender_feature_status_total{view=\"stats\",status=\"PRESENT\"} 40",
        "provender_feature_status_total{view=\"stats\",status=\"NOT_FOUND\"} 20",
        "provender_expression_errors_total{view=\"ratio\",feature=\"per_trip\"} 20",
        "provender_request_rows_sum{endpoint=\"get-online-features\"} 60.0",
        "provender_store_duration_seconds_count{operation=\"read\",outcome=\"ok\"} 20",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in {text}");
    }
    server.stop();
    let lines = ear.lines();
    assert_heard(
        &lines,
        &[
            "provender.request_duration.get-online-features:",
            "provender.request_rows.get-online-features:3|ms",
            "provender.request_features.get-online-features:1|ms",
            "provender.feature_status.ratio.NOT_FOUND:",
            "provender.store_duration.read.ok:",
            "provender.registry_revision:",
            "provender.registry_age:",
        ],
    );
    let counted = |name: &str| -> u64 {
        let grown = |line: &String| -> Option<u64> {
            line.strip_prefix(name)?.strip_prefix(':')?.strip_suffix("|c")?.parse().ok()
        };
        lines.iter().filter_map(grown).sum()
    };
    assert_eq!(counted("provender.requests.get-online-features.ok"), 20);
    assert_eq!(counted("provender.expression_errors.ratio.per_trip"), 20);
}

/// Places where nobody takes anything: one that refuses, one whose packets are dropped, one that has no address.
fn deaf() -> [String; 3] {
    let refusing = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    [refusing, "192.0.2.1:8125".to_owned(), "nowhere.invalid:8125".to_owned()]
}

#[test]
fn nobody_waits_for_a_collector_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, "");
    succeed(folder, &["apply", "--auto-approve"]);
    let load = ["materialize", "2026-01-01", "2026-01-03"];
    let took = |options: &[&str]| {
        let began = Instant::now();
        let output = run(folder, &[&load, options].concat());
        assert!(output.status.success(), "{output:?}");
        (began.elapsed(), String::from_utf8(output.stderr).unwrap())
    };
    let (alone, _) = took(&[]);
    for place in deaf() {
        let (with_collector, told) = took(&["--statsd", &place]);
        // Half a second is promised; the rest is for a busy machine.
        let most = alone + Duration::from_secs(3);
        assert!(with_collector < most, "{place}: {with_collector:?} instead of {alone:?}");
        let warnings = told.lines().filter(|line| line.starts_with("warning: metrics are not sent")).count();
        assert_eq!(warnings, usize::from(place.starts_with("nowhere")), "{told}");
        let server = Serving::start(folder, &["--statsd", &place]);
        for _ in 0..200 {
            let began = Instant::now();
            assert!(read(&server).starts_with("HTTP/1.1 200"));
            assert!(began.elapsed() < Duration::from_secs(1), "{place}: {:?}", began.elapsed());
        }
        server.stop();
    }
}

#[test]
fn a_place_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, "metrics: { statsd: \"${STATSD}\" }");
    let output = run(folder, &["apply", "--auto-approve", "--statsd", "8125"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("HOST:PORT"));
    let output =
        provender(folder).args(["apply", "--auto-approve"]).env("STATSD", "nothing").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("`metrics.statsd` in feature_store.yaml cannot be used"), "{told}");
}
