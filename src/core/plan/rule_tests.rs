//! Two states, one rule: what each kind of difference means, and what becomes of the online table.

use litemap::LiteMap;

use super::tests::{Shape, ViewShape, World, environment};
use super::*;
use crate::model::{
    Consumer, FeatureService, Object, ObjectKind, Objects, Selection, StoreIdentity, ValueType,
};
use crate::registry::{OnlineTable, TableState};

fn shape() -> Shape {
    let view = ViewShape { there: true, online: true, features: [1, 3, 0], ttl: 2, own_source: false };
    Shape { key: 0, path: 0, views: vec![view], service: Some(1), words: 0 }
}

pub(super) fn applied() -> World {
    let mut world = World::default();
    world.apply_all(&shape().objects());
    world.materialize();
    world
}

fn edited(edit: impl FnOnce(&mut Shape)) -> Objects {
    let mut shape = shape();
    edit(&mut shape);
    shape.objects()
}

fn with_view(edit: impl FnOnce(&mut crate::model::FeatureView)) -> Objects {
    let mut objects = shape().objects();
    let Some(Object::FeatureView(view)) = objects.0.get_mut(&view()) else { panic!("there is a view") };
    edit(view);
    objects
}

fn view() -> Address {
    Address::new(ObjectKind::FeatureView, "view0")
}

fn change<'a>(plan: &'a Plan, address: &str) -> &'a Change {
    plan.changes.iter().find(|change| change.address.to_string() == address).unwrap()
}

fn verdict(plan: &Plan, address: &str) -> (Vec<String>, Contract, Vec<Work>) {
    let change = change(plan, address);
    (
        change.codes.iter().cloned().collect(),
        change.contract,
        change.data.iter().map(|data| data.work).collect(),
    )
}

fn expect(objects: &Objects, address: &str, codes: &[&str], contract: Contract, work: &[Work]) -> Plan {
    let plan = applied().plan(objects);
    let codes = codes.iter().map(|code| (*code).to_owned()).collect();
    assert_eq!(verdict(&plan, address), (codes, contract, work.to_vec()));
    plan
}

const VIEW: &str = "feature_view.view0";

#[test]
fn types() {
    let plan =
        expect(&edited(|shape| shape.views[0].features[0] = 2), VIEW, &["PV105"], Contract::Breaking, &[]);
    assert!(plan.infrastructure.is_empty());
    let objects = edited(|shape| shape.views[0].features[0] = 3);
    let plan = expect(&objects, VIEW, &["PV104"], Contract::Breaking, &[Work::Rematerialize]);
    assert_eq!(plan.infrastructure[0].actions, [Action::Create, Action::Delete]);
    assert!(change(&plan, VIEW).attributes[0].needs_new_table);
    assert_eq!(plan.affected[0].features, ["view0:f0", "view0:f1"]);
    assert_eq!(plan.summary.replace, 1);
}

#[test]
fn features_come_and_go() {
    let objects = edited(|shape| shape.views[0].features[2] = 1);
    let plan = applied().plan(&objects);
    assert_eq!(verdict(&plan, VIEW), (vec!["PV111".to_owned()], Contract::NonBreaking, vec![Work::Backfill]));
    assert_eq!(verdict(&plan, "feature_service.ranking").0, ["PV117"]);
    assert_eq!(change(&plan, VIEW).data[0].to, Some(Timestamp::from_nanos(100)));
    let objects = edited(|shape| shape.views[0].features[1] = 0);
    let plan = expect(&objects, VIEW, &["PV101"], Contract::Breaking, &[Work::Drop]);
    assert_eq!(verdict(&plan, "feature_service.ranking").0, ["PV116"]);
    let defines: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(defines, ["define feature_service.ranking", "define feature_view.view0"]);
    let unfilled = {
        let mut world = World::default();
        world.apply_all(&shape().objects());
        world.plan(&edited(|shape| shape.views[0].features[2] = 1))
    };
    assert!(change(&unfilled, VIEW).data.is_empty(), "a table without values needs no backfill");
}

#[test]
fn a_rename_is_told() {
    let mut objects = with_view(|view| view.features[1].name = "f1b".to_owned());
    let Some(Object::FeatureService(service)) =
        objects.0.get_mut(&Address::new(ObjectKind::FeatureService, "ranking"))
    else {
        panic!("there is a service")
    };
    service.features[1].feature = Some("f1b".to_owned());
    let works = [Work::Backfill, Work::Drop];
    let plan = expect(&objects, VIEW, &["PV103", "PV111"], Contract::Breaking, &works);
    assert!(plan.findings.iter().any(|finding| finding.code == "PV103"));
}

