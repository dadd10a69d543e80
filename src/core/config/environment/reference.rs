//! The reference of `feature_store.yaml` and of stores, made from the keys and settings that the file is read by.

use std::fmt::Write as _;

use super::read::DEFAULT_CACHE_TTL;
use super::stores::{STORES, Takes};
use super::{keys, stores};
use crate::plan::Gate;

/// A file with every key; a test reads it.
pub(super) const EXAMPLE: &str = "\
project: shop_staging
provider: local
registry: { path: data/registry, cache_ttl_seconds: 60 }
online_store: { type: embedded, path: data/online }
offline_store: { type: file }
variables: { dataset: acme.staging, with_trips: false }
gates: [breaking, destructive]
keep_superseded: 1d
metrics: { statsd: \"127.0.0.1:8125\" }
auth: { type: no_auth }
";

/// What keys take, what they are when they are left out, and what they are for; those within a map as `MAP.KEY`.
const KEYS: [(&str, &str, &str, &str); 16] = [
    (
        "project",
        "a name",
        "must be there",
        "The project. Its letters, digits and `_` are part of the names of what is made for it.",
    ),
    (
        "provider",
        "{PROVIDERS}",
        "must be there",
        "Which stores there are unless the file names others, see below.",
    ),
    (
        "registry",
        "a folder, or a map",
        "must be there",
        "Where what was applied is kept, relative to this file. Each environment has its own.",
    ),
    (
        "registry.path",
        "a folder",
        "must be there",
        "The folder. `s3://…` and `gs://…` cannot be opened by this version.",
    ),
    (
        "registry.cache_ttl_seconds",
        "a whole number",
        "{CACHE}",
        "For how many seconds a reader that stays running (`provender serve`) may go on with what it knows; twice this is `keep_superseded` where that is left out.",
    ),
    (
        "registry.endpoint",
        "text",
        "none",
        "Endpoint of an S3- or GCS-compatible store. Not used by this version.",
    ),
    ("registry.region", "text", "none", "Region of such a store. Not used by this version."),
    (
        "online_store",
        "a map with `type`, or the type alone",
        "the provider's",
        "Where values are served from. With `type: null` there is none, and nothing is served online.",
    ),
    ("offline_store", "a map with `type`, or the type alone", "the provider's", "Where history is read."),
    (
        "variables",
        "a map of names and values",
        "none",
        "Values of `variable` blocks, of any type. `PROVENDER_VAR_NAME`, `--var-file` and `--var` go before them.",
    ),
    (
        "gates",
        "a list of kinds of change, see below",
        "`[]`",
        "What every `apply` here refuses unless it is allowed.",
    ),
    ("metrics", "a map", "none", "Where metrics go (metrics.md)."),
    (
        "metrics.statsd",
        "`HOST:PORT`",
        "none",
        "The StatsD server that commands which serve, load, push or apply send to. `--statsd` goes before it.",
    ),
    (
        "metrics.statsd_tags",
        "`none` or `dogstatsd`",
        "`none`",
        "Whether labels are tags, as DogStatsD reads them, or parts of the name. `--statsd-tags` goes before it.",
    ),
    (
        "auth",
        "a map of texts",
        "none",
        "How requests to a server are authenticated. `provender serve` knows `type: no_auth`; with another type it wants API keys (serving.md).",
    ),
    (
        "keep_superseded",
        "a duration, such as `1d`",
        "twice `registry.cache_ttl_seconds`",
        "How long a table is kept after what replaced it is filled; then the next plan deletes it.",
    ),
];

/// What a gate refuses.
const fn refused(gate: Gate) -> &'static str {
    match gate {
        Gate::Breaking => "What readers of features can break on.",
        Gate::Destructive => "What deletes stored values, or what holds them.",
        Gate::Rematerialize => "What needs a new table, and so one that has to be filled.",
        Gate::Drift => "Infrastructure that is not as it was left.",
    }
}

