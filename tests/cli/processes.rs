//! Many processes at once, and processes that die: what the log and the online store promise, tried through the binary.
//! `PROVENDER_KILLS=200 cargo test --test cli processes` tries more moments than the ordinary run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value as Json;

use crate::provender;

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    provender(folder).args(arguments).output().unwrap()
}

pub(crate) fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(
        output.status.success(),
        "{arguments:?} exited with {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    provender(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn json(folder: &Path, arguments: &[&str]) -> Json {
    serde_json::from_str(&succeed(folder, arguments)).unwrap()
}

/// A project with `views` views of two features over one CSV file of `rows` rows a driver and a hundred drivers.
fn project(folder: &Path, views: usize, rows: usize) {
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::write(
        folder.join("feature_store.yaml"),
        "project: crowd\nregistry: data/registry\nprovider: local\n",
    )
    .unwrap();
    let mut csv = String::from("event_timestamp,driver_id,rate,trips\n");
    for row in 0..rows {
        for driver in 0..100 {
            let (hour, minute) = (row / 60 % 24, row % 60);
            writeln!(csv, "2026-01-{:02}T{hour:02}:{minute:02}:00Z,{driver},{row}.5,{row}", 1 + row / 1_440)
                .unwrap();
        }
    }
    fs::write(folder.join("data/rows.csv"), csv).unwrap();
    let mut hcl = String::from(
        "entity \"driver\" {\n  join_key   = \"driver_id\"\n  value_type = int64\n}\n\n\
         data_source \"file\" \"rows\" {\n  path            = \"data/rows.csv\"\n  timestamp_field = \"event_timestamp\"\n}\n",
    );
    for view in 0..views {
        write!(
            hcl,
            "\nfeature_view \"view_{view}\" {{\n  entities = [entity.driver]\n  source   = data_source.rows\n  \
             feature \"rate\" {{ type = float64 }}\n  feature \"trips\" {{ type = int64 }}\n}}\n"
        )
        .unwrap();
    }
    fs::write(folder.join("views.hcl"), hcl).unwrap();
}

#[test]
fn sixteen_processes_apply_sixteen_plans_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, 16, 1);
    succeed(
        folder,
        &["apply", "--auto-approve", "--target", "entity.driver", "--target", "data_source.rows"],
    );
    for view in 0..16 {
        let (target, out) = (format!("feature_view.view_{view}"), format!("{view}.plan.json"));
        succeed(folder, &["plan", "--target", &target, "--out", &out]);
    }
    let children: Vec<Child> = (0..16)
        .map(|view| spawn(folder, &["apply", &format!("{view}.plan.json"), "--lock-timeout", "120s"]))
        .collect();
    // A plan takes no lock: it works while others apply.
    succeed(folder, &["plan"]);
    for (view, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "apply {view}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(run(folder, &["plan", "--detailed-exitcode"]).status.code(), Some(0));
    succeed(folder, &["registry", "verify"]);
    let export = json(folder, &["registry", "export"]);
    assert_eq!(export["state"]["tables"].as_object().unwrap().len(), 16);
    let begins = json(folder, &["history", "--format", "json", "--limit", "1000"]);
    let revisions: Vec<u64> =
        begins.as_array().unwrap().iter().filter_map(|entry| entry["revision"].as_u64()).collect();
    let mut unique = revisions.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), revisions.len(), "two entries share a revision");
}

#[test]
fn a_reader_has_a_complete_answer_all_through_a_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, 1, 20);
    let yaml = fs::read_to_string(folder.join("feature_store.yaml")).unwrap();
    fs::write(folder.join("feature_store.yaml"), format!("{yaml}keep_superseded: 1s\n")).unwrap();
    succeed(folder, &["apply", "--auto-approve"]);
    succeed(folder, &["materialize", "2026-01-01", "2026-01-02"]);
    let read = ["get-online-features", "-e", "driver_id=7", "-f", "view_0:trips"];
    let stop = AtomicBool::new(false);
    let values = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut values = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = json(folder, &read);
                assert_eq!(answer["results"][1]["statuses"][0], "PRESENT", "{answer}");
                values.push(answer["results"][1]["values"][0].clone());
            }
            values
        });
        let hcl = fs::read_to_string(folder.join("views.hcl")).unwrap();
        fs::write(
            folder.join("views.hcl"),
            hcl.replace("\"trips\" { type = int64 }", "\"trips\" { type = string }"),
        )
        .unwrap();
        succeed(folder, &["apply", "--auto-approve"]);
        sleep(Duration::from_millis(300));
        succeed(folder, &["materialize", "--pending"]);
        sleep(Duration::from_millis(1_300));
        succeed(folder, &["apply", "--auto-approve"]);
        assert_eq!(json(folder, &["registry", "export"])["state"]["tables"].as_object().unwrap().len(), 1);
        sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    // First the old number, then the new text, and never back.
    let switch = values.iter().position(|value| value == "19").unwrap();
    assert!(switch > 0 && values[..switch].iter().all(|value| *value == 19), "{values:?}");
    assert!(values[switch..].iter().all(|value| value == "19"), "{values:?}");
}

