//! Inner loops of the data engine and of the online path, by Criterion: `cargo bench -p provender-runtime`. They tell which part
//! of a whole got slower; what counts is in the scripts beside this file.

#![expect(missing_docs, clippy::unwrap_used, reason = "a benchmark has no callers, and a failure may end it")]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int64Array, StringArray, TimestampMicrosecondArray};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use provender_core::encoding::{EntityKey, RowHeader, RowSchema};
use provender_core::model::ValueType;
use provender_core::registry::ColumnId;
use provender_core::time::Timestamp;
use provender_runtime::columns::{KeyColumns, RowColumns, cast, data_type, to_nanos};

const ROWS: usize = 32 * 1024;

/// Numbers that repeat, in no order.
fn numbers(most: i64) -> impl Iterator<Item = i64> {
    let mut state: u64 = 7;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(state >> 33).unwrap_or(0) % most
    })
    .take(ROWS)
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keys");
    group.throughput(Throughput::Elements(ROWS as u64));
    let ints: ArrayRef = Arc::new(numbers(100_000).collect::<Int64Array>());
    let texts: ArrayRef =
        Arc::new(numbers(100_000).map(|number| Some(format!("customer-{number}"))).collect::<StringArray>());
    for (name, columns) in [
        ("int64", vec![Arc::clone(&ints)]),
        ("string", vec![Arc::clone(&texts)]),
        ("both", vec![ints, texts]),
    ] {
        let columns = KeyColumns::new(&columns).unwrap();
        group.bench_function(name, |bencher| {
            let mut key = EntityKey::empty();
            bencher.iter(|| (0..ROWS).filter(|row| columns.encode(*row, black_box(&mut key))).count());
        });
    }
}

fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS as u64));
    let types = [ValueType::Float32, ValueType::Int64, ValueType::String];
    let schema = RowSchema { id: 1, columns: (1..).map(ColumnId).zip(types).collect() };
    let columns: Vec<Option<ArrayRef>> = vec![
        Some(Arc::new(numbers(1000).map(|number| number as f32).collect::<Float32Array>())),
        Some(Arc::new(numbers(1000).collect::<Int64Array>())),
        Some(Arc::new(numbers(1000).map(|number| Some(format!("word{number}"))).collect::<StringArray>())),
    ];
    let columns = RowColumns::new(&schema, columns).unwrap();
    let header = RowHeader { event_time: Timestamp::from_nanos(1), created_time: None };
    group.bench_function("pack", |bencher| {
        bencher.iter(|| {
            (0..ROWS).map(|row| columns.encode(row, header).unwrap().as_bytes().len()).sum::<usize>()
        });
    });
    let packed: Vec<_> = (0..ROWS).map(|row| columns.encode(row, header).unwrap()).collect();
    group.bench_function("unpack", |bencher| {
        bencher.iter(|| packed.iter().map(|row| row.decode(&schema).unwrap().len()).sum::<usize>());
    });
}

fn times(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("columns");
    group.throughput(Throughput::Elements(ROWS as u64));
    let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(numbers(1 << 40)));
    group.bench_function("micros to nanos", |bencher| {
        bencher.iter(|| to_nanos(black_box(&micros), None).unwrap())
    });
    let doubles: ArrayRef =
        Arc::new(numbers(1000).map(|number| number as f64).collect::<arrow::array::Float64Array>());
    let float32 = data_type(&ValueType::Float32);
    group.bench_function("float64 to float32", |bencher| {
        bencher.iter(|| cast(black_box(&doubles), &float32).unwrap())
    });
}

criterion_group!(inner_loops, keys, rows, times);
criterion_main!(inner_loops);