/// The page of `feature_store.yaml`, as Markdown.
///
/// # Errors
/// Keys that have no words.
pub fn environment() -> Result<String, Vec<String>> {
    let mut page = format!(
        "# feature_store.yaml\n\nWritten from the code by `PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core reference`; do not \
         edit.\n\nWhere a project's things live; what exists is in `*.hcl` files beside it and in folders below. An environment is one \
         such file: `-C` takes its folder, or the file itself under any name. What serves and loads needs this file and the \
         registry, and no definitions.\n\n```yaml\n{EXAMPLE}```\n\nUnknown keys are errors. `${{NAME}}` is replaced from the \
         environment in the path of the registry, in `metrics` and in settings of stores, when they are used: what is not used needs no secret. \
         `$${{` stands for `${{`.\n\n| key | takes | when left out | |\n|---|---|---|---|\n"
    );
    let providers: Vec<String> = keys::PROVIDERS.iter().map(|name| format!("`{name}`")).collect();
    let (providers, cache) =
        (providers.join(", "), (DEFAULT_CACHE_TTL.as_nanos() / 1_000_000_000).to_string());
    let (mut missing, mut all) = (Vec::new(), Vec::new());
    for key in keys::TOP {
        all.push(key.to_owned());
        let inner: &[&str] = match key {
            "registry" => &keys::REGISTRY,
            "metrics" => &keys::METRICS,
            _ => &[],
        };
        all.extend(inner.iter().map(|inner| format!("{key}.{inner}")));
    }
    for key in all {
        let Some((_, takes, default, about)) = KEYS.iter().find(|(known, ..)| *known == key) else {
            missing.push(key);
            continue;
        };
        let takes = takes.replace("{PROVIDERS}", &providers);
        let default = default.replace("{CACHE}", &cache);
        // Writing to a `String` cannot fail.
        let _ = writeln!(page, "| `{key}` | {takes} | {default} | {about} |");
    }
    page.push_str("\n## Gates\n\n`--allow CODE:ADDRESS` and an `allow \"CODE\"` block let one finding through, `--fail-on` adds a gate to one run; see plan-rules.md.\n\n| gate | refuses |\n|---|---|\n");
    for gate in Gate::ALL {
        let _ = writeln!(page, "| `{gate}` | {} |", refused(gate));
    }
    page.push_str("\n## Stores\n\nTheir settings are in stores.md.\n\n| provider | online store | offline store |\n|---|---|---|\n");
    for provider in keys::PROVIDERS {
        let (online, offline) = stores::defaults(provider);
        let _ = writeln!(page, "| `{provider}` | `{online}` | `{offline}` |");
    }
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let _ = write!(
        page,
        "\nTypes of online stores are {}, those of offline stores {}.\n\n## Coming from Feast\n\nThese stores of Feast's are taken, \
         and mean one of those here:\n\n| key | Feast's | here |\n|---|---|---|\n",
        quoted(&stores::ONLINE),
        quoted(&stores::OFFLINE)
    );
    of_feast(&mut page);
    if missing.is_empty() { Ok(page) } else { Err(missing) }
}

/// What becomes of the stores and keys of Feast's.
fn of_feast(page: &mut String) {
    for (key, table) in
        [("online_store", &stores::ONLINE_OF_FEAST[..]), ("offline_store", &stores::OFFLINE_OF_FEAST[..])]
    {
        for (theirs, ours) in table {
            let _ = writeln!(page, "| `{key}` | `{theirs}` | `{ours}` |");
        }
    }
    page.push_str(
        "\nNothing is read of what Feast stored: `path` of a `sqlite` store names a folder, `data/online_store.db` as well as any other, \
         and one where a file of that name lies is refused when it is opened. Other stores of Feast's are refused, with what there is in their place.\n\nThese keys of Feast's are refused, with a note:\n\n\
         | key | |\n|---|---|\n",
    );
    let of_registry = keys::FEAST_REGISTRY.iter().map(|noted| ("registry.", noted));
    for (of, (names, note)) in keys::FEAST.iter().map(|noted| ("", noted)).chain(of_registry) {
        let names: Vec<String> = names.iter().map(|name| format!("`{of}{name}`")).collect();
        let _ = writeln!(page, "| {} | {note} |", names.join(", "));
    }
}

