//! A project whose tables lie in more than one online store: after `online_store` changed, the old tables serve from the old
//! store until the new ones are filled. Everything goes to the store that the table or the object names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::try_join_all;
use provender_core::encoding::{PackedRow, RowSchema};
use provender_core::model::StoreIdentity;
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::OnlineTable;

use crate::provider::{OfflineStore, OnlineRow, OnlineStore, Provider, TableRead, WriteMode, WriteOutcome};
use crate::{Error, Result};

/// Opens the provider of another online store, by its identity.
pub type OpenPlace = dyn Fn(&StoreIdentity) -> Result<Arc<dyn Provider>> + Send + Sync;

/// The provider of the environment, and those of other stores, each opened when something in it is asked for.
#[derive(Clone)]
pub struct Places {
    current: Arc<dyn Provider>,
    identity: Option<StoreIdentity>,
    open: Arc<OpenPlace>,
    opened: Arc<Mutex<BTreeMap<StoreIdentity, Arc<dyn Provider>>>>,
}

impl Places {
    /// The provider of the environment, the identity of its online store, and how others are opened.
    pub fn new(
        current: Arc<dyn Provider>,
        identity: Option<StoreIdentity>,
        open: impl Fn(&StoreIdentity) -> Result<Arc<dyn Provider>> + Send + Sync + 'static,
    ) -> Self {
        Self { current, identity, open: Arc::new(open), opened: Arc::default() }
    }

    /// The place of a store; what names none lies in that of the environment.
    fn at(&self, store: Option<&StoreIdentity>) -> Result<Arc<dyn Provider>> {
        let Some(store) = store.filter(|store| self.identity.as_ref() != Some(*store)) else {
            return Ok(self.current.clone());
        };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = opened.get(store) {
            return Ok(place.clone());
        }
        let failed = |error: Error| {
            error.context(format!("the {} that tables still lie in cannot be opened", store.kind))
        };
        let place = (self.open)(store).map_err(failed)?;
        opened.insert(store.clone(), place.clone());
        Ok(place)
    }

