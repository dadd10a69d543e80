//! Runs over a store in memory and real ledgers: what is stored and what the ledger says. Random sequences are those of
//! `testing::lifetime`.

use std::sync::Arc;

use arrow::array::{Int64Array, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use provender_core::encoding::Cell;
use provender_core::model::{
    Address, DataSource, FeatureView, FileFormat, Object, ObjectKind, SourceKind, ValueType,
};
use provender_core::registry::{Backfill, Column, ColumnId};

use super::*;
use crate::metrics::{Recorder, TextFormat};
use crate::registry::{LedgerStore, RegistryLog};
use crate::testing::{
    Bench, MemoryHistory, MemoryProvider, entity, feature, feature_view, file_source, int, int_key,
    online_row, online_table, times,
};

/// Key, event time, created time; the values follow from the row's place.
type Row = (Option<i64>, Option<i64>, Option<i64>);

struct World {
    memory: MemoryProvider,
    ledgers: LedgerStore,
    registry: Registry,
    rows: Vec<Row>,
}

/// Event and created time of a row, and its cells.
type StoredRow = ((i64, Option<i64>), Vec<Cell>);

/// A clock that stands still.
#[derive(Debug)]
struct At(Timestamp);

impl crate::clock::Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn value_1(place: usize) -> Option<i64> {
    (place % 5 != 4).then_some(place as i64)
}

fn value_2(place: usize) -> Option<i64> {
    (place % 3 != 2).then_some(1000 + place as i64)
}

fn source() -> DataSource {
    DataSource { created_timestamp_column: Some("created".to_owned()), ..file_source("s") }
}

/// Ledgers as the program has them, in any object store.
fn ledgers_in(store: Arc<dyn ObjectStore>) -> LedgerStore {
    RegistryLog::new(store, Path::from("registry"), "p".to_owned()).ledger()
}

impl World {
    fn new(ttl: i64) -> Self {
        let entity = entity("id", ValueType::Int64);
        let ttl = Duration::from_nanos(ttl).unwrap();
        let view = FeatureView { ttl, ..feature_view("s", &["e"], &[("c1", ValueType::Int64)]) };
        let mut registry = Registry::default();
        for (kind, name, object) in [
            (ObjectKind::Entity, "e", Object::Entity(entity)),
            (ObjectKind::DataSource, "s", Object::DataSource(source())),
            (ObjectKind::FeatureView, "v", Object::FeatureView(view)),
        ] {
            registry.objects.0.insert(Address::new(kind, name), object);
        }
        let mut world = Self {
            memory: MemoryProvider::new("p"),
            ledgers: ledgers_in(Arc::new(InMemory::new())),
            registry,
            rows: Vec::new(),
        };
        world.create(online_table("v", 1, &[(1, ValueType::Int64)]));
        world
    }

    fn create(&mut self, table: OnlineTable) {
        block_on(Bench::new(&self.memory, "p").create(&table));
        self.registry.tables.insert(table.id.clone(), table);
    }

    fn table(&self) -> &OnlineTable {
        newest_table(&self.registry, "v").unwrap()
    }

    fn history(&self) -> RecordBatch {
        let column = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as arrow::array::ArrayRef;
        let time = |values: Vec<Option<i64>>| {
            Arc::new(TimestampNanosecondArray::from(values)) as arrow::array::ArrayRef
        };
        let rows = &self.rows;
        RecordBatch::try_from_iter_with_nullable([
            ("id", column(rows.iter().map(|row| row.0).collect()), true),
            ("ts", time(rows.iter().map(|row| row.1).collect()), true),
            ("created", time(rows.iter().map(|row| row.2).collect()), true),
            ("c1", column((0..rows.len()).map(value_1).collect()), true),
            ("c2", column((0..rows.len()).map(value_2).collect()), true),
        ])
        .unwrap()
    }

    fn job(kind: MaterializeKind) -> MaterializeJob {
        MaterializeJob {
            views: Vec::new(),
            kind,
            allow_future: false,
            dry_run: false,
            lookback: None,
            job_id: "job".to_owned(),
            by: Author::default(),
            now: at(1000),
            clock: Arc::new(At(at(1000))),
            metrics: Default::default(),
        }
    }

    fn try_run(&self, job: &MaterializeJob) -> Result<MaterializeReport> {
        let provider =
            self.memory.clone().with_offline(Arc::new(MemoryHistory::new(3).with("s", self.history())));
        let progress: MaterializeProgress = Arc::new(|_| {});
        block_on(materialize(job, &self.registry, &self.ledgers, &provider, &progress))
    }

    fn run(&self, kind: MaterializeKind) -> ViewOutcome {
        self.try_run(&Self::job(kind)).unwrap().views.remove(0).outcome
    }

    fn loaded(&self, kind: MaterializeKind) -> LoadedView {
        match self.run(kind) {
            ViewOutcome::Loaded(loaded) => loaded,
            other => panic!("nothing was loaded: {other:?}"),
        }
    }

    fn stored(&self, key: i64) -> Option<StoredRow> {
        let (header, cells) = block_on(Bench::new(&self.memory, "p").read_one(self.table(), &int_key(key)))?;
        Some(((header.event_time.as_nanos(), header.created_time.map(Timestamp::as_nanos)), cells))
    }

    /// Adds a second feature as an apply does: a column in place, and a backfill of what is loaded.
    fn add_column(&mut self) {
        let ledger = block_on(self.ledgers.read(&self.table().id)).unwrap();
        let id = self.table().id.clone();
        let table = self.registry.tables.get_mut(&id).unwrap();
        table.columns.push(Column { id: ColumnId(2), name: "c2".to_owned(), value_type: ValueType::Int64 });
        table.schema_id += 1;
        for entry in ledger.intervals {
            let Interval { from, to } = entry.interval;
            table.backfills.push(Backfill { columns: vec![ColumnId(2)], from, to });
        }
        if let Some(Object::FeatureView(view)) =
            self.registry.objects.0.get_mut(&Address::new(ObjectKind::FeatureView, "v"))
        {
            view.features.push(feature("c2", ValueType::Int64));
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

const fn range(start: i64, end: i64) -> MaterializeKind {
    MaterializeKind::Range { start: Timestamp::from_nanos(start), end: Timestamp::from_nanos(end) }
}

const fn up_to(end: i64) -> MaterializeKind {
    MaterializeKind::Incremental { end: Some(Timestamp::from_nanos(end)) }
}

fn interval(from: i64, to: i64) -> Interval {
    Interval { from: at(from), to: at(to) }
}

#[test]
fn the_newest_row_per_key_is_stored_and_rows_without_key_or_time_are_counted() {
    let mut world = World::new(0);
    world.rows = vec![
        (Some(1), Some(5), None),
        (Some(1), Some(9), Some(1)),
        (Some(1), Some(9), Some(2)),
        (Some(1), Some(9), Some(2)),
        (Some(2), Some(11), None),
        (None, Some(6), None),
        (Some(3), None, None),
        (Some(1), Some(9), None),
    ];
    let loaded = world.loaded(range(5, 10));
    assert_eq!((loaded.rows_read, loaded.rows_written, loaded.null_keys, loaded.no_event_time), (6, 1, 1, 1));
    assert_eq!(world.stored(1), Some(((9, Some(2)), vec![int(3)])));
    assert_eq!((world.stored(2), world.stored(3)), (None, None));
}

#[test]
fn a_run_counts_its_rows_and_how_fresh_the_table_is() {
    let mut world = World::new(0);
    world.rows = vec![(Some(1), Some(5), None), (Some(1), Some(9), None), (None, Some(6), None)];
    let job = |kind, dry_run| {
        let metrics = Recorder::new(Arc::new(At(at(1000))));
        MaterializeJob { dry_run, metrics, ..World::job(kind) }
    };
    let shown = |job: &MaterializeJob| {
        world.try_run(job).unwrap();
        job.metrics.prometheus(TextFormat::Prometheus)
    };
    assert_eq!(shown(&job(range(5, 400), true)), "");
    let text = shown(&job(range(5, 400), false));
    for line in [
        r#"provender_materialize_rows_total{view="v",outcome="read"} 3"#,
        r#"provender_materialize_rows_total{view="v",outcome="written"} 1"#,
        r#"provender_materialize_rows_total{view="v",outcome="null_key"} 1"#,
        r#"provender_materialize_duration_seconds_count{view="v",outcome="loaded"} 1"#,
        // 600 nanoseconds.
        r#"provender_freshness_seconds{view="v"} 6e-7"#,
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
    // A process that finds nothing to load knows how fresh the table is all the same.
    let text = shown(&job(up_to(300), false));
    assert!(text.contains(r#"duration_seconds_count{view="v",outcome="nothing"} 1"#), "{text}");
    assert!(text.contains(r#"freshness_seconds{view="v"} 6e-7"#), "{text}");
}

#[test]
fn a_range_that_is_no_range_is_refused_and_the_future_only_when_meant() {
    let world = World::new(0);
    let refused = |kind| world.try_run(&World::job(kind)).unwrap_err().to_string();
    assert!(refused(range(6, 5)).contains("is after the end"));
    assert!(refused(range(6, 1001)).contains("is in the future"));
    assert!(refused(up_to(1001)).contains("is in the future"));
    assert!(world.try_run(&MaterializeJob { allow_future: true, ..World::job(range(6, 1001)) }).is_ok());
    let unknown = MaterializeJob { views: vec!["w".to_owned()], ..World::job(range(1, 2)) };
    assert_eq!(world.try_run(&unknown).unwrap_err().hints(), ["did you mean `v`?"]);
}

#[test]
fn incremental_runs_begin_with_ttl_fill_gaps_and_stop_at_the_ledgers_end() {
    let mut world = World::new(10);
    world.rows = (0..60).map(|time| (Some(1), Some(time), None)).collect();
    assert_eq!(world.loaded(up_to(20)).intervals, [interval(10, 20)]);
    assert!(
        matches!(world.run(up_to(20)), ViewOutcome::Nothing { reason, .. } if reason.contains("is loaded"))
    );
    assert!(matches!(world.run(up_to(15)), ViewOutcome::Nothing { .. }));
    world.loaded(range(30, 35));
    assert_eq!(world.loaded(up_to(40)).intervals, [interval(21, 29), interval(36, 40)]);
    let mut job = World::job(up_to(45));
    job.lookback = Duration::from_nanos(3);
    let report = world.try_run(&job).unwrap();
    assert!(
        matches!(&report.views[0].outcome, ViewOutcome::Loaded(loaded) if loaded.intervals == [interval(38, 45)])
    );
    job.dry_run = true;
    job.kind = up_to(50);
    let dry = world.try_run(&job).unwrap();
    assert!(
        matches!(&dry.views[0].outcome, ViewOutcome::Loaded(loaded) if loaded.rows_read == 8 && loaded.rows_written == 0)
    );
    assert_eq!(
        world.stored(1),
        Some(((45, None), vec![Cell::Value(provender_core::model::Value::Int64(45))]))
    );
}

#[test]
fn a_replacement_is_filled_with_what_the_old_table_had_and_is_complete_then() {
    let mut world = World::new(0);
    world.rows = vec![(Some(1), Some(12), None), (Some(1), Some(25), None), (Some(2), Some(33), None)];
    world.loaded(range(10, 20));
    world.loaded(range(30, 40));
    let old = world.table().clone();
    let mut new = online_table("v", 1, &[(1, ValueType::Int64)]);
    new.id.revision = Some(2);
    new.replaces = Some(old.id.clone());
    world.create(new.clone());
    // Another run into the new table completes nothing as long as something is missing.
    assert!(!world.loaded(range(30, 34)).completed);
    let loaded = world.loaded(MaterializeKind::Pending);
    assert_eq!(loaded.intervals, [interval(10, 20), interval(35, 40)]);
    assert!(loaded.completed);
    assert_eq!((world.stored(1).unwrap().0, world.stored(2).unwrap().0), ((12, None), (33, None)));
    assert!(matches!(world.run(MaterializeKind::Pending), ViewOutcome::Nothing { completed: false, .. }));
    assert_eq!(block_on(world.ledgers.read(&new.id)).unwrap().complete, Some(at(1000)));
}

#[test]
fn a_table_made_again_is_filled_with_the_newest_rows_whatever_was_loaded_before() {
    let mut world = World::new(0);
    world.rows = vec![(Some(1), Some(12), None), (Some(1), Some(25), None), (Some(2), Some(13), None)];
    let id = world.table().id.clone();
    let recorded = Backfill { columns: vec![ColumnId(1)], from: at(10), to: at(30) };
    world.registry.tables.get_mut(&id).unwrap().backfills.push(recorded);
    let waits = world.run(up_to(30));
    assert!(matches!(waits, ViewOutcome::Nothing { reason, .. } if reason.contains("--pending")));
    world.loaded(range(10, 20));
    let loaded = world.loaded(MaterializeKind::Pending);
    assert_eq!(loaded.intervals, [interval(21, 30)]);
    assert_eq!((world.stored(1).unwrap().0, world.stored(2).unwrap().0), ((25, None), (13, None)));
    assert!(matches!(world.run(MaterializeKind::Pending), ViewOutcome::Nothing { .. }));
}

#[test]
fn a_column_that_is_added_before_a_table_made_again_is_filled_comes_to_pushed_rows_too() {
    let mut world = World::new(0);
    world.rows = vec![(Some(1), Some(12), None), (Some(2), Some(13), None), (Some(2), Some(25), None)];
    let id = world.table().id.clone();
    let recorded = |column| Backfill { columns: vec![ColumnId(column)], from: at(10), to: at(30) };
    world.registry.tables.get_mut(&id).unwrap().backfills.push(recorded(1));
    world.loaded(range(10, 20));
    let pushed = online_row(world.table(), &int_key(1), times(40, None), &[int(-1)]);
    block_on(Bench::new(&world.memory, "p").write(world.table(), &[pushed]));
    world.add_column();
    let table = world.registry.tables.get_mut(&id).unwrap();
    table.backfills = vec![recorded(1), recorded(2)];
    world.loaded(MaterializeKind::Pending);
    assert_eq!(world.stored(1), Some(((40, None), vec![int(-1), int(1000)])));
    assert_eq!(world.stored(2), Some(((25, None), vec![int(2), Cell::Null])));
    assert!(matches!(world.run(MaterializeKind::Pending), ViewOutcome::Nothing { .. }));
}

#[test]
fn a_replacement_is_filled_with_what_the_old_table_was_still_to_get() {
    let mut world = World::new(0);
    world.rows = vec![(Some(1), Some(12), None)];
    let old = world.table().id.clone();
    let recorded = Backfill { columns: vec![ColumnId(1)], from: at(10), to: at(30) };
    world.registry.tables.get_mut(&old).unwrap().backfills.push(recorded);
    let mut new = online_table("v", 1, &[(1, ValueType::Int64)]);
    new.id.revision = Some(2);
    new.replaces = Some(old);
    world.create(new);
    let loaded = world.loaded(MaterializeKind::Pending);
    assert_eq!((loaded.intervals, loaded.completed), (vec![interval(10, 30)], true));
}

#[test]
fn a_replacement_of_a_table_that_was_never_loaded_is_complete_at_once() {
    let mut world = World::new(0);
    let mut new = online_table("v", 1, &[(1, ValueType::Int64)]);
    new.id.revision = Some(2);
    new.replaces = Some(world.table().id.clone());
    world.create(new);
    assert!(matches!(world.run(MaterializeKind::Pending), ViewOutcome::Nothing { completed: true, .. }));
}

#[test]
fn a_view_that_fails_leaves_its_ledger_alone_and_does_not_stop_the_others() {
    let mut world = World::new(0);
    world.rows = vec![(Some(1), Some(5), None)];
    let Some(Object::FeatureView(mut view)) =
        world.registry.objects.get(&Address::new(ObjectKind::FeatureView, "v")).cloned()
    else {
        panic!("the view is there")
    };
    view.source = "a_lost".to_owned();
    let mut lost = source();
    lost.kind = SourceKind::File { path: "lost".to_owned(), format: FileFormat::Parquet, endpoint: None };
    world.registry.objects.0.insert(Address::new(ObjectKind::DataSource, "a_lost"), Object::DataSource(lost));
    world.registry.objects.0.insert(Address::new(ObjectKind::FeatureView, "a"), Object::FeatureView(view));
    world.create(online_table("a", 1, &[(1, ValueType::Int64)]));
    let mut report = world.try_run(&World::job(range(0, 10))).unwrap();
    assert_eq!(report.failures().count(), 1);
    assert!(
        matches!(report.views.remove(0), ViewReport { view, outcome: ViewOutcome::Failed(_), .. } if view == "a")
    );
    assert!(matches!(report.views.remove(0).outcome, ViewOutcome::Loaded(_)));
    // A table that is gone: an error that says so, and nothing in the ledger.
    let table = world.table().clone();
    block_on(Bench::new(&world.memory, "p").delete(&table));
    world.registry.objects.0.remove(&Address::new(ObjectKind::FeatureView, "a"));
    let ViewOutcome::Failed(error) = world.run(range(20, 30)) else { panic!("a lost table was written") };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(block_on(world.ledgers.read(&table.id)).unwrap().intervals.len(), 1);
}

#[test]
fn a_ledger_on_files_merges_runs_and_carries_them_to_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || ledgers_in(Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()));
    let mut world = World::new(0);
    world.ledgers = open();
    world.rows = (0..60).map(|time| (Some(time % 3), Some(time), None)).collect();
    world.loaded(range(0, 9));
    world.loaded(range(20, 29));
    assert_eq!(world.loaded(up_to(29)).intervals, [interval(10, 19)]);
    world.ledgers = open();
    let ledger = block_on(world.ledgers.read(&world.table().id)).unwrap();
    let rows: Vec<_> = ledger.intervals.iter().map(|entry| (entry.interval, entry.rows_read)).collect();
    assert_eq!(rows, [(interval(0, 29), 30)]);
    assert_eq!(world.loaded(up_to(40)).intervals, [interval(30, 40)]);
    assert_eq!(block_on(world.ledgers.entries(&world.table().id)).unwrap().len(), 4);
}
