//! Rows that are added to a source: a new file that readers see whole, after all others, or a refusal that leaves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use provender_core::model::{
    Address, DataSource, FileFormat, Object, ObjectKind, Objects, SourceKind, TimestampUnit, ValueType,
};
use provender_core::registry::Registry;
use provender_core::time::Timestamp;
use provender_runtime::feature_request::FeatureRequest;
use provender_runtime::feature_store::{Applied, FeatureStore, Frame, PushTo};
use provender_runtime::historical::{EntityFrame, EntityRows, EventTimeMatch, HistoricalRequest, historical};
use provender_runtime::provider::{CREATED_TIME, EVENT_TIME, OfflineStore};
use provender_runtime::testing::{MemoryProvider, entity, feature_view};
use provender_runtime::{Error, ErrorKind, Result};
use serde_json::json;

use super::super::FileStore;
use super::places::Place;
use super::{csv, ints, nanos, parquet, source, table};

const NOW: i64 = 1_795_000_000_000_000_000;

/// Rows of the column `id`, as a scan would give them.
fn rows(ids: &[i64], event_times: &[i64]) -> RecordBatch {
    batch(vec![("id", ints(ids.to_vec()))], event_times)
}

fn batch(columns: Vec<(&str, ArrayRef)>, event_times: &[i64]) -> RecordBatch {
    let event_times: ArrayRef = ints(event_times.to_vec());
    let created: ArrayRef = ints(vec![NOW + 1_500_000_001; event_times.len()]);
    let own = [(EVENT_TIME, event_times), (CREATED_TIME, created)];
    table(columns.into_iter().chain(own).collect())
}

fn append(place: &Place, source: &DataSource, rows: RecordBatch, arrival: i64) -> Result<String> {
    place.runtime.block_on(place.store.append(source, rows, Timestamp::from_nanos(arrival)))
}

