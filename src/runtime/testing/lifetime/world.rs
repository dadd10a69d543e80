//! One view with its two sources, its registry and its stores. Definitions are planned and applied, values loaded, by the
//! code that the program runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use provender_core::encoding::Cell;
use provender_core::model::{
    Address, DataSource, FeatureView, Object, ObjectKind, Objects, Project, SourceKind, StoreIdentity,
    StoreSettings, Value, ValueType,
};
use provender_core::plan::{InfraStep, PlanInput, plan};
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::{
    AppliedEnvironment, Author, Ledger, OnlineTable, Registry, TableId, TableState,
};
use provender_core::time::{Duration, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::watch;

use super::super::point_in_time::{HistoryBackend, Pieces};
use super::super::{Backend, Bench, entity, feature, feature_view, file_source, int_key, online_row, times};
use super::oracle::{Header, Row};
use super::{Act, Edit, FEATURES};
use crate::Result;
use crate::apply::{ApplyOptions, apply};
use crate::clock::Clock;
use crate::materialize::{MaterializeJob, MaterializeKind, ViewOutcome, materialize, newest_table};
use crate::provider::{OfflineStore, OnlineStore, Provider, WriteMode};
use crate::registry::RegistryLog;

/// The view.
const VIEW: &str = "v";

/// A clock that stands still.
#[derive(Debug)]
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A provider that reads history from elsewhere.
#[derive(Clone, Debug)]
struct Fed {
    provider: Arc<dyn Provider>,
    offline: Arc<dyn OfflineStore>,
}

#[async_trait]
impl Provider for Fed {
    async fn observe(&self, objects: &[&InfraObject]) -> Result<BTreeMap<InfraId, InfraObject>> {
        self.provider.observe(objects).await
    }

    async fn list(&self, store: Option<&StoreIdentity>) -> Result<Vec<InfraObject>> {
        self.provider.list(store).await
    }

    async fn execute(&self, step: &InfraStep) -> Result<Option<InfraObject>> {
        self.provider.execute(step).await
    }

    fn online(&self) -> Option<Arc<dyn OnlineStore>> {
        self.provider.online()
    }

    fn offline(&self) -> Option<Arc<dyn OfflineStore>> {
        Some(Arc::clone(&self.offline))
    }
}

pub(super) struct World<'a> {
    online: &'a dyn Backend,
    history: &'a dyn HistoryBackend,
    project: String,
    provider: Fed,
    log: RegistryLog,
    objects: Objects,
    pub(super) registry: Registry,
    pub(super) ledgers: BTreeMap<TableId, Ledger>,
    /// Rows of both sources; appended to the one that the view reads.
    pub(super) rows: [Vec<Row>; 2],
    pub(super) source: usize,
    pieces: Pieces,
    now: i64,
    pushes: usize,
    story: String,
}

impl<'a> World<'a> {
    pub(super) async fn new(
        online: &'a dyn Backend,
        history: &'a dyn HistoryBackend,
        seed: u64,
        random: &mut StdRng,
    ) -> Self {
        let mut piece = || [1, 3, 5, 1_000][random.random_range(0..4)];
        let pieces = Pieces { file: piece(), group: piece(), page: piece() };
        let rows = [(); 2].map(|()| (0..random.random_range(0..20)).map(|_| Row::random(random)).collect());
        let project = format!("lifetime{seed}");
        let (kinds, offline) = history.hold(&tables_of(&rows), pieces).await;
        let mut world = Self {
            online,
            history,
            provider: Fed { provider: online.provider(&project), offline },
            log: RegistryLog::new(Arc::new(InMemory::new()), Path::from("registry"), project.clone()),
            project,
            objects: Objects::default(),
            registry: Registry::default(),
            ledgers: BTreeMap::new(),
            rows,
            source: 0,
            pieces,
            now: 1_000,
            pushes: 0,
            story: format!("seed {seed}"),
        };
        let ttl = Duration::from_nanos(random.random_range(0..12)).unwrap();
        world.define(kinds, ttl);
        world
    }

    fn define(&mut self, kinds: Vec<SourceKind>, ttl: Duration) {
        let mut add = |kind, name: &str, object| self.objects.0.insert(Address::new(kind, name), object);
        add(ObjectKind::Entity, "e", Object::Entity(entity("id", ValueType::Int64)));
        for (number, kind) in kinds.into_iter().enumerate() {
            let created_timestamp_column = Some("created".to_owned());
            let source = DataSource { kind, created_timestamp_column, ..file_source("") };
            add(ObjectKind::DataSource, &format!("s{number}"), Object::DataSource(source));
        }
        let view = feature_view("s0", &["e"], &[("f0", ValueType::Int32), ("f1", ValueType::Int64)]);
        add(ObjectKind::FeatureView, VIEW, Object::FeatureView(FeatureView { ttl, ..view }));
    }

