//! What must be true of sources wherever their files lie: found in byte order, read whole and in parts, described, measured,
//! and never of two versions.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Float32Type, Int64Type};
use provender_core::model::{BucketKind, TimestampUnit, ValueType};
use provender_core::registry::Interval;
use provender_core::time::Timestamp;
use provender_runtime::ErrorKind;
use provender_runtime::columns;
use provender_runtime::provider::{CREATED_TIME, EVENT_TIME, OfflineStore as _, ScanSize, SourceScan};

use super::places::{Place, settings};
use super::servers::{self, S3Server};
use super::{append, ask, csv, ints, nanos, parquet, parquet_bytes, said, table};

fn suite(place: &Place) {
    a_folder_a_glob_and_a_file_are_read_in_byte_order_of_paths(place);
    what_is_not_there_says_so(place);
    damaged_files_are_errors(place);
    a_range_leaves_out_row_groups_and_rows_and_still_counts_rows_without_time(place);
    csv_text_becomes_the_asked_types(place);
    a_description_has_columns_rows_and_bytes(place);
    a_scan_is_measured_by_the_row_groups_and_columns_that_it_needs(place);
    a_file_that_is_written_while_it_is_read_is_an_error(place);
    append::appended_rows_come_after_all_others(place);
}

#[test]
fn on_disk() {
    suite(&Place::on_disk());
}

#[test]
fn in_memory() {
    suite(&Place::in_memory());
}

#[test]
fn on_s3() {
    let Some(server) = S3Server::start() else { return };
    let variables = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "canary")];
    let settings = settings(Some(server.endpoint.clone()), &variables);
    suite(&Place::on_server(BucketKind::S3, S3Server::BUCKET, settings));
}

#[test]
fn on_google_cloud_storage() {
    let endpoint = servers::gcs();
    let host = endpoint.trim_start_matches("http://");
    let settings = settings(None, &[("STORAGE_EMULATOR_HOST", host)]);
    suite(&Place::on_server(BucketKind::Gcs, "bucket", settings));
}

#[test]
fn a_store_that_is_busy_now_and_then_is_asked_again() {
    let settings = settings(Some(servers::busy_gcs()), &[("GOOGLE_SKIP_SIGNATURE", "true")]);
    let place = Place::on_server(BucketKind::Gcs, "bucket", settings);
    let batch = table(vec![("id", ints(vec![1])), ("ts", nanos(vec![Some(1)]))]);
    for name in ["d/1.parquet", "d/2.parquet"] {
        place.put_parquet(name, &batch, 10);
    }
    let read = place.read(parquet(&place.path("d")), &[("id", ValueType::Int64)], None).unwrap();
    assert_eq!(read.batch.num_rows(), 2);
}

fn a_folder_a_glob_and_a_file_are_read_in_byte_order_of_paths(place: &Place) {
    for (name, id) in [
        ("d/b.parquet", 2),
        ("d/a/z.parquet", 1),
        ("d/B.parquet", 0),
        ("d/_tmp/x.parquet", 9),
        ("d2/x y=é+1.parquet", 7),
    ] {
        place.put_parquet(name, &table(vec![("id", ints(vec![id])), ("ts", nanos(vec![Some(id)]))]), 10);
    }
    place.put("d/_SUCCESS", "");
    place.put("d/notes.txt", "not data");
    let ids = |path: &str| {
        let read = place.read(parquet(&place.path(path)), &[("id", ValueType::Int64)], None).unwrap();
        read.batch.column(0).as_primitive::<Int64Type>().values().to_vec()
    };
    assert_eq!(ids("d"), [0, 1, 2]);
    assert_eq!(ids("d/"), [0, 1, 2]);
    assert_eq!(ids("d/*.parquet"), [0, 2]);
    assert_eq!(ids("d/[ab]/*.parquet"), [1]);
    assert_eq!(ids("{d/b,d/a/z}.parquet"), [1, 2]);
    assert_eq!(ids("**/z.parquet"), [1]);
    assert_eq!(ids("d/b.parquet"), [2]);
    assert_eq!(ids("d2"), [7]);
    assert_eq!(ids("d2/x y=é+1.parquet"), [7]);
    if !place.is_disk() {
        // Empty objects stand for folders.
        place.put_parquet(
            "f.parquet/x.parquet",
            &table(vec![("id", ints(vec![5])), ("ts", nanos(vec![Some(5)]))]),
            10,
        );
        place.put("f.parquet", "");
        place.put("up/f.parquet", "");
        place.put_parquet(
            "up/f.parquet/x.parquet",
            &table(vec![("id", ints(vec![6])), ("ts", nanos(vec![Some(6)]))]),
            10,
        );
        assert_eq!((ids("f.parquet"), ids("up")), (vec![5], vec![6]));
    }
}

