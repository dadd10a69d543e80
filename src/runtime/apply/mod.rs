//! Carrying out a plan, fenced by the registry log. Nothing is decided here: `begin` makes sure that the plan still fits
//! and that nobody else is at work, `schedule` says which steps are ready, `execute` claims them in the log, has the
//! provider carry them out, and records what came of it. `meters` counts.

mod begin;
mod execute;
#[cfg(test)]
mod kill_tests;
mod meters;
mod schedule;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use provender_core::plan::{Plan, StepId};
use provender_core::registry::{ApplyEnd, ApplyOutcome, Author, EntryBody};
use provender_core::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::metrics::Recorder;
use crate::provider::Provider;
use crate::registry::{Appended, RegistryLog};
use crate::{Error, Result};

/// How to apply.
pub struct ApplyOptions {
    /// Steps that run side by side; at least one.
    pub parallelism: usize,
    /// How long to wait while another apply is at work.
    pub lock_timeout: Duration,
    /// Who applies.
    pub by: Author,
    /// Told of what happens, as it happens.
    pub events: Arc<dyn Fn(ApplyEvent) + Send + Sync>,
    /// Becomes `true` when no further step shall start.
    pub stop: watch::Receiver<bool>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where it is counted what an apply does.
    pub metrics: Recorder,
}

impl fmt::Debug for ApplyOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApplyOptions")
            .field("parallelism", &self.parallelism)
            .field("lock_timeout", &self.lock_timeout)
            .finish_non_exhaustive()
    }
}

/// What happens during an apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyEvent {
    /// Another apply is at work; this one waits.
    Waiting {
        /// Who, what and since when.
        reason: String,
    },
    /// The apply is in the log.
    Begun {
        /// Its id.
        apply_id: String,
    },
    /// A step that touches infrastructure started.
    Started {
        /// The step.
        step: StepId,
    },
    /// A step succeeded and is in the log.
    Succeeded {
        /// The step.
        step: StepId,
    },
    /// A step failed.
    Failed {
        /// The step.
        step: StepId,
        /// Why.
        error: String,
    },
}

/// What came of an apply.
#[derive(Debug)]
pub struct ApplyReport {
    /// Its id; none when there was nothing to write.
    pub apply_id: Option<String>,
    /// The last revision that it wrote.
    pub revision: u64,
    /// Steps that succeeded, in the order in which they ended.
    pub succeeded: Vec<StepId>,
    /// Steps that failed, with the reason.
    pub failed: Vec<(StepId, Error)>,
    /// Steps that were not started, with the steps that they waited for and that failed or were not started.
    pub not_started: Vec<(StepId, Vec<StepId>)>,
    /// Whether a signal stopped it.
    pub interrupted: bool,
}

/// Carries out a plan.
///
/// # Errors
/// `Conflict` when another apply is at work or what the plan was made from has changed; it names who or what. `Corrupt`
/// for a registry or plan of another lineage. `Unavailable` when the registry cannot be written; then the apply stays open
/// and the next one takes over. A step that fails is no error of this function: see [`ApplyReport::failed`].
pub async fn apply(
    plan: &Plan,
    log: &RegistryLog,
    provider: &Arc<dyn Provider>,
    options: ApplyOptions,
) -> Result<ApplyReport> {
    if plan.steps.is_empty() {
        let revision = log.state().await?.revision;
        let (succeeded, failed, not_started) = (Vec::new(), Vec::new(), Vec::new());
        return Ok(ApplyReport {
            apply_id: None,
            revision,
            succeeded,
            failed,
            not_started,
            interrupted: false,
        });
    }
    let began = Instant::now();
    let result = carry_out(plan, log, provider, &options).await;
    meters::ended(&options.metrics, plan, &result, began.elapsed());
    result
}

async fn carry_out(
    plan: &Plan,
    log: &RegistryLog,
    provider: &Arc<dyn Provider>,
    options: &ApplyOptions,
) -> Result<ApplyReport> {
    let begun = begin::begin(plan, log, provider, options).await?;
    let lease = begin::keep_lease(log.clone(), begun.lease.clone(), Arc::clone(&options.clock));
    let result = execute::execute(plan, log, provider, options, begun).await;
    drop(lease);
    result
}

/// Ends an apply whose process is gone, so that the next one need not wait for its lease to run out.
///
/// # Errors
/// No apply of that id is open; it may still be at work, and `force` is not set; the registry cannot be read or written.
pub async fn unlock(
    log: &RegistryLog,
    apply_id: &str,
    force: bool,
    by: &Author,
    clock: &dyn Clock,
) -> Result<()> {
    loop {
        let state = log.state().await?;
        let Some(open) = state.open_apply.as_ref().filter(|open| open.apply_id == apply_id) else {
            let hint = match &state.open_apply {
                Some(open) => format!("the open apply is {}", open.apply_id),
                None => "no apply is open".to_owned(),
            };
            return Err(Error::new(crate::ErrorKind::NotFound, format!("apply {apply_id} is not open"))
                .with_hint(hint));
        };
        if !force && log.is_live(open, by, clock.now()).await? {
            return Err(Error::conflict(format!(
                "apply {apply_id} of {}@{} may be at work: it renewed its lease in the last minute",
                open.by.user, open.by.host
            ))
            .with_hint("wait a minute, or end it all the same with `--force`: what it started runs to its end, and nothing more is recorded"));
        }
        let end = ApplyEnd { outcome: ApplyOutcome::Abandoned, closed_by: Some(by.user.clone()) };
        match log.append(&state, apply_id, by, clock.now(), EntryBody::ApplyEnd(end)).await? {
            Appended::Yes(_) => return log.drop_lease(apply_id).await,
            Appended::Lost => {}
        }
    }
}
