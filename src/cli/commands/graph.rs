//! `provender graph`: who reads whom, for drawing programs.

use std::path::PathBuf;

use provender_core::view::graph::{Language, graph, lineage};

use crate::arguments::GlobalArguments;
use crate::commands::apply::read_plan;
use crate::error::{CommandError, CommandResult, Exit};
use crate::output::Ui;
use crate::project;
use crate::workspace::Workspace;

/// Print the dependency graph of the definitions, for a drawing program
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Language of the drawing
    #[arg(long, value_enum, default_value_t)]
    format: Drawing,
    /// Draw what a saved plan touches, with who notices
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Drawing {
    /// For Graphviz: `provender graph | dot -Tsvg`
    #[default]
    Dot,
    /// For Markdown that draws
    Mermaid,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let language = match args.format {
        Drawing::Dot => Language::Dot,
        Drawing::Mermaid => Language::Mermaid,
    };
    let text = match &args.plan {
        Some(path) => lineage(&read_plan(path, &workspace)?, language),
        None => {
            let loaded = project::definitions(ui, global, &workspace)?;
            graph(&loaded.project.ok_or_else(CommandError::reported)?.objects, language)
        }
    };
    ui.data(text.trim_end());
    Ok(Exit::Done)
}
