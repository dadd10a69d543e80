//! The GCP provider: Datastore online, BigQuery offline. So far its pure half: plans say what it needs, and nothing here
//! talks to Google.

mod spec;

pub use spec::{DATASTORE_KIND, DatastoreSpec};