#[test]
fn ttl() {
    expect(&edited(|shape| shape.views[0].ttl = 1), VIEW, &["PV107"], Contract::Breaking, &[]);
    expect(
        &edited(|shape| shape.views[0].ttl = 3),
        VIEW,
        &["PV108"],
        Contract::NonBreaking,
        &[Work::Backfill],
    );
    expect(
        &edited(|shape| shape.views[0].ttl = 0),
        VIEW,
        &["PV108"],
        Contract::NonBreaking,
        &[Work::Backfill],
    );
    let hidden = with_view(|view| view.online_ttl = Some(view.ttl));
    assert!(verdict(&applied().plan(&hidden), VIEW).2.is_empty());
}

#[test]
fn upstream_changes_replace_the_table_in_one_step() {
    let objects = edited(|shape| shape.key = 1);
    let plan = expect(&objects, "entity.driver", &["PV106"], Contract::Breaking, &[]);
    assert_eq!(
        verdict(&plan, VIEW),
        (vec!["PV106".to_owned()], Contract::Breaking, vec![Work::Rematerialize])
    );
    let define = plan.steps.iter().find(|step| step.action == StepAction::Define).unwrap();
    assert!(define.change.objects.contains_key(&Address::new(ObjectKind::Entity, "driver")));
    assert_eq!(define.change.tables.len(), 2);
    let plan =
        expect(&edited(|shape| shape.path = 1), "data_source.shared", &["PV109"], Contract::Breaking, &[]);
    assert_eq!(plan.summary.rematerialize, 1);
    assert_eq!(plan.affected.len(), 1);
}

#[test]
fn online_off_on_and_gone() {
    let off = edited(|shape| shape.views[0].online = false);
    let plan = expect(&off, VIEW, &["PV112"], Contract::Breaking, &[Work::Drop]);
    assert_eq!(plan.infrastructure[0].reason, Reason::Unused);
    let mut world = applied();
    world.apply_all(&off);
    assert!(world.registry.tables.is_empty() && world.infrastructure.is_empty());
    let on = world.plan(&shape().objects());
    assert_eq!(verdict(&on, VIEW), (vec!["PV113".to_owned()], Contract::NonBreaking, vec![]));
    let gone = edited(|shape| shape.views[0].there = false);
    expect(&gone, VIEW, &["PV115"], Contract::Breaking, &[Work::Drop]);
    let without = edited(|shape| shape.service = None);
    expect(&without, "feature_service.ranking", &["PV116"], Contract::Breaking, &[]);
}

/// A service that goes on answering a name with another feature breaks who reads it.
#[test]
fn another_feature_of_the_same_name_is_no_reordering() {
    let views = |own_source| ViewShape { there: true, online: true, features: [1, 3, 0], ttl: 2, own_source };
    let two = Shape { key: 0, path: 0, views: vec![views(false), views(true)], service: None, words: 0 };
    let reading = |view: &str| {
        let mut objects = two.objects();
        let service =
            FeatureService { features: vec![Selection::of(view, Some("f0"))], ..FeatureService::default() };
        let address = Address::new(ObjectKind::FeatureService, "ranking");
        objects.0.insert(address, Object::FeatureService(service));
        objects
    };
    let mut world = World::default();
    world.apply_all(&reading("view0"));
    let plan = world.plan(&reading("view1"));
    let service = change(&plan, "feature_service.ranking");
    assert_eq!(service.contract, Contract::Breaking);
    assert!(service.codes.contains("PV116"));
    let said = plan.findings.iter().find(|finding| finding.code == "PV116").unwrap();
    assert!(said.message.contains("`f0` was of view0 and is view1.f0 now"), "{}", said.message);
}

/// A view that a service takes whole gives the service what comes to it.
#[test]
fn a_feature_that_comes_to_a_view_taken_whole_is_told() {
    let whole = |third| {
        let mut objects = edited(|shape| shape.views[0].features[2] = third);
        let service =
            FeatureService { features: vec![Selection::of("view0", None)], ..FeatureService::default() };
        let address = Address::new(ObjectKind::FeatureService, "ranking");
        objects.0.insert(address, Object::FeatureService(service));
        objects
    };
    let mut world = World::default();
    world.apply_all(&whole(0));
    let plan = world.plan(&whole(1));
    let said = plan.findings.iter().find(|finding| finding.code == "PV111").unwrap();
    assert_eq!(said.severity, FindingSeverity::Warning);
    assert!(said.message.contains("takes the whole view"));
}

#[test]
fn the_order_of_entities_is_no_change_and_that_of_features_is_a_warning() {
    let plan = expect(&with_view(|view| view.features.reverse()), VIEW, &["PV118"], Contract::Metadata, &[]);
    assert!(plan.infrastructure.is_empty());
    let consumed = |consumers| {
        let mut objects = shape().objects();
        let service = FeatureService {
            features: vec![Selection::of("view0", None)],
            consumers,
            ..FeatureService::default()
        };
        objects
            .0
            .insert(Address::new(ObjectKind::FeatureService, "ranking"), Object::FeatureService(service));
        objects
    };
    let consumer = Consumer { name: "eta-model".to_owned(), owner: None };
    let mut world = World::default();
    world.apply_all(&consumed(Vec::new()));
    let plan = world.plan(&consumed(vec![consumer]));
    assert_eq!(
        verdict(&plan, "feature_service.ranking"),
        (vec!["PV129".to_owned()], Contract::Metadata, vec![])
    );
}

