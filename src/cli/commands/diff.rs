//! `provender diff`: the definitions of two folders, compared as a plan compares. No registry and no store is opened.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use provender_core::config::Loaded;
use provender_core::model::Project;
use provender_core::plan::{Gate, Plan, PlanInput, plan};
use provender_core::registry::Registry;

use crate::arguments::GlobalArguments;
use crate::clock;
use crate::commands::plan::{Refusal, ViewArgs, check_view, show, tell_refused};
use crate::error::{CommandError, CommandResult, Exit};
use crate::output::Ui;
use crate::planning::finish;
use crate::project;
use crate::workspace::Workspace;

/// Compare the definitions of two folders, with a plan's rules and forms
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The project folder that is as before
    before: PathBuf,
    /// The project folder that is as after
    after: PathBuf,
    /// Exit with 2 when they differ
    #[arg(long)]
    detailed_exitcode: bool,
    /// Exit with 3 for these kinds of change: breaking, destructive, rematerialize
    #[arg(long, value_delimiter = ',', value_name = "GATE,…")]
    fail_on: Vec<Gate>,
    #[command(flatten)]
    view: ViewArgs,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    check_view(args.view)?;
    let (_, before) = definitions(ui, global, &args.before)?;
    let (workspace, after) = definitions(ui, global, &args.after)?;
    let label = format!("{} → {}", args.before.display(), args.after.display());
    let gates: BTreeSet<Gate> = args.fail_on.iter().copied().collect();
    let environment = workspace.applied_environment()?;
    let step = |loaded: &Loaded, prior: &Registry, name: &str| -> CommandResult<Plan> {
        let objects = loaded.project.as_ref().ok_or_else(CommandError::reported)?;
        let project = Project { name: workspace.environment.project.clone(), ..objects.clone() };
        finish(
            ui,
            plan(&PlanInput {
                ranges: &loaded.ranges,
                definitions_digest: &loaded.definitions_digest(),
                registry_location: name,
                keep_superseded: workspace.environment.keep_superseded,
                store: workspace.online_spec()?.as_deref(),
                gates: &gates,
                ..PlanInput::of(&project, prior, &environment, clock::now())
            }),
        )
    };
    // What the first folder would leave in an empty registry stands for the registry.
    let prior = step(&before, &Registry::default(), &label)?.applied_first();
    let difference = step(&after, &prior, &label)?;
    show(ui, &difference, args.view)?;
    Ok(if tell_refused(ui, &difference, &gates, Refusal::Comparing) {
        Exit::Refused
    } else if args.detailed_exitcode && difference.would_write() {
        Exit::Changes
    } else {
        Exit::Done
    })
}

fn definitions(ui: &Ui, global: &GlobalArguments, folder: &Path) -> CommandResult<(Workspace, Loaded)> {
    let global = GlobalArguments { chdir: folder.to_path_buf(), ..global.clone() };
    let workspace = Workspace::open(ui, &global)?;
    let loaded = project::definitions(ui, &global, &workspace)?;
    Ok((workspace, loaded))
}
