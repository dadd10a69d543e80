//! Rows at places: the same values, whether their neighbours are decoded too or skipped.

use std::sync::{Arc, Mutex};

use arrow::array::*;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Int32Type, UInt64Type};
use provender_core::model::ValueType;
use provender_runtime::provider::{OfflineStore as _, PLACE};

use super::{ask, ints, nanos, parquet, table, write_parquet};
use crate::files::FileStore;

const ROWS: i64 = 40_000;

/// Columns with nulls, with a dictionary and without, of texts and of lists.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let null_at = |row: i64, every: i64| row % every == 0;
    let text = |row: i64| (!null_at(row, 7)).then(|| format!("text {row}"));
    let list = |row: i64| (!null_at(row, 5)).then(|| vec![Some(row as i32); (row % 4) as usize]);
    vec![
        ("number", ints((0..ROWS).collect())),
        (
            "float",
            Arc::new((0..ROWS).map(|row| (!null_at(row, 3)).then_some(row as f64)).collect::<Float64Array>()),
        ),
        ("grade", Arc::new((0..ROWS).map(|row| Some(row % 5)).collect::<Int64Array>())),
        ("text", Arc::new((0..ROWS).map(text).collect::<StringArray>())),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>((0..ROWS).map(list)))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_at_places_have_their_values() {
    let folder = tempfile::tempdir().unwrap();
    let mut stored = columns();
    stored.push(("ts", nanos((0..ROWS).map(Some).collect())));
    write_parquet(folder.path(), "h.parquet", &table(stored), 10_000);
    let asked = ask(&[
        ("text", ValueType::String),
        ("number", ValueType::Int64),
        ("list", ValueType::List(Box::new(ValueType::Int32))),
        ("grade", ValueType::Int64),
        ("float", ValueType::Float64),
    ]);
    let whole: RecordBatch = {
        let columns = table(columns());
        let of = |name: &str| Arc::clone(columns.column_by_name(name).unwrap());
        RecordBatch::try_new(
            Arc::clone(&asked),
            asked.fields().iter().map(|field| of(field.name())).collect(),
        )
        .unwrap()
    };
    let store = FileStore::new(folder.path(), folder.path());
    let pinned = store.pin(&parquet("h.parquet")).await.unwrap();
    for chosen in [
        // All; every other; few; those at the ends of row groups; runs; many of one row group and few of the others.
        (0..40_000).collect::<Vec<u64>>(),
        (0..40_000).step_by(2).collect(),
        (5..40_000).step_by(397).collect(),
        vec![0, 9_999, 10_000, 19_999, 20_000, 39_999],
        (0..40_000).filter(|row| row % 1_000 < 9).collect(),
        (0..40_000).filter(|row| row % 500 == 0 || (10_000..14_000).contains(row)).collect(),
        vec![25_000],
    ] {
        let batches: Arc<Mutex<Vec<RecordBatch>>> = Arc::default();
        let taken = Arc::clone(&batches);
        let take = move |batch| {
            taken.lock().unwrap().push(batch);
            Ok(())
        };
        pinned.read(&asked, chosen.clone().into(), Arc::new(take)).await.unwrap();
        let mut batches = std::mem::take(&mut *batches.lock().unwrap());
        let place =
            |batch: &RecordBatch| batch.column_by_name(PLACE).unwrap().as_primitive::<UInt64Type>().value(0);
        batches.sort_by_key(place);
        let read = concat_batches(&batches[0].schema(), &batches).unwrap();
        let places = UInt64Array::from(chosen);
        assert_eq!(read.column_by_name(PLACE).unwrap().as_primitive::<UInt64Type>(), &places);
        let expected = take_record_batch(&whole, &places).unwrap();
        for (column, expected) in read.columns().iter().zip(expected.columns()) {
            assert_eq!(column, expected);
        }
    }
}
