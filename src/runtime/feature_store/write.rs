//! Rows from clients into the stores. Online they go to every live table of a view, so that while a new table is filled
//! readers of the old one see them too; the rule of which row wins is the store's, the same as for materialize. What goes
//! to the history of a push source is made in `history`.

use std::sync::Arc;
use std::time::Instant;

use provender_core::encoding::{Cell, EntityKey, PackedRow, RowHeader, RowSchema};
use provender_core::model::{DataSource, FeatureView, Object, Objects, SourceKind, Value, ValueType};
use provender_core::registry::{OnlineTable, Registry, TableId, TableState};
use provender_core::time::{Duration, Timestamp};
use serde::Deserialize;

use super::FeatureStore;
use super::frame::{Frame, FrameColumn};
use super::history::HistoryRows;
use crate::blocking::in_turn;
use crate::feature_request::not_found;
use crate::materialize::newest_table;
use crate::provider::{OnlineRow, WriteMode, WriteOutcome};
use crate::{Error, Result};

/// An event time may be this far ahead of the clock here.
const CLOCK_DIFFERENCE: Duration = Duration::from_seconds(300);

/// Where pushed rows go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushTo {
    /// To the online tables of the views.
    #[default]
    Online,
    /// To the history: the batch source of the push source.
    Offline,
    /// To the history, then to the online tables.
    OnlineAndOffline,
}

impl PushTo {
    const fn is_online(self) -> bool {
        matches!(self, Self::Online | Self::OnlineAndOffline)
    }

    const fn is_offline(self) -> bool {
        matches!(self, Self::Offline | Self::OnlineAndOffline)
    }
}

/// What became of rows that were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Rows of the frame.
    pub rows: usize,
    /// Where they are in the history, if they went there.
    pub history: Option<HistoryReport>,
    /// One for each table that was written.
    pub tables: Vec<TableReport>,
}

/// Rows that are in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryReport {
    /// The data source.
    pub source: String,
    /// The part of it that holds them, such as a file.
    pub part: String,
}

/// What became of them in one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// The view.
    pub view: String,
    /// The table.
    pub table: TableId,
    /// Rows that are stored now, and those that a newer stored row kept out.
    pub outcome: WriteOutcome,
    /// Rows that do not fit an older table, and were left out there.
    pub skipped: usize,
}

impl FeatureStore {
    /// Stores rows for every view on a push source. `now` is the time of arrival. What goes to both sides is in the history
    /// before it is online, so a failure between leaves no row that only serving knows.
    ///
    /// # Errors
    /// `NotFound` for an unknown source; `Invalid` for a source that is no push source or that no view is on that wants
    /// the rows, a frame that lacks a column of one of the views, a value that does not fit, a null key, an event time more
    /// than five minutes ahead, a history that takes no rows. Then nothing is written. `Unavailable` where a store fails;
    /// then some may be written, and the same again does no harm.
    pub async fn push(&self, source: &str, to: PushTo, frame: Frame, now: Timestamp) -> Result<WriteReport> {
        let serving = self.serving.load_full();
        let registry = &serving.definitions.applied().registry;
        let push_source = push_source(source, &registry.objects)?;
        let frame = Arc::new(frame);
        // Both are made before either is written, so that a frame which does not fit is refused whole.
        let history = match to.is_offline() {
            true => Some(HistoryRows::of(source, push_source, &registry.objects, &frame, now).await?),
            false => None,
        };
        let writes = match to.is_online() {
            true => {
                self.online_store()?;
                encode_all(registry, &views_on(source, &registry.objects)?, &frame, now).await?
            }
            false => Vec::new(),
        };
        let mut report = WriteReport { rows: frame.row_count(), ..WriteReport::default() };
        if let Some(history) = history.filter(|_| frame.row_count() > 0) {
            report.history = Some(history.append(self.offline_store()?, now).await?);
            for view in &history.views {
                self.meters.appended(view, frame.row_count());
            }
        }
        self.write_all(writes, report).await
    }

    /// Stores rows for one view. `now` is the time of arrival.
    ///
    /// # Errors
    /// As [`FeatureStore::push`], for a view.
    pub async fn write_to_online_store(
        &self,
        view: &str,
        frame: Frame,
        now: Timestamp,
    ) -> Result<WriteReport> {
        let serving = self.serving.load_full();
        let registry = &serving.definitions.applied().registry;
        let objects = &registry.objects;
        let (name, definition) = objects
            .feature_views()
            .find(|(name, _)| *name == view)
            .ok_or_else(|| not_found("feature view", view, objects.feature_views().map(|(name, _)| name)))?;
        if !definition.online {
            return Err(Error::invalid(format!("feature view `{view}` is not served online"))
                .with_hint("set `online = true` in its block, then apply"));
        }
        let frame = Arc::new(frame);
        let writes = encode_all(registry, &[(name, definition)], &frame, now).await?;
        self.write_all(writes, WriteReport { rows: frame.row_count(), ..WriteReport::default() }).await
    }

