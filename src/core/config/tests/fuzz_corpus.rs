//! Replays what the fuzzer found (`fixtures/fuzz/TARGET/*`), and every fixture, through every target that takes its form.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::fuzzing;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

#[test]
fn what_was_found_once_is_found_no_more() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut replayed = 0;
    for target in fuzzing::TARGETS {
        let mut inputs = Vec::new();
        files(&root.join("fuzz").join(target), &mut inputs);
        let extension = match target {
            "hcl" | "fmt" => "hcl",
            "json" => "json",
            "yaml" => "yaml",
            _ => "",
        };
        let mut fixtures = Vec::new();
        files(&root.join("diagnostics"), &mut fixtures);
        fixtures.retain(|path| path.extension().is_some_and(|found| found == extension));
        for path in inputs.into_iter().chain(fixtures) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let started = Instant::now();
            if let Err(rule) = fuzzing::run(target, &text) {
                panic!("{target} {}: {rule}", path.display());
            }
            // A debug build on a busy machine is slow; a hang is slower.
            assert!(started.elapsed() < Duration::from_secs(10), "{target} {}", path.display());
            replayed += 1;
        }
    }
    assert!(replayed > 150, "{replayed}");
}
