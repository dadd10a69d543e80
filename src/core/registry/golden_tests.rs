//! Stored documents of format 1, as they lie in `fixtures/registry/v1`: each must be read, and written back, for ever.

use std::path::Path;

use serde_json::Value;

use super::{Entry, EntryBody, LedgerEntry, LedgerEntryBody};

fn document(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/registry/v1").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn entry(name: &str) -> Entry {
    let document = document(name);
    let entry: Entry = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(&entry).unwrap(), document, "{name}");
    entry
}

fn ledger_entry(name: &str) -> LedgerEntry {
    let document = document(name);
    let entry: LedgerEntry = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(&entry).unwrap(), document, "{name}");
    entry
}

#[test]
fn entries_of_format_1_are_read_and_written_as_they_were() {
    let EntryBody::ApplyBegin(begin) = entry("apply_begin.json").body else { panic!("another kind") };
    assert_eq!((begin.process, begin.steps.len()), (4711, 2));
    let EntryBody::ApplyProgress(progress) = entry("apply_progress.json").body else {
        panic!("another kind")
    };
    assert_eq!((progress.claimed.len(), progress.done.len(), progress.change.objects.len()), (1, 2, 2));
    let EntryBody::ApplyEnd(end) = entry("apply_end.json").body else { panic!("another kind") };
    assert_eq!(end.closed_by.as_deref(), Some("00000000000000b2"));
}

#[test]
fn ledger_entries_of_format_1_are_read_and_written_as_they_were() {
    let LedgerEntryBody::Materialized(interval) = ledger_entry("ledger_materialized.json").body else {
        panic!("another kind")
    };
    assert_eq!((interval.rows_read, interval.rows_written, interval.columns.len()), (10, 3, 2));
    assert_eq!(ledger_entry("ledger_complete.json").body, LedgerEntryBody::Complete);
    let LedgerEntryBody::Checkpoint(sum) = ledger_entry("ledger_checkpoint.json").body else {
        panic!("another kind")
    };
    assert!(sum.intervals.len() == 1 && sum.complete.is_some());
}
