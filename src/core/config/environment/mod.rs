//! `feature_store.yaml`: where a project's things live. Clients need nothing else.
//!
//! `${NAME}` stays as written until a thing is used ([`Environment::expand`]), so validating needs no secrets.

mod expand;
mod keys;
mod read;
pub mod reference;
mod secrets;
mod stores;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use expand::UnsetVariable;
pub use secrets::without_secrets;
pub use stores::redis_place;

use crate::diagnostic::Diagnostics;
use crate::model::StoreSettings;
use crate::plan::Gate;
use crate::source::{SourceFile, Sources, Span};
use crate::time::Duration;

/// The name of the file.
pub const FILE_NAME: &str = "feature_store.yaml";

/// What `feature_store.yaml` says, with the provider's defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// The file it was read from, for showing: without what may be a secret.
    pub file: SourceFile,
    /// The project's name.
    pub project: String,
    /// `local`, `gcp` or `aws`.
    pub provider: String,
    /// Where the registry lies.
    pub registry: RegistrySettings,
    /// The online store; none with `type: "null"`.
    pub online_store: Option<StoreSettings>,
    /// The offline store.
    pub offline_store: StoreSettings,
    /// Values for `variable` blocks.
    pub variables: BTreeMap<String, Setting>,
    /// What every apply refuses unless it is allowed.
    pub gates: BTreeSet<Gate>,
    /// Where metrics go, as written.
    pub metrics: BTreeMap<String, String>,
    /// How requests to the server are authenticated, as written.
    pub authentication: BTreeMap<String, String>,
    /// How long a superseded table is kept.
    pub keep_superseded: Duration,
}

/// A value for a `variable` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is set to.
    pub value: serde_json::Value,
    /// Where its name stands in [`Environment::file`].
    pub key: Span,
    /// Where its value stands there.
    pub span: Span,
}

/// The `registry` key: a path, or a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySettings {
    /// A folder (relative to the project folder), or a prefix as `s3://…` or `gs://…`; as written.
    pub path: String,
    /// How long readers may go on with what they know.
    pub cache_ttl: Duration,
    /// Endpoint of an S3- or GCS-compatible store, as written.
    pub endpoint: Option<String>,
    /// Region, as written.
    pub region: Option<String>,
}

/// Reads the file. The findings' spans point into `Sources` that hold this file alone ([`Sources::of`]).
pub fn parse(file: &SourceFile) -> (Option<Environment>, Diagnostics) {
    let sources = Sources::of(file.clone());
    let (environment, mut diagnostics) = read::read(&sources);
    diagnostics.sort();
    (environment.filter(|_| !diagnostics.has_errors()), diagnostics)
}

/// Whether this is a name or an address of a host, and a port: `127.0.0.1:8125`, `[::1]:8125`, `statsd.internal:8125`.
pub fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            !host.is_empty() && host.len() <= 253 && host.chars().all(is_part)
        }
    };
    is_host
        && port.bytes().all(|digit| digit.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

impl Environment {
    /// Settings that stand in for a file with errors, so that definitions can be looked at all the same.
    pub fn stand_in() -> Self {
        let store = |kind: &str| StoreSettings { kind: kind.to_owned(), settings: BTreeMap::new() };
        Self {
            file: SourceFile::new(FILE_NAME, ""),
            project: "unknown".to_owned(),
            provider: "local".to_owned(),
            registry: RegistrySettings {
                path: "unknown".to_owned(),
                cache_ttl: Duration::ZERO,
                endpoint: None,
                region: None,
            },
            online_store: Some(store("embedded")),
            offline_store: store("file"),
            variables: BTreeMap::new(),
            gates: BTreeSet::new(),
            metrics: BTreeMap::new(),
            authentication: BTreeMap::new(),
            keep_superseded: Duration::ZERO,
        }
    }

    /// Replaces every `${NAME}` of a setting. `lookup` answers for the process environment. `$${` stands for `${`.
    ///
    /// # Errors
    /// When a name is not set, or a `${` has no end.
    pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, UnsetVariable> {
        expand::expand(text, lookup)
    }
}
