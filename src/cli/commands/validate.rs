//! `provender validate`: definitions only; no registry, no network. `--sources` opens every source.

use std::collections::BTreeSet;

use provender_core::config::Loaded;
use provender_core::diagnostic::{Diagnostics, codes, to_json};

use crate::arguments::GlobalArguments;
use crate::commands::plan::Format;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::planning::check_sources;
use crate::project;
use crate::workspace::{Workspace, report};

/// Check the definitions, without registry and network
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Open every source and check that its columns fit
    #[arg(long, conflicts_with = "format")]
    sources: bool,
    /// Form of the output; JSON has the shape of `terraform validate -json`
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    if args.format == Format::Json {
        return as_json(ui, global);
    }
    let (workspace, findings, sources) = Workspace::read(global)?;
    report(ui, &findings, &sources);
    let loaded = beside(project::load_definitions(global, &workspace)?, &findings);
    if !findings.is_empty() && !loaded.diagnostics.is_empty() {
        ui.rendered("\n");
    }
    report(ui, &loaded.diagnostics, &loaded.sources);
    if findings.has_errors() || loaded.diagnostics.has_errors() {
        return Err(CommandError::reported());
    }
    let objects = loaded.project.map(|project| project.objects).unwrap_or_default();
    if args.sources
        && let Some(offline) = workspace.offline_provider()?.offline()
    {
        let views: BTreeSet<String> = objects.feature_views().map(|(name, _)| name.to_owned()).collect();
        block_on(check_sources(ui, &objects, &views, &offline))?;
    }
    let count = objects.0.len();
    ui.message(&format!(
        "Success! The definitions are valid: {count} {}.",
        if count == 1 { "object" } else { "objects" }
    ));
    Ok(Exit::Done)
}

/// The definitions, without what follows from an environment that cannot be used: values of variables that it has.
fn beside(mut loaded: Loaded, environment: &Diagnostics) -> Loaded {
    if environment.has_errors() {
        loaded.diagnostics.retain(|finding| finding.code != codes::VARIABLE);
    }
    loaded
}

/// The findings as data. What keeps them from being found, such as a folder without files, is an error as ever.
fn as_json(ui: &Ui, global: &GlobalArguments) -> CommandResult {
    let (workspace, findings, sources) = Workspace::read(global)?;
    let loaded = beside(project::load_definitions(global, &workspace)?, &findings);
    let mut report = to_json(&findings, &sources);
    let definitions = to_json(&loaded.diagnostics, &loaded.sources);
    report.valid &= definitions.valid;
    report.error_count += definitions.error_count;
    report.warning_count += definitions.warning_count;
    report.diagnostics.extend(definitions.diagnostics);
    ui.json(&report)?;
    Ok(if report.valid { Exit::Done } else { Exit::Failed })
}
