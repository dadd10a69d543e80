//! The clock of the command line; the libraries below get the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use provender_core::time::Timestamp;

/// Now; the epoch on a machine whose clock is before it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
