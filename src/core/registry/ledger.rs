//! The materialization ledger of one online table: which event times were loaded into which columns.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Author, ColumnId};
use crate::model::Fingerprint;
use crate::time::Timestamp;

/// A range of event times, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// First instant.
    pub from: Timestamp,
    /// Last instant.
    pub to: Timestamp,
}

/// One document of a ledger folder; never rewritten, never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Version of this document's format.
    pub format_version: u32,
    /// Random; tells a writer that an entry that "already exists" is its own.
    pub entry_id: String,
    /// The run that wrote it.
    pub job_id: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Author,
    /// What.
    #[serde(flatten)]
    pub body: LedgerEntryBody,
}

/// What a ledger entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LedgerEntryBody {
    /// The values of an interval are stored.
    Materialized(MaterializationInterval),
    /// Everything that the replaced table had is stored: readers may switch.
    Complete,
    /// A sum of all entries before this one.
    Checkpoint(Ledger),
}

/// Values of one interval, stored for these columns from this source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterializationInterval {
    /// The event times.
    #[serde(flatten)]
    pub interval: Interval,
    /// The columns that were written.
    pub columns: BTreeSet<ColumnId>,
    /// Content fingerprint of the source.
    pub source: Fingerprint,
    /// Source rows read.
    pub rows_read: u64,
    /// Rows written to the online store.
    pub rows_written: u64,
}

/// The state of a ledger: the fold of its entries.
///
/// Intervals with the same columns and source are merged when they overlap or touch (the end of one is at most one
/// nanosecond before the start of the other); their row counts add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Merged intervals, ordered by start, then columns, then source.
    pub intervals: Vec<MaterializationInterval>,
    /// When `complete` was appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Timestamp>,
}
