//! The local provider: file sources, on this machine and in buckets, and the embedded online store (LMDB, one environment per project).
//!
//! `spec` is the pure half, for plans; `provider` and `embedded` look at the real thing and change it. Nothing is created
//! before the first step that an apply executes: planning in a folder leaves no file behind.

mod embedded;
pub mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod provider;
pub mod spec;

pub use files::{BucketSettings, FileStore};
pub use provider::{LocalOptions, LocalProvider};
pub use spec::EmbeddedSpec;
