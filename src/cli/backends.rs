//! The only file that names providers and stores. A provider that this build does not have is an entry that explains
//! itself.

use std::sync::Arc;

use provender_core::provider::StoreSpec;
use provender_local::{EmbeddedSpec, FileStore, LocalOptions, LocalProvider};
use provender_runtime::provider::Provider;

use crate::error::{CommandError, CommandResult};
use crate::workspace::Workspace;

/// Opens the provider that `feature_store.yaml` names.
pub(crate) fn provider(workspace: &Workspace) -> CommandResult<Arc<dyn Provider>> {
    match workspace.environment.provider.as_str() {
        "local" => local(workspace),
        other => Err(CommandError::new(format!("provider `{other}` cannot be used by this version of provender"))
            .with_hint("`provider: local` is what this version can apply and materialize with")),
    }
}

/// The pure half of an online store.
pub(crate) fn store_spec(kind: &str) -> CommandResult<&'static dyn StoreSpec> {
    match kind {
        "embedded" => Ok(&EmbeddedSpec),
        other => Err(CommandError::new(format!("online store `{other}` is not supported by this version of provender"))
            .with_hint("`online_store: { type: embedded }` is; it is the default of `provider: local`")),
    }
}

fn local(workspace: &Workspace) -> CommandResult<Arc<dyn Provider>> {
    let offline = Arc::new(FileStore::new(&workspace.folder));
    let settings = workspace.environment.online_store.as_ref();
    let path = settings.and_then(|store| store.settings.get("path"));
    let path = path.map(|path| workspace.expand("online_store.path", path)).transpose()?;
    let _ = (offline, path, LocalOptions::default(), LocalProvider::open);
    Err(CommandError::new("not wired yet"))
}
