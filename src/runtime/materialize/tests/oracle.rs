//! Any sequence of runs, pushes and added columns, against what the semantics page says of sets of instants.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use provender_core::encoding::Cell;
use provender_core::registry::ColumnId;
use provender_core::time::Duration;

use super::super::{MaterializeJob, MaterializeKind};
use super::{Row, StoredRow, World, at, block_on, range, up_to, value_1, value_2};
use crate::testing::{Bench, int, int_key, online_row, times};

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
            let ledger = block_on(world.ledgers.read(&world.table().id)).unwrap();
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
