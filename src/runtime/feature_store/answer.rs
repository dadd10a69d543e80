//! From stored rows to values with statuses. The bytes of rows stay as the store gave them; an answer knows where in them
//! each value lies, and its readers (`answer_json`, `OnlineResponse`) take it from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use provender_core::encoding::{CellPlace, PackedRow, RowSchema, decode_value};
use provender_core::expression::Vector;
use provender_core::model::{Value, ValueType};
use provender_core::registry::TableId;
use provender_core::time::Timestamp;

use super::entities::EntityColumns;
use super::plan::{PlannedView, ReadPlan, RowReader, SlotSource};
use super::response::{FieldStatus, OnlineResponse, OnlineResult};
use crate::feature_request::{ExpressionInput, RequestedExpression, RequestedView};
use crate::{Error, ErrorKind, Result};

/// Schemas of rows that are not their table's current one.
pub(super) type OtherSchemas = BTreeMap<(TableId, u32), Arc<RowSchema>>;

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub(super) plan: Arc<ReadPlan>,
    pub(super) entities: EntityColumns,
    pub(super) views: Vec<ViewRows>,
    /// One for each expression of the plan.
    pub(super) computed: Vec<OnlineResult>,
}

/// What was found for one view.
#[derive(Debug, Default)]
pub(super) struct ViewRows {
    /// The rows of the keys that were asked for.
    rows: Vec<Option<PackedRow>>,
    /// How each entity row is read: its row's position in `rows`, and its reader's in `readers`.
    found: Vec<Option<(u32, u32)>>,
    readers: Vec<Arc<RowReader>>,
    /// Event time of each entity row.
    pub(super) event_times: Vec<Timestamp>,
    /// Feature by feature, each with one cell for each entity row.
    cells: Vec<AnswerCell>,
}

/// What is known about one value, and where it lies in its row.
#[derive(Clone, Copy, Debug)]
struct AnswerCell {
    status: FieldStatus,
    start: u32,
    end: u32,
}

/// A value as an answer has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueBytes<'a> {
    /// Encoded bytes of a value of this type.
    Encoded(&'a [u8], &'a ValueType),
    /// Encoded bytes of a narrower type, and the type that it is answered in.
    Narrower(&'a [u8], &'a ValueType, &'a ValueType),
}

impl ValueBytes<'_> {
    pub(super) fn decode(self) -> Option<Value> {
        match self {
            Self::Encoded(bytes, value_type) => decode_value(bytes, value_type),
            Self::Narrower(bytes, stored, wanted) => decode_value(bytes, stored)?.widen_to(wanted),
        }
    }
}

const NOT_FOUND: AnswerCell = AnswerCell { status: FieldStatus::NotFound, start: 0, end: 0 };

impl ViewRows {
    /// Looks at the rows that the store gave for a view's keys.
    pub(super) fn of(
        planned: &PlannedView,
        requested: &RequestedView,
        positions: &[Option<usize>],
        rows: Vec<Option<PackedRow>>,
        schemas: &OtherSchemas,
        now: Timestamp,
    ) -> Result<Self> {
        let (features, count) = (requested.features.len(), positions.len());
        let mut view = Self {
            rows,
            found: Vec::with_capacity(count),
            readers: planned.reader.iter().cloned().collect(),
            event_times: Vec::with_capacity(count),
            cells: vec![NOT_FOUND; features * count],
        };
        let oldest = planned.oldest(now);
        let mut places = Vec::new();
        for (at, position) in positions.iter().enumerate() {
            let row = position.and_then(|position| Some((position, view.rows.get(position)?.as_ref()?)));
            let Some((position, row)) = row.filter(|_| planned.table.is_some()) else {
                view.found.push(None);
                view.event_times.push(Timestamp::EPOCH);
                continue;
            };
            let reader = match view.readers.iter().position(|known| known.stored.id == row.schema_id()) {
                Some(known) => known,
                None => {
                    let reader = other_reader(planned, requested, schemas, row.schema_id())?;
                    view.readers.push(Arc::new(reader));
                    view.readers.len() - 1
                }
            };
            let event_time = row.header().event_time;
            read_cells(row, &view.readers[reader], &mut places, event_time < oldest, |feature, cell| {
                view.cells[feature * count + at] = cell;
            })
            .map_err(|error| unreadable(planned, error))?;
            view.found.push(Some((index(position), index(reader))));
            view.event_times.push(event_time);
        }
        Ok(view)
    }

