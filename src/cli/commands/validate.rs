//! `provender validate`: definitions only; no registry, no network. `--sources` opens every source.

use std::collections::BTreeSet;

use provender_core::config::Loaded;
use provender_core::diagnostic::{Diagnostics, codes, to_json};
use provender_core::model::Objects;

use crate::arguments::GlobalArguments;
use crate::commands::plan::Format;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::planning::{check_sources, reported};
use crate::project;
use crate::workspace::{Workspace, report};

/// Check the definitions, without registry and network
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Open every source and check that its columns fit
    #[arg(long)]
    sources: bool,
    /// Form of the output; JSON has the shape of `terraform validate -json`
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let (workspace, findings, sources) = Workspace::read(global)?;
    let is_json = args.format == Format::Json;
    if !is_json {
        report(ui, &findings, &sources);
    }
    let loaded = beside(project::load_definitions(global, &workspace)?, &findings);
    let mut json = to_json(&findings, &sources);
    json.append(to_json(&loaded.diagnostics, &loaded.sources));
    if !is_json {
        if !findings.is_empty() && !loaded.diagnostics.is_empty() {
            ui.rendered("\n");
        }
        report(ui, &loaded.diagnostics, &loaded.sources);
    }
    let objects = loaded.project.map(|project| project.objects).unwrap_or_default();
    let errors = if args.sources && json.valid { of_sources(&workspace, &objects)? } else { Vec::new() };
    if is_json {
        for error in errors {
            json.add_error(error.chain.join(": "), error.hints.join("\n"));
        }
        ui.json(&json)?;
        return Ok(if json.valid { Exit::Done } else { Exit::Failed });
    }
    reported(ui, &errors)?;
    if !json.valid {
        return Err(CommandError::reported());
    }
    let count = objects.0.len();
    ui.message(&format!(
        "Success! The definitions are valid: {count} {}.",
        if count == 1 { "object" } else { "objects" }
    ));
    Ok(Exit::Done)
}

/// What does not fit of the sources of all views.
fn of_sources(workspace: &Workspace, objects: &Objects) -> CommandResult<Vec<CommandError>> {
    let Some(offline) = workspace.offline_provider()?.offline() else { return Ok(Vec::new()) };
    let views: BTreeSet<String> = objects.feature_views().map(|(name, _)| name.to_owned()).collect();
    block_on(async { Ok(check_sources(objects, &views, &offline).await) })
}

/// The definitions, without what follows from an environment that cannot be used: values of variables that it has.
fn beside(mut loaded: Loaded, environment: &Diagnostics) -> Loaded {
    if environment.has_errors() {
        loaded.diagnostics.retain(|finding| finding.code != codes::VARIABLE);
    }
    loaded
}
