//! What is different when there are several nodes.

use std::time::{Duration, Instant};

use provender_core::encoding::EntityKey;
use provender_core::model::{Value, ValueType};
use provender_core::registry::TableId;
use provender_runtime::ErrorKind;
use provender_runtime::provider::TableRead;
use provender_runtime::testing::{self, Bench, int, int_key, online_row, online_table, times};

use super::servers::{RedisCluster, RedisServer};
use crate::layout::{self, TableKeys};

#[tokio::test]
async fn a_cluster_keeps_the_contracts() {
    let Some(cluster) = RedisCluster::start("the contract of stores on a Redis cluster") else { return };
    let place = cluster.place();
    testing::online_store(&place).await;
    testing::provider(&place).await;
    testing::random_operations(&place, 1, 40).await;
}

#[tokio::test]
async fn rows_lie_on_every_node_and_are_deleted_from_each() {
    let Some(cluster) = RedisCluster::start("deletion on a Redis cluster") else { return };
    let place = cluster.place();
    let bench = Bench::new(&place, "spread");
    let tables = ["one", "two"].map(|view| online_table(view, 1, &[(1, ValueType::Int64)]));
    let keys: Vec<EntityKey> = (0..3_000).map(int_key).collect();
    for table in &tables {
        bench.create(table).await;
        let rows: Vec<_> = keys.iter().map(|key| online_row(table, key, times(1, None), &[int(1)])).collect();
        assert_eq!(bench.write(table, &rows).await.written, 3_000);
    }
    assert!(cluster.sizes().iter().all(|size| *size > 1_800), "{:?}", cluster.sizes());
    let reads = [0, 1].map(|at: usize| TableRead { table: &tables[at], keys: &keys });
    let rows = bench.online().read(&reads).await.unwrap();
    assert!(rows.iter().flatten().all(Option::is_some));
    bench.delete(&tables[0]).await;
    assert_eq!(
        cluster.sizes().iter().sum::<usize>(),
        3_003,
        "rows of one table, its record, what says that it is live, and the set of tables"
    );
    bench.delete(&tables[1]).await;
    assert_eq!(cluster.sizes(), [0, 0, 0]);
}

#[tokio::test]
async fn slots_that_move_are_followed() {
    let Some(cluster) = RedisCluster::start("a Redis cluster whose slots move") else { return };
    let place = cluster.place();
    let bench = Bench::new(&place, "moving");
    let table = online_table("moved", 1, &[(1, ValueType::Int64)]);
    bench.create(&table).await;
    let keys: Vec<EntityKey> = (0..500).map(int_key).collect();
    let rows = |event: i64| -> Vec<_> {
        keys.iter().map(|key| online_row(&table, key, times(event, None), &[int(event)])).collect()
    };
    assert_eq!(bench.write(&table, &rows(1)).await.written, 500);
    let id = |node: &RedisServer| node.cli(&["cluster", "myid"]);
    let moved = std::process::Command::new("redis-cli")
        .args(["--cluster", "reshard", &format!("127.0.0.1:{}", cluster.nodes[0].port)])
        .args(["--cluster-from", &id(&cluster.nodes[0]), "--cluster-to", &id(&cluster.nodes[2])])
        .args(["--cluster-slots", "3000", "--cluster-yes"])
        .output();
    // The store goes on while slots move away under it.
    let moved = moved.unwrap();
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stdout));
    assert!(bench.read(&table, &keys).await.iter().all(Option::is_some));
    assert_eq!(bench.write(&table, &rows(2)).await.written, 500);
    assert_eq!(bench.write(&table, &rows(1)).await.kept, 500);
    bench.delete(&table).await;
    assert_eq!(cluster.sizes(), [0, 0, 0]);
}

#[tokio::test]
async fn writes_and_reads_go_on_while_slots_move() {
    let Some(cluster) = RedisCluster::start("writes to a Redis cluster whose slots move") else { return };
    let place = cluster.place();
    let bench = Bench::new(&place, "moving");
    let table = online_table("moved", 1, &[(1, ValueType::Int64)]);
    bench.create(&table).await;
    let keys: Vec<EntityKey> = (0..200).map(int_key).collect();
    let from = cluster.nodes[0].cli(&["cluster", "myid"]);
    let to = cluster.nodes[1].cli(&["cluster", "myid"]);
    let mut moving = std::process::Command::new("redis-cli")
        .args(["--cluster", "reshard", &format!("127.0.0.1:{}", cluster.nodes[0].port)])
        .args(["--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", "2000", "--cluster-yes"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut event = 0;
    while moving.try_wait().unwrap().is_none() {
        event += 1;
        let rows: Vec<_> =
            keys.iter().map(|key| online_row(&table, key, times(event, None), &[int(event)])).collect();
        bench.write(&table, &rows).await;
        let found = bench.read(&table, &keys).await;
        let is_newest = |row: &provender_core::encoding::PackedRow| row.header() == times(event, None);
        assert!(found.iter().all(|row| row.as_ref().is_some_and(is_newest)), "after write {event}");
    }
    assert!(moving.wait().unwrap().success() && event > 0);
}

#[tokio::test]
async fn a_node_that_dies_is_missed_and_found_again() {
    let Some(mut cluster) = RedisCluster::start("a node of a Redis cluster that dies") else { return };
    let place = cluster.place();
    let bench = Bench::new(&place, "dying");
    let table = online_table("view", 1, &[(1, ValueType::Int64)]);
    bench.create(&table).await;
    let keys: Vec<EntityKey> = (0..300).map(int_key).collect();
    let read = [TableRead { table: &table, keys: &keys }];
    bench.online().read(&read).await.unwrap();
    // The one that the settings name too.
    cluster.nodes[1].kill();
    let begin = Instant::now();
    let error = bench.online().read(&read).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("Redis at `127.0.0.1:") && !error.hints().is_empty(), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    cluster.nodes[1].restart();
    let begin = Instant::now();
    while let Err(error) = bench.online().read(&read).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(begin.elapsed() < Duration::from_secs(30), "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_server_agrees_about_slots() {
    let Some(cluster) = RedisCluster::start("slots of keys") else { return };
    let table = TableKeys::new("p", &TableId { view: "v".to_owned(), revision: Some(1) });
    for text in ["a", "", "a}b", "}", "|", "{", "{}", "x{y}z"] {
        let key = table.row(&EntityKey::encode(&[Value::String(text.to_owned())]).unwrap());
        // The key ends with a byte 0, which no argument can hold: the tag alone stands for it.
        let key: Vec<u8> = key.into_iter().filter(|byte| *byte != 0).collect();
        let text = String::from_utf8(key.clone()).unwrap();
        let said: u16 = cluster.nodes[0].cli(&["cluster", "keyslot", &text]).parse().unwrap();
        assert_eq!(layout::slot(&key), said, "{text}");
    }
    for key in ["foo{}{bar}", "plain", "p:v.r1:{|}"] {
        let said: u16 = cluster.nodes[0].cli(&["cluster", "keyslot", key]).parse().unwrap();
        assert_eq!(layout::slot(key.as_bytes()), said, "{key}");
    }
}
