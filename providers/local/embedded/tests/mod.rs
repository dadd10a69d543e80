//! The embedded store against the shared suites, and what only it has: files, processes, and a writer that dies.

mod deletion;
mod files;
mod processes;
mod speed;

use std::sync::Arc;

use provender_core::provider::StoreSpec;
use provender_runtime::provider::Provider;
use provender_runtime::testing::{self, Backend};
use tempfile::TempDir;

use crate::{EmbeddedSpec, LocalOptions, LocalProvider};

/// A folder with one environment.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Backend for Folder {
    fn spec(&self) -> &dyn StoreSpec {
        &EmbeddedSpec
    }

    fn provider(&self, project: &str) -> Arc<dyn Provider> {
        Arc::new(LocalProvider::open(LocalOptions::new(project, self.0.path())))
    }
}

#[tokio::test]
async fn the_embedded_store_keeps_the_contracts() {
    let folder = Folder::new();
    testing::online_store(&folder).await;
    testing::provider(&folder).await;
}

#[tokio::test]
async fn random_operations_agree_with_a_map() {
    let folder = Folder::new();
    for seed in 0..20 {
        testing::random_operations(&folder, seed, 40).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_never_go_back_in_time() {
    testing::two_writers(&Folder::new(), testing::writes()).await;
}