#[test]
fn another_store_replaces_every_table_in_it() {
    let mut other = environment();
    other.online_store = Some(StoreIdentity {
        kind: "test".to_owned(),
        settings: LiteMap::from_iter([("path".into(), "b".into())]),
    });
    let world = applied();
    let plan = world.outcome_with(&shape().objects(), &other, &[], &[]).plan.unwrap();
    assert_eq!(
        verdict(&plan, VIEW),
        (vec!["PV120".to_owned()], Contract::Breaking, vec![Work::Rematerialize])
    );
    other.provider = "gcp".to_owned();
    let errors = world.outcome_with(&shape().objects(), &other, &[], &[]).errors;
    assert_eq!(errors[0].code, "PV131");
}

#[test]
fn protection_is_remembered() {
    let protected = with_view(|view| view.lifecycle.prevent_destroy = true);
    let mut world = World::default();
    world.apply_all(&protected);
    let lossy = world.outcome(&edited(|shape| shape.views[0].features[0] = 3));
    assert!(lossy.plan.is_none());
    assert_eq!(lossy.errors.len(), 1);
    assert!(world.outcome(&Objects::default()).plan.is_none());
    let lifted = world.apply_all(&shape().objects());
    assert_eq!(verdict(&lifted, VIEW), (vec!["PV128".to_owned()], Contract::NonBreaking, vec![]));
    assert!(world.outcome(&Objects::default()).plan.is_some());
}

fn tables(world: &World) -> Vec<&OnlineTable> {
    world.registry.tables.values().filter(|table| table.state == TableState::Live).collect()
}

#[test]
fn a_replacement_from_beginning_to_end() {
    let mut world = applied();
    let lossy = edited(|shape| shape.views[0].features[0] = 3);
    world.apply_all(&lossy);
    let [old, new] = tables(&world)[..] else { panic!("both tables are there") };
    assert_eq!(new.replaces.as_ref(), Some(&old.id));
    assert!(old.served.as_ref().unwrap().objects.feature_view("view0").is_some());
    let waiting = world.plan(&lossy);
    assert!(!waiting.would_write() && waiting.pending.len() == 1);
    world.materialize();
    assert!(!world.plan(&lossy).would_write(), "it is kept for a while");
    world.now += 11;
    let plan = world.apply_all(&lossy);
    assert_eq!((plan.summary.superseded, plan.findings[0].code.as_str()), (1, "PV132"));
    assert!(plan.changes.is_empty() && plan.would_write());
    let [only] = tables(&world)[..] else { panic!("one table is left") };
    assert_eq!((only.replaces.as_ref(), only.columns[0].value_type.clone()), (None, ValueType::String));
}

#[test]
fn the_way_back_keeps_the_old_table() {
    let mut world = applied();
    let before = world.registry.tables.clone();
    world.apply_all(&edited(|shape| shape.views[0].features[0] = 3));
    let plan = world.apply_all(&shape().objects());
    assert_eq!(verdict(&plan, VIEW), (vec!["PV104".to_owned()], Contract::NonBreaking, vec![]));
    assert_eq!(world.registry.tables, before);
    world.apply_all(&edited(|shape| shape.views[0].features[0] = 3));
    world.apply_all(&edited(|shape| shape.path = 1));
    let [old, new] = tables(&world)[..] else { panic!("the unfinished table is gone") };
    assert_eq!((new.replaces.as_ref(), before.contains_key(&old.id)), (Some(&old.id), true));
}

#[test]
fn a_lost_table_is_made_again_without_a_predecessor() {
    let mut world = applied();
    world.infrastructure.clear();
    let plan = world.apply_all(&shape().objects());
    assert!(plan.infrastructure.iter().any(|change| change.reason == Reason::Missing));
    assert_eq!(change(&plan, VIEW).data[0].work, Work::Rematerialize);
    let [only] = tables(&world)[..] else { panic!("one table is left") };
    assert_eq!((only.id.revision, only.replaces.as_ref()), (Some(2), None));
}

/// Event times that wait for the newest table.
fn recorded(world: &World) -> Vec<(i64, i64)> {
    let newest = tables(world).into_iter().max_by_key(|table| table.id.revision).unwrap();
    newest.backfills.iter().map(|one| (one.from.as_nanos(), one.to.as_nanos())).collect()
}

