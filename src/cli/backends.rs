//! The only file that names providers and stores. A provider that this build does not have is an entry that explains
//! itself.

use std::ffi::OsString;
use std::sync::Arc;

use provender_aws::DynamoDbSpec;
use provender_core::config::environment::Environment;
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::provider::{StoreSpec, identity_of};
use provender_gcp::DatastoreSpec;
use provender_local::{BucketSettings, EmbeddedSpec, LocalOptions, LocalProvider};
use provender_redis::RedisSpec;
#[cfg(feature = "redis")]
use provender_redis::{RedisOptions, RedisProvider};
use provender_runtime::Error;
use provender_runtime::places::Places;
use provender_runtime::provider::Provider;

use crate::error::{CommandError, CommandResult};
use crate::project::top_of;
use crate::workspace::Workspace;

/// What of a provider a command works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Infrastructure and the online store.
    Online,
    /// The offline store.
    Offline,
}

/// Opens the provider that `feature_store.yaml` names, for these parts of it.
pub(crate) fn provider(workspace: &Workspace, parts: &[Part]) -> CommandResult<Arc<dyn Provider>> {
    match parts.iter().find_map(|part| out_of_reach(workspace, *part)) {
        None => open(workspace, parts),
        Some("redis") => {
            Err(CommandError::new("this build of provender plans for redis and cannot reach it")
                .with_hint("build it with the feature `redis`")
                .with_hint("`plan`, `show` and `diff` work without it"))
        }
        Some(what) => {
            let message = format!("this version of provender plans for {what} and cannot reach it yet");
            Err(CommandError::new(message).with_hint("`plan`, `show` and `diff` work without it"))
        }
    }
}

/// The store that this part of the environment names, where this version knows it and cannot reach it.
pub(crate) fn out_of_reach(workspace: &Workspace, part: Part) -> Option<&str> {
    let environment = &workspace.environment;
    let store = match part {
        Part::Online => environment.online_store.as_ref(),
        Part::Offline => Some(&environment.offline_store),
    };
    store.map(|store| store.kind.as_str()).filter(|kind| !is_in_reach(kind))
}

fn is_in_reach(kind: &str) -> bool {
    matches!(kind, "embedded" | "file") || (kind == "redis" && cfg!(feature = "redis"))
}

/// The pure half of an online store, with its settings.
pub(crate) fn store_spec(settings: &StoreSettings) -> CommandResult<Arc<dyn StoreSpec>> {
    Ok(match settings.kind.as_str() {
        "embedded" => Arc::new(EmbeddedSpec),
        "dynamodb" => Arc::new(DynamoDbSpec::new(settings)),
        "datastore" => Arc::new(DatastoreSpec),
        "redis" => Arc::new(RedisSpec),
        other => {
            let message = format!("online store `{other}` is not supported by this version of provender");
            return Err(
                CommandError::new(message).with_hint("`embedded`, `redis`, `datastore` and `dynamodb` are")
            );
        }
    })
}

/// What identifies the data of an offline store: never where results are put, nor by whom.
pub(crate) fn offline_identity(settings: &StoreSettings) -> StoreIdentity {
    identity_of(
        settings,
        match settings.kind.as_str() {
            "bigquery" => &["project_id", "dataset", "location"],
            "redshift" => &["region", "cluster_id", "workgroup", "database"],
            "file" => &["endpoint"],
            "athena" => &["region", "data_source", "database"],
            _ => &[],
        },
    )
}

fn open(workspace: &Workspace, parts: &[Part]) -> CommandResult<Arc<dyn Provider>> {
    let local = local_options(workspace, parts)?;
    let settings = workspace.environment.online_store.clone();
    let identity = workspace.applied_environment()?.online_store;
    let current: Arc<dyn Provider> = match &settings {
        #[cfg(feature = "redis")]
        Some(settings) if settings.kind == "redis" => {
            let project = workspace.environment.project.clone();
            let mut options = RedisOptions::new(project, settings.clone(), variables());
            options.offline = LocalProvider::open(local.clone()).offline();
            Arc::new(RedisProvider::open(options))
        }
        _ => Arc::new(LocalProvider::open(local.clone())),
    };
    Ok(Arc::new(Places::new(current, identity, move |store| another(&local, settings.as_ref(), store))))
}

