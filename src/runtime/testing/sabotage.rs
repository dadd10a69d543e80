//! Taking a guard out, so that a test can show that the simulator notices. Never compiled into a program.

use std::cell::Cell;

/// Guards that the simulator must notice the lack of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Reading an entry that "already exists" to see whether it is our own.
    OwnEntry,
    /// Claiming steps in the log before they start.
    Claim,
    /// Checking the plan's preconditions against the state that the apply begins with.
    Preconditions,
    /// Appending to the ledger only after the values are stored.
    LedgerAfterValues,
}

thread_local! {
    static MISSING: Cell<Option<Guard>> = const { Cell::new(None) };
}

/// Whether this guard is taken out on this thread.
pub fn skips(guard: Guard) -> bool {
    MISSING.get() == Some(guard)
}

/// Takes a guard out on this thread, or puts all back.
pub fn take_out(guard: Option<Guard>) {
    MISSING.set(guard);
}
