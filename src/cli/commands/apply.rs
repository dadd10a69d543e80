//! `provender apply`: carries out a saved plan, or plans, shows, asks, and carries that out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use provender_core::model::Fingerprint;
use provender_core::plan::{Plan, Summary, Work};
use provender_core::time::Duration;
use provender_runtime::apply::{ApplyEvent, ApplyOptions, ApplyReport, apply};
use provender_runtime::clock::SystemClock;

use crate::arguments::GlobalArguments;
use crate::commands::materialize;
use crate::commands::plan::{PlanFormat, Refusal, ViewArgs, show, tell_refused};
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::{StopWords, block_on, stop_signal};
use crate::metrics::{MetricsArgs, measured};
use crate::output::Ui;
use crate::planning::{PlanningArgs, make_plan};
use crate::workspace::{Workspace, author};

/// Carry out a plan
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plan that `provender plan --out` saved; without one, plan now
    plan: Option<PathBuf>,
    #[command(flatten)]
    planning: PlanningArgs,
    /// Plan now, and go on only if the plan decides the same as the one with this digest
    #[arg(long, value_name = "DIGEST", conflicts_with = "plan")]
    expect: Option<String>,
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Then do the data work that waits (`provender materialize --pending`)
    #[arg(long)]
    materialize: bool,
}

/// Options of every command that applies.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExecutionArgs {
    /// Do not ask
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Steps that run side by side
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub(crate) parallelism: u16,
    /// How long to wait while another apply runs
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    pub(crate) lock_timeout: Duration,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    block_on(async {
        let exit = match &args.plan {
            Some(path) => {
                refuse_planning_options(global, &args.planning)?;
                let plan = read_plan(path, &workspace)?;
                let gates = plan.gate.gates.union(&workspace.environment.gates).copied().collect();
                if tell_refused(ui, &plan, &gates, Refusal::SavedPlan) {
                    return Ok(Exit::Refused);
                }
                execute(ui, &workspace, &plan, &args.execution).await?
            }
            None => {
                let plan = make_plan(ui, global, &workspace, &args.planning).await?;
                check_expected(&plan, args.expect.as_deref())?;
                confirm_and_execute(ui, &workspace, &plan, &args.execution, Question::APPLY).await?
            }
        };
        if args.materialize && exit == Exit::Done {
            return materialize::pending(ui, &workspace, &args.execution.metrics).await;
        }
        Ok(exit)
    })
}

/// What was decided is in the plan: an option that would have decided otherwise is not to be passed over.
fn refuse_planning_options(global: &GlobalArguments, planning: &PlanningArgs) -> CommandResult<()> {
    let has_variables = !global.variables.is_empty() || !global.variable_files.is_empty();
    let what = match (planning.are_given(), has_variables) {
        (true, _) => "a saved plan takes no planning option",
        (false, true) => "a saved plan takes no `--var` and no `--var-file`: it holds their values",
        (false, false) => return Ok(()),
    };
    Err(CommandError::new(what).with_hint("give such options to `provender plan --out`"))
}

/// Reads a saved plan and makes sure that it is of this project.
pub(crate) fn read_plan(path: &Path, workspace: &Workspace) -> CommandResult<Plan> {
    let failed = || CommandError::new(format!("the plan in `{}` cannot be used", path.display()));
    let bytes = std::fs::read(path).map_err(|error| failed().because(error))?;
    let plan = Plan::from_json(&bytes).map_err(|error| failed().because(error))?;
    if plan.project != workspace.environment.project {
        return Err(failed().because(format!(
            "it is of project `{}`, and this is project `{}`",
            plan.project, workspace.environment.project
        )));
    }
    Ok(plan)
}

fn check_expected(plan: &Plan, expected: Option<&str>) -> CommandResult<()> {
    let Some(expected) = expected else { return Ok(()) };
    let found: &Fingerprint = &plan.decision_digest;
    if found.as_str() == expected {
        return Ok(());
    }
    Err(CommandError::conflict("the plan is not the one that was reviewed")
        .because(format!("expected decision digest {expected}, found {found}"))
        .with_hint("review the plan again: `provender plan`"))
}

/// What is asked before a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    title: &'static str,
    explanation: &'static str,
    refusal: &'static str,
    /// How it is told that gates refuse the plan.
    refused: Refusal,
}

impl Question {
    const APPLY: Self = Self {
        title: "Do you want to perform these actions?",
        explanation: "Provender will perform the actions described above.",
        refusal: "Apply cancelled.",
        refused: Refusal::Planning,
    };
    pub(crate) const DESTROY: Self = Self {
        title: "Do you really want to destroy all objects of this project?",
        explanation: "There is no undo. Stored online values are deleted; sources are not touched.",
        refusal: "Destroy cancelled.",
        refused: Refusal::Destroying,
    };
    pub(crate) const SWEEP: Self = Self {
        title: "Do you want to remove these objects?",
        explanation: "There is no undo. The registry does not know them, so nothing reads them.",
        refusal: "Sweep cancelled.",
        refused: Refusal::Planning,
    };
}

