//! The registry on real files: many writers, a polling reader, and files that are not as they should be.

use std::path::Path as FilePath;
use std::sync::Arc;

use provender_core::model::{Address, Entity, Lifecycle, Metadata, Object, ObjectKind, ValueType};
use provender_core::registry::{
    ApplyBegin, ApplyEnd, ApplyOutcome, ApplyProgress, Author, Entry, EntryBody, FORMAT_VERSION, Interval,
    LedgerEntry, LedgerEntryBody, MaterializationInterval, Registry, StateChange,
};
use provender_core::time::Timestamp;

use super::*;
use crate::ErrorKind;

fn open(folder: &FilePath) -> RegistryLog {
    let (store, prefix) = open_location("registry", folder).unwrap();
    RegistryLog::new(store, prefix, "shop".to_owned())
}

fn begin() -> EntryBody {
    EntryBody::ApplyBegin(ApplyBegin {
        plan_digest: provender_core::model::Fingerprint::of_bytes(b"plan"),
        steps: Vec::new(),
        process: 1,
        summary: String::new(),
    })
}

fn end() -> EntryBody {
    EntryBody::ApplyEnd(ApplyEnd { outcome: ApplyOutcome::Succeeded, closed_by: None })
}

fn define(name: &str) -> EntryBody {
    let entity = Object::Entity(Entity {
        join_key: name.to_owned(),
        value_type: ValueType::Int64,
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    });
    let mut change = StateChange::default();
    change.objects.insert(Address::new(ObjectKind::Entity, name), Some(entity));
    EntryBody::ApplyProgress(ApplyProgress { change, ..ApplyProgress::default() })
}

async fn append(log: &RegistryLog, state: &Registry, apply: &str, body: EntryBody) -> Appended {
    log.append(state, apply, &Author::default(), Timestamp::from_nanos(1), body).await.unwrap()
}

/// Appends until it wins; the state after it.
async fn insist(log: &RegistryLog, apply: &str, body: EntryBody) -> Registry {
    loop {
        let state = log.state().await.unwrap();
        if let Appended::Yes(state) = append(log, &state, apply, body.clone()).await {
            return *state;
        }
    }
}