fn local_options(workspace: &Workspace, parts: &[Part]) -> CommandResult<LocalOptions> {
    let mut options = LocalOptions::new(&workspace.environment.project, &workspace.folder);
    options.top = top_of(&workspace.folder)?;
    if parts.contains(&Part::Offline) {
        options.buckets = buckets(workspace)?;
    }
    let embedded = workspace.environment.online_store.as_ref().filter(|store| store.kind == "embedded");
    if let Some(store) = embedded {
        let path = store.settings.get("path");
        options.online_path =
            path.map(|path| workspace.expand("online_store.path", path).map(Into::into)).transpose()?;
        options.map_size = store
            .settings
            .get("map_size")
            .map(|text| {
                text.parse().map_err(|_| {
                    CommandError::new(format!(
                        "`online_store.map_size` is `{text}`, which is no number of bytes"
                    ))
                })
            })
            .transpose()?;
    }
    Ok(options)
}

/// Values of variables of the environment, for a provider that asks for them when it needs them.
#[cfg(feature = "redis")]
fn variables() -> Arc<provender_redis::Variables> {
    Arc::new(|name| std::env::var(name).ok())
}

/// How buckets of file sources are reached, where the offline store is files.
fn buckets(workspace: &Workspace) -> CommandResult<BucketSettings> {
    let store = &workspace.environment.offline_store;
    let setting = |name: &str| {
        let written = store.settings.get(name).filter(|_| store.kind == "file");
        written.map(|text| workspace.expand(&format!("offline_store.{name}"), text)).transpose()
    };
    let variables = std::env::vars_os();
    let readable =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    Ok(BucketSettings {
        region: setting("region")?,
        endpoint: setting("endpoint")?,
        variables: variables.filter_map(readable).collect(),
    })
}

/// The place of tables that were made when `online_store` was another. What identifies a Redis holds no login: that of the
/// Redis in `feature_store.yaml` is taken, where there is one.
fn another(
    local: &LocalOptions,
    settings: Option<&StoreSettings>,
    store: &StoreIdentity,
) -> provender_runtime::Result<Arc<dyn Provider>> {
    match store.kind.as_str() {
        "embedded" => {
            let path = store.settings.get("path").map(|path| {
                let variable = |name: &str| std::env::var(name).ok();
                Environment::expand(path, &variable).map_err(|unset| Error::invalid(unset.to_string()))
            });
            let online_path = path.transpose()?.map(Into::into);
            Ok(Arc::new(LocalProvider::open(LocalOptions { online_path, ..local.clone() })))
        }
        "redis" => another_redis(&local.project, settings, store),
        kind => Err(Error::invalid(format!("this version of provender cannot reach {kind}"))),
    }
}

#[cfg(feature = "redis")]
fn another_redis(
    project: &str,
    settings: Option<&StoreSettings>,
    store: &StoreIdentity,
) -> provender_runtime::Result<Arc<dyn Provider>> {
    let mut options = RedisOptions::of_identity(project, store, variables());
    options.login = settings.filter(|settings| settings.kind == "redis").cloned();
    Ok(Arc::new(RedisProvider::open(options)))
}

#[cfg(not(feature = "redis"))]
fn another_redis(
    _: &str,
    _: Option<&StoreSettings>,
    _: &StoreIdentity,
) -> provender_runtime::Result<Arc<dyn Provider>> {
    Err(Error::invalid("this build of provender cannot reach redis")
        .with_hint("build it with the feature `redis`"))
}