/// What stands about a store besides its settings: what it is, what infrastructure it makes, who may do what.
const ABOUT: [(&str, &str); 8] = [
    (
        "embedded",
        "Online store of `provider: local`: LMDB in a folder, one environment for a project. An online table is an \
         `embedded_table`, a range of keys. To plan and to read, `lock.mdb` in it \
         must be writable all the same, as LMDB keeps the readers there; the folder and `data.mdb` need not be. On a file \
         system that is mounted read-only it is read without locks: right only while nobody writes to it through another \
         mount. The file is mapped into memory: who cuts `data.mdb` short ends the processes that read it by a signal; delete or \
         replace it instead.",
    ),
    (
        "dynamodb",
        "Online store of `provider: aws`. An online table is a `dynamodb_table` named `PROJECT.TABLE`, with one binary key; \
         another key alone would need another table. Rows are bytes, so every type fits; a row has at most 400 KB. \
         Tags are those of this file and `provender:project`, never those of definitions. To plan: \
         `dynamodb:DescribeTable`, `DescribeTimeToLive`, `DescribeContinuousBackups`, `ListTagsOfResource`. To apply, besides: \
         `CreateTable`, `UpdateTable`, `DeleteTable`, `UpdateTimeToLive`, `UpdateContinuousBackups`, `TagResource`, \
         `UntagResource`. Plans only in this version.",
    ),
    (
        "datastore",
        "Online store of `provider: gcp`. An online table is a `datastore_kind` named `PROJECT.TABLE`, with an entity that stands \
         for it. To plan: the role Datastore Viewer; to apply: Datastore User. Plans only in this version.",
    ),
    (
        "redis",
        "Online store for every provider: a server or a cluster. An online table is a `redis_prefix` named `PROJECT.TABLE`: all \
         keys that begin with `PROJECT:TABLE:`, one for each row; `PROJECT:tables` lists the tables. Rows of one entity key lie in one \
         slot of a cluster, whatever their view. A request costs one round trip, and no row goes back in time, whoever writes. The \
         server must not delete keys to make room (`maxmemory-policy noeviction`), and what it acknowledged is as safe as its \
         `appendfsync` makes it. `${NAME}` in `connection_string` stands for the value as it is, so a password from a variable may hold \
         any character; what is written out has `%…` for those that mean something else. With TLS the certificate must be for the host \
         and from an authority that this machine trusts; `SSL_CERT_FILE` names another. After `online_store` became another Redis, \
         tables in the old one are reached with user, password and `ssl` of the new one. Deleting a table looks at every key of the \
         server once. To plan: `TYPE`, `HMGET`, `EXISTS`; to serve: \
         `HGET`, `MGET`; to materialize, besides: `EXISTS`, `EVAL`, `EVALSHA`, `GET`, `GETRANGE`, `SET`, `HEXISTS`, `HSETNX`, `UNLINK`; \
         to apply, besides: `TYPE`, `HMGET`, `HSET`, `HDEL`, `DEL`, `SADD`, `SREM`, `SMEMBERS`, `SCAN`. A cluster needs `CLUSTER SLOTS` always.",
    ),
    (
        "file",
        "Offline store of `provider: local`: Parquet and CSV files, on this machine and in buckets of S3 and Google Cloud Storage \
         (`s3://BUCKET/KEY`, `gs://BUCKET/KEY`). A source is one file, all below a folder or prefix, or those that a glob means, read in \
         byte order of their paths; a file that is written while it is read is an error (exit 4). Credentials are never written down here. For S3 they are `AWS_ACCESS_KEY_ID` and \
         `AWS_SECRET_ACCESS_KEY` (and `AWS_SESSION_TOKEN`), a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`), or those that the \
         container or machine is given; a profile is not looked at: `aws configure export-credentials --format env` writes one as \
         variables. For Google they are `GOOGLE_APPLICATION_CREDENTIALS`, those of `gcloud auth application-default login`, or those that \
         the machine is given. `AWS_SKIP_SIGNATURE=true` and `GOOGLE_SKIP_SIGNATURE=true` read public buckets without any. \
         `AWS_ENDPOINT_URL` and `STORAGE_EMULATOR_HOST` are understood. Reading needs `s3:GetObject` and `s3:ListBucket`, or `storage.objects.get` \
         and `storage.objects.list`. Rows that are pushed offline (serving.md) become one file more of a folder or glob, and need \
         `s3:PutObject` or `storage.objects.create` in a bucket besides; one file alone takes none.",
    ),
    ("bigquery", "Offline store of `provider: gcp`. Plans only in this version."),
    ("redshift", "Offline store of `provider: aws`. Plans only in this version."),
    ("athena", "Offline store for `provider: aws`. Plans only in this version."),
];

/// The page of stores, as Markdown.
///
/// # Errors
/// A store that has no words.
pub fn stores() -> Result<String, String> {
    let mut page = String::from(
        "# Stores and their settings\n\nWritten from the code by `PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core reference`; do not \
         edit.\n\nSettings stand in `online_store` and `offline_store` of `feature_store.yaml` (environment.md). `${NAME}` is replaced from the \
         environment when the store is used. What identifies a store is kept in the registry as written; another identity means \
         new tables there (PV120, and PV130 for offline stores). Secrets are kept nowhere.\n\nNames of objects have at most 63 \
         characters, so a physical name is never too long for a store.\n",
    );
    for (store, settings) in STORES {
        let about = ABOUT.iter().find(|(known, _)| *known == store).map(|(_, about)| *about);
        let about = about.ok_or_else(|| store.to_owned())?;
        let _ = write!(page, "\n## {store}\n\n{about}\n");
        if settings.is_empty() {
            continue;
        }
        page.push_str("\n| setting | takes | |\n|---|---|---|\n");
        for (name, takes, about) in settings {
            let takes = match takes {
                Takes::Text => "text".to_owned(),
                Takes::Count => "a whole number".to_owned(),
                Takes::Truth => "`true` or `false`".to_owned(),
                Takes::Endpoint => "`http://HOST:PORT` or `https://HOST`".to_owned(),
                Takes::OneOf(known) => {
                    known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ")
                }
                Takes::Map => "a map of texts".to_owned(),
                Takes::Redis => "`HOST:PORT,…` or `redis://…`".to_owned(),
            };
            let _ = writeln!(page, "| `{name}` | {takes} | {about} |");
        }
    }
    Ok(page)
}
