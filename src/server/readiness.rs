//! What is wrong at the moment. A server goes on answering with what it has; this says what that is worth.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use provender_runtime::Error;
use provender_runtime::feature_store::FeatureStore;
use tokio::sync::Mutex;

/// A look at the store is good for so long.
const STORE_LOOK: Duration = Duration::from_secs(1);

/// What is known about what a server stands on.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    registry: ArcSwapOption<String>,
    store: Mutex<Option<(Instant, Option<String>)>>,
    draining: AtomicBool,
}

impl Readiness {
    /// The registry was read, or could not be. Tells when that is news.
    pub(crate) fn registry(&self, error: Option<&Error>) {
        let problem = error.map(|error| error.chain().join(": "));
        let before = self.registry.swap(problem.clone().map(Arc::new));
        match (before, problem) {
            (None, Some(problem)) => {
                tracing::warn!(
                    problem,
                    "the registry cannot be read; answers go on with what was read before"
                );
            }
            (Some(_), None) => tracing::info!("the registry can be read again"),
            _ => {}
        }
    }

    /// From now on no new request should come.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// What is wrong, by what it is about; empty: nothing.
    pub(crate) async fn problems(&self, store: &FeatureStore) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.draining.load(Ordering::Relaxed) {
            problems.push(("server", "it is stopping".to_owned()));
        }
        if let Some(problem) = &*self.registry.load() {
            problems.push(("registry", problem.to_string()));
        }
        if let Some(problem) = self.store_problem(store).await {
            problems.push(("online_store", problem));
        }
        problems
    }

    /// Looks at the store, unless somebody just did.
    async fn store_problem(&self, store: &FeatureStore) -> Option<String> {
        let mut last = self.store.lock().await;
        if let Some((at, problem)) = &*last
            && at.elapsed() < STORE_LOOK
        {
            return problem.clone();
        }
        let problem = store.probe().await.err().map(|error| error.chain().join(": "));
        *last = Some((Instant::now(), problem.clone()));
        problem
    }
}
