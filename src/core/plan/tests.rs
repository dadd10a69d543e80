//! Plans over generated projects with random edits: what must hold always.

use std::collections::BTreeMap;

use litemap::LiteMap;
use proptest::prelude::*;

use super::*;
use crate::model::{
    DataSource, Entity, Feature, FeatureService, FeatureView, FileFormat, Lifecycle, Materialization,
    Metadata, Object, ObjectKind, Objects, Selection, SourceKind, StoreIdentity, StoreSettings, ValueType,
};
use crate::provider::UpdateKind;
use crate::registry::{Author, LedgerEntryBody, OnlineTable, TableState};

#[derive(Debug)]
struct TestStore;

impl StoreSpec for TestStore {
    fn name(&self) -> &'static str {
        "test"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        StoreIdentity { kind: settings.kind.clone(), settings: LiteMap::new() }
    }

    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject> {
        let object = |kind| InfraObject::of_table(kind, project, table, LiteMap::new());
        ["data_table", "index_table"].map(object).into()
    }

    fn update_kind(&self, _: &InfraObject, _: &InfraObject) -> UpdateKind {
        UpdateKind::InPlace
    }
}

/// A world: a registry, ledgers, infrastructure, and a clock.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) ledgers: BTreeMap<TableId, Ledger>,
    pub(super) infrastructure: BTreeMap<InfraId, InfraObject>,
    pub(super) now: i64,
    pub(super) gates: BTreeSet<Gate>,
    /// What its folder says beside definitions: `moved`, `removed`, `allow`.
    pub(super) said: Project,
    pub(super) accepted: Vec<Acceptance>,
    ranges: BTreeMap<Address, SourceRange>,
    definitions: Definitions,
}

/// The digest of the definitions, which says nothing here.
#[derive(Clone, Debug)]
struct Definitions(Fingerprint);

impl Default for Definitions {
    fn default() -> Self {
        Self(Fingerprint::of_bytes(b"definitions"))
    }
}

pub(super) fn environment() -> AppliedEnvironment {
    AppliedEnvironment {
        provider: "local".to_owned(),
        online_store: Some(StoreIdentity { kind: "test".to_owned(), settings: LiteMap::new() }),
        offline_store: None,
    }
}

impl World {
    pub(super) fn outcome(&self, objects: &Objects) -> PlanOutcome {
        self.outcome_with(objects, &environment(), &[], &[])
    }

    pub(super) fn outcome_with(
        &self,
        objects: &Objects,
        environment: &AppliedEnvironment,
        targets: &[Address],
        excludes: &[Address],
    ) -> PlanOutcome {
        let project = Project { name: "test".to_owned(), objects: objects.clone(), ..self.said.clone() };
        plan(&self.input(&project, environment, (targets, excludes)))
    }

    /// Plans that everything goes.
    pub(super) fn destroyed(&self) -> PlanOutcome {
        let project = Project { name: "test".to_owned(), ..Project::default() };
        destroy(&self.input(&project, &environment(), (&[], &[])))
    }

