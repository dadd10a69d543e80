//! What must hold, always and at the end.

use provender_core::model::Object;
use provender_core::provider::StoreSpec as _;
use provender_core::registry::{Entry, EntryBody, Registry, StepOutcome, TableState};

use super::actors::{Attempt, Process};
use super::store::Ground;
use super::{World, project};
use crate::ErrorKind;
use crate::clock::Clock as _;
use crate::testing::MemorySpec;

/// Every change of a view counts it up by one: a change that was planned on an older view would not.
pub(super) fn lost_update(before: &Registry, entry: &Entry) -> Vec<String> {
    let EntryBody::ApplyProgress(progress) = &entry.body else { return Vec::new() };
    let mut lost = Vec::new();
    for (address, object) in &progress.change.objects {
        let Some(Object::FeatureView(view)) = object else { continue };
        let known = before.objects.feature_view(&address.name).map_or(0, project::count);
        if project::count(view) != known + 1 {
            lost.push(format!(
                "entry {} changes {address} from {known} to {}: an edit is lost",
                entry.revision,
                project::count(view)
            ));
        }
    }
    lost
}

/// Whatever the registry serves from is in its own list of infrastructure, after every single entry.
pub(super) fn table_without_infrastructure(state: &Registry) -> Vec<String> {
    let live = state.tables.values().filter(|table| table.state == TableState::Live);
    live.flat_map(|table| MemorySpec.lower(project::NAME, table))
        .filter(|object| !state.infrastructure.contains_key(&object.id))
        .map(|object| format!("entry {} leaves a live table without {}", state.revision, object.id))
        .collect()
}

/// A step of infrastructure starts only once its apply has claimed it in the log.
pub(super) fn started(ground: &Ground, apply_id: &str, step: &String) {
    let mut truth = ground.truth();
    let claimed = truth.entries.iter().any(|entry| {
        entry.apply_id == apply_id
            && matches!(&entry.body, EntryBody::ApplyProgress(progress) if progress.claimed.contains(step))
    });
    if !claimed {
        truth.schedule.violations.push(format!("apply {apply_id} started `{step}` without a claim"));
    }
}

/// What an apply says of itself must be what the log says.
pub(super) fn attempt(process: &Process, attempt: &Attempt) {
    let ground = &process.world.ground;
    let mut broken = Vec::new();
    {
        let truth = ground.truth();
        let id = attempt.apply_id.as_deref();
        let own: Vec<&Entry> =
            truth.entries.iter().filter(|entry| Some(entry.apply_id.as_str()) == id).collect();
        let closed_by_other = own
            .iter()
            .any(|entry| matches!(&entry.body, EntryBody::ApplyEnd(end) if end.closed_by.is_some()));
        if closed_by_other && !process.node.has_stalled() && attempt.result.is_some() {
            broken.push(format!("apply {id:?} was closed by another although it was at work all the time"));
        }
        match &attempt.result {
            Some(Ok(report)) if id.is_some() => {
                let done = |step: &String| {
                    own.iter().any(|entry| {
                        matches!(&entry.body, EntryBody::ApplyProgress(progress)
                        if progress.done.iter().any(|report| {
                            report.step == *step && report.outcome == StepOutcome::Succeeded
                        }))
                    })
                };
                broken.extend(
                    report
                        .succeeded
                        .iter()
                        .filter(|step| !done(step))
                        .map(|step| format!("`{step}` was reported as done and is not in the log")),
                );
                if report.failed.is_empty() {
                    let state = usize::try_from(report.revision).ok().and_then(|at| truth.states.get(at));
                    for change in &attempt.plan.changes {
                        let found = state.and_then(|state| state.objects.get(&change.address));
                        if found != attempt.desired.get(&change.address) {
                            broken.push(format!("{} was applied and is lost", change.address));
                        }
                    }
                    if report.succeeded.len() != attempt.plan.steps.len() {
                        broken.push("an apply succeeded without all its steps".to_owned());
                    }
                }
            }
            Some(Err(error)) if error.kind() == ErrorKind::Conflict && (id.is_none() || closed_by_other) => {}
            Some(Err(error)) if error.kind() == ErrorKind::Conflict => {
                broken.push(format!("apply {id:?} stopped, and nobody ended it: {error:?}"));
            }
            Some(Err(error)) if error.kind() != ErrorKind::Unavailable => {
                broken.push(format!("an apply failed: {error:?}"));
            }
            _ => {}
        }
    }
    broken.into_iter().for_each(|what| ground.violation(what));
}

