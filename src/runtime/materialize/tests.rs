//! Runs over a store in memory: what is stored, what the ledger says, and an oracle over random sequences.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arrow::array::{Int64Array, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use proptest::prelude::*;
use provender_core::encoding::Cell;
use provender_core::model::{
    Address, DataSource, Entity, Feature, FeatureView, FileFormat, Lifecycle, Materialization, Metadata,
    Object, ObjectKind, SourceKind, ValueType,
};
use provender_core::registry::{Backfill, Column, ColumnId};

use super::*;
use crate::testing::{Bench, MemoryHistory, MemoryProvider, int, int_key, online_row, online_table, times};

/// Key, event time, created time; the values follow from the row's place.
type Row = (Option<i64>, Option<i64>, Option<i64>);

#[derive(Default)]
struct MemoryLedgers(Mutex<BTreeMap<TableId, Ledger>>);

#[async_trait]
impl TableLedgers for MemoryLedgers {
    async fn ledger(&self, table: &TableId) -> Result<Ledger> {
        Ok(self.0.lock().unwrap().get(table).cloned().unwrap_or_default())
    }

    async fn append(&self, table: &TableId, entry: LedgerEntry) -> Result<()> {
        let mut ledgers = self.0.lock().unwrap();
        let ledger = ledgers.entry(table.clone()).or_default();
        match entry.body {
            LedgerEntryBody::Materialized(interval) => ledger.intervals.push(interval),
            LedgerEntryBody::Complete => ledger.complete = Some(entry.at),
            LedgerEntryBody::Checkpoint(_) => {}
        }
        Ok(())
    }
}

