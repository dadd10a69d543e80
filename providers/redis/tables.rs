//! Online tables: creating and deleting them, the mark that says that they are ours, and the schemas of their rows.

use std::collections::BTreeMap;

use litemap::LiteMap;
use provender_core::encoding::RowSchema;
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::TableId;
use provender_runtime::{Error, ErrorKind, Result};
use redis::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::layout::{self, RETIRED, TABLE, TableKeys};
use crate::server::{Command, DESCRIBE_SCHEMA, PUT_TABLE, RETIRE_TABLE, Server};
use crate::spec::REDIS_PREFIX;

/// What Redis keeps of a table. Project and table id are our mark: a key without them is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    project: String,
    table: TableId,
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    attributes: LiteMap<String, Json>,
}

/// How a table is in Redis.
enum Stored {
    Absent,
    Live(Record),
    /// Its record is there, and what says that it is live is not. No command leaves it so; a server that deletes keys to make
    /// room does.
    Unmarked(Record),
    /// Its deletion has begun.
    Retired(Record),
}

impl Record {
    /// The record of an object of this project.
    ///
    /// # Errors
    /// The object is not one that `RedisSpec::lower` gives for a table of the project.
    fn of(object: &InfraObject, project: &str) -> Result<Self> {
        let table = table_of(object, project).ok_or_else(|| {
            let message = format!("`{}` is no table that Redis holds for `{project}`", object.id);
            Error::new(ErrorKind::Bug, message)
        })?;
        Ok(Self { project: project.to_owned(), table: table.clone(), attributes: object.attributes.clone() })
    }

    fn object(self) -> InfraObject {
        InfraObject {
            store: None,
            id: InfraId { kind: REDIS_PREFIX.to_owned(), name: format!("{}.{}", self.project, self.table) },
            table: Some(self.table),
            attributes: self.attributes,
        }
    }

    fn keys(&self) -> TableKeys {
        TableKeys::new(&self.project, &self.table)
    }

    fn json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::new(ErrorKind::Bug, "a table's record has no JSON").with_source(error))
    }
}

/// The table of an object that is a prefix of this project.
fn table_of<'a>(object: &'a InfraObject, project: &str) -> Option<&'a TableId> {
    let table = object.table.as_ref().filter(|table| table.revision.is_some())?;
    let is_ours = object.id.kind == REDIS_PREFIX && object.id.name == format!("{project}.{table}");
    is_ours.then_some(table)
}

/// What is there of these objects; what lacks our mark is not.
pub(crate) async fn observe(
    server: &Server,
    project: &str,
    objects: &[&InfraObject],
) -> Result<BTreeMap<InfraId, InfraObject>> {
    let asked: Vec<(&InfraObject, &TableId)> =
        objects.iter().filter_map(|object| Some((*object, table_of(object, project)?))).collect();
    let ids: Vec<TableId> = asked.iter().map(|(_, table)| (*table).clone()).collect();
    let stored = look_at(server, project, &ids).await?;
    let found = asked.into_iter().zip(stored).filter_map(|((object, _), stored)| match stored {
        Stored::Absent | Stored::Unmarked(_) => None,
        Stored::Live(record) | Stored::Retired(record) => {
            Some((object.id.clone(), InfraObject { store: object.store.clone(), ..record.object() }))
        }
    });
    Ok(found.collect())
}

/// Every table of a project, those whose deletion was interrupted too.
pub(crate) async fn list(server: &Server, project: &str) -> Result<Vec<InfraObject>> {
    let key = layout::tables_key(project);
    let names: Vec<String> = server.run_one(Command::new("SMEMBERS", &key, &[])).await?;
    let mut ids: Vec<TableId> = names.iter().filter_map(|name| name.parse().ok()).collect();
    ids.sort();
    let stored = look_at(server, project, &ids).await?;
    let found = stored.into_iter().filter_map(|stored| match stored {
        Stored::Absent => None,
        Stored::Live(record) | Stored::Unmarked(record) | Stored::Retired(record) => Some(record.object()),
    });
    Ok(found.collect())
}