/// A reader sees what was written, no less than before, and nothing half.
pub(super) fn read(world: &World, held: &Registry, written: u64, state: &Registry) {
    let truth = world.ground.truth();
    let is_true = usize::try_from(state.revision).ok().and_then(|at| truth.states.get(at)) == Some(state);
    drop(truth);
    if state.revision < held.revision || state.revision < written {
        world.ground.violation(format!("a reader went back to revision {}", state.revision));
    }
    if !is_true || state.check_references().is_err() {
        world.ground.violation(format!("a reader saw a state that never was, at {}", state.revision));
    }
}

/// Once all is quiet, one apply makes everything so, and then nothing is left to do.
pub(super) async fn recovery(world: &World) {
    world.fate.be_quiet();
    tokio::time::sleep(std::time::Duration::from_secs(200)).await;
    let process = Process::new(world, "last");
    if let Err(what) = recover(world, &process).await {
        world.ground.violation(what);
    }
}

async fn recover(world: &World, process: &Process) -> Result<(), String> {
    let text = |error: crate::Error| format!("after the schedule: {error:?}");
    let state = process.log.state().await.map_err(text)?;
    let desired = project::last(&state.objects);
    let now = world.ground.clock.now();
    let plan =
        process.plan(&state, &desired, now).await.map_err(text)?.ok_or("no plan after the schedule")?;
    let last = process.apply(plan, desired.clone()).await;
    attempt(process, &last);
    match last.result {
        Some(Ok(report)) if report.failed.is_empty() => {}
        other => return Err(format!("the last apply did not succeed: {other:?}")),
    }
    let state = process.log.state().await.map_err(text)?;
    let left =
        process.plan(&state, &desired, now).await.map_err(text)?.ok_or("no plan after the last apply")?;
    if !left.steps.is_empty() || state.objects != desired {
        return Err(format!("after the last apply, left to do: {:?}", left.steps));
    }
    let report = process.log.verify().await.map_err(text)?;
    let truth_entries = world.ground.truth().entries.clone();
    if report.entries != truth_entries.len() as u64 {
        return Err(format!("{} entries were written, and {} verified", truth_entries.len(), report.entries));
    }
    let kept = world.ground.documents("log").await;
    for entry in &truth_entries {
        let bytes = kept.get(&format!("{:020}.json", entry.revision));
        if bytes.and_then(|bytes| serde_json::from_slice::<Entry>(bytes).ok()).as_ref() != Some(entry) {
            return Err(format!("entry {} is not what was written", entry.revision));
        }
    }
    infrastructure(world, &state)
}

/// Every live table has its infrastructure, and no infrastructure is there that the registry does not know.
fn infrastructure(world: &World, state: &Registry) -> Result<(), String> {
    let there = world.memory.objects();
    for table in state.tables.values().filter(|table| table.state == TableState::Live) {
        for object in MemorySpec.lower(project::NAME, table) {
            if !there.contains_key(&object.id) {
                return Err(format!("{} has no infrastructure", table.id));
            }
        }
    }
    // A process that was thought dead may create its table after others cleaned up.
    let outlived = world.ground.truth().outlived;
    match there.keys().find(|id| !state.infrastructure.contains_key(id)) {
        Some(id) if !outlived => Err(format!("{id} is there, and the registry does not know it")),
        _ => Ok(()),
    }
}
