//! Files written into a temporary folder and read back: types, times, and what errors say. What does not depend on where
//! files lie is here; `conformance` runs the rest on every kind of place, `point_in_time` is what engines answer from files.

mod append;
mod chosen_rows;
mod conformance;
mod damaged;
mod fuzz_corpus;
mod odd_places;
mod places;
mod point_in_time;
mod pruning;
mod refusals;
mod servers;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow::array::*;
use arrow::compute::concat_batches;
use arrow::datatypes::{Float32Type, Int64Type, Schema, SchemaRef, UInt32Type};
use arrow::record_batch::RecordBatch;
use provender_core::model::{
    DataSource, FileFormat, Lifecycle, Metadata, SourceKind, TimestampUnit, ValueType,
};
use provender_core::registry::Interval;
use provender_core::time::Timestamp;
use provender_runtime::columns;
use provender_runtime::provider::{CREATED_TIME, EVENT_TIME, OfflineStore as _, PLACE, SourceScan};
use provender_runtime::testing::scanned;
use provender_runtime::{Error, ErrorKind};

use super::FileStore;

fn source(path: &str, format: FileFormat) -> DataSource {
    DataSource {
        kind: SourceKind::File { path: path.to_owned(), format, endpoint: None },
        timestamp_field: Some("ts".to_owned()),
        created_timestamp_column: None,
        timestamp_unit: None,
        date_partition_column: None,
        field_mapping: BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}

fn parquet(path: &str) -> DataSource {
    source(path, FileFormat::Parquet)
}

fn csv(path: &str) -> DataSource {
    source(path, FileFormat::Csv)
}

fn ask(columns: &[(&str, ValueType)]) -> SchemaRef {
    Arc::new(Schema::new(
        columns.iter().map(|(name, value_type)| columns::field(name, value_type)).collect::<Vec<_>>(),
    ))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn nanos(times: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(times))
}

fn ints(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn write_parquet(folder: &Path, name: &str, batch: &RecordBatch, rows_per_group: usize) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, parquet_bytes(batch, rows_per_group)).unwrap();
}

fn parquet_bytes(batch: &RecordBatch, rows_per_group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_per_group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

struct Read {
    batch: RecordBatch,
    skipped: u64,
}

impl Read {
    fn times(&self, name: &str) -> Vec<Option<i64>> {
        self.batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().iter().collect()
    }
}

fn read(folder: &Path, scan: SourceScan) -> Result<Read, Error> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap().block_on(async {
        let (batches, skipped) = scanned(&FileStore::new(folder, folder), &scan).await?;
        let schema = batches.first().map_or_else(|| Arc::clone(&scan.columns), |batch| batch.schema());
        let batch = in_order(&concat_batches(&schema, &batches).unwrap());
        Ok(Read { batch, skipped })
    })
}

/// In the order of the source.
fn in_order(batch: &RecordBatch) -> RecordBatch {
    let Some(places) = batch.column_by_name(PLACE) else { return batch.clone() };
    let order = arrow::compute::sort_to_indices(places, None, None).unwrap();
    arrow::compute::take_record_batch(batch, &order).unwrap()
}

fn read_all(folder: &Path, source: DataSource, columns: &[(&str, ValueType)]) -> Result<Read, Error> {
    read(folder, SourceScan { source, columns: ask(columns), range: None })
}

fn said(result: Result<Read, Error>) -> (String, String) {
    let Err(error) = result else { panic!("the scan succeeded") };
    (error.to_string(), error.hints().join("; "))
}

#[test]
fn damaged_bytes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let batch = table(vec![("id", ints((0..5000).collect())), ("ts", nanos((0..5000).map(Some).collect()))]);
    write_parquet(folder.path(), "whole.parquet", &batch, 1000);
    let whole = fs::read(folder.path().join("whole.parquet")).unwrap();
    // Damage within the pages: an error or other values, but no panic that gets through.
    for at in (4..whole.len() - 8).step_by(409) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x5A;
        fs::write(folder.path().join("bits"), bytes).unwrap();
        if let Err(error) = read_all(folder.path(), parquet("bits"), &[("id", ValueType::Int64)]) {
            assert!(
                matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unavailable),
                "byte {at}: {error}"
            );
        }
    }
}

