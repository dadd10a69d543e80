//! Figures. The fast ones hold a bound; the others are `#[ignore]`d and print.

use std::time::Instant;

use futures::StreamExt as _;
use provender_core::model::ValueType;
use provender_runtime::testing::{Bench, int, int_key, online_row, online_table, times};

use super::Folder;

/// Each commit flushes the disk, so tables created side by side must share commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tables_take_well_under_a_second() {
    let folder = Folder::new();
    let bench = Bench::new(&folder, "p");
    let tables: Vec<_> = (0..1_000)
        .map(|number| online_table(&format!("view_{number}"), 1, &[(1, ValueType::Int64)]))
        .collect();
    let start = Instant::now();
    futures::stream::iter(&tables).for_each_concurrent(10, |table| bench.create(table)).await;
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 5.0, "{seconds} s; about 0.3 s is usual");
}

#[tokio::test]
#[ignore = "prints figures; run in release: cargo test --release -p provender-local speed -- --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "prints figures")]
async fn figures() {
    let folder = Folder::new();
    let bench = Bench::new(&folder, "p");
    let columns: Vec<_> = (1..=5).map(|id| (id, ValueType::Int64)).collect();
    let table = online_table("driver_stats", 1, &columns);
    let start = Instant::now();
    bench.create(&table).await;
    println!("first table, environment created: {:?}", start.elapsed());
    let row = |key: i64, event| {
        let cells: Vec<_> = (0..5).map(|column| int(key + column)).collect();
        online_row(&table, &int_key(key), times(event, None), &cells)
    };
    let count = 1_000_000;
    for (what, event) in [("new", 1), ("newer", 2), ("older", 1)] {
        let rows: Vec<_> = (0..count).map(|key| row(key, event)).collect();
        let start = Instant::now();
        for rows in rows.chunks(50_000) {
            bench.write(&table, rows).await;
        }
        println!("{count} {what} rows in key order: {:?}", start.elapsed());
    }
    let start = Instant::now();
    let reads = 200_000;
    for index in 0..reads {
        let key = int_key(index * 7_919 % count);
        assert!(bench.read(&table, std::slice::from_ref(&key)).await[0].is_some());
    }
    println!("one row: {:?}", start.elapsed() / u32::try_from(reads).unwrap());
    let keys: Vec<_> = (0..100).map(|index| int_key(index * 7_919)).collect();
    let start = Instant::now();
    for _ in 0..1_000 {
        bench.read(&table, &keys).await;
    }
    println!("100 rows in one call: {:?}", start.elapsed() / 1_000);
    let start = Instant::now();
    bench.delete(&table).await;
    println!("deleting the table of {count} rows: {:?}", start.elapsed());
}
