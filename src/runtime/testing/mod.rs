//! Conformance suites that every store and provider runs, and a provider in memory for tests. Public behind the feature
//! `testing`, so that providers outside this repository can hold themselves to the same contracts.
//!
//! Nothing here is used by the program itself. Start at `memory` for the fake.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "code that runs only in tests: a panic is the report"
)]

mod memory;

pub use memory::{Hook, MemoryProvider, MemorySpec, Moment, Operation};