#[test]
fn times_of_every_kind_become_nanoseconds() {
    let folder = tempfile::tempdir().unwrap();
    let day = 86_400_000_000_000;
    let cases: Vec<(ArrayRef, Option<TimestampUnit>, i64)> = vec![
        (Arc::new(TimestampSecondArray::from(vec![3])), None, 3_000_000_000),
        (Arc::new(TimestampMillisecondArray::from(vec![3]).with_timezone("+02:00")), None, 3_000_000),
        (Arc::new(TimestampMicrosecondArray::from(vec![-3]).with_timezone("UTC")), None, -3_000),
        (Arc::new(TimestampNanosecondArray::from(vec![3])), None, 3),
        (Arc::new(Date32Array::from(vec![-2])), None, -2 * day),
        (Arc::new(Date64Array::from(vec![86_400_000])), None, day),
        (Arc::new(Int64Array::from(vec![3])), Some(TimestampUnit::Second), 3_000_000_000),
        (Arc::new(UInt32Array::from(vec![3])), Some(TimestampUnit::Millisecond), 3_000_000),
    ];
    for (column, unit, expected) in cases {
        let kind = column.data_type().to_string();
        write_parquet(folder.path(), "t.parquet", &table(vec![("ts", column)]), 10);
        let mut source = parquet("t.parquet");
        source.timestamp_unit = unit;
        source.created_timestamp_column = Some("ts".to_owned());
        let read = read_all(folder.path(), source, &[]).unwrap();
        assert_eq!(read.times(EVENT_TIME), [Some(expected)], "{kind}");
        assert_eq!(read.times(CREATED_TIME), [Some(expected)], "{kind}");
    }
    let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(0), None, Some(i64::MAX / 4)]));
    write_parquet(folder.path(), "t.parquet", &table(vec![("ts", far)]), 2);
    let (message, _) = said(read_all(folder.path(), parquet("t.parquet"), &[]));
    assert_eq!(message, "column `ts` of `t.parquet` is a time outside the years 1677 to 2262 in row 3");
    write_parquet(folder.path(), "t.parquet", &table(vec![("ts", ints(vec![1]))]), 2);
    let (message, hint) = said(read_all(folder.path(), parquet("t.parquet"), &[]));
    assert_eq!(message, "column `ts` of `t.parquet` holds int64, which is no time");
    assert!(hint.contains("timestamp_unit"), "{hint}");
}

#[test]
fn values_are_cast_by_the_rules_and_what_does_not_fit_names_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let one = |column: ArrayRef| {
        let rows = column.len();
        // Odd rows are out of the range, so rows of the file and rows that are cast have different numbers.
        let times = (0..rows as i64).map(|at| Some(if at % 2 == 1 { 1000 } else { at })).collect();
        write_parquet(folder.path(), "v.parquet", &table(vec![("v", column), ("ts", nanos(times))]), 3);
    };
    let cast = |to: ValueType| {
        let range = Some(Interval { from: Timestamp::EPOCH, to: Timestamp::from_nanos(999) });
        read(folder.path(), SourceScan { source: parquet("v.parquet"), columns: ask(&[("v", to)]), range })
    };
    let list = |value_type: ValueType| ValueType::List(Box::new(value_type));
    one(Arc::new(Float64Array::from(vec![
        Some(0.1),
        Some(0.0),
        None,
        Some(0.0),
        Some(f64::NAN),
        None,
        Some(f64::INFINITY),
    ])));
    let floats = cast(ValueType::Float32).unwrap().batch;
    let floats = floats.column(0).as_primitive::<Float32Type>();
    assert_eq!((floats.value(0), floats.is_null(1), floats.value(3)), (0.1_f32, true, f32::INFINITY));
    assert!(floats.value(2).is_nan());
    one(Arc::new(Float64Array::from(vec![0.0, 1e300, 1e39])));
    assert!(said(cast(ValueType::Float32)).0.ends_with("too large for float32 in row 3"));
    one(ints(vec![1, 1 << 40, 2, 1 << 40, 1 << 40]));
    assert_eq!(
        said(cast(ValueType::Int32)).0,
        "column `v` of `v.parquet` is 1099511627776, too large for int32 in row 5"
    );
    assert_eq!(cast(ValueType::String).unwrap().batch.column(0).as_string::<i32>().value(2), "1099511627776");
    one(Arc::new(UInt64Array::from(vec![1, 0, u64::MAX])));
    assert!(
        said(cast(ValueType::Int64)).0.ends_with("is 18446744073709551615, too large for int64 in row 3")
    );
    one(Arc::new(Decimal128Array::from(vec![12345]).with_precision_and_scale(10, 2).unwrap()));
    assert_eq!(
        cast(ValueType::Float32).unwrap().batch.column(0).as_primitive::<Float32Type>().value(0),
        123.45
    );
    assert!(said(cast(ValueType::Int64)).0.contains("does not become int64"));
    let dictionary: DictionaryArray<UInt32Type> = vec!["x", "y", "x"].into_iter().collect();
    one(Arc::new(dictionary));
    assert_eq!(cast(ValueType::String).unwrap().batch.column(0).as_string::<i32>().value(1), "x");
    let (message, hint) = said(cast(ValueType::Int64));
    assert!(
        message.starts_with("column `v` of `v.parquet` holds string, which does not become")
            && !hint.is_empty(),
        "{message}"
    );
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), None]),
        Some(vec![Some(1 << 40)]),
        Some(vec![]),
        None,
        Some(vec![Some(2), Some(1 << 40)]),
    ]);
    one(Arc::new(lists));
    assert_eq!(cast(list(ValueType::Int64)).unwrap().batch.column(0).as_list::<i32>().value(0).len(), 2);
    let (message, _) = said(cast(list(ValueType::Int32)));
    assert!(
        message.contains("has an element that is 1099511627776") && message.ends_with("in row 5"),
        "{message}"
    );
    assert!(said(cast(ValueType::Int64)).0.contains("which does not become int64"));
}