    /// What happened until now, for messages.
    pub(super) fn story(&self) -> &str {
        &self.story
    }

    pub(super) fn tell(&mut self, act: &Act) {
        let _ = write!(self.story, "\n  {act:?}");
    }

    /// The table that is filled.
    pub(super) fn newest(&self) -> &OnlineTable {
        newest_table(&self.registry, VIEW).unwrap_or_else(|| panic!("no table: {}", self.story))
    }

    /// The tables that are there.
    pub(super) fn tables(&self) -> impl Iterator<Item = &OnlineTable> {
        self.registry.tables.values().filter(|table| table.state == TableState::Live)
    }

    pub(super) fn ttl(&self) -> i64 {
        self.objects.feature_view(VIEW).unwrap().effective_online_ttl().as_nanos()
    }

    pub(super) async fn append(&mut self, rows: &[Row]) {
        self.rows[self.source].extend(rows.iter().cloned());
        self.provider.offline = self.history.hold(&tables_of(&self.rows), self.pieces).await.1;
    }

    /// Changes the definitions, plans and applies.
    pub(super) async fn edit(&mut self, edit: &Edit) {
        let address = Address::new(ObjectKind::FeatureView, VIEW);
        let Some(Object::FeatureView(view)) = self.objects.0.get_mut(&address) else {
            panic!("the view is there")
        };
        match edit {
            Edit::Nothing => {}
            Edit::Add(name) if view.feature(name).is_none() => {
                view.features.push(feature(name, ValueType::Int32));
            }
            Edit::Remove(name) if view.features.len() > 1 => {
                view.features.retain(|feature| feature.name != *name);
            }
            Edit::Retype(name) => {
                for feature in view.features.iter_mut().filter(|feature| feature.name == *name) {
                    feature.value_type = match feature.value_type {
                        ValueType::Int32 => ValueType::Int64,
                        ValueType::Int64 => ValueType::String,
                        _ => ValueType::Int32,
                    };
                }
            }
            Edit::Source => {
                self.source = 1 - self.source;
                view.source = format!("s{}", self.source);
            }
            Edit::Ttl(ttl) => view.ttl = Duration::from_nanos(*ttl).unwrap(),
            Edit::Add(_) | Edit::Remove(_) => {}
        }
        self.apply().await;
    }

    async fn apply(&mut self) {
        self.now += 1;
        let state = self.log.state().await.unwrap();
        let known: Vec<&InfraObject> = state.infrastructure.values().collect();
        let observed = self.provider.observe(&known).await.unwrap();
        let spec = self.online.spec();
        let settings = StoreSettings { kind: spec.name().to_owned(), settings: BTreeMap::new() };
        let environment = AppliedEnvironment {
            provider: "test".to_owned(),
            online_store: Some(spec.identity(&settings)),
            offline_store: None,
        };
        let project =
            Project { name: self.project.clone(), objects: self.objects.clone(), ..Project::default() };
        let outcome = plan(&PlanInput {
            ledgers: &self.ledgers,
            observed: Some(&observed),
            store: Some(spec),
            keep_superseded: Duration::ZERO,
            ..PlanInput::of(&project, &state, &environment, self.time())
        });
        let plan = outcome.plan.unwrap_or_else(|| panic!("no plan: {:?}\n{}", outcome.errors, self.story));
        let (_stop, stop) = watch::channel(false);
        let options = ApplyOptions {
            parallelism: 2,
            lock_timeout: Duration::ZERO,
            by: Author::default(),
            events: Arc::new(|_| ()),
            stop,
            clock: Arc::new(At(self.time())),
            metrics: Default::default(),
        };
        let provider: Arc<dyn Provider> = Arc::new(self.provider.clone());
        let report = apply(&plan, &self.log, &provider, options).await.unwrap();
        assert!(report.failed.is_empty(), "{:?}\n{}", report.failed, self.story);
        self.registry = self.log.state().await.unwrap();
        self.read_ledgers().await;
    }

    async fn read_ledgers(&mut self) {
        self.ledgers.clear();
        for table in self.registry.tables.keys() {
            self.ledgers.insert(table.clone(), self.log.ledger().read(table).await.unwrap());
        }
    }

