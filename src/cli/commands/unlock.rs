//! `provender unlock`: end an apply whose process is gone.

use provender_runtime::apply;
use provender_runtime::clock::SystemClock;

use crate::arguments::GlobalArguments;
use crate::error::{CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::{Workspace, author};

/// End an apply whose process is gone
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id of the apply, as the refusal or `provender history` shows it
    apply_id: String,
    /// End it even when its process may be at work
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let log = workspace.registry()?;
    block_on(async {
        apply::unlock(&log, &args.apply_id, args.force, &author(), &SystemClock).await?;
        ui.message(&format!(
            "Closed apply {}. Run `provender plan` to see what is left to do.",
            args.apply_id
        ));
        Ok(Exit::Done)
    })
}
