//! The registry log over an object store.
