//! The clock of the command line; the libraries below get the time as an argument.

use provender_core::time::Timestamp;
use provender_runtime::clock::{Clock as _, SystemClock};

/// Now.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}
