//! Entity frames and results as files: every format there and back, and writes that fail.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, Float32Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::record_batch::RecordBatch;
use provender_core::model::ValueType;

use super::super::{EntityFrame, TableFormat, Undeclared, read_entity_frame, write_result};
use super::table;
use crate::{ErrorKind, Result};

const MICROS: i64 = 1_767_225_600_000_000;

async fn read(path: &Path, keys: &[(&str, ValueType)]) -> Result<EntityFrame> {
    let keys = keys.iter().map(|(name, value_type)| ((*name).to_owned(), value_type.clone())).collect();
    read_entity_frame(path, None, keys, Undeclared::Typed).await
}

async fn write(batch: &RecordBatch, path: &Path) -> Result<()> {
    write_result(batch, path, TableFormat::of_path(path).unwrap()).await
}

fn training() -> RecordBatch {
    table(vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), None, Some(1)]))),
        ("code", Arc::new(StringArray::from(vec!["007", "a,\"b\"\nc", "x"]))),
        ("event_timestamp", Arc::new(TimestampMicrosecondArray::from(vec![MICROS, MICROS + 1, MICROS]))),
        ("rate", Arc::new(Float32Array::from(vec![Some(0.1), Some(f32::NAN), None]))),
    ])
}

/// Names below a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_format_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["t.parquet", "t.csv", "t.arrow"] {
        let path = folder.path().join(name);
        write(&training(), &path).await.unwrap();
        let frame = read(&path, &[("code", ValueType::String), ("id", ValueType::Int64)]).await.unwrap();
        assert_eq!(
            frame.times.values().as_ref(),
            [MICROS * 1000, (MICROS + 1) * 1000, MICROS * 1000],
            "{name}"
        );
        let column = |column: &str| frame.batch.column_by_name(column).unwrap();
        assert_eq!(column("code").as_string::<i32>(), training().column(1).as_string::<i32>(), "{name}");
        let ids: Vec<_> = column("id").as_primitive::<Int64Type>().iter().collect();
        assert_eq!(ids, [Some(1), None, Some(1)], "{name}");
        let order: Vec<_> = frame.batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(order, ["id", "code", "event_timestamp", "rate"], "{name}");
    }
    assert_eq!(names(folder.path()), ["t.arrow", "t.csv", "t.parquet"]);
}

#[tokio::test]
async fn csv_keys_that_are_strings_stay_text_and_times_of_many_forms_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let times = "2026-01-01T00:00:00Z\n2026-01-01 01:00:00+01:00\n2026-01-01 00:00:00.000000001\n2026-01-01";
    let lines: Vec<String> = times.lines().map(|time| format!("{time},007,7")).collect();
    fs::write(&path, format!("event_timestamp,code,id\n{}\n", lines.join("\n"))).unwrap();
    let frame = read(&path, &[("code", ValueType::String), ("id", ValueType::Int64)]).await.unwrap();
    let start = MICROS * 1000;
    assert_eq!(frame.times.values().as_ref(), [start, start, start + 1, start]);
    assert_eq!(frame.batch.column(1).as_string::<i32>().value(0), "007");
    // What the caller gets back holds the parsed time as well.
    let times = frame.batch.column(0).as_primitive::<TimestampNanosecondType>();
    assert_eq!(times.value(2), start + 1);

    fs::write(&path, "event_timestamp,id\n2026-01-01,1\nyesterday,2\n").unwrap();
    let error = read(&path, &[]).await.unwrap_err();
    assert!(error.chain().join(": ").contains("in row 2"), "{error}");
}

#[tokio::test]
async fn columns_of_csv_that_nothing_declares_pass_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let rows = "5,2026-01-05,000123,2026-01-01T10:00:00-05:00,12.50\n6,2026-01-05,000124,2026-01-02,3";
    fs::write(&path, format!("\u{feff}id,event_timestamp,account,seen,price\n{rows}\n")).unwrap();
    let keys = vec![("id".to_owned(), ValueType::Int64)];
    let frame = read_entity_frame(&path, None, keys.clone(), Undeclared::Text).await.unwrap();
    let text =
        |column: usize| frame.batch.column(column).as_string::<i32>().iter().flatten().collect::<Vec<_>>();
    assert_eq!(text(2), ["000123", "000124"]);
    assert_eq!(text(3), ["2026-01-01T10:00:00-05:00", "2026-01-02"]);
    assert_eq!(text(4), ["12.50", "3"]);
    let frame = read_entity_frame(&path, None, keys, Undeclared::Typed).await.unwrap();
    let types: Vec<_> = frame.batch.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types[0], DataType::Int64);
    assert_eq!(types[2..], [DataType::Utf8, DataType::Utf8, DataType::Float64]);
    // A key that is none is told with its row.
    fs::write(&path, "id,event_timestamp\n5,2026-01-05\n6O,2026-01-05\n").unwrap();
    let told = read(&path, &[("id", ValueType::Int64)]).await.unwrap_err().chain().join(": ");
    assert!(told.contains("`id`") && told.contains("`6O`, which is no int64 in row 2"), "{told}");
    // The only column of times is found without its name.
    fs::write(&path, "id,when,number\n5,2026-01-05,20260105\n").unwrap();
    assert_eq!(read(&path, &[]).await.unwrap().times.len(), 1);
}

#[tokio::test]
async fn compressed_arrow_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.arrow");
    let batch = training();
    for compression in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let options = IpcWriteOptions::default().try_with_compression(Some(compression)).unwrap();
        let file = fs::File::create(&path).unwrap();
        let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let frame = read(&path, &[("id", ValueType::Int64)]).await.unwrap();
        assert_eq!(frame.batch.column(0), batch.column(0));
        assert_eq!(frame.batch.column(1), batch.column(1));
    }
}

#[tokio::test]
async fn a_stream_of_arrow_is_read_and_other_bytes_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.arrow");
    let batch = training();
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(fs::File::create(&path).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    assert_eq!(read(&path, &[]).await.unwrap().num_rows(), 3);
    for name in ["t.arrow", "t.parquet", "t.csv"] {
        let path = folder.path().join(name);
        fs::write(&path, b"\xFF\xFE\x00 no table").unwrap();
        let error = read(&path, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {error}");
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&path, &[]).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_write_that_fails_leaves_the_old_file_and_no_half_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    write(&training(), &path).await.unwrap();
    let before = fs::read(&path).unwrap();
    // Lists do not fit into CSV.
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]);
    let lists = table(vec![("list", Arc::new(lists) as ArrayRef)]);
    let error = write(&lists, &path).await.unwrap_err();
    assert!(error.to_string().contains("CSV cannot hold"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(folder.path()), ["t.csv"]);
    // A name that a folder has cannot be replaced: found out at the very end.
    let taken = folder.path().join("taken.parquet");
    fs::create_dir_all(taken.join("inner")).unwrap();
    write(&training(), &taken).await.unwrap_err();
    assert_eq!(names(folder.path()), ["t.csv", "taken.parquet"]);
    let error = write(&training(), &folder.path().join("nowhere/t.csv")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
