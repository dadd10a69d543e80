//! What a command works on: the project folder with its `feature_store.yaml`, and what that names, opened when it is used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use provender_core::config::environment::{self, Environment};
use provender_core::diagnostic::{Diagnostics, RenderOptions, render};
use provender_core::provider::StoreSpec;
use provender_core::registry::{AppliedEnvironment, Author, Registry};
use provender_core::source::{SourceFile, Sources};
use provender_runtime::provider::Provider;
use provender_runtime::registry::{RegistryLog, open_location};

use crate::arguments::GlobalArguments;
use crate::backends::{self, Part};
use crate::commands::version::VERSION;
use crate::error::{CommandError, CommandResult};
use crate::output::Ui;

/// Name of the environment file.
pub(crate) const ENVIRONMENT_FILE: &str = "feature_store.yaml";

/// A project folder and its environment.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder that holds `feature_store.yaml`.
    pub(crate) folder: PathBuf,
    /// Its settings, with `${NAME}` as written.
    pub(crate) environment: Environment,
}

impl Workspace {
    /// Reads the environment of the project that `--chdir` names: a folder, or its `feature_store.yaml`.
    pub(crate) fn open(ui: &Ui, global: &GlobalArguments) -> CommandResult<Self> {
        let (workspace, diagnostics, sources) = Self::read(global)?;
        report(ui, &diagnostics, &sources);
        if diagnostics.has_errors() { Err(CommandError::reported()) } else { Ok(workspace) }
    }

    /// The same, with the findings. When one of them is an error, the settings are not to be used: they stand in for what
    /// could not be read, so that definitions can be looked at all the same.
    pub(crate) fn read(global: &GlobalArguments) -> CommandResult<(Self, Diagnostics, Sources)> {
        let given = &global.chdir;
        let (folder, file) = if given.is_file() {
            (given.parent().unwrap_or_else(|| Path::new(".")).to_path_buf(), given.clone())
        } else {
            (given.clone(), given.join(ENVIRONMENT_FILE))
        };
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let text = read_text(&file).map_err(|error| {
            let shown = file.strip_prefix(".").unwrap_or(&file);
            let hint = match misnamed(&folder) {
                Some(name) => format!("`{name}` lies there: rename it to `{ENVIRONMENT_FILE}`"),
                None => "`provender init FOLDER` makes a project; `-C FOLDER` names one".to_owned(),
            };
            CommandError::new(format!("could not read `{}`", shown.display())).because(error).with_hint(hint)
        })?;
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let source = SourceFile::new(name, text);
        let (environment, diagnostics) = environment::parse(&source);
        let environment = environment.unwrap_or_else(Environment::stand_in);
        let workspace = Self { folder, environment };
        Ok((workspace, diagnostics, Sources::of(environment::without_secrets(&source))))
    }

    /// Opens the registry for reading and writing; nothing is read or written yet.
    pub(crate) fn registry(&self) -> CommandResult<RegistryLog> {
        let location = self.expand("registry", &self.environment.registry.path)?;
        let (store, prefix) = open_location(&location, &self.folder)?;
        Ok(RegistryLog::new(store, prefix, self.environment.project.clone()))
    }

    /// What was applied, for commands that make no sense before.
    pub(crate) async fn applied(&self, log: &RegistryLog) -> CommandResult<Registry> {
        let state = log.state().await?;
        if state.revision == 0 {
            let registry = &self.environment.registry.path;
            return Err(CommandError::new(format!(
                "nothing was applied yet: the registry `{registry}` is empty"
            ))
            .with_hint("`provender apply` comes first"));
        }
        Ok(state)
    }

    /// Opens the provider, for infrastructure and both stores.
    pub(crate) fn provider(&self) -> CommandResult<Arc<dyn Provider>> {
        backends::provider(self, &[Part::Online, Part::Offline])
    }

    /// Opens the provider for infrastructure and the online store.
    pub(crate) fn online_provider(&self) -> CommandResult<Arc<dyn Provider>> {
        backends::provider(self, &[Part::Online])
    }

    /// Opens the provider for the offline store.
    pub(crate) fn offline_provider(&self) -> CommandResult<Arc<dyn Provider>> {
        backends::provider(self, &[Part::Offline])
    }

    /// The pure half of the online store; none where the project has no online store.
    pub(crate) fn online_spec(&self) -> CommandResult<Option<Arc<dyn StoreSpec>>> {
        self.environment.online_store.as_ref().map(backends::store_spec).transpose()
    }

    /// What of the environment a plan compares with the registry.
    pub(crate) fn applied_environment(&self) -> CommandResult<AppliedEnvironment> {
        let online_store = match (&self.environment.online_store, self.online_spec()?) {
            (Some(settings), Some(spec)) => Some(spec.identity(settings)),
            _ => None,
        };
        let offline_store = Some(backends::offline_identity(&self.environment.offline_store));
        Ok(AppliedEnvironment { provider: self.environment.provider.clone(), online_store, offline_store })
    }

    /// Replaces `${NAME}` in a setting that is about to be used.
    pub(crate) fn expand(&self, setting: &str, text: &str) -> CommandResult<String> {
        Environment::expand(text, &|name| std::env::var(name).ok()).map_err(|unset| {
            CommandError::new(format!("`{setting}` in {ENVIRONMENT_FILE} cannot be used"))
                .because(unset)
                .with_hint("set the variable, or write the value into the file if it is no secret")
        })
    }
}

/// A file of the folder whose name is nearly that of the environment file, where that is not there.
fn misnamed(folder: &Path) -> Option<String> {
    if folder.join(ENVIRONMENT_FILE).exists() {
        return None;
    }
    let files = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let is_near = |name: &String| {
        let lower = name.to_lowercase().replace('-', "_");
        let stem = lower.strip_suffix(".yml").or_else(|| lower.strip_suffix(".yaml"));
        matches!(stem, Some("feature_store" | "featurestore"))
    };
    names.filter(is_near).min()
}

/// Prints findings, rendered for the terminal that messages go to.
pub(crate) fn report(ui: &Ui, diagnostics: &Diagnostics, sources: &Sources) {
    if !diagnostics.is_empty() {
        let options = RenderOptions { styled: ui.styled_messages(), width: ui.width() };
        ui.rendered(&render(diagnostics, sources, &options));
    }
}

/// The text of a file; an error says what is wrong with it.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8: byte {} is wrong", error.utf8_error().valid_up_to()))
}

/// Who runs this, for the log.
pub(crate) fn author() -> Author {
    let variable = |names: &[&str]| {
        names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    let host = std::fs::read_to_string("/etc/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    Author {
        user: variable(&["USER", "LOGNAME", "USERNAME"]).unwrap_or_else(|| "unknown".to_owned()),
        host: host.or_else(|| variable(&["HOSTNAME"])).unwrap_or_else(|| "unknown".to_owned()),
        tool_version: VERSION.to_owned(),
    }
}
