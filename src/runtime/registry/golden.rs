//! Documents that hold a whole state, and leases, of format version 1, frozen (entries and ledger entries:
//! `provender_core::registry`): each in `fixtures/registry/v1` must be read as what it was written
//! from, and be written as it stands there. A file that exists is never rewritten; a new kind of document is added with
//! `UPDATE_FIXTURES=1`.

use std::collections::BTreeMap;
use std::fmt::Debug;

use litemap::LiteMap;
use provender_core::model::{
    Address, Consumer, DataSource, Entity, Feature, FeatureService, FeatureView, Field, FileFormat,
    Fingerprint, JoinKey, Lifecycle, Materialization, Metadata, Object, ObjectKind, Objects, Selection,
    ServiceUse, SourceKind, StoreIdentity, TimestampUnit, ValueType,
};
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::{
    AppliedEnvironment, Author, Backfill, Column, ColumnId, Entry, EntryBody, FORMAT_VERSION, Import,
    Interval, Ledger, MaterializationInterval, OnlineTable, OpenApply, Registry, ServedDefinitions, TableId,
    TableState,
};
use provender_core::time::Timestamp;
use serde::Serialize;

use super::documents::{Stored, parse};
use super::log::Checkpoint;
use super::{Export, Lease};

#[test]
fn an_imported_state_is_frozen() {
    frozen(
        "import",
        &Entry {
            format_version: FORMAT_VERSION,
            project: "shop".to_owned(),
            lineage: "4d3c2b1a00000000".to_owned(),
            revision: 1,
            entry_id: "00000000deadbeef".to_owned(),
            apply_id: "00000000cafebabe".to_owned(),
            at: time("2026-11-25T08:00:00.123456789Z"),
            by: author(),
            body: EntryBody::Import(Box::new(Import { state: state() })),
        },
    );
}

#[test]
fn other_documents_are_frozen() {
    frozen("checkpoint", &Checkpoint { format_version: FORMAT_VERSION, state: state() });
    let lease = Lease {
        format_version: FORMAT_VERSION,
        apply_id: "00000000cafebabe".to_owned(),
        renewed_at: time("2026-11-25T08:00:20Z"),
        by: author(),
        process: 4711,
        process_start: Some("a-boot 123456".to_owned()),
    };
    frozen("lease", &lease);
    let ledgers = [(table_id("driver_stats", 7), ledger())].into();
    frozen("export", &Export { format_version: FORMAT_VERSION, state: state(), ledgers });
}

/// Written as the file has it, and the file read as what it was written from.
fn frozen<T: Serialize + Stored + Debug>(name: &str, document: &T) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/registry/v1")
        .join(format!("{name}.json"));
    let written = serde_json::to_string_pretty(document).unwrap() + "\n";
    if !path.exists() && std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(written == stored, "{name} is written otherwise than before; stored:\n{stored}\nnow:\n{written}");
    let read: T = parse(name, stored.as_bytes()).unwrap();
    assert_eq!(format!("{read:?}"), format!("{document:?}"), "{name} is read otherwise than before");
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn author() -> Author {
    Author { user: "ada".to_owned(), host: "workbench".to_owned(), tool_version: "0.1.0".to_owned() }
}

fn address(kind: ObjectKind, name: &str) -> Address {
    Address::new(kind, name)
}

fn table_id(view: &str, revision: u64) -> TableId {
    TableId { view: view.to_owned(), revision: Some(revision) }
}

fn materialized() -> MaterializationInterval {
    MaterializationInterval {
        interval: Interval { from: time("2026-08-25T00:00:00Z"), to: time("2026-11-23T00:00:00.5Z") },
        columns: [ColumnId(1), ColumnId(3)].into(),
        source: Fingerprint::of_bytes(b"source"),
        rows_read: 1_807,
        rows_written: 5,
    }
}

fn ledger() -> Ledger {
    Ledger { intervals: vec![materialized()], complete: Some(time("2026-11-24T00:00:00Z")) }
}

fn state() -> Registry {
    let (old, new) = (table_id("driver_stats", 7), table_id("driver_stats", 42));
    let infra = InfraId { kind: "embedded_table".to_owned(), name: format!("shop.{old}") };
    let object = InfraObject {
        store: None,
        id: infra.clone(),
        table: Some(old.clone()),
        attributes: LiteMap::from_iter([("size".to_owned(), serde_json::json!(3))]),
    };
    Registry {
        project: "shop".to_owned(),
        lineage: "4d3c2b1a00000000".to_owned(),
        revision: 42,
        at: Some(time("2026-11-25T08:00:00Z")),
        environment: AppliedEnvironment {
            provider: "local".to_owned(),
            online_store: Some(store()),
            offline_store: Some(StoreIdentity { kind: "file".to_owned(), settings: LiteMap::new() }),
        },
        objects: Objects(objects().into_iter().collect()),
        tables: [(old.clone(), old_table(&old)), (new.clone(), new_table(&new, &old))].into(),
        infrastructure: [(infra, object)].into(),
        open_apply: Some(OpenApply {
            apply_id: "00000000cafebabe".to_owned(),
            begin_revision: 41,
            at: time("2026-11-25T07:59:59Z"),
            by: author(),
            process: 4711,
            plan_digest: Fingerprint::of_bytes(b"plan"),
            claimed: vec!["define feature_view.driver_stats".to_owned()],
        }),
    }
}

fn store() -> StoreIdentity {
    StoreIdentity {
        kind: "embedded".to_owned(),
        settings: LiteMap::from_iter([("path".to_owned(), "data/online".to_owned())]),
    }
}

