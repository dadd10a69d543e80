//! Files as an offline store: a source is one file, a folder or a glob of Parquet or CSV files, read in byte order of
//! their paths. What a value becomes is decided in `provender_runtime::columns`; here is only how files are found and read.

use std::path::PathBuf;

use async_trait::async_trait;
use provender_core::model::DataSource;
use provender_runtime::provider::{OfflineStore, SourceDescription, SourceRows, SourceScan};
use provender_runtime::{Error, Result};

/// File sources below a base folder: relative paths of sources start there.
#[derive(Clone, Debug)]
pub struct FileStore {
    base: PathBuf,
}

impl FileStore {
    /// A store whose relative paths start at `base` (the project folder).
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into() }
    }
}

#[async_trait]
impl OfflineStore for FileStore {
    async fn describe(&self, _source: &DataSource) -> Result<SourceDescription> {
        Err(Error::unavailable(format!("reading files below `{}` is not there yet", self.base.display())))
    }

    async fn scan(&self, _scan: &SourceScan) -> Result<SourceRows> {
        Err(Error::unavailable(format!("reading files below `{}` is not there yet", self.base.display())))
    }
}
