//! The reference of stores, made from the settings that `feature_store.yaml` is read by.

use std::fmt::Write as _;

use super::stores::{STORES, Takes};

/// What stands about a store besides its settings: what it is, what infrastructure it makes, who may do what.
const ABOUT: [(&str, &str); 8] = [
    (
        "embedded",
        "Online store of `provider: local`: LMDB in a folder, one environment for a project. An online table is an \
         `embedded_table`, a range of keys. To plan and to read, the folder must be writable all the same: LMDB keeps the \
         readers in a lock file.",
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
        "Online store for every provider. An online table is a `redis_prefix` named `PROJECT.TABLE`: all keys \
         that begin with `PROJECT:TABLE:`. To plan: \
         `GET`; to apply: `SET`, `SCAN`, `UNLINK` on that prefix. Plans only in this version.",
    ),
    ("file", "Offline store of `provider: local`: Parquet and CSV files."),
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
         edit.\n\nSettings stand in `online_store` and `offline_store` of `feature_store.yaml`. `${NAME}` is replaced from the \
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