/// Creates a table; nothing to do when it is there with our mark.
pub(crate) async fn create(server: &Server, project: &str, object: &InfraObject) -> Result<()> {
    let record = Record::of(object, project)?;
    let keys = record.keys();
    let stored = look_at_one(server, &record).await?;
    match &stored {
        Stored::Absent => refuse_foreign(server, &keys).await?,
        Stored::Retired(_) => sweep(server, &keys).await?,
        Stored::Live(_) | Stored::Unmarked(_) => {}
    }
    // Before the record: nothing is there that `list` does not find.
    let table = record.table.to_string();
    let set = layout::tables_key(project);
    server.run_one::<i64>(Command::new("SADD", &set, &[table.as_bytes()])).await?;
    match stored {
        Stored::Live(stored) if stored == record => Ok(()),
        _ => put(server, &record).await,
    }
}

/// Replaces what is said about a table.
pub(crate) async fn update(server: &Server, project: &str, object: &InfraObject) -> Result<()> {
    let record = Record::of(object, project)?;
    match look_at_one(server, &record).await? {
        Stored::Live(stored) if stored == record => Ok(()),
        Stored::Live(_) => put(server, &record).await,
        Stored::Absent | Stored::Unmarked(_) | Stored::Retired(_) => Err(table_gone(server, &object.id.name)),
    }
}

/// Deletes a table and all of its rows: first out of sight, then row by row, its record last, so that an interrupted deletion
/// is seen and can be ended.
pub(crate) async fn delete(server: &Server, project: &str, object: &InfraObject) -> Result<()> {
    let record = Record::of(object, project)?;
    let keys = record.keys();
    match look_at_one(server, &record).await? {
        Stored::Absent => refuse_foreign(server, &keys).await?,
        Stored::Live(_) | Stored::Unmarked(_) | Stored::Retired(_) => {
            let retire = Command::of_script(&RETIRE_TABLE, &[keys.record(), keys.live()], &[]);
            server.run_one::<i64>(retire).await?;
            sweep(server, &keys).await?;
        }
    }
    let table = record.table.to_string();
    let set = layout::tables_key(project);
    server.run_one::<i64>(Command::new("SREM", &set, &[table.as_bytes()])).await.map(drop)
}

/// Deletes everything of a table that nobody sees any more.
async fn sweep(server: &Server, keys: &TableKeys) -> Result<()> {
    server.unlink_matching(&keys.row_pattern()).await?;
    server.unlink(&[keys.record()]).await
}

async fn put(server: &Server, record: &Record) -> Result<()> {
    let keys = record.keys();
    let command = Command::of_script(&PUT_TABLE, &[keys.record(), keys.live()], &[&record.json()?]);
    server.run_one::<i64>(command).await.map(drop)
}

/// A key of one of a table's own names that is there without our mark.
async fn refuse_foreign(server: &Server, keys: &TableKeys) -> Result<()> {
    for key in [keys.record(), keys.live()] {
        if server.run_one::<bool>(Command::new("EXISTS", &key, &[])).await? {
            return Err(foreign(server, &key));
        }
    }
    Ok(())
}

async fn look_at_one(server: &Server, record: &Record) -> Result<Stored> {
    let found = look_at(server, &record.project, std::slice::from_ref(&record.table)).await?;
    Ok(found.into_iter().next().unwrap_or(Stored::Absent))
}

