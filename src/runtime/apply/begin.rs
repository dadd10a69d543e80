//! The start of an apply: does the plan still fit, and is nobody else at work.

use std::sync::Arc;

use provender_core::plan::{InfraStep, Plan, StepAction};
use provender_core::provider::InfraObject;
use provender_core::registry::{ApplyBegin, ApplyEnd, ApplyOutcome, EntryBody, OpenApply, Registry};
use tokio::task::JoinSet;

use super::{ApplyEvent, ApplyOptions};
use crate::clock::Clock;
use crate::provider::Provider;
use crate::registry::{Appended, LEASE_RENEWAL, Lease, RegistryLog};
use crate::{Error, Result};

/// How often a waiting apply looks again.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// An apply that is in the log.
pub(super) struct Begun {
    pub(super) apply_id: String,
    pub(super) lease: Lease,
    /// The state after `apply_begin`.
    pub(super) state: Registry,
}

/// Writes `apply_begin` on a state that the plan fits and in which no other apply is at work.
pub(super) async fn begin(
    plan: &Plan,
    log: &RegistryLog,
    provider: &Arc<dyn Provider>,
    options: &ApplyOptions,
) -> Result<Begun> {
    let apply_id = crate::registry::random_id();
    let deadline = tokio::time::Instant::now()
        + std::time::Duration::from_nanos(options.lock_timeout.as_nanos().unsigned_abs());
    let mut told = false;
    loop {
        let state = log.state().await?;
        check_lineage(plan, &state)?;
        if let Some(open) = &state.open_apply {
            if !log.is_live(open, &options.by, options.clock.now()).await? {
                take_over(log, &state, open, &apply_id, options).await?;
                continue;
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(busy(open));
            }
            if !told {
                (options.events)(ApplyEvent::Waiting { reason: busy(open).to_string() });
                told = true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            if *options.stop.borrow() {
                return Err(busy(open).context("stopped while waiting for another apply"));
            }
            continue;
        }
        check_preconditions(plan, &state, provider).await?;
        if let Some(taken) = taken_name(plan, state.revision + 1, provider).await? {
            // Another apply may have taken this number since, and created its own.
            if log.state().await?.revision > state.revision {
                continue;
            }
            return Err(taken);
        }
        // Before the entry: whoever sees the entry must find the lease.
        let lease = Lease::of_this_process(&apply_id, &options.by, options.clock.now());
        log.renew_lease(&lease).await?;
        let body = EntryBody::ApplyBegin(ApplyBegin {
            plan_digest: plan.decision_digest.clone(),
            steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
            process: std::process::id(),
            summary: summary(plan),
        });
        match log.append(&state, &apply_id, &options.by, options.clock.now(), body).await? {
            Appended::Yes(state) => {
                (options.events)(ApplyEvent::Begun { apply_id: apply_id.clone() });
                return Ok(Begun { apply_id, lease, state: *state });
            }
            Appended::Lost => log.drop_lease(&apply_id).await?,
        }
    }
}

fn check_lineage(plan: &Plan, state: &Registry) -> Result<()> {
    if plan.lineage.is_empty() || plan.lineage == state.lineage {
        return Ok(());
    }
    Err(Error::corrupt("this plan was made for another registry")
        .with_source(Error::corrupt(format!(
            "the plan is of lineage {}, the registry of lineage {}",
            plan.lineage,
            if state.lineage.is_empty() { "none: it is empty" } else { &state.lineage }
        )))
        .with_hint("plan again with the registry that you want to change"))
}

async fn check_preconditions(plan: &Plan, state: &Registry, provider: &Arc<dyn Provider>) -> Result<()> {
    #[cfg(any(test, feature = "testing"))]
    if crate::testing::sabotage::skips(crate::testing::sabotage::Guard::Preconditions) {
        return Ok(());
    }
    let looked_at = plan.preconditions.observed.iter();
    let known = looked_at.filter_map(|(id, seen)| state.infrastructure.get(id).or(seen.as_ref()));
    let objects: Vec<&InfraObject> = known.collect();
    let observed =
        if plan.preconditions.observed.is_empty() { None } else { Some(provider.observe(&objects).await?) };
    let moved = plan.preconditions.check(state, observed.as_ref());
    if moved.is_empty() {
        return Ok(());
    }
    Err(Error::conflict("the world moved since this plan was made")
        .with_source(Error::conflict(moved.join("; ")))
        .with_hint("plan again, and review what is different now"))
}

/// An id that this apply will give to a new object was never given before, as far as this registry knows. An object of
/// that name is of a registry that was lost: its values are not those of the definitions.
async fn taken_name(plan: &Plan, begin_revision: u64, provider: &Arc<dyn Provider>) -> Result<Option<Error>> {
    let created = plan.steps.iter().filter_map(|step| match &step.action {
        StepAction::Infrastructure(InfraStep::Create { object }) => Some(object.resolve(begin_revision)),
        _ => None,
    });
    let objects: Vec<InfraObject> = created.collect();
    if objects.is_empty() {
        return Ok(None);
    }
    let observed = provider.observe(&objects.iter().collect::<Vec<_>>()).await?;
    Ok(observed.keys().next().map(|taken| {
        Error::invalid(format!(
            "{} \"{}\" is there already, and this registry never created it",
            taken.kind, taken.name
        ))
        .with_hint(
            "the registry that created it was lost or lies elsewhere: restore it, or put its path back",
        )
        .with_hint("to start over without it, `provender sweep` removes what the registry does not know")
    }))
}

fn busy(open: &OpenApply) -> Error {
    Error::conflict(format!(
        "apply {} of {}@{} is at work since {}",
        open.apply_id, open.by.user, open.by.host, open.at
    ))
    .with_hint("`--lock-timeout 5m` waits for it")
    .with_hint(format!("if its process is gone for good: provender unlock {}", open.apply_id))
}

/// Closes an apply whose process is gone. Losing the race is fine: the state is read again.
async fn take_over(
    log: &RegistryLog,
    state: &Registry,
    open: &OpenApply,
    apply_id: &str,
    options: &ApplyOptions,
) -> Result<()> {
    let end = ApplyEnd { outcome: ApplyOutcome::Abandoned, closed_by: Some(apply_id.to_owned()) };
    let body = EntryBody::ApplyEnd(end);
    if let Appended::Yes(_) =
        log.append(state, &open.apply_id, &options.by, options.clock.now(), body).await?
    {
        log.drop_lease(&open.apply_id).await?;
    }
    Ok(())
}

fn summary(plan: &Plan) -> String {
    let counts = &plan.summary;
    let mut text =
        format!("{} to add, {} to change, {} to destroy", counts.add, counts.change, counts.destroy);
    for (count, what) in [
        (counts.replace, "tables to replace"),
        (counts.metadata, "metadata-only"),
        (counts.superseded, "superseded tables to delete"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// Renews the lease until the set is dropped. A renewal that fails is tried again at the next turn: the lease lasts three
/// of them.
pub(super) fn keep_lease(log: RegistryLog, lease: Lease, clock: Arc<dyn Clock>) -> JoinSet<()> {
    let mut task = JoinSet::new();
    task.spawn(async move {
        loop {
            tokio::time::sleep(LEASE_RENEWAL).await;
            let renewed = Lease { renewed_at: clock.now(), ..lease.clone() };
            if let Err(error) = log.renew_lease(&renewed).await {
                tracing::warn!(%error, "the lease of this apply could not be renewed");
            }
        }
    });
    task
}