    fn online_at(&self, table: &OnlineTable) -> Result<Arc<dyn OnlineStore>> {
        self.at(Some(&table.store))?.online().ok_or_else(|| {
            Error::invalid(format!("there is no online store that holds table `{}`", table.id))
                .with_hint("set `online_store` in feature_store.yaml")
        })
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Places").field("current", &self.current).finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for Places {
    async fn observe(&self, objects: &[&InfraObject]) -> Result<BTreeMap<InfraId, InfraObject>> {
        let mut by_store: BTreeMap<Option<&StoreIdentity>, Vec<&InfraObject>> = BTreeMap::new();
        for object in objects {
            by_store.entry(object.store.as_ref()).or_default().push(object);
        }
        let looks = by_store.into_iter().map(|(store, objects)| {
            let place = self.at(store);
            async move { place?.observe(&objects).await }
        });
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    async fn list(&self, store: Option<&StoreIdentity>) -> Result<Vec<InfraObject>> {
        let store = store.or(self.identity.as_ref());
        self.at(store)?.list(store).await
    }

    async fn execute(&self, step: &InfraStep) -> Result<Option<InfraObject>> {
        let (InfraStep::Create { object }
        | InfraStep::Update { to: object, .. }
        | InfraStep::Delete { object }) = step;
        self.at(object.store.as_ref())?.execute(step).await
    }

    fn online(&self) -> Option<Arc<dyn OnlineStore>> {
        self.current.online().map(|_| -> Arc<dyn OnlineStore> { Arc::new(self.clone()) })
    }

    fn offline(&self) -> Option<Arc<dyn OfflineStore>> {
        self.current.offline()
    }
}

#[async_trait]
impl OnlineStore for Places {
    async fn write(
        &self,
        table: &OnlineTable,
        mode: WriteMode,
        rows: Vec<OnlineRow>,
    ) -> Result<WriteOutcome> {
        self.online_at(table)?.write(table, mode, rows).await
    }

    /// One round trip to each store that is asked, at the same time.
    async fn read(&self, reads: &[TableRead<'_>]) -> Result<Vec<Vec<Option<PackedRow>>>> {
        // Nearly always it is one.
        if let Some(first) = reads.first()
            && reads.iter().all(|read| read.table.store == first.table.store)
        {
            return self.online_at(first.table)?.read(reads).await;
        }
        let mut by_store: BTreeMap<&StoreIdentity, Vec<usize>> = BTreeMap::new();
        for (at, read) in reads.iter().enumerate() {
            by_store.entry(&read.table.store).or_default().push(at);
        }
        let answers = by_store.into_values().map(|positions| {
            let asked: Vec<TableRead<'_>> =
                positions.iter().filter_map(|at| reads.get(*at)).copied().collect();
            let store = asked.first().map(|read| self.online_at(read.table));
            async move {
                let rows = match store {
                    Some(store) => store?.read(&asked).await?,
                    None => Vec::new(),
                };
                Ok::<_, Error>(positions.into_iter().zip(rows))
            }
        });
        let mut answers: Vec<_> = try_join_all(answers).await?.into_iter().flatten().collect();
        answers.sort_by_key(|(at, _)| *at);
        Ok(answers.into_iter().map(|(_, rows)| rows).collect())
    }

    async fn schema(&self, table: &OnlineTable, schema_id: u32) -> Result<Option<RowSchema>> {
        self.online_at(table)?.schema(table, schema_id).await
    }
}

#[cfg(test)]
mod tests {
    use provender_core::model::ValueType;
    use provender_core::provider::StoreSpec as _;

    use litemap::LiteMap;

    use super::*;
    use crate::testing::{MemoryProvider, MemorySpec, int, int_key, online_row, online_table, times};

    fn store(name: &str) -> StoreIdentity {
        StoreIdentity {
            kind: "memory".to_owned(),
            settings: LiteMap::from_iter([("path".to_owned(), name.to_owned())]),
        }
    }

    #[tokio::test]
    async fn each_table_is_where_it_was_made() {
        let (new, old) = (MemoryProvider::new("p"), MemoryProvider::new("p"));
        let other = old.clone();
        let places = Places::new(Arc::new(new.clone()), Some(store("new")), move |asked| {
            if *asked == store("old") {
                Ok(Arc::new(other.clone()))
            } else {
                Err(Error::invalid("no such store"))
            }
        });
        let table = |name: &str| OnlineTable {
            store: store(name),
            ..online_table(&format!("{name}_view"), 1, &[(1, ValueType::Int64)])
        };
        let tables = [table("new"), table("old")];
        let mut objects = Vec::new();
        for (table, value) in tables.iter().zip([20, 10]) {
            let mut object = MemorySpec.lower("p", table).remove(0);
            object.store = Some(table.store.clone());
            places.execute(&InfraStep::Create { object: object.clone() }).await.unwrap();
            objects.push(object);
            let row = online_row(table, &int_key(1), times(1, None), &[int(value)]);
            assert_eq!(places.write(table, WriteMode::Newest, vec![row]).await.unwrap().written, 1);
        }
        assert_eq!((new.row_count(&tables[0].id), new.row_count(&tables[1].id)), (1, 0));
        assert_eq!((old.row_count(&tables[0].id), old.row_count(&tables[1].id)), (0, 1));
        assert_eq!(places.observe(&objects.iter().collect::<Vec<_>>()).await.unwrap().len(), 2);
        assert_eq!(places.list(None).await.unwrap(), [objects[0].clone()]);
        assert_eq!(places.list(Some(&store("old"))).await.unwrap(), [objects[1].clone()]);
        let keys = [int_key(1), int_key(2)];
        let reads = [1, 0, 1].map(|at: usize| TableRead { table: &tables[at], keys: &keys });
        let rows = places.read(&reads).await.unwrap();
        assert_eq!((rows.len(), &rows[0], rows[0] == rows[1]), (3, &rows[2], false));
        assert!(rows.iter().all(|rows| rows[0].is_some() && rows[1].is_none()));
        places.execute(&InfraStep::Delete { object: objects[1].clone() }).await.unwrap();
        assert_eq!(places.observe(&objects.iter().collect::<Vec<_>>()).await.unwrap().len(), 1);
        let lost = places.schema(&table("elsewhere"), 1).await.unwrap_err();
        assert!(lost.to_string().contains("cannot be opened"), "{lost}");
    }
}
