//! `kill -9` before and after every step of an apply: the process stops where it is, and nothing of it runs on. Its plan is
//! taken up by another process, which ends where an undisturbed apply ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use litemap::LiteMap;
use object_store::memory::InMemory;
use object_store::path::Path;
use provender_core::model::{Address, Object, ObjectKind, Objects, Project, StoreIdentity, ValueType};
use provender_core::plan::{Plan, PlanInput, plan};
use provender_core::registry::{AppliedEnvironment, Author, Registry, TableState};
use provender_core::time::{Duration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::provider::Provider;
use crate::testing::{Hook, MemoryProvider, MemorySpec, Operation, entity, feature_view, file_source};

/// Views, each with one object of infrastructure: the steps that a process can be killed in.
const VIEWS: usize = 50;

/// The paused clock of the runtime.
#[derive(Clone, Copy, Debug)]
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(i64::try_from(self.0.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }
}

fn desired() -> Objects {
    let mut objects = Objects::default();
    let mut add = |kind, name: &str, object| drop(objects.0.insert(Address::new(kind, name), object));
    add(ObjectKind::Entity, "key", Object::Entity(entity("id", ValueType::Int64)));
    add(ObjectKind::DataSource, "rows", Object::DataSource(file_source("rows")));
    for number in 0..VIEWS {
        let view = feature_view("rows", &["key"], &[("f", ValueType::Int64)]);
        add(ObjectKind::FeatureView, &format!("view{number:02}"), Object::FeatureView(view));
    }
    objects
}

/// A store and a registry that outlive processes.
struct Ground {
    memory: MemoryProvider,
    log: RegistryLog,
    clock: Paused,
}

impl Ground {
    fn new() -> Self {
        let log = RegistryLog::new(Arc::new(InMemory::new()), Path::from("r"), "shop".to_owned());
        Self { memory: MemoryProvider::new("shop"), log, clock: Paused(Instant::now()) }
    }

    fn options(&self, parallelism: usize) -> ApplyOptions {
        let (signal, stop) = watch::channel(false);
        // Nobody will ever send.
        std::mem::forget(signal);
        ApplyOptions {
            parallelism,
            lock_timeout: Duration::from_seconds(0),
            by: Author::default(),
            events: Arc::new(|_| ()),
            stop,
            clock: Arc::new(self.clock),
            metrics: Default::default(),
        }
    }

    async fn planned(&self) -> Plan {
        let prior = self.log.state().await.unwrap();
        let objects = desired();
        let known: Vec<_> = prior.infrastructure.values().collect();
        let observed = self.memory.observe(&known).await.unwrap();
        let project = Project { name: "shop".to_owned(), objects, ..Project::default() };
        let store = StoreIdentity { kind: "memory".to_owned(), settings: LiteMap::new() };
        let environment = AppliedEnvironment {
            provider: "memory".to_owned(),
            online_store: Some(store),
            offline_store: None,
        };
        let outcome = plan(&PlanInput {
            observed: Some(&observed),
            store: Some(&MemorySpec),
            ..PlanInput::of(&project, &prior, &environment, self.clock.now())
        });
        assert_eq!(outcome.errors, []);
        outcome.plan.unwrap()
    }

    /// Applies, and dies at the moment of this number: before the first step, after it, before the next one, and so on.
    /// Returns whether it died.
    async fn apply_and_die(&self, moment: usize, parallelism: usize) -> bool {
        let (reached, died) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let hook: Hook = {
            let died = Arc::clone(&died);
            Arc::new(move |operation, _| {
                let (reached, died) = (Arc::clone(&reached), Arc::clone(&died));
                async move {
                    // Steps that run side by side stop as well, once one has reached the moment.
                    if matches!(operation, Operation::Execute(_))
                        && reached.fetch_add(1, Ordering::SeqCst) >= moment
                    {
                        died.notify_one();
                        std::future::pending::<()>().await;
                    }
                    tokio::task::yield_now().await;
                    Ok(())
                }
                .boxed()
            })
        };
        let provider: Arc<dyn Provider> = Arc::new(self.memory.clone().with_hook(hook));
        let plan = self.planned().await;
        assert!(plan.steps.len() > 2 * VIEWS);
        tokio::select! {
            report = apply(&plan, &self.log, &provider, self.options(parallelism)) => {
                assert!(report.unwrap().failed.is_empty());
                false
            }
            () = died.notified() => true,
        }
    }

    async fn finish(&self, plan: &Plan) -> Registry {
        let provider: Arc<dyn Provider> = Arc::new(self.memory.clone());
        let report = apply(plan, &self.log, &provider, self.options(4)).await.unwrap();
        assert!(report.failed.is_empty() && report.not_started.is_empty() && !report.interrupted);
        self.log.state().await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_is_killed_at_any_step_is_taken_up_and_ends_the_same() {
    for parallelism in [1, 7] {
        for moment in 0..=2 * VIEWS {
            let ground = Ground::new();
            let died = ground.apply_and_die(moment, parallelism).await;
            assert_eq!(died, moment < 2 * VIEWS, "moment {moment}");
            // The lease of the dead runs out.
            tokio::time::sleep(std::time::Duration::from_secs(600)).await;
            let before = ground.log.state().await.unwrap();
            before.check_references().unwrap();
            let rest = ground.planned().await;
            let state = if rest.would_write() { ground.finish(&rest).await } else { before };
            assert_eq!(state.objects, desired(), "moment {moment}");
            assert!(state.open_apply.is_none());
            assert!(!ground.planned().await.would_write(), "moment {moment}");
            let live = state.tables.values().filter(|table| table.state == TableState::Live);
            assert_eq!((live.count(), state.infrastructure.len()), (VIEWS, VIEWS));
            // Not even what was made in the instant before the end is left behind: its step was claimed before.
            assert_eq!(ground.memory.objects(), state.infrastructure, "moment {moment}");
        }
    }
}
