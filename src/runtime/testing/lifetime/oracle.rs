//! What docs/reference/data.md says of stored values, over sets of instants and maps. It shares no code with what it judges.

use std::collections::{BTreeMap, BTreeSet};

use provender_core::encoding::Cell;
use provender_core::model::Value;
use provender_core::registry::{ColumnId, OnlineTable, TableId};
use provender_core::time::Timestamp;
use rand::Rng;
use rand::rngs::StdRng;

use super::world::{World, cell, pushed, sourced};
use super::{Act, FIRST, KEYS, LAST, Lifetimes};

/// Nothing happens before this instant; it stands for all that are earlier.
pub(super) const BEGINNING: i64 = -30;

/// Event time and created time; none sorts first.
pub(super) type Header = (i64, Option<i64>);
type Instants = BTreeSet<i64>;

/// A source row; its values follow from its place.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) key: Option<i64>,
    pub(super) event: Option<i64>,
    pub(super) created: Option<i64>,
}

impl Row {
    pub(super) fn random(random: &mut StdRng) -> Self {
        let mut maybe = |range: std::ops::Range<i64>, chance| {
            let value = random.random_range(range);
            random.random_bool(chance).then_some(value)
        };
        Self { key: maybe(KEYS, 0.9), event: maybe(FIRST..LAST, 0.9), created: maybe(0..5, 0.6) }
    }
}

/// A stored row: times, and cells by column; a column that is not there is absent.
type StoredRow = (Header, BTreeMap<ColumnId, Cell>);

/// One table.
#[derive(Default)]
struct Table {
    stored: BTreeMap<i64, StoredRow>,
    loads: Vec<(Instants, BTreeSet<ColumnId>)>,
    complete: bool,
    /// Pushes since it was created: number, key, times, and the columns that it had.
    pushes: Vec<(usize, i64, Header, BTreeSet<ColumnId>)>,
}

#[derive(Default)]
pub(super) struct Oracle {
    tables: BTreeMap<TableId, Table>,
    pub(super) replacements: u64,
}

fn between(from: i64, to: i64) -> Instants {
    (from.max(BEGINNING)..=to).collect()
}

fn instants(from: Timestamp, to: Timestamp) -> Instants {
    between(from.as_nanos(), to.as_nanos())
}

/// Neighbouring instants together, in order.
fn stretches(instants: &Instants) -> Vec<Instants> {
    let mut stretches: Vec<Instants> = Vec::new();
    for instant in instants {
        match stretches.last_mut() {
            Some(last) if last.last() == Some(&(instant - 1)) => drop(last.insert(*instant)),
            _ => stretches.push(Instants::from([*instant])),
        }
    }
    stretches
}

fn columns_of(table: &OnlineTable) -> BTreeSet<ColumnId> {
    table.columns.iter().map(|column| column.id).collect()
}

fn intersection(sets: impl Iterator<Item = Instants>) -> Instants {
    sets.reduce(|a, b| a.intersection(&b).copied().collect()).unwrap_or_default()
}

impl Table {
    /// Instants that were loaded into all of these columns.
    fn covered(&self, columns: &BTreeSet<ColumnId>) -> Instants {
        intersection(columns.iter().map(|column| {
            let of_column = self.loads.iter().filter(|(_, columns)| columns.contains(column));
            of_column.flat_map(|(instants, _)| instants).copied().collect()
        }))
    }

    fn loaded_or_recorded(&self, record: &OnlineTable) -> Instants {
        let recorded = record.backfills.iter().flat_map(|backfill| instants(backfill.from, backfill.to));
        self.loads.iter().flat_map(|(instants, _)| instants).copied().chain(recorded).collect()
    }

    fn write(&mut self, key: i64, header: Header, cells: BTreeMap<ColumnId, Cell>, fill: bool) {
        match self.stored.get_mut(&key) {
            Some((_, stored)) if fill => {
                for (column, cell) in cells {
                    stored.entry(column).or_insert(cell);
                }
            }
            Some((stored, _)) if *stored > header => {}
            _ => drop(self.stored.insert(key, (header, cells))),
        }
    }

    fn load(&mut self, world: &World<'_>, instants: &Instants, columns: BTreeSet<ColumnId>, fill: bool) {
        let record = world.newest();
        for key in KEYS {
            let rows = world.rows[world.source].iter().enumerate();
            let candidates = rows.filter_map(|(place, row)| {
                let event = row.event.filter(|event| row.key == Some(key) && instants.contains(event))?;
                Some(((event, row.created), place))
            });
            if let Some((header, place)) = candidates.max() {
                let value = |name: &str| sourced(world.source, place, name);
                self.write(key, header, cells(record, value), fill);
            }
        }
        self.loads.push((instants.clone(), columns));
    }
}

