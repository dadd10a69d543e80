//! The façade that the command line, the server and later Python share: names and entities in, feature values out; and
//! frames in, rows stored.
//!
//! `serving` chooses the table that each view is served from, `plan` compiles a request against it and `plan_cache` keeps
//! that, `entities` and `entity_text` turn what came in into keys, `answer` finds values in stored rows, `answer_json`
//! writes them as text and `response` holds them as values. `frame`, `write` and `history` are the other way. `meters` is
//! what all of them count in.

mod answer;
mod answer_json;
mod entities;
mod entity_text;
mod frame;
mod history;
mod meters;
mod plan;
mod plan_cache;
mod response;
mod serving;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use provender_core::encoding::{EntityKey, PackedRow};
use provender_core::registry::OnlineTable;
use provender_core::time::Timestamp;

pub use answer::Answer;
pub use entities::{Entities, EntityColumns};
pub use frame::Frame;
pub use plan::ReadPlan;
pub use plan_cache::Spelling;
pub use response::{FieldStatus, OnlineResponse, OnlineResult, value_to_json};
pub use serving::Applied;
pub use write::{HistoryReport, PushTo, TableReport, WriteReport};

use self::answer::{OtherSchemas, ViewRows};
use self::meters::StoreMeters;
use self::serving::Serving;
use crate::blocking::in_turn;
use crate::feature_request::{FeatureRef, FeatureRequest};
use crate::metrics::Recorder;
use crate::provider::{OfflineStore, OnlineStore, Provider, TableRead};
use crate::{Error, Result};

/// An answer with more values than this is put together away from the async threads.
const INLINE_VALUES: usize = 4_000;

/// A request for online features.
#[derive(Clone, Debug, PartialEq)]
pub struct OnlineRequest {
    /// Which features.
    pub features: FeatureRequest,
    /// For which entities.
    pub entities: Entities,
    /// Call features `view__feature` instead of `feature`.
    pub full_feature_names: bool,
}

/// Serves the features of one project. Reads take no lock: what they share is replaced, never changed.
#[derive(Debug)]
pub struct FeatureStore {
    serving: ArcSwap<Serving>,
    online: Option<Arc<dyn OnlineStore>>,
    offline: Option<Arc<dyn OfflineStore>>,
    /// How long the online store may take for one read.
    store_timeout: Option<Duration>,
    /// Row schemas that are not their table's current one. Schemas never change, so none is ever dropped.
    schemas: ArcSwap<OtherSchemas>,
    meters: StoreMeters,
}

impl FeatureStore {
    /// A façade over a state of the registry and the stores of a provider.
    pub fn new(applied: Applied, provider: Arc<dyn Provider>) -> Self {
        Self {
            serving: ArcSwap::from_pointee(Serving::of(applied)),
            online: provider.online(),
            offline: provider.offline(),
            store_timeout: None,
            schemas: ArcSwap::default(),
            meters: StoreMeters::of(Recorder::default()),
        }
    }

    /// The same, which counts in this recorder.
    #[must_use]
    pub fn with_metrics(self, recorder: Recorder) -> Self {
        let meters = StoreMeters::of(recorder);
        meters.revision(self.revision());
        Self { meters, ..self }
    }

    /// The same, which gives up on the online store after this long.
    #[must_use]
    pub fn with_store_timeout(self, store_timeout: Duration) -> Self {
        Self { store_timeout: Some(store_timeout), ..self }
    }

    /// Goes over to another state of the registry. Requests that have begun end with the one they began with.
    pub fn update(&self, applied: Applied) {
        self.meters.revision(applied.registry.revision);
        self.serving.store(Arc::new(Serving::of(applied)));
    }

    /// The revision of the registry that requests are answered by.
    pub fn revision(&self) -> u64 {
        self.serving.load().definitions.applied().registry.revision
    }

    /// Whether the online store answers: reads a key that nobody has.
    ///
    /// # Errors
    /// What a read would fail with.
    pub async fn probe(&self) -> Result<()> {
        let serving = self.serving.load_full();
        let keys = [EntityKey::empty()];
        let reads: Vec<TableRead<'_>> =
            serving.definitions.tables().take(1).map(|table| TableRead { table, keys: &keys }).collect();
        self.in_time(self.online_store()?.read(&reads)).await.map(|_| ())
    }

