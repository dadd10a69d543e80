//! Replays what the fuzzer found (`fixtures/fuzz/TARGET/*`) through the readers of files.

use super::*;
use crate::fuzzing::{Reader, TARGETS};

/// An answer is all that is asked, a table or an error: a panic that gets through, or a wait, fails the test.
#[test]
fn what_was_found_once_has_an_answer() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/fuzz");
    let folder = tempfile::tempdir().unwrap();
    for target in TARGETS {
        let reader = Reader::new(target, folder.path()).unwrap();
        for entry in fs::read_dir(fixtures.join(target)).into_iter().flatten() {
            let _ = reader.run(&fs::read(entry.unwrap().path()).unwrap());
        }
    }
}
