//! Claims steps in the log, has the provider carry them out, and records what came of it.
//!
//! One log entry records the outcomes since the last one and claims the steps that are ready then; it is written when
//! nothing is running or 200 ms after the first outcome, so that a thousand steps cost few entries. A step of
//! infrastructure starts only after the entry that claims it is in the log: an apply that was taken over finds the next
//! number taken and stops before its next group.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use provender_core::plan::{InfraStep, Plan, Step, StepAction, StepId};
use provender_core::provider::InfraObject;
use provender_core::registry::{
    ApplyEnd, ApplyOutcome, ApplyProgress, EntryBody, Registry, StateChange, StepOutcome, StepReport,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::begin::Begun;
use super::schedule::Schedule;
use super::{ApplyEvent, ApplyOptions, ApplyReport};
use crate::provider::Provider;
use crate::registry::{Appended, RegistryLog};
use crate::{Error, ErrorKind, Result};

/// Outcomes wait at most this long for others to share an entry.
const COALESCE: Duration = Duration::from_millis(200);

type Outcome = (StepId, Result<Option<InfraObject>>);

struct Execution<'a> {
    log: &'a RegistryLog,
    provider: &'a Arc<dyn Provider>,
    options: &'a ApplyOptions,
    apply_id: String,
    /// Revision of `apply_begin`; open table ids get it.
    begin_revision: u64,
    state: Registry,
    steps: BTreeMap<&'a str, &'a Step>,
    schedule: Schedule<'a>,
    /// Ready steps of infrastructure that are not claimed yet.
    unclaimed: Vec<&'a Step>,
    /// Claimed steps that are not started yet.
    claimed: VecDeque<&'a Step>,
    running: JoinSet<Outcome>,
    /// Outcomes that are not in the log yet.
    unrecorded: ApplyProgress,
    record_at: Option<Instant>,
    succeeded: Vec<StepId>,
    failed: Vec<(StepId, Error)>,
}

/// Runs all steps and writes `apply_end`.
pub(super) async fn execute(
    plan: &Plan,
    log: &RegistryLog,
    provider: &Arc<dyn Provider>,
    options: &ApplyOptions,
    begun: Begun,
) -> Result<ApplyReport> {
    let mut execution = Execution {
        log,
        provider,
        options,
        apply_id: begun.apply_id,
        begin_revision: begun.state.revision,
        state: begun.state,
        steps: plan.steps.iter().map(|step| (step.id.as_str(), step)).collect(),
        schedule: Schedule::new(&plan.steps),
        unclaimed: Vec::new(),
        claimed: VecDeque::new(),
        running: JoinSet::new(),
        unrecorded: ApplyProgress::default(),
        record_at: None,
        succeeded: Vec::new(),
        failed: Vec::new(),
    };
    match execution.run().await {
        Ok(()) => execution.finish().await,
        Err(error) => {
            // Nothing more is recorded, but what is running is not torn off in the middle.
            while execution.running.join_next().await.is_some() {}
            Err(error)
        }
    }
}

