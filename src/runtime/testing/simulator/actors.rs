//! Those who share the registry: appliers that edit, plan and apply; a materializer; a reader.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use litemap::LiteMap;
use object_store::path::Path;
use provender_core::model::{Objects, Project, StoreIdentity};
use provender_core::plan::{Plan, PlanInput, plan};
use provender_core::provider::InfraObject;
use provender_core::registry::{AppliedEnvironment, Author, Ledger, Registry, TableId};
use provender_core::time::{Duration, Timestamp};
use tokio::sync::watch;

use super::fate::{Crashing, Node};
use super::store::FaultyStore;
use super::{World, check, project};
use crate::apply::{ApplyEvent, ApplyOptions, ApplyReport, apply};
use crate::clock::Clock as _;
use crate::materialize::{MaterializeJob, MaterializeKind, ViewOutcome, materialize};
use crate::provider::Provider;
use crate::registry::RegistryLog;
use crate::testing::{Hook, MemorySpec};
use crate::{Error, ErrorKind, Result};

/// One process: its own way to the store and to the infrastructure.
pub(super) struct Process {
    pub(super) world: World,
    pub(super) node: Arc<Node>,
    pub(super) log: RegistryLog,
    pub(super) provider: Arc<dyn Provider>,
    by: Author,
}

/// What an apply was about and what came of it.
pub(super) struct Attempt {
    pub(super) plan: Plan,
    pub(super) desired: Objects,
    /// Set once `apply_begin` is in the log, as far as the process knows.
    pub(super) apply_id: Option<String>,
    /// None when the process crashed.
    pub(super) result: Option<Result<ApplyReport>>,
}

impl Process {
    pub(super) fn new(world: &World, name: &str) -> Self {
        let node = Node::new(&world.fate);
        let store = Arc::new(FaultyStore::new(Arc::clone(&world.ground), Arc::clone(&node)));
        let log = RegistryLog::new(store, Path::from(project::NAME), project::NAME.to_owned());
        let provider = Arc::new(world.memory.clone().with_hook(hook(&node)));
        let by = Author { user: name.to_owned(), ..Author::default() };
        Self { world: world.clone(), node, log, provider, by }
    }

    fn now(&self) -> Timestamp {
        self.world.ground.clock.now()
    }

    /// A plan for these definitions; none when a rule forbids it.
    pub(super) async fn plan(
        &self,
        state: &Registry,
        desired: &Objects,
        now: Timestamp,
    ) -> Result<Option<Plan>> {
        let mut ledgers: BTreeMap<TableId, Ledger> = BTreeMap::new();
        for table in state.tables.keys() {
            ledgers.insert(table.clone(), self.log.ledger().read(table).await?);
        }
        let known: Vec<&InfraObject> = state.infrastructure.values().collect();
        let observed = self.provider.observe(&known).await?;
        let identity = StoreIdentity { kind: "memory".to_owned(), settings: LiteMap::new() };
        let project =
            Project { name: project::NAME.to_owned(), objects: desired.clone(), ..Project::default() };
        let environment = AppliedEnvironment {
            provider: "memory".to_owned(),
            online_store: Some(identity),
            offline_store: None,
        };
        let outcome = plan(&PlanInput {
            keep_superseded: Duration::from_seconds(10),
            ledgers: &ledgers,
            observed: Some(&observed),
            store: Some(&MemorySpec),
            ..PlanInput::of(&project, state, &environment, now)
        });
        Ok(outcome.plan)
    }

    /// Applies a plan, unless the process crashes.
    pub(super) async fn apply(&self, plan: Plan, desired: Objects) -> Attempt {
        let fate = &self.world.fate;
        let begun: Arc<Mutex<Option<String>>> = Arc::default();
        let (_stop, stop) = watch::channel(false);
        let options = ApplyOptions {
            parallelism: usize::try_from(fate.between(1, 4)).unwrap_or(1),
            lock_timeout: Duration::from_seconds(if fate.one_in(3) { 2 } else { 0 }),
            by: self.by.clone(),
            events: self.events(&begun),
            stop,
            clock: Arc::new(self.world.ground.clock),
            metrics: Default::default(),
        };
        let polls = if !fate.is_quiet() && fate.one_in(3) { fate.between(1, 120) } else { u64::MAX };
        let result = Crashing::new(apply(&plan, &self.log, &self.provider, options), polls).await;
        let apply_id = begun.lock().expect("no event handler panics").take();
        let mut truth = self.world.ground.truth();
        if let Some(apply_id) = &apply_id {
            truth.running.remove(apply_id);
        }
        match &result {
            None => truth.schedule.crashed += 1,
            Some(Ok(_)) => truth.schedule.succeeded += 1,
            Some(Err(error)) if error.kind() == ErrorKind::Conflict => truth.schedule.conflicts += 1,
            Some(Err(_)) => {}
        }
        drop(truth);
        Attempt { plan, desired, apply_id, result }
    }

