//! The `provender` command. `run` is the table of contents: what was typed (`arguments`) goes to one file of `commands`,
//! which loads the project (`project`), opens its registry and stores (`workspace`, `backends`), calls the libraries and
//! shows the result (`output`).

mod allocator;
mod arguments;
mod backends;
mod clock;
mod commands;
mod credentials;
mod error;
mod executor;
mod habits;
mod metrics;
mod output;
mod planning;
mod project;
mod template;
mod workspace;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use error::CommandResult;
use output::Ui;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(output::panic_report));
    let typed: Vec<_> = std::env::args_os().collect();
    let arguments = match arguments::parse(typed.iter().cloned()) {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error, habits::hint(&error, &typed)),
    };
    let ui = Ui::new(&arguments.global);
    match run(&ui, &arguments).and_then(|exit| ui.lost_output().map_or(Ok(exit), Err)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            ui.error(&error);
            error.exit_code()
        }
    }
}

fn run(ui: &Ui, Arguments { global, command }: &Arguments) -> CommandResult {
    if !matches!(command, Command::Serve(_)) {
        allocator::keep_freed_memory();
    }
    match command {
        Command::Init(args) => commands::init::run(ui, args),
        Command::Validate(args) => commands::validate::run(ui, global, args),
        Command::Fmt(args) => commands::fmt::run(ui, global, args),
        Command::Plan(args) => commands::plan::run(ui, global, args),
        Command::Apply(args) => commands::apply::run(ui, global, args),
        Command::Destroy(args) => commands::destroy::run(ui, global, args),
        Command::Show(args) => commands::show::run(ui, global, args),
        Command::Diff(args) => commands::diff::run(ui, global, args),
        Command::Graph(args) => commands::graph::run(ui, global, args),
        Command::List(args) => commands::list::run(ui, global, args),
        Command::Describe(args) => commands::describe::run(ui, global, args),
        Command::History(args) => commands::history::run(ui, global, args),
        Command::Registry(args) => commands::registry::run(ui, global, args),
        Command::Unlock(args) => commands::unlock::run(ui, global, args),
        Command::Sweep(args) => commands::sweep::run(ui, global, args),
        Command::Materialize(args) => commands::materialize::run(ui, global, args),
        Command::MaterializeIncremental(args) => commands::materialize_incremental::run(ui, global, args),
        Command::GetOnlineFeatures(args) => commands::get_online_features::run(ui, global, args),
        Command::GetHistoricalFeatures(args) => commands::get_historical_features::run(ui, global, args),
        Command::Push(args) => commands::push::run(ui, global, args),
        Command::Serve(args) => commands::serve::run(ui, global, args),
        Command::Completions(args) => commands::completions::run(ui, args),
        Command::Version(args) => commands::version::run(ui, args),
    }
}