    fn input<'a>(
        &'a self,
        project: &'a Project,
        environment: &'a AppliedEnvironment,
        (targets, excludes): (&'a [Address], &'a [Address]),
    ) -> PlanInput<'a> {
        PlanInput {
            project,
            ranges: &self.ranges,
            definitions_digest: &self.definitions.0,
            registry_location: "registry",
            environment,
            keep_superseded: Duration::from_nanos(10).unwrap(),
            prior: &self.registry,
            ledgers: &self.ledgers,
            observed: Some(&self.infrastructure),
            store: Some(&TestStore),
            now: Timestamp::from_nanos(self.now),
            targets,
            excludes,
            gates: &self.gates,
            accepted: &self.accepted,
        }
    }

    pub(super) fn plan(&self, objects: &Objects) -> Plan {
        let outcome = self.outcome(objects);
        assert_eq!(outcome.errors, []);
        outcome.plan.unwrap()
    }

    /// Applies the first `count` steps, and holds each prefix to having no dangling reference.
    pub(super) fn apply(&mut self, plan: &Plan, count: usize) {
        if plan.steps.is_empty() {
            return;
        }
        self.registry.revision += 1;
        let revision = self.registry.revision;
        assert_eq!(
            plan.preconditions.check(&self.registry, Some(&self.infrastructure)),
            Vec::<String>::new()
        );
        let mut done: Vec<&str> = Vec::new();
        for step in plan.steps.iter().take(count) {
            assert!(
                step.after.iter().all(|before| done.contains(&before.as_str())),
                "{} goes too early",
                step.id
            );
            done.push(&step.id);
            if let StepAction::Infrastructure(action) = &step.action {
                match action.resolve(revision) {
                    InfraStep::Create { object } => {
                        drop(self.infrastructure.insert(object.id.clone(), object))
                    }
                    InfraStep::Update { to, .. } => drop(self.infrastructure.insert(to.id.clone(), to)),
                    InfraStep::Delete { object } => drop(self.infrastructure.remove(&object.id)),
                }
            }
            self.registry.apply_change(&step.change.resolve(revision));
            self.registry.check_references().unwrap();
            self.check_tables();
        }
    }

    pub(super) fn apply_all(&mut self, objects: &Objects) -> Plan {
        let plan = self.plan(objects);
        self.apply(&plan, plan.steps.len());
        self.registry.lineage = "lineage".to_owned();
        self.check_infrastructure();
        plan
    }

    /// Every live table has its infrastructure.
    fn check_infrastructure(&self) {
        for table in self.registry.tables.values().filter(|table| table.state == TableState::Live) {
            for object in TestStore.lower("test", table) {
                assert!(self.infrastructure.contains_key(&object.id), "{} has no infrastructure", table.id);
            }
        }
    }

    /// The newest table of a view fits the view as registered.
    fn check_tables(&self) {
        for (name, view) in self.registry.objects.feature_views().filter(|(_, view)| view.online) {
            let live: Vec<_> = self
                .registry
                .tables
                .values()
                .filter(|table| table.view.name == name && table.state == TableState::Live)
                .collect();
            let newest = live
                .iter()
                .filter(|table| !live.iter().any(|newer| newer.replaces.as_ref() == Some(&table.id)))
                .max_by_key(|table| table.id.revision);
            let Some(newest) = newest else { panic!("{name} is served from no table") };
            assert_eq!(Some(newest.join_keys.clone()), self.registry.objects.join_keys(name), "{name}");
            let (_, source) = self.registry.objects.history_of(view).unwrap();
            assert_eq!(newest.source, source.content_fingerprint(), "{name}");
            for feature in &view.features {
                assert_eq!(
                    newest.column(&feature.name).map(|column| &column.value_type),
                    Some(&feature.value_type)
                );
            }
            assert_eq!(newest.columns.len(), view.features.len());
        }
    }

    /// Loads `0..=100` into the newest table of every view, and says `complete` where it replaces another.
    pub(super) fn materialize(&mut self) {
        for table in self.registry.tables.values().filter(|table| table.state == TableState::Live) {
            let entry = crate::registry::MaterializationInterval {
                interval: crate::registry::Interval {
                    from: Timestamp::from_nanos(0),
                    to: Timestamp::from_nanos(100),
                },
                columns: table.columns.iter().map(|column| column.id).collect(),
                source: table.source.clone(),
                rows_read: 1,
                rows_written: 1,
            };
            let ledger = self.ledgers.entry(table.id.clone()).or_default();
            ledger.intervals = vec![entry];
            if table.replaces.is_some() {
                ledger.complete.get_or_insert(Timestamp::from_nanos(self.now));
            }
        }
        let _ = (LedgerEntryBody::Complete, Author::default());
    }
}

/// A small project, from numbers.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) key: u8,
    pub(super) path: u8,
    pub(super) views: Vec<ViewShape>,
    pub(super) service: Option<u8>,
    pub(super) words: u8,
}

#[derive(Clone, Debug)]
pub(super) struct ViewShape {
    pub(super) there: bool,
    pub(super) online: bool,
    /// Type of each feature; 0: it is not there.
    pub(super) features: [u8; 3],
    pub(super) ttl: u32,
    pub(super) own_source: bool,
}

