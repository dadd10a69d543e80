//! `provender history`: who applied and materialized what, and when; the newest first.

use provender_core::model::Address;
use provender_core::registry::{Author, Entry, EntryBody, Interval, LedgerEntry, LedgerEntryBody, TableId};
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use provender_runtime::registry::RegistryLog;
use serde_json::{Value as Json, json};

use crate::arguments::GlobalArguments;
use crate::commands::plan::Format;
use crate::error::{CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::Workspace;

/// Show applies and materializations, the newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what concerns this object
    address: Option<Address>,
    /// At most this many lines
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Form of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One line: its time, what is printed, and what a program gets.
struct Event {
    at: Timestamp,
    row: [String; 4],
    json: Json,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let log = workspace.registry()?;
    let mut events = block_on(async { events(&log, args.address.as_ref()).await })?;
    // Stable, so that entries of one instant keep the order of the log.
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    events.truncate(args.limit);
    match args.format {
        Format::Json => ui.json(&events.into_iter().map(|event| event.json).collect::<Vec<_>>())?,
        Format::Text if events.is_empty() => {
            ui.message("There is nothing to show: nothing was applied, or nothing that concerns this.")
        }
        Format::Text => {
            ui.table(["when", "who", "what", "details"], events.into_iter().map(|event| event.row))
        }
    }
    Ok(Exit::Done)
}

async fn events(log: &RegistryLog, address: Option<&Address>) -> CommandResult<Vec<Event>> {
    let entries = log.entries().await?;
    let mut events: Vec<Event> =
        entries.iter().rev().filter(|entry| concerns(entry, address)).filter_map(of_entry).collect();
    let state = log.state().await?;
    let ledger = log.ledger();
    for (id, table) in &state.tables {
        if address.is_none_or(|address| table.view == *address) {
            events.extend(ledger.entries(id).await?.iter().rev().filter_map(|entry| of_ledger(id, entry)));
        }
    }
    Ok(events)
}

fn concerns(entry: &Entry, address: Option<&Address>) -> bool {
    let Some(address) = address else { return true };
    match &entry.body {
        EntryBody::ApplyProgress(progress) => {
            progress.change.objects.contains_key(address)
                || progress.change.tables.values().flatten().any(|table| table.view == *address)
        }
        EntryBody::Import(import) => import.state.objects.get(address).is_some(),
        EntryBody::ApplyBegin(_) | EntryBody::ApplyEnd(_) => false,
    }
}

/// A time for people; programs get all of it.
fn to_the_second(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(time.as_seconds().saturating_mul(NANOS_PER_SECOND))
}

fn between_seconds(interval: Interval) -> Interval {
    let Interval { from, to } = interval;
    let from = if from == Timestamp::MIN { from } else { to_the_second(from) };
    Interval { from, to: to_the_second(to) }
}

fn who(by: &Author) -> String {
    format!("{}@{}", by.user, by.host)
}

fn of_entry(entry: &Entry) -> Option<Event> {
    let (kind, summary) = match &entry.body {
        EntryBody::ApplyBegin(begin) => ("apply_begin", begin.summary.clone()),
        EntryBody::ApplyProgress(progress) => {
            let named: Vec<String> = progress.change.objects.keys().map(ToString::to_string).collect();
            let failed = progress.done.iter().filter(|report| {
                matches!(report.outcome, provender_core::registry::StepOutcome::Failed { .. })
            });
            let text = match (named.len(), failed.count()) {
                (0, 0) => format!("{} steps claimed, {} done", progress.claimed.len(), progress.done.len()),
                (_, 0) => named.join(", "),
                (_, failed) => format!("{failed} steps failed"),
            };
            ("apply_progress", text)
        }
        EntryBody::ApplyEnd(end) => {
            let outcome = format!("{:?}", end.outcome).to_lowercase();
            (
                "apply_end",
                end.closed_by.as_ref().map_or(outcome.clone(), |by| format!("{outcome}, closed by {by}")),
            )
        }
        EntryBody::Import(_) => ("import", "a registry was imported".to_owned()),
    };
    Some(Event {
        at: entry.at,
        row: [
            to_the_second(entry.at).to_string(),
            who(&entry.by),
            format!("{kind} {}", entry.revision),
            summary.clone(),
        ],
        json: json!({
            "revision": entry.revision, "apply_id": entry.apply_id, "kind": kind, "at": entry.at,
            "by": entry.by, "summary": summary,
        }),
    })
}

fn of_ledger(table: &TableId, entry: &LedgerEntry) -> Option<Event> {
    let (details, interval, rows) = match &entry.body {
        LedgerEntryBody::Materialized(loaded) => (
            format!("{}, {} keys", between_seconds(loaded.interval), loaded.rows_written),
            json!(loaded.interval),
            json!(loaded.rows_written),
        ),
        LedgerEntryBody::Complete => {
            ("complete: readers switch to this table".to_owned(), Json::Null, Json::Null)
        }
        LedgerEntryBody::Checkpoint(_) => return None,
    };
    Some(Event {
        at: entry.at,
        row: [to_the_second(entry.at).to_string(), who(&entry.by), format!("materialize {table}"), details],
        json: json!({
            "table": table, "job_id": entry.job_id, "interval": interval, "rows": rows, "at": entry.at, "by": entry.by,
        }),
    })
}
