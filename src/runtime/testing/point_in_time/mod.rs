//! What an engine answers that finds values at points in time, whatever holds its rows: a table of edge cases (`table`), rules
//! that need more than one row to tell (`rules`, `bulk`), and random histories against an oracle that shares no code (`random`,
//! `oracle`). Each is asked twice: for training data, and for what materializing stores (`load`).

mod bulk;
mod load;
mod oracle;
mod placed;
mod random;
mod rules;
mod table;
mod time_form;

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use provender_core::model::{
    Address, DataSource, FeatureView, FileFormat, Object, ObjectKind, Objects, SourceKind, ValueType,
};
use provender_core::time::Timestamp;

pub use random::{Figures, random_histories};

use super::{MemoryHistory, entity};
use crate::Result;
use crate::feature_request::{FeatureRef, FeatureRequest};
use crate::historical::{
    EntityFrame, EntityRows, EventTimeMatch, HistoricalRequest, HistoricalResult, historical,
};
use crate::provider::OfflineStore;

/// An offline store under test.
#[async_trait]
pub trait HistoryBackend: Debug + Send + Sync {
    /// Makes a source of each of these tables, its rows in their order, and says what each is to definitions. What was held
    /// before may be gone.
    async fn hold(&self, tables: &[RecordBatch], pieces: Pieces) -> (Vec<SourceKind>, Arc<dyn OfflineStore>);

    /// Whether it can tell empty text from none.
    fn knows_empty_text(&self) -> bool {
        true
    }
}

/// How a table is cut, where a store cuts it at all. Numbers of rows, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Rows of a file.
    pub file: usize,
    /// Rows of a group that is read at once.
    pub group: usize,
    /// Rows of a page.
    pub page: usize,
}

/// Runs the table and the rules, over few rows and many. Panics at the first that the engine breaks.
pub async fn historical_conformance(backend: &dyn HistoryBackend) {
    table::run(backend).await;
    rules::run(backend).await;
    bulk::run(backend).await;
}

/// Histories in memory, given out in batches of a group's rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryBackend;

#[async_trait]
impl HistoryBackend for MemoryBackend {
    async fn hold(&self, tables: &[RecordBatch], pieces: Pieces) -> (Vec<SourceKind>, Arc<dyn OfflineStore>) {
        let mut history = MemoryHistory::new(pieces.group);
        let mut kinds = Vec::new();
        for (number, rows) in tables.iter().enumerate() {
            let path = format!("table{number}");
            history = history.with(&path, rows.clone());
            kinds.push(SourceKind::File { path, format: FileFormat::Parquet, endpoint: None });
        }
        (kinds, Arc::new(history))
    }
}

/// Entities of every scene: name, join key, its type.
const ENTITIES: [(&str, &str, ValueType); 5] = [
    ("driver", "driver_id", ValueType::Int64),
    ("a", "a", ValueType::Int64),
    ("b", "b", ValueType::Int64),
    ("code", "code", ValueType::String),
    ("left", "left", ValueType::String),
];

/// Definitions and the rows of their sources.
struct Scene {
    objects: Objects,
    sources: Vec<(DataSource, String, RecordBatch)>,
}

impl Scene {
    fn new() -> Self {
        let mut objects = Objects::default();
        for (name, key, value_type) in ENTITIES {
            let object = Object::Entity(entity(key, value_type));
            objects.0.insert(Address::new(ObjectKind::Entity, name), object);
        }
        Self { objects, sources: Vec::new() }
    }

    /// Adds a source; what it is to its store is found out when the rows are held.
    fn source(mut self, name: &str, source: DataSource, rows: RecordBatch) -> Self {
        self.sources.push((source, name.to_owned(), rows));
        self
    }

    fn view(mut self, name: &str, view: FeatureView) -> Self {
        self.objects.0.insert(Address::new(ObjectKind::FeatureView, name), Object::FeatureView(view));
        self
    }

    async fn held_by(self, backend: &dyn HistoryBackend, pieces: Pieces) -> Held {
        let tables: Vec<RecordBatch> = self.sources.iter().map(|(_, _, rows)| rows.clone()).collect();
        let (kinds, offline) = backend.hold(&tables, pieces).await;
        let mut objects = self.objects;
        for ((source, name, _), kind) in self.sources.into_iter().zip(kinds) {
            let source = Object::DataSource(DataSource { kind, ..source });
            objects.0.insert(Address::new(ObjectKind::DataSource, name), source);
        }
        Held { objects, offline }
    }
}

/// A scene whose rows are where the engine finds them.
struct Held {
    objects: Objects,
    offline: Arc<dyn OfflineStore>,
}

impl Held {
    async fn ask(&self, request: &HistoricalRequest) -> Result<HistoricalResult> {
        historical(request, &self.objects, &self.offline).await
    }
}

/// A request for these features, at or before each row's time.
fn ask_for(features: &[&str], rows: EntityRows) -> HistoricalRequest {
    let features = features.iter().map(|text| text.parse::<FeatureRef>().unwrap()).collect();
    HistoricalRequest {
        features: FeatureRequest::Features(features),
        rows,
        event_time_match: EventTimeMatch::AtOrBefore,
        created_before_event_time: false,
        full_feature_names: false,
        now: Timestamp::EPOCH,
        output: None,
    }
}

fn frame(columns: Vec<(&str, ArrayRef)>) -> EntityRows {
    EntityRows::Frame(EntityFrame::new(rows(columns), None).unwrap())
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;

    #[tokio::test]
    async fn an_engine_over_memory_conforms() {
        historical_conformance(&MemoryBackend).await;
    }

    #[tokio::test]
    async fn random_histories_in_memory_equal_the_oracle() {
        let cases = cases(400);
        random_histories(&MemoryBackend, 0..cases).await.are_worth_something(cases);
    }
}