fn old_table(id: &TableId) -> OnlineTable {
    let column =
        |number, name: &str, value_type| Column { id: ColumnId(number), name: name.to_owned(), value_type };
    OnlineTable {
        id: id.clone(),
        view: address(ObjectKind::FeatureView, "driver_stats"),
        state: TableState::Live,
        store: store(),
        join_keys: vec![JoinKey { name: "driver_id".to_owned(), value_type: ValueType::Int64 }],
        columns: vec![
            column(1, "conv_rate", ValueType::Float32),
            column(3, "recent", ValueType::List(Box::new(ValueType::String))),
        ],
        next_column_id: ColumnId(4),
        schema_id: 2,
        source: Fingerprint::of_bytes(b"source"),
        equal_sources: vec![Fingerprint::of_bytes(b"earlier source")],
        replaces: None,
        backfills: vec![Backfill {
            columns: vec![ColumnId(3)],
            from: time("2026-08-25T00:00:00Z"),
            to: time("2026-11-23T00:00:00Z"),
        }],
        served: Some(ServedDefinitions {
            view: "driver_stats".to_owned(),
            objects: Objects([objects().swap_remove(0)].into()),
        }),
    }
}

fn new_table(id: &TableId, old: &TableId) -> OnlineTable {
    OnlineTable {
        id: id.clone(),
        state: TableState::Forgotten,
        replaces: Some(old.clone()),
        equal_sources: Vec::new(),
        backfills: Vec::new(),
        served: None,
        ..old_table(old)
    }
}

/// Every kind of object, with every attribute at least once.
fn objects() -> Vec<(Address, Object)> {
    let named = |kind, name: &str, object| (address(kind, name), object);
    let metadata = Metadata {
        description: Some("words".to_owned()),
        owner: Some("ml@acme.example".to_owned()),
        tags: [("team".to_owned(), "ranking".to_owned())].into(),
    };
    let lifecycle = Lifecycle { prevent_destroy: true, ignore_changes: vec!["tags".to_owned()] };
    let entity = Entity {
        join_key: "driver_id".to_owned(),
        value_type: ValueType::Int64,
        metadata: metadata.clone(),
        lifecycle: lifecycle.clone(),
    };
    let feature = |name: &str, value_type, metadata| Feature {
        name: name.to_owned(),
        value_type,
        aliases: BTreeMap::new(),
        metadata,
    };
    let view = FeatureView {
        entities: vec!["driver".to_owned()],
        source: "driver_history".to_owned(),
        ttl: "7d".parse().unwrap(),
        online: false,
        online_ttl: Some("0s".parse().unwrap()),
        features: vec![
            feature("conv_rate", ValueType::Float32, metadata),
            feature("recent", ValueType::List(Box::new(ValueType::String)), Metadata::default()),
        ],
        materialization: Materialization {
            available_after: "1h30m".parse().unwrap(),
            lateness: "15m".parse().unwrap(),
        },
        aliases: BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle,
    };
    let mut all = vec![
        named(ObjectKind::Entity, "driver", Object::Entity(entity)),
        named(ObjectKind::FeatureView, "driver_stats", Object::FeatureView(view)),
        named(ObjectKind::FeatureService, "ranking", Object::FeatureService(service())),
    ];
    all.extend(
        sources()
            .into_iter()
            .map(|(name, source)| named(ObjectKind::DataSource, name, Object::DataSource(source))),
    );
    all
}

fn service() -> FeatureService {
    let selection = |feature: Option<&str>| Selection::of("driver_stats", feature);
    FeatureService {
        features: vec![selection(Some("conv_rate")), selection(None)],
        uses: vec![ServiceUse {
            name: "other".to_owned(),
            view: "driver_stats".to_owned(),
            join_keys: [("driver_id".to_owned(), "other_id".to_owned())].into(),
            features: Some(vec!["recent".to_owned()]),
        }],
        consumers: vec![Consumer { name: "eta".to_owned(), owner: Some("eta@acme.example".to_owned()) }],
        aliases: BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}

fn sources() -> Vec<(&'static str, DataSource)> {
    let text = |text: &str| Some(text.to_owned());
    let bare = |kind| DataSource {
        kind,
        timestamp_field: None,
        created_timestamp_column: None,
        timestamp_unit: None,
        date_partition_column: None,
        field_mapping: BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    };
    let file = SourceKind::File {
        path: "data/stats.parquet".to_owned(),
        format: FileFormat::Parquet,
        endpoint: text("http://localhost:9000"),
    };
    let full = DataSource {
        timestamp_field: text("event_timestamp"),
        created_timestamp_column: text("created"),
        timestamp_unit: Some(TimestampUnit::Millisecond),
        date_partition_column: text("day"),
        field_mapping: [("rate".to_owned(), "conv_rate".to_owned())].into(),
        ..bare(file)
    };
    let csv = SourceKind::File { path: "data/s.csv".to_owned(), format: FileFormat::Csv, endpoint: None };
    let fields = vec![Field { name: "amount".to_owned(), value_type: ValueType::Float64 }];
    vec![
        ("driver_history", full),
        ("driver_csv", bare(csv)),
        ("driver_push", bare(SourceKind::Push { batch_source: "driver_history".to_owned() })),
        ("request", bare(SourceKind::Request { fields })),
        ("bigquery", bare(SourceKind::BigQuery { table: text("p.d.t"), query: None })),
        (
            "redshift",
            bare(SourceKind::Redshift {
                table: None,
                query: text("select 1"),
                database: text("db"),
                schema: text("public"),
            }),
        ),
        ("athena", bare(SourceKind::Athena { table: text("t"), query: None, database: text("db") })),
    ]
}
