//! State and ledgers as one document: `registry export`, and what `plan --prior` reads.

use std::collections::BTreeMap;

use provender_core::registry::{FORMAT_VERSION, Ledger, Registry, TableId};
use serde::{Deserialize, Serialize};

use super::documents::{Stored, parse};
use super::log::RegistryLog;
use crate::Result;

/// Everything that a plan reads of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Version of this document's format.
    pub format_version: u32,
    /// The state.
    pub state: Registry,
    /// The ledger of each of its tables.
    pub ledgers: BTreeMap<TableId, Ledger>,
}

impl Stored for Export {
    fn format_version(&self) -> u32 {
        self.format_version
    }
}

impl Export {
    /// Reads an exported registry.
    ///
    /// # Errors
    /// It is damaged or of a newer format.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        parse("export", bytes)
    }
}

impl RegistryLog {
    /// State and ledgers as they are now.
    ///
    /// # Errors
    /// As [`RegistryLog::state`].
    pub async fn export(&self) -> Result<Export> {
        let state = self.state().await?;
        let ledger = self.ledger();
        let mut ledgers = BTreeMap::new();
        for table in state.tables.keys() {
            ledgers.insert(table.clone(), ledger.read(table).await?);
        }
        Ok(Export { format_version: FORMAT_VERSION, state, ledgers })
    }
}
