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

/// What is wrong at a moment.
#[derive(Debug)]
pub(crate) struct Problems {
    /// Whether new requests should come all the same.
    pub(crate) is_ready: bool,
    /// What is wrong, by what it is about.
    pub(crate) list: Vec<(&'static str, String)>,
}

/// A problem that was not known, or one that is over.
enum News {
    Broken(String),
    Mended,
}

/// Keeps what is wrong with something now, and says what is new about it.
fn news(kept: &ArcSwapOption<String>, error: Option<&Error>) -> Option<News> {
    let problem = error.map(|error| error.chain().join(": "));
    let before = kept.swap(problem.clone().map(Arc::new));
    match (before, problem) {
        (before, Some(problem)) if before.as_deref() != Some(&problem) => Some(News::Broken(problem)),
        (Some(_), None) => Some(News::Mended),
        _ => None,
    }
}

/// What is known about what a server stands on.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    registry: ArcSwapOption<String>,
    credentials: ArcSwapOption<String>,
    store: ArcSwapOption<String>,
    /// When the store was looked at; held while it is.
    store_look: Mutex<Option<Instant>>,
    draining: AtomicBool,
}

impl Readiness {
    /// The registry was read, or could not be. Tells when that is news.
    pub(crate) fn registry(&self, error: Option<&Error>) {
        match news(&self.registry, error) {
            Some(News::Broken(problem)) => tracing::warn!(
                problem,
                "the registry cannot be read; answers go on with what was read before"
            ),
            Some(News::Mended) => tracing::info!("the registry can be read again"),
            None => {}
        }
    }

    /// Keys and certificate were read, or could not be. Tells when that is news.
    pub(crate) fn credentials(&self, error: Option<&Error>) {
        match news(&self.credentials, error) {
            Some(News::Broken(problem)) => tracing::warn!(
                problem,
                "API keys or certificate cannot be read again; those that were read before still count"
            ),
            Some(News::Mended) => tracing::info!("API keys and certificate can be read again"),
            None => {}
        }
    }

    /// From now on no new request should come.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// What is wrong, by what it is about.
    pub(crate) async fn problems(&self, store: &FeatureStore) -> Problems {
        let mut problems = Vec::new();
        if self.draining.load(Ordering::Relaxed) {
            problems.push(("server", "it is stopping".to_owned()));
        }
        if let Some(problem) = self.store_problem(store).await {
            problems.push(("online_store", problem));
        }
        let is_ready = problems.is_empty();
        // Every server reads the same bad files at the same time, and answers as well as before: were they not ready,
        // nobody would answer.
        if let Some(problem) = &*self.registry.load() {
            problems.push(("registry", problem.to_string()));
        }
        if let Some(problem) = &*self.credentials.load() {
            problems.push(("credentials", problem.to_string()));
        }
        Problems { is_ready, list: problems }
    }

    /// Looks at the store, unless somebody just did.
    async fn store_problem(&self, store: &FeatureStore) -> Option<String> {
        let mut last = self.store_look.lock().await;
        if last.is_none_or(|last| last.elapsed() >= STORE_LOOK) {
            let probed = store.probe().await;
            match news(&self.store, probed.as_ref().err()) {
                Some(News::Broken(problem)) => tracing::warn!(problem, "the online store cannot be read"),
                Some(News::Mended) => tracing::info!("the online store can be read again"),
                None => {}
            }
            *last = Some(Instant::now());
        }
        self.store.load().as_deref().cloned()
    }
}
