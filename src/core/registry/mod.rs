//! What was applied: the types of the registry's stored documents, and how log entries fold into a state.
//!
//! Reading and writing them is the runtime's; here is only what they mean. Every document has a `format_version` and a
//! golden pair in `fixtures/registry/`. A new optional field keeps the version; a field that older readers must not
//! miss raises it.

mod coverage;
mod entry;
#[cfg(test)]
mod golden_tests;
mod ledger;
mod state;
mod table;

pub use coverage::Coverage;
pub use entry::{
    AppliedEnvironment, ApplyBegin, ApplyEnd, ApplyOutcome, ApplyProgress, Author, Entry, EntryBody,
    FORMAT_VERSION, Import, StateChange, StepOutcome, StepReport,
};
pub use ledger::{Interval, Ledger, LedgerEntry, LedgerEntryBody, MaterializationInterval};
pub use state::{FoldError, OpenApply, Registry};
pub use table::{
    Backfill, Column, ColumnId, OnlineTable, ServedDefinitions, TableId, TableIdError, TableState,
};
