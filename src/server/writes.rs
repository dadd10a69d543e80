//! The four write routes: what they do, apart from how they are called.

use std::collections::BTreeMap;
use std::sync::Arc;

use provender_core::registry::Author;
use provender_core::time::{Timestamp, TimestampError};
use provender_runtime::clock::Clock;
use provender_runtime::feature_store::{Frame, PushTo, WriteReport};
use provender_runtime::materialize::{
    MaterializeJob, MaterializeKind, MaterializeReport, ViewOutcome, materialize,
};
use provender_runtime::metrics::Recorder;
use provender_runtime::provider::Provider;
use provender_runtime::registry::{RegistryLog, random_id};
use provender_runtime::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};

use crate::meters::Endpoint;
use crate::refusal::{Code, Refusal};
use crate::service::{Service, invalid};

/// What writing needs.
#[derive(Debug)]
pub(crate) struct Writes {
    pub(crate) log: RegistryLog,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) author: Author,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told when a table may have begun to serve.
    pub(crate) changed: Arc<Notify>,
    /// One materialization at a time.
    pub(crate) running: Arc<Mutex<()>>,
    pub(crate) metrics: Recorder,
    /// Where materializations run: they would hold up the connections of an event loop.
    pub(crate) runtime: Handle,
}

/// `POST /push` and `POST /write-to-online-store`: rows for the views on a source, or for one view.
#[derive(Deserialize)]
pub(crate) struct RowsRequest {
    #[serde(default)]
    push_source_name: Option<String>,
    #[serde(default)]
    feature_view_name: Option<String>,
    df: BTreeMap<String, Vec<Json>>,
    #[serde(default)]
    to: Option<PushTo>,
}

/// `POST /materialize` and `/materialize-incremental`
#[derive(Deserialize)]
pub(crate) struct MaterializeRequest {
    #[serde(default)]
    start_ts: Option<String>,
    #[serde(default)]
    end_ts: Option<String>,
    #[serde(default)]
    feature_views: Option<Vec<String>>,
}

/// What became of written rows, by view.
#[derive(Serialize)]
pub(crate) struct Written {
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<WrittenHistory>,
    tables: Vec<WrittenTable>,
}

#[derive(Serialize)]
struct WrittenHistory {
    data_source: String,
    part: String,
}

#[derive(Serialize)]
struct WrittenTable {
    feature_view: String,
    table: String,
    written: u64,
    kept: u64,
    skipped: usize,
}

/// What became of a materialization, by view.
#[derive(Debug, Serialize)]
pub(crate) struct Materialized {
    feature_views: Vec<MaterializedView>,
}

#[derive(Debug, Serialize)]
struct MaterializedView {
    feature_view: String,
    table: String,
    rows_read: u64,
    rows_written: u64,
}

impl RowsRequest {
    pub(crate) async fn run(self, service: &Service, endpoint: Endpoint) -> Result<Written, Refusal> {
        let frame = Frame::of_columns(self.df)?;
        service.meters.rows(endpoint, frame.row_count());
        service.refuse_many_rows(frame.row_count())?;
        let (store, now) = (&service.store, service.clock.now());
        let report = match endpoint {
            Endpoint::Push => {
                let source = given("push_source_name", self.push_source_name)?;
                store.push(&source, self.to.unwrap_or_default(), frame, now).await?
            }
            _ => {
                let view = given("feature_view_name", self.feature_view_name)?;
                store.write_to_online_store(&view, frame, now).await?
            }
        };
        Ok(Written::of(report))
    }
}

fn given(name: &str, value: Option<String>) -> Result<String, Refusal> {
    value.ok_or_else(|| invalid(format!("`{name}` is missing")))
}

/// Why some views were not loaded, and which were. A source or store that cannot be read is nothing that the request did wrong.
fn not_loaded(failed: Vec<(String, Error)>, loaded: &[MaterializedView]) -> Refusal {
    let mut help: Vec<String> = failed.iter().flat_map(|(_, error)| error.hints()).cloned().collect();
    let why = failed.into_iter().map(|(view, error)| {
        let error = if error.kind() == ErrorKind::Conflict { error } else { error.of_store() };
        Refusal::from(error.context(format!("feature view `{view}` was not loaded")))
    });
    let why: Vec<Refusal> = why.collect();
    let messages: Vec<&str> = why.iter().map(Refusal::message).collect();
    // What is wrong with this program is worse than what it stands on, and that is worse than a bad moment.
    let code = |wanted| why.iter().map(|refusal| refusal.code).find(|code| *code == wanted);
    let code = code(Code::Internal).or(code(Code::Unavailable)).unwrap_or(Code::Conflict);
    let refusal = Refusal::new(code, messages.join("; "));
    let names: Vec<String> = loaded.iter().map(|view| format!("`{}`", view.feature_view)).collect();
    if !names.is_empty() {
        help.push(format!("loaded: {}", names.join(", ")));
    }
    if help.is_empty() { refusal } else { refusal.with_help(help.join("; ")) }
}

impl Written {
    fn of(report: WriteReport) -> Self {
        let tables = report.tables.into_iter().map(|table| WrittenTable {
            feature_view: table.view,
            table: table.table.to_string(),
            written: table.outcome.written,
            kept: table.outcome.kept,
            skipped: table.skipped,
        });
        let history =
            report.history.map(|history| WrittenHistory { data_source: history.source, part: history.part });
        Self { rows: report.rows, history, tables: tables.collect() }
    }
}