fn ids(place: &Place, source: &DataSource) -> Vec<i64> {
    let read = place.read(source.clone(), &[("id", ValueType::Int64)], None).unwrap();
    read.batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

/// Part of the conformance suite: the same wherever files lie.
pub(super) fn appended_rows_come_after_all_others(place: &Place) {
    let first = table(vec![("id", ints(vec![1])), ("ts", nanos(vec![Some(5)]))]);
    place.put_parquet("history/zebra/1.parquet", &first, 10);
    place.put("pushed_text/zebra.csv", "id,other,ts\n1,x,2021-04-12\n");
    for (folder, glob) in [
        (parquet(&place.path("history")), parquet(&place.path("history/**/*.parquet"))),
        (csv(&place.path("pushed_text")), csv(&place.path("pushed_text/*.csv"))),
    ] {
        // The second clock is behind the first.
        for (id, source, arrival) in [(2, &folder, NOW + 9), (3, &glob, NOW + 4), (4, &folder, NOW + 30)] {
            let part = append(place, source, rows(&[id, id * 10], &[5, 6]), arrival).unwrap();
            assert!(part.contains("pushed-1795000000"), "{part}");
        }
        for source in [folder, glob] {
            assert_eq!(ids(place, &source), [1, 2, 20, 3, 30, 4, 40]);
        }
    }
    let file = parquet(&place.path("history/zebra/1.parquet"));
    let error = append(place, &file, rows(&[9], &[9]), NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error.to_string().ends_with("zebra/1.parquet` is a single file, which takes no more rows"),
        "{error}"
    );
    assert_eq!(
        append(place, &parquet(&place.path("gone")), rows(&[9], &[9]), NOW).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    place.put_parquet("parts/part-1.parquet", &first, 10);
    let glob = parquet(&place.path("parts/*/part-?.parquet"));
    place.put_parquet("parts/a/part-1.parquet", &first, 10);
    let error = append(place, &glob, rows(&[9], &[9]), NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("would not read a new file"), "{error}");
    assert_eq!(ids(place, &glob), [1]);
}

#[test]
fn a_new_file_has_the_columns_and_types_of_the_last_one() {
    let place = Place::on_disk();
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    let schema = Schema::new(vec![
        Field::new("Number", DataType::Int32, false),
        Field::new("rate", DataType::Float32, true),
        Field::new("word", DataType::LargeUtf8, true),
        Field::new("seen", seconds.clone(), true),
        Field::new("nobody reads", DataType::Boolean, true),
        Field::new("at", DataType::Int64, true),
        Field::new("made", DataType::Date32, true),
    ]);
    place.put_parquet("d/1.parquet", &RecordBatch::new_empty(Arc::new(schema.clone())), 10);
    let mut source = parquet("d");
    source.timestamp_field = Some("at".to_owned());
    source.created_timestamp_column = Some("made".to_owned());
    source.timestamp_unit = Some(TimestampUnit::Millisecond);
    source.field_mapping = BTreeMap::from([("Number".to_owned(), "id".to_owned())]);
    let pushed = |id: i64, seen: i64, at: i64| {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", ints(vec![id])),
            ("rate", Arc::new(Float64Array::from(vec![0.1]))),
            ("word", Arc::new(StringArray::from(vec![Some("")]))),
            ("seen", Arc::new(TimestampNanosecondArray::from(vec![seen]).with_timezone("UTC"))),
        ];
        batch(columns, &[at])
    };
    append(&place, &source, pushed(7, 3_000_000_000, 12_000_000), NOW).unwrap();
    let described = place.describe(&source).unwrap();
    assert!(described.other_schemas.is_empty(), "all files have the same columns: {described:?}");
    let asked = [("id", ValueType::Int64), ("rate", ValueType::Float64), ("word", ValueType::String)];
    let read = place.read(source.clone(), &asked, None).unwrap();
    assert_eq!(read.times(EVENT_TIME), [Some(12_000_000)]);
    // The day of arrival, as those files know no more.
    assert_eq!(read.times(CREATED_TIME), [Some(NOW - NOW % 86_400_000_000_000)]);
    assert_eq!(read.batch.column(1).as_primitive::<Float64Type>().value(0), f64::from(0.1_f32));
    assert_eq!(read.batch.column(2).as_string::<i32>().value(0), "");
    for (rows, expected) in [
        (pushed(1 << 40, 0, 0), "column `Number` "),
        (
            pushed(7, 3_000_000_001, 0),
            "column `seen` holds timestamp in seconds in the files, which cannot hold the value of row 1",
        ),
        (
            pushed(7, 0, 12_000_001),
            "column `at` holds int64 in the files, which cannot hold the value of row 1",
        ),
    ] {
        let error = append(&place, &source, rows, NOW).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    let error = append(&place, &source, batch(vec![("none", ints(vec![1]))], &[1]), NOW).unwrap_err();
    assert!(error.to_string().contains("has no column `none`"), "{error}");
    assert_eq!(place.describe(&source).unwrap().rows, Some(1), "nothing that was refused is there");
}

#[test]
fn text_files_hold_what_text_can() {
    let place = Place::on_disk();
    place.put("d/1.csv", "ts,f,word,raw,flag\n1,,,,\n");
    let mut source = csv("d");
    source.timestamp_unit = Some(TimestampUnit::Second);
    let pushed = |word: Option<&str>, raw: &[u8], at: i64| {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("f", Arc::new(Float32Array::from(vec![f32::NAN, 0.1, f32::NEG_INFINITY]))),
            ("word", Arc::new(StringArray::from(vec![Some("a,\"b\"\r\nc"), None, word]))),
            ("raw", Arc::new(BinaryArray::from(vec![Some(raw), None, None]))),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ];
        batch(columns, &[at, 0, 0])
    };
    append(&place, &source, pushed(Some(" é "), "ü".as_bytes(), 2_000_000_000), NOW).unwrap();
    let asked = [
        ("f", ValueType::Float32),
        ("word", ValueType::String),
        ("raw", ValueType::Bytes),
        ("flag", ValueType::Bool),
    ];
    let read = place.read(source.clone(), &asked, None).unwrap();
    assert_eq!(read.times(EVENT_TIME), [Some(1_000_000_000), Some(2_000_000_000), Some(0), Some(0)]);
    let words: Vec<_> = read.batch.column(1).as_string::<i32>().iter().collect();
    assert_eq!(words, [None, Some("a,\"b\"\r\nc"), None, Some(" é ")]);
    for (rows, expected) in [
        (
            pushed(Some(""), b"x", 0),
            "column `word` is an empty text, which CSV does not tell from null of row 3",
        ),
        (pushed(None, b"\xFF", 0), "column `raw` "),
        (pushed(None, b"x", 1), "column `ts` holds int64 in the files"),
    ] {
        let error = append(&place, &source, rows, NOW).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn many_who_append_at_once_lose_nothing() {
    for format in [FileFormat::Parquet, FileFormat::Csv] {
        let place = Place::on_disk();
        let first = table(vec![("id", ints(vec![-1])), ("ts", nanos(vec![Some(5)]))]);
        place.put_parquet("d/1.parquet", &first, 10);
        place.put("d/1.csv", "id,ts\n-1,2021-04-12\n");
        let source = source("d", format);
        std::thread::scope(|threads| {
            for writer in 0..16 {
                let (place, source) = (&place, &source);
                threads.spawn(move || {
                    for row in 0..8 {
                        // The same arrival for all.
                        append(place, source, rows(&[writer * 8 + row], &[5]), NOW).unwrap();
                    }
                });
            }
        });
        let found = ids(&place, &source);
        assert_eq!(found.len(), 129);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), (-1..128).collect());
    }
}

#[test]
fn a_file_that_was_not_finished_is_not_read_and_a_glob_that_would_read_it_is_refused() {
    let place = Place::on_disk();
    place.put("d/1.csv", "id,ts\n1,2021-04-12\n");
    place.put("d/.pushed-1795000000000000000-00000000000000ff.csv.tmp", "id,ts\n2,20");
    for path in ["d", "d/*.csv"] {
        append(&place, &csv(path), rows(&[3], &[5]), NOW).unwrap();
    }
    assert_eq!(ids(&place, &csv("d")), [1, 3, 3]);
    place.put("e/1.csv", "id,ts\n1,2021-04-12\n");
    let error = append(&place, &csv("e/*"), rows(&[3], &[5]), NOW).unwrap_err();
    assert_eq!(error.to_string(), "the source would read a new file before it is whole");
    assert_eq!(ids(&place, &csv("e/*")), [1]);
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("d");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("1.csv"), "id,ts\n1,2021-04-12\n").unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store = FileStore::new(folder.path(), folder.path());
    let outcome = runtime.block_on(store.append(&csv("d"), rows(&[2], &[5]), Timestamp::from_nanos(NOW)));
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let names: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    // To root nothing is forbidden.
    if !rustix::process::geteuid().is_root() {
        let error = outcome.unwrap_err();
        assert!(
            error.kind() == ErrorKind::Unavailable
                && error.to_string().starts_with("could not write `d/pushed-"),
            "{error}"
        );
        assert_eq!(names, ["1.csv"]);
    }
    let request = DataSource { kind: SourceKind::Request { fields: Vec::new() }, ..csv("d") };
    let error = runtime.block_on(store.append(&request, rows(&[2], &[5]), Timestamp::EPOCH)).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Invalid, "`request` sources are not of files")
    );
}