/// How tables are in Redis, in two round trips.
async fn look_at(server: &Server, project: &str, tables: &[TableId]) -> Result<Vec<Stored>> {
    let keys: Vec<TableKeys> = tables.iter().map(|table| TableKeys::new(project, table)).collect();
    let kind = |keys: &TableKeys| Command::new("TYPE", &keys.record(), &[]);
    let kinds = server.run(&keys.iter().map(kind).collect::<Vec<_>>()).await?;
    let mut hashes = Vec::new();
    for (at, kind) in kinds.into_iter().enumerate() {
        if server.value::<String>(kind)? == "hash" {
            hashes.push(at);
        }
    }
    let fields = [TABLE.as_bytes(), RETIRED.as_bytes()];
    let commands = hashes
        .iter()
        .filter_map(|at| keys.get(*at))
        .flat_map(|keys| [Command::new("HMGET", &keys.record(), &fields), is_there(keys)]);
    let mut answers = server.run(&commands.collect::<Vec<_>>()).await?.into_iter();
    let mut stored: Vec<Stored> = tables.iter().map(|_| Stored::Absent).collect();
    for at in hashes {
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let (record, retired): (Option<Vec<u8>>, Option<Vec<u8>>) = server.value(next())?;
        let is_live: bool = server.value(next())?;
        let ours = |json: Option<Vec<u8>>| {
            let record: Record = serde_json::from_slice(&json?).ok()?;
            (record.project == project && record.table == tables[at]).then_some(record)
        };
        stored[at] = match (ours(record), ours(retired)) {
            (Some(record), _) if is_live => Stored::Live(record),
            (Some(record), _) => Stored::Unmarked(record),
            (None, Some(record)) => Stored::Retired(record),
            (None, None) => Stored::Absent,
        };
    }
    Ok(stored)
}

/// Describes a row schema where it is not described yet.
///
/// # Errors
/// The table is gone, or the schema is described otherwise.
pub(crate) async fn describe_schema(
    server: &Server,
    keys: &TableKeys,
    name: &str,
    schema: &RowSchema,
) -> Result<()> {
    let json = serde_json::to_vec(schema)
        .map_err(|error| Error::new(ErrorKind::Bug, "a row schema has no JSON").with_source(error))?;
    let field = layout::schema_field(schema.id);
    let command = Command::of_script(&DESCRIBE_SCHEMA, &[keys.record()], &[field.as_bytes(), &json]);
    let stored: Option<Vec<u8>> = server.run_one(command).await?;
    let stored = stored.ok_or_else(|| table_gone(server, name))?;
    if stored == json || parsed(server, &stored, name, schema.id)? == *schema {
        return Ok(());
    }
    let message =
        format!("schema {} of `{name}` is described otherwise in Redis at `{}`", schema.id, server.place());
    Err(Error::corrupt(message).with_hint(
        "another registry may have written there; give each project a database or a server of its own",
    ))
}

/// Description of a row schema; none where no row of the table was written with it, or the table is gone.
pub(crate) async fn schema(
    server: &Server,
    keys: &TableKeys,
    name: &str,
    id: u32,
) -> Result<Option<RowSchema>> {
    let field = layout::schema_field(id);
    let record = keys.record();
    let answers = [TABLE, field.as_str()].map(|field| Command::new("HGET", &record, &[field.as_bytes()]));
    let mut answers = server.run(&answers).await?.into_iter();
    let mut next = || server.value::<Option<Vec<u8>>>(answers.next().unwrap_or(Value::Nil));
    match (next()?, next()?) {
        (Some(_), Some(json)) => parsed(server, &json, name, id).map(Some),
        _ => Ok(None),
    }
}

fn parsed(server: &Server, json: &[u8], name: &str, id: u32) -> Result<RowSchema> {
    serde_json::from_slice(json).map_err(|error| {
        Error::corrupt(format!("schema {id} of `{name}` is damaged in Redis at `{}`", server.place()))
            .with_source(error)
    })
}

/// Asks whether a table is there and not on its way out.
pub(crate) fn is_there(keys: &TableKeys) -> Command {
    Command::new("EXISTS", &keys.live(), &[])
}

/// The error of a table that is not there.
pub(crate) fn table_gone(server: &Server, name: &str) -> Error {
    let message = format!("online table `{name}` is not in Redis at `{}`", server.place());
    Error::new(ErrorKind::NotFound, message)
        .with_hint("run `provender plan` to see what is missing, and `provender apply` to create it again")
}

fn foreign(server: &Server, key: &[u8]) -> Error {
    let key = String::from_utf8_lossy(key);
    Error::conflict(format!("the key `{key}` in Redis at `{}` was not made by this project", server.place()))
        .with_hint("move or delete it, or use another database or server")
}