fn kills(ordinary: u64) -> u64 {
    std::env::var("PROVENDER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(ordinary)
}

/// Kills the child after the delay, unless it ended before; returns whether it was killed.
fn kill_after(mut child: Child, delay: Duration) -> bool {
    let end = Instant::now() + delay;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        sleep(Duration::from_micros(200));
    }
    let _ = child.kill();
    let _ = child.wait();
    true
}

#[test]
fn an_apply_that_is_killed_leaves_a_true_plan() {
    let mut random = StdRng::seed_from_u64(1);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder, 12, 1);
    let started = Instant::now();
    succeed(folder, &["apply", "--auto-approve"]);
    let whole = started.elapsed();
    succeed(folder, &["destroy", "--auto-approve"]);
    let mut killed = 0;
    for round in 0..kills(10) {
        let command = if round % 2 == 0 { "apply" } else { "destroy" };
        let delay = whole.mul_f64(random.random_range(0.0..1.1));
        killed += u64::from(kill_after(spawn(folder, &[command, "--auto-approve"]), delay));
        succeed(folder, &["registry", "verify"]);
        // The plan tells what is left, and carrying it out leaves nothing.
        let left = run(folder, &["plan", "--detailed-exitcode"]).status.code();
        assert!(matches!(left, Some(0 | 2)), "round {round}: plan exited with {left:?}");
        succeed(folder, &["apply", "--auto-approve"]);
        assert_eq!(run(folder, &["plan", "--detailed-exitcode"]).status.code(), Some(0), "round {round}");
        let export = json(folder, &["registry", "export"]);
        assert_eq!(export["state"]["tables"].as_object().unwrap().len(), 12, "round {round}");
        if round % 2 == 1 {
            succeed(folder, &["destroy", "--auto-approve"]);
        }
    }
    assert!(killed > 0, "no process was killed in time");
}