/// A view `trips` on the push source `live`, whose history is the folder `d`.
fn project(format: FileFormat) -> Objects {
    let mut history = source("d", format);
    history.field_mapping = BTreeMap::from([("Fare".to_owned(), "fare".to_owned())]);
    let push = DataSource {
        kind: SourceKind::Push { batch_source: "history".to_owned() },
        timestamp_field: None,
        field_mapping: BTreeMap::new(),
        ..history.clone()
    };
    let view = feature_view("live", &["driver"], &[("fare", ValueType::Float64)]);
    Objects(BTreeMap::from([
        (Address::new(ObjectKind::Entity, "driver"), Object::Entity(entity("driver_id", ValueType::Int64))),
        (Address::new(ObjectKind::DataSource, "history"), Object::DataSource(history)),
        (Address::new(ObjectKind::DataSource, "live"), Object::DataSource(push)),
        (Address::new(ObjectKind::FeatureView, "trips"), Object::FeatureView(view)),
    ]))
}

#[test]
fn pushed_rows_are_in_training_data_and_the_last_of_equal_ones_wins() {
    for format in [FileFormat::Parquet, FileFormat::Csv] {
        let place = Place::on_disk();
        let first = table(vec![
            ("driver_id", ints(vec![1])),
            ("Fare", Arc::new(Float64Array::from(vec![1.5]))),
            ("ts", nanos(vec![Some(1_000_000_000)])),
        ]);
        place.put_parquet("d/zebra.parquet", &first, 10);
        place.put("d/zebra.csv", "driver_id,Fare,ts\n1,1.5,1970-01-01T00:00:01Z\n");
        let objects = project(format);
        let offline: Arc<dyn OfflineStore> = Arc::new(place.store.clone());
        let applied = Applied {
            registry: Registry { objects: objects.clone(), ..Registry::default() },
            complete: BTreeSet::new(),
        };
        let store =
            FeatureStore::new(applied, Arc::new(MemoryProvider::new("p").with_offline(Arc::clone(&offline))));
        let push = |fares: [f64; 2]| {
            let columns = json!({"driver_id": [1, 2], "Fare": fares, "event_timestamp": [1, 2]});
            let frame = Frame::of_columns(serde_json::from_value(columns).unwrap()).unwrap();
            place
                .runtime
                .block_on(store.push("live", PushTo::Offline, frame, Timestamp::from_nanos(NOW)))
                .unwrap()
        };
        let fares = || -> Vec<Option<f64>> {
            let frame = table(vec![
                ("driver_id", ints(vec![1, 2, 2])),
                ("event_timestamp", nanos(vec![Some(NOW), Some(NOW), Some(1_999_999_999)])),
            ]);
            let request = HistoricalRequest {
                features: FeatureRequest::Features(vec!["trips:fare".parse().unwrap()]),
                rows: EntityRows::Frame(EntityFrame::new(frame, None).unwrap()),
                event_time_match: EventTimeMatch::AtOrBefore,
                created_before_event_time: false,
                full_feature_names: false,
                now: Timestamp::from_nanos(NOW),
                output: None,
            };
            let result = place.runtime.block_on(historical(&request, &objects, &offline)).unwrap();
            result.batch.column_by_name("fare").unwrap().as_primitive::<Float64Type>().iter().collect()
        };
        assert_eq!(fares(), [Some(1.5), None, None]);
        let report = push([2.5, 3.5]);
        assert_eq!(
            (report.rows, report.tables.len(), report.history.unwrap().source.as_str()),
            (2, 0, "history")
        );
        assert_eq!(fares(), [Some(2.5), Some(3.5), None], "a full tie with what others wrote");
        push([4.5, 5.5]);
        assert_eq!(fares(), [Some(4.5), Some(5.5), None], "a full tie with what was pushed before");
    }
}

