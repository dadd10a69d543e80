//! Plans that the tests of every view look at.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Address, Fingerprint, Objects, Project, StoreIdentity, StoreSettings};
use crate::plan::{InfraStep, Plan, PlanInput, SourcePosition, SourceRange, StepAction, plan};
use crate::provider::{InfraId, InfraObject, StoreSpec, UpdateKind};
use crate::registry::{
    AppliedEnvironment, ColumnId, Interval, Ledger, MaterializationInterval, OnlineTable, Registry,
};
use crate::time::{Duration, Timestamp};

#[derive(Debug)]
struct OneTable;

impl StoreSpec for OneTable {
    fn name(&self) -> &'static str {
        "test"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        StoreIdentity { kind: settings.kind.clone(), settings: BTreeMap::new() }
    }

    fn lower(&self, project: &str, tables: &[&OnlineTable]) -> Vec<InfraObject> {
        let object = |table: &&OnlineTable| InfraObject {
            id: InfraId { kind: "test_table".to_owned(), name: format!("{project}.{}", table.id) },
            table: Some(table.id.clone()),
            attributes: BTreeMap::new(),
        };
        tables.iter().map(object).collect()
    }

    fn update_kind(&self, _: &InfraObject, _: &InfraObject) -> UpdateKind {
        UpdateKind::InPlace
    }
}

/// The definitions of a fleet; `acc_rate` and the description are what the tests change.
pub(super) fn fleet(acc_rate: &str, description: &str) -> Objects {
    let view = r#"{"kind":"feature_view","entities":["driver"],"source":"driver_stats","ttl":"7d",
        "features":[{"name":"conv_rate","type":"float32"},{"name":"acc_rate","type":"ACC"}],"description":"DESC"}"#;
    let text = r#"{
        "entity.driver": {"kind":"entity","join_key":"driver_id","value_type":"int64"},
        "data_source.driver_stats": {"kind":"data_source","source_kind":"file","path":"data/stats.parquet",
            "format":"parquet","timestamp_field":"event_timestamp"},
        "feature_view.driver_hourly_stats": VIEW,
        "feature_service.ranking": {"kind":"feature_service",
            "features":[{"view":"driver_hourly_stats","feature":"acc_rate"}],
            "consumers":[{"name":"eta-model","owner":"ml-eta@acme.example"}]}
    }"#;
    let view =
        view.replace("ACC", acc_rate).replace("\"DESC\"", &serde_json::to_string(description).unwrap());
    serde_json::from_str(&text.replace("VIEW", &view)).unwrap()
}

pub(super) fn planned(objects: Objects, prior: &Registry) -> Plan {
    let project = Project { name: "staging".to_owned(), objects, ..Project::default() };
    let view: Address = "feature_view.driver_hourly_stats".parse().unwrap();
    let position = |line| SourcePosition { line, column: 1 };
    let range =
        SourceRange { filename: "ranking/views.hcl".to_owned(), start: position(12), end: position(30) };
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    let ledgers = prior.tables.iter().map(|(id, table)| {
        let interval = MaterializationInterval {
            interval: Interval { from: instant("2026-08-25"), to: instant("2026-11-23") },
            columns: BTreeSet::from([ColumnId(1), ColumnId(2)]),
            source: table.source.clone(),
            rows_read: 1,
            rows_written: 1,
        };
        (id.clone(), Ledger { intervals: vec![interval], complete: None })
    });
    let outcome = plan(&PlanInput {
        project: &project,
        ranges: &BTreeMap::from([(view, range)]),
        definitions_digest: &Fingerprint::of_bytes(b""),
        registry_location: "data/registry.db",
        environment: &AppliedEnvironment {
            provider: "local".to_owned(),
            online_store: Some(StoreIdentity { kind: "test".to_owned(), settings: BTreeMap::new() }),
            offline_store: None,
        },
        keep_superseded: Duration::from_seconds(60),
        prior,
        ledgers: &ledgers.collect(),
        observed: None,
        store: Some(&OneTable),
        now: instant("2026-11-25"),
        targets: &[],
        excludes: &[],
        gates: &BTreeSet::new(),
        accepted: &[],
    });
    assert_eq!(outcome.errors, []);
    outcome.plan.unwrap()
}

pub(super) fn applied(objects: Objects) -> Registry {
    let plan = planned(objects, &Registry::default());
    let mut registry = Registry { project: "staging".to_owned(), revision: 41, ..Registry::default() };
    for step in &plan.steps {
        registry.apply_change(&step.change.resolve(37));
        if let StepAction::Infrastructure(InfraStep::Create { object }) = &step.action {
            let object = object.resolve(37);
            registry.infrastructure.insert(object.id.clone(), object);
        }
    }
    registry
}