impl Execution<'_> {
    fn stopping(&self) -> bool {
        *self.options.stop.borrow()
    }

    async fn run(&mut self) -> Result<()> {
        loop {
            if !self.stopping() {
                self.take_ready();
                self.start_claimed();
            }
            let due = self.record_at.is_some_and(|at| Instant::now() >= at);
            if self.has_news() && (self.running.is_empty() || due) {
                self.record().await?;
            } else if self.running.is_empty() {
                return Ok(());
            } else {
                self.wait().await?;
            }
        }
    }

    /// Definitions need no provider: they succeed by being recorded.
    fn take_ready(&mut self) {
        loop {
            let ready = self.schedule.take_ready();
            if ready.is_empty() {
                return;
            }
            for step in ready {
                match step.action {
                    StepAction::Define => {
                        let change = step.change.resolve(self.begin_revision);
                        self.note_success(&step.id, change);
                    }
                    StepAction::Infrastructure(_) => {
                        self.unclaimed.push(step);
                        self.must_record_soon();
                    }
                }
            }
        }
    }

    fn note_success(&mut self, step: &str, change: StateChange) {
        self.unrecorded.done.push(StepReport { step: step.to_owned(), outcome: StepOutcome::Succeeded });
        self.unrecorded.change.extend(change);
        self.schedule.succeeded(step);
        self.must_record_soon();
    }

    fn must_record_soon(&mut self) {
        self.record_at.get_or_insert_with(|| Instant::now() + COALESCE);
    }

    fn has_news(&self) -> bool {
        !self.unrecorded.done.is_empty() || (!self.unclaimed.is_empty() && !self.stopping())
    }

    fn start_claimed(&mut self) {
        while self.running.len() < self.options.parallelism.max(1) {
            let Some(step) = self.claimed.pop_front() else { return };
            let StepAction::Infrastructure(action) = &step.action else { continue };
            let action: InfraStep = action.resolve(self.begin_revision);
            let (provider, id) = (Arc::clone(self.provider), step.id.clone());
            (self.options.events)(ApplyEvent::Started { step: id.clone() });
            self.running.spawn(async move {
                let result = provider.execute(&action).await;
                (id, result)
            });
        }
    }

    /// Until a step ends, outcomes must be recorded, or a signal comes.
    async fn wait(&mut self) -> Result<()> {
        let record_at = self.record_at.unwrap_or_else(|| Instant::now() + LONG);
        let stopping = self.stopping();
        let mut stop = self.options.stop.clone();
        let stop_signal = async move {
            if stop.wait_for(|stop| *stop).await.is_err() {
                // Nobody can stop us any more.
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            ended = self.running.join_next() => match ended {
                Some(Ok(outcome)) => self.note_outcome(outcome),
                Some(Err(error)) => {
                    return Err(Error::new(ErrorKind::Bug, "a step ended in a bug").with_source(error));
                }
                None => {}
            },
            () = tokio::time::sleep_until(record_at) => {}
            () = stop_signal, if !stopping => {}
        }
        Ok(())
    }

    fn note_outcome(&mut self, (id, result): Outcome) {
        match result {
            Ok(object) => {
                let mut change = self
                    .steps
                    .get(id.as_str())
                    .map(|step| step.change.resolve(self.begin_revision))
                    .unwrap_or_default();
                if let Some(object) = object {
                    // What is really there, as the provider says.
                    change.infrastructure.insert(object.id.clone(), Some(object));
                }
                self.note_success(&id, change);
            }
            Err(error) => {
                let text = error.chain().join(": ");
                (self.options.events)(ApplyEvent::Failed { step: id.clone(), error: text.clone() });
                let outcome = StepOutcome::Failed { error: text };
                self.unrecorded.done.push(StepReport { step: id.clone(), outcome });
                self.failed.push((id, error));
                self.must_record_soon();
            }
        }
    }

    /// One entry: the outcomes since the last one, and claims of what is ready.
    async fn record(&mut self) -> Result<()> {
        let mut progress = std::mem::take(&mut self.unrecorded);
        let claiming = if self.stopping() { Vec::new() } else { std::mem::take(&mut self.unclaimed) };
        for step in &claiming {
            progress.claimed.push(step.id.clone());
            if let StepAction::Infrastructure(InfraStep::Create { object }) = &step.action {
                // Known before it is there: whatever becomes of this apply, the next plan finds it.
                let object = object.resolve(self.begin_revision);
                progress.change.infrastructure.insert(object.id.clone(), Some(object));
            }
        }
        self.record_at = None;
        let done: Vec<StepId> = progress
            .done
            .iter()
            .filter(|report| report.outcome == StepOutcome::Succeeded)
            .map(|report| report.step.clone())
            .collect();
        #[cfg(any(test, feature = "testing"))]
        if done.is_empty() && crate::testing::sabotage::skips(crate::testing::sabotage::Guard::Claim) {
            self.claimed.extend(claiming);
            return Ok(());
        }
        self.append(EntryBody::ApplyProgress(progress)).await?;
        self.claimed.extend(claiming);
        for step in done {
            (self.options.events)(ApplyEvent::Succeeded { step: step.clone() });
            self.succeeded.push(step);
        }
        Ok(())
    }

    async fn append(&mut self, body: EntryBody) -> Result<()> {
        let (by, now) = (&self.options.by, self.options.clock.now());
        match self.log.append(&self.state, &self.apply_id, by, now, body).await? {
            Appended::Yes(state) => {
                self.state = *state;
                Ok(())
            }
            Appended::Lost => {
                Err(Error::conflict(format!("apply {} was ended by somebody else", self.apply_id))
                    .with_hint("`provender history` shows who; `provender plan` shows what is left to do"))
            }
        }
    }

    async fn finish(mut self) -> Result<ApplyReport> {
        let given_out = self.unclaimed.iter().chain(&self.claimed).map(|step| (step.id.clone(), Vec::new()));
        let mut not_started: Vec<(StepId, Vec<StepId>)> = given_out.collect();
        not_started.extend(self.schedule.not_started());
        let interrupted = self.stopping() && !not_started.is_empty();
        let outcome = if interrupted {
            ApplyOutcome::Interrupted
        } else if self.failed.is_empty() {
            ApplyOutcome::Succeeded
        } else {
            ApplyOutcome::Failed
        };
        self.append(EntryBody::ApplyEnd(ApplyEnd { outcome, closed_by: None })).await?;
        // The entry is what counts: a lease that stays is of no apply that is open.
        let _ = self.log.drop_lease(&self.apply_id).await;
        Ok(ApplyReport {
            apply_id: Some(self.apply_id),
            revision: self.state.revision,
            succeeded: self.succeeded,
            failed: self.failed,
            not_started,
            interrupted,
        })
    }
}

/// Longer than any step waits for a signal or another step.
const LONG: Duration = Duration::from_secs(3_600);
