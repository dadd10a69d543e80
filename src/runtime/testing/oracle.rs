//! Random operations on a store, compared with a map in memory after each.

use std::collections::BTreeMap;

use provender_core::encoding::{Cell, EntityKey, RowHeader};
use provender_core::model::{Value, ValueType};
use provender_core::registry::OnlineTable;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::fixture::{Backend, Bench, int, int_key, online_row, online_table, string_key, times};
use crate::provider::{OnlineRow, WriteMode, WriteOutcome};

/// What one schema of the random table has: ids and types of its columns.
type Columns = Vec<(u32, ValueType)>;

/// Rows as they must be: times, and cells by column id, widened to the newest type.
type Oracle = BTreeMap<EntityKey, (RowHeader, BTreeMap<u32, Cell>)>;

/// Runs `steps` random writes, fills, schema changes, deletions and re-creations that follow from `seed`, and compares
/// every answer with a map. Keys and times are drawn from few, so that they meet often.
pub async fn random_operations(backend: &dyn Backend, seed: u64, steps: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let project = format!("random_{seed}");
    let bench = Bench::new(backend, &project);
    let keys: Vec<EntityKey> =
        (0..6).map(int_key).chain([string_key(""), string_key(&"long".repeat(300))]).collect();
    let mut schemas: Vec<Columns> = vec![vec![(1, ValueType::Int32), (2, ValueType::Int64)]];
    let mut oracle = Oracle::new();
    let mut table = online_table("random", 1, &schemas[0]);
    bench.create(&table).await;
    for _ in 0..steps {
        match random.random_range(0..20) {
            0 => {
                bench.delete(&table).await;
                bench.create(&table).await;
                oracle.clear();
                schemas = vec![vec![(1, ValueType::Int32), (2, ValueType::Int64)]];
                table = online_table("random", 1, &schemas[0]);
            }
            1 | 2 => {
                let next = changed_columns(&mut random, &schemas);
                schemas.push(next);
                table = newest_table(&schemas);
                take_over(&mut oracle, &table);
            }
            choice => {
                let mode = if choice < 8 { WriteMode::FillAbsent } else { WriteMode::Newest };
                let rows = random_rows(&mut random, &table, &keys);
                let outcome = bench.try_write(&table, mode, &rows).await.unwrap();
                let expected = expect_write(&mut oracle, &table, mode, &rows);
                assert_eq!(outcome, expected, "seed {seed}");
            }
        }
        for key in &keys {
            let found = bench.read_one(&table, key).await;
            let expected = oracle.get(key).map(|(header, cells)| {
                let cell = |(id, _): &(u32, ValueType)| cells.get(id).cloned().unwrap_or(Cell::Absent);
                (*header, newest(&schemas).iter().map(cell).collect::<Vec<_>>())
            });
            assert_eq!(found, expected, "seed {seed}, key {key:?}");
        }
    }
    bench.delete(&table).await;
}

fn newest(schemas: &[Columns]) -> &Columns {
    schemas.last().unwrap()
}

fn newest_table(schemas: &[Columns]) -> OnlineTable {
    online_table("random", u32::try_from(schemas.len()).unwrap(), newest(schemas))
}

/// Adds, removes, widens or moves a column.
fn changed_columns(random: &mut StdRng, schemas: &[Columns]) -> Columns {
    let used = schemas.iter().flatten().map(|(id, _)| *id).max().unwrap();
    let mut columns = newest(schemas).clone();
    match random.random_range(0..4) {
        0 if columns.len() > 1 => {
            columns.remove(random.random_range(0..columns.len()));
        }
        1 => {
            for (_, value_type) in &mut columns {
                *value_type = ValueType::Int64;
            }
        }
        2 => columns.reverse(),
        _ => columns.push((used + 1, ValueType::Int32)),
    }
    columns
}

/// What a schema change does to rows that are there: removed columns are gone for ever, widened ones are wider.
fn take_over(oracle: &mut Oracle, table: &OnlineTable) {
    for (_, cells) in oracle.values_mut() {
        cells.retain(|id, _| table.columns.iter().any(|column| column.id.0 == *id));
        for column in &table.columns {
            if let Some(Cell::Value(value)) = cells.get_mut(&column.id.0) {
                *value = value.clone().widen_to(&column.value_type).unwrap();
            }
        }
    }
}

fn random_rows(random: &mut StdRng, table: &OnlineTable, keys: &[EntityKey]) -> Vec<OnlineRow> {
    (0..random.random_range(0..6))
        .map(|_| {
            let key = &keys[random.random_range(0..keys.len())];
            let created = random.random_bool(0.5).then(|| random.random_range(-1..2));
            let header = times(random.random_range(-2..3), created);
            let cells: Vec<Cell> = table
                .columns
                .iter()
                .map(|column| match (random.random_range(0..4), &column.value_type) {
                    (0, _) => Cell::Absent,
                    (1, _) => Cell::Null,
                    (_, ValueType::Int32) => Cell::Value(Value::Int32(random.random())),
                    _ => int(random.random()),
                })
                .collect();
            online_row(table, key, header, &cells)
        })
        .collect()
}

fn expect_write(
    oracle: &mut Oracle,
    table: &OnlineTable,
    mode: WriteMode,
    rows: &[OnlineRow],
) -> WriteOutcome {
    let schema = provender_core::encoding::RowSchema::of(table);
    let mut outcome = WriteOutcome::default();
    for row in rows {
        let header = row.row.header();
        let cells: BTreeMap<u32, Cell> = schema
            .columns
            .iter()
            .map(|(id, _)| id.0)
            .zip(row.row.decode(&schema).unwrap())
            .filter(|(_, cell)| *cell != Cell::Absent)
            .collect();
        let changed = match (oracle.get_mut(&row.key), mode) {
            (None, _) => {
                oracle.insert(row.key.clone(), (header, cells));
                true
            }
            (Some(stored), WriteMode::Newest) => {
                let newer = header >= stored.0;
                if newer {
                    *stored = (header, cells);
                }
                newer
            }
            (Some((_, stored)), WriteMode::FillAbsent) => {
                let before = stored.len();
                for (id, cell) in cells {
                    stored.entry(id).or_insert(cell);
                }
                stored.len() > before
            }
        };
        if changed { outcome.written += 1 } else { outcome.kept += 1 }
    }
    outcome
}