    const fn time(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    async fn run(&mut self, kind: MaterializeKind, lookback: i64, dry_run: bool) -> ViewOutcome {
        self.now += 1;
        let job = MaterializeJob {
            views: Vec::new(),
            kind,
            allow_future: false,
            dry_run,
            lookback: Duration::from_nanos(lookback),
            job_id: "job".to_owned(),
            by: Author::default(),
            now: self.time(),
            clock: Arc::new(At(self.time())),
            metrics: Default::default(),
        };
        let ledgers = self.log.ledger();
        let report =
            materialize(&job, &self.registry, &ledgers, &self.provider, &(Arc::new(|_| ()) as _)).await;
        let outcome = report.unwrap().views.remove(0).outcome;
        if let ViewOutcome::Failed(error) = &outcome {
            panic!("{error:?}\n{}", self.story);
        }
        self.read_ledgers().await;
        outcome
    }

    pub(super) async fn materialize(&mut self, kind: MaterializeKind, lookback: i64) {
        self.run(kind, lookback, false).await;
    }

    /// Whether `--pending` has nothing to do.
    pub(super) async fn nothing_waits(&mut self) -> bool {
        matches!(self.run(MaterializeKind::Pending, 0, true).await, ViewOutcome::Nothing { .. })
    }

    /// Pushes a row to every table, as a frame of all its columns, and tells its number.
    pub(super) async fn push(&mut self, key: i64, (event, created): Header) -> usize {
        self.pushes += 1;
        for table in self.tables() {
            let cells: Vec<Cell> = table
                .columns
                .iter()
                .map(|column| cell(pushed(self.pushes, &column.name), &column.value_type))
                .collect();
            let row = online_row(table, &int_key(key), times(event, created), &cells);
            self.provider.online().unwrap().write(table, WriteMode::Newest, vec![row]).await.unwrap();
        }
        self.pushes
    }

    /// Takes a table away behind everybody's back.
    pub(super) async fn lose(&mut self, newest: bool) {
        let old = self.newest().replaces.clone().filter(|_| !newest);
        let id = old.unwrap_or_else(|| self.newest().id.clone());
        let table = self.registry.tables.get(&id).unwrap_or_else(|| panic!("no {id}: {}", self.story));
        for object in self.online.spec().lower(&self.project, table) {
            self.provider.execute(&InfraStep::Delete { object }).await.unwrap();
        }
    }

    /// Times and cells of a key, in the order of the table's columns.
    pub(super) async fn stored(&self, table: &OnlineTable, key: i64) -> Option<(Header, Vec<Cell>)> {
        let provider = Arc::clone(&self.provider.provider);
        let bench = Bench { backend: self.online, project: &self.project, provider };
        let (header, cells) = bench.read_one(table, &int_key(key)).await?;
        Some(((header.event_time.as_nanos(), header.created_time.map(Timestamp::as_nanos)), cells))
    }

    pub(super) async fn clean_up(&self) {
        for object in self.registry.infrastructure.values() {
            self.provider.execute(&InfraStep::Delete { object: object.clone() }).await.unwrap();
        }
    }
}

/// The value that a push of this number brings for a feature.
pub(super) fn pushed(number: usize, feature: &str) -> Option<i32> {
    let at = FEATURES.iter().position(|name| *name == feature).unwrap();
    (!(number + at).is_multiple_of(4)).then(|| -i32::try_from(number * 10 + at).unwrap())
}

/// The value that a source has for a feature in the row at this place.
pub(super) fn sourced(source: usize, place: usize, feature: &str) -> Option<i32> {
    let at = FEATURES.iter().position(|name| *name == feature).unwrap();
    (!(place + at).is_multiple_of(5)).then(|| i32::try_from(source * 100_000 + place * 10 + at).unwrap())
}

/// A number as a type has it.
pub(super) fn cell(number: Option<i32>, value_type: &ValueType) -> Cell {
    let Some(number) = number else { return Cell::Null };
    Cell::Value(match value_type {
        ValueType::Int32 => Value::Int32(number),
        ValueType::Int64 => Value::Int64(number.into()),
        _ => Value::String(number.to_string()),
    })
}

fn tables_of(rows: &[Vec<Row>; 2]) -> Vec<RecordBatch> {
    let table = |(source, rows): (usize, &Vec<Row>)| {
        let times = |of: fn(&Row) -> Option<i64>| {
            Arc::new(rows.iter().map(of).collect::<TimestampNanosecondArray>()) as ArrayRef
        };
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(rows.iter().map(|row| row.key).collect::<Int64Array>())),
            ("ts", times(|row| row.event)),
            ("created", times(|row| row.created)),
        ];
        for name in FEATURES {
            let values = (0..rows.len()).map(|place| sourced(source, place, name));
            columns.push((name, Arc::new(values.collect::<Int32Array>())));
        }
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    };
    rows.iter().enumerate().map(table).collect()
}
