//! `provender describe`: one object as it is registered.

use std::collections::BTreeMap;

use provender_core::diagnostic::suggestion;
use provender_core::graph::Graph;
use provender_core::model::Address;
use provender_core::registry::{Ledger, Registry, TableId};
use provender_core::view::text::{TextOptions, describe};
use serde_json::json;

use crate::arguments::GlobalArguments;
use crate::commands::plan::Format;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::Workspace;

/// Show one object as it is registered: definition, what it reads, its readers, its tables and what they hold
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Such as `feature_view.driver_stats`
    address: Address,
    /// Form of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let (state, ledgers) = block_on(async { read(&workspace, &args.address).await })?;
    let address = &args.address;
    let options = TextOptions { width: ui.width(), program: ui.program(), ..TextOptions::default() };
    let Some(text) = describe(address, &state, &ledgers, &options) else {
        let known: Vec<String> = state.objects.0.keys().map(ToString::to_string).collect();
        let error = CommandError::new(format!("`{address}` is not registered"));
        let help = suggestion(&address.to_string(), known.iter().map(String::as_str));
        return Err(help.into_iter().fold(error, CommandError::with_hint));
    };
    match args.format {
        Format::Text => ui.text(&text),
        Format::Json => {
            let graph = Graph::of(&state.objects);
            let tables: Vec<_> = state.tables.values().filter(|table| table.view == *address).collect();
            ui.json(&json!({
                "address": address,
                "definition": state.objects.get(address),
                "reads": graph.needs(address),
                "read_by": graph.needed_by(address),
                "affects": graph.downstream(address),
                "tables": tables,
                "ledgers": ledgers,
            }))?;
        }
    }
    Ok(Exit::Done)
}

/// The registry, and the ledgers of the object's tables.
async fn read(
    workspace: &Workspace,
    address: &Address,
) -> CommandResult<(Registry, BTreeMap<TableId, Ledger>)> {
    let log = workspace.registry()?;
    let state = workspace.applied(&log).await?;
    let mut ledgers = BTreeMap::new();
    for table in state.tables.values().filter(|table| table.view == *address) {
        ledgers.insert(table.id.clone(), log.ledger().read(&table.id).await?);
    }
    Ok((state, ledgers))
}