#[test]
fn field_mapping_and_zero_rows_and_other_schemas_in_later_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut mapped = parquet("m");
    mapped.field_mapping = BTreeMap::from([("conversion".to_owned(), "conv_rate".to_owned())]);
    write_parquet(
        folder.path(),
        "m/1.parquet",
        &table(vec![("conversion", ints(vec![])), ("ts", nanos(vec![]))]),
        10,
    );
    assert_eq!(
        read_all(folder.path(), mapped.clone(), &[("conv_rate", ValueType::Int64)]).unwrap().batch.num_rows(),
        0
    );
    let other_order =
        table(vec![("extra", ints(vec![0])), ("ts", nanos(vec![Some(1)])), ("conversion", ints(vec![5]))]);
    write_parquet(folder.path(), "m/2.parquet", &other_order, 10);
    let read = read_all(folder.path(), mapped.clone(), &[("conv_rate", ValueType::Int64)]).unwrap();
    assert_eq!(read.batch.schema().field(0).name(), "conv_rate");
    assert_eq!(read.batch.column(0).as_primitive::<Int64Type>().value(0), 5);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    write_parquet(
        folder.path(),
        "m/3.parquet",
        &table(vec![("conversion", text), ("ts", nanos(vec![Some(1)]))]),
        10,
    );
    let (message, _) = said(read_all(folder.path(), mapped, &[("conv_rate", ValueType::Int64)]));
    assert_eq!(message, "column `conversion` of `m/3.parquet` holds string, which does not become int64");
}

#[test]
fn nothing_outside_of_the_repository_is_read_however_it_is_named() {
    let outside = tempfile::tempdir().unwrap();
    let top = tempfile::tempdir().unwrap();
    let base = top.path().join("project");
    fs::create_dir_all(base.join("data")).unwrap();
    fs::create_dir_all(top.path().join("shared")).unwrap();
    for folder in [outside.path(), &base.join("data"), &top.path().join("shared")] {
        fs::write(folder.join("q.csv"), "id,ts\n1,2021-04-12\n").unwrap();
    }
    std::os::unix::fs::symlink(outside.path(), base.join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("q.csv"), base.join("data/linked.csv")).unwrap();
    std::os::unix::fs::symlink(top.path().join("shared"), base.join("near")).unwrap();
    let store = FileStore::new(&base, top.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let look = |path: &str| runtime.block_on(store.describe(&csv(path)));
    let away = outside.path().display();
    let top_name = top.path().file_name().unwrap().to_str().unwrap();
    for path in [
        format!("{away}/q.csv"),
        format!("{away}/*.csv"),
        format!("../../{}/q.csv", outside.path().file_name().unwrap().to_str().unwrap()),
        format!("../../{}/*.csv", outside.path().file_name().unwrap().to_str().unwrap()),
        "link/q.csv".to_owned(),
        "link".to_owned(),
        "link/*.csv".to_owned(),
        "*/q.csv".to_owned(),
        "data/linked.csv".to_owned(),
        "data/*.csv".to_owned(),
        "data".to_owned(),
        "/nowhere/q.csv".to_owned(),
    ] {
        let error = look(&path).unwrap_err();
        assert!(error.to_string().contains("outside of the repository"), "{path}: {error}");
    }
    for path in [
        "data/q.csv",
        "../shared/q.csv",
        "../shared/*.csv",
        "near/q.csv",
        "near",
        &format!("../../{top_name}/shared"),
    ] {
        assert!(look(path).is_ok(), "{path}: {:?}", look(path).err());
    }
    assert_eq!(look("data/gone.csv").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn paths_on_disk_may_have_dots_or_be_absolute() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    fs::write(folder.path().join("d/q.csv"), "id,ts\n1,2021-04-12\n").unwrap();
    let absolute = folder.path().join("d/q.csv");
    for path in ["./d/../d/*.csv", absolute.to_str().unwrap()] {
        let read = read_all(folder.path(), csv(path), &[("id", ValueType::Int64)]).unwrap();
        assert_eq!(read.batch.num_rows(), 1);
    }
    let (message, _) = said(read_all(folder.path(), parquet("empty"), &[]));
    assert_eq!(message, "the folder `empty` holds no file that ends with `.parquet`");
}