struct World {
    memory: MemoryProvider,
    ledgers: MemoryLedgers,
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

fn feature(name: &str) -> Feature {
    Feature { name: name.to_owned(), value_type: ValueType::Int64, metadata: Metadata::default() }
}

fn source() -> DataSource {
    DataSource {
        kind: SourceKind::File { path: "s".to_owned(), format: FileFormat::Parquet, endpoint: None },
        timestamp_field: Some("ts".to_owned()),
        created_timestamp_column: Some("created".to_owned()),
        timestamp_unit: None,
        date_partition_column: None,
        field_mapping: BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}

impl World {
    fn new(ttl: i64) -> Self {
        let entity = Entity {
            join_key: "id".to_owned(),
            value_type: ValueType::Int64,
            metadata: Metadata::default(),
            lifecycle: Lifecycle::default(),
        };
        let view = FeatureView {
            entities: vec!["e".to_owned()],
            source: "s".to_owned(),
            ttl: Duration::from_nanos(ttl).unwrap(),
            online: true,
            online_ttl: None,
            features: vec![feature("c1")],
            materialization: Materialization::default(),
            metadata: Metadata::default(),
            lifecycle: Lifecycle::default(),
        };
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
            ledgers: MemoryLedgers::default(),
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
        let ledger = self.ledgers.0.lock().unwrap().get(&self.table().id).cloned().unwrap_or_default();
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
            view.features.push(feature("c2"));
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
    assert_eq!(block_on(world.ledgers.ledger(&new.id)).unwrap().complete, Some(at(1000)));
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
    assert!(report.any_failed());
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
    assert_eq!(world.ledgers.0.lock().unwrap()[&table.id].intervals.len(), 1);
}

#[derive(Clone, Debug)]
enum Act {
    Range(i64, i64),
    Incremental { end: i64, lookback: i64 },
    Pending,
    Push { key: i64, event: i64, value: i64 },
    Append(Vec<Row>),
    AddColumn,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let row = (
        prop_oneof![9 => (0_i64..3).prop_map(Some), 1 => Just(None)],
        prop_oneof![9 => (0_i64..40).prop_map(Some), 1 => Just(None)],
        prop_oneof![(0_i64..5).prop_map(Some), Just(None)],
    );
    let act = prop_oneof![
        (0_i64..40, 0_i64..15).prop_map(|(start, length)| Act::Range(start, start + length)),
        (0_i64..45, 0_i64..8).prop_map(|(end, lookback)| Act::Incremental { end, lookback }),
        Just(Act::Pending),
        (0_i64..3, 0_i64..45, 0_i64..9).prop_map(|(key, event, value)| Act::Push {
            key,
            event,
            value: -1 - value
        }),
        prop::collection::vec(row, 1..12).prop_map(Act::Append),
        Just(Act::AddColumn),
    ];
    prop::collection::vec(act, 1..14)
}

/// What the semantics page says, over sets of instants. Nothing happens before instant -10.
#[derive(Default)]
struct Oracle {
    stored: BTreeMap<i64, StoredRow>,
    covered: [BTreeSet<i64>; 2],
    backfill: BTreeSet<i64>,
    columns: usize,
}

impl Oracle {
    fn load(&mut self, rows: &[Row], instants: &BTreeSet<i64>, fill: bool) {
        let mut newest: BTreeMap<i64, (i64, Option<i64>, usize)> = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            if let (Some(key), Some(event)) = (row.0, row.1)
                && instants.contains(&event)
            {
                let found = newest.entry(key).or_insert((event, row.2, place));
                *found = (*found).max((event, row.2, place));
            }
        }
        let cell = |value: Option<i64>| value.map_or(Cell::Null, int);
        for (key, (event, created, place)) in newest {
            let cells: Vec<Cell> =
                [cell(value_1(place)), cell(value_2(place))].into_iter().take(self.columns).collect();
            match self.stored.get_mut(&key) {
                Some((_, stored)) if fill => {
                    for (stored, new) in stored.iter_mut().zip(cells) {
                        if *stored == Cell::Absent {
                            *stored = new;
                        }
                    }
                }
                Some((header, _)) if *header > (event, created) => {}
                _ => drop(self.stored.insert(key, ((event, created), cells))),
            }
        }
        let loaded = if fill { 1..2 } else { 0..self.columns };
        for column in &mut self.covered[loaded] {
            column.extend(instants);
        }
    }

    fn act(&mut self, act: &Act, rows: &mut Vec<Row>) {
        match act {
            Act::Range(start, end) => self.load(rows, &(*start..=*end).collect(), false),
            Act::Incremental { end, lookback } => {
                let mut coverage = self.covered[0].clone();
                if self.columns == 2 {
                    let second: BTreeSet<i64> = self.covered[1].union(&self.backfill).copied().collect();
                    coverage.retain(|instant| second.contains(instant));
                }
                let instants: BTreeSet<i64> = match (coverage.first(), coverage.last()) {
                    (Some(first), Some(last)) => {
                        let again =
                            (0..).map(|back| last - back).take_while(|instant| coverage.contains(instant));
                        let again: BTreeSet<i64> = again.take(usize::try_from(*lookback).unwrap()).collect();
                        (*first..=*end)
                            .filter(|instant| {
                                !coverage.contains(instant) || (end > last && again.contains(instant))
                            })
                            .collect()
                    }
                    _ => (-10..=*end).collect(),
                };
                self.load(rows, &instants, false);
            }
            Act::Pending => {
                let missing = self.backfill.difference(&self.covered[1]).copied().collect();
                self.load(rows, &missing, true);
            }
            Act::Push { key, event, value } => {
                let mut cells = vec![int(*value), int(value * 10)];
                cells.truncate(self.columns);
                match self.stored.get(key) {
                    Some((header, _)) if *header > (*event, Some(0)) => {}
                    _ => drop(self.stored.insert(*key, ((*event, Some(0)), cells))),
                }
            }
            Act::Append(more) => rows.extend(more),
            Act::AddColumn => {
                self.columns = 2;
                self.backfill = self.covered[0].clone();
                for (_, cells) in self.stored.values_mut() {
                    cells.push(Cell::Absent);
                }
            }
        }
    }
}

fn perform(world: &mut World, act: &Act) {
    match act {
        Act::Range(start, end) => drop(world.run(range(*start, *end))),
        Act::Incremental { end, lookback } => {
            let job = MaterializeJob { lookback: Duration::from_nanos(*lookback), ..World::job(up_to(*end)) };
            assert!(!world.try_run(&job).unwrap().any_failed());
        }
        Act::Pending => drop(world.run(MaterializeKind::Pending)),
        Act::Push { key, event, value } => {
            let mut cells = vec![int(*value), int(value * 10)];
            cells.truncate(world.table().columns.len());
            let row = online_row(world.table(), &int_key(*key), times(*event, Some(0)), &cells);
            block_on(Bench::new(&world.memory, "p").write(world.table(), &[row]));
        }
        Act::Append(rows) => world.rows.extend(rows),
        Act::AddColumn => world.add_column(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_sequence_of_runs_leaves_what_the_oracle_has(acts in acts()) {
        let mut world = World::new(0);
        let mut oracle = Oracle { columns: 1, ..Oracle::default() };
        let mut rows = Vec::new();
        for act in &acts {
            if matches!(act, Act::AddColumn) && oracle.columns == 2 {
                continue;
            }
            oracle.act(act, &mut rows);
            perform(&mut world, act);
            for key in 0..3 {
                prop_assert_eq!(world.stored(key), oracle.stored.get(&key).cloned(), "key {} after {:?}", key, act);
            }
            let ledger = block_on(world.ledgers.ledger(&world.table().id)).unwrap();
            for column in 0..oracle.columns {
                let id = BTreeSet::from([ColumnId(u32::try_from(column).unwrap() + 1)]);
                let coverage = world.table().covered(&ledger, &id);
                for instant in -10..60 {
                    let covered = coverage.interval_at(at(instant)).is_some();
                    prop_assert_eq!(covered, oracle.covered[column].contains(&instant), "column {} at {}", column, instant);
                }
            }
        }
    }
}