    pub(super) fn status(&self, feature: usize, row: usize) -> FieldStatus {
        self.cell(feature, row).status
    }

    fn cell(&self, feature: usize, row: usize) -> AnswerCell {
        self.cells.get(feature * self.found.len() + row).copied().unwrap_or(NOT_FOUND)
    }

    /// Event time of a value; the epoch where nothing was found.
    pub(super) fn event_time(&self, feature: usize, row: usize) -> Timestamp {
        match self.status(feature, row) {
            FieldStatus::NotFound => Timestamp::EPOCH,
            _ => self.event_times.get(row).copied().unwrap_or(Timestamp::EPOCH),
        }
    }

    /// The bytes of a value; none where the status says that there is none.
    pub(super) fn value(&self, feature: usize, row: usize) -> Option<ValueBytes<'_>> {
        let cell = self.cell(feature, row);
        if cell.status != FieldStatus::Present {
            return None;
        }
        let (position, reader) = (*self.found.get(row)?)?;
        let stored = self.rows.get(position as usize)?.as_ref()?;
        let bytes = stored.as_bytes().get(cell.start as usize..cell.end as usize)?;
        let column = self.readers.get(reader as usize)?.features.get(feature)?;
        Some(match &column.narrower {
            None => ValueBytes::Encoded(bytes, &column.value_type),
            Some(narrower) => ValueBytes::Narrower(bytes, narrower, &column.value_type),
        })
    }

    fn result(&self, feature: usize) -> OnlineResult {
        let rows = self.found.len();
        let mut result = OnlineResult::with_capacity(rows);
        for row in 0..rows {
            let value = self.value(feature, row).and_then(ValueBytes::decode);
            result.push(value, self.status(feature, row), self.event_time(feature, row));
        }
        result
    }
}

/// Rows of a request are counted in 32 bits: more than that does not fit into any body.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Tells the cell of each requested feature.
fn read_cells(
    row: &PackedRow,
    reader: &RowReader,
    places: &mut Vec<CellPlace>,
    is_too_old: bool,
    mut tell: impl FnMut(usize, AnswerCell),
) -> Result<()> {
    row.places(&reader.stored, places).map_err(|error| Error::corrupt(error.to_string()))?;
    for (feature, column) in reader.features.iter().enumerate() {
        let place = column.position.and_then(|at| places.get(at).copied()).unwrap_or(CellPlace::Absent);
        let status = match place {
            CellPlace::Absent => continue,
            _ if is_too_old => FieldStatus::OutsideMaxAge,
            CellPlace::Null => FieldStatus::NullValue,
            CellPlace::Value { .. } => FieldStatus::Present,
        };
        let (start, end) = if let CellPlace::Value { start, end } = place { (start, end) } else { (0, 0) };
        if let Some(narrower) = column.narrower.as_ref().filter(|_| status == FieldStatus::Present)
            && !narrower.widens_to(&column.value_type)
        {
            return Err(Error::corrupt(format!(
                "a column is stored as {narrower}, which does not widen to {}",
                column.value_type
            )));
        }
        tell(feature, AnswerCell { status, start, end });
    }
    Ok(())
}

fn other_reader(
    planned: &PlannedView,
    requested: &RequestedView,
    schemas: &OtherSchemas,
    schema_id: u32,
) -> Result<RowReader> {
    let known = planned.table.as_ref().and_then(|table| {
        let schema = schemas.get(&(table.id.clone(), schema_id))?;
        Some(RowReader::of(table, requested, schema.as_ref().clone()))
    });
    known.ok_or_else(|| Error::new(ErrorKind::Bug, "the schema of a stored row was not read"))
}

