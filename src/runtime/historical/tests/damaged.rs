//! Entity frames that are broken or something else than their name says: an error that names the file, and never a panic.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use provender_core::model::{JoinKey, ValueType};

use super::super::{EntityFrame, TableFormat, Undeclared, read_entity_frame, write_result};
use super::table;
use crate::Result;

async fn read(path: &Path) -> Result<EntityFrame> {
    read_entity_frame(path, None, vec![("id".to_owned(), ValueType::Int64)], Undeclared::Typed).await
}

fn told(result: Result<EntityFrame>) -> String {
    let error = result.unwrap_err();
    format!("{} | {}", error.chain().join(": "), error.hints().join("; "))
}

fn rows(count: i64) -> RecordBatch {
    let numbers = 0..count;
    table(vec![
        ("id", Arc::new(Int64Array::from_iter_values(numbers.clone()))),
        ("name", Arc::new(StringArray::from_iter_values(numbers.clone().map(|row| format!("name {row}"))))),
        ("event_timestamp", Arc::new(TimestampMicrosecondArray::from_iter_values(numbers))),
    ])
}

async fn written(folder: &Path, name: &str, count: i64) -> Vec<u8> {
    let path = folder.join(name);
    write_result(&rows(count), &path, TableFormat::of_path(&path).unwrap()).await.unwrap();
    fs::read(path).unwrap()
}

#[tokio::test]
async fn a_frame_that_is_none_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let parquet = written(folder.path(), "t.parquet", 50).await;
    let arrow = written(folder.path(), "t.arrow", 50).await;
    let cases: &[(&str, &[u8], &str)] = &[
        ("t.csv", b"", "it is empty"),
        ("t.csv", b"event_timestamp,id\n2026-01-01\n", "expected 2 got 1"),
        (
            "t.csv",
            b"event_timestamp,id,n\n2026-01-01,1,\"x\n2026-01-01,2,x\n",
            "ends inside of a quoted field",
        ),
        ("t.csv", b"event_timestamp,n\n2026-01-01,caf\xe9\n", "it must be UTF-8 text"),
        ("t.csv", b"event_timestamp,id\n2026-01-01,1\nevent_timestamp,id\n", "is no time"),
        ("t.csv", b"event_timestamp,id,event_timestamp\n2026-01-01,1,2026-01-01\n", "more than one column"),
        ("t.csv", b"\x1f\x8b\x08\0\0\0", "it begins like a gzip file, and its name says CSV"),
        ("t.csv", &parquet, "it begins like a Parquet file, and its name says CSV"),
        ("t.arrow", &parquet, "it begins like a Parquet file, and its name says Arrow"),
        ("t.parquet", &arrow, "it begins like an Arrow file, and its name says Parquet"),
        ("t.parquet", b"event_timestamp,id\n2026-01-01,1\n", "its name says what it is"),
        ("t.parquet", &parquet[..parquet.len() / 2], "could not read"),
        ("t.arrow", &arrow[..arrow.len() / 2], "could not read"),
        ("t.arrow", b"ARROW1", "could not read"),
    ];
    for (name, bytes, expected) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let said = told(read(&path).await);
        assert!(said.contains(expected) && said.contains("entity frame"), "{expected}: {said}");
    }
}

#[tokio::test]
async fn odd_frames_are_read_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let long = "x".repeat(1 << 20);
    let cases = [
        ("\u{feff}event_timestamp,id\r\n2026-01-01,1\r\n".to_owned(), 1),
        ("event_timestamp,id\n".to_owned(), 0),
        ("event_timestamp,id\n\n2026-01-01,1\n\n2026-01-02,2".to_owned(), 2),
        (format!("event_timestamp,id,text\n2026-01-01,1,\"{long}\n{long}\"\n"), 1),
        (format!("event_timestamp,id\n{}", "2026-01-01,1\n".repeat(5_000)), 5_000),
    ];
    for (text, rows) in cases {
        fs::write(&path, text).unwrap();
        assert_eq!(read(&path).await.unwrap().num_rows(), rows);
    }
    for name in ["t.parquet", "t.arrow", "t.csv"] {
        written(folder.path(), name, 0).await;
        assert_eq!(read(&folder.path().join(name)).await.unwrap().num_rows(), 0, "{name}");
    }
    let pipe = folder.path().join("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(told(read(&pipe).await).contains("is no file | write the rows"));
}

/// Any changed byte: an error, or a table, of all rows where the format says how many.
#[tokio::test]
async fn a_changed_byte_of_a_frame_loses_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["t.parquet", "t.arrow"] {
        let whole = written(folder.path(), name, 70).await;
        let path = folder.path().join(name);
        for at in (0..whole.len()).step_by(5) {
            let mut bytes = whole.clone();
            bytes[at] ^= [0x01, 0x80, 0xFF][at % 3];
            fs::write(&path, &bytes).unwrap();
            if let Ok(frame) = read(&path).await {
                assert!(name == "t.arrow" || frame.num_rows() == 70, "{name}: byte {at}");
            }
        }
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let batch = rows(1);
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("id", arrow::datatypes::DataType::Int64, true)));
    let id: ArrayRef = Arc::new(Int64Array::from(vec![5]));
    let columns = batch.columns().iter().cloned().chain([id]).collect();
    let frame = EntityFrame::new(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap(), None);
    let key = JoinKey { name: "id".to_owned(), value_type: ValueType::Int64 };
    let error = frame.unwrap().key_columns(&[(key, "id".to_owned())]).unwrap_err();
    assert_eq!(error.to_string(), "the entity frame has more than one column `id`");
}
