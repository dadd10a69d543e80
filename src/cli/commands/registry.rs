//! `provender registry verify` and `provender registry export`.

use crate::arguments::GlobalArguments;
use crate::error::{CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::Workspace;

/// Check or dump the registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: RegistryCommand,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum RegistryCommand {
    /// Check every entry, checkpoint and ledger
    Verify,
    /// Print state and ledgers as one JSON document, for `provender plan --prior`
    Export,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let log = workspace.registry()?;
    block_on(async {
        match args.command {
            RegistryCommand::Verify => {
                let report = log.verify().await?;
                ui.message(&format!(
                    "The registry is whole: {} entries, {} checkpoints, {} ledgers.",
                    report.entries, report.checkpoints, report.ledgers
                ));
            }
            RegistryCommand::Export => ui.json(&log.export().await?)?,
        }
        Ok(Exit::Done)
    })
}