fn what_is_not_there_says_so(place: &Place) {
    place.put("empty/notes.txt", "not data");
    let batch = table(vec![("driver_id", ints(vec![1])), ("ts", nanos(vec![Some(1)]))]);
    place.put_parquet("one.parquet", &batch, 10);
    let read = |path: &str, columns: &[(&str, ValueType)]| {
        let path = place.path(path);
        (said(place.read(parquet(&path), columns, None)), path)
    };
    let ((message, _), path) = read("no.parquet", &[]);
    let what = if place.is_disk() { "file or folder" } else { "object" };
    assert!(message.starts_with(&format!("there is no {what} `{path}`")), "{message}");
    let ((message, _), path) = read("empty", &[]);
    assert_eq!(message, format!("the folder `{path}` holds no file that ends with `.parquet`"));
    let ((message, _), path) = read("x*.parquet", &[]);
    assert_eq!(message, format!("no file matches `{path}`"));
    let (said, path) = read("one.parquet", &[("driver_di", ValueType::Int64)]);
    assert_eq!(said, (format!("`{path}` has no column `driver_di`"), "did you mean `driver_id`?".to_owned()));
}

fn damaged_files_are_errors(place: &Place) {
    let batch = table(vec![("id", ints((0..5000).collect())), ("ts", nanos((0..5000).map(Some).collect()))]);
    let whole = parquet_bytes(&batch, 1000);
    for (name, bytes) in [
        ("none", vec![]),
        ("text", b"hello, this is no parquet".to_vec()),
        ("half", whole[..whole.len() / 2].to_vec()),
    ] {
        place.put(name, bytes);
        let path = place.path(name);
        let (message, _) = said(place.read(parquet(&path), &[("id", ValueType::Int64)], None));
        assert_eq!(message, format!("`{path}` is not a Parquet file that can be read"));
    }
    for (name, text) in [("short.csv", "id,ts\n1,2021-01-01\n2\n"), ("empty.csv", "")] {
        place.put(name, text);
        let path = place.path(name);
        let (message, _) = said(place.read(csv(&path), &[("id", ValueType::Int64)], None));
        assert_eq!(message, format!("`{path}` is not a CSV file that can be read"));
    }
}

fn a_range_leaves_out_row_groups_and_rows_and_still_counts_rows_without_time(place: &Place) {
    let times: Vec<Option<i64>> = (0..1000).map(|at| (at % 100 != 7).then_some(at)).collect();
    place.put_parquet(
        "range.parquet",
        &table(vec![("id", ints((0..1000).collect())), ("ts", nanos(times))]),
        64,
    );
    for (from, to) in [(0, 999), (250, 260), (63, 64), (107, 107), (2000, 3000), (i64::MIN, i64::MAX)] {
        let source = parquet(&place.path("range.parquet"));
        let read = place.read(source, &[("id", ValueType::Int64)], Some((from, to))).unwrap();
        let expected: Vec<i64> = (0..1000).filter(|at| at % 100 != 7 && from <= *at && *at <= to).collect();
        let found = read.batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(found, expected);
        assert_eq!(read.skipped, 10, "{from} {to}");
    }
}