/// A project with one view over a CSV file in which each of `keys` drivers has two rows: 100 trips, two hours later 200.
pub(crate) fn keyed_project(folder: &Path, keys: usize) {
    project(folder, 1, 0);
    let mut csv = String::from("event_timestamp,driver_id,rate,trips\n");
    for (hour, trips) in [(0, 100), (2, 200)] {
        for driver in 0..keys {
            writeln!(csv, "2026-01-01T0{hour}:00:00Z,{driver},{trips}.5,{trips}").unwrap();
        }
    }
    fs::write(folder.join("rows.csv"), csv).unwrap();
    let hcl = fs::read_to_string(folder.join("views.hcl")).unwrap();
    fs::write(folder.join("views.hcl"), hcl.replace("data/rows.csv", "rows.csv")).unwrap();
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were killed in time is worth knowing")]
fn a_materialize_that_is_killed_claims_only_what_is_stored_and_takes_nothing_away() {
    let mut random = StdRng::seed_from_u64(2);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keyed_project(folder, 20_000);
    let first = ["materialize", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"];
    let second = ["materialize", "2026-01-01T01:00:01Z", "2026-01-02"];
    let drivers: Vec<String> = (0..20_000).step_by(99).map(|driver| format!("driver_id={driver}")).collect();
    let mut read = vec!["get-online-features", "-f", "view_0:trips"];
    drivers.iter().for_each(|driver| read.extend(["-e", driver]));
    let trips = || {
        let answer = json(folder, &read)["results"][1].clone();
        let numbers = answer["values"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap_or(-1));
        numbers.collect::<Vec<_>>()
    };
    let claimed = || {
        let ledgers = json(folder, &["registry", "export"])["ledgers"].clone();
        ledgers
            .as_object()
            .unwrap()
            .values()
            .map(|ledger| ledger["intervals"].as_array().map_or(0, Vec::len))
            .sum::<usize>()
    };
    let (mut killed, mut half, mut whole) = (0, 0, Duration::ZERO);
    for round in 0..=kills(4) {
        succeed(folder, &["apply", "--auto-approve"]);
        succeed(folder, &first);
        assert_eq!((claimed(), trips()), (1, vec![100; drivers.len()]), "round {round}");
        if round > 0 {
            let delay = whole.mul_f64(random.random_range(0.0..1.1));
            killed += u64::from(kill_after(spawn(folder, &second), delay));
            succeed(folder, &["registry", "verify"]);
            // Every driver has its old value or its new one; the new ones throughout when the ledger says so.
            let (claimed, found) = (claimed(), trips());
            assert!(found.iter().all(|trips| [100, 200].contains(trips)), "round {round}: {found:?}");
            assert!(claimed == 1 || found.iter().all(|trips| *trips == 200), "round {round}: {found:?}");
            half += u64::from(claimed == 1 && found.contains(&200));
        }
        let started = Instant::now();
        succeed(folder, &second);
        whole = started.elapsed();
        assert_eq!(trips(), vec![200; drivers.len()], "round {round}");
        assert!(claimed() >= 2, "round {round}");
        succeed(folder, &["destroy", "--auto-approve"]);
    }
    println!(
        "{killed} of {} runs were killed in time, {half} of them with values stored and not claimed",
        kills(4)
    );
    assert!(killed > 0, "no process was killed in time");
}

/// Nothing that definitions name lies outside of the repository: not by `..`, not by an absolute path, not by a link.
#[test]
fn there_is_no_way_out_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for made in ["repository/.git", "repository/project/inside", "outside/module", "outside/texts"] {
        std::fs::create_dir_all(path(made)).unwrap();
    }
    std::fs::write(path("outside/texts/secret.txt"), "secret").unwrap();
    std::fs::write(path("outside/module/x.hcl"), "entity \"stolen\" { value_type = int64 }\n").unwrap();
    std::fs::write(path("repository/near.txt"), "near").unwrap();
    std::fs::write(
        path("repository/project/feature_store.yaml"),
        "project: p\nprovider: local\nregistry: data/registry\n",
    )
    .unwrap();
    let validate = |definitions: &str| {
        std::fs::write(path("repository/project/inside/main.hcl"), definitions).unwrap();
        let output = provender(&path("repository/project")).arg("validate").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let entity =
        |words: &str| format!("entity \"a\" {{\n  value_type = int64\n  description = {words}\n}}\n");
    let absolute = path("outside/texts/secret.txt").display().to_string();
    assert_eq!(validate(&entity("file(\"../near.txt\")")).0, Some(0), "the repository itself is fine");
    std::os::unix::fs::symlink(path("outside/texts"), path("repository/project/link")).unwrap();
    for way in ["../../outside/texts/secret.txt", "link/secret.txt", &absolute, "/etc/hostname"] {
        let (code, said) = validate(&entity(&format!("file({way:?})")));
        assert_eq!(code, Some(1), "{way}");
        assert!(!said.contains("\"secret\"") && said.contains("main.hcl"), "{way}: {said}");
    }
    let (code, said) = validate("module \"m\" { source = \"../../outside/module\" }\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("it lies outside the repository of this project"), "{said}");
    let link = path("repository/project/link");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(path("outside/module"), &link).unwrap();
    let (code, said) = validate("module \"m\" { source = \"./link\" }\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("link") && !said.contains("stolen"), "{said}");
}

#[test]
fn what_holds_no_definitions_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keyed_project(folder, 10);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
    link("gone", "data/latest");
    link("..", "data/up");
    succeed(folder, &["validate"]);
    succeed(folder, &["apply", "--auto-approve"]);
    // What is named like definitions and is not there is missed.
    link("gone", "data/views.hcl");
    let output = run(folder, &["validate"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("data/views.hcl") && told.contains(".provenderignore"), "{told}");
}