#[test]
fn a_table_that_was_made_again_waits_for_what_the_lost_one_held() {
    let mut world = applied();
    world.infrastructure.clear();
    world.apply_all(&shape().objects());
    assert_eq!(recorded(&world), [(0, 100)]);
    let waiting = world.plan(&shape().objects());
    assert!(!waiting.would_write());
    assert_eq!(waiting.pending.iter().map(|one| one.work).collect::<Vec<_>>(), [Work::Backfill]);

    // It is lost again, or replaced, before it was filled.
    world.infrastructure.clear();
    world.apply_all(&shape().objects());
    assert_eq!(recorded(&world), [(0, 100)]);
    let lossy = edited(|shape| shape.views[0].features[0] = 3);
    let replaced = world.plan(&lossy);
    let range = change(&replaced, VIEW).data.iter().find_map(|data| data.to);
    assert_eq!(range, Some(Timestamp::from_nanos(100)));

    world.materialize();
    assert_eq!(world.plan(&shape().objects()).pending, []);
}

#[test]
fn a_new_table_that_is_lost_before_or_after_it_served_is_filled_all_the_same() {
    let lossy = edited(|shape| shape.views[0].features[0] = 3);
    let lose = |world: &mut World, revision: u64| {
        let is_of = |object: &InfraObject| object.table.as_ref().unwrap().revision == Some(revision);
        world.infrastructure.retain(|_, object| !is_of(object));
    };
    let mut world = applied();
    world.apply_all(&lossy);
    let mut filled = world.clone();
    lose(&mut world, 2);
    world.apply_all(&lossy);
    assert_eq!(recorded(&world), [], "the old table says what to fill");
    assert_eq!(world.plan(&lossy).pending.len(), 1);
    world.infrastructure.clear();
    world.apply_all(&lossy);
    assert_eq!(recorded(&world), [(0, 100)], "the old table is lost as well");

    filled.materialize();
    let ledger = filled.ledgers.iter_mut().find(|(id, _)| id.revision == Some(2)).unwrap().1;
    ledger.intervals[0].interval.to = Timestamp::from_nanos(150);
    lose(&mut filled, 2);
    filled.apply_all(&lossy);
    assert_eq!(recorded(&filled), [(101, 150)], "what it had more than the old one");
}

#[test]
fn a_lost_table_that_was_never_loaded_leaves_nothing_to_fill() {
    let mut world = applied();
    world.ledgers.clear();
    world.infrastructure.clear();
    let plan = world.apply_all(&shape().objects());
    assert!(change(&plan, VIEW).data.is_empty());
    assert_eq!((recorded(&world), world.plan(&shape().objects()).pending), (vec![], vec![]));
}

#[test]
fn numbers_places_and_amounts_are_no_decision() {
    let (mut world, objects) = (applied(), edited(|shape| shape.views[0].features[2] = 1));
    let digest = world.plan(&objects).decision_digest;
    world.registry.revision = 41;
    let ledger = world.ledgers.values_mut().next().unwrap();
    ledger.intervals[0].interval.to = Timestamp::from_nanos(7_000);
    assert_eq!(world.plan(&objects).decision_digest, digest);
    assert_ne!(world.plan(&edited(|shape| shape.views[0].features[2] = 2)).decision_digest, digest);
}

#[test]
fn a_plan_is_stale_when_what_it_read_moves_and_only_then() {
    let mut world = applied();
    let plan = world.plan(&edited(|shape| shape.views[0].ttl = 1));
    world.materialize();
    assert_eq!(plan.preconditions.check(&world.registry, Some(&world.infrastructure)), Vec::<String>::new());
    world.apply_all(&edited(|shape| shape.service = None));
    assert_eq!(plan.preconditions.check(&world.registry, Some(&world.infrastructure)).len(), 1);
    world.apply_all(&edited(|shape| shape.path = 1));
    let moved = plan.preconditions.check(&world.registry, Some(&world.infrastructure));
    assert_eq!(moved, ["data_source.shared is different now"]);
}

/// The whole way to text, for a reader's eyes.
#[test]
fn as_text() {
    let options = crate::view::text::TextOptions::default();
    let text = |plan: &Plan| {
        let text = crate::view::text::plan(plan, &options);
        text.parts().map(|(_, part)| part).collect::<String>()
    };
    let mut world = applied();
    let lossy = edited(|shape| {
        shape.views[0].features = [3, 3, 1];
        shape.words = 1;
    });
    insta::assert_snapshot!("created", text(&World::default().plan(&shape().objects())));
    insta::assert_snapshot!("replaced", text(&world.plan(&lossy)));
    insta::assert_snapshot!("nothing", text(&world.plan(&shape().objects())));
    world.apply_all(&lossy);
    insta::assert_snapshot!("waiting", text(&world.plan(&lossy)));
    insta::assert_snapshot!("destroyed", text(&world.plan(&Objects::default())));
}