    async fn write_all(&self, writes: Vec<ViewWrite>, mut report: WriteReport) -> Result<WriteReport> {
        for (view, Encoded { table, rows, skipped }) in writes {
            let began = Instant::now();
            let outcome = self.online_store()?.write(&table, WriteMode::Newest, rows).await;
            self.meters.write(&outcome, began.elapsed());
            let outcome = outcome.map_err(Error::of_store)?;
            self.meters.pushed(&view, outcome.written, outcome.kept, skipped);
            report.tables.push(TableReport { view, table: table.id, outcome, skipped });
        }
        Ok(report)
    }
}

/// A view's name, and rows for one of its tables.
type ViewWrite = (String, Encoded);

/// Rows for every live table of these views.
async fn encode_all(
    registry: &Registry,
    views: &[(&str, &FeatureView)],
    frame: &Arc<Frame>,
    now: Timestamp,
) -> Result<Vec<ViewWrite>> {
    let mut writes = Vec::new();
    for (name, view) in views {
        let tables = live_tables(registry, name)?;
        let input = ViewInput::of(name, view, &registry.objects)?;
        input.refuse_missing(frame)?;
        let frame = Arc::clone(frame);
        let encoded = in_turn(move || input.encode(&frame, tables, now)).await?;
        writes.extend(encoded.into_iter().map(|encoded| ((*name).to_owned(), encoded)));
    }
    Ok(writes)
}

fn push_source<'a>(source: &str, objects: &'a Objects) -> Result<&'a DataSource> {
    let definition = objects.data_source(source).ok_or_else(|| {
        let is_push = |object: &Object| {
            matches!(object, Object::DataSource(DataSource { kind: SourceKind::Push { .. }, .. }))
        };
        let sources = objects.0.iter().filter(|(_, object)| is_push(object));
        not_found("push source", source, sources.map(|(address, _)| address.name.as_str()))
    })?;
    if !matches!(definition.kind, SourceKind::Push { .. }) {
        return Err(Error::invalid(format!(
            "data source `{source}` is a {} source; rows are pushed to push sources",
            definition.kind.as_str()
        )));
    }
    Ok(definition)
}

/// The views on a push source that are served online.
fn views_on<'a>(source: &str, objects: &'a Objects) -> Result<Vec<(&'a str, &'a FeatureView)>> {
    let views: Vec<_> =
        objects.feature_views().filter(|(_, view)| view.source == source && view.online).collect();
    if views.is_empty() {
        return Err(Error::invalid(format!("no feature view on push source `{source}` is served online"))
            .with_hint("set `online = true` in a view on it, then apply"));
    }
    Ok(views)
}

/// The tables to write, the newest first.
fn live_tables(registry: &Registry, view: &str) -> Result<Vec<OnlineTable>> {
    let newest = newest_table(registry, view).ok_or_else(|| {
        Error::unavailable(format!("feature view `{view}` has no online table yet"))
            .with_hint("`provender apply` creates it")
    })?;
    let of_view = |table: &&OnlineTable| {
        table.view.name == view && table.state == TableState::Live && table.id != newest.id
    };
    Ok(std::iter::once(newest).chain(registry.tables.values().filter(of_view)).cloned().collect())
}

/// What a frame must have for a view.
pub(super) struct ViewInput {
    name: String,
    source: DataSource,
    history: DataSource,
    join_keys: Vec<(String, ValueType)>,
    features: Vec<(String, ValueType)>,
}

/// A column as the view has it now.
pub(super) struct TypedColumn {
    pub(super) name: String,
    pub(super) value_type: ValueType,
    pub(super) values: Vec<Option<Value>>,
}

/// Rows for one table.
struct Encoded {
    table: OnlineTable,
    rows: Vec<OnlineRow>,
    skipped: usize,
}

impl ViewInput {
    pub(super) fn of(name: &str, view: &FeatureView, objects: &Objects) -> Result<Self> {
        let missing = |what: &str| Error::corrupt(format!("feature view `{name}` has {what}"));
        let source = objects.data_source(&view.source);
        let (_, history) = objects.history_of(view).ok_or_else(|| missing("no source of its history"))?;
        let join_keys = objects.join_keys(name).ok_or_else(|| missing("an entity that is not registered"))?;
        Ok(Self {
            name: name.to_owned(),
            source: source.unwrap_or(history).clone(),
            history: history.clone(),
            join_keys: join_keys.into_iter().map(|key| (key.name, key.value_type)).collect(),
            features: view
                .features
                .iter()
                .map(|feature| (feature.name.clone(), feature.value_type.clone()))
                .collect(),
        })
    }

    fn columns(&self) -> impl Iterator<Item = &(String, ValueType)> {
        self.join_keys.iter().chain(&self.features)
    }

    pub(super) fn refuse_missing(&self, frame: &Frame) -> Result<()> {
        let missing = self.columns().filter(|(name, _)| self.find(frame, name).is_none());
        let missing: Vec<String> = missing.map(|(name, _)| format!("`{name}`")).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let has: Vec<String> = frame.names().take(20).map(|name| format!("`{name}`")).collect();
        let error =
            Error::invalid(format!("the frame lacks {} of feature view `{}`", missing.join(", "), self.name));
        Err(if has.is_empty() {
            error.with_hint("it has no column")
        } else {
            error.with_hint(format!("it has {}", has.join(", ")))
        })
    }

