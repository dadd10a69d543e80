//! `provender show`: a saved plan, or what the registry holds.

use std::path::PathBuf;

use provender_core::view::text::{TextOptions, registry};

use crate::arguments::GlobalArguments;
use crate::commands::apply::read_plan;
use crate::commands::plan::{self, PlanFormat, ViewArgs};
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::planning::read_ledgers;
use crate::workspace::Workspace;

/// Show a saved plan; without one, what the registry holds
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plan that `provender plan --out` saved
    plan: Option<PathBuf>,
    #[command(flatten)]
    view: ViewArgs,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    plan::check_view(args.view)?;
    if args.plan.is_none() && matches!(args.view.format, PlanFormat::Markdown | PlanFormat::Html) {
        return Err(CommandError::new("Markdown and HTML show plans, and no plan was given").with_hint(
            "give the file that `provender plan --out FILE` saved, or use `--format text` or `json`",
        ));
    }
    let workspace = Workspace::open(ui, global)?;
    if let Some(path) = &args.plan {
        plan::show(ui, &read_plan(path, &workspace)?, args.view)?;
        return Ok(Exit::Done);
    }
    let (state, ledgers) = block_on(async {
        let log = workspace.registry()?;
        let state = log.state().await?;
        let replacing = state.tables.values().filter(|table| table.replaces.is_some());
        let ledgers = read_ledgers(&log, replacing.map(|table| table.id.clone()).collect()).await?;
        Ok((state, ledgers))
    })?;
    if args.view.format == PlanFormat::Json {
        ui.json(&state)?;
    } else {
        let options = TextOptions { width: ui.width(), detail: args.view.detail(), program: ui.program() };
        ui.text(&registry(&state, &ledgers, &options));
    }
    Ok(Exit::Done)
}
