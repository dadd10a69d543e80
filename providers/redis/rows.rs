//! Rows: reading those of many tables in one round trip, and writing them so that none goes back in time.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use provender_core::encoding::{EntityKey, PackedRow, RowSchema};
use provender_runtime::provider::{OnlineRow, TableRead, WriteMode, WriteOutcome};
use provender_runtime::{Error, Result};
use redis::Value;

use crate::layout::{self, TableKeys};
use crate::server::{Command, REPLACE_UNCHANGED, Server, WRITE_NEWEST};
use crate::tables;

/// Keys of one `MGET`.
const READ_AT_ONCE: usize = 500;
/// `MGET`s made before other tasks get a turn.
const PREPARED_AT_ONCE: usize = 8;
/// Rows of one run of a script, during which the server does nothing else.
const WRITTEN_AT_ONCE: usize = 100;
/// Rows of one pipeline: made in well under half a millisecond.
const BATCH_ROWS: usize = 1_000;
/// Bytes of rows in one pipeline, but for a single row that is larger.
const BATCH_BYTES: usize = 1 << 20;
/// How often a row is filled anew because somebody else changed it in the meantime.
const FILL_ROUNDS: usize = 1_000;

/// Rows of tables, as [`provender_runtime::provider::OnlineStore::read`] wants them.
pub(crate) async fn read(
    server: &Server,
    project: &str,
    reads: &[TableRead<'_>],
) -> Result<Vec<Vec<Option<PackedRow>>>> {
    let tables: Vec<TableKeys> = reads.iter().map(|read| TableKeys::new(project, &read.table.id)).collect();
    let lookups = lookups(server, &tables, reads).await;
    let mut commands: Vec<Command> = Vec::with_capacity(lookups.len());
    for (at, lookups) in lookups.chunks(PREPARED_AT_ONCE).enumerate() {
        if at > 0 {
            tokio::task::yield_now().await;
        }
        commands.extend(lookups.iter().map(|lookup| Command::with_keys("MGET", &lookup.keys, &[])));
    }
    let answers = server.run(&commands).await?;
    let mut rows: Vec<Vec<Option<PackedRow>>> =
        reads.iter().map(|read| vec![None; read.keys.len()]).collect();
    for (lookup, answer) in lookups.into_iter().zip(answers) {
        pause(lookup.keys.len()).await;
        for (place, value) in lookup.places.into_iter().zip(values(answer)) {
            match place {
                Place::Row { read, key } => {
                    rows[read][key] = row_of(value, || name(project, reads[read].table))?;
                }
                Place::Live { read } if value == Value::Nil => {
                    return Err(tables::table_gone(server, &name(project, reads[read].table)));
                }
                Place::Live { .. } => {}
            }
        }
    }
    Ok(rows)
}

/// One `MGET`: its keys, and what their values are.
#[derive(Default)]
struct Lookup {
    keys: Vec<Vec<u8>>,
    places: Vec<Place>,
}

/// What a value is: the row of a key of a read, or what says that the table of a read is live.
enum Place {
    Row { read: usize, key: usize },
    Live { read: usize },
}

/// Gives other tasks a turn where much has been done, at whole `MGET`s.
async fn pause(done: usize) {
    if done > 0 && done.is_multiple_of(READ_AT_ONCE) {
        tokio::task::yield_now().await;
    }
}

/// What to look up. That a table is live is asked after its rows: a deletion that begins in between is seen.
async fn lookups(server: &Server, tables: &[TableKeys], reads: &[TableRead<'_>]) -> Vec<Lookup> {
    let mut by_slot: BTreeMap<u16, Vec<Lookup>> = BTreeMap::new();
    let mut add = |key: Vec<u8>, place: Place| {
        let lookups = by_slot.entry(slot(server, &key)).or_default();
        if lookups.last().is_none_or(|last| last.keys.len() == READ_AT_ONCE) {
            lookups.push(Lookup::default());
        }
        if let Some(last) = lookups.last_mut() {
            last.keys.push(key);
            last.places.push(place);
        }
    };
    for (read, (table, TableRead { keys, .. })) in tables.iter().zip(reads).enumerate() {
        for (at, key) in keys.iter().enumerate() {
            pause(at).await;
            add(table.row(key), Place::Row { read, key: at });
        }
    }
    for (read, table) in tables.iter().enumerate().filter(|(read, _)| !reads[*read].keys.is_empty()) {
        add(table.live(), Place::Live { read });
    }
    by_slot.into_values().flatten().collect()
}

/// What keys must share to go into one command: in a cluster the slot, elsewhere nothing.
fn slot(server: &Server, key: &[u8]) -> u16 {
    if server.is_cluster() { layout::slot(key) } else { 0 }
}

fn values(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

fn row_of(value: Value, table: impl Fn() -> String) -> Result<Option<PackedRow>> {
    match value {
        Value::BulkString(bytes) => PackedRow::from_bytes(bytes).map(Some).map_err(|error| {
            Error::corrupt(format!("a stored row of `{}` cannot be read", table())).with_source(error)
        }),
        _ => Ok(None),
    }
}

/// Name of a table in messages.
pub(crate) fn name(project: &str, table: &provender_core::registry::OnlineTable) -> String {
    format!("{project}.{}", table.id)
}

/// Rows for one table.
pub(crate) struct Writing<'a> {
    pub(crate) server: &'a Server,
    pub(crate) keys: TableKeys,
    pub(crate) name: String,
    pub(crate) schema: RowSchema,
}

impl Writing<'_> {
    /// Writes rows in batches. A table may be deleted meanwhile: after each batch it is looked at, and what came too late
    /// is taken back, since the deletion may be past those keys.
    pub(crate) async fn write(&self, mode: WriteMode, rows: &[OnlineRow]) -> Result<WriteOutcome> {
        tables::describe_schema(self.server, &self.keys, &self.name, &self.schema).await?;
        let mut schemas = BTreeMap::from([(self.schema.id, self.schema.clone())]);
        let mut outcome = WriteOutcome::default();
        for batch in batches(rows) {
            let written = match mode {
                WriteMode::Newest => self.write_newest(batch).await?,
                WriteMode::FillAbsent => self.fill(batch, &mut schemas).await?,
            };
            outcome.written += written;
            outcome.kept += batch.len() as u64 - written;
            if !self.server.run_one::<bool>(tables::is_there(&self.keys)).await? {
                let late: Vec<Vec<u8>> = batch.iter().map(|row| self.keys.row(&row.key)).collect();
                self.server.unlink(&late).await?;
                return Err(tables::table_gone(self.server, &self.name));
            }
        }
        Ok(outcome)
    }

    /// The number of rows that were stored.
    async fn write_newest(&self, rows: &[OnlineRow]) -> Result<u64> {
        let commands: Vec<Command> = self
            .runs(rows.iter().map(|row| (&row.key, row)))
            .iter()
            .map(|run| {
                let arguments: Vec<&[u8]> = run.items.iter().map(|row| row.row.as_bytes()).collect();
                Command::of_script(&WRITE_NEWEST, &run.keys, &arguments)
            })
            .collect();
        let mut written = 0;
        for answer in self.server.run(&commands).await? {
            written += self.server.value::<u64>(answer)?;
        }
        Ok(written)
    }

    /// The number of rows that were stored. A row is read, filled here, and stored if it is still the one that was read.
    async fn fill(&self, rows: &[OnlineRow], schemas: &mut BTreeMap<u32, RowSchema>) -> Result<u64> {
        let mut waiting: Vec<&OnlineRow> = rows.iter().collect();
        let mut written = 0;
        for _ in 0..FILL_ROUNDS {
            let mut stored = self.stored(&waiting).await?;
            let mut changes = Vec::new();
            for row in waiting {
                let key = &row.key;
                let old = stored.get(key).cloned().flatten();
                if let Some(new) = self.filled(old.as_ref(), row, schemas).await? {
                    stored.insert(key, Some(new.clone()));
                    changes.push(Change { row, old, new });
                }
            }
            let replaced = self.replace(&changes).await?;
            written += replaced.iter().filter(|replaced| **replaced).count() as u64;
            waiting = changes
                .iter()
                .zip(&replaced)
                .filter(|(_, done)| !**done)
                .map(|(change, _)| change.row)
                .collect();
            if waiting.is_empty() {
                return Ok(written);
            }
        }
        let message =
            format!("rows of `{}` were changed by others again and again while they were filled", self.name);
        Err(Error::unavailable(message).with_hint("run the same again"))
    }

    async fn stored<'k>(&self, rows: &[&'k OnlineRow]) -> Result<HashMap<&'k EntityKey, Option<PackedRow>>> {
        let runs = self.runs(rows.iter().map(|row| (&row.key, *row)));
        let commands: Vec<Command> =
            runs.iter().map(|run| Command::with_keys("MGET", &run.keys, &[])).collect();
        let mut stored = HashMap::with_capacity(rows.len());
        for (run, answer) in runs.iter().zip(self.server.run(&commands).await?) {
            for (row, value) in run.items.iter().zip(values(answer)) {
                stored.insert(&row.key, row_of(value, || self.name.clone())?);
            }
        }
        Ok(stored)
    }

    /// What becomes of a stored row; none where it stays as it is.
    async fn filled(
        &self,
        stored: Option<&PackedRow>,
        row: &OnlineRow,
        schemas: &mut BTreeMap<u32, RowSchema>,
    ) -> Result<Option<PackedRow>> {
        let Some(stored) = stored else { return Ok(Some(row.row.clone())) };
        let id = stored.schema_id();
        let schema = match schemas.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let schema = tables::schema(self.server, &self.keys, &self.name, id).await?;
                unknown.insert(schema.ok_or_else(|| {
                    let message =
                        format!("a stored row of `{}` has schema {id}, which is not described", self.name);
                    Error::corrupt(message)
                })?)
            }
        };
        stored.fill_absent(schema, &row.row, &self.schema).map_err(|error| {
            Error::corrupt(format!("a stored row of `{}` cannot be filled", self.name)).with_source(error)
        })
    }

    /// Whether each change was made.
    async fn replace(&self, changes: &[Change<'_>]) -> Result<Vec<bool>> {
        let runs = self.runs(changes.iter().enumerate().map(|(at, change)| (&change.row.key, (at, change))));
        let commands: Vec<Command> = runs
            .iter()
            .map(|run| {
                let rows = |(_, change): &(usize, &Change<'_>)| -> [Vec<u8>; 2] {
                    let old = change.old.as_ref().map_or_else(Vec::new, |old| old.as_bytes().to_vec());
                    [old, change.new.as_bytes().to_vec()]
                };
                let arguments: Vec<Vec<u8>> = run.items.iter().flat_map(rows).collect();
                let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
                Command::of_script(&REPLACE_UNCHANGED, &run.keys, &arguments)
            })
            .collect();
        let mut replaced = vec![false; changes.len()];
        for (run, answer) in runs.iter().zip(self.server.run(&commands).await?) {
            for ((at, _), done) in run.items.iter().zip(self.server.value::<Vec<bool>>(answer)?) {
                replaced[*at] = done;
            }
        }
        Ok(replaced)
    }

    /// Rows, cut into runs of a script: of one slot each, in order, so that rows of one key stay in order.
    fn runs<'r, T>(&self, rows: impl Iterator<Item = (&'r EntityKey, T)>) -> Vec<Run<T>> {
        let mut by_slot: BTreeMap<u16, Vec<Run<T>>> = BTreeMap::new();
        for (key, item) in rows {
            let key = self.keys.row(key);
            let runs = by_slot.entry(slot(self.server, &key)).or_default();
            if runs.last().is_none_or(|last| last.keys.len() == WRITTEN_AT_ONCE) {
                runs.push(Run { keys: Vec::new(), items: Vec::new() });
            }
            if let Some(last) = runs.last_mut() {
                last.keys.push(key);
                last.items.push(item);
            }
        }
        by_slot.into_values().flatten().collect()
    }
}

/// A row that takes the place of another, or of none.
struct Change<'a> {
    row: &'a OnlineRow,
    old: Option<PackedRow>,
    new: PackedRow,
}

/// Keys of one command, and what belongs to each.
struct Run<T> {
    keys: Vec<Vec<u8>>,
    items: Vec<T>,
}

/// Rows, cut into what goes into one pipeline.
fn batches(rows: &[OnlineRow]) -> Vec<&[OnlineRow]> {
    let mut batches = Vec::new();
    let (mut begin, mut bytes) = (0, 0);
    for (at, row) in rows.iter().enumerate() {
        let size = row.key.as_bytes().len() + row.row.as_bytes().len();
        if at > begin && (at - begin == BATCH_ROWS || bytes + size > BATCH_BYTES) {
            batches.push(&rows[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += size;
    }
    if begin < rows.len() {
        batches.push(&rows[begin..]);
    }
    batches
}
