//! A request, compiled: which tables to read, where each feature lies in their rows, what the columns of the answer are
//! called. Made once for each revision of the registry and kept; no value of any request is in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use provender_core::encoding::RowSchema;
use provender_core::model::{DataSource, Object, Objects, SourceKind, ValueType};
use provender_core::registry::{ColumnId, OnlineTable};
use provender_core::time::{Duration, Timestamp};

use super::meters::PlanMeters;
use super::serving::Definitions;
use crate::feature_request::{FeatureRequest, RequestedView, ResolvedRequest};
use crate::metrics::Recorder;
use crate::{Error, ErrorKind, Result};

/// A compiled request.
#[derive(Debug)]
pub struct ReadPlan {
    pub(super) resolved: ResolvedRequest,
    /// One for each view of the request, in its order.
    pub(super) views: Vec<PlannedView>,
    /// What fills each slot.
    pub(super) slots: Vec<SlotSource>,
    /// Join keys and request fields that entities must have, with their types.
    pub(super) needed: BTreeMap<String, ValueType>,
    /// Every join key and request field of the project: one that nothing needs is welcome.
    pub(super) known_columns: Arc<BTreeMap<String, ValueType>>,
    /// The names of the features as JSON texts, with commas between them: every answer begins with them.
    pub(super) names_json: String,
    /// What answers count in.
    pub(super) meters: Arc<PlanMeters>,
}

/// What fills a slot of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotSource {
    /// A feature that is stored: the view's position in the plan, and the feature's in the view.
    Stored(usize, usize),
    /// The expression at this position.
    Computed(usize),
}

/// How one view is read.
#[derive(Debug)]
pub(super) struct PlannedView {
    /// The table that serves it; none: nothing can be stored yet.
    pub(super) table: Option<Arc<OnlineTable>>,
    /// How old values may be; zero: as old as they like.
    pub(super) ttl: Duration,
    /// How rows of the table's present schema are read.
    pub(super) reader: Option<Arc<RowReader>>,
}

/// Where the requested features lie in rows of one schema.
#[derive(Debug)]
pub(super) struct RowReader {
    /// The schema that rows were written with.
    pub(super) stored: RowSchema,
    /// The requested features, in the view's order.
    pub(super) features: Vec<FeatureColumn>,
}

/// A requested feature in rows of one schema.
#[derive(Debug)]
pub(super) struct FeatureColumn {
    /// Position of its column; none: such rows do not have it.
    pub(super) position: Option<usize>,
    /// Its type in the answer: what the table says now, or wider where it is stored wider.
    pub(super) value_type: ValueType,
    /// Its type in the row, where that is narrower.
    pub(super) narrower: Option<ValueType>,
}

impl ReadPlan {
    pub(super) fn of(
        request: &FeatureRequest,
        full_feature_names: bool,
        now: Timestamp,
        definitions: &Definitions,
        recorder: &Recorder,
    ) -> Result<Self> {
        let resolved = request.resolve(definitions.objects(), full_feature_names, now)?;
        let mut slots = vec![SlotSource::Computed(0); resolved.slots];
        for (at, expression) in resolved.expressions.iter().enumerate() {
            slots[expression.output] = SlotSource::Computed(at);
        }
        let mut views = Vec::with_capacity(resolved.views.len());
        for (at, view) in resolved.views.iter().enumerate() {
            for (position, feature) in view.features.iter().enumerate() {
                slots[feature.output] = SlotSource::Stored(at, position);
            }
            views.push(PlannedView::of(view, definitions)?);
        }
        Ok(Self {
            views,
            slots,
            needed: needed(&resolved)?,
            known_columns: definitions.known_columns().clone(),
            names_json: json_texts(&resolved.outputs)?,
            meters: PlanMeters::of(recorder, &resolved),
            resolved,
        })
    }

    /// Names of the features in the answer, in the order asked for.
    pub fn feature_names(&self) -> &[String] {
        &self.resolved.outputs
    }

    /// What an error calls an entity column of this name.
    pub(super) fn kind_of_column(&self, name: &str) -> &'static str {
        if self.resolved.fields.contains_key(name) { "request field" } else { "join key" }
    }
}

impl PlannedView {
    fn of(view: &RequestedView, definitions: &Definitions) -> Result<Self> {
        let table = definitions.table(&view.view)?;
        let definition = definitions.objects().feature_view(&view.view);
        let reader = table.as_ref().map(|table| Arc::new(RowReader::of(table, view, RowSchema::of(table))));
        let ttl = definition.map_or(Duration::ZERO, |view| view.effective_online_ttl());
        Ok(Self { table, ttl, reader })
    }

    /// Rows with an older event time are outside of the ttl. The bound is inclusive: a row exactly `ttl` old is served.
    pub(super) const fn oldest(&self, now: Timestamp) -> Timestamp {
        if self.ttl.is_zero() { Timestamp::MIN } else { now.saturating_sub(self.ttl) }
    }
}

impl RowReader {
    /// Another process may have widened a column since this one read the registry: then its values stay as wide as they
    /// are stored.
    pub(super) fn of(table: &OnlineTable, view: &RequestedView, stored: RowSchema) -> Self {
        let column = |id: ColumnId| stored.columns.iter().position(|(stored, _)| *stored == id);
        let features = view.features.iter().map(|feature| {
            let Some(declared) = table.column(&feature.name) else {
                return FeatureColumn { position: None, value_type: ValueType::Bool, narrower: None };
            };
            let position = column(declared.id);
            let in_row = position.and_then(|at| stored.columns.get(at)).map(|(_, value_type)| value_type);
            let wider = in_row.filter(|in_row| declared.value_type.widens_to(in_row));
            let value_type = wider.unwrap_or(&declared.value_type).clone();
            let narrower = in_row.filter(|in_row| **in_row != value_type).cloned();
            FeatureColumn { position, value_type, narrower }
        });
        Self { features: features.collect(), stored }
    }
}

/// Names as JSON texts, with commas between them.
fn json_texts(names: &[String]) -> Result<String> {
    let texts: Vec<String> = names
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::new(ErrorKind::Bug, "a name has no JSON").with_source(error))?;
    Ok(texts.join(","))
}

/// Names of join keys and request fields with their types.
fn needed(request: &ResolvedRequest) -> Result<BTreeMap<String, ValueType>> {
    let mut needed: BTreeMap<String, ValueType> = BTreeMap::new();
    let keys = request.views.iter().flat_map(|view| &view.join_keys);
    let keys = keys.map(|(key, name)| (name, &key.value_type));
    for (name, value_type) in keys.chain(&request.fields) {
        match needed.insert(name.clone(), value_type.clone()) {
            Some(other) if other != *value_type => {
                return Err(Error::invalid(format!(
                    "the requested views take `{name}` as {other} and as {value_type}"
                ))
                .with_hint("ask for them one by one while one of them is being replaced"));
            }
            _ => {}
        }
    }
    Ok(needed)
}

/// Every join key and request field of a project. Where entities disagree about one, the first by name decides; then
/// request sources.
pub(super) fn known_columns(objects: &Objects) -> BTreeMap<String, ValueType> {
    let mut known = BTreeMap::new();
    for object in objects.0.values() {
        if let Object::Entity(entity) = object {
            known.entry(entity.join_key.clone()).or_insert_with(|| entity.value_type.clone());
        }
    }
    for object in objects.0.values() {
        if let Object::DataSource(DataSource { kind: SourceKind::Request { fields, .. }, .. }) = object {
            for field in fields {
                known.entry(field.name.clone()).or_insert_with(|| field.value_type.clone());
            }
        }
    }
    known
}
