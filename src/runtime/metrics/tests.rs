//! The table, and what was recorded as lines and as text.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadence::{SpyMetricSink, StatsdClient};
use provender_core::time::{NANOS_PER_SECOND, Timestamp};

use super::lines::Told;
use super::series::KEPT_VALUES;
use super::*;
use crate::clock::Clock;

#[derive(Debug)]
struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(1_000 * NANOS_PER_SECOND)
    }
}

fn recorder() -> Recorder {
    let recorder = Recorder::new(Arc::new(StandingClock));
    recorder.sample();
    recorder
}

fn sent(told: &mut Told, recorder: &Recorder, style: TagStyle) -> Vec<String> {
    let (lines, sink) = SpyMetricSink::new();
    let client = StatsdClient::from_sink(table::PREFIX, sink);
    told.news(recorder).iter().for_each(|line| line.send(&client, style));
    let lines = lines.try_iter().map(|line| String::from_utf8(line).unwrap());
    lines.collect()
}

#[test]
fn names_are_distinct_and_plain() {
    let names: BTreeSet<&str> = TABLE.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), TABLE.len());
    let is_plain = |name: &&str| name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    assert!(names.iter().all(is_plain));
    for metric in TABLE {
        assert!(metric.labels.iter().all(is_plain), "{}", metric.name);
        assert!(!metric.meaning.ends_with('.') && !metric.meaning.contains('|'), "{}", metric.name);
        if let Kind::Distribution(bounds) = metric.kind {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{}", metric.name);
        }
    }
}

#[test]
fn the_reference_is_what_the_table_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    let page = super::reference::page();
    if std::env::var_os("PROVENDER_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/reference/metrics.md is out of date: PROVENDER_UPDATE_DOCS=1 cargo test -p provender-runtime reference"
    );
}

#[test]
fn lines_tell_what_is_new() {
    let (recorder, mut told) = (recorder(), Told::default());
    let requests = recorder.counter(&table::REQUESTS, &["push", "ok"]);
    recorder.counter(&table::REQUESTS, &["push", "invalid"]);
    requests.add(2);
    recorder.gauge(&table::REGISTRY_REVISION, &[]).set(7);
    recorder.age(&table::REGISTRY_AGE, &[]);
    recorder.age(&table::FRESHNESS, &["stats"]).since(Timestamp::from_nanos(998 * NANOS_PER_SECOND));
    recorder.age(&table::FRESHNESS, &["future"]).since(Timestamp::from_nanos(2_000 * NANOS_PER_SECOND));
    recorder.distribution(&table::REQUEST_DURATION, &["push"]).record_duration(Duration::from_micros(250));
    recorder.distribution(&table::REQUEST_ROWS, &["push"]).record(3);
    assert_eq!(
        sent(&mut told, &recorder, TagStyle::None),
        [
            "provender.requests.push.ok:2|c",
            "provender.request_duration.push:0.25|ms",
            "provender.request_rows.push:3|ms",
            "provender.registry_revision:7|g",
            "provender.freshness.future:0|g",
            "provender.freshness.stats:2|g",
        ]
    );
    requests.add(1);
    assert_eq!(
        sent(&mut told, &recorder, TagStyle::DogStatsd),
        [
            "provender.requests:1|c|#endpoint:push,status:ok",
            "provender.registry_revision:7|g",
            "provender.freshness:0|g|#view:future",
            "provender.freshness:2|g|#view:stats",
        ]
    );
    recorder.distribution(&table::REQUEST_ROWS, &["a.b|c:d"]).record(9);
    let lines = sent(&mut told, &recorder, TagStyle::DogStatsd);
    assert_eq!(lines[0], "provender.request_rows:9|h|#endpoint:a_b_c_d");
}

#[test]
fn a_sample_is_fair_and_its_rate_tells_the_count() {
    let recorder = recorder();
    let rows = recorder.distribution(&table::REQUEST_ROWS, &["push"]);
    let mut sums = 0;
    for round in 0..200 {
        // Values grow within a round, so a sample of the first or the last would show.
        (0..1_000).for_each(|value| rows.record(value));
        let (kept, seen) = rows.take_sample();
        assert_eq!((kept.len(), seen), (KEPT_VALUES, 1_000), "{round}");
        sums += kept.iter().sum::<u64>();
    }
    let mean = sums / (200 * KEPT_VALUES as u64);
    assert!((480..520).contains(&mean), "{mean}");
    (0..1_000).for_each(|value| rows.record(value));
    let lines = sent(&mut Told::default(), &recorder, TagStyle::None);
    assert_eq!(lines.len(), KEPT_VALUES);
    assert!(lines.iter().all(|line| line.ends_with("|ms|@0.064")), "{lines:?}");
}

#[test]
fn nothing_is_lost_between_threads() {
    let recorder = recorder();
    let counter = recorder.counter(&table::REQUESTS, &["push", "ok"]);
    let rows = recorder.distribution(&table::REQUEST_ROWS, &["push"]);
    let mut told = Told::default();
    let (mut counted, mut values) = (0, 0);
    let mut look = || {
        let lines = sent(&mut told, &recorder, TagStyle::None);
        let grown = |line: &String| {
            line.strip_prefix("provender.requests.push.ok:")?.strip_suffix("|c")?.parse().ok()
        };
        counted += lines.iter().find_map(grown).unwrap_or(0_u64);
        values += lines.iter().filter(|line| line.contains("request_rows")).count();
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for value in 0..50_000 {
                        counter.add(1);
                        rows.record(value % 100);
                    }
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            look();
        }
    });
    look();
    assert_eq!(counted, 200_000);
    assert!(values > 0);
    assert_eq!(rows.buckets().count, 200_000);
}

