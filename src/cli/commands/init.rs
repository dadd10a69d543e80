//! `provender init`: a working project, ready to plan, apply, materialize and read.

use std::path::PathBuf;

use crate::clock;
use crate::error::{CommandError, CommandResult, Exit};
use crate::output::{Ui, printable};
use crate::template;

/// Make a working project with generated data.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the new project; made when it is not there
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// What to make
    #[arg(long, value_enum, default_value_t)]
    template: Template,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Template {
    /// A project on this machine, with generated data
    #[default]
    Local,
    /// Workflows for GitHub that plan on pull requests and apply after the merge
    GithubActions,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> CommandResult {
    let folder = std::path::absolute(&args.dir).map_err(|error| {
        CommandError::new(format!("could not resolve `{}`", args.dir.display())).because(error)
    })?;
    if args.template == Template::GithubActions {
        let files = template::github_actions();
        let otherwise = "edit the workflows that are there, or move them away to have them made again";
        template::write(&folder, &files, otherwise)?;
        for file in files {
            ui.message(&format!("Made {}.", file.path));
        }
        ui.message("Put `provender` on the PATH of the jobs, and make the environments that they name.");
        return Ok(Exit::Done);
    }
    let name = template::project_name(&folder);
    let otherwise = "name another folder: `provender init NEW_FOLDER`";
    template::write(&folder, &template::local(&name, clock::now())?, otherwise)?;
    ui.message(&format!("Made project `{name}` in {}.", printable(&args.dir.display().to_string())));
    ui.message("");
    ui.message("Next:");
    if args.dir.as_os_str() != "." {
        ui.message(&format!("  cd '{}'", printable(&args.dir.display().to_string())));
    }
    for line in [
        "provender plan",
        "provender apply",
        "provender materialize-incremental",
        "provender get-online-features -e driver_id=1001 --feature-service driver_activity",
        "provender get-historical-features --entities data/trips.csv --feature-service driver_activity",
    ] {
        ui.message(&format!("  {line}"));
    }
    Ok(Exit::Done)
}
