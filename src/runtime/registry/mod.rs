//! The registry over an object store: a log of entries that are created once, checkpoints of its state, a ledger for each
//! online table, and leases of running applies. Correctness rests on create-if-absent alone, so that local files, S3, GCS
//! and memory serve alike; nothing here knows which of them it talks to but `location`.
//!
//! Readers take no lock and write nothing. What the documents mean is `provender_core::registry`'s.

mod documents;
mod export;
#[cfg(test)]
mod golden;
mod lease;
mod ledger;
mod location;
mod log;
#[cfg(test)]
mod tests;
mod verify;

pub use export::Export;
pub use lease::{LEASE_RENEWAL, LEASE_TIME, Lease};
pub use ledger::LedgerStore;
pub use location::open_location;
pub use log::{Appended, RegistryLog, random_id};
pub use verify::VerifyReport;
