//! API keys and certificates that change while a server runs.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::processes::{keyed_project, succeed};
use crate::serving::{Serving, ask, body, status};

const ASKED: &str = r#"{"features": ["view_0:trips"], "entities": {"driver_id": [1]}}"#;
/// SHA-256 digests of `first` and `second`.
const FIRST: &str = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
const SECOND: &str = "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4";

fn project(folder: &Path, ttl: u64) {
    keyed_project(folder, 10);
    let yaml = format!(
        "project: crowd\nregistry: {{ path: data/registry, cache_ttl_seconds: {ttl} }}\nprovider: local\n"
    );
    fs::write(folder.join("feature_store.yaml"), yaml).unwrap();
    succeed(folder, &["apply", "--auto-approve"]);
}

/// The status that a read with a key has.
fn with_key(server: &Serving, key: &str) -> u16 {
    let header = format!("Authorization: Bearer {key}");
    status(&ask(&server.http, "POST", "/get-online-features", &[&header], ASKED).unwrap())
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ready(server: &Serving, key: &str) -> serde_json::Value {
    let header = format!("Authorization: Bearer {key}");
    let answer = ask(&server.http, "GET", "/ready", &[&header], "").unwrap();
    assert_eq!(status(&answer), 200, "a bad file takes no server away: {answer}");
    body(&answer)
}

#[test]
fn keys_are_exchanged_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, 1);
    let file = folder.join("keys");
    fs::write(&file, format!("a read {FIRST}\n")).unwrap();
    let server = Serving::start(folder, &["--api-keys", "keys"]);
    assert_eq!([with_key(&server, "first"), with_key(&server, "second")], [200, 401]);
    // As rotations go: both for a while, then the new one alone.
    fs::write(&file, format!("a read {FIRST}\nb read {SECOND}\n")).unwrap();
    until("the second key is not known", || with_key(&server, "second") == 200);
    assert_eq!(with_key(&server, "first"), 200);
    fs::write(&file, format!("b read {SECOND}\n")).unwrap();
    until("the first key is still known", || with_key(&server, "first") == 401);
    // Files that hold no keys, or are not there, change nothing and are told.
    for bad in [Some("b read nothing"), Some(""), None] {
        match bad {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        until("nothing is told", || ready(&server, "second")["problems"][0]["part"] == "credentials");
        assert_eq!([with_key(&server, "first"), with_key(&server, "second")], [401, 200]);
        let header = "Authorization: Bearer second";
        let shown = ask(&server.http, "GET", "/metrics", &[header], "").unwrap();
        let failures =
            shown.lines().find_map(|line| line.strip_prefix("provender_credential_refresh_failures_total "));
        assert!(failures.is_some_and(|failures| failures != "0"), "{shown}");
        fs::write(&file, format!("b read {SECOND}\n")).unwrap();
        until("it is not mended", || ready(&server, "second")["problems"] == serde_json::json!([]));
    }
    server.stop();
}

#[test]
fn a_signal_has_keys_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, 3_600);
    let file = folder.join("keys");
    fs::write(&file, format!("a read {FIRST}\n")).unwrap();
    let server = Serving::start(folder, &["--api-keys", "keys"]);
    fs::write(&file, format!("b read {SECOND}\n")).unwrap();
    assert_eq!(with_key(&server, "first"), 200);
    server.signal("-HUP");
    until("the new key is not known", || with_key(&server, "second") == 200);
    assert_eq!(with_key(&server, "first"), 401);
    server.stop();
}

/// A certificate of its own name, and its key, in the files of the server.
fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", &format!("/CN={name}"), "-keyout", "key.pem", "-out", "chain.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What is told of a handshake, and the answer to a request behind it.
fn over_tls(server: &Serving, path: &str) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-ign_eof", "-connect", &server.http])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    String::from_utf8_lossy(&client.wait_with_output().unwrap().stdout).into_owned()
}

/// The name on the certificate that a handshake shows.
fn shown(server: &Serving) -> String {
    let told = over_tls(server, "/health");
    told.lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned()
}

#[test]
fn a_certificate_is_exchanged_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, 1);
    certificate(folder, "first");
    let server = Serving::start(folder, &["--tls-certificate", "chain.pem", "--tls-key", "key.pem"]);
    assert!(shown(&server).contains("first"), "{}", shown(&server));
    certificate(folder, "second");
    until("the old certificate is still shown", || shown(&server).contains("second"));
    // A chain without its key is what a half-done exchange leaves.
    let other = folder.join("other");
    fs::create_dir(&other).unwrap();
    certificate(&other, "third");
    fs::copy(other.join("chain.pem"), folder.join("chain.pem")).unwrap();
    until("nothing is told", || over_tls(&server, "/ready").contains("\"credentials\""));
    assert!(shown(&server).contains("second"), "{}", shown(&server));
    fs::copy(other.join("key.pem"), folder.join("key.pem")).unwrap();
    until("the whole exchange is not seen", || shown(&server).contains("third"));
    server.stop();
}
