//! Checking a whole registry: every entry from the first, every checkpoint, every ledger.

use provender_core::registry::{FORMAT_VERSION, Registry};

use super::documents::parse;
use super::log::{Checkpoint, RegistryLog, checkpoint_name, entry_name};
use crate::{Error, Result};

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries, each following the one before.
    pub entries: u64,
    /// Checkpoints, each equal to the fold of the entries before it.
    pub checkpoints: u64,
    /// Ledgers of tables that the registry has.
    pub ledgers: u64,
}

impl RegistryLog {
    /// Checks the whole log, its checkpoints and its ledgers.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub async fn verify(&self) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let mut state = Registry::default();
        while let Some(entry) = self.entry(report.entries + 1).await? {
            let number = report.entries + 1;
            let wrong = |error| {
                Error::corrupt(format!("`{}` of the registry is not valid", entry_name(number)))
                    .with_source(error)
            };
            state.fold(entry).map_err(wrong)?;
            state.check_references().map_err(wrong)?;
            report.entries += 1;
            let name = checkpoint_name(state.revision);
            if let Some(bytes) = self.documents().read(&name).await? {
                let checkpoint: Checkpoint = parse(&name, &bytes)?;
                if checkpoint.format_version != FORMAT_VERSION || checkpoint.state != state {
                    return Err(Error::corrupt(format!("`{name}` of the registry is not what its log says"))
                        .with_hint("delete this file: checkpoints are made anew from the log"));
                }
                report.checkpoints += 1;
            }
        }
        self.check_end(report.entries).await?;
        for table in state.tables.keys() {
            self.ledger().entries(table).await?;
            report.ledgers += 1;
        }
        Ok(report)
    }

    /// A hole in the numbers hides every entry after it.
    async fn check_end(&self, last: u64) -> Result<()> {
        let names = self.documents().list("log").await?;
        let beyond = names
            .iter()
            .filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok())
            .find(|n| *n > last);
        match beyond {
            Some(number) => Err(Error::corrupt(format!(
                "`{}` of the registry is missing, and there is an entry {number}",
                entry_name(last + 1)
            ))
            .with_hint("restore the missing file from a backup of the registry")),
            None => Ok(()),
        }
    }
}