#[test]
fn a_frame_has_the_columns_of_every_view_that_reads_the_history() {
    let place = Place::on_disk();
    place.put("d/1.csv", "driver_id,Fare,tip,ts\n1,1.5,1,1970-01-01\n");
    let mut objects = project(FileFormat::Csv);
    let direct = feature_view("history", &["driver"], &[("tip", ValueType::Int64)]);
    objects.0.insert(Address::new(ObjectKind::FeatureView, "tips"), Object::FeatureView(direct));
    let applied =
        Applied { registry: Registry { objects, ..Registry::default() }, complete: BTreeSet::new() };
    let provider = MemoryProvider::new("p").with_offline(Arc::new(place.store.clone()));
    let store = FeatureStore::new(applied, Arc::new(provider));
    let push = |columns: serde_json::Value| -> Result<_, Error> {
        let frame = Frame::of_columns(serde_json::from_value(columns).unwrap()).unwrap();
        place.runtime.block_on(store.push("live", PushTo::Offline, frame, Timestamp::from_nanos(NOW)))
    };
    let error = push(json!({"driver_id": [1], "fare": [1], "ts": [1]})).unwrap_err();
    assert_eq!(error.to_string(), "the frame lacks `tip` of feature view `tips`");
    assert!(push(json!({"driver_id": [null], "fare": [1], "tip": [1], "ts": [1]})).is_err());
    push(json!({"driver_id": [1], "fare": [1], "tip": [1], "ts": [1]})).unwrap();
    assert!(push(json!({"driver_id": [], "fare": [], "tip": [], "ts": []})).unwrap().history.is_none());
    assert_eq!(place.describe(&csv("d/pushed-*")).unwrap().schema.fields().len(), 4);
}
