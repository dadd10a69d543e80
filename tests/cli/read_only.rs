//! A server that may write nothing: its registry and the folder of the embedded store belong to somebody else, or lie on a file
//! system that is mounted read-only. Another user, or a mount, needs the superuser; for anybody else the tests say so.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::processes::{keyed_project, succeed};
use crate::serving::{Serving, body, status};

const ASKED: &str = r#"{"features": ["view_0:trips"], "entities": {"driver_id": [1, 2]}}"#;

/// Whether these commands can be run; says on standard error, where no test runner hides it, when they cannot.
fn can_run(what: &str, program: &str, arguments: &[&str]) -> bool {
    let can = Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success());
    if !can {
        let told =
            format!("SKIPPED: {what} was not tested: `{program} {}` is not allowed\n", arguments.join(" "));
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
    can
}

const NOBODY: [&str; 5] =
    ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];

/// Nobody, who can reach the program under test.
fn can_be_nobody(what: &str) -> bool {
    can_run(what, "setpriv", &[&NOBODY[..], &[env!("CARGO_BIN_EXE_provender"), "version"]].concat())
}

/// A server that nobody runs.
fn served_by_nobody(folder: &Path) -> Serving {
    let mut command = Command::new("setpriv");
    command.args(NOBODY).arg(env!("CARGO_BIN_EXE_provender"));
    Serving::spawn(command.current_dir(folder).env_clear(), &[])
}

/// A project with values, which everybody may read and the owner alone may write.
fn project(folder: &Path) {
    keyed_project(folder, 10);
    let yaml = "project: crowd\nregistry: { path: data/registry, cache_ttl_seconds: 1 }\nprovider: local\n";
    fs::write(folder.join("feature_store.yaml"), yaml).unwrap();
    succeed(folder, &["apply", "--auto-approve"]);
    succeed(folder, &["materialize", "2026-01-01", "2026-01-02"]);
    let readable = Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(folder).status().unwrap();
    assert!(readable.success());
}

fn read(server: &Serving) -> String {
    server.ask("POST", "/get-online-features", ASKED)
}

fn assert_served(server: &Serving) {
    let answer = read(server);
    assert_eq!(status(&answer), 200, "{answer}");
    assert_eq!(body(&answer)["results"][1]["values"], serde_json::json!([200, 200]), "{answer}");
    server.wait("/ready", |answer| status(answer) == 200);
}

/// What is applied while it runs is served, so the registry was read again.
fn assert_refreshed(folder: &Path, server: &Serving) {
    let path = folder.join("views.hcl");
    let views = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        format!("{views}\nfeature_service \"all\" {{\n  features = [feature_view.view_0]\n}}\n"),
    )
    .unwrap();
    succeed(folder, &["apply", "--auto-approve"]);
    let revision = |answer: &str| body(answer)["revision"].as_u64().unwrap();
    let before = revision(&server.ask("GET", "/ready", ""));
    let applied = body(&server.wait("/ready", |answer| revision(answer) > before || before > 3));
    assert_eq!(applied["status"], "ready", "{applied}");
}

#[test]
fn a_registry_that_may_only_be_read_is_served_and_refreshed() {
    if !can_be_nobody("a registry that may only be read") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder);
    // Readers of the embedded store are kept in its lock file, and in nothing else.
    let lock = folder.join("data/online/lock.mdb");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
    let server = served_by_nobody(folder);
    assert_served(&server);
    assert_refreshed(folder, &server);
    // Somebody else writes while it reads.
    succeed(folder, &["materialize", "2026-01-01", "2026-01-02"]);
    assert_served(&server);
    server.stop();
}

#[test]
fn a_lock_file_that_may_not_be_written_is_told_and_found_mended() {
    if !can_be_nobody("a lock file that may only be read") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder);
    let server = served_by_nobody(folder);
    let answer = read(&server);
    assert_eq!(status(&answer), 503, "{answer}");
    let error = body(&answer)["error"].clone();
    assert!(error["help"].as_str().unwrap().contains("`lock.mdb`"), "{answer}");
    let ready = server.ask("GET", "/ready", "");
    assert_eq!(body(&ready)["problems"][0]["part"], "online_store", "{ready}");
    let lock = folder.join("data/online/lock.mdb");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
    server.wait("/ready", |answer| status(answer) == 200);
    assert_served(&server);
    server.stop();
}

#[test]
fn a_file_system_that_is_mounted_read_only_is_served() {
    const MOUNT: &str = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\"";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder);
    let shown = folder.display().to_string();
    if !can_run("a file system that is mounted read-only", "unshare", &["-m", "sh", "-c", MOUNT, &shown]) {
        return;
    }
    let mut command = Command::new("unshare");
    let script = format!("{MOUNT} && cd \"$0\" && exec \"$@\"");
    command.args(["-m", "sh", "-c", &script, &shown, env!("CARGO_BIN_EXE_provender")]);
    let server = Serving::spawn(&mut command, &[]);
    assert_served(&server);
    // Not through this mount, somebody writes all the same.
    assert_refreshed(folder, &server);
    server.stop();
}
