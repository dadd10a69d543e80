//! Loading values from history into the online store.
