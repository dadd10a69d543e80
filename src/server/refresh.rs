//! The registry behind the answers, and the credentials: looked at again and again, never in the way of a request.

use std::sync::Arc;
use std::time::Duration;

use provender_runtime::feature_store::Applied;
use provender_runtime::registry::RegistryLog;
use provender_runtime::{Error, Result};
use tokio::sync::{Notify, watch};

use crate::service::Service;

/// A look at the registry may take this long.
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// Keeps a service at the registry's present state. Reads only.
#[derive(Debug)]
pub(crate) struct Refresher {
    pub(crate) log: RegistryLog,
    pub(crate) applied: Applied,
    pub(crate) service: Arc<Service>,
    pub(crate) every: Duration,
    /// Somebody knows that there is news.
    pub(crate) now: Arc<Notify>,
}

impl Refresher {
    /// Runs until the server stops.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.service.meters.registry_read();
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = self.now.notified() => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            self.look_at_credentials().await;
            let looked = tokio::time::timeout(LONGEST_LOOK, self.look()).await.unwrap_or_else(|_| {
                Err(Error::unavailable(format!("the registry did not answer within {LONGEST_LOOK:?}")))
            });
            self.service.meters.registry(&looked);
            self.service.readiness.registry(looked.as_ref().err());
        }
    }

    async fn look_at_credentials(&self) {
        let read = tokio::time::timeout(LONGEST_LOOK, self.service.credentials.refresh()).await;
        let read = read.unwrap_or_else(|_| {
            Err(Error::unavailable(format!("their files could not be read within {LONGEST_LOOK:?}")))
        });
        self.service.meters.credentials(&read);
        self.service.readiness.credentials(read.as_ref().err());
    }

    async fn look(&mut self) -> Result<()> {
        let mut state = self.applied.registry.clone();
        let Some(last) = self.log.entry(state.revision).await? else {
            return Err(Error::unavailable(format!(
                "entry {} of the registry, which answers are given by, is not there any more",
                state.revision
            )));
        };
        // A backup that was restored, and written to since: the same numbers, and other entries.
        let is_other = last.lineage != state.lineage || Some(last.at) != state.at;
        if is_other {
            tracing::warn!(
                revision = state.revision,
                "the registry has another history than before; it is read anew"
            );
            state = self.log.state().await?;
        } else {
            self.log.refresh(&mut state).await?;
        }
        let read = Applied::of(&self.log, state).await?;
        let is_news = is_other
            || read.registry.revision != self.applied.registry.revision
            || read.complete != self.applied.complete;
        if is_news {
            tracing::info!(revision = read.registry.revision, "the registry has a new state");
            self.service.store.update(read.clone());
            self.applied = read;
        }
        Ok(())
    }
}
