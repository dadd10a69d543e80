//! Kinds of stores: their names here and in Feast, the defaults of each provider, and what is known of their settings.

use crate::model::is_endpoint;

/// What a store's `type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A kind of store, by its name here.
    Store(&'static str),
    /// No store at all.
    Nothing,
    /// Not here, and why.
    Absent(&'static str),
}

/// Kinds of online stores that may be written.
pub(super) const ONLINE: [&str; 5] = ["embedded", "redis", "datastore", "dynamodb", "null"];
/// Kinds of offline stores that may be written.
pub(super) const OFFLINE: [&str; 4] = ["file", "bigquery", "redshift", "athena"];

/// Online stores of Feast's, and what is used in their place.
pub(super) const ONLINE_OF_FEAST: [(&str, &str); 1] = [("sqlite", "embedded")];
/// The same of offline stores.
pub(super) const OFFLINE_OF_FEAST: [(&str, &str); 2] = [("dask", "file"), ("duckdb", "file")];

/// The store of that name, among ours and those of Feast's that one of ours stands for.
fn known(name: &str, ours: &[&'static str], of_feast: &[(&str, &'static str)]) -> Option<&'static str> {
    let meant = of_feast.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
    meant.or_else(|| ours.iter().copied().find(|ours| *ours == name))
}

/// The online store of that name, in our words or Feast's.
pub(super) fn online(name: &str) -> Option<Kind> {
    Some(match name {
        "null" => Kind::Nothing,
        "bigtable" => Kind::Absent(
            "there is no such online store here yet; `datastore` is, and `redis` works with every provider",
        ),
        "remote" => Kind::Absent("a client of the server needs no online store of its own"),
        "snowflake.online" | "postgres" | "mysql" | "cassandra" | "scylladb" | "hbase" | "hazelcast"
        | "elasticsearch" | "milvus" | "qdrant" | "faiss" | "singlestore" | "ikv" | "mongodb"
        | "couchbase.online" => {
            Kind::Absent("there is no such online store here; `redis` works with every provider")
        }
        other => Kind::Store(known(other, &ONLINE, &ONLINE_OF_FEAST)?),
    })
}

/// The offline store of that name, in our words or Feast's.
pub(super) fn offline(name: &str) -> Option<Kind> {
    Some(match name {
        "snowflake.offline" | "spark" | "trino" | "postgres" | "mssql" | "clickhouse" | "ray" | "remote"
        | "couchbase.offline" => {
            Kind::Absent("there is no such offline store here; `file` works with every provider")
        }
        other => Kind::Store(known(other, &OFFLINE, &OFFLINE_OF_FEAST)?),
    })
}

/// The stores that a provider has when none is named: online, offline.
pub(super) fn defaults(provider: &str) -> (&'static str, &'static str) {
    match provider {
        "gcp" => ("datastore", "bigquery"),
        "aws" => ("dynamodb", "redshift"),
        _ => ("embedded", "file"),
    }
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Any text.
    Text,
    /// A whole number, more than 0.
    Count,
    /// `true` or `false`.
    Truth,
    /// One of these, in upper or lower case.
    OneOf(&'static [&'static str]),
    /// The address of an object store, without a user.
    Endpoint,
    /// Where a Redis is; see [`redis_place`].
    Redis,
    /// A map of texts.
    Map,
}

/// A setting: its name, what it takes, and what it is for.
pub(super) type Setting = (&'static str, Takes, &'static str);

