//! The façade that the command line, the server and later Python share: names and entities in, feature values out.
//!
//! It reads and never writes. `serving` chooses the table that each view is served from, `entities` turns what came in
//! into keys, `assemble` turns stored rows into values with statuses, `response` is the answer and its JSON.

mod assemble;
mod entities;
mod response;
mod serving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use provender_core::encoding::{EntityKey, PackedRow, RowSchema};
use provender_core::registry::{OnlineTable, TableId};
use provender_core::time::Timestamp;

pub use entities::Entities;
pub use response::{FieldStatus, OnlineResponse, OnlineResult, value_to_json};
pub use serving::Applied;

use self::assemble::Assembly;
use self::entities::EntityColumns;
use self::serving::Serving;
use crate::blocking::on_blocking_thread;
use crate::feature_request::{FeatureRequest, RequestedView, ResolvedRequest};
use crate::provider::{OnlineStore, Provider, TableRead};
use crate::{Error, Result};

/// An answer with more values than this is put together away from the async threads.
const INLINE_VALUES: usize = 2_000;

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

/// Serves the features of one project.
#[derive(Debug)]
pub struct FeatureStore {
    serving: RwLock<Arc<Serving>>,
    provider: Arc<dyn Provider>,
    /// Row schemas that are not their table's current one. Schemas never change, so none is ever dropped.
    schemas: RwLock<BTreeMap<(TableId, u32), Arc<RowSchema>>>,
}

impl FeatureStore {
    /// A façade over a state of the registry and the stores of a provider.
    pub fn new(applied: Applied, provider: Arc<dyn Provider>) -> Self {
        Self { serving: RwLock::new(Arc::new(Serving::of(applied))), provider, schemas: RwLock::default() }
    }

    /// Goes over to another state of the registry. Requests that have begun end with the one they began with.
    pub fn update(&self, applied: Applied) {
        let serving = Arc::new(Serving::of(applied));
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = serving;
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
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner).clone();
        let resolved = request.features.resolve(serving.objects(), request.full_feature_names, now)?;
        let entities = EntityColumns::read(&request.entities, &resolved, serving.objects())?;
        let lookups = lookups(&resolved, &entities, &serving)?;
        let store = self.provider.online().ok_or_else(|| {
            Error::invalid("the project has no online store")
                .with_hint("set `online_store` in feature_store.yaml")
        })?;
        let rows = read_rows(store.as_ref(), &lookups).await?;
        let schemas = self.schemas_of(store.as_ref(), &lookups, &rows).await?;
        let assembly = Assembly { now, resolved, entities, lookups, rows, schemas, serving };
        if assembly.value_count() <= INLINE_VALUES {
            return assembly.response();
        }
        on_blocking_thread(move || assembly.response()).await
    }

    /// Schemas of rows that are not their table's current one.
    async fn schemas_of(
        &self,
        store: &dyn OnlineStore,
        lookups: &[Lookup],
        rows: &[Vec<Option<PackedRow>>],
    ) -> Result<BTreeMap<(TableId, u32), Arc<RowSchema>>> {
        let mut found = BTreeMap::new();
        for (lookup, rows) in lookups.iter().zip(rows) {
            let Some(table) = &lookup.table else { continue };
            let ids: BTreeSet<u32> = rows.iter().flatten().map(PackedRow::schema_id).collect();
            for schema_id in ids.into_iter().filter(|id| *id != table.schema_id) {
                let schema = self.schema(store, table, schema_id).await?;
                found.insert((table.id.clone(), schema_id), schema);
            }
        }
        Ok(found)
    }

    async fn schema(
        &self,
        store: &dyn OnlineStore,
        table: &OnlineTable,
        schema_id: u32,
    ) -> Result<Arc<RowSchema>> {
        let name = (table.id.clone(), schema_id);
        if let Some(known) = self.schemas.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(known.clone());
        }
        let schema = store.schema(table, schema_id).await?.map(Arc::new).ok_or_else(|| {
            Error::corrupt(format!(
                "rows of online table `{}` have schema {schema_id}, which the store does not describe",
                table.id
            ))
        })?;
        self.schemas.write().unwrap_or_else(PoisonError::into_inner).insert(name, schema.clone());
        Ok(schema)
    }
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

fn lookups(resolved: &ResolvedRequest, entities: &EntityColumns, serving: &Serving) -> Result<Vec<Lookup>> {
    resolved
        .views
        .iter()
        .map(|view: &RequestedView| {
            let table = serving.table(&view.view)?;
            let mut keys = Vec::with_capacity(entities.row_count());
            let mut positions = Vec::with_capacity(entities.row_count());
            for key in entities.keys(&view.join_keys)? {
                positions.push(key.map(|key| {
                    keys.push(key);
                    keys.len() - 1
                }));
            }
            Ok(Lookup { table, keys, positions })
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