fn csv_text_becomes_the_asked_types(place: &Place) {
    let text = "\u{feff}id,name,rate,ok,ts,created\n\
        1,007,0.5,True,2021-04-12 10:59:42+00:00,2021-04-12\n\
        ,\"a, \"\"b\"\"\nc\",nan,false,2021-04-12T10:59:42.5Z,\n\
        3,,,,,2021-04-12\n";
    place.put("f.csv", text);
    let mut source = csv(&place.path("f.csv"));
    source.created_timestamp_column = Some("created".to_owned());
    let columns = [
        ("id", ValueType::Int32),
        ("name", ValueType::String),
        ("rate", ValueType::Float32),
        ("ok", ValueType::Bool),
    ];
    let read = place.read(source.clone(), &columns, None).unwrap();
    assert_eq!((read.batch.num_rows(), read.skipped), (2, 1));
    let names = read.batch.column(1).as_string::<i32>();
    assert_eq!((names.value(0), names.value(1)), ("007", "a, \"b\"\nc"));
    assert_eq!(read.batch.column(2).as_primitive::<Float32Type>().value(0), 0.5);
    assert!(read.batch.column(0).is_null(1) && read.batch.column(3).as_boolean().value(0));
    let time = "2021-04-12T10:59:42Z".parse::<Timestamp>().unwrap().as_nanos();
    assert_eq!(read.times(EVENT_TIME), [Some(time), Some(time + 500_000_000)]);
    assert_eq!(read.times(CREATED_TIME)[1], None);
    let (message, _) = said(place.read(source, &[("name", ValueType::Int64)], None));
    assert!(message.ends_with("which is no int64 in row 2"), "{message}");

    place.put("long.csv", long_csv(2));
    let read = place.read(numbered(place, "long.csv"), &[("id", ValueType::Int64)], None).unwrap();
    assert_eq!(read.times(EVENT_TIME), (0..LONG).map(Some).collect::<Vec<_>>());
    assert_eq!(read.batch.column(0).as_primitive::<Int64Type>().value(19_999), 39_998);
}

const LONG: i64 = 120_000;

/// Numbers with six digits each, so that files with other factors have the same size.
fn long_csv(factor: i64) -> String {
    let lines = (0..LONG).map(|at| format!("{at},{:06}\n", at * factor % 1_000_000));
    "ts,id\n".to_owned() + &lines.collect::<String>()
}

fn numbered(place: &Place, name: &str) -> provender_core::model::DataSource {
    let mut source = csv(&place.path(name));
    source.timestamp_unit = Some(TimestampUnit::Nanosecond);
    source
}

fn a_description_has_columns_rows_and_bytes(place: &Place) {
    let batch = table(vec![("id", ints(vec![1, 2])), ("ts", nanos(vec![Some(1), None]))]);
    let size = parquet_bytes(&batch, 10).len() as u64;
    for name in ["described/1.parquet", "described/2.parquet"] {
        place.put_parquet(name, &batch, 10);
    }
    let source = parquet(&place.path("described"));
    let description = place.describe(&source).unwrap();
    assert_eq!((description.rows, description.bytes), (Some(4), Some(2 * size)));
    assert_eq!(description.schema.field(0), &Field::new("id", DataType::Int64, true));
    assert_eq!(description.other_schemas, []);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    for name in ["described/3.parquet", "described/4.parquet"] {
        place.put_parquet(name, &table(vec![("id", text.clone())]), 10);
    }
    let others = place.describe(&source).unwrap().other_schemas;
    let others: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(others, [place.path("described/3.parquet")]);
    place.put("described.csv", "id,ts,name\n1,2021-04-12,x\n");
    let description = place.describe(&csv(&place.path("described.csv"))).unwrap();
    assert_eq!(description.schema.field(0).data_type(), &DataType::Int64);
    assert!(columns::is_time(description.schema.field(1).data_type(), None));
}

