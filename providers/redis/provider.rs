//! The real half: what a project's provider asks of Redis. Connects to nothing until it is asked for something.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use provender_core::encoding::{PackedRow, RowSchema};
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::OnlineTable;
use provender_runtime::provider::{
    OfflineStore, OnlineRow, OnlineStore, Provider, TableRead, WriteMode, WriteOutcome,
};
use provender_runtime::{Error, ErrorKind, Result};

use crate::layout::TableKeys;
use crate::rows::{self, Writing};
use crate::server::Server;
use crate::settings::{self, Settings};
use crate::tables;

/// Where the value of a variable of the environment comes from.
pub type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What the provider needs to know.
#[derive(Clone)]
pub struct RedisOptions {
    /// The project; part of every key.
    pub project: String,
    /// The settings of `online_store`, as written.
    pub settings: StoreSettings,
    /// Settings of another Redis, whose user, password and encryption are used where the former say nothing.
    pub login: Option<StoreSettings>,
    /// Values of the variables that the settings name. Asked for when the store is first used.
    pub variables: Arc<Variables>,
    /// The offline store that the project has besides.
    pub offline: Option<Arc<dyn OfflineStore>>,
}

impl RedisOptions {
    /// What a project needs to know whose settings are these.
    pub fn new(project: impl Into<String>, settings: StoreSettings, variables: Arc<Variables>) -> Self {
        Self { project: project.into(), settings, login: None, variables, offline: None }
    }

    /// The place of tables that were made when `online_store` was another. An identity holds no login.
    pub fn of_identity(project: impl Into<String>, store: &StoreIdentity, variables: Arc<Variables>) -> Self {
        Self::new(project, settings::of_identity(store), variables)
    }
}

impl fmt::Debug for RedisOptions {
    /// Settings may hold a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisOptions").field("project", &self.project).finish_non_exhaustive()
    }
}

/// The provider of a project whose online store is Redis.
#[derive(Debug)]
pub struct RedisProvider {
    online: Arc<RedisStore>,
    offline: Option<Arc<dyn OfflineStore>>,
}

impl RedisProvider {
    /// Prepares the provider; reads no variable and connects to nothing.
    pub fn open(options: RedisOptions) -> Self {
        let offline = options.offline.clone();
        Self { online: Arc::new(RedisStore { options, server: OnceLock::new() }), offline }
    }
}

#[async_trait]
impl Provider for RedisProvider {
    async fn observe(&self, objects: &[&InfraObject]) -> Result<BTreeMap<InfraId, InfraObject>> {
        if objects.is_empty() {
            return Ok(BTreeMap::new());
        }
        tables::observe(self.online.server()?, self.online.project(), objects).await
    }

    async fn list(&self, store: Option<&StoreIdentity>) -> Result<Vec<InfraObject>> {
        let found = tables::list(self.online.server()?, self.online.project()).await?;
        Ok(found.into_iter().map(|object| InfraObject { store: store.cloned(), ..object }).collect())
    }

    async fn execute(&self, step: &InfraStep) -> Result<Option<InfraObject>> {
        let (server, project) = (self.online.server()?, self.online.project());
        match step {
            InfraStep::Create { object } => tables::create(server, project, object).await?,
            InfraStep::Update { to, .. } => tables::update(server, project, to).await?,
            InfraStep::Delete { object } => tables::delete(server, project, object).await?,
        }
        Ok(match step {
            InfraStep::Create { object } | InfraStep::Update { to: object, .. } => Some(object.clone()),
            InfraStep::Delete { .. } => None,
        })
    }

    fn online(&self) -> Option<Arc<dyn OnlineStore>> {
        Some(self.online.clone())
    }

    fn offline(&self) -> Option<Arc<dyn OfflineStore>> {
        self.offline.clone()
    }
}

/// The online store of one project.
#[derive(Debug)]
struct RedisStore {
    options: RedisOptions,
    server: OnceLock<Server>,
}

impl RedisStore {
    fn project(&self) -> &str {
        &self.options.project
    }

    fn server(&self) -> Result<&Server> {
        if let Some(server) = self.server.get() {
            return Ok(server);
        }
        let settings =
            Settings::read(&self.options.settings, self.options.login.as_ref(), &*self.options.variables)?;
        Ok(self.server.get_or_init(|| Server::new(settings)))
    }
}

#[async_trait]
impl OnlineStore for RedisStore {
    async fn write(
        &self,
        table: &OnlineTable,
        mode: WriteMode,
        rows: Vec<OnlineRow>,
    ) -> Result<WriteOutcome> {
        let name = rows::name(self.project(), table);
        let schema = RowSchema::of(table);
        if let Some(row) = rows.iter().find(|row| row.row.schema_id() != schema.id) {
            let (given, expected) = (row.row.schema_id(), schema.id);
            return Err(Error::new(
                ErrorKind::Bug,
                format!(
                    "a row of schema {given} was written to table `{name}`, which is at schema {expected}"
                ),
            ));
        }
        if rows.is_empty() {
            return Ok(WriteOutcome::default());
        }
        let keys = TableKeys::new(self.project(), &table.id);
        Writing { server: self.server()?, keys, name, schema }.write(mode, &rows).await
    }

    async fn read(&self, reads: &[TableRead<'_>]) -> Result<Vec<Vec<Option<PackedRow>>>> {
        rows::read(self.server()?, self.project(), reads).await
    }

    async fn schema(&self, table: &OnlineTable, schema_id: u32) -> Result<Option<RowSchema>> {
        let keys = TableKeys::new(self.project(), &table.id);
        tables::schema(self.server()?, &keys, &rows::name(self.project(), table), schema_id).await
    }
}
