//! Conformance suites that every store and provider runs, and a provider in memory for tests. Public behind the feature
//! `testing`, so that providers outside this repository can hold themselves to the same contracts.
//!
//! Nothing here is used by the program itself. Read `fixture` and `definitions` (what a suite works on), then `online_store`,
//! `provider`, `oracle` and `two_writers` (the suites of online stores), `point_in_time` (that of engines over history) and `lifetime` (both
//! together), then `memory` and `history` (the fakes).

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "code that runs only in tests: a panic is the report"
)]

mod definitions;
mod fixture;
mod history;
mod lifetime;
mod memory;
mod online_store;
mod oracle;
mod point_in_time;
mod provider;
pub mod sabotage;
pub mod simulator;
mod two_writers;

pub use definitions::{entity, feature, feature_view, file_source};
pub use fixture::{Backend, Bench, int, int_key, online_row, online_table, string_key, times};
pub use history::{MemoryHistory, scanned};
pub use lifetime::{Lifetimes, random_lifetimes};
pub use memory::{Hook, MemoryProvider, MemorySpec, Moment, Operation};
pub use online_store::online_store;
pub use oracle::random_operations;
pub use point_in_time::{
    Figures, HistoryBackend, MemoryBackend, Pieces, historical_conformance, random_histories,
};
pub use provider::provider;
pub use two_writers::two_writers;

/// How many cases a random test takes: `PROVENDER_CASES`, or this many.
pub fn cases(usual: u64) -> u64 {
    std::env::var("PROVENDER_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// How many rows [`two_writers`] write: `PROVENDER_CASES`, or a hundred thousand in a release build and fewer in another.
pub fn writes() -> u64 {
    cases(if cfg!(debug_assertions) { 8_000 } else { 100_000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_provider_keeps_the_contracts() {
        let memory = MemoryProvider::new("conformance");
        online_store(&memory).await;
        provider(&memory).await;
        for seed in 0..50 {
            random_operations(&memory, seed, 60).await;
        }
    }

    #[tokio::test]
    async fn two_writers_of_memory_never_go_back_in_time() {
        two_writers(&MemoryProvider::new("writers"), writes()).await;
    }
}
