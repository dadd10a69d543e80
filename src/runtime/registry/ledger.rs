//! Ledgers: what was materialized into each online table. Appended after the values are stored, never before.

use async_trait::async_trait;
use provender_core::registry::{Ledger, LedgerEntry, LedgerEntryBody, TableId};

use super::documents::{Created, Documents, Stored, parse};
use super::log::random_id;
use crate::Result;
use crate::materialize::TableLedgers;

/// An entry after which a checkpoint entry is appended: every so many.
const CHECKPOINT_EVERY: u64 = 50;

impl Stored for LedgerEntry {
    const KINDS: &'static [&'static str] = &["materialized", "complete", "checkpoint"];

    fn format_version(&self) -> u32 {
        self.format_version
    }
}

/// The ledgers of one registry.
#[derive(Clone, Debug)]
pub struct LedgerStore {
    documents: Documents,
}

/// Entries of one ledger, and the number of the last one.
struct Chain {
    entries: Vec<LedgerEntry>,
    last: u64,
}

impl LedgerStore {
    pub(super) const fn new(documents: Documents) -> Self {
        Self { documents }
    }

    /// The state of a table's ledger; empty when there is none.
    ///
    /// # Errors
    /// A damaged entry or one of a newer format.
    pub async fn read(&self, table: &TableId) -> Result<Ledger> {
        Ok(fold(&self.chain(table, true).await?.entries))
    }

    /// All entries of a table's ledger, oldest first, for history.
    ///
    /// # Errors
    /// As [`LedgerStore::read`].
    pub async fn entries(&self, table: &TableId) -> Result<Vec<LedgerEntry>> {
        Ok(self.chain(table, false).await?.entries)
    }

    /// Appends an entry; what it says must be stored already.
    ///
    /// # Errors
    /// The store failed; then the entry may be there or not, and appending it again does no harm.
    pub async fn append(&self, table: &TableId, entry: &LedgerEntry) -> Result<()> {
        let mut number = self.chain(table, true).await?.last + 1;
        while !self.create(table, number, entry).await? {
            number += 1;
        }
        if number.is_multiple_of(CHECKPOINT_EVERY) {
            self.append_checkpoint(table, number, entry).await;
        }
        Ok(())
    }

    /// Sums up the entries up to `number`, if nobody appended another meanwhile. It only makes reading quicker.
    async fn append_checkpoint(&self, table: &TableId, number: u64, last: &LedgerEntry) {
        let written = async {
            let chain = self.chain(table, true).await?;
            if chain.last != number {
                return Ok(());
            }
            let entry = LedgerEntry {
                entry_id: random_id(),
                body: LedgerEntryBody::Checkpoint(fold(&chain.entries)),
                ..last.clone()
            };
            self.create(table, number + 1, &entry).await.map(|_| ())
        };
        let written: Result<()> = written.await;
        if let Err(error) = written {
            tracing::warn!(%error, %table, "a checkpoint of a ledger could not be written");
        }
    }

    /// Whether this entry has that number now; else another one has.
    async fn create(&self, table: &TableId, number: u64, entry: &LedgerEntry) -> Result<bool> {
        let name = entry_name(table, number);
        while self.documents.create(&name, entry).await? == Created::Exists {
            match self.entry(table, number).await? {
                Some(found) => return Ok(found.entry_id == entry.entry_id),
                // Two writers met and the store refused both. To go on would leave a hole, which a later writer could
                // fill behind a checkpoint.
                None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
        Ok(true)
    }

    async fn entry(&self, table: &TableId, number: u64) -> Result<Option<LedgerEntry>> {
        let name = entry_name(table, number);
        match self.documents.read(&name).await? {
            Some(bytes) => parse(&name, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The entries in order; those before the last checkpoint are left out when `from_checkpoint`.
    async fn chain(&self, table: &TableId, from_checkpoint: bool) -> Result<Chain> {
        let names = self.documents.list(&folder(table)).await?;
        let numbers: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
        let last = numbers.iter().copied().max().unwrap_or(0);
        let mut entries = Vec::new();
        for number in (1..=last).rev() {
            let Some(entry) = self.entry(table, number).await? else { continue };
            let stops = from_checkpoint && matches!(entry.body, LedgerEntryBody::Checkpoint(_));
            entries.push(entry);
            if stops {
                break;
            }
        }
        entries.reverse();
        Ok(Chain { entries, last })
    }
}

fn fold(entries: &[LedgerEntry]) -> Ledger {
    let mut ledger = Ledger::default();
    for entry in entries {
        ledger.fold(entry);
    }
    ledger
}

fn folder(table: &TableId) -> String {
    format!("ledger/{table}")
}

fn entry_name(table: &TableId, number: u64) -> String {
    format!("ledger/{table}/{number:020}.json")
}

#[async_trait]
impl TableLedgers for LedgerStore {
    async fn ledger(&self, table: &TableId) -> Result<Ledger> {
        self.read(table).await
    }

    async fn append(&self, table: &TableId, entry: LedgerEntry) -> Result<()> {
        Self::append(self, table, &entry).await
    }
}