/// Stores and their settings, in the order of the reference.
pub(super) const STORES: [(&str, &[Setting]); 8] = [
    (
        "embedded",
        &[
            ("path", Takes::Text, "The folder, beside `feature_store.yaml`; `data/online` unless given."),
            (
                "map_size",
                Takes::Count,
                "The most bytes that it can ever hold; 1 TiB of address space unless given.",
            ),
        ],
    ),
    (
        "dynamodb",
        &[
            ("region", Takes::Text, "The region; part of the store's identity."),
            ("endpoint_url", Takes::Text, "Another address than Amazon's; part of the store's identity."),
            (
                "billing_mode",
                Takes::OneOf(&["PAY_PER_REQUEST", "PROVISIONED"]),
                "How a table is paid for; `PAY_PER_REQUEST` unless given. Changed in place.",
            ),
            (
                "read_capacity",
                Takes::Count,
                "Units of a provisioned table, 5 unless given. Changed in place.",
            ),
            (
                "write_capacity",
                Takes::Count,
                "Units of a provisioned table, 5 unless given. Changed in place.",
            ),
            (
                "table_class",
                Takes::OneOf(&["STANDARD", "STANDARD_INFREQUENT_ACCESS"]),
                "The class of tables; `STANDARD` unless given. Changed in place.",
            ),
            ("point_in_time_recovery", Takes::Truth, "Whether Amazon keeps backups; changed in place."),
            ("tags", Takes::Map, "Tags of every table; changed in place."),
        ],
    ),
    (
        "datastore",
        &[
            ("project_id", Takes::Text, "The Google Cloud project; part of the store's identity."),
            (
                "database",
                Takes::Text,
                "The database, `(default)` unless given; part of the store's identity.",
            ),
            ("namespace", Takes::Text, "The namespace; part of the store's identity."),
        ],
    ),
    (
        "redis",
        &[
            (
                "connection_string",
                Takes::Redis,
                "Hosts, ports and the number of the database are the store's identity; the rest is kept nowhere.",
            ),
            (
                "redis_type",
                Takes::OneOf(&["redis", "redis_cluster"]),
                "Whether it is a cluster; part of the store's identity.",
            ),
            ("username", Takes::Text, "Kept nowhere: write `${NAME}`."),
            ("password", Takes::Text, "Kept nowhere: write `${NAME}`."),
            ("ssl", Takes::Truth, "Whether the connection is encrypted."),
        ],
    ),
    (
        "file",
        &[
            (
                "region",
                Takes::Text,
                "The region of buckets in `s3://…`; `AWS_REGION` unless given, then `us-east-1`.",
            ),
            (
                "endpoint",
                Takes::Endpoint,
                "Another address than Amazon's and Google's for `s3://…` and `gs://…`; a source's own `endpoint` goes before \
                 it. Part of the store's identity.",
            ),
        ],
    ),
    (
        "bigquery",
        &[
            ("project_id", Takes::Text, "The Google Cloud project of the data."),
            ("billing_project_id", Takes::Text, "The project that pays for queries."),
            ("dataset", Takes::Text, "Of tables that are named without one; results are put there as well."),
            ("location", Takes::Text, "The location of the data."),
        ],
    ),
    (
        "redshift",
        &[
            ("region", Takes::Text, "The region."),
            ("cluster_id", Takes::Text, "The cluster."),
            ("workgroup", Takes::Text, "The workgroup, where there is no cluster."),
            ("database", Takes::Text, "The database."),
            ("user", Takes::Text, "The user of the database."),
            ("s3_staging_location", Takes::Text, "Where results are put."),
            ("iam_role", Takes::Text, "The role by which Redshift reads and writes there."),
        ],
    ),
    (
        "athena",
        &[
            ("region", Takes::Text, "The region."),
            ("data_source", Takes::Text, "The catalog."),
            ("database", Takes::Text, "The database."),
            ("workgroup", Takes::Text, "The workgroup."),
            ("s3_staging_location", Takes::Text, "Where results are put."),
        ],
    ),
];

/// The settings that a store takes; none of a store that this version does not have.
pub(super) fn settings(kind: &str) -> Option<&'static [Setting]> {
    STORES.iter().find(|(known, _)| *known == kind).map(|(_, settings)| *settings)
}

/// Settings that are kept nowhere, and shown nowhere.
const SECRETS: [&str; 3] = ["connection_string", "password", "username"];

/// Whether a setting is known and no secret, so that its value may be shown.
pub(super) fn is_public(name: &str) -> bool {
    let mut known = STORES.iter().flat_map(|(_, settings)| settings.iter());
    known.any(|(setting, ..)| *setting == name) && !SECRETS.contains(&name)
}

