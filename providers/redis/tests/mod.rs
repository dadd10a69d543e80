//! Redis against the shared suites, on a server and on a cluster, and what only it has: servers that die, others that
//! write at the same time, passwords and TLS. Where `redis-server` is missing they are skipped, and say so.

mod cluster;
mod failures;
mod foreign;
mod servers;
mod speed;
mod writers;

use provender_runtime::testing;

use self::servers::RedisServer;

#[tokio::test]
async fn a_server_keeps_the_contracts() {
    let Some(server) = RedisServer::start("the contract of stores on Redis") else { return };
    let place = server.place();
    testing::online_store(&place).await;
    testing::provider(&place).await;
    for seed in 0..5 {
        testing::random_operations(&place, seed, 40).await;
    }
}
