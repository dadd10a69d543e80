//! Figures, printed: `cargo test --release -p provender-redis speed -- --ignored --nocapture`.

use std::time::Instant;

use provender_core::model::ValueType;
use provender_runtime::provider::TableRead;
use provender_runtime::testing::{Backend, Bench, int, int_key, online_row, online_table, times};

use super::servers::{RedisCluster, RedisServer};

#[expect(clippy::print_stdout, reason = "prints figures")]
async fn figures(what: &str, backend: &dyn Backend) {
    let bench = Bench::new(backend, "p");
    let columns: Vec<_> = (1..=5).map(|id| (id, ValueType::Int64)).collect();
    let tables: Vec<_> = (0..5).map(|view| online_table(&format!("view{view}"), 1, &columns)).collect();
    let row = |table, key: i64, event| {
        let cells: Vec<_> = (0..5).map(|column| int(key + column)).collect();
        online_row(table, &int_key(key), times(event, None), &cells)
    };
    let count = 100_000;
    for table in &tables {
        bench.create(table).await;
    }
    for (kind, event) in [("new", 1), ("newer", 2), ("older", 1)] {
        let rows: Vec<_> = (0..count).map(|key| row(&tables[0], key, event)).collect();
        let start = Instant::now();
        bench.write(&tables[0], &rows).await;
        println!("{what}: {count} {kind} rows: {:?}", start.elapsed());
    }
    let rows: Vec<_> = (0..count).map(|key| row(&tables[0], key, 9)).collect();
    let start = Instant::now();
    bench.fill(&tables[0], &rows).await;
    println!("{what}: {count} rows that have nothing to fill: {:?}", start.elapsed());
    for (reads, size) in [(10_000, 1), (2_000, 100), (20, 10_000)] {
        let start = Instant::now();
        for index in 0..reads {
            let keys: Vec<_> = (0..size).map(|at| int_key((index + at) * 7_919 % count)).collect();
            let asked: Vec<_> = tables.iter().map(|table| TableRead { table, keys: &keys }).collect();
            assert!(bench.online().read(&asked).await.unwrap()[0].iter().all(Option::is_some));
        }
        println!("{what}: {size} keys of five views: {:?}", start.elapsed() / u32::try_from(reads).unwrap());
    }
    let start = Instant::now();
    bench.delete(&tables[0]).await;
    println!("{what}: {count} rows deleted: {:?}", start.elapsed());
}

#[tokio::test]
#[ignore = "prints figures"]
async fn figures_of_a_server_and_a_cluster() {
    let Some(server) = RedisServer::start("the speed of Redis") else { return };
    figures("server", &server.place()).await;
    let Some(cluster) = RedisCluster::start("the speed of Redis") else { return };
    figures("cluster", &cluster.place()).await;
}