fn a_scan_is_measured_by_the_row_groups_and_columns_that_it_needs(place: &Place) {
    for (file, first) in [("m/1.parquet", 0), ("m/2.parquet", 40)] {
        let times: Vec<Option<i64>> = (first..first + 40).map(Some).collect();
        let wide: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..40).map(|row| format!("{row:>500}"))));
        let columns = vec![("id", ints((0..40).collect())), ("ts", nanos(times)), ("wide", wide)];
        place.put_parquet(file, &table(columns), 10);
    }
    let measure = |source, columns: &[(&str, ValueType)], range: Option<(i64, i64)>| {
        let range = range
            .map(|(from, to)| Interval { from: Timestamp::from_nanos(from), to: Timestamp::from_nanos(to) });
        let scan = SourceScan { source, columns: ask(columns), range };
        place.runtime.block_on(place.store.measure(&scan))
    };
    let m = || parquet(&place.path("m"));
    let id = [("id", ValueType::Int64)];
    let all = measure(m(), &id, None).unwrap();
    assert_eq!(all.rows, Some(80));
    let some = measure(m(), &id, Some((35, 44))).unwrap();
    assert_eq!(some.rows, Some(20), "the last ten of one file and the first ten of the other");
    assert!(some.bytes < all.bytes);
    let wide = measure(m(), &[("id", ValueType::Int64), ("wide", ValueType::String)], None).unwrap();
    assert!(wide.bytes.unwrap() > 10 * all.bytes.unwrap() / 2, "{wide:?} {all:?}");
    assert_eq!(measure(m(), &id, Some((1_000, 2_000))).unwrap().rows, Some(0));
    place.put("m.csv", "id,ts\n1,2021-04-12\n");
    let text = measure(csv(&place.path("m.csv")), &id, None).unwrap();
    assert_eq!(text, ScanSize { rows: None, bytes: Some(19) });
    let gone = measure(parquet(&place.path("gone")), &id, None).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

/// Files of the same size and another content are written over those that are being read.
fn a_file_that_is_written_while_it_is_read_is_an_error(place: &Place) {
    // Times do not compress to nothing, so there are more of them than are on their way to the reader.
    let version = |add: i64| {
        let rows = 0..200_000;
        let ids = rows.clone().map(|row| (row * 2_654_435_761_i64 + add) & 0xFFFF_FFFF).collect();
        parquet_bytes(&table(vec![("id", ints(ids)), ("ts", nanos(rows.map(Some).collect()))]), 10_000)
    };
    let (first, second) = (version(0), version(1));
    let path = place.path("changing.parquet");
    place.put("changing.parquet", first.clone());
    let columns = [("id", ValueType::Int64)];
    let quiet = place.read(parquet(&path), &columns, None).unwrap();
    assert_eq!(quiet.batch.num_rows(), 200_000);
    let change = || place.put("changing.parquet", second);
    let (message, hint) = said(place.read_while(parquet(&path), &columns, None, change));
    assert_eq!(message, format!("`{path}` was changed or removed while it was read"));
    assert!(hint.starts_with("run it again"), "{hint}");
    place.put("changing.csv", long_csv(2));
    let source = numbered(place, "changing.csv");
    let change = || place.put("changing.csv", long_csv(3));
    let outcome = place.read_while(source, &columns, None, change);
    // An object is read in one request, of one version whatever is written meanwhile.
    match outcome {
        Err(error) => assert!(error.to_string().contains("was changed or removed"), "{error}"),
        Ok(read) => {
            assert!(!place.is_disk());
            let ids = read.batch.column(0).as_primitive::<Int64Type>();
            assert!((0..LONG).all(|at| ids.value(at as usize) == at * 2 % 1_000_000));
        }
    }
}
