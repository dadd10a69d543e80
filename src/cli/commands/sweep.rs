//! `provender sweep`: removes what carries the project's mark and its registry does not know: of a registry that was lost.

use crate::arguments::GlobalArguments;
use crate::commands::apply::{ExecutionArgs, Question, confirm_and_execute};
use crate::error::{CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::planning::make_sweep_plan;
use crate::workspace::Workspace;

/// Remove infrastructure with this project's mark that the registry does not know
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Remove all of it although the registry is empty: it is lost, and not elsewhere
    #[arg(long)]
    registry_is_lost: bool,
    #[command(flatten)]
    execution: ExecutionArgs,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    block_on(async {
        let plan = make_sweep_plan(ui, &workspace, args.registry_is_lost).await?;
        if !plan.would_write() {
            ui.message("Nothing to sweep: the registry knows everything that carries this project's mark.");
            return Ok(Exit::Done);
        }
        confirm_and_execute(ui, &workspace, &plan, &args.execution, Question::SWEEP).await
    })
}
