//! Pushed rows as rows of a history: one batch with the columns of every view that reads the source, since a row without
//! one of them would be read as that view's values too.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use provender_core::model::{DataSource, Objects};
use provender_core::time::Timestamp;

use super::frame::Frame;
use super::write::{HistoryReport, TypedColumn, ViewInput, headers};
use crate::blocking::on_blocking_thread;
use crate::columns::{self, castable};
use crate::provider::{CREATED_TIME, EVENT_TIME, OfflineStore};
use crate::{Error, ErrorKind, Result};

/// Rows for the history of a push source.
pub(super) struct HistoryRows {
    name: String,
    history: DataSource,
    /// The views that read it.
    pub(super) views: Vec<String>,
    rows: RecordBatch,
}

impl HistoryRows {
    /// The rows of a frame that was sent for the push source `source`.
    pub(super) async fn of(
        source: &str,
        push_source: &DataSource,
        objects: &Objects,
        frame: &Arc<Frame>,
        now: Timestamp,
    ) -> Result<Self> {
        let name = push_source.batch_source().unwrap_or_default();
        let history = objects
            .data_source(name)
            .ok_or_else(|| Error::corrupt(format!("push source `{source}` has no source of its history")))?;
        let (mut views, mut inputs) = (Vec::new(), Vec::new());
        for (view, definition) in objects.feature_views() {
            if objects.history_of(definition).is_none_or(|(history, _)| history != name) {
                continue;
            }
            let input = ViewInput::of(view, definition, objects)?;
            input.refuse_missing(frame).map_err(|error| {
                error.with_hint(format!(
                    "rows of data source `{name}` need the columns of every view that reads it"
                ))
            })?;
            views.push(view.to_owned());
            inputs.push(input);
        }
        if inputs.is_empty() {
            return Err(Error::invalid(format!(
                "no feature view reads data source `{name}`, so its columns have no types"
            ))
            .with_hint(format!("define a view on push source `{source}`, then apply")));
        }
        let (push_source, of_history, frame) = (push_source.clone(), history.clone(), Arc::clone(frame));
        let rows = on_blocking_thread(move || batch(&inputs, &push_source, &of_history, &frame, now)).await?;
        Ok(Self { name: name.to_owned(), history: history.clone(), views, rows })
    }

    /// Adds the rows.
    pub(super) async fn append(&self, store: &dyn OfflineStore, now: Timestamp) -> Result<HistoryReport> {
        let part = store.append(&self.history, self.rows.clone(), now).await.map_err(|error| {
            let error = error.context(format!("the rows were not added to data source `{}`", self.name));
            // Files that are gone are nothing that the rows did wrong; values that they cannot hold are.
            if error.kind() == ErrorKind::NotFound { error.of_store() } else { error }
        })?;
        Ok(HistoryReport { source: self.name.clone(), part })
    }
}

/// A batch as scans of the history give it.
fn batch(
    inputs: &[ViewInput],
    push_source: &DataSource,
    history: &DataSource,
    frame: &Frame,
    now: Timestamp,
) -> Result<RecordBatch> {
    let headers = headers(frame, push_source, history, now)?;
    let mut typed: BTreeMap<String, TypedColumn> = BTreeMap::new();
    for column in
        inputs.iter().map(|input| input.typed(frame)).collect::<Result<Vec<_>>>()?.into_iter().flatten()
    {
        let name = history.column_of(&column.name).to_owned();
        match typed.get(&name) {
            Some(known) if becomes(known, &column) => {}
            Some(known) if !becomes(&column, known) => {
                return Err(Error::invalid(format!(
                    "`{}` is a {} in one view and a {} in another, and no value is both",
                    column.name, known.value_type, column.value_type
                )));
            }
            _ => drop(typed.insert(name, column)),
        }
    }
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for column in typed.values() {
        fields.push(columns::field(&column.name, &column.value_type));
        arrays.push(columns::column(&column.value_type, &column.values)?);
    }
    let event_times = headers.iter().map(|header| header.event_time.as_nanos());
    let created_times = headers.iter().map(|header| header.created_time.map(Timestamp::as_nanos));
    fields.push(Field::new(EVENT_TIME, DataType::Int64, false));
    arrays.push(Arc::new(Int64Array::from_iter_values(event_times)) as ArrayRef);
    fields.push(Field::new(CREATED_TIME, DataType::Int64, true));
    arrays.push(Arc::new(created_times.collect::<Int64Array>()));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| {
        Error::new(ErrorKind::Bug, "columns of a frame do not fit together").with_source(error)
    })
}

/// Whether a reader of the other column's type can read this one.
fn becomes(column: &TypedColumn, other: &TypedColumn) -> bool {
    castable(&columns::data_type(&column.value_type), &columns::data_type(&other.value_type))
}
