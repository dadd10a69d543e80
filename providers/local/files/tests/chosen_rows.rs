//! Rows at places: the same values, whether their neighbours are decoded too or skipped, and whoever reads the pages.

use std::sync::{Arc, Mutex};

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, Encoding};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use arrow::array::*;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Int32Type, SchemaRef, UInt64Type};
use provender_core::model::ValueType;
use provender_runtime::columns;
use provender_runtime::provider::{OfflineStore as _, PLACE, PinnedSource};
use provender_runtime::testing::cases;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

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

/// The rows at these places.
async fn rows_at(pinned: &dyn PinnedSource, asked: &SchemaRef, chosen: &[u64]) -> RecordBatch {
    let batches: Arc<Mutex<Vec<RecordBatch>>> = Arc::default();
    let taken = Arc::clone(&batches);
    let take = move |batch| {
        taken.lock().unwrap().push(batch);
        Ok(())
    };
    pinned.read(asked, chosen.into(), Arc::new(take)).await.unwrap();
    let mut batches = std::mem::take(&mut *batches.lock().unwrap());
    let places =
        |batch: &RecordBatch| batch.column_by_name(PLACE).unwrap().as_primitive::<UInt64Type>().clone();
    batches.sort_by_key(|batch| places(batch).value(0));
    let read = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(places(&read), UInt64Array::from(chosen.to_vec()));
    read
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
        let read = rows_at(pinned.as_ref(), &asked, &chosen).await;
        let places = UInt64Array::from(chosen);
        let expected = take_record_batch(&whole, &places).unwrap();
        for (column, expected) in read.columns().iter().zip(expected.columns()) {
            assert_eq!(column, expected);
        }
    }
}

/// A column of one of the types that are stored in a way of their own: a random part of it is null, and its values repeat or not.
fn random_column(random: &mut StdRng, rows: usize) -> (ValueType, ArrayRef) {
    let nulls = [0.0, 0.02, 0.5, 0.98, 1.0][random.random_range(0..5)];
    // Nulls, like values, come alone and in runs.
    let stretch = [1, 9, 200][random.random_range(0..3)];
    let distinct = [1, 2, 40, 5_000, u32::MAX][random.random_range(0..5)];
    let mut values: Vec<Option<u32>> = Vec::with_capacity(rows + stretch);
    while values.len() < rows {
        let many = random.random_range(1..=stretch);
        let value = (!random.random_bool(nulls)).then(|| random.random_range(0..distinct));
        values.extend(std::iter::repeat_n(value, many));
    }
    values.truncate(rows);
    let values = values.into_iter();
    match random.random_range(0..8) {
        0 => (ValueType::Bool, Arc::new(values.map(|value| Some(value? % 2 == 1)).collect::<BooleanArray>())),
        1 => (
            ValueType::Int32,
            Arc::new(values.map(|value| Some(value?.cast_signed())).collect::<Int32Array>()),
        ),
        2 => {
            (ValueType::Int64, Arc::new(values.map(|value| Some(-i64::from(value?))).collect::<Int64Array>()))
        }
        3 => {
            (ValueType::Float32, Arc::new(values.map(|value| Some(value? as f32)).collect::<Float32Array>()))
        }
        4 => (
            ValueType::Float64,
            Arc::new(values.map(|value| Some(f64::from(value?) / 3.0)).collect::<Float64Array>()),
        ),
        5 => (ValueType::Timestamp, nanos(values.map(|value| Some(i64::from(value?))).collect())),
        6 => {
            let text = |value: u32| "é".repeat(value as usize % 9) + &value.to_string();
            (ValueType::String, Arc::new(values.map(|value| Some(text(value?))).collect::<StringArray>()))
        }
        _ => {
            let bytes = |value: u32| value.to_le_bytes()[..value as usize % 5].to_vec();
            (ValueType::Bytes, Arc::new(values.map(|value| Some(bytes(value?))).collect::<BinaryArray>()))
        }
    }
}

/// Whatever a writer is told: pages and dictionaries of any size, both versions of pages, compressed or not.
fn random_properties(random: &mut StdRng, rows: usize) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_writer_version(if random.random_bool(0.5) {
            WriterVersion::PARQUET_1_0
        } else {
            WriterVersion::PARQUET_2_0
        })
        .set_compression(
            [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW][random.random_range(0..3)],
        )
        .set_max_row_group_row_count(Some(random.random_range(1..=rows)))
        .set_data_page_row_count_limit(random.random_range(1..=rows))
        .set_write_batch_size(random.random_range(1..=1_024))
        .set_dictionary_page_size_limit(1 << random.random_range(4..20));
    if random.random_bool(0.3) {
        properties = properties.set_dictionary_enabled(false);
    }
    // Version 2 has encodings that are left to the library.
    if random.random_bool(0.7) {
        properties = properties.set_encoding(Encoding::PLAIN);
    }
    properties.build()
}

#[tokio::test(flavor = "multi_thread")]
async fn random_rows_of_random_files_have_their_values() {
    for seed in 0..cases(200) {
        let mut random = StdRng::seed_from_u64(seed);
        let rows = random.random_range(1..=6_000);
        let names = ["a", "b", "c", "d"];
        let made: Vec<_> = names.iter().map(|name| (*name, random_column(&mut random, rows))).collect();
        let asked =
            ask(&made.iter().map(|(name, (value_type, _))| (*name, value_type.clone())).collect::<Vec<_>>());
        let mut stored: Vec<_> = made.iter().map(|(name, (_, column))| (*name, Arc::clone(column))).collect();
        stored.push(("ts", nanos((0..rows as i64).map(Some).collect())));
        let whole = table(stored);
        let mut writer =
            ArrowWriter::try_new(Vec::new(), whole.schema(), Some(random_properties(&mut random, rows)))
                .unwrap();
        writer.write(&whole).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("h.parquet"), writer.into_inner().unwrap()).unwrap();
        let store = FileStore::new(folder.path(), folder.path());
        let pinned = store.pin(&parquet("h.parquet")).await.unwrap();
        let wanted = [0.001, 0.1, 0.5, 1.0][random.random_range(0..4)];
        let chosen: Vec<u64> =
            (0..rows as u64).filter(|row| *row == 0 || random.random_bool(wanted)).collect();
        let read = rows_at(pinned.as_ref(), &asked, &chosen).await;
        let expected = take_record_batch(&whole, &UInt64Array::from(chosen)).unwrap();
        for (at, name) in names.iter().enumerate() {
            let expected = columns::cast(expected.column(at), asked.field(at).data_type()).unwrap();
            assert_eq!(read.column(at), &expected, "seed {seed}, column {name}");
        }
    }
}
