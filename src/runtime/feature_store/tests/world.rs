//! A project of three views: `driver_stats` (driver, ttl one hour), `trips` (city and driver, for ever), `globals` (no
//! entity, never too old online).

use std::collections::BTreeMap;
use std::sync::Arc;

use provender_core::encoding::{Cell, EntityKey};
use provender_core::model::{
    Address, FeatureService, FeatureView, JoinKey, Object, ObjectKind, Selection, ServiceUse, Value,
    ValueType,
};
use provender_core::registry::{OnlineTable, Registry, TableId};
use provender_core::time::{Duration, NANOS_PER_SECOND, Timestamp};
use serde_json::Value as Json;

use super::super::{Applied, Entities, EntityColumns, FeatureStore, OnlineRequest, OnlineResponse, Spelling};
use crate::feature_request::FeatureRequest;
use crate::testing::{Bench, MemoryProvider, feature_view, online_row, online_table, times};
use crate::{Error, Result};

pub(super) const HOUR: i64 = 3_600 * NANOS_PER_SECOND;
pub(super) const NOW: i64 = 1_795_000_000 * NANOS_PER_SECOND;

pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) memory: MemoryProvider,
    pub(super) complete: Vec<TableId>,
}

pub(super) fn entity(join_key: &str, value_type: ValueType) -> Object {
    Object::Entity(crate::testing::entity(join_key, value_type))
}

pub(super) fn view(entities: &[&str], features: &[(&str, ValueType)]) -> FeatureView {
    feature_view("history", entities, features)
}

/// A table of a view, with columns named after features and the view's join keys.
pub(super) fn table(
    name: &str,
    revision: u64,
    schema_id: u32,
    keys: &[(&str, ValueType)],
    columns: &[(u32, &str, ValueType)],
) -> OnlineTable {
    let types: Vec<_> = columns.iter().map(|(id, _, value_type)| (*id, value_type.clone())).collect();
    let mut table = online_table(name, schema_id, &types);
    table.id.revision = Some(revision);
    table.join_keys = keys
        .iter()
        .map(|(name, value_type)| JoinKey { name: (*name).to_owned(), value_type: value_type.clone() })
        .collect();
    for (column, (_, name, _)) in table.columns.iter_mut().zip(columns) {
        column.name = (*name).to_owned();
    }
    table
}

impl World {
    pub(super) async fn new() -> Self {
        let mut world =
            Self { registry: Registry::default(), memory: MemoryProvider::new("p"), complete: Vec::new() };
        let (int, float, text) = (ValueType::Int64, ValueType::Float32, ValueType::String);
        world.define(ObjectKind::Entity, "driver", entity("driver_id", int.clone()));
        world.define(ObjectKind::Entity, "city", entity("city", text.clone()));
        let features = [("rate", float.clone()), ("trips", int.clone())];
        let stats = FeatureView { ttl: Duration::from_seconds(3_600), ..view(&["driver"], &features) };
        world.define(ObjectKind::FeatureView, "driver_stats", Object::FeatureView(stats));
        let trips = view(&["driver", "city"], &[("fare", ValueType::Float64), ("trips", int.clone())]);
        world.define(ObjectKind::FeatureView, "trips", Object::FeatureView(trips));
        let globals = FeatureView {
            ttl: Duration::from_seconds(1),
            online_ttl: Some(Duration::ZERO),
            ..view(&[], &[("day", text.clone())])
        };
        world.define(ObjectKind::FeatureView, "globals", Object::FeatureView(globals));
        let offline = FeatureView { online: false, ..view(&["driver"], &[("old", int.clone())]) };
        world.define(ObjectKind::FeatureView, "offline_only", Object::FeatureView(offline));
        world.define(ObjectKind::FeatureService, "eta", Object::FeatureService(service()));
        let driver = ("driver_id", int.clone());
        let columns = [(1, "rate", float), (2, "trips", int.clone())];
        world.add_table(table("driver_stats", 3, 1, std::slice::from_ref(&driver), &columns)).await;
        let columns = [(1, "fare", ValueType::Float64), (2, "trips", int)];
        world.add_table(table("trips", 3, 1, &[("city", text.clone()), driver], &columns)).await;
        world.add_table(table("globals", 3, 1, &[], &[(1, "day", text)])).await;
        world
    }

