//! What others left in the same Redis is neither adopted nor deleted.

use provender_core::model::ValueType;
use provender_core::plan::InfraStep;
use provender_runtime::ErrorKind;
use provender_runtime::provider::WriteMode;
use provender_runtime::testing::{Bench, int, int_key, online_row, online_table, times};

use super::servers::RedisServer;

#[tokio::test]
async fn what_lacks_our_mark_stays() {
    let Some(server) = RedisServer::start("keys of others in Redis") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "shop");
    let table = online_table("taken", 1, &[(1, ValueType::Int64)]);
    let object = bench.objects(&table).remove(0);
    for made in [
        &["set", "shop:taken.r1:table", "other"][..],
        &["hset", "shop:taken.r1:table", "table", "{\"project\":\"other\",\"table\":\"taken.r1\"}"],
        &["hset", "shop:taken.r1:table", "field", "value"],
    ] {
        server.cli(&["flushall"]);
        server.cli(made);
        server.cli(&["set", "shop:taken.r1:{x}", "row"]);
        assert!(bench.provider.observe(&[&object]).await.unwrap().is_empty(), "{made:?}");
        for step in
            [InfraStep::Create { object: object.clone() }, InfraStep::Delete { object: object.clone() }]
        {
            let error = bench.provider.execute(&step).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.to_string().contains("`shop:taken.r1:table`"), "{error}");
        }
        assert_eq!(server.cli(&["dbsize"]), "2", "{made:?}");
    }
    server.cli(&["flushall"]);
    server.cli(&["set", "shop:taken.r1:live{shop:taken.r1:table}", "other"]);
    let error = bench.provider.execute(&InfraStep::Create { object }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn deletion_by_prefix_deletes_no_neighbour() {
    let Some(server) = RedisServer::start("deletion by prefix in Redis") else { return };
    let place = server.place();
    // A project's name is data to a pattern.
    let bench = Bench::new(&place, "sh*p");
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    bench.create(&table).await;
    bench.write(&table, &[online_row(&table, &int_key(1), times(1, None), &[int(1)])]).await;
    for key in ["shop:v.r1:{1}", "sh*p:v.r11:{1}", "sh*p:v.r1:other", "other", "xsh*p:v.r1:{1}"] {
        server.cli(&["set", key, "1"]);
    }
    bench.delete(&table).await;
    assert_eq!(server.cli(&["dbsize"]), "5");
}

#[tokio::test]
async fn an_interrupted_deletion_is_seen_and_ended() {
    let Some(server) = RedisServer::start("interrupted deletion in Redis") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "shop");
    let table = online_table("half", 1, &[(1, ValueType::Int64)]);
    let row = online_row(&table, &int_key(1), times(9, None), &[int(1)]);
    let retire = async || {
        bench.create(&table).await;
        bench.write(&table, std::slice::from_ref(&row)).await;
        server.cli(&["del", "shop:half.r1:live{shop:half.r1:table}"]);
        let record = server.cli(&["hget", "shop:half.r1:table", "table"]);
        server.cli(&["hset", "shop:half.r1:table", "retired", &record]);
        server.cli(&["hdel", "shop:half.r1:table", "table"]);
    };
    retire().await;
    assert_eq!(bench.read_one(&table, &int_key(1)).await, None);
    let error = bench.try_write(&table, WriteMode::Newest, std::slice::from_ref(&row)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let objects = bench.objects(&table);
    assert_eq!(bench.provider.list(None).await.unwrap(), objects, "`provender sweep` finds it");
    assert_eq!(bench.provider.observe(&[&objects[0]]).await.unwrap().len(), 1);
    bench.delete(&table).await;
    assert_eq!(server.cli(&["dbsize"]), "0");
    retire().await;
    bench.create(&table).await;
    assert_eq!(bench.read_one(&table, &int_key(1)).await, None, "a table that comes again is empty");
    assert_eq!(server.cli(&["dbsize"]), "3", "record, what says that it is live, and the set of tables");
}

#[tokio::test]
async fn a_table_that_lost_its_mark_is_created_again_with_its_rows() {
    let Some(server) = RedisServer::start("a lost key in Redis") else { return };
    let place = server.place();
    let bench = Bench::new(&place, "shop");
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    let row = online_row(&table, &int_key(1), times(9, None), &[int(1)]);
    bench.create(&table).await;
    bench.write(&table, std::slice::from_ref(&row)).await;
    server.cli(&["del", "shop:v.r1:live{shop:v.r1:table}"]);
    let other = online_row(&table, &int_key(2), times(9, None), &[int(1)]);
    let error = bench.try_write(&table, WriteMode::Newest, &[other]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let objects = bench.objects(&table);
    assert!(bench.provider.observe(&[&objects[0]]).await.unwrap().is_empty(), "a plan creates it");
    assert_eq!(bench.provider.list(None).await.unwrap(), objects);
    bench.create(&table).await;
    assert!(bench.read_one(&table, &int_key(1)).await.is_some());
    bench.delete(&table).await;
    assert_eq!(server.cli(&["dbsize"]), "0");
}