    /// A column by the view's name, or by that in its source or in the history.
    fn find<'a>(&self, frame: &'a Frame, name: &str) -> Option<(&'a str, &'a FrameColumn)> {
        frame.column(name, &self.source).or_else(|| frame.column(name, &self.history))
    }

    /// The columns that the view has, from those that were sent. No join key is null.
    pub(super) fn typed(&self, frame: &Frame) -> Result<Vec<TypedColumn>> {
        let mut columns = Vec::new();
        for (name, value_type) in self.columns() {
            let Some((as_sent, column)) = self.find(frame, name) else { continue };
            let values = column.values(as_sent, value_type)?;
            let is_key = self.join_keys.iter().any(|(key, _)| key == name);
            if let Some(row) = values.iter().position(Option::is_none).filter(|_| is_key) {
                return Err(Error::invalid(format!("value {} of join key `{name}` is null", row + 1)));
            }
            columns.push(TypedColumn { name: name.clone(), value_type: value_type.clone(), values });
        }
        Ok(columns)
    }

    /// Rows for each table, the first of which is the newest.
    fn encode(&self, frame: &Frame, tables: Vec<OnlineTable>, now: Timestamp) -> Result<Vec<Encoded>> {
        let headers = headers(frame, &self.source, &self.history, now)?;
        let columns = self.typed(frame)?;
        let encoded = tables.into_iter().map(|table| encode_for(table, &headers, &columns));
        encoded.collect()
    }
}

/// Times of each row. `source` is what it was sent for.
pub(super) fn headers(
    frame: &Frame,
    source: &DataSource,
    history: &DataSource,
    now: Timestamp,
) -> Result<Vec<RowHeader>> {
    let event_times = frame.event_times(source, history)?;
    let created_times = frame.created_times(source, history, now)?;
    let latest = now.saturating_add(CLOCK_DIFFERENCE);
    for (what, times) in [("event", &event_times), ("created", &created_times)] {
        if let Some(row) = times.iter().position(|time| *time > latest) {
            return Err(Error::invalid(format!(
                "the {what} time of row {} is {}, which is more than five minutes ahead",
                row + 1,
                times[row]
            ))
            .with_hint("a row from the future would keep out all that come before it"));
        }
    }
    let times = event_times.into_iter().zip(created_times);
    Ok(times.map(|(event_time, created)| RowHeader { event_time, created_time: Some(created) }).collect())
}

fn encode_for(table: OnlineTable, headers: &[RowHeader], columns: &[TypedColumn]) -> Result<Encoded> {
    let schema = RowSchema::of(&table);
    let find = |name: &str| columns.iter().find(|column| column.name == name);
    let cells: Vec<_> = table.columns.iter().map(|column| (find(&column.name), &column.value_type)).collect();
    let keys: Vec<_> = table.join_keys.iter().map(|key| (find(&key.name), &key.value_type)).collect();
    let (mut rows, mut skipped) = (Vec::with_capacity(headers.len()), 0);
    for (at, header) in headers.iter().enumerate() {
        let key = keys.iter().map(|(column, value_type)| {
            let value = column.and_then(|column| column.values.get(at)?.clone());
            value.and_then(|value| fit(value, value_type))
        });
        let cells = cells.iter().map(|(column, value_type)| match column {
            None => Some(Cell::Absent),
            Some(column) => match column.values.get(at)? {
                None => Some(Cell::Null),
                Some(value) => fit(value.clone(), value_type).map(Cell::Value),
            },
        });
        let (Some(key), Some(cells)) = (key.collect::<Option<Vec<_>>>(), cells.collect::<Option<Vec<_>>>())
        else {
            skipped += 1;
            continue;
        };
        let wrong = |error: &dyn std::fmt::Display| {
            Error::corrupt(format!("online table `{}` cannot take a row: {error}", table.id))
        };
        let key = EntityKey::encode(&key).map_err(|error| wrong(&error))?;
        let row = PackedRow::encode(*header, &schema, &cells).map_err(|error| wrong(&error))?;
        rows.push(OnlineRow { key, row });
    }
    Ok(Encoded { table, rows, skipped })
}

/// A value in the type of an older table, where it can be that.
fn fit(value: Value, value_type: &ValueType) -> Option<Value> {
    if value.has_type(value_type) {
        return Some(value);
    }
    match (value, value_type) {
        (Value::Int64(value), ValueType::Int32) => i32::try_from(value).ok().map(Value::Int32),
        (Value::Float64(value), ValueType::Float32) => crate::columns::to_float32(value).map(Value::Float32),
        (Value::List(values), ValueType::List(element)) => {
            let fitted = values.into_iter().map(|value| match value {
                None => Some(None),
                Some(value) => fit(value, element).map(Some),
            });
            fitted.collect::<Option<Vec<_>>>().map(Value::List)
        }
        (value, wider) => value.widen_to(wider),
    }
}