/// Shows the plan, asks, and carries it out.
pub(crate) async fn confirm_and_execute(
    ui: &Ui,
    workspace: &Workspace,
    plan: &Plan,
    execution: &ExecutionArgs,
    question: Question,
) -> CommandResult {
    // With `--quiet --auto-approve` nobody is to read it.
    if !(ui.is_quiet() && execution.auto_approve) {
        show(
            ui,
            plan,
            ViewArgs { format: PlanFormat::Text, max_bytes: None, verbose: false, concise: false },
        )?;
    }
    if tell_refused(ui, plan, &plan.gate.gates, question.refused) {
        return Ok(Exit::Refused);
    }
    if !plan.would_write() {
        return Ok(Exit::Done);
    }
    // Nobody is asked for what cannot be done.
    drop(workspace.online_provider()?);
    if !execution.auto_approve {
        if !ui.interactive() {
            return Err(CommandError::new("nobody can be asked: stdin is no terminal")
                .with_hint("`--auto-approve` goes on without a question"));
        }
        let text = format!(
            "\n{}\n  {}\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ",
            question.title, question.explanation
        );
        let answer =
            ui.ask(&text).map_err(|error| CommandError::new("could not read the answer").because(error))?;
        if answer != "yes" {
            ui.message(question.refusal);
            return Ok(Exit::Failed);
        }
    }
    execute(ui, workspace, plan, execution).await
}

async fn execute(ui: &Ui, workspace: &Workspace, plan: &Plan, execution: &ExecutionArgs) -> CommandResult {
    if !plan.would_write() {
        ui.message("Nothing to apply.");
        return Ok(Exit::Done);
    }
    let log = workspace.registry()?;
    let provider = workspace.online_provider()?;
    let quiet = ui.is_quiet();
    let stop = stop_signal(StopWords {
        first: "stopping: running steps are finished, no other is started; once more stops at once",
        second: "stopped at once; `provender plan` shows what is left to do",
        say: Ui::note,
    })?;
    let report = measured(workspace, &execution.metrics, ui.warner(), async |metrics| {
        let options = ApplyOptions {
            parallelism: usize::from(execution.parallelism),
            lock_timeout: execution.lock_timeout,
            by: author(),
            events: Arc::new(move |event| {
                if let (false, Some(line)) = (quiet, line_of(&event)) {
                    Ui::note(&line);
                }
            }),
            stop,
            clock: Arc::new(SystemClock),
            metrics,
        };
        Ok(apply(plan, &log, &provider, options).await?)
    })
    .await?;
    let exit = tell(ui, &plan.summary, report);
    let waits =
        plan.changes.iter().flat_map(|change| &change.data).filter(|data| data.work != Work::Drop).count();
    if exit == Exit::Done && waits + plan.pending.len() > 0 {
        ui.message(&format!(
            "Stored values are not there yet for all of it. To load them: {} materialize --pending",
            ui.program()
        ));
    }
    Ok(exit)
}

/// One line for each thing that happens; definitions are recorded together and told at the end.
fn line_of(event: &ApplyEvent) -> Option<String> {
    Some(match event {
        ApplyEvent::Waiting { reason } => format!("Waiting: {reason}."),
        ApplyEvent::Begun { apply_id } => format!("Apply {apply_id} begins."),
        ApplyEvent::Started { step } => format!("{step}: started"),
        ApplyEvent::Succeeded { step } => format!("{step}: done"),
        ApplyEvent::Failed { step, error } => format!("{step}: FAILED: {error}"),
    })
}

fn tell(ui: &Ui, summary: &Summary, report: ApplyReport) -> Exit {
    if report.failed.is_empty() && !report.interrupted {
        ui.message(&format!(
            "\nApply complete! {} added, {} changed, {} destroyed. The registry is at revision {}.",
            summary.add,
            summary.change + summary.metadata,
            summary.destroy,
            report.revision
        ));
        return Exit::Done;
    }
    for (step, before) in &report.not_started {
        let because =
            if before.is_empty() { String::new() } else { format!(" (it waits for {})", before.join(", ")) };
        ui.message(&format!("{step}: not started{because}"));
    }
    let what = if report.interrupted { "was interrupted" } else { "failed" };
    let mut error = CommandError::new(format!(
        "the apply {what}: {} steps done, {} failed, {} not started; the registry is at revision {}",
        report.succeeded.len(),
        report.failed.len(),
        report.not_started.len(),
        report.revision
    ));
    for (step, cause) in report.failed {
        for line in CommandError::from(cause).chain {
            error = error.because(format!("{step}: {line}"));
        }
    }
    ui.error(&error.with_hint("`provender plan` shows what is left to do"));
    Exit::Failed
}