    pub(super) fn define(&mut self, kind: ObjectKind, name: &str, object: Object) {
        self.registry.objects.0.insert(Address::new(kind, name), object);
    }

    pub(super) async fn add_table(&mut self, table: OnlineTable) {
        self.bench().create(&table).await;
        self.registry.tables.insert(table.id.clone(), table);
    }

    pub(super) fn bench(&self) -> Bench<'_> {
        Bench::new(&self.memory, "p")
    }

    pub(super) fn table(&self, view: &str) -> OnlineTable {
        self.registry.tables.values().find(|table| table.view.name == view).unwrap().clone()
    }

    /// Stores one row in the table of a view.
    pub(super) async fn store(&self, table: &OnlineTable, key: &[Value], event: i64, cells: &[Cell]) {
        let key = EntityKey::encode(key).unwrap();
        self.bench().write(table, &[online_row(table, &key, times(event, None), cells)]).await;
    }

    pub(super) fn feature_store(&self) -> FeatureStore {
        let applied =
            Applied { registry: self.registry.clone(), complete: self.complete.iter().cloned().collect() };
        FeatureStore::new(applied, Arc::new(self.memory.clone()))
    }

    /// Asks in both ways: for values, and for text from text. They must say the same, also in what they refuse.
    pub(super) async fn ask(&self, request: &OnlineRequest) -> Result<OnlineResponse> {
        let (store, now) = (self.feature_store(), Timestamp::from_nanos(NOW));
        let answer = store.get_online_features(request, now).await;
        if let Entities::Columns(columns) = &request.entities {
            let entities = serde_json::to_string(columns).unwrap();
            let text = Self::text(&store, request, &entities, now).await;
            match (&answer, text) {
                (Ok(answer), Ok(text)) => assert_eq!(text, serde_json::to_string(answer).unwrap()),
                (Err(error), Err(of_text)) => {
                    assert_eq!((error.kind(), error.chain()), (of_text.kind(), of_text.chain()));
                }
                (answer, text) => panic!("{answer:?} and {text:?} for {request:?}"),
            }
        }
        answer
    }

    async fn text(
        store: &FeatureStore,
        request: &OnlineRequest,
        entities: &str,
        now: Timestamp,
    ) -> Result<String> {
        let asked = match &request.features {
            FeatureRequest::Service(name) => name.clone(),
            FeatureRequest::Features(features) => {
                features.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            }
        };
        let spelling = match &request.features {
            FeatureRequest::Service(_) => Spelling::Service(&asked),
            FeatureRequest::Features(_) => Spelling::Lines(&asked),
        };
        let plan = store.plan(spelling, request.full_feature_names, now)?;
        let again = store.plan(spelling, request.full_feature_names, now)?;
        assert!(Arc::ptr_eq(&plan, &again), "the second request is not compiled again");
        let entities = EntityColumns::of_json(entities, &plan)?;
        Ok(String::from_utf8(store.read_json(plan, entities, now).await?).unwrap())
    }

    pub(super) async fn refusal(&self, request: &OnlineRequest) -> Error {
        self.ask(request).await.unwrap_err()
    }
}

fn service() -> FeatureService {
    let renamed = |name: &str, join_key: &str| ServiceUse {
        name: name.to_owned(),
        view: "driver_stats".to_owned(),
        join_keys: BTreeMap::from([("driver_id".to_owned(), join_key.to_owned())]),
        features: (name == "origin").then(|| vec!["rate".to_owned()]),
    };
    FeatureService {
        features: vec![Selection::of("globals", None), Selection::of("driver_stats", Some("trips"))],
        uses: vec![renamed("origin", "origin_id"), renamed("other", "other_id")],
        ..FeatureService::default()
    }
}

pub(super) fn request(features: &[&str], entities: Json) -> OnlineRequest {
    let features = features.iter().map(|text| text.parse().unwrap()).collect();
    OnlineRequest {
        features: FeatureRequest::Features(features),
        entities: Entities::Columns(serde_json::from_value(entities).unwrap()),
        full_feature_names: false,
    }
}

pub(super) fn service_request(name: &str, entities: Json) -> OnlineRequest {
    OnlineRequest { features: FeatureRequest::Service(name.to_owned()), ..request(&[], entities) }
}
