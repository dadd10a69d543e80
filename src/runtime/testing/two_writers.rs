//! Two writers of the same keys, whose times differ in the last nanosecond: whoever comes last, the newest row stays.

use std::sync::atomic::{AtomicBool, Ordering};

use provender_core::model::ValueType;
use provender_core::registry::OnlineTable;

use super::fixture::{Backend, Bench, int, int_key, online_row, online_table, times};

/// Both writers write each of these keys again and again.
const KEYS: i64 = 20;
/// Two writers, each for two tables.
const TURNS: i64 = 4;

/// Two writers, each over a connection of its own, write so many rows in all, of older and newer times as they come; a
/// reader sees no key go back in time. Panics at the first that does.
pub async fn two_writers(backend: &dyn Backend, writes: u64) {
    let rounds = (i64::try_from(writes).unwrap() / (TURNS * KEYS)).max(1);
    // Around a time at which the lower half of its bits starts over, before and after the epoch.
    for (view, middle) in [("after", 1_790_000_000_i64 << 32), ("before", -(7_i64 << 32))] {
        let table = online_table(view, 1, &[(1, ValueType::Int64)]);
        let bench = Bench::new(backend, "writers");
        bench.create(&table).await;
        let begin = middle - rounds;
        let is_over = AtomicBool::new(false);
        let writers = async {
            let turns = [(0, 3), (1, 2)].map(|(first, batch)| {
                let events = (0..rounds).map(move |round| begin + 2 * round + first);
                write(backend, &table, events.collect(), batch)
            });
            let [first, second] = turns;
            tokio::join!(first, second);
            is_over.store(true, Ordering::Relaxed);
        };
        tokio::join!(writers, read(backend, &table, &is_over));
        let newest = begin + 2 * (rounds - 1) + 1;
        for key in 0..KEYS {
            let found = bench.read_one(&table, &int_key(key)).await;
            assert_eq!(found, Some((times(newest, None), vec![int(newest)])));
        }
        bench.delete(&table).await;
    }
}

/// Writes every key at each of these times, the latest of a batch first.
async fn write(backend: &dyn Backend, table: &OnlineTable, events: Vec<i64>, batch: usize) {
    let bench = Bench::new(backend, "writers");
    for events in events.chunks(batch) {
        let rows = events.iter().rev().flat_map(|event| (0..KEYS).map(move |key| (key, *event)));
        let rows: Vec<_> = rows
            .map(|(key, event)| online_row(table, &int_key(key), times(event, None), &[int(event)]))
            .collect();
        bench.write(table, &rows).await;
        tokio::task::yield_now().await;
    }
}

/// Reads every key until all is over.
async fn read(backend: &dyn Backend, table: &OnlineTable, is_over: &AtomicBool) {
    let bench = Bench::new(backend, "writers");
    let keys: Vec<_> = (0..KEYS).map(int_key).collect();
    let mut seen = vec![None; keys.len()];
    while !is_over.load(Ordering::Relaxed) {
        for (row, seen) in bench.read(table, &keys).await.into_iter().zip(&mut seen) {
            let now = row.map(|row| row.header());
            assert!(now >= *seen, "{now:?} came after {seen:?}");
            *seen = now;
        }
        tokio::task::yield_now().await;
    }
}