    /// Waits for the online store no longer than it may take.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.store_timeout {
            None => work.await,
            Some(limit) => tokio::time::timeout(limit, work).await.map_err(|_| {
                Error::unavailable(format!("the online store did not answer within {limit:?}"))
            })?,
        }
    }

    /// Values of features for entities, as stored now; one round trip to the store. `now` decides what is too old.
    ///
    /// # Errors
    /// `NotFound` for an unknown view, feature or service; `Invalid` for entities that do not
    /// fit: a missing join key, columns of different lengths, a value of another type.
    pub async fn get_online_features(
        &self,
        request: &OnlineRequest,
        now: Timestamp,
    ) -> Result<OnlineResponse> {
        let plan = self.compile(&request.features, request.full_feature_names, now)?;
        let entities = EntityColumns::read(&request.entities, &plan)?;
        self.read_and(plan, entities, now, |answer| Ok(answer.response())).await
    }

    /// Compiles a request against the present state of the registry.
    ///
    /// # Errors
    /// `NotFound` for an unknown view, feature or service; `Invalid` for two results of one name.
    pub fn compile(
        &self,
        request: &FeatureRequest,
        full_feature_names: bool,
        now: Timestamp,
    ) -> Result<Arc<ReadPlan>> {
        let serving = self.serving.load();
        let recorder = &self.meters.recorder;
        ReadPlan::of(request, full_feature_names, now, &serving.definitions, recorder).map(Arc::new)
    }

    /// The compiled request of a spelling: the one kept since it was asked for first, where the registry is still the same.
    ///
    /// # Errors
    /// As [`FeatureStore::compile`]; `Invalid` for text that is no list of `view:feature`.
    pub fn plan(
        &self,
        spelling: Spelling<'_>,
        full_feature_names: bool,
        now: Timestamp,
    ) -> Result<Arc<ReadPlan>> {
        let serving = self.serving.load();
        if let Some(known) = serving.plans.get(spelling, full_feature_names, now) {
            return Ok(known);
        }
        let request = meant(spelling)?;
        let recorder = &self.meters.recorder;
        let plan = ReadPlan::of(&request, full_feature_names, now, &serving.definitions, recorder)?;
        let plan = Arc::new(plan);
        serving.plans.keep(spelling, full_feature_names, now, &plan);
        Ok(plan)
    }

    /// The answer to a compiled request as JSON text; one round trip to the store.
    ///
    /// # Errors
    /// `Unavailable` where the store fails, takes too long, or lacks a table; `Corrupt` for a stored row that cannot be read.
    pub async fn read_json(
        &self,
        plan: Arc<ReadPlan>,
        entities: EntityColumns,
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        self.read_and(plan, entities, now, |answer| answer.to_json_text()).await
    }

    /// The answer to a compiled request as values; one round trip to the store.
    ///
    /// # Errors
    /// As [`FeatureStore::read_json`].
    pub async fn read(
        &self,
        plan: Arc<ReadPlan>,
        entities: EntityColumns,
        now: Timestamp,
    ) -> Result<OnlineResponse> {
        self.read_and(plan, entities, now, |answer| Ok(answer.response())).await
    }

    /// Reads, and makes something of the answer: here where it is small, else on a blocking thread.
    async fn read_and<T: Send + 'static>(
        &self,
        plan: Arc<ReadPlan>,
        entities: EntityColumns,
        now: Timestamp,
        make: impl FnOnce(Answer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lookups = lookups(&plan, &entities)?;
        let began = Instant::now();
        let fetched = self.in_time(self.fetch(&lookups)).await;
        self.meters.read(&fetched, began.elapsed());
        let (rows, schemas) = fetched.map_err(Error::of_store)?;
        let positions = lookups.into_iter().map(|lookup| lookup.positions).collect::<Vec<_>>();
        let values = entities.row_count() * plan.slots.len();
        let work = move || {
            let views = plan.views.iter().zip(&plan.resolved.views).zip(positions.iter().zip(rows));
            let views = views.map(|((planned, requested), (positions, rows))| {
                ViewRows::of(planned, requested, positions, rows, &schemas, now)
            });
            let views = views.collect::<Result<Vec<_>>>()?;
            make(Answer::of(plan.clone(), entities, views)?)
        };
        if values <= INLINE_VALUES { work() } else { in_turn(work).await }
    }

    /// Rows of each lookup in one round trip, and the schemas of those that are not of their table's current one.
    async fn fetch(&self, lookups: &[Lookup]) -> Result<(Vec<Vec<Option<PackedRow>>>, Arc<OtherSchemas>)> {
        let store = self.online_store()?;
        let rows = read_rows(store, lookups).await?;
        let mut schemas = self.schemas.load_full();
        for (lookup, rows) in lookups.iter().zip(&rows) {
            let Some(table) = &lookup.table else { continue };
            let other = |row: &&PackedRow| row.schema_id() != table.schema_id;
            if !rows.iter().flatten().any(|row| other(&row)) {
                continue;
            }
            let ids: BTreeSet<u32> = rows.iter().flatten().filter(other).map(PackedRow::schema_id).collect();
            for schema_id in ids {
                if !schemas.contains_key(&(table.id.clone(), schema_id)) {
                    schemas = self.learn_schema(store, table, schema_id).await?;
                }
            }
        }
        Ok((rows, schemas))
    }

    async fn learn_schema(
        &self,
        store: &dyn OnlineStore,
        table: &OnlineTable,
        schema_id: u32,
    ) -> Result<Arc<OtherSchemas>> {
        let schema = store.schema(table, schema_id).await?.map(Arc::new).ok_or_else(|| {
            Error::corrupt(format!(
                "rows of online table `{}` have schema {schema_id}, which the store does not describe",
                table.id
            ))
        })?;
        self.schemas.rcu(|known| {
            let mut known = OtherSchemas::clone(known);
            known.insert((table.id.clone(), schema_id), schema.clone());
            known
        });
        Ok(self.schemas.load_full())
    }

    fn online_store(&self) -> Result<&dyn OnlineStore> {
        self.online.as_deref().ok_or_else(|| {
            Error::invalid("the project has no online store")
                .with_hint("set `online_store` in feature_store.yaml")
        })
    }

    fn offline_store(&self) -> Result<&dyn OfflineStore> {
        self.offline.as_deref().ok_or_else(|| Error::invalid("the project has no offline store"))
    }
}

