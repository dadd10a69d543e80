//! The local provider: file sources and the embedded online store.

pub mod files;
