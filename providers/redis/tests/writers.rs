//! Several writers at once: none takes a key back in time, and none loses what another filled.

use provender_core::encoding::Cell;
use provender_core::model::ValueType;
use provender_runtime::ErrorKind;
use provender_runtime::provider::WriteMode;
use provender_runtime::testing::{Bench, int, int_key, online_row, online_table, times, two_writers, writes};

use super::servers::{RedisCluster, RedisServer};

#[tokio::test]
async fn two_writers_never_go_back_in_time() {
    let Some(server) = RedisServer::start("two writers to Redis") else { return };
    two_writers(&server.place(), writes()).await;
}

#[tokio::test]
async fn two_writers_of_a_cluster_never_go_back_in_time() {
    let Some(cluster) = RedisCluster::start("two writers to a Redis cluster") else { return };
    two_writers(&cluster.place(), writes()).await;
}

#[tokio::test]
async fn what_is_filled_at_once_is_all_there() {
    let Some(server) = RedisServer::start("filling rows in Redis at once") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "filling");
    let columns: Vec<(u32, ValueType)> = (1..=8).map(|id| (id, ValueType::Int64)).collect();
    let table = online_table("filled", 1, &columns);
    bench.create(&table).await;
    let filler = async |column: usize| {
        let cells: Vec<Cell> = (0..8_i64)
            .map(|at| if at == i64::try_from(column).unwrap() { int(at) } else { Cell::Absent })
            .collect();
        let rows: Vec<_> =
            (0..100).map(|key| online_row(&table, &int_key(key), times(5, None), &cells)).collect();
        bench.fill(&table, &rows).await;
    };
    futures::future::join_all((0..8).map(filler)).await;
    for key in 0..100 {
        let (_, cells) = bench.read_one(&table, &int_key(key)).await.unwrap();
        assert_eq!(cells, (0..8).map(int).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_writer_of_a_deleted_table_leaves_nothing() {
    let Some(server) = RedisServer::start("writers of deleted tables in Redis") else { return };
    let place = server.place();
    for round in 0..12_u64 {
        let bench = Bench::new(&place, "late");
        let table = online_table("doomed", 1, &[(1, ValueType::Int64)]);
        bench.create(&table).await;
        let rows: Vec<_> =
            (0..9_000).map(|key| online_row(&table, &int_key(key), times(1, None), &[int(key)])).collect();
        let deleter = async {
            tokio::time::sleep(std::time::Duration::from_millis(3 * round)).await;
            bench.delete(&table).await;
        };
        let (written, ()) = tokio::join!(bench.try_write(&table, WriteMode::Newest, &rows), deleter);
        if let Err(error) = written {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        assert_eq!(server.cli(&["dbsize"]), "0", "round {round}");
    }
}