    fn events(&self, begun: &Arc<Mutex<Option<String>>>) -> Arc<dyn Fn(ApplyEvent) + Send + Sync> {
        let (begun, ground) = (Arc::clone(begun), Arc::clone(&self.world.ground));
        Arc::new(move |event| match event {
            ApplyEvent::Begun { apply_id } => {
                ground.truth().running.insert(apply_id.clone());
                *begun.lock().expect("no event handler panics") = Some(apply_id);
            }
            ApplyEvent::Started { step } => {
                let apply_id = begun.lock().expect("no event handler panics").clone().unwrap_or_default();
                check::started(&ground, &apply_id, &step);
            }
            _ => {}
        })
    }
}

/// Infrastructure and online stores fail too, before or after they did what they were asked.
fn hook(node: &Arc<Node>) -> Hook {
    let node = Arc::clone(node);
    Arc::new(move |_, _| {
        let node = Arc::clone(&node);
        async move {
            node.pause().await;
            if !node.fate.is_quiet() && node.fate.one_in(40) {
                return Err(Error::unavailable("the infrastructure did not answer"));
            }
            Ok(())
        }
        .boxed()
    })
}

/// Edits, plans and applies a few times.
pub(super) async fn applier(world: World, name: String) {
    for _ in 0..world.fate.between(1, 4) {
        // A new process each time: a crash forgets everything.
        let process = Process::new(&world, &name);
        world.fate.wait_up_to(300).await;
        let Ok(state) = process.log.state().await else { continue };
        let desired = project::edit(&world.fate, &state.objects);
        let Ok(Some(plan)) = process.plan(&state, &desired, process.now()).await else { continue };
        world.fate.wait_up_to(200).await;
        let attempt = process.apply(plan, desired).await;
        check::attempt(&process, &attempt);
        if world.fate.one_in(3) {
            tokio::time::sleep(std::time::Duration::from_secs(world.fate.between(0, 80))).await;
        }
    }
}

/// Loads values a few times.
pub(super) async fn materializer(world: World) {
    for round in 0..world.fate.between(1, 4) {
        let process = Process::new(&world, "materializer");
        world.fate.wait_up_to(3_000).await;
        let Ok(state) = process.log.state().await else { continue };
        let kind = if world.fate.one_in(2) {
            MaterializeKind::Pending
        } else {
            let (start, end) = project::TIMES;
            MaterializeKind::Range { start: Timestamp::from_nanos(start), end: Timestamp::from_nanos(end) }
        };
        let job = MaterializeJob {
            views: Vec::new(),
            kind,
            allow_future: false,
            dry_run: false,
            lookback: None,
            job_id: format!("job{round}"),
            by: process.by.clone(),
            now: process.now(),
            clock: Arc::new(world.ground.clock),
            metrics: Default::default(),
        };
        let ledger = process.log.ledger();
        let provider = process.provider.as_ref();
        let nobody: crate::materialize::MaterializeProgress = Arc::new(|_| ());
        let run = materialize(&job, &state, &ledger, provider, &nobody);
        let polls = if world.fate.one_in(4) { world.fate.between(1, 40) } else { u64::MAX };
        if let Some(Ok(report)) = Crashing::new(run, polls).await {
            for view in report.views {
                if let ViewOutcome::Failed(error) = view.outcome
                    && !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::NotFound)
                {
                    world.ground.violation(format!("materializing {} failed: {error:?}", view.view));
                }
            }
        }
    }
}

/// Looks again and again.
pub(super) async fn reader(world: World) {
    let process = Process::new(&world, "reader");
    let mut held = Registry::default();
    for _ in 0..world.fate.between(4, 12) {
        world.fate.wait_up_to(1_500).await;
        let written = world.ground.truth().entries.len() as u64;
        let read = if world.fate.one_in(2) {
            process.log.state().await
        } else {
            let mut next = held.clone();
            process.log.refresh(&mut next).await.map(|()| next)
        };
        match read {
            Ok(state) => {
                check::read(&world, &held, written, &state);
                held = state;
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(error) => world.ground.violation(format!("a reader failed: {error:?}")),
        }
    }
}
