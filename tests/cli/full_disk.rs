//! A full disk: what a command leaves behind, what it says, and that it succeeds once there is room. The disk is a small
//! tmpfs, mounted by the test where it may, else in a namespace of its own; where neither is allowed the test says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::processes::{json, keyed_project, run, succeed};

/// A file system of a given size, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&place).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&place)
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(place))
    }

    fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }

    /// Takes up all room that is left.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut bytes = 1 << 20;
        let mut file = fs::File::create(&filler).unwrap();
        while bytes > 0 {
            if std::io::Write::write_all(&mut file, &vec![0; bytes]).is_err() {
                bytes /= 2;
            }
        }
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Runs a test of this file with a small disk at `data` below its folder, again in a namespace where that is needed.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn with_small_disk(name: &str, size: &str, test: impl Fn(&Path, &SmallDisk)) {
    const AGAIN: &str = "PROVENDER_IN_NAMESPACE";
    let folder = tempfile::tempdir().unwrap();
    if let Some(disk) = SmallDisk::mount(folder.path().join("data"), size) {
        return test(folder.path(), &disk);
    }
    if std::env::var_os(AGAIN).is_none() {
        let exact = format!("full_disk::{name}");
        let again = Command::new("unshare")
            .arg("-rm")
            .arg(std::env::current_exe().unwrap())
            .args([&exact, "--exact", "--nocapture"])
            .env(AGAIN, "1")
            .output();
        if let Ok(output) = again
            && !String::from_utf8_lossy(&output.stderr).contains("unshare:")
        {
            print!("{}", String::from_utf8_lossy(&output.stdout));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return;
        }
    }
    println!("SKIPPED {name}: this user may mount no tmpfs, not even in a namespace (`unshare -rm`)");
}

/// Names below a folder, those of temporary files of every kind among them.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(self::names(&path));
        } else {
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

fn failed_for_room(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(
        said.contains("the disk is full") && said.contains("free some space and run the same again"),
        "{said}"
    );
    said
}

fn intervals(folder: &Path) -> usize {
    let ledgers = json(folder, &["registry", "export"])["ledgers"].clone();
    let of = |ledger: &serde_json::Value| ledger["intervals"].as_array().map_or(0, Vec::len);
    ledgers.as_object().map_or(0, |ledgers| ledgers.values().map(of).sum())
}

const LOAD: [&str; 3] = ["materialize", "2026-01-01", "2026-01-02"];
const READ: [&str; 5] = ["get-online-features", "-e", "driver_id=19999", "-f", "view_0:trips"];

#[test]
fn an_online_store_without_room_is_told_and_filled_later() {
    let name = "an_online_store_without_room_is_told_and_filled_later";
    with_small_disk(name, "1m", |folder, disk| {
        keyed_project(folder, 20_000);
        succeed(folder, &["apply", "--auto-approve"]);
        let said = failed_for_room(folder, &LOAD);
        assert!(said.contains("feature_view.view_0 was not loaded"), "{said}");
        assert!(said.contains("cannot write to the embedded store"), "{said}");
        assert_eq!(intervals(folder), 0);
        succeed(folder, &["registry", "verify"]);
        succeed(folder, &READ);
        assert!(names(&disk.0).iter().all(|name| !name.contains(['#', '~']) && !name.ends_with(".tmp")));
        disk.grow("64m");
        succeed(folder, &LOAD);
        assert_eq!(intervals(folder), 1);
        assert_eq!(json(folder, &READ)["results"][1]["values"][0], 200);
    });
}

#[test]
fn a_ledger_without_room_claims_nothing() {
    with_small_disk("a_ledger_without_room_claims_nothing", "1m", |folder, disk| {
        keyed_project(folder, 100);
        let yaml = fs::read_to_string(folder.join("feature_store.yaml")).unwrap();
        fs::write(folder.join("feature_store.yaml"), format!("{yaml}online_store:\n  path: online\n"))
            .unwrap();
        let filler = disk.fill();
        failed_for_room(folder, &["apply", "--auto-approve"]);
        fs::remove_file(filler).unwrap();
        succeed(folder, &["apply", "--auto-approve"]);
        let filler = disk.fill();
        let before = names(&disk.0);
        failed_for_room(folder, &LOAD);
        assert_eq!(intervals(folder), 0);
        assert_eq!(names(&disk.0), before);
        succeed(folder, &["registry", "verify"]);
        fs::remove_file(filler).unwrap();
        succeed(folder, &LOAD);
        assert_eq!(intervals(folder), 1);
    });
}

#[test]
fn a_result_without_room_leaves_the_old_file_and_nothing_else() {
    let name = "a_result_without_room_leaves_the_old_file_and_nothing_else";
    with_small_disk(name, "256k", |folder, disk| {
        keyed_project(folder, 20_000);
        let yaml = fs::read_to_string(folder.join("feature_store.yaml")).unwrap();
        fs::write(folder.join("feature_store.yaml"), yaml.replace("data/registry", "registry")).unwrap();
        succeed(folder, &["apply", "--auto-approve"]);
        for ending in ["parquet", "csv", "arrow"] {
            let output = format!("data/out.{ending}");
            let ask = ["get-historical-features", "--start", "2026-01-01", "--end", "2026-01-02", "-f"];
            let ask = [&ask[..], &["view_0:trips", "--output", &output]].concat();
            fs::write(folder.join(&output), "what was there").unwrap();
            let kept = names(&disk.0);
            let filler = disk.fill();
            let said = failed_for_room(folder, &ask);
            fs::remove_file(&filler).unwrap();
            assert!(said.contains(&format!("could not write `{output}`")), "{said}");
            assert_eq!(fs::read_to_string(folder.join(&output)).unwrap(), "what was there");
            assert_eq!(names(&disk.0), kept);
            // Room for a beginning, and not for the whole.
            let filler = disk.fill();
            let length = fs::metadata(&filler).unwrap().len();
            fs::File::options().write(true).open(&filler).unwrap().set_len(length - 16 * 1024).unwrap();
            failed_for_room(folder, &ask);
            fs::remove_file(&filler).unwrap();
            assert_eq!(names(&disk.0), kept);
            disk.grow("64m");
            succeed(folder, &ask);
            assert!(fs::metadata(folder.join(&output)).unwrap().len() > 1_000);
            fs::remove_file(folder.join(&output)).unwrap();
            disk.grow("256k");
        }
    });
}

#[test]
fn output_that_does_not_get_through_is_a_failure_and_a_closed_pipe_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keyed_project(folder, 10);
    succeed(folder, &["apply", "--auto-approve"]);
    let commands: [&[&str]; 5] =
        [&["plan"], &["plan", "--format", "json"], &["list"], &["version"], &["--help"]];
    for arguments in commands {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = crate::provender(folder).args(arguments).stdout(full).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains("could not write to stdout") && told.contains("No space left"), "{told}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = crate::provender(folder).args(arguments).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
