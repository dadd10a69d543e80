//! What an apply counts.

use std::collections::BTreeSet;
use std::time::Duration;

use provender_core::plan::{InfraStep, Plan, StepAction, StepId};

use super::ApplyReport;
use crate::Result;
use crate::metrics::{Recorder, table};

/// How an apply ended, and its steps. Those of an apply that was stopped are in the log alone.
pub(super) fn ended(recorder: &Recorder, plan: &Plan, result: &Result<ApplyReport>, took: Duration) {
    let outcome = match result {
        Err(_) => "stopped",
        Ok(report) if report.interrupted => "interrupted",
        Ok(report) if report.failed.is_empty() => "succeeded",
        Ok(_) => "failed",
    };
    recorder.distribution(&table::APPLY_DURATION, &[outcome]).record_duration(took);
    let Ok(report) = result else { return };
    let succeeded: BTreeSet<&StepId> = report.succeeded.iter().collect();
    let failed: BTreeSet<&StepId> = report.failed.iter().map(|(step, _)| step).collect();
    for step in &plan.steps {
        let outcome = if succeeded.contains(&step.id) {
            "succeeded"
        } else if failed.contains(&step.id) {
            "failed"
        } else {
            "not_started"
        };
        recorder.counter(&table::APPLY_STEPS, &[action(&step.action), outcome]).add(1);
    }
}

const fn action(action: &StepAction) -> &'static str {
    match action {
        StepAction::Define => "define",
        StepAction::Infrastructure(InfraStep::Create { .. }) => "create",
        StepAction::Infrastructure(InfraStep::Update { .. }) => "update",
        StepAction::Infrastructure(InfraStep::Delete { .. }) => "delete",
    }
}