/// What a spelling asks for.
fn meant(spelling: Spelling<'_>) -> Result<FeatureRequest> {
    let references = match spelling {
        Spelling::Service(name) => return Ok(FeatureRequest::Service(name.to_owned())),
        Spelling::Lines(lines) => lines.lines().map(str::parse).collect::<Result<Vec<FeatureRef>>>()?,
        Spelling::JsonList(text) => {
            let list: Vec<std::borrow::Cow<'_, str>> = serde_json::from_str(text).map_err(|error| {
                Error::invalid(format!("`features` is no list of `view:feature`: {error}"))
                    .with_hint("write [\"driver_stats:conv_rate\"]")
            })?;
            list.iter().map(|reference| reference.parse()).collect::<Result<_>>()?
        }
    };
    Ok(FeatureRequest::Features(references))
}

/// What to read for one requested view.
#[derive(Debug)]
struct Lookup {
    /// The table that serves the view; none: nothing can be stored yet.
    table: Option<Arc<OnlineTable>>,
    /// The keys to read.
    keys: Vec<EntityKey>,
    /// For each entity row its position in `keys`; none where a join key is null.
    positions: Vec<Option<usize>>,
}

fn lookups(plan: &ReadPlan, entities: &EntityColumns) -> Result<Vec<Lookup>> {
    plan.views
        .iter()
        .zip(&plan.resolved.views)
        .map(|(planned, requested)| {
            let (keys, positions) = entities.keys(&requested.join_keys)?;
            Ok(Lookup { table: planned.table.clone(), keys, positions })
        })
        .collect()
}

/// Rows of each lookup, in one round trip.
async fn read_rows(store: &dyn OnlineStore, lookups: &[Lookup]) -> Result<Vec<Vec<Option<PackedRow>>>> {
    let reads: Vec<TableRead<'_>> = lookups
        .iter()
        .filter_map(|lookup| Some(TableRead { table: lookup.table.as_deref()?, keys: &lookup.keys }))
        .collect();
    let mut found = store.read(&reads).await?.into_iter();
    Ok(lookups
        .iter()
        .map(|lookup| match lookup.table {
            Some(_) => found.next().unwrap_or_default(),
            None => Vec::new(),
        })
        .collect())
}
