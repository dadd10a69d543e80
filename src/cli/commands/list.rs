//! `provender list`: what is registered.

use provender_core::model::{Object, ObjectKind};
use provender_core::registry::Registry;
use serde_json::json;

use crate::arguments::GlobalArguments;
use crate::commands::plan::Format;
use crate::error::{CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::Workspace;

/// List what is registered
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only objects of this kind
    #[arg(value_enum)]
    kind: Option<Kind>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    #[value(alias = "entity")]
    Entities,
    #[value(name = "data-sources", aliases = ["data-source", "data_source", "data_sources"])]
    DataSources,
    #[value(name = "feature-views", aliases = ["feature-view", "feature_view", "feature_views"])]
    FeatureViews,
    #[value(name = "on-demand-feature-views", aliases = ["on-demand-feature-view", "on_demand_feature_view", "on_demand_feature_views"])]
    OnDemandFeatureViews,
    #[value(name = "feature-services", aliases = ["feature-service", "feature_service", "feature_services"])]
    FeatureServices,
}

impl Kind {
    const fn object_kind(self) -> ObjectKind {
        match self {
            Self::Entities => ObjectKind::Entity,
            Self::DataSources => ObjectKind::DataSource,
            Self::FeatureViews => ObjectKind::FeatureView,
            Self::OnDemandFeatureViews => ObjectKind::OnDemandFeatureView,
            Self::FeatureServices => ObjectKind::FeatureService,
        }
    }
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let state = block_on(async { Ok(workspace.registry()?.state().await?) })?;
    let wanted = args.kind.map(Kind::object_kind);
    let objects =
        state.objects.0.iter().filter(|(address, _)| wanted.is_none_or(|kind| address.kind == kind));
    match args.format {
        Format::Json => {
            let list: Vec<_> = objects
                .map(|(address, object)| json!({ "address": address, "definition": object }))
                .collect();
            ui.json(&list)?;
        }
        Format::Text => {
            let rows: Vec<[String; 3]> = objects
                .map(|(address, object)| {
                    [address.to_string(), detail(object, &address.name, &state), owner(object)]
                })
                .collect();
            if rows.is_empty() {
                ui.message(
                    "Nothing is registered. `provender apply` registers the definitions of this folder.",
                );
            } else {
                ui.table(["address", "what", "owner"], rows);
            }
        }
    }
    Ok(Exit::Done)
}

fn owner(object: &Object) -> String {
    object.metadata().owner.clone().unwrap_or_default()
}

/// What people look for first in each kind.
fn detail(object: &Object, name: &str, state: &Registry) -> String {
    match object {
        Object::Entity(entity) => format!("{} {}", entity.join_key, entity.value_type),
        Object::DataSource(source) => source.kind.as_str().to_owned(),
        Object::FeatureView(view) => {
            let tables = state
                .tables
                .values()
                .filter(|table| table.view.name == name)
                .map(|table| table.id.to_string());
            let tables: Vec<String> = tables.collect();
            format!(
                "{} features of {}; {}",
                view.features.len(),
                list(&view.entities),
                match tables.as_slice() {
                    [] => "not online".to_owned(),
                    tables => format!("online in {}", list(tables)),
                }
            )
        }
        Object::OnDemandFeatureView(view) => {
            let sources: Vec<String> = view.sources.iter().map(|source| source.name.clone()).collect();
            format!("{} features computed from {}", view.features.len(), list(&sources))
        }
        Object::FeatureService(service) => {
            let views: Vec<String> = service.references().into_iter().map(|address| address.name).collect();
            format!("reads {}", list(&views))
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "the project".to_owned() } else { names.join(", ") }
}
