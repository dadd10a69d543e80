//! Everything that can wait or fail: the registry log, apply, materialization, the historical join and the
//! `FeatureStore` façade. It does what a plan says and decides nothing.
//!
//! Libraries here never build an async runtime and never block on one; CPU work over half a millisecond leaves the async
//! threads. Read in this order: `error`, `provider`, `metrics`, `places`, `columns`, `decoding`, `registry`, `data_work`, `apply`, `materialize`, `historical`, `feature_store`.

pub mod apply;
mod blocking;
pub mod clock;
pub mod columns;
pub mod data_work;
pub mod decoding;
pub mod disk_bytes;
pub mod error;
pub mod feature_request;
pub mod feature_store;
pub mod historical;
mod key_index;
pub mod materialize;
pub mod metrics;
mod newest_rows;
mod numbered_places;
pub mod places;
pub mod provider;
pub mod registry;
mod scatter;
pub mod source_check;
#[cfg(feature = "testing")]
pub mod testing;

pub use blocking::{in_turn, processors};
pub use error::{Error, ErrorKind, Result};
