//! `feature_store.yaml`, good and bad.

use super::*;
use crate::diagnostic::{RenderOptions, render};
use crate::plan::Gate;

fn read(text: &str) -> Environment {
    let file = SourceFile::new(FILE_NAME, text);
    let (environment, diagnostics) = parse(&file);
    let text = render(&diagnostics, &Sources::of(file), &RenderOptions { styled: false, width: 100 });
    environment.unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn defaults_follow_from_the_provider() {
    let environment = read("project: a\nprovider: local\nregistry: data/registry\n");
    assert_eq!(environment.online_store.unwrap().kind, "embedded");
    assert_eq!(environment.offline_store.kind, "file");
    assert_eq!(environment.keep_superseded, Duration::from_seconds(120));
    let environment =
        read("project: a\nprovider: gcp\nregistry: { path: 'gs://b/r', cache_ttl_seconds: 10 }\n");
    assert_eq!(environment.online_store.unwrap().kind, "datastore");
    assert_eq!(environment.offline_store.kind, "bigquery");
    assert_eq!(environment.keep_superseded, Duration::from_seconds(20));
}

#[test]
fn the_example_of_the_reference_has_every_key() {
    let text = super::reference::EXAMPLE;
    read(text);
    for key in super::keys::TOP {
        assert!(text.contains(&format!("\n{key}: ")) || text.starts_with(key), "{key}");
    }
}

#[test]
fn stores_of_feast_are_understood() {
    let head = "project: a\nprovider: local\nregistry: data/registry\n";
    let environment =
        read(&format!("{head}online_store: {{ type: sqlite, path: data/online }}\noffline_store: duckdb\n"));
    let online = environment.online_store.unwrap();
    assert_eq!((online.kind.as_str(), online.settings["path"].as_str()), ("embedded", "data/online"));
    assert_eq!(environment.offline_store.kind, "file");
    for nothing in ["null", "\"null\"", "{ type: null }", "{ type: \"null\" }"] {
        assert_eq!(read(&format!("{head}online_store: {nothing}\n")).online_store, None, "{nothing}");
    }
}

#[test]
fn settings_are_kept_as_written() {
    let environment = read(
        "project: a\nprovider: gcp\nregistry: { path: '${BUCKET}/r', endpoint: http://localhost:4443, region: eu }\n\
         online_store: { type: redis, connection_string: \"${REDIS_HOST}:6379\", ssl: true }\nauth: { db: 007, ratio: 1.0, tls: true }\n\
         variables: { dataset: \"acme.staging\", with_trips: false, n: 5, list: [a, 1.5] }\n\
         gates: [breaking, destructive, breaking]\nmetrics: { statsd: \"127.0.0.1:8125\" }\nkeep_superseded: 1d\n",
    );
    let settings = environment.online_store.unwrap().settings;
    assert_eq!(settings["connection_string"], "${REDIS_HOST}:6379");
    assert_eq!(settings["ssl"], "true");
    let settings = environment.authentication;
    assert_eq!(
        (settings["db"].as_str(), settings["ratio"].as_str(), settings["tls"].as_str()),
        ("007", "1.0", "true")
    );
    assert_eq!(environment.registry.path, "${BUCKET}/r");
    assert_eq!(environment.registry.endpoint.as_deref(), Some("http://localhost:4443"));
    assert_eq!(environment.variables["list"].value, serde_json::json!(["a", 1.5]));
    assert_eq!(environment.variables["with_trips"].value, serde_json::json!(false));
    assert_eq!(environment.gates, [Gate::Breaking, Gate::Destructive].into());
    assert_eq!(environment.keep_superseded, Duration::from_seconds(86_400));
}

#[test]
fn an_unset_variable_is_an_error_only_where_it_is_used() {
    let environment = read("project: a\nprovider: local\nregistry: ${NOWHERE}/r\n");
    let error = Environment::expand(&environment.registry.path, &|_| None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the environment variable `NOWHERE` is not set, and `${NOWHERE}/r` needs it"
    );
}

#[test]
fn a_place_of_a_statsd_server_is_a_host_and_a_port() {
    for good in ["127.0.0.1:8125", "[::1]:8125", "statsd.internal:1", "a_b-c:65535"] {
        assert!(is_host_and_port(good), "{good}");
    }
    for bad in
        ["", "8125", ":8125", "a:", "a:0", "a:65536", "a:+1", "::1:8125", "[a]:1", "udp://a:1", "a b:1"]
    {
        assert!(!is_host_and_port(bad), "{bad}");
    }
}

#[test]
fn metrics_that_cannot_be_sent_are_found_where_they_stand() {
    let head = "project: a\nprovider: local\nregistry: r\n";
    let place = "metrics: { statsd: \"${STATSD}\", statsd_tags: dogstatsd }\n";
    assert_eq!(read(&format!("{head}{place}")).metrics["statsd"], "${STATSD}");
    for (metrics, found) in [
        ("{ statsd: 8125 }", "`8125` is no place of a StatsD server"),
        ("{ statsd: \"a:1\", statsd_tags: dogstats }", "`dogstats` is no way of tagging"),
        ("{ statd: \"a:1\" }", "there is no key `statd`"),
    ] {
        let file = SourceFile::new(FILE_NAME, format!("{head}metrics: {metrics}\n"));
        let (environment, diagnostics) = parse(&file);
        let text = render(&diagnostics, &Sources::of(file), &RenderOptions { styled: false, width: 100 });
        assert!(
            environment.is_none() && text.contains(found) && text.contains("feature_store.yaml:4:"),
            "{text}"
        );
    }
}

#[test]
fn a_place_of_redis_holds_no_secret() {
    for (written, place) in [
        ("localhost:6379", "localhost:6379"),
        ("${REDIS_HOST}:6379", "${REDIS_HOST}:6379"),
        ("${HOST}:${PORT}", "${HOST}:${PORT}"),
        ("${REDIS_URL}", "${REDIS_URL}"),
        ("a:1,b:2,ssl=true,password=canary,db=3", "a:1,b:2/3"),
        ("redis://canary:canary@host:6379/1", "host:6379/1"),
        ("rediss://host", "host"),
        ("redis://:${PASSWORD}@host:1", "host:1"),
    ] {
        assert_eq!(redis_place(written).as_deref(), Some(place), "{written}");
    }
    for refused in [
        "",
        "redis://h:6379,password=canary",
        "redis://:canary#x@h:6379",
        "redis://:canary?x@h:6379",
        "redis://:can@ary@h:6379",
        "redis://h:6379/1?password=canary",
        "user:canary,x@h:6379",
        "canary@h:1",
        "a:1,password=can,ary",
        "a:1,secret=canary",
        "a:1,db=canary",
        "h:canary",
        "h:1/canary",
        "http://h:1",
    ] {
        assert_eq!(redis_place(refused), None, "{refused}");
    }
}

proptest::proptest! {
    #[test]
    fn no_password_is_part_of_a_place(user in "[a-z]{0,4}", password in "[ -~]{1,12}", form in 0..4) {
        let password = format!("Zq7{password}");
        let connection = match form {
            0 => format!("redis://{user}:{password}@host:6379/1"),
            1 => format!("host:6379,password={password},db=1"),
            2 => format!("host:6379,db=1,password={password}"),
            _ => format!("{user}:{password}@host:6379"),
        };
        let place = redis_place(&connection).unwrap_or_default();
        proptest::prop_assert!(!place.contains("Zq7"), "{} {}", connection, place);
    }
}
