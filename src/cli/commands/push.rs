//! `provender push`: rows into the online store.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use provender_runtime::feature_store::{Applied, FeatureStore, Frame, TableReport};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::arguments::GlobalArguments;
use crate::clock;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::{Workspace, read_text};

/// Write rows to the online store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The push source
    #[arg(value_name = "SOURCE")]
    source: String,
    /// File with the rows, `-` for standard input: CSV with a header line, or JSON, an object of lists or a list of objects
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

/// Rows as JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rows {
    Columns(BTreeMap<String, Vec<Json>>),
    Objects(Vec<BTreeMap<String, Json>>),
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let frame = read(&args.from)?;
    block_on(async {
        let log = workspace.registry()?;
        let store = FeatureStore::new(
            Applied::of(&log, workspace.applied(&log).await?).await?,
            workspace.online_provider()?,
        );
        let report = store.push(&args.source, frame, clock::now()).await?;
        for table in &report.tables {
            ui.message(&told(report.rows, table));
        }
        Ok(Exit::Done)
    })
}

fn told(rows: usize, table: &TableReport) -> String {
    let mut line = format!(
        "feature_view.{}: {rows} rows pushed to {}, {} written",
        table.view, table.table, table.outcome.written
    );
    if table.outcome.kept > 0 {
        line.push_str(&format!(", {} kept that are newer", table.outcome.kept));
    }
    if table.skipped > 0 {
        line.push_str(&format!(", {} left out that do not fit this older table", table.skipped));
    }
    line
}

fn read(file: &Path) -> CommandResult<Frame> {
    let shown =
        if file == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", file.display()) };
    let failed =
        |cause: String| CommandError::new(format!("could not read the rows in {shown}")).because(cause);
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        text
    } else {
        read_text(file).map_err(failed)?
    };
    let is_csv = match file.extension().and_then(OsStr::to_str) {
        Some(extension) => extension.eq_ignore_ascii_case("csv"),
        None => !text.trim_start().starts_with(['{', '[']),
    };
    if is_csv { of_csv(&text).map_err(failed) } else { of_json(&text).map_err(failed) }
}

fn of_json(text: &str) -> Result<Frame, String> {
    let rows = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            "it is neither an object of lists nor a list of objects".to_owned()
        }
        _ => format!("it is no JSON: {error}"),
    })?;
    match rows {
        Rows::Columns(columns) => Frame::of_columns(columns).map_err(|error| error.chain().join(": ")),
        Rows::Objects(rows) => Ok(Frame::of_rows(rows)),
    }
}

/// An empty cell is null; a quoted empty one too, as everywhere in files.
fn of_csv(text: &str) -> Result<Frame, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut columns: Vec<Vec<Json>> = vec![Vec::new(); names.len()];
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        for (column, cell) in columns.iter_mut().zip(&record) {
            column.push(if cell.is_empty() { Json::Null } else { Json::from(cell) });
        }
    }
    let columns: BTreeMap<String, Vec<Json>> = names.iter().map(str::to_owned).zip(columns).collect();
    if columns.len() < names.len() {
        return Err("the header line has a name twice".to_owned());
    }
    Frame::of_columns(columns).map_err(|error| error.chain().join(": "))
}
