//! `provender destroy`: deletes this project's objects and infrastructure, and nobody else's.

use crate::arguments::GlobalArguments;
use crate::commands::apply::{ExecutionArgs, Question, confirm_and_execute};
use crate::error::CommandResult;
use crate::executor::block_on;
use crate::output::Ui;
use crate::planning::{GateArgs, make_destroy_plan};
use crate::workspace::Workspace;

/// Delete this project's objects and infrastructure
///
/// What `gates` in feature_store.yaml refuse is not deleted, as it is with apply.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    gates: GateArgs,
    #[command(flatten)]
    execution: ExecutionArgs,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    block_on(async {
        let plan = make_destroy_plan(ui, &workspace, &args.gates).await?;
        confirm_and_execute(ui, &workspace, &plan, &args.execution, Question::DESTROY).await
    })
}
