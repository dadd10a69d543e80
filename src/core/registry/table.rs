//! Online tables: the identity of stored values, apart from the definition that they serve.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Coverage, Interval, Ledger};
use crate::model::{Address, Fingerprint, JoinKey, Objects, StoreIdentity, ValueType, is_default};
use crate::time::Timestamp;

/// The immutable id of an online table: the view's name when it was created, and the revision of the `apply_begin` entry
/// of the apply that created it. A plan does not know that revision yet and writes `driver_stats.r(new)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// The view's name when the table was created.
    pub view: String,
    /// The creating revision; none in a plan, before apply fills it in.
    pub revision: Option<u64>,
}

impl TableId {
    /// The id that a plan gives to a table that its apply will create.
    pub fn planned(view: impl Into<String>) -> Self {
        Self { view: view.into(), revision: None }
    }

    /// The same id with the revision filled in, where it was open.
    #[must_use]
    pub fn resolve(&self, revision: u64) -> Self {
        Self { view: self.view.clone(), revision: Some(self.revision.unwrap_or(revision)) }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision {
            Some(revision) => write!(formatter, "{}.r{revision}", self.view),
            None => write!(formatter, "{}.r(new)", self.view),
        }
    }
}

/// Text that is no table id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a table id such as `driver_stats.r42`")]
pub struct TableIdError(String);

impl FromStr for TableId {
    type Err = TableIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || TableIdError(text.to_owned());
        let (view, revision) = text.rsplit_once(".r").ok_or_else(error)?;
        let revision = match revision {
            "(new)" => None,
            digits => Some(digits.parse().map_err(|_| error())?),
        };
        if view.is_empty() || view.contains(['.', '/']) {
            return Err(error());
        }
        Ok(Self { view: view.to_owned(), revision })
    }
}

impl Serialize for TableId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TableId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Number of a column, unique in its table for ever: a rename or a widening keeps it, a removal retires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnId(pub u32);

/// A live column of an online table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its id.
    pub id: ColumnId,
    /// The feature it holds.
    pub name: String,
    /// The feature's type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
}

/// What an online table is to its project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    /// It serves its view, or will once it is filled, or did until a newer table was filled.
    #[default]
    Live,
    /// No view uses it any more; its deletion is planned.
    Dropped,
    /// Its view was forgotten with `destroy = false`; nothing ever deletes it.
    Forgotten,
}

/// Values that an apply decided to add to a table, recorded until the ledger covers them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The columns to fill.
    pub columns: Vec<ColumnId>,
    /// First event time, inclusive.
    pub from: Timestamp,
    /// Last event time, inclusive.
    pub to: Timestamp,
}

/// The definitions by which requests are resolved while a table serves that has a successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedDefinitions {
    /// The view's name at that time.
    pub view: String,
    /// The view, its entities and its sources as they stood.
    pub objects: Objects,
}

/// A physical table (or key range) of an online store, as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineTable {
    /// Its id; names the physical table, the key prefix and the ledger folder.
    pub id: TableId,
    /// The view it belongs to now.
    pub view: Address,
    /// What it is to its project.
    #[serde(default, skip_serializing_if = "is_default")]
    pub state: TableState,
    /// The store it lies in.
    pub store: StoreIdentity,
    /// Join keys, ordered by name: the order of fields in entity keys.
    pub join_keys: Vec<JoinKey>,
    /// Live columns, in the order of the view's features when they were added.
    pub columns: Vec<Column>,
    /// The id that the next added column gets.
    pub next_column_id: ColumnId,
    /// Id of the row schema that `columns` make; goes up by one whenever `columns` change. The first is 1.
    pub schema_id: u32,
    /// Content fingerprint of the source it is filled from.
    pub source: Fingerprint,
    /// Earlier content fingerprints that stand for the same values (`values_unchanged`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equal_sources: Vec<Fingerprint>,
    /// The table it was created beside; none for a first table, and again once that table is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<TableId>,
    /// Recorded backfills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backfills: Vec<Backfill>,
    /// Set on the replaced table by the apply that superseded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<ServedDefinitions>,
}

impl OnlineTable {
    /// Whether the values of a source of this content fingerprint count as this table's; see [`OnlineTable::sources`].
    pub fn holds_values_of(&self, source: &Fingerprint) -> bool {
        self.source == *source || self.equal_sources.contains(source)
    }

    /// Content fingerprints whose values count as this table's: its source and those that stand for the same values.
    pub fn sources(&self) -> Vec<Fingerprint> {
        std::iter::once(&self.source).chain(&self.equal_sources).cloned().collect()
    }

    /// Event times for which every one of these columns was loaded from a source whose values count as this table's.
    pub fn covered(&self, ledger: &Ledger, columns: &BTreeSet<ColumnId>) -> Coverage {
        ledger.covered(columns, &self.sources())
    }

    /// The columns of a recorded backfill that are still there, and the event times that one of them misses. Without such
    /// a column nothing is missing.
    pub fn missing_of(&self, backfill: &Backfill, ledger: &Ledger) -> (BTreeSet<ColumnId>, Coverage) {
        let is_live = |id: &ColumnId| self.columns.iter().any(|column| column.id == *id);
        let columns: BTreeSet<ColumnId> = backfill.columns.iter().copied().filter(is_live).collect();
        let wanted: Coverage = Interval::new(backfill.from, backfill.to).into_iter().collect();
        let missing = if columns.is_empty() {
            Coverage::default()
        } else {
            wanted.difference(&self.covered(ledger, &columns))
        };
        (columns, missing)
    }

    /// Whether a recorded backfill is not done: one of its columns that is still there lacks some of its range.
    pub fn waits_for_backfill(&self, ledger: &Ledger) -> bool {
        self.backfills.iter().any(|backfill| !self.is_covered(backfill, ledger))
    }

    /// Whether a recorded backfill is done.
    pub fn is_covered(&self, backfill: &Backfill, ledger: &Ledger) -> bool {
        self.missing_of(backfill, ledger).1.is_empty()
    }

    /// Event times that were loaded at all, or that a recorded backfill is still to load.
    pub fn loaded_or_recorded(&self, ledger: &Ledger) -> Coverage {
        let recorded: Coverage =
            self.backfills.iter().filter_map(|backfill| Interval::new(backfill.from, backfill.to)).collect();
        ledger.loaded().union(&recorded)
    }

    /// The live column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The same table with open revisions filled in; see [`TableId::resolve`].
    #[must_use]
    pub fn resolve(&self, revision: u64) -> Self {
        Self { id: self.id.resolve(revision), ..self.clone() }
    }
}
