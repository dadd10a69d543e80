//! The embedded online store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use provender_core::encoding::{PackedRow, RowSchema};
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::OnlineTable;
use provender_runtime::provider::{OnlineRow, OnlineStore, TableRead, WriteMode, WriteOutcome};
use provender_runtime::{Error, Result};

/// Address space of the map where nothing else is said: 1 TiB. Costs no memory and no disk.
pub(crate) const DEFAULT_MAP_SIZE: usize = 1 << 40;

#[derive(Debug)]
pub(crate) struct EmbeddedStore {
    path: PathBuf,
}

impl EmbeddedStore {
    pub(crate) fn new(_project: String, path: PathBuf, _map_size: usize) -> Self {
        Self { path }
    }

    fn unfinished(&self) -> Error {
        Error::unavailable(format!("the embedded store at `{}` is not finished", self.path.display()))
    }

    pub(crate) async fn observe(&self, _ids: &[InfraId]) -> Result<BTreeMap<InfraId, InfraObject>> {
        Err(self.unfinished())
    }

    pub(crate) async fn execute(&self, _step: &InfraStep) -> Result<Option<InfraObject>> {
        Err(self.unfinished())
    }
}

#[async_trait]
impl OnlineStore for EmbeddedStore {
    async fn write(&self, _: &OnlineTable, _: WriteMode, _: &[OnlineRow]) -> Result<WriteOutcome> {
        Err(self.unfinished())
    }

    async fn read(&self, _: &[TableRead<'_>]) -> Result<Vec<Vec<Option<PackedRow>>>> {
        Err(self.unfinished())
    }

    async fn schema(&self, _: &OnlineTable, _: u32) -> Result<Option<RowSchema>> {
        Err(self.unfinished())
    }
}
