//! Kinds of stores: their names here and in Feast, the defaults of each provider, and what is known of their settings.

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
pub(super) const ONLINE: [&str; 6] = ["embedded", "redis", "datastore", "bigtable", "dynamodb", "null"];
/// Kinds of offline stores that may be written.
pub(super) const OFFLINE: [&str; 4] = ["file", "bigquery", "redshift", "athena"];

/// The online store of that name, in our words or Feast's.
pub(super) fn online(name: &str) -> Option<Kind> {
    Some(match name {
        "embedded" | "sqlite" => Kind::Store("embedded"),
        "null" => Kind::Nothing,
        "remote" => Kind::Absent("a client of the server needs no online store of its own"),
        "snowflake.online" | "postgres" | "mysql" | "cassandra" | "scylladb" | "hbase" | "hazelcast"
        | "elasticsearch" | "milvus" | "qdrant" | "faiss" | "singlestore" | "ikv" | "mongodb"
        | "couchbase.online" => {
            Kind::Absent("there is no such online store here; `redis` works with every provider")
        }
        other => Kind::Store(ONLINE.into_iter().find(|known| *known == other)?),
    })
}

/// The offline store of that name, in our words or Feast's.
pub(super) fn offline(name: &str) -> Option<Kind> {
    Some(match name {
        "file" | "dask" | "duckdb" => Kind::Store("file"),
        "snowflake.offline" | "spark" | "trino" | "postgres" | "mssql" | "clickhouse" | "ray" | "remote"
        | "couchbase.offline" => {
            Kind::Absent("there is no such offline store here; `file` works with every provider")
        }
        other => Kind::Store(OFFLINE.into_iter().find(|known| *known == other)?),
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

/// The settings that a store takes; none when the store itself says so.
pub(super) fn settings(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "embedded" => Some(&["path"]),
        "file" => Some(&[]),
        _ => None,
    }
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