fn unreadable(planned: &PlannedView, error: Error) -> Error {
    let table = planned.table.as_ref().map(|table| table.id.to_string()).unwrap_or_default();
    error.context(format!("a stored row of online table `{table}` cannot be read"))
}

impl Answer {
    /// Puts an answer together: computes what is computed.
    pub(super) fn of(plan: Arc<ReadPlan>, entities: EntityColumns, views: Vec<ViewRows>) -> Result<Self> {
        let mut answer =
            Self { computed: Vec::with_capacity(plan.resolved.expressions.len()), plan, entities, views };
        let plan = answer.plan.clone();
        for requested in &plan.resolved.expressions {
            let computed = answer.compute(requested)?;
            answer.computed.push(computed);
        }
        Ok(answer)
    }

    /// The statuses of the features, feature by feature, for figures about them.
    pub fn statuses(&self) -> impl Iterator<Item = (&str, FieldStatus)> {
        let views = self.plan.resolved.views.iter().zip(&self.views);
        views.flat_map(|(requested, rows)| {
            rows.cells.iter().map(|cell| (requested.view.as_str(), cell.status))
        })
    }

    /// One column of the answer.
    pub(super) fn result(&self, slot: usize) -> OnlineResult {
        match self.plan.slots.get(slot) {
            Some(SlotSource::Stored(view, feature)) => {
                self.views.get(*view).map(|view| view.result(*feature)).unwrap_or_default()
            }
            Some(SlotSource::Computed(at)) => self.computed.get(*at).cloned().unwrap_or_default(),
            None => OnlineResult::default(),
        }
    }

    /// The answer as values.
    pub fn response(&self) -> OnlineResponse {
        let mut response = OnlineResponse::default();
        for (name, values) in self.entities.join_keys(&self.plan.resolved.fields) {
            response.names.push(name.clone());
            response.results.push(OnlineResult::of_join_key(values.clone()));
        }
        response.names.extend_from_slice(&self.plan.resolved.outputs);
        response.results.extend((0..self.plan.resolved.outputs.len()).map(|slot| self.result(slot)));
        response
    }

    /// The values of an expression. A null takes the worst status of its inputs, and every value the latest event time.
    fn compute(&self, requested: &RequestedExpression) -> Result<OnlineResult> {
        let rows = self.entities.row_count();
        let mut read: Vec<OnlineResult> = Vec::new();
        let columns = requested.inputs.iter().map(|input| match input {
            ExpressionInput::Slot(slot, value_type) => {
                let input = self.result(*slot);
                let values = input.values.iter().map(|value| {
                    // A column that another process widened is as wide as it is stored.
                    value.clone().filter(|value| value.has_type(value_type))
                });
                let vector = Vector::of_values(value_type, values);
                read.push(input);
                Ok(vector)
            }
            ExpressionInput::Field(name, value_type) => {
                let values = self.entities.column(name).ok_or_else(|| {
                    Error::new(ErrorKind::Bug, format!("the request field `{name}` was not read"))
                })?;
                Ok(Vector::of_values(value_type, values.iter().cloned()))
            }
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let evaluated = requested.expression.evaluate(&columns, rows);
        let mut result = OnlineResult::with_capacity(rows);
        for (row, value) in evaluated.values.into_iter().enumerate() {
            let event_time =
                read.iter().map(|input| input.event_timestamps[row]).max().unwrap_or(Timestamp::EPOCH);
            let status = match value {
                Some(_) => FieldStatus::Present,
                None => read
                    .iter()
                    .map(|input| input.statuses[row])
                    .max_by_key(|status| severity(*status))
                    .filter(|status| *status != FieldStatus::Present)
                    .unwrap_or(FieldStatus::NullValue),
            };
            result.push(value, status, event_time);
        }
        Ok(result)
    }
}

/// Which status says more about why there is no value.
const fn severity(status: FieldStatus) -> u8 {
    match status {
        FieldStatus::Present => 0,
        FieldStatus::NullValue => 1,
        FieldStatus::OutsideMaxAge => 2,
        FieldStatus::NotFound => 3,
    }
}
