//! The keys of `feature_store.yaml`, and what to say about those that only Feast has.

/// The keys of the top level.
pub(super) const TOP: [&str; 10] = [
    "project",
    "provider",
    "registry",
    "online_store",
    "offline_store",
    "variables",
    "gates",
    "metrics",
    "auth",
    "keep_superseded",
];

/// The keys of `registry`.
pub(super) const REGISTRY: [&str; 4] = ["path", "cache_ttl_seconds", "endpoint", "region"];

/// The keys of `metrics`.
pub(super) const METRICS: [&str; 1] = ["statsd"];

/// The providers.
pub(super) const PROVIDERS: [&str; 3] = ["local", "gcp", "aws"];

/// Keys with one note.
type Noted = (&'static [&'static str], &'static str);

/// Keys of Feast's that mean nothing here, and why.
pub(super) const FEAST: [Noted; 8] = [
    (
        &["entity_key_serialization_version"],
        "the encoding of keys has a version of its own here; leave the key out",
    ),
    (&["flags"], "there are no feature flags here; leave the key out"),
    (&["batch_engine", "compute_engine"], "materialization runs in this process; leave the key out"),
    (&["coerce_tz_aware"], "times are instants in UTC here; leave the key out"),
    (&["repo_config", "repo_path"], "the project folder is the one that holds this file; leave the key out"),
    (&["feature_server"], "`provender serve` takes options instead; leave the key out"),
    (&["materialization"], "write a `materialization` block in the feature view instead"),
    (&["openlineage", "mlflow", "mcp"], "there is no such integration here; leave the key out"),
];

/// The same for the keys of `registry`.
pub(super) const FEAST_REGISTRY: [Noted; 3] = [
    (
        &["registry_type", "registry_store_type"],
        "the kind of store follows from `path`: a folder, `s3://…` or `gs://…`; leave the key out",
    ),
    (&["s3_additional_kwargs"], "use `endpoint` and `region` for S3-compatible stores"),
    (
        &["cache_mode", "purge_feast_metadata", "allow_async_cache", "sqlalchemy_config_kwargs"],
        "it means nothing here; leave the key out",
    ),
];

fn note(table: &[Noted], key: &str) -> Option<&'static str> {
    table.iter().find(|(keys, _)| keys.contains(&key)).map(|(_, note)| *note)
}

/// Why a key of Feast's means nothing here.
pub(super) fn note_on_feast(key: &str) -> Option<&'static str> {
    note(&FEAST, key)
}

/// The same for the keys of `registry`.
pub(super) fn note_on_feast_registry(key: &str) -> Option<&'static str> {
    note(&FEAST_REGISTRY, key)
}
