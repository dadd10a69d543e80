//! `provender validate`: definitions only; no registry, no network. `--sources` opens every source.

use std::collections::BTreeSet;

use crate::arguments::GlobalArguments;
use crate::error::{CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::planning::check_sources;
use crate::project;
use crate::workspace::Workspace;

/// Check the definitions, without registry and network
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Open every source and check that its columns fit
    #[arg(long)]
    sources: bool,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let loaded = project::definitions(ui, global, &workspace)?;
    let objects = loaded.project.map(|project| project.objects).unwrap_or_default();
    if args.sources
        && let Some(offline) = workspace.provider()?.offline()
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
