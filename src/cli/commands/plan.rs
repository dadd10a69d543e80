//! `provender plan`: what would change, what that means, and the steps.

use std::collections::BTreeSet;
use std::path::PathBuf;

use provender_core::plan::{Gate, Plan, Risk};
use provender_core::view;
use provender_core::view::markdown::{MarkdownOptions, TooShort};
use provender_core::view::text::Detail;

use crate::arguments::{GlobalArguments, quoted};
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::planning::{PlanningArgs, make_plan};
use crate::workspace::Workspace;

/// Show what apply would do; writes nothing and takes no lock
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    planning: PlanningArgs,
    /// Save the plan for `provender apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 when apply would write something, and with 3 when a gate refuses it; without this or `--fail-on` a plan
    /// exits with 0 and what gates refuse is a warning
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    view: ViewArgs,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ViewArgs {
    /// Form of the output
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PlanFormat,
    /// Most bytes of `--format markdown`, 60000 unless given; detail is left out until it fits
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_bytes: Option<usize>,
    /// Every attribute, unchanged and metadata-only ones too
    #[arg(long)]
    pub(crate) verbose: bool,
    /// One line for each change; text alone can be concise
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) concise: bool,
}

impl ViewArgs {
    pub(crate) const fn detail(self) -> Detail {
        match (self.concise, self.verbose) {
            (true, _) => Detail::Concise,
            (false, true) => Detail::Everything,
            (false, false) => Detail::Changes,
        }
    }
}

/// Forms in which a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For a comment on a pull request
    Markdown,
    /// One page with the lineage of what changes
    Html,
}

/// Forms in which data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    check_view(args.view)?;
    let workspace = Workspace::open(ui, global)?;
    let plan = block_on(make_plan(ui, global, &workspace, &args.planning))?;
    show(ui, &plan, args.view)?;
    if let Some(path) = &args.out {
        std::fs::write(path, plan.to_json()).map_err(|error| {
            CommandError::new(format!("could not write the plan to `{}`", path.display())).because(error)
        })?;
        ui.message(&format!(
            "Saved the plan. To carry out exactly it: {} apply {}",
            ui.program(),
            quoted(&path.to_string_lossy())
        ));
    }
    let counts = args.detailed_exitcode || !args.planning.gates.fail_on.is_empty();
    let told = if counts { Refusal::Planning } else { Refusal::Foretold };
    let refused = tell_refused(ui, &plan, &plan.gate.gates, told);
    Ok(if refused && counts {
        Exit::Refused
    } else if args.detailed_exitcode && plan.would_write() {
        Exit::Changes
    } else {
        Exit::Done
    })
}

/// Where it is told what gates refuse, and so what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// While planning, and nothing stops.
    Foretold,
    /// While planning.
    Planning,
    /// Between two folders, where no option accepts anything.
    Comparing,
    /// A saved plan was to be applied; what it accepts stands in it.
    SavedPlan,
    /// Everything was to go; no definitions are read.
    Destroying,
}

impl Refusal {
    fn hint(self, risk: &Risk) -> String {
        let option = format!("`--allow {}:{}`", risk.code, risk.address);
        match self {
            Self::Foretold | Self::Planning => {
                format!("to accept it: {option}, or an `allow` block with a reason")
            }
            Self::Comparing => "to accept it: an `allow` block with a reason in the second folder".to_owned(),
            Self::SavedPlan => {
                format!("to accept it, plan again with {option} or an `allow` block, and apply that plan")
            }
            Self::Destroying => format!("to accept it: {option}"),
        }
    }
}

/// Says what these gates refuse; whether they refuse anything.
pub(crate) fn tell_refused(ui: &Ui, plan: &Plan, gates: &BTreeSet<Gate>, refusal: Refusal) -> bool {
    let refused = plan.gate.refused_by(gates, plan.now);
    for risk in &refused {
        let Risk { address, code, gates: refusing } = risk;
        let names: Vec<String> = refusing.intersection(gates).map(|gate| format!("`{gate}`")).collect();
        let verb = if names.len() == 1 { "refuses" } else { "refuse" };
        let message = format!("{} {verb} {code} on {address}", names.join(" and "));
        if refusal == Refusal::Foretold {
            ui.warning(&format!("{message}; apply will stop there unless it is accepted"));
        } else {
            ui.error(&CommandError::new(message).with_hint(refusal.hint(risk)));
        }
    }
    !refused.is_empty()
}

/// Prints a plan to stdout.
pub(crate) fn show(ui: &Ui, plan: &Plan, args: ViewArgs) -> CommandResult<()> {
    match args.format {
        PlanFormat::Text => {
            let options =
                view::text::TextOptions { width: ui.width(), detail: args.detail(), program: ui.program() };
            ui.text(&view::text::plan(plan, &options));
        }
        PlanFormat::Json => ui.bytes(&plan.to_json()),
        PlanFormat::Markdown => {
            ui.data(&view::markdown::plan(plan, &markdown_options(args)).map_err(too_short)?);
        }
        PlanFormat::Html => ui.data(&view::html::plan(plan)),
    }
    Ok(())
}

/// Whether the options of a view go together; asked before any work is done for it.
pub(crate) fn check_view(args: ViewArgs) -> CommandResult<()> {
    if args.max_bytes.is_some() && args.format != PlanFormat::Markdown {
        return Err(CommandError::new("`--max-bytes` is a limit of Markdown, and another form is asked for")
            .with_hint("add `--format markdown`, or leave `--max-bytes` out"));
    }
    if args.concise && args.format != PlanFormat::Text {
        return Err(CommandError::new("`--concise` is for text, and another form is asked for").with_hint(
            "leave `--concise` out; `--format markdown --max-bytes N` leaves out detail as well",
        ));
    }
    markdown_options(args).check().map_err(too_short)
}

fn markdown_options(args: ViewArgs) -> MarkdownOptions {
    let default = MarkdownOptions::default();
    MarkdownOptions { max_bytes: args.max_bytes.unwrap_or(default.max_bytes), verbose: args.verbose }
}

fn too_short(error: TooShort) -> CommandError {
    let least = MarkdownOptions::MIN_BYTES;
    CommandError::new(error.to_string()).with_hint(format!("give `--max-bytes {least}` or more"))
}