fn cells(record: &OnlineTable, value: impl Fn(&str) -> Option<i32>) -> BTreeMap<ColumnId, Cell> {
    let columns = record.columns.iter();
    columns.map(|column| (column.id, cell(value(&column.name), &column.value_type))).collect()
}

impl Oracle {
    /// Takes over which tables there are and which columns they have. A new table is empty, a new column absent in every
    /// row, a column that goes takes its cells along, and a wider one keeps its values.
    pub(super) async fn follow(&mut self, world: &World<'_>) {
        let live: BTreeMap<&TableId, &OnlineTable> = world.tables().map(|table| (&table.id, table)).collect();
        self.tables.retain(|id, _| live.contains_key(id));
        for (id, record) in live {
            if !self.tables.contains_key(id) && record.replaces.is_some() {
                self.replacements += 1;
            }
            let table = self.tables.entry(id.clone()).or_default();
            for (_, stored) in table.stored.values_mut() {
                stored.retain(|id, _| record.columns.iter().any(|column| column.id == *id));
                for column in &record.columns {
                    if let Some(Cell::Value(value)) = stored.get_mut(&column.id)
                        && let (Value::Int32(number), provender_core::model::ValueType::Int64) =
                            (&*value, &column.value_type)
                    {
                        *value = Value::Int64((*number).into());
                    }
                }
            }
        }
    }

    fn newest(&mut self, world: &World<'_>) -> &mut Table {
        self.tables.get_mut(&world.newest().id).unwrap_or_else(|| panic!("{}", world.story()))
    }

    /// What the replaced table has, or is still to get, and the newest has not.
    fn missing_of_replaced(&self, world: &World<'_>) -> Instants {
        let record = world.newest();
        let Some(old) = record.replaces.as_ref().and_then(|id| world.registry.tables.get(id)) else {
            return Instants::new();
        };
        let held = self.tables.get(&old.id).map(|table| table.loaded_or_recorded(old)).unwrap_or_default();
        held.difference(&self.tables[&record.id].covered(&columns_of(record))).copied().collect()
    }

    fn complete_if_filled(&mut self, world: &World<'_>) {
        if world.newest().replaces.is_some() && self.missing_of_replaced(world).is_empty() {
            self.newest(world).complete = true;
        }
    }

    pub(super) fn range(&mut self, world: &World<'_>, (start, end): (i64, i64)) {
        let columns = columns_of(world.newest());
        self.newest(world).load(world, &between(start, end), columns, false);
        self.complete_if_filled(world);
    }

    pub(super) fn incremental(&mut self, world: &World<'_>, end: i64, lookback: i64) {
        let record = world.newest();
        let columns = columns_of(record);
        let table = self.newest(world);
        let covered = intersection(columns.iter().map(|column| {
            let recorded = record.backfills.iter().filter(|backfill| backfill.columns.contains(column));
            let recorded = recorded.flat_map(|backfill| instants(backfill.from, backfill.to));
            table.covered(&BTreeSet::from([*column])).into_iter().chain(recorded).collect()
        }));
        let wanted: Instants = match (covered.first(), covered.last()) {
            (Some(first), Some(last)) => {
                let again = (0..lookback).map(|back| last - back).take_while(|time| covered.contains(time));
                let again: Instants = again.filter(|_| end > *last).collect();
                between(*first, end)
                    .into_iter()
                    .filter(|time| !covered.contains(time) || again.contains(time))
                    .collect()
            }
            _ if world.ttl() == 0 => between(BEGINNING, end),
            _ => between(end - world.ttl(), end),
        };
        for stretch in stretches(&wanted) {
            table.load(world, &stretch, columns.clone(), false);
        }
        self.complete_if_filled(world);
    }

    pub(super) fn pending(&mut self, world: &World<'_>) {
        let record = world.newest();
        let all = columns_of(record);
        let missing = self.missing_of_replaced(world);
        let table = self.newest(world);
        let loaded: Instants = table.loads.iter().flat_map(|(instants, _)| instants).copied().collect();
        let mut fills = Vec::new();
        for backfill in &record.backfills {
            let columns: BTreeSet<ColumnId> =
                backfill.columns.iter().copied().filter(|column| all.contains(column)).collect();
            if columns.is_empty() {
                continue;
            }
            let covered = table.covered(&columns);
            let wanted = instants(backfill.from, backfill.to);
            let were_added = !columns.contains(all.first().unwrap());
            // Rows may be stored without these columns: those keep their times, and get what they lack.
            let fill = were_added || !loaded.is_subset(&covered);
            for stretch in stretches(&wanted.difference(&covered).copied().collect()) {
                fills.push((stretch, columns.clone(), fill));
            }
        }
        for stretch in stretches(&missing) {
            table.load(world, &stretch, all.clone(), false);
        }
        // What is filled is absent no more: the newest first.
        fills.sort_by_key(|(stretch, ..)| std::cmp::Reverse(stretch.last().copied()));
        for (stretch, columns, fill) in fills {
            table.load(world, &stretch, columns, fill);
        }
        self.complete_if_filled(world);
    }

