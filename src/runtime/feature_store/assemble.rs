//! From stored rows to values with statuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use provender_core::encoding::{Cell, PackedRow, RowSchema};
use provender_core::expression::Vector;
use provender_core::model::ValueType;
use provender_core::registry::{ColumnId, OnlineTable, TableId};
use provender_core::time::{Duration, Timestamp};

use super::Lookup;
use super::entities::EntityColumns;
use super::response::{FieldStatus, OnlineResponse, OnlineResult};
use super::serving::Serving;
use crate::feature_request::{ExpressionInput, RequestedExpression, RequestedView, ResolvedRequest};
use crate::{Error, ErrorKind, Result};

/// Everything that an answer is made of.
pub(super) struct Assembly {
    pub(super) now: Timestamp,
    pub(super) resolved: ResolvedRequest,
    pub(super) entities: EntityColumns,
    pub(super) lookups: Vec<Lookup>,
    /// Rows of each lookup, one for each of its keys.
    pub(super) rows: Vec<Vec<Option<PackedRow>>>,
    /// Schemas of rows that are not their table's current one.
    pub(super) schemas: BTreeMap<(TableId, u32), Arc<RowSchema>>,
    pub(super) serving: Arc<Serving>,
}

impl Assembly {
    pub(super) fn value_count(&self) -> usize {
        self.entities.row_count() * self.resolved.outputs.len()
    }

    pub(super) fn response(self) -> Result<OnlineResponse> {
        let mut features = vec![OnlineResult::with_capacity(self.entities.row_count()); self.resolved.slots];
        for ((view, lookup), rows) in self.resolved.views.iter().zip(&self.lookups).zip(&self.rows) {
            self.add_view(view, lookup, rows, &mut features)?;
        }
        for requested in &self.resolved.expressions {
            features[requested.output] = self.compute(requested, &features)?;
        }
        features.truncate(self.resolved.outputs.len());
        let mut response = OnlineResponse::default();
        for (name, values) in self.entities.join_keys(&self.resolved.fields) {
            response.names.push(name.clone());
            response.results.push(OnlineResult::of_join_key(values.clone()));
        }
        response.names.extend(self.resolved.outputs);
        response.results.extend(features);
        Ok(response)
    }

    /// The values of an expression. A null takes the worst status of its inputs, and every value the latest event time.
    fn compute(&self, requested: &RequestedExpression, features: &[OnlineResult]) -> Result<OnlineResult> {
        let rows = self.entities.row_count();
        let mut read: Vec<&OnlineResult> = Vec::new();
        let columns = requested.inputs.iter().map(|input| match input {
            ExpressionInput::Slot(slot, value_type) => {
                read.push(&features[*slot]);
                let values = features[*slot].values.iter().map(|value| {
                    // A column that another process widened is as wide as it is stored.
                    value.clone().filter(|value| value.has_type(value_type))
                });
                Ok(Vector::of_values(value_type, values))
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

    fn add_view(
        &self,
        view: &RequestedView,
        lookup: &Lookup,
        rows: &[Option<PackedRow>],
        features: &mut [OnlineResult],
    ) -> Result<()> {
        let definition = self.serving.objects().feature_view(&view.view);
        let ttl = definition.map_or(Duration::ZERO, |view| view.effective_online_ttl());
        // The bound is inclusive: a row exactly `ttl` old is served.
        let oldest = if ttl.is_zero() { Timestamp::MIN } else { self.now.saturating_sub(ttl) };
        let mut readers = Readers { schemas: &self.schemas, by_schema: BTreeMap::new() };
        for position in &lookup.positions {
            let row = position.and_then(|position| rows.get(position)?.as_ref());
            let (Some(row), Some(table)) = (row, &lookup.table) else {
                view.features.iter().for_each(|feature| features[feature.output].push_not_found());
                continue;
            };
            let event_time = row.header().event_time;
            let mut cells = readers.cells(row, table, view)?;
            for feature in &view.features {
                let result = &mut features[feature.output];
                match cells.next().unwrap_or(Cell::Absent) {
                    Cell::Absent => result.push_not_found(),
                    _ if event_time < oldest => result.push(None, FieldStatus::OutsideMaxAge, event_time),
                    Cell::Null => result.push(None, FieldStatus::NullValue, event_time),
                    Cell::Value(value) => result.push(Some(value), FieldStatus::Present, event_time),
                }
            }
        }
        Ok(())
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

/// Readers of one view's rows, one for each schema that occurs.
struct Readers<'a> {
    schemas: &'a BTreeMap<(TableId, u32), Arc<RowSchema>>,
    by_schema: BTreeMap<u32, Reader>,
}

/// How to read rows of one schema.
struct Reader {
    stored: RowSchema,
    /// The requested features' columns, in their order; types as wide as stored or as the table says now.
    wanted: RowSchema,
}

impl Readers<'_> {
    /// The cells of the requested features, in their order.
    fn cells(
        &mut self,
        row: &PackedRow,
        table: &OnlineTable,
        view: &RequestedView,
    ) -> Result<std::vec::IntoIter<Cell>> {
        let id = row.schema_id();
        let reader = self.by_schema.entry(id).or_insert_with(|| {
            let known = self.schemas.get(&(table.id.clone(), id));
            let stored = known.map_or_else(|| RowSchema::of(table), |schema| schema.as_ref().clone());
            Reader { wanted: wanted(table, view, &stored), stored }
        });
        let cells = row.decode_as(&reader.stored, &reader.wanted).map_err(|error| {
            Error::corrupt(format!("a stored row of online table `{}` cannot be read", table.id))
                .with_source(error)
        })?;
        Ok(cells.into_iter())
    }
}

/// Columns of the requested features. Another process may have widened a column since this one read the registry: then
/// its values stay as wide as they are stored.
fn wanted(table: &OnlineTable, view: &RequestedView, stored: &RowSchema) -> RowSchema {
    let columns = view.features.iter().map(|feature| match table.column(&feature.name) {
        Some(column) => {
            let stored = stored.columns.iter().find(|(id, _)| *id == column.id).map(|(_, stored)| stored);
            let wider = stored.filter(|stored| column.value_type.widens_to(stored));
            (column.id, wider.unwrap_or(&column.value_type).clone())
        }
        // No column has this id: the cell is absent.
        None => (ColumnId(u32::MAX), ValueType::Bool),
    });
    RowSchema { id: stored.id, columns: columns.collect() }
}
