//! Applying plans made by hand, over a registry and infrastructure in memory.

use std::sync::Arc;

use futures::FutureExt as _;
use litemap::LiteMap;
use object_store::memory::InMemory;
use object_store::path::Path;
use provender_core::model::Project;
use provender_core::plan::{InfraStep, Plan, PlanInput, Step, StepAction, plan};
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::{AppliedEnvironment, Author, Registry, StateChange};
use provender_core::time::{Duration, Timestamp};
use tokio::sync::watch;

use super::*;
use crate::clock::SystemClock;
use crate::metrics::{TextFormat, table};
use crate::testing::{Hook, MemoryProvider, MemorySpec, Moment, Operation};

fn step(name: &str, after: &[&str]) -> Step {
    let object = InfraObject {
        store: None,
        id: InfraId { kind: "memory_table".to_owned(), name: name.to_owned() },
        table: None,
        attributes: LiteMap::new(),
    };
    Step {
        id: name.to_owned(),
        after: after.iter().map(ToString::to_string).collect(),
        action: StepAction::Infrastructure(InfraStep::Create { object }),
        change: StateChange::default(),
    }
}

fn plan_of(steps: Vec<Step>) -> Plan {
    let project = Project { name: "shop".to_owned(), ..Project::default() };
    let (prior, environment) = (Registry::default(), AppliedEnvironment::default());
    let empty = plan(&PlanInput {
        store: Some(&MemorySpec),
        ..PlanInput::of(&project, &prior, &environment, Timestamp::from_nanos(0))
    });
    Plan { steps, ..empty.plan.unwrap() }
}

fn log() -> RegistryLog {
    RegistryLog::new(Arc::new(InMemory::new()), Path::from("r"), "shop".to_owned())
}

fn options(stop: watch::Receiver<bool>) -> ApplyOptions {
    ApplyOptions {
        parallelism: 4,
        lock_timeout: Duration::from_seconds(0),
        by: Author::default(),
        events: Arc::new(|_| ()),
        stop,
        clock: Arc::new(SystemClock),
        metrics: Default::default(),
    }
}

/// Infrastructure on which a step takes 10 ms, and steps whose name starts with `bad` fail.
fn infrastructure() -> Arc<dyn Provider> {
    let hook: Hook = Arc::new(|operation, moment| {
        async move {
            if let (Operation::Execute(step), Moment::Before) = (operation, moment)
                && let InfraStep::Create { object } = *step
            {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                if object.id.name.starts_with("bad") {
                    return Err(Error::unavailable("no such luck"));
                }
            }
            Ok(())
        }
        .boxed()
    });
    Arc::new(MemoryProvider::new("shop").with_hook(hook))
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_stops_only_what_depends_on_it() {
    let steps =
        vec![step("bad", &[]), step("b", &["bad"]), step("c", &["b"]), step("d", &[]), step("e", &["d"])];
    let (_keep, stop) = watch::channel(false);
    let log = log();
    let options = options(stop);
    let metrics = options.metrics.clone();
    let report = apply(&plan_of(steps), &log, &infrastructure(), options).await.unwrap();
    assert_eq!(report.succeeded, ["d", "e"]);
    let counted = |outcome| metrics.counter(&table::APPLY_STEPS, &["create", outcome]).value();
    assert_eq!((counted("succeeded"), counted("failed"), counted("not_started")), (2, 1, 2));
    assert!(
        metrics.prometheus(TextFormat::Prometheus).contains(r#"duration_seconds_count{outcome="failed"} 1"#)
    );
    assert_eq!(report.failed.len(), 1);
    let waited = |step: &str, before: &str| (step.to_owned(), vec![before.to_owned()]);
    assert_eq!(report.not_started, [waited("b", "bad"), waited("c", "b")]);
    assert!(!report.interrupted && log.state().await.unwrap().open_apply.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_steps_cost_few_entries() {
    let steps: Vec<Step> = (0..1_000).map(|number| step(&format!("s{number}"), &[])).collect();
    let (_keep, stop) = watch::channel(false);
    let log = log();
    let report = apply(&plan_of(steps), &log, &infrastructure(), options(stop)).await.unwrap();
    assert_eq!(report.succeeded.len(), 1_000);
    // 2.5 s of steps, an entry each 200 ms.
    assert!(report.revision <= 20, "{} entries", report.revision);
}

#[tokio::test(start_paused = true)]
async fn a_stop_signal_lets_running_steps_end_and_starts_no_other() {
    let steps: Vec<Step> = (0..100).map(|number| step(&format!("s{number:03}"), &[])).collect();
    let (signal, stop) = watch::channel(false);
    let log = log();
    let plan = plan_of(steps);
    let provider = infrastructure();
    let (report, ()) = tokio::join!(apply(&plan, &log, &provider, options(stop)), async {
        tokio::time::sleep(std::time::Duration::from_millis(35)).await;
        signal.send(true).unwrap();
    });
    let report = report.unwrap();
    assert!(report.interrupted && report.failed.is_empty());
    assert_eq!(report.succeeded.len() + report.not_started.len(), 100);
    assert!(!report.succeeded.is_empty() && report.succeeded.len() < 30, "{}", report.succeeded.len());
    assert!(log.state().await.unwrap().open_apply.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_second_apply_waits_as_long_as_it_is_told() {
    let (_keep, stop) = watch::channel(false);
    let log = log();
    let (first, second) = (plan_of(vec![step("a", &[])]), plan_of(vec![step("b", &[])]));
    let provider = infrastructure();
    let patient = ApplyOptions { lock_timeout: Duration::from_seconds(60), ..options(stop.clone()) };
    let (one, two, three) = tokio::join!(
        apply(&first, &log, &provider, options(stop.clone())),
        apply(&second, &log, &provider, options(stop)),
        apply(&second, &log, &provider, patient),
    );
    assert_eq!(one.unwrap().succeeded, ["a"]);
    assert_eq!(two.unwrap_err().kind(), crate::ErrorKind::Conflict);
    assert_eq!(three.unwrap().succeeded, ["b"]);
}