impl MaterializeRequest {
    /// The range of `/materialize`.
    pub(crate) fn range(&self) -> Result<MaterializeKind, Refusal> {
        let time = |name, text: &Option<String>| match text {
            Some(text) => instant(name, text),
            None => Err(invalid(format!("`{name}` is missing")).with_help("give `start_ts` and `end_ts`")),
        };
        Ok(MaterializeKind::Range {
            start: time("start_ts", &self.start_ts)?,
            end: time("end_ts", &self.end_ts)?,
        })
    }

    /// The end of `/materialize-incremental`.
    pub(crate) fn incremental(&self) -> Result<MaterializeKind, Refusal> {
        let end = self.end_ts.as_ref().map(|text| instant("end_ts", text)).transpose()?;
        Ok(MaterializeKind::Incremental { end })
    }
}

fn instant(name: &str, text: &str) -> Result<Timestamp, Refusal> {
    text.parse().map_err(|error: TimestampError| {
        invalid(format!("`{name}` is no time that can be used: {error}"))
            .with_help("write a time such as `2026-11-25T08:00:00Z`")
    })
}

impl Writes {
    /// Loads values. It goes on to its end when the client is gone: what is half loaded would be loaded again.
    pub(crate) async fn materialize(
        &self,
        request: MaterializeRequest,
        kind: MaterializeKind,
    ) -> Result<Materialized, Refusal> {
        let Ok(turn) = self.running.clone().try_lock_owned() else {
            return Err(Refusal::new(Code::Conflict, "another materialization is running on this server"));
        };
        let job = MaterializeJob {
            views: request.feature_views.unwrap_or_default(),
            kind,
            allow_future: false,
            dry_run: false,
            lookback: None,
            job_id: random_id(),
            by: self.author.clone(),
            now: self.clock.now(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        };
        let (log, provider, changed) = (self.log.clone(), self.provider.clone(), self.changed.clone());
        let run = self.runtime.spawn(async move {
            let _turn = turn;
            let state = log.state().await?;
            let report =
                materialize(&job, &state, &log.ledger(), provider.as_ref(), &(Arc::new(|_| {}) as _)).await;
            changed.notify_one();
            report
        });
        let report = run.await.map_err(|_| Refusal::new(Code::Internal, "a materialization broke off"))??;
        Materialized::of(report)
    }
}

impl Materialized {
    fn of(report: MaterializeReport) -> Result<Self, Refusal> {
        let (mut feature_views, mut failed) = (Vec::new(), Vec::new());
        for view in report.views {
            let (rows_read, rows_written) = match view.outcome {
                ViewOutcome::Loaded(loaded) => (loaded.rows_read, loaded.rows_written),
                ViewOutcome::Nothing { .. } => (0, 0),
                ViewOutcome::Failed(error) => {
                    failed.push((view.view, error));
                    continue;
                }
            };
            let table = view.table.to_string();
            feature_views.push(MaterializedView { feature_view: view.view, table, rows_read, rows_written });
        }
        if failed.is_empty() { Ok(Self { feature_views }) } else { Err(not_loaded(failed, &feature_views)) }
    }
}

#[cfg(test)]
mod tests {
    use provender_core::registry::TableId;
    use provender_runtime::materialize::{LoadedView, ViewReport};

    use super::*;

    fn report(outcomes: Vec<(&str, ViewOutcome)>) -> MaterializeReport {
        let view = |(view, outcome): (&str, ViewOutcome)| {
            let table = TableId::planned(view).resolve(1);
            ViewReport { view: view.to_owned(), table, outcome }
        };
        MaterializeReport { views: outcomes.into_iter().map(view).collect() }
    }

    #[test]
    fn a_source_that_cannot_be_read_is_no_fault_of_the_request_and_what_was_loaded_is_told() {
        let loaded = || ViewOutcome::Loaded(LoadedView { rows_written: 7, ..LoadedView::default() });
        let all = Materialized::of(report(vec![("a", loaded()), ("b", loaded())])).unwrap();
        assert_eq!(all.feature_views.len(), 2);
        for (error, code) in [
            (Error::invalid("`a.parquet` is no Parquet file").with_hint("write it again"), Code::Unavailable),
            (Error::new(ErrorKind::NotFound, "there is no file `a.parquet`"), Code::Unavailable),
            (Error::conflict("`a.parquet` was changed"), Code::Conflict),
            (Error::corrupt("a ledger is damaged"), Code::Internal),
        ] {
            let (message, hints) = (error.to_string(), error.hints().to_vec());
            let refusal = Materialized::of(report(vec![("a", ViewOutcome::Failed(error)), ("b", loaded())]))
                .unwrap_err();
            assert_eq!(refusal.code, code);
            assert_eq!(refusal.message(), format!("feature view `a` was not loaded: {message}"));
            let shown = format!("{refusal:?}");
            assert!(
                shown.contains("loaded: `b`") && hints.iter().all(|hint| shown.contains(hint)),
                "{shown}"
            );
        }
        let both = [("a", Error::conflict("x")), ("b", Error::invalid("y"))];
        let both = both.map(|(view, error)| (view, ViewOutcome::Failed(error)));
        let both = Materialized::of(report(both.into())).unwrap_err();
        assert_eq!(both.code, Code::Unavailable);
        assert!(both.message().contains("`a`") && both.message().contains("`b`"), "{both:?}");
    }
}