pub(super) fn source(path: &str) -> DataSource {
    DataSource {
        kind: SourceKind::File { path: path.to_owned(), format: FileFormat::Parquet, endpoint: None },
        timestamp_field: Some("at".to_owned()),
        created_timestamp_column: None,
        timestamp_unit: None,
        date_partition_column: None,
        field_mapping: BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}

impl Shape {
    pub(super) fn objects(&self) -> Objects {
        let mut objects = Objects::default();
        let mut add = |kind, name: &str, object| drop(objects.0.insert(Address::new(kind, name), object));
        let words = Metadata {
            description: (self.words > 0).then(|| format!("words {}", self.words)),
            ..Metadata::default()
        };
        let types = [ValueType::Int32, ValueType::Int64, ValueType::String];
        add(
            ObjectKind::Entity,
            "driver",
            Object::Entity(Entity {
                join_key: format!("id{}", self.key),
                value_type: ValueType::Int64,
                metadata: words.clone(),
                lifecycle: Lifecycle::default(),
            }),
        );
        let path = format!("data/{}.parquet", self.path);
        add(ObjectKind::DataSource, "shared", Object::DataSource(source(&path)));
        let mut selections = Vec::new();
        for (number, shape) in self.views.iter().enumerate().filter(|(_, shape)| shape.there) {
            let name = format!("view{number}");
            let features: Vec<Feature> = shape
                .features
                .iter()
                .enumerate()
                .filter(|(_, kind)| **kind > 0)
                .map(|(position, kind)| Feature {
                    name: format!("f{position}"),
                    value_type: types[usize::from(*kind) - 1].clone(),
                    aliases: BTreeMap::new(),
                    metadata: words.clone(),
                })
                .collect();
            if shape.own_source {
                add(ObjectKind::DataSource, &name, Object::DataSource(source(&name)));
            }
            if self.service == Some(0) {
                selections.push(Selection::of(name.as_str(), None));
            }
            for feature in features.iter().filter(|_| self.service == Some(1)) {
                selections.push(Selection::of(name.as_str(), Some(&feature.name)));
            }
            add(
                ObjectKind::FeatureView,
                &name,
                Object::FeatureView(FeatureView {
                    entities: vec!["driver".to_owned()],
                    source: if shape.own_source { name.clone() } else { "shared".to_owned() },
                    ttl: Duration::from_seconds(shape.ttl),
                    online: shape.online,
                    online_ttl: None,
                    features,
                    materialization: Materialization::default(),
                    aliases: BTreeMap::new(),
                    metadata: words.clone(),
                    lifecycle: Lifecycle::default(),
                }),
            );
        }
        if self.service.is_some() {
            let service =
                FeatureService { features: selections, metadata: words, ..FeatureService::default() };
            add(ObjectKind::FeatureService, "ranking", Object::FeatureService(service));
        }
        objects
    }
}

prop_compose! {
    fn view_shape()(
        there in prop::bool::weighted(0.8),
        online in prop::bool::weighted(0.8),
        features in [1_u8..4, 0_u8..4, 0_u8..4],
        ttl in 0_u32..3,
        own_source in any::<bool>(),
    ) -> ViewShape {
        ViewShape { there, online, features, ttl, own_source }
    }
}

prop_compose! {
    fn shape()(
        key in 0_u8..2,
        path in 0_u8..2,
        views in prop::collection::vec(view_shape(), 3),
        service in prop::option::of(0_u8..2),
        words in 0_u8..2,
    ) -> Shape {
        Shape { key, path, views, service, words }
    }
}

/// How many cases each property gets: `PROVENDER_CASES=10000 cargo test -p provender-core --lib plan::tests`.
pub(super) fn cases() -> u32 {
    std::env::var("PROVENDER_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}

fn plan_is_empty(world: &World, objects: &Objects) -> Result<(), TestCaseError> {
    let again = world.plan(objects);
    prop_assert!(
        again.steps.is_empty(),
        "left to do: {:?}",
        again.steps.iter().map(|s| &s.id).collect::<Vec<_>>()
    );
    prop_assert!(again.changes.is_empty() && again.infrastructure.is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// An object is named exactly if applying changes its definition or, of a view, its online tables.
    #[test]
    fn the_plan_names_what_applying_changes(first in shape(), second in shape(), fill: bool) {
        let mut world = World::default();
        world.apply_all(&first.objects());
        if fill {
            world.materialize();
        }
        let before = world.registry.clone();
        let plan = world.plan(&second.objects());
        world.apply(&plan, plan.steps.len());
        let after = &world.registry;
        let tables = |registry: &Registry, address: &Address| -> Vec<OnlineTable> {
            registry.tables.values().filter(|table| table.view == *address).cloned().collect()
        };
        let everything: BTreeSet<&Address> = before.objects.0.keys().chain(after.objects.0.keys()).collect();
        let changed: BTreeSet<&Address> = everything
            .into_iter()
            .filter(|address| {
                before.objects.get(address) != after.objects.get(address)
                    || tables(&before, address) != tables(after, address)
            })
            .collect();
        let named: BTreeSet<&Address> = plan.changes.iter().map(|change| &change.address).collect();
        prop_assert_eq!(named, changed);
    }

    /// Random edits, materialization and loss in between: what was applied is what was wanted, and then nothing is left.
    #[test]
    fn planning_after_applying_is_empty(
        edits in prop::collection::vec((shape(), any::<bool>(), prop::option::weighted(0.2, any::<prop::sample::Index>()), 0_i64..20), 1..5),
    ) {
        let mut world = World::default();
        for (shape, materialize, lose, later) in edits {
            let objects = shape.objects();
            world.now += later;
            world.apply_all(&objects);
            prop_assert_eq!(&world.registry.objects, &objects);
            plan_is_empty(&world, &objects)?;
            if materialize {
                world.materialize();
            }
            if let (Some(lose), false) = (lose, world.infrastructure.is_empty()) {
                let id = lose.get(&world.infrastructure.keys().cloned().collect::<Vec<_>>()).clone();
                world.infrastructure.remove(&id);
            }
        }
    }

    /// After any prefix of the steps, the next plan shows what is left, and applying that reaches the same end.
    #[test]
    fn an_interrupted_apply_converges(first in shape(), second in shape(), fill: bool, stop: prop::sample::Index, third in prop::option::of(shape())) {
        let mut world = World::default();
        world.apply_all(&first.objects());
        if fill {
            world.materialize();
        }
        let plan = world.plan(&second.objects());
        let count = stop.index(plan.steps.len() + 1);
        world.apply(&plan, count);
        let last = third.unwrap_or(second).objects();
        world.apply_all(&last);
        prop_assert_eq!(&world.registry.objects, &last);
        plan_is_empty(&world, &last)?;
        for object in world.infrastructure.values() {
            let table = object.table.as_ref().and_then(|table| world.registry.tables.get(table));
            prop_assert!(table.is_some_and(|table| table.state == TableState::Live), "{} is left behind", object.id);
        }
    }

    /// A, B, A: the definitions of A; and where B was never filled, the very tables of A.
    #[test]
    fn the_way_back_ends_where_it_began(first in shape(), second in shape()) {
        let mut world = World::default();
        world.apply_all(&first.objects());
        world.materialize();
        world.apply_all(&second.objects());
        world.apply_all(&first.objects());
        prop_assert_eq!(&world.registry.objects, &first.objects());
        plan_is_empty(&world, &first.objects())?;
    }

    /// Words never touch infrastructure, data or tables.
    #[test]
    fn metadata_is_metadata(shape in shape(), words in 2_u8..5) {
        let mut world = World::default();
        world.apply_all(&shape.objects());
        world.materialize();
        let plan = world.plan(&Shape { words, ..shape }.objects());
        prop_assert!(!plan.steps.is_empty());
        prop_assert!(plan.steps.iter().all(|step| step.action == StepAction::Define && step.change.tables.is_empty()));
        prop_assert!(plan.changes.iter().all(|change| change.contract == Contract::Metadata && change.data.is_empty()));
        prop_assert_eq!(plan.summary, Summary { metadata: plan.changes.len(), ..Summary::default() });
    }

    /// A saved plan is read as it was written, and damage is seen.
    #[test]
    fn a_saved_plan_comes_back(first in shape(), second in shape(), at: prop::sample::Index, flip in 1_u8..) {
        let mut world = World::default();
        world.apply_all(&first.objects());
        let plan = world.plan(&second.objects());
        let bytes = plan.to_json();
        prop_assert_eq!(&bytes, &world.plan(&second.objects()).to_json());
        let read = Plan::from_json(&bytes).unwrap();
        prop_assert_eq!(&Plan { checksum: None, ..read }, &plan);
        let mut damaged = bytes;
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        prop_assert!(Plan::from_json(&damaged).is_err(), "byte {at} of {}", damaged.len());
    }

    /// Everything goes, and only then nothing is left.
    #[test]
    fn destroy_leaves_nothing(first in shape(), second in shape()) {
        let mut world = World::default();
        world.apply_all(&first.objects());
        world.apply_all(&second.objects());
        let plan = world.plan(&Objects::default());
        world.apply(&plan, plan.steps.len());
        prop_assert_eq!(&world.registry.objects, &Objects::default());
        prop_assert!(world.registry.tables.is_empty() && world.infrastructure.is_empty());
    }

    /// Any target leaves a registry without dangling references, and planning it again leaves nothing of it.
    #[test]
    fn targets_are_whole(first in shape(), second in shape(), pick: prop::sample::Index, exclude: bool) {
        let mut world = World::default();
        world.apply_all(&first.objects());
        let all: Vec<Address> = first.objects().0.into_keys().chain(second.objects().0.into_keys()).collect();
        let one = [pick.get(&all).clone()];
        let (targets, excludes): (&[Address], &[Address]) = if exclude { (&[], &one) } else { (&one, &[]) };
        let outcome = world.outcome_with(&second.objects(), &environment(), targets, excludes);
        let plan = outcome.plan.unwrap();
        prop_assert!(plan.partial);
        world.apply(&plan, plan.steps.len());
        let object = world.registry.objects.get(&one[0]);
        let expected = if exclude { first.objects() } else { second.objects() };
        prop_assert_eq!(object, expected.get(&one[0]));
        let again = world.outcome_with(&second.objects(), &environment(), targets, excludes).plan.unwrap();
        prop_assert!(again.steps.is_empty(), "{:?}", again.steps);
    }
}
