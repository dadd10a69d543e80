//! `provender show`: a saved plan, or what the registry holds.

use std::path::PathBuf;

use provender_core::view;

use crate::arguments::GlobalArguments;
use crate::commands::apply::read_plan;
use crate::commands::plan::{self, PlanFormat, ViewArgs};
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
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
    let state = block_on(async { Ok(workspace.registry()?.state().await?) })?;
    if args.view.format == PlanFormat::Json {
        ui.json(&state)?;
    } else {
        let options = view::text::TextOptions { width: ui.width(), detail: args.view.detail() };
        ui.text(&view::text::registry(&state, &options));
    }
    Ok(Exit::Done)
}
