//! The real half of the local provider: opens nothing and creates nothing until it is asked to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use provender_core::model::StoreIdentity;
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraId, InfraObject};
use provender_runtime::Result;
use provender_runtime::provider::{OfflineStore, OnlineStore, Provider};

use crate::FileStore;
use crate::embedded::{DEFAULT_MAP_SIZE, EmbeddedStore};
use crate::files::BucketSettings;
use crate::spec::DEFAULT_ONLINE_PATH;

/// What the local provider needs to know.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The project; part of every table's name.
    pub project: String,
    /// The folder of `feature_store.yaml`, at which relative paths start.
    pub base: PathBuf,
    /// The folder that no file of a source may lie outside of: the repository.
    pub top: PathBuf,
    /// The environment's folder; none: `data/online`.
    pub online_path: Option<PathBuf>,
    /// How buckets of file sources are reached.
    pub buckets: BucketSettings,
    /// Address space for the environment's map, in bytes: the most that it can ever hold. None: 1 TiB.
    pub map_size: Option<usize>,
}

impl LocalOptions {
    /// The defaults for a project in a folder.
    pub fn new(project: impl Into<String>, base: impl Into<PathBuf>) -> Self {
        let base = base.into();
        Self {
            project: project.into(),
            top: base.clone(),
            base,
            online_path: None,
            buckets: BucketSettings::default(),
            map_size: None,
        }
    }
}

/// The provider of a project that lives on one machine.
#[derive(Debug)]
pub struct LocalProvider {
    online: Arc<EmbeddedStore>,
    offline: Arc<FileStore>,
}

impl LocalProvider {
    /// Prepares the provider; touches no file.
    pub fn open(options: LocalOptions) -> Self {
        let path = options.base.join(options.online_path.unwrap_or_else(|| DEFAULT_ONLINE_PATH.into()));
        let map_size = options.map_size.unwrap_or(DEFAULT_MAP_SIZE);
        Self {
            online: Arc::new(EmbeddedStore::new(options.project, path, map_size)),
            offline: Arc::new(FileStore::new(options.base, options.top).with_buckets(options.buckets)),
        }
    }
}

#[async_trait]
impl Provider for LocalProvider {
    async fn observe(&self, objects: &[&InfraObject]) -> Result<BTreeMap<InfraId, InfraObject>> {
        self.online.observe(objects).await
    }

    async fn list(&self, store: Option<&StoreIdentity>) -> Result<Vec<InfraObject>> {
        let found = self.online.list().await?;
        Ok(found.into_iter().map(|object| InfraObject { store: store.cloned(), ..object }).collect())
    }

    async fn execute(&self, step: &InfraStep) -> Result<Option<InfraObject>> {
        self.online.execute(step).await
    }

    fn online(&self) -> Option<Arc<dyn OnlineStore>> {
        Some(self.online.clone())
    }

    fn offline(&self) -> Option<Arc<dyn OfflineStore>> {
        Some(self.offline.clone())
    }
}
