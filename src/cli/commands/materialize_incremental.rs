//! `provender materialize-incremental`: loads what is missing up to a time.

use provender_core::time::Timestamp;
use provender_runtime::materialize::MaterializeKind;

use crate::arguments::GlobalArguments;
use crate::commands::materialize::{SelectionArgs, load};
use crate::error::CommandResult;
use crate::executor::{block_on, yield_to_others};
use crate::output::Ui;
use crate::workspace::Workspace;

/// Load what is missing up to a time into the online store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Last event time; default: now, less the view's `available_after`
    #[arg(value_name = "END")]
    end: Option<Timestamp>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Allow an end in the future
    #[arg(long)]
    allow_future: bool,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let kind = MaterializeKind::Incremental { end: args.end };
    yield_to_others();
    block_on(load(ui, &workspace, kind, &args.selection, args.allow_future))
}
