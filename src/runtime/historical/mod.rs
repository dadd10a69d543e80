//! Point-in-time training data: for each entity row the values that were known at its time, by the rules of
//! docs/reference/data.md. The history is never sorted, and lies in memory only where it is needed: memory grows with
//! entity rows.

mod arrow_file;
mod frame;
mod frame_keys;
mod join;
mod slots;
mod spine;
#[cfg(test)]
mod tests;
mod ties;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use provender_core::model::{Objects, ValueType};
use provender_core::time::Timestamp;

pub use frame::{EntityFrame, FileRows, Undeclared, csv_rows, read_entity_frame, read_file_rows};
pub use write::{TableFormat, write_result};

use crate::columns;
use crate::feature_request::{ExpressionInput, FeatureRequest, RequestedExpression, ResolvedRequest};
use crate::provider::OfflineStore;
use crate::{Error, ErrorKind, Result};

/// Views whose histories are read side by side.
const VIEWS_AT_ONCE: usize = 2;

/// What training data to make.
#[derive(Clone, Debug)]
pub struct HistoricalRequest {
    /// The features.
    pub features: FeatureRequest,
    /// The rows to find them for.
    pub rows: EntityRows,
    /// Which source rows an entity row may see.
    pub event_time_match: EventTimeMatch,
    /// Only source rows that were written by the entity row's time: their created time is not after it either.
    pub created_before_event_time: bool,
    /// Name results `view__feature`.
    pub full_feature_names: bool,
    /// When it is asked: old names of what moved are answered for a while.
    pub now: Timestamp,
    /// What the result will be written as: a type that it cannot hold is told before anything is read, and it decides
    /// what becomes of a CSV frame's undeclared columns.
    pub output: Option<TableFormat>,
}

/// The rows that features are found for.
#[derive(Clone, Debug)]
pub enum EntityRows {
    /// The rows of a frame.
    Frame(EntityFrame),
    /// The rows of a Parquet, CSV or Arrow file; see [`read_entity_frame`].
    File {
        /// The file.
        path: PathBuf,
        /// Its time column; none: `event_timestamp`, or the only timestamp column.
        time_column: Option<String>,
    },
    /// Every (key, event time) that the views' sources have in this range, both ends included.
    Range {
        /// First event time.
        start: Timestamp,
        /// Last event time.
        end: Timestamp,
    },
}

/// Which event times an entity row may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventTimeMatch {
    /// Those at its time or before.
    #[default]
    AtOrBefore,
    /// Those before its time.
    StrictlyBefore,
}

/// Training data.
#[derive(Clone, Debug)]
pub struct HistoricalResult {
    /// The entity rows in their order with all their columns, then one column for each feature.
    pub batch: RecordBatch,
    /// Source rows without event time that were left out, by view; views without any are not named.
    pub skipped_rows: BTreeMap<String, u64>,
    /// Source rows of a range that have a null join key, and so no entity row; by view, as above.
    pub null_keys: BTreeMap<String, u64>,
}

/// Makes training data.
///
/// # Errors
/// A view, feature, source or column that is not there; a join key that the frame lacks; a value that does not fit its
/// type; two result columns of one name.
pub async fn historical(
    request: &HistoricalRequest,
    objects: &Objects,
    offline: &Arc<dyn OfflineStore>,
) -> Result<HistoricalResult> {
    let resolved = request.features.resolve(objects, request.full_feature_names, request.now)?;
    if request.output == Some(TableFormat::Csv) {
        refuse_lists(&resolved, objects)?;
    }
    let mut skipped_rows = BTreeMap::new();
    let mut null_keys = BTreeMap::new();
    let frame = match &request.rows {
        EntityRows::Frame(frame) => frame.clone(),
        EntityRows::File { path, time_column } => {
            let keys = resolved.views.iter().flat_map(|view| &view.join_keys);
            let keys = keys.map(|(key, name)| (name.clone(), key.value_type.clone()));
            let declared = keys.chain(resolved.fields.clone()).collect();
            // A file with types gets them; text stays as it is written, to the last zero.
            let undeclared = match request.output {
                Some(TableFormat::Parquet | TableFormat::Arrow) => Undeclared::Typed,
                Some(TableFormat::Csv) | None => Undeclared::Text,
            };
            read_entity_frame(path, time_column.as_deref(), declared, undeclared).await?
        }
        EntityRows::Range { .. } if !resolved.fields.is_empty() => {
            let names: Vec<String> = resolved.fields.keys().map(|name| format!("`{name}`")).collect();
            return Err(Error::invalid(format!("the features need request fields: {}", names.join(", ")))
                .with_hint("give an entity frame that has them as columns"));
        }
        EntityRows::Range { start, end } => {
            let (frame, nulls) = spine::of_range(&resolved, objects, offline, *start, *end).await?;
            null_keys = nulls;
            frame
        }
    };
    refuse_collisions(&frame, &resolved, request.full_feature_names)?;
    let mut outputs: Vec<Option<ArrayRef>> = vec![None; resolved.slots];
    let mut slots = Vec::with_capacity(resolved.views.len());
    for (at, view) in resolved.views.iter().enumerate() {
        // Views of the same keys look at the same slots.
        let same = resolved.views[..at].iter().position(|other| other.join_keys == view.join_keys);
        slots.push(match same {
            Some(same) => Arc::clone(&slots[same]),
            None => join::slots_of(&frame, &view.join_keys).await?,
        });
    }
    let joins = resolved
        .views
        .iter()
        .zip(slots)
        .map(|(view, slots)| join::join_view(view, (&frame, slots), request, objects, offline));
    let mut joins = stream::iter(joins.collect::<Vec<_>>()).buffered(VIEWS_AT_ONCE);
    for view in &resolved.views {
        let Some(joined) = joins.try_next().await? else { break };
        for (feature, column) in view.features.iter().zip(joined.columns) {
            outputs[feature.output] = Some(column);
        }
        if joined.skipped > 0 {
            *skipped_rows.entry(view.view.clone()).or_default() += joined.skipped;
        }
    }
    for requested in &resolved.expressions {
        outputs[requested.output] = Some(compute(requested, &frame, &outputs)?);
    }
    outputs.truncate(resolved.outputs.len());
    let batch = assemble(&frame.batch, &resolved.outputs, outputs.into_iter().flatten().collect())?;
    Ok(HistoricalResult { batch, skipped_rows, null_keys })
}

