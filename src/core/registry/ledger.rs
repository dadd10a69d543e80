//! The materialization ledger of one online table: which event times were loaded into which columns.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Author, ColumnId, Coverage};
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

impl fmt::Display for Interval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == Timestamp::MIN {
            return write!(formatter, "the beginning .. {}", self.to);
        }
        write!(formatter, "{} .. {}", self.from, self.to)
    }
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

impl Ledger {
    /// The state after an entry.
    pub fn fold(&mut self, entry: &LedgerEntry) {
        match &entry.body {
            LedgerEntryBody::Materialized(interval) => self.add(interval.clone()),
            // The first one counts: readers may have switched then.
            LedgerEntryBody::Complete => self.complete = self.complete.or(Some(entry.at)),
            LedgerEntryBody::Checkpoint(sum) => *self = sum.clone(),
        }
    }

    /// Adds an interval; it is merged with those of the same columns and source that it overlaps or touches.
    fn add(&mut self, mut added: MaterializationInterval) {
        self.intervals.retain(|known| {
            let merges = known.columns == added.columns
                && known.source == added.source
                && known.interval.touches(&added.interval);
            if merges {
                added.interval = added.interval.hull(&known.interval);
                added.rows_read += known.rows_read;
                added.rows_written += known.rows_written;
            }
            !merges
        });
        self.intervals.push(added);
        self.intervals
            .sort_by(|a, b| (a.interval, &a.columns, &a.source).cmp(&(b.interval, &b.columns, &b.source)));
    }

    /// Event times for which every one of these columns was loaded from one of these sources. No columns: what was loaded
    /// from them at all.
    pub fn covered(&self, columns: &BTreeSet<ColumnId>, sources: &[Fingerprint]) -> Coverage {
        let of = |wanted: Option<&ColumnId>| -> Coverage {
            self.intervals
                .iter()
                .filter(|known| sources.contains(&known.source))
                .filter(|known| wanted.is_none_or(|column| known.columns.contains(column)))
                .map(|known| known.interval)
                .collect()
        };
        let mut columns = columns.iter();
        let first = of(columns.next());
        columns.fold(first, |covered, column| covered.intersection(&of(Some(column))))
    }

    /// Event times that were loaded at all, whatever the columns and the source.
    pub fn loaded(&self) -> Coverage {
        self.intervals.iter().map(|known| known.interval).collect()
    }
}