/// A log of `count` entries: one apply that defines an entity per entry.
async fn filled(log: &RegistryLog, count: usize) -> Registry {
    let mut state = insist(log, "a", begin()).await;
    for number in 1..count {
        let Appended::Yes(next) = append(log, &state, "a", define(&format!("e{number}"))).await else {
            panic!("nobody else writes");
        };
        state = *next;
    }
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_writers_race_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    insist(&open(folder.path()), "a", begin()).await;
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let log = open(folder.path());
            tokio::spawn(async move {
                for number in 0..5 {
                    insist(&log, "a", define(&format!("w{writer}_{number}"))).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let log = open(folder.path());
    let state = log.state().await.unwrap();
    assert_eq!((state.revision, state.objects.0.len()), (81, 80));
    assert_eq!(log.verify().await.unwrap(), VerifyReport { entries: 81, checkpoints: 4, ledgers: 0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polling_reader_sees_no_torn_and_no_older_state() {
    const COMMITS: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    // Without flushes: the reader sees the same, and the test is quick.
    let store = || Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let log = move || RegistryLog::new(store(), object_store::path::Path::from("r"), "shop".to_owned());
    let writer = tokio::spawn({
        let log = log();
        async move {
            let mut state = insist(&log, "a", begin()).await;
            while state.revision < COMMITS {
                let body = define(&format!("e{}", state.revision % 10));
                let Appended::Yes(next) = append(&log, &state, "a", body).await else {
                    panic!("nobody else writes")
                };
                state = *next;
            }
        }
    });
    let log = log();
    let mut held = Registry::default();
    while held.revision < COMMITS {
        let before = held.revision;
        log.refresh(&mut held).await.unwrap();
        assert!(held.revision >= before);
        if before % 7 == 0 {
            assert!(log.state().await.unwrap().revision >= held.revision);
        }
    }
    writer.await.unwrap();
    assert_eq!(log.state().await.unwrap(), held);
}

#[tokio::test]
async fn files_that_are_not_as_they_should_be_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    filled(&log, 3).await;
    let path = folder.path().join("registry/log/00000000000000000003.json");
    let good = std::fs::read_to_string(&path).unwrap();
    for (bad, words) in [
        (good[..good.len() / 2].to_owned(), "is damaged"),
        (good.replace("\"format_version\":1", "\"format_version\":9"), "has format version 9"),
        (good.replace("apply_progress", "apply_pause"), "`apply_pause`"),
        (good.replace("\"project\":\"shop\"", "\"project\":\"bar\""), "does not follow"),
        (good.replace("\"lineage\":\"", "\"lineage\":\"x"), "does not follow"),
        (good.replace("\"revision\":3", "\"revision\":4"), "does not follow"),
    ] {
        assert_ne!(bad, good);
        std::fs::write(&path, bad).unwrap();
        let error = log.state().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("00000000000000000003"), "{text}");
        assert_eq!(log.verify().await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    // A hole hides what is behind it; `verify` looks.
    std::fs::rename(&path, folder.path().join("registry/log/00000000000000000004.json")).unwrap();
    let text = log.verify().await.unwrap_err().to_string();
    assert!(text.contains("is missing"), "{text}");
}

#[tokio::test]
async fn a_registry_of_another_project_and_a_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(&open(folder.path()), 2).await;
    let (store, prefix) = open_location("registry", folder.path()).unwrap();
    let other = RegistryLog::new(store, prefix, "bar".to_owned());
    let text = other.state().await.unwrap_err().to_string();
    assert!(text.contains("`shop`") && text.contains("`bar`"), "{text}");
    std::fs::write(folder.path().join("registry.db"), b"feast").unwrap();
    let error = open_location("registry.db", folder.path()).unwrap_err();
    assert!(error.to_string().contains("is a file"), "{error}");
}

#[tokio::test]
async fn hints_and_checkpoints_may_be_wrong_or_missing() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let expected = filled(&log, 45).await;
    let hint = folder.path().join("registry/log/_last_checkpoint");
    let checkpoint = folder.path().join("registry/checkpoint/00000000000000000040.json");
    assert!(checkpoint.is_file());
    for wrong in ["", "{", "{\"format_version\":1,\"revision\":7}", "{\"format_version\":1,\"revision\":20}"]
    {
        std::fs::write(&hint, wrong).unwrap();
        assert_eq!(log.state().await.unwrap(), expected, "hint {wrong:?}");
    }
    for wrong in ["", "{\"format_version\":9}", "{\"format_version\":1,\"state\":{}}"] {
        std::fs::write(&checkpoint, wrong).unwrap();
        assert_eq!(log.state().await.unwrap(), expected, "checkpoint {wrong:?}");
    }
    std::fs::remove_file(&checkpoint).unwrap();
    assert_eq!(log.state().await.unwrap(), expected);
    std::fs::remove_file(&hint).unwrap();
    assert_eq!(log.state().await.unwrap(), expected);
}

#[tokio::test]
async fn a_folder_with_unusual_characters_holds_a_registry() {
    let folder = tempfile::tempdir().unwrap();
    let unusual = folder.path().join("a ~tilde & #hash 100%25 ü");
    filled(&open(&unusual), 3).await;
    assert!(unusual.join("registry/log/00000000000000000003.json").is_file());
    assert_eq!(open(&unusual).state().await.unwrap().revision, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_appenders_share_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let table: provender_core::registry::TableId = "view.r1".parse().unwrap();
    let appenders: Vec<_> = (0..16_i64)
        .map(|number| {
            let (ledger, table) = (open(folder.path()).ledger(), table.clone());
            tokio::spawn(async move {
                for part in 0..4 {
                    ledger.append(&table, &interval(number * 4 + part)).await.unwrap();
                }
            })
        })
        .collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    let ledger = open(folder.path()).ledger();
    let sum = ledger.read(&table).await.unwrap();
    // All touch, so one interval is left, with every row counted once.
    assert_eq!(sum.intervals.len(), 1);
    assert_eq!(sum.intervals[0].rows_read, 64);
    let entries = ledger.entries(&table).await.unwrap();
    let loads = entries.iter().filter(|entry| matches!(entry.body, LedgerEntryBody::Materialized(_)));
    assert_eq!(loads.count(), 64);
}

fn interval(at: i64) -> LedgerEntry {
    let at = Timestamp::from_nanos(at);
    LedgerEntry {
        format_version: FORMAT_VERSION,
        entry_id: random_id(),
        job_id: "job".to_owned(),
        at,
        by: Author::default(),
        body: LedgerEntryBody::Materialized(MaterializationInterval {
            interval: Interval { from: at, to: at },
            columns: [provender_core::registry::ColumnId(1)].into(),
            source: provender_core::model::Fingerprint::of_bytes(b"source"),
            rows_read: 1,
            rows_written: 1,
        }),
    }
}

#[tokio::test]
async fn an_apply_whose_process_is_gone_does_not_live() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let state = insist(&log, "a", begin()).await;
    let (apply, here) = (state.open_apply.unwrap(), Author::default());
    let now = Timestamp::from_nanos(0);
    let later = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
    assert!(!log.is_live(&apply, &here, now).await.unwrap(), "no lease");
    let lease = Lease::of_this_process("a", &here, now);
    log.renew_lease(&lease).await.unwrap();
    assert!(log.is_live(&apply, &here, later(59)).await.unwrap());
    assert!(log.is_live(&apply, &here, later(-500)).await.unwrap(), "a clock that is behind");
    assert!(!log.is_live(&apply, &here, later(60)).await.unwrap(), "the lease is over");
    // The process number is in use, but by a process that started at another time.
    log.renew_lease(&Lease { process_start: Some("before".to_owned()), ..lease }).await.unwrap();
    assert!(!log.is_live(&apply, &here, now).await.unwrap());
    let elsewhere = Author { host: "elsewhere".to_owned(), ..Author::default() };
    assert!(log.is_live(&apply, &elsewhere, now).await.unwrap(), "another machine cannot tell");
    let clock = crate::clock::SystemClock;
    let wrong = crate::apply::unlock(&log, "b", false, &here, &clock).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::NotFound);
    log.renew_lease(&Lease::of_this_process("a", &here, crate::clock::Clock::now(&clock))).await.unwrap();
    let lives = crate::apply::unlock(&log, "a", false, &here, &clock).await.unwrap_err();
    assert_eq!(lives.kind(), ErrorKind::Conflict);
    crate::apply::unlock(&log, "a", true, &here, &clock).await.unwrap();
    assert_eq!(log.state().await.unwrap().open_apply, None);
    let entry: Entry = log.entry(2).await.unwrap().unwrap();
    assert!(matches!(entry.body, EntryBody::ApplyEnd(end) if end.outcome == ApplyOutcome::Abandoned));
    let state = log.state().await.unwrap();
    let late = log.append(&state, "a", &here, now, end()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict, "the old apply cannot go on");
}
