//! Training data and online values without the command line: definitions as JSON in, a file or JSON lines out, and the
//! time that it took. `tests/values/check.py` compares the answers with independent tools; benchmarks time it.
//!
//! ```text
//! values join OBJECTS.json view:feature[,…] ENTITIES OUT
//! values newest OBJECTS.json VIEW FOLDER          loads everything; one JSON line for each key
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "an example"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use litemap::LiteMap;
use provender_core::encoding::{EntityKey, RowSchema};
use provender_core::model::{Address, Fingerprint, ObjectKind, Objects, StoreIdentity};
use provender_core::plan::InfraStep;
use provender_core::provider::StoreSpec as _;
use provender_core::registry::{
    Author, Column, ColumnId, Ledger, LedgerEntry, LedgerEntryBody, OnlineTable, Registry, TableId,
    TableState,
};
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use provender_local::{EmbeddedSpec, FileStore, LocalOptions, LocalProvider};
use provender_runtime::Result;
use provender_runtime::columns::{self, KeyColumns};
use provender_runtime::feature_request::FeatureRequest;
use provender_runtime::historical::{
    EntityRows, EventTimeMatch, HistoricalRequest, TableFormat, historical, write_result,
};
use provender_runtime::materialize::{
    MaterializeJob, MaterializeKind, TableLedgers, ViewOutcome, materialize,
};
use provender_runtime::provider::{OfflineStore, Provider as _, SourceScan, TableRead, asked_columns};
use provender_runtime::testing::scanned;

#[derive(Default)]
struct Ledgers(Mutex<BTreeMap<TableId, Ledger>>);

#[async_trait]
impl TableLedgers for Ledgers {
    async fn ledger(&self, table: &TableId) -> Result<Ledger> {
        Ok(self.0.lock().unwrap().get(table).cloned().unwrap_or_default())
    }

    async fn append(&self, table: &TableId, entry: LedgerEntry) -> Result<()> {
        if let LedgerEntryBody::Materialized(interval) = entry.body {
            self.0.lock().unwrap().entry(table.clone()).or_default().intervals.push(interval);
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(&arguments[1]).expect("the definitions can be read");
    let objects: Objects = serde_json::from_str(&text).expect("the definitions are JSON");
    match arguments[0].as_str() {
        "join" => join(&objects, &arguments[2], Path::new(&arguments[3]), Path::new(&arguments[4])).await,
        "newest" => newest(objects, &arguments[2], Path::new(&arguments[3])).await,
        other => panic!("`{other}` is neither `join` nor `newest`"),
    }
}

async fn join(objects: &Objects, features: &str, entities: &Path, out: &Path) -> Result<()> {
    let started = Instant::now();
    let request = HistoricalRequest {
        features: FeatureRequest::Features(features.split(',').map(|text| text.parse().unwrap()).collect()),
        rows: EntityRows::File { path: entities.to_owned(), time_column: None },
        event_time_match: EventTimeMatch::AtOrBefore,
        created_before_event_time: false,
        full_feature_names: false,
        now: provender_core::time::Timestamp::EPOCH,
        output: None,
    };
    let offline: Arc<dyn OfflineStore> = Arc::new(FileStore::new(".", "/"));
    let result = historical(&request, objects, &offline).await?;
    write_result(&result.batch, out, TableFormat::of_path(out)?).await?;
    eprintln!(
        "{} rows in {:?}; skipped {:?}",
        result.batch.num_rows(),
        started.elapsed(),
        result.skipped_rows
    );
    Ok(())
}

async fn newest(objects: Objects, view: &str, folder: &Path) -> Result<()> {
    let definition = objects.feature_view(view).expect("the view is defined");
    let (_, source) = objects.history_of(definition).expect("the view has a source");
    let source = source.clone();
    let table = OnlineTable {
        id: TableId { view: view.to_owned(), revision: Some(1) },
        view: Address::new(ObjectKind::FeatureView, view),
        state: TableState::Live,
        store: StoreIdentity { kind: "embedded".to_owned(), settings: LiteMap::new() },
        join_keys: objects.join_keys(view).expect("the view's entities are defined"),
        columns: definition
            .features
            .iter()
            .zip(1..)
            .map(|(feature, id)| Column {
                id: ColumnId(id),
                name: feature.name.clone(),
                value_type: feature.value_type.clone(),
            })
            .collect(),
        next_column_id: ColumnId(1000),
        schema_id: 1,
        source: Fingerprint::of_bytes(b"source"),
        equal_sources: Vec::new(),
        replaces: None,
        backfills: Vec::new(),
        served: None,
    };
    let provider = LocalProvider::open(LocalOptions {
        top: PathBuf::from("/"),
        online_path: Some(PathBuf::from(folder)),
        ..LocalOptions::new("example", ".")
    });
    for object in EmbeddedSpec.lower("example", &table) {
        provider.execute(&InfraStep::Create { object }).await?;
    }
    let registry = Registry {
        objects,
        tables: BTreeMap::from([(table.id.clone(), table.clone())]),
        ..Registry::default()
    };
    let job = MaterializeJob {
        views: Vec::new(),
        kind: MaterializeKind::Range {
            start: Timestamp::MIN,
            end: Timestamp::from_nanos(4_000_000_000 * NANOS_PER_SECOND),
        },
        allow_future: true,
        dry_run: false,
        lookback: None,
        job_id: "example".to_owned(),
        by: Author::default(),
        now: Timestamp::EPOCH,
        clock: std::sync::Arc::new(provender_runtime::clock::SystemClock),
        metrics: Default::default(),
    };
    let started = Instant::now();
    let report =
        materialize(&job, &registry, &Ledgers::default(), &provider, &(Arc::new(|_| {}) as _)).await?;
    eprintln!("loaded in {:?}", started.elapsed());
    for view in report.views {
        match view.outcome {
            ViewOutcome::Failed(error) => return Err(error),
            outcome => eprintln!("{outcome:?}"),
        }
    }
    print_rows(&table, source, &provider).await
}

async fn print_rows(
    table: &OnlineTable,
    source: provender_core::model::DataSource,
    provider: &LocalProvider,
) -> Result<()> {
    let fields = table.join_keys.iter().map(|key| columns::field(&key.name, &key.value_type));
    let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    let scan = SourceScan { source, columns: schema, range: None };
    let (batches, _) = scanned(&FileStore::new(".", "/"), &scan).await?;
    let mut keys = std::collections::BTreeSet::new();
    for batch in batches {
        let columns = KeyColumns::new(asked_columns(&batch))?;
        let mut key = EntityKey::empty();
        for row in 0..batch.num_rows() {
            if columns.encode(row, &mut key) {
                keys.insert(key.clone());
            }
        }
    }
    let keys: Vec<EntityKey> = keys.into_iter().collect();
    let online = provider.online().expect("the local provider has an online store");
    let found = online.read(&[TableRead { table, keys: &keys }]).await?.remove(0);
    let types: Vec<_> = table.join_keys.iter().map(|key| key.value_type.clone()).collect();
    for (key, row) in keys.iter().zip(found) {
        let row = row.expect("every key of the source is stored");
        let cells = row.decode(&RowSchema::of(table)).expect("a row just written can be read");
        println!(
            "{:?}\t{}\t{cells:?}",
            key.decode(&types).expect("a key just written can be read"),
            row.header().event_time
        );
    }
    Ok(())
}
