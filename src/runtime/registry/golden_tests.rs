//! Stored documents of format 1 that this crate owns, as they lie in `fixtures/registry/v1`: each must be read, and written
//! back, for ever.

use std::fmt::Debug;
use std::path::Path;

use provender_core::registry::Registry;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::documents::parse;
use super::log::Checkpoint;
use super::{Export, Lease};

fn golden<T: DeserializeOwned + Serialize + Debug>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/registry/v1").join(name);
    let bytes = std::fs::read(path).unwrap();
    let document: T = parse(name, &bytes, &[]).unwrap();
    let written = serde_json::to_value(&document).unwrap();
    assert_eq!(written, serde_json::from_slice::<Value>(&bytes).unwrap(), "{name}");
    document
}

#[test]
fn documents_of_format_1_are_read_and_written_as_they_were() {
    let is_whole = |state: &Registry| {
        state.revision == 2 && state.objects.0.len() == 1 && state.check_references().is_ok()
    };
    assert!(is_whole(&golden::<Checkpoint>("checkpoint.json").state));
    let export: Export = golden("export.json");
    assert!(is_whole(&export.state) && export.ledgers.values().all(|ledger| ledger.intervals.len() == 1));
    assert_eq!(golden::<Lease>("lease.json").process, 4711);
}
