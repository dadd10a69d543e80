//! The only file that names providers and stores. A provider that this build does not have is an entry that explains
//! itself.

use std::sync::Arc;

use provender_core::provider::StoreSpec;
use provender_local::{EmbeddedSpec, LocalOptions, LocalProvider};
use provender_runtime::provider::Provider;

use crate::error::{CommandError, CommandResult};
use crate::workspace::Workspace;

/// Opens the provider that `feature_store.yaml` names.
pub(crate) fn provider(workspace: &Workspace) -> CommandResult<Arc<dyn Provider>> {
    match workspace.environment.provider.as_str() {
        "local" => local(workspace),
        other => {
            Err(CommandError::new(format!("provider `{other}` cannot be used by this version of provender"))
                .with_hint("`provider: local` is what this version can apply and materialize with"))
        }
    }
}

/// The pure half of an online store.
pub(crate) fn store_spec(kind: &str) -> CommandResult<&'static dyn StoreSpec> {
    match kind {
        "embedded" => Ok(&EmbeddedSpec),
        other => Err(CommandError::new(format!(
            "online store `{other}` is not supported by this version of provender"
        ))
        .with_hint("`online_store: { type: embedded }` is; it is the default of `provider: local`")),
    }
}

fn local(workspace: &Workspace) -> CommandResult<Arc<dyn Provider>> {
    let mut options = LocalOptions::new(&workspace.environment.project, &workspace.folder);
    if let Some(store) = &workspace.environment.online_store {
        options.online_path = store
            .settings
            .get("path")
            .map(|path| workspace.expand("online_store.path", path).map(Into::into))
            .transpose()?;
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
    Ok(Arc::new(LocalProvider::open(options)))
}