#[test]
fn prometheus_reads_names_with_units() {
    let recorder = recorder();
    recorder.counter(&table::FEATURE_STATUS, &["stats", "PRESENT"]).add(3);
    recorder.gauge(&table::REGISTRY_REVISION, &[]).set(7);
    recorder.age(&table::REGISTRY_AGE, &[]);
    recorder.age(&table::FRESHNESS, &["stats"]).since(Timestamp::from_nanos(998 * NANOS_PER_SECOND));
    let rows = recorder.distribution(&table::REQUEST_ROWS, &["push"]);
    [1, 3, 20_000].into_iter().for_each(|value| rows.record(value));
    let durations = recorder.distribution(&table::APPLY_DURATION, &["succeeded"]);
    durations.record_duration(Duration::from_millis(500));
    let text = recorder.prometheus(TextFormat::OpenMetrics);
    for line in [
        "# TYPE provender_feature_status counter",
        "provender_feature_status_total{view=\"stats\",status=\"PRESENT\"} 3",
        "provender_registry_revision 7",
        "# UNIT provender_freshness_seconds seconds",
        "provender_freshness_seconds{view=\"stats\"} 2.0",
        "provender_request_rows_bucket{le=\"1.0\",endpoint=\"push\"} 1",
        "provender_request_rows_bucket{le=\"5.0\",endpoint=\"push\"} 2",
        "provender_request_rows_bucket{le=\"+Inf\",endpoint=\"push\"} 3",
        "provender_request_rows_sum{endpoint=\"push\"} 20004.0",
        "provender_apply_duration_seconds_bucket{le=\"0.5\",outcome=\"succeeded\"} 1",
        "provender_apply_duration_seconds_count{outcome=\"succeeded\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("registry_age") && text.ends_with("# EOF\n"), "{text}");
    let older = recorder.prometheus(TextFormat::Prometheus);
    for line in [
        "# TYPE provender_feature_status_total counter",
        "provender_feature_status_total{view=\"stats\",status=\"PRESENT\"} 3",
        "# TYPE provender_freshness_seconds gauge",
        "# TYPE provender_request_rows histogram",
    ] {
        assert!(older.lines().any(|found| found == line), "{line}\n{older}");
    }
    assert!(older.starts_with("# HELP provender_request_rows Entities that") && !older.contains("# UNIT"));
    let samples = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(!older.contains("EOF") && samples(&older) == samples(&text));
    for metric in [&table::FEATURE_STATUS, &table::FRESHNESS, &table::REQUEST_ROWS, &table::APPLY_DURATION] {
        assert!(text.contains(&metric.prometheus_name()), "{}", metric.name);
    }
}

/// All lines that come within a while.
fn received(socket: &UdpSocket) -> String {
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let (mut text, mut datagram) = (String::new(), [0; 65_536]);
    while let Ok(length) = socket.recv(&mut datagram) {
        text.push_str(std::str::from_utf8(&datagram[..length]).unwrap());
    }
    text
}

fn collector(place: impl Into<String>) -> Collector {
    Collector { place: place.into(), tags: TagStyle::None }
}

#[tokio::test]
async fn an_exporter_sends_the_last_lines_when_it_finishes() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = socket.local_addr().unwrap().to_string();
    let recorder = recorder();
    let exporter = Exporter::start(recorder.clone(), collector(place), |warning| panic!("{warning}"));
    for view in 0..600 {
        recorder.counter(&table::PUSH_ROWS, &[&format!("view_{view}"), "written"]).add(1);
    }
    exporter.finish().await;
    assert_eq!(received(&socket).lines().filter(|line| line.ends_with(".written:1|c")).count(), 600);
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_nothing() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for place in [nobody.as_str(), "192.0.2.1:8125", "[2001:db8::1]:8125"] {
        let (recorder, began) = (recorder(), Instant::now());
        let exporter = Exporter::start(recorder.clone(), collector(place), |_| {});
        for _ in 0..100_000 {
            recorder.counter(&table::REQUESTS, &["push", "ok"]).add(1);
        }
        exporter.finish().await;
        assert!(began.elapsed() < Duration::from_secs(3), "{place}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_place_that_is_not_found_is_told_once() {
    let (warned, warnings) = std::sync::mpsc::channel();
    let warn = move |warning| warned.send(warning).unwrap();
    let exporter = Exporter::start(recorder(), collector("nowhere.invalid:8125"), warn);
    let warning = tokio::task::spawn_blocking(move || warnings.recv_timeout(Duration::from_secs(30))).await;
    let warning = warning.unwrap().unwrap();
    assert!(warning.starts_with("metrics are not sent: `nowhere.invalid:8125` was not found"), "{warning}");
    let began = Instant::now();
    exporter.finish().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
