//! `provender version`.

use crate::error::{CommandResult, Exit};
use crate::output::Ui;

/// Version of this program, and how it is known to stores and logs.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Print the version.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(ui: &Ui, _args: &Args) -> CommandResult {
    ui.data(&format!("provender {VERSION}"));
    Ok(Exit::Done)
}
