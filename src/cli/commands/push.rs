//! `provender push`: rows into the online store, the history, or both.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use provender_runtime::feature_store::{Applied, Entities, FeatureStore, Frame, PushTo, TableReport};
use provender_runtime::historical::{TableFormat, csv_rows, read_file_rows};

use crate::arguments::GlobalArguments;
use crate::clock;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::metrics::{MetricsArgs, measured};
use crate::output::Ui;
use crate::workspace::{Workspace, read_text};

/// Write rows to the online store, to the history, or to both
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The push source
    #[arg(value_name = "SOURCE")]
    source: String,
    /// File with the rows: Parquet, Arrow, CSV with a header line, or JSON, an object of lists or a list of objects; `-` for
    /// standard input, CSV or JSON
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Where the rows go
    #[arg(long, value_name = "WHERE", value_enum, default_value_t)]
    to: To,
    #[command(flatten)]
    metrics: MetricsArgs,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum To {
    /// The online tables of the views on the source
    #[default]
    Online,
    /// The source's history: one file more in the folder of its batch source
    Offline,
    /// The history, then the online tables
    OnlineAndOffline,
}

impl From<To> for PushTo {
    fn from(to: To) -> Self {
        match to {
            To::Online => Self::Online,
            To::Offline => Self::Offline,
            To::OnlineAndOffline => Self::OnlineAndOffline,
        }
    }
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    block_on(async {
        let frame = read(&args.from).await?;
        let log = workspace.registry()?;
        let provider = match args.to {
            To::Online => workspace.online_provider()?,
            To::Offline => workspace.offline_provider()?,
            To::OnlineAndOffline => workspace.provider()?,
        };
        let store = FeatureStore::new(Applied::of(&log, workspace.applied(&log).await?).await?, provider);
        let report = measured(&workspace, &args.metrics, ui.warner(), async |metrics| {
            Ok(store.with_metrics(metrics).push(&args.source, args.to.into(), frame, clock::now()).await?)
        })
        .await?;
        if let Some(history) = &report.history {
            let (rows, source, part) = (report.rows, &history.source, &history.part);
            ui.message(&format!("data_source.{source}: {rows} rows pushed to {part}"));
        }
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

/// What no ending tells is JSON where it begins like that, else CSV.
async fn read(file: &Path) -> CommandResult<Frame> {
    let is_input = file == Path::new("-");
    if !is_input && TableFormat::of_path(file).is_ok() {
        return Ok(Frame::of_file(read_file_rows(file).await?)?);
    }
    let shown = if is_input { "standard input".to_owned() } else { format!("`{}`", file.display()) };
    let failed =
        |cause: String| CommandError::new(format!("could not read the rows in {shown}")).because(cause);
    let text = if is_input {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        text
    } else {
        read_text(file).map_err(failed)?
    };
    if file.extension().is_some() || text.trim_start().starts_with(['{', '[']) {
        return of_json(&text).map_err(failed);
    }
    let rows = csv_rows(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
    Frame::of_file(rows).map_err(|error| failed(error.chain().join(": ")))
}

fn of_json(text: &str) -> Result<Frame, String> {
    let rows: Entities = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            "it is neither an object of lists nor a list of objects".to_owned()
        }
        _ => format!("it is no JSON: {error}"),
    })?;
    Frame::of_json(rows).map_err(|error| error.chain().join(": "))
}
