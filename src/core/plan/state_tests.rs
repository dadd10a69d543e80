//! Two states where more than one definition counts: what a folder leaves to the registry, push sources, destroying,
//! drift of infrastructure, and what is about the project as a whole.

use std::collections::BTreeMap;

use litemap::LiteMap;

use super::tests::{Shape, ViewShape, World, environment, source};
use super::*;
use crate::model::{FeatureView, Object, ObjectKind, Objects, SourceKind, StoreIdentity};

fn objects() -> Objects {
    let view = ViewShape { there: true, online: true, features: [1, 3, 0], ttl: 2, own_source: false };
    Shape { key: 0, path: 0, views: vec![view], service: Some(1), words: 0 }.objects()
}

fn view() -> Address {
    Address::new(ObjectKind::FeatureView, "view0")
}

fn with_view(mut objects: Objects, edit: impl FnOnce(&mut FeatureView)) -> Objects {
    let Some(Object::FeatureView(view)) = objects.0.get_mut(&view()) else { panic!("there is a view") };
    edit(view);
    objects
}

fn applied(objects: &Objects) -> World {
    let mut world = World::default();
    world.apply_all(objects);
    world.materialize();
    world
}

fn codes(plan: &Plan) -> BTreeMap<String, (Vec<&str>, Contract)> {
    let of = |change: &'_ Change| change.address.to_string();
    plan.changes
        .iter()
        .map(|change| (of(change), (change.codes.iter().map(String::as_str).collect(), change.contract)))
        .collect()
}

#[test]
fn ignored_attributes_stay_as_they_are_registered() {
    let before = objects();
    let after = with_view(before.clone(), |view| {
        view.ttl = Duration::from_seconds(9);
        view.lifecycle.ignore_changes = vec!["ttl".to_owned()];
    });
    let plan = applied(&before).plan(&after);
    assert_eq!(codes(&plan), BTreeMap::from([(view().to_string(), (vec!["PV122"], Contract::Metadata))]));
    let Some(step) = plan.steps.first() else { panic!("the lifecycle is recorded") };
    let Some(Some(Object::FeatureView(written))) = step.change.objects.get(&view()) else {
        panic!("the view is written")
    };
    assert_eq!(written.ttl, Duration::from_seconds(2));
}

#[test]
fn a_push_source_over_the_same_history_moves_no_data() {
    let before = objects();
    let mut after = with_view(before.clone(), |view| view.source = "pushed".to_owned());
    let mut push = source("");
    push.kind = SourceKind::Push { batch_source: "shared".to_owned() };
    push.timestamp_field = None;
    let address = Address::new(ObjectKind::DataSource, "pushed");
    after.0.insert(address.clone(), Object::DataSource(push));
    let mut world = applied(&before);
    let plan = world.apply_all(&after);
    assert!(plan.infrastructure.is_empty());
    assert!(plan.changes.iter().all(|change| change.data.is_empty()));
    let removed = world.plan(&before);
    let codes = codes(&removed);
    assert_eq!(codes.get(&address.to_string()), Some(&(vec!["PV127"], Contract::Breaking)));
    assert!(removed.infrastructure.is_empty());
}

#[test]
fn destroying_honours_protection_wherever_it_is_written() {
    let protected = with_view(objects(), |view| view.lifecycle.prevent_destroy = true);
    let world = applied(&protected);
    let outcome = world.destroyed();
    assert!(outcome.plan.is_none());
    assert_eq!(outcome.errors.iter().map(|error| error.address.clone()).collect::<Vec<_>>(), [Some(view())]);
    let plan = applied(&objects()).destroyed().plan.unwrap();
    assert!(plan.changes.iter().all(|change| change.actions == [Action::Delete]));
    assert_eq!(plan.summary.destroy, objects().0.len());
    assert_eq!(plan.infrastructure.len(), 2);
}

#[test]
fn another_offline_store_is_said_once() {
    let stored = |kind: &str| {
        let mut environment = environment();
        environment.offline_store = Some(StoreIdentity { kind: kind.to_owned(), settings: LiteMap::new() });
        environment
    };
    let mut world = applied(&objects());
    world.registry.environment = stored("file");
    let plan = world.outcome_with(&objects(), &stored("bigquery"), &[], &[]).plan.unwrap();
    let said: Vec<&Finding> = plan.findings.iter().filter(|finding| finding.code == "PV130").collect();
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].address.as_ref(), said[0].message.contains("`bigquery`")), (None, true));
    assert_eq!(codes(&plan)[&view().to_string()], (vec!["PV130"], Contract::Breaking));
}

#[test]
fn another_project_is_refused() {
    let mut world = applied(&objects());
    world.registry.project = "other".to_owned();
    let outcome = world.outcome(&objects());
    assert!(outcome.plan.is_none());
    assert_eq!(outcome.errors.iter().map(|error| error.code.as_str()).collect::<Vec<_>>(), ["PV131"]);
    assert_eq!(outcome.errors[0].address, None);
}

#[test]
fn settings_that_drifted_are_put_right() {
    let mut world = applied(&objects());
    let (id, object) = world.infrastructure.iter_mut().next().unwrap();
    object.attributes.insert("billing".to_owned(), "other".into());
    let id = id.clone();
    let plan = world.apply_all(&objects());
    assert!(plan.changes.is_empty());
    let [change] = &plan.infrastructure[..] else { panic!("one object is put right") };
    assert_eq!((&change.id, &change.reason), (&id, &Reason::Drifted));
    assert!(world.infrastructure[&id].attributes.is_empty());
}

#[test]
fn a_done_backfill_leaves_the_record_with_the_next_change() {
    let table = |world: &World| world.registry.tables.values().next().unwrap().clone();
    let mut world = applied(&objects());
    let more = |name: &str, objects: Objects| {
        let name = name.to_owned();
        with_view(objects, |view| {
            let feature = crate::model::Feature { name, ..view.features[0].clone() };
            view.features.push(feature);
        })
    };
    let first = more("late", objects());
    world.apply_all(&first);
    assert_eq!(table(&world).backfills.len(), 1);
    world.materialize();
    assert!(!world.plan(&first).would_write(), "a done backfill alone writes nothing");
    let second = more("later", first);
    world.apply_all(&second);
    let columns: Vec<_> = table(&world).backfills.iter().flat_map(|work| work.columns.clone()).collect();
    assert_eq!(columns, [table(&world).column("later").unwrap().id]);
}

/// Found by the simulator (seed 7005): a plan made while another apply was between its claim and its record would delete
/// the table that this other apply had finished meanwhile.
#[test]
fn the_remains_of_an_apply_are_only_remains_until_it_records_their_table() {
    let objects = objects();
    let finished = applied(&objects);
    let mut claimed = finished.clone();
    claimed.registry.tables.clear();
    claimed.registry.objects.0.clear();
    let plan = claimed.plan(&Objects::default());
    assert_eq!(plan.steps.len(), 2, "it deletes both parts of the table: {:?}", plan.steps);
    let moved = |world: &World| plan.preconditions.check(&world.registry, Some(&world.infrastructure));
    assert_eq!(moved(&claimed), Vec::<String>::new());
    assert_eq!(moved(&finished), ["online table view0.r1 exists now"]);
}