/// A column that is computed from others and from columns of the frame; the same evaluation as online.
fn compute(
    requested: &RequestedExpression,
    frame: &EntityFrame,
    outputs: &[Option<ArrayRef>],
) -> Result<ArrayRef> {
    let inputs = requested.inputs.iter().map(|input| match input {
        ExpressionInput::Slot(slot, value_type) => {
            let column = outputs[*slot].as_ref().ok_or_else(|| {
                Error::new(ErrorKind::Bug, format!("`{}` reads what was not joined", requested.name))
            })?;
            columns::vector(value_type, column)
        }
        ExpressionInput::Field(name, value_type) => {
            let column = frame::only_column(&frame.batch, name)?.ok_or_else(|| {
                Error::invalid(format!(
                    "the entity frame has no column `{name}`, which `{}` needs",
                    requested.name
                ))
                .with_hint(format!("it is a request field of type {value_type}"))
            })?;
            let cast = columns::cast(column, &columns::data_type(value_type))
                .map_err(|error| frame::bad_cell(name, &error))?;
            columns::vector(value_type, &cast)
        }
    });
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let evaluated = requested.expression.evaluate(&inputs, frame.batch.num_rows());
    columns::column(requested.expression.value_type(), &evaluated.values)
}

/// CSV has no lists.
fn refuse_lists(resolved: &ResolvedRequest, objects: &Objects) -> Result<()> {
    let stored = resolved.views.iter().flat_map(|view| {
        let definition = objects.feature_view(&view.view);
        view.features.iter().map(move |feature| {
            let known =
                definition.and_then(|view| view.features.iter().find(|known| known.name == feature.name));
            (feature.output, known.map(|known| &known.value_type))
        })
    });
    let computed =
        resolved.expressions.iter().map(|feature| (feature.output, Some(feature.expression.value_type())));
    let list = stored.chain(computed).find(|(output, value_type)| {
        *output < resolved.outputs.len() && matches!(value_type, Some(ValueType::List(_)))
    });
    match list {
        Some((output, Some(value_type))) => Err(write::no_list_in_csv(&resolved.outputs[output], value_type)),
        _ => Ok(()),
    }
}

fn refuse_collisions(
    frame: &EntityFrame,
    resolved: &ResolvedRequest,
    full_feature_names: bool,
) -> Result<()> {
    let taken = frame.batch.schema();
    match resolved.outputs.iter().find(|output| taken.column_with_name(output).is_some()) {
        None => Ok(()),
        Some(output) => Err(Error::invalid(format!(
            "the entity frame has a column `{output}`, and a feature would have that name too"
        ))
        .with_hint(if full_feature_names {
            "rename the column"
        } else {
            "rename the column, or ask for full feature names (`view__feature`)"
        })),
    }
}

fn assemble(frame: &RecordBatch, outputs: &[String], columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let mut fields: Vec<Arc<Field>> = frame.schema().fields().iter().cloned().collect();
    fields.extend(
        outputs
            .iter()
            .zip(&columns)
            .map(|(name, column)| Arc::new(Field::new(name, column.data_type().clone(), true))),
    );
    let columns = frame.columns().iter().cloned().chain(columns).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::invalid("could not put the result together").with_source(error))
}
