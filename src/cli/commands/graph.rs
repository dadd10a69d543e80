//! `provender graph`: who reads whom, for drawing programs.

use provender_core::view::graph::{Language, graph};

use crate::arguments::GlobalArguments;
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
    let loaded = project::definitions(ui, global, &workspace)?;
    let project = loaded.project.ok_or_else(CommandError::reported)?;
    let language = match args.format {
        Drawing::Dot => Language::Dot,
        Drawing::Mermaid => Language::Mermaid,
    };
    ui.data(graph(&project.objects, language).trim_end());
    Ok(Exit::Done)
}
