//! `provender get-historical-features`: point-in-time training data.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::ArgGroup;
use provender_core::model::{Object, Objects};
use provender_core::time::Timestamp;
use provender_runtime::historical::{
    EntityRows, EventTimeMatch, HistoricalRequest, TableFormat, historical, write_result,
};
use provender_runtime::provider::OfflineStore;

use crate::arguments::GlobalArguments;
use crate::clock;
use crate::commands::get_online_features::FeatureArgs;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::Workspace;

/// Rows of a table for people; `--output` writes all of them.
const ROWS_SHOWN: usize = 40;

/// Make point-in-time training data
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("rows").args(["entities", "start"]).required(true)))]
pub(crate) struct Args {
    /// Entity rows: a Parquet, CSV or Arrow file with join keys and an event time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["start", "end"])]
    entities: Option<PathBuf>,
    /// The time column of the entity rows; default `event_timestamp`, or the only timestamp column
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["start", "end"])]
    event_timestamp_column: Option<String>,
    /// Without entity rows: every (key, event time) of the views from this time on
    #[arg(long, value_name = "TIME", requires = "end")]
    start: Option<Timestamp>,
    /// … up to this time
    #[arg(long, value_name = "TIME", requires = "start")]
    end: Option<Timestamp>,
    #[command(flatten)]
    features: FeatureArgs,
    /// Write the result to a file that ends with .parquet, .csv or .arrow, instead of printing a table
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which event times a row may see
    #[arg(long, value_enum, default_value_t)]
    event_time_match: Match,
    /// Only source rows that had been written by the time of the entity row
    #[arg(long)]
    created_before_event_time: bool,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Match {
    /// At the row's time or before
    #[default]
    AtOrBefore,
    /// Before the row's time
    #[value(alias = "strictly_before")]
    StrictlyBefore,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    block_on(async {
        let format = args.output.as_deref().map(TableFormat::of_path).transpose()?;
        let request = request(args, format)?;
        let state = workspace.applied(&workspace.registry()?).await?;
        let provider = workspace.offline_provider()?;
        let offline = provider.offline().ok_or_else(|| {
            CommandError::new("this project has no offline store")
                .with_hint("set `offline_store` in feature_store.yaml")
        })?;
        if let Some(path) = &args.output {
            refuse_output(path, args.entities.as_deref(), &state.objects, offline.as_ref())?;
        }
        let result = historical(&request, &state.objects, &offline).await?;
        for (skipped, why) in
            [(&result.skipped_rows, "no event time"), (&result.null_keys, "a null join key")]
        {
            for (view, rows) in skipped {
                ui.warning(&format!(
                    "{rows} source rows of feature_view.{view} have {why} and were left out"
                ));
            }
        }
        match (&args.output, format) {
            (Some(path), Some(format)) => {
                write_result(&result.batch, path, format).await?;
                ui.message(&format!("Wrote {} rows to {}.", result.batch.num_rows(), path.display()));
            }
            _ => show(ui, &result.batch)?,
        }
        Ok(Exit::Done)
    })
}

fn request(args: &Args, output: Option<TableFormat>) -> CommandResult<HistoricalRequest> {
    let rows = match (&args.entities, args.start, args.end) {
        (Some(path), _, _) => {
            EntityRows::File { path: path.clone(), time_column: args.event_timestamp_column.clone() }
        }
        (None, Some(start), Some(end)) => EntityRows::Range { start, end },
        _ => return Err(CommandError::new("neither `--entities` nor `--start` and `--end` were given")),
    };
    Ok(HistoricalRequest {
        features: args.features.request()?,
        rows,
        event_time_match: match args.event_time_match {
            Match::AtOrBefore => EventTimeMatch::AtOrBefore,
            Match::StrictlyBefore => EventTimeMatch::StrictlyBefore,
        },
        created_before_event_time: args.created_before_event_time,
        full_feature_names: args.features.full_feature_names,
        now: clock::now(),
        output,
    })
}

/// Refuses, before anything is read, a file that could not be written, that a source would read, or that holds the entity
/// rows.
fn refuse_output(
    path: &Path,
    entities: Option<&Path>,
    objects: &Objects,
    offline: &dyn OfflineStore,
) -> CommandResult<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let no_output = || CommandError::new(format!("could not write `{}`", path.display()));
    if !folder.is_dir() {
        return Err(no_output()
            .because(format!("there is no folder `{}`", folder.display()))
            .with_hint("create it first"));
    }
    if path.is_dir() {
        return Err(no_output().because("it is a folder").with_hint("name a file in it"));
    }
    let real = |path: &Path| path.canonicalize().ok();
    if entities.and_then(real).is_some_and(|entities| real(path) == Some(entities)) {
        return Err(no_output()
            .because("it holds the entity rows")
            .with_hint("write the result to another file: the same command finds the rows again"));
    }
    for (address, object) in &objects.0 {
        if let Object::DataSource(source) = object
            && offline.reads(source, path)?
        {
            return Err(no_output()
                .because(format!("it is, or would be, a part of {address}"))
                .with_hint("write the result where no source reads it"));
        }
    }
    Ok(())
}

fn show(ui: &Ui, batch: &RecordBatch) -> CommandResult<()> {
    let failed = |error| CommandError::new("could not print the result").because(error);
    let options = FormatOptions::default().with_null("null");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let shown = if ui.data_is_for_people() { batch.num_rows().min(ROWS_SHOWN) } else { batch.num_rows() };
    let header = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let rows = (0..shown).map(|row| columns.iter().map(|column| column.value(row).to_string()).collect());
    ui.columns(header, rows);
    if shown < batch.num_rows() {
        ui.message(&format!("({} more rows; `--output FILE` writes all)", batch.num_rows() - shown));
    }
    Ok(())
}
