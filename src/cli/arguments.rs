//! What was typed. Long options take two dashes; one dash is accepted for the sake of Terraform's users, and so is `-json`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands;
use crate::output::ColorChoice;

/// A feature store run as infrastructure-as-code
#[derive(Debug, Parser)]
#[command(name = "provender", version, disable_help_subcommand = false, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 error, 2 changes (with --detailed-exitcode), 3 refused by a gate (of `plan`: with --detailed-exitcode or --fail-on) or by `fmt --check`, \
                        4 the world moved or is busy, 101 a bug."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GlobalArguments {
    /// The project folder, or its feature_store.yaml
    #[arg(short = 'C', long, short_alias = 'c', global = true, default_value = ".", value_name = "FOLDER")]
    pub(crate) chdir: PathBuf,
    /// When to colour output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
    /// Print data and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Value of a variable; also from `PROVENDER_VAR_name`
    #[arg(long = "var", global = true, value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
    /// File with values of variables, one `name = value` a line
    #[arg(long = "var-file", global = true, value_name = "FILE")]
    pub(crate) variable_files: Vec<PathBuf>,
}

impl GlobalArguments {
    /// How the program is called for this project from the current folder, for commands that are recommended.
    pub(crate) fn program(&self) -> String {
        match &*self.chdir.to_string_lossy() {
            "." => "provender".to_owned(),
            folder => format!("provender -C {}", quoted(folder)),
        }
    }
}

/// A word of a command that is recommended, as shells read it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "._-/+@%:,=".contains(character);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The commands, one file each.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::Args),
    Validate(commands::validate::Args),
    Fmt(commands::fmt::Args),
    Plan(commands::plan::Args),
    Apply(commands::apply::Args),
    #[command(alias = "teardown")]
    Destroy(commands::destroy::Args),
    Show(commands::show::Args),
    Diff(commands::diff::Args),
    Graph(commands::graph::Args),
    List(commands::list::Args),
    Describe(commands::describe::Args),
    History(commands::history::Args),
    Registry(commands::registry::Args),
    Unlock(commands::unlock::Args),
    Sweep(commands::sweep::Args),
    Materialize(commands::materialize::Args),
    MaterializeIncremental(commands::materialize_incremental::Args),
    GetOnlineFeatures(commands::get_online_features::Args),
    GetHistoricalFeatures(commands::get_historical_features::Args),
    Push(commands::push::Args),
    Serve(commands::serve::Args),
    Completions(commands::completions::Args),
    Version(commands::version::Args),
}

/// Understands the command line; the error is clap's, which knows how to print itself.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(with_two_dashes(arguments.into_iter().collect()))
}

/// Writes `-word` as `--word` where `word`, up to `=`, is exactly a long option of the command that is called; and `-json` as
/// `--format=json` where the command has that.
fn with_two_dashes(arguments: Vec<OsString>) -> Vec<OsString> {
    let command = Arguments::command();
    let called = arguments.iter().filter_map(|argument| argument.to_str()).find_map(|name| {
        command
            .get_subcommands()
            .find(|known| known.get_name() == name || known.get_all_aliases().any(|alias| alias == name))
    });
    let long_names: BTreeSet<&str> = command
        .get_arguments()
        .chain(called.into_iter().flat_map(clap::Command::get_arguments))
        .filter_map(clap::Arg::get_long)
        .chain(["help"])
        .collect();
    let has_json = called.into_iter().flat_map(clap::Command::get_arguments).any(|argument| {
        let forms = argument.get_possible_values();
        argument.get_long() == Some("format") && forms.iter().any(|form| form.get_name() == "json")
    });
    let mut only_values = false;
    arguments
        .iter()
        .map(|argument| {
            only_values |= argument == "--";
            if has_json && !only_values && (argument == "-json" || argument == "--json") {
                return "--format=json".into();
            }
            let word = argument
                .to_str()
                .and_then(|text| text.strip_prefix('-'))
                .filter(|word| !word.starts_with('-'));
            match word {
                Some(word) if !only_values && long_names.contains(word.split('=').next().unwrap_or(word)) => {
                    format!("--{word}").into()
                }
                _ => argument.clone(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let words = with_two_dashes(line.split(' ').map(OsString::from).collect());
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_dash_is_enough_for_a_long_option_of_the_command() {
        assert_eq!(
            rewritten("provender plan -out=x -detailed-exitcode"),
            "provender plan --out=x --detailed-exitcode"
        );
        assert_eq!(rewritten("provender apply -auto-approve"), "provender apply --auto-approve");
        assert_eq!(rewritten("provender plan -outer=x -q -C x"), "provender plan -outer=x -q -C x");
        assert_eq!(rewritten("provender validate -json"), "provender validate --format=json");
        assert_eq!(rewritten("provender show --json x"), "provender show --format=json x");
        assert_eq!(rewritten("provender graph -json"), "provender graph -json");
        assert_eq!(rewritten("provender validate -- -json"), "provender validate -- -json");
        assert_eq!(rewritten("provender plan -- -out=x"), "provender plan -- -out=x");
        assert_eq!(
            rewritten("provender get-online-features -e k=-out"),
            "provender get-online-features -e k=-out"
        );
    }

    #[test]
    fn recommended_commands_name_the_folder() {
        for (line, program) in [
            ("provender plan", "provender"),
            ("provender -C production plan", "provender -C production"),
            ("provender plan -c ../it's/x.yaml", "provender -C '../it'\\''s/x.yaml'"),
        ] {
            let arguments = parse(line.split(' ').map(OsString::from)).unwrap();
            assert_eq!(arguments.global.program(), program);
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