impl Takes {
    /// What the setting takes, where that is something else than this value; never the value itself.
    pub(super) fn refuses(self, value: &str) -> Option<String> {
        let is_good = match self {
            Self::Text | Self::Map => true,
            // Plans show these, so they stand in the file as they are.
            Self::Count => value.parse::<u64>().is_ok_and(|count| count > 0),
            Self::Truth => matches!(value, "true" | "false"),
            Self::OneOf(known) => known.iter().any(|known| known.eq_ignore_ascii_case(value)),
            Self::Endpoint => is_endpoint(value) || is_variable(value),
            Self::Redis => redis_place(value).is_some(),
        };
        let wanted = match self {
            Self::Text | Self::Map => String::new(),
            Self::Count => "a whole number, more than 0".to_owned(),
            Self::Truth => "`true` or `false`".to_owned(),
            Self::Endpoint => "`http://HOST:PORT` or `https://HOST`, without user and password".to_owned(),
            Self::OneOf(known) => known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(" or "),
            Self::Redis => "`HOST:PORT`, several of them with commas and settings such as `db=1` behind them, or \
                            `redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]`, with `%…` for characters that mean something else"
                .to_owned(),
        };
        (!is_good).then_some(wanted)
    }
}

/// What is wrong with these settings together.
pub(super) fn conflict(kind: &str, setting: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let provisioned = setting("billing_mode").is_some_and(|mode| mode.eq_ignore_ascii_case("PROVISIONED"));
    let capacity = setting("read_capacity").or_else(|| setting("write_capacity"));
    match kind {
        "redis" if setting("connection_string").is_none() => {
            Some("`redis` has no `connection_string`, such as `localhost:6379`")
        }
        "dynamodb" if capacity.is_some() && !provisioned => {
            Some("capacity is for tables with `billing_mode: PROVISIONED`; others have none")
        }
        _ => None,
    }
}

/// The part of a Redis connection that says where the data is: hosts, ports, and the number of the database. None for
/// text of another form, of which nobody could say which part is a secret. `${NAME}` may stand for a whole part.
pub fn redis_place(connection: &str) -> Option<String> {
    if is_variable(connection) {
        return Some(connection.to_owned());
    }
    let (places, database) =
        match connection.strip_prefix("redis://").or(connection.strip_prefix("rediss://")) {
            Some(rest) => {
                let place = match rest.rsplit_once('@') {
                    Some((user, _)) if user.contains(['/', '?', '#', '@', ',']) => return None,
                    Some((_, place)) => place,
                    None => rest,
                };
                let (place, database) = place.split_once('/').unwrap_or((place, ""));
                (vec![place], database)
            }
            None => {
                let parts: Vec<&str> = connection.split(',').map(str::trim).collect();
                let hosts = parts.iter().take_while(|part| !part.contains('=')).count();
                let (hosts, settings) = parts.split_at(hosts);
                let mut database = "";
                for setting in settings {
                    match setting.split_once('=')? {
                        ("db", number) => database = number,
                        ("ssl" | "username" | "password", _) => {}
                        _ => return None,
                    }
                }
                (hosts.to_vec(), database)
            }
        };
    let is_place = |place: &&str| {
        // A port is behind the last colon that is outside of a `${NAME}`.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains('}') || is_variable(port) => (host, port),
            _ => (*place, "0"),
        };
        let is_host =
            !host.is_empty() && host.chars().all(|one| one.is_ascii_alphanumeric() || "._-${}".contains(one));
        is_host && (port.parse::<u16>().is_ok() || is_variable(port))
    };
    let is_database = database.is_empty() || database.parse::<u32>().is_ok() || is_variable(database);
    if places.is_empty() || !places.iter().all(is_place) || !is_database {
        return None;
    }
    let database = if database.is_empty() { String::new() } else { format!("/{database}") };
    Some(places.join(",") + &database)
}

/// `${NAME}` and nothing else.
fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
    })
}

/// Why a setting of Feast's store means nothing here.
pub(super) fn note_on_feast(kind: &str, key: &str) -> Option<&'static str> {
    Some(match (kind, key) {
        ("embedded", "vec_enabled" | "vector_enabled" | "vector_len" | "text_search_enabled") => {
            "there is no vector search here; leave the key out"
        }
        (
            "file",
            "staging_location" | "staging_location_endpoint_override" | "allow_unsafe_staging_location",
        ) => "files are read where they lie; leave the key out",
        _ => return None,
    })
}