    pub(super) fn push(&mut self, world: &World<'_>, number: usize, key: i64, header: Header) {
        for record in world.tables() {
            let table = self.tables.get_mut(&record.id).unwrap();
            table.write(key, header, cells(record, |name| pushed(number, name)), false);
            table.pushes.push((number, key, header, columns_of(record)));
        }
    }

    /// Every cell of every live table, and what the ledgers claim.
    pub(super) async fn compare(&self, world: &World<'_>, act: &Act, sum: &mut Lifetimes) {
        let told = |what: String| format!("{what} after {act:?}\n{}", world.story());
        for record in world.tables() {
            let table = &self.tables[&record.id];
            for key in KEYS {
                let expected = table.stored.get(&key).map(|(header, cells)| {
                    let cell = |id| cells.get(id).cloned().unwrap_or(Cell::Absent);
                    (*header, record.columns.iter().map(|column| cell(&column.id)).collect::<Vec<_>>())
                });
                let found = world.stored(record, key).await;
                assert_eq!(found, expected, "{}", told(format!("key {key} of {}", record.id)));
                sum.rows += u64::from(found.is_some());
                let cells = found.iter().flat_map(|(_, cells)| cells);
                sum.absent += cells.filter(|cell| **cell == Cell::Absent).count() as u64;
            }
            let ledger = &world.ledgers[&record.id];
            assert_eq!(ledger.complete.is_some(), table.complete, "{}", told(format!("{}", record.id)));
            for column in &record.columns {
                let columns = BTreeSet::from([column.id]);
                let claimed = record.covered(ledger, &columns);
                let claimed: Instants = (BEGINNING..LAST + 30)
                    .filter(|instant| claimed.interval_at(Timestamp::from_nanos(*instant)).is_some())
                    .collect();
                assert_eq!(
                    claimed,
                    table.covered(&columns),
                    "{}",
                    told(format!("{} of {}", column.name, record.id))
                );
            }
        }
    }

    /// With everything loaded, each key has the newest row of the source and the pushes, whatever led there. A column that
    /// was added after a push may be filled from the source or not be there; every other cell is the winner's.
    pub(super) async fn compare_with_meaning(&self, world: &World<'_>) {
        let record = world.newest();
        let table = &self.tables[&record.id];
        for key in KEYS {
            let rows = world.rows[world.source].iter().enumerate();
            let of_source = rows
                .filter(|(_, row)| row.key == Some(key))
                .filter_map(|(place, row)| Some(((row.event?, row.created), place)))
                .max();
            // Equal times: the push that came last, and the source after that, for it was loaded at the end.
            let pushes = table.pushes.iter().filter(|push| push.1 == key);
            let of_pushes = pushes.max_by_key(|(number, _, header, _)| (*header, *number));
            let found = world.stored(record, key).await;
            let told = format!("key {key} of {} in the end\n{}", record.id, world.story());
            let by_push = match (&of_source, of_pushes) {
                (None, None) => {
                    assert_eq!(found, None, "{told}");
                    continue;
                }
                (Some((header, _)), Some(push)) => push.2 > *header,
                (None, Some(_)) => true,
                (Some(_), None) => false,
            };
            let Some((header, cells)) = found else { panic!("no {told}") };
            for (column, found) in record.columns.iter().zip(cells) {
                let (times, expected) = match (&of_source, of_pushes) {
                    (_, Some(push)) if by_push => {
                        let value = pushed(push.0, &column.name);
                        (push.2, push.3.contains(&column.id).then(|| cell(value, &column.value_type)))
                    }
                    (Some((times, place)), _) => {
                        let value = sourced(world.source, *place, &column.name);
                        (*times, Some(cell(value, &column.value_type)))
                    }
                    _ => continue,
                };
                assert_eq!(header, times, "times of {told}");
                if let Some(expected) = expected {
                    assert_eq!(found, expected, "{} of {told}", column.name);
                }
            }
        }
    }
}
