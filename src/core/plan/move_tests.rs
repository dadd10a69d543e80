//! What `moved`, `removed` and `allow` blocks do to a plan.

use super::tests::{Shape, ViewShape, World};
use super::*;
use crate::model::{Allow, Moved, Object, ObjectKind, Objects, Removed};
use crate::registry::TableState;

fn objects() -> Objects {
    let view = ViewShape { there: true, online: true, features: [1, 3, 0], ttl: 2, own_source: false };
    Shape { key: 0, path: 0, views: vec![view], service: Some(1), words: 0 }.objects()
}

fn loaded() -> World {
    let mut world = World::default();
    world.now = 1_000;
    world.apply_all(&objects());
    world.materialize();
    world
}

fn moved(from: &str, to: &str) -> Moved {
    Moved { from: from.parse().unwrap(), to: to.parse().unwrap(), alias_until: None }
}

/// The definitions after all that is called `view0` is called `trips`.
fn renamed(aliases: &[(&str, i64)]) -> Objects {
    let mut objects = objects();
    let old = Address::new(ObjectKind::FeatureView, "view0");
    let Some(Object::FeatureView(mut view)) = objects.0.remove(&old) else { panic!("there is a view") };
    view.aliases =
        aliases.iter().map(|(name, until)| ((*name).to_owned(), Timestamp::from_nanos(*until))).collect();
    objects.0.insert(Address::new(ObjectKind::FeatureView, "trips"), Object::FeatureView(view));
    for object in objects.0.values_mut() {
        if let Object::FeatureService(service) = object {
            service.features.iter_mut().for_each(|selection| selection.view = "trips".to_owned());
        }
    }
    objects
}

fn change<'a>(plan: &'a Plan, address: &str) -> &'a Change {
    plan.changes.iter().find(|change| change.address.to_string() == address).unwrap()
}

#[test]
fn a_view_that_moves_keeps_its_table_and_its_values() {
    for (aliases, contract) in [
        (&[][..], Contract::Breaking),
        (&[("view0", 2_000)][..], Contract::NonBreaking),
        (&[("view0", 900)][..], Contract::Breaking),
    ] {
        let mut world = loaded();
        world.said.moved = vec![moved("feature_view.view0", "feature_view.trips")];
        let objects = renamed(aliases);
        let plan = world.plan(&objects);
        let view = change(&plan, "feature_view.trips");
        assert_eq!((&view.actions[..], view.contract), (&[Action::Move][..], contract), "{aliases:?}");
        assert_eq!(view.previous_address.as_ref().unwrap().to_string(), "feature_view.view0");
        assert!(view.codes.contains("PV123") && view.data.is_empty());
        assert_eq!(change(&plan, "feature_service.ranking").contract, Contract::Metadata);
        assert_eq!(plan.affected.is_empty(), contract != Contract::Breaking);
        assert_eq!(plan.changes.len(), 2, "the old name is no deletion");
        assert!(plan.infrastructure.is_empty());
        assert!(plan.steps.iter().all(|step| step.action == StepAction::Define));
        world.apply(&plan, plan.steps.len());
        let tables: Vec<String> =
            world.registry.tables.values().map(|table| format!("{} of {}", table.id, table.view)).collect();
        assert_eq!(tables, ["view0.r1 of feature_view.trips"]);
        assert_eq!(world.registry.objects, objects);
        assert!(world.plan(&objects).steps.is_empty(), "the block may stay");
        world.said.moved.clear();
        assert!(world.plan(&objects).steps.is_empty(), "and may go, as the alias stands in the view");
    }
}

#[test]
fn taking_an_alias_back_before_its_day_is_breaking() {
    let mut world = loaded();
    world.said.moved = vec![moved("feature_view.view0", "feature_view.trips")];
    world.apply_all(&renamed(&[("view0", 2_000)]));
    let plan = world.plan(&renamed(&[]));
    let view = change(&plan, "feature_view.trips");
    assert_eq!((view.contract, view.codes.first().unwrap().as_str()), (Contract::Breaking, "PV123"));
    world.now = 3_000;
    let plan = world.plan(&renamed(&[]));
    assert_eq!(change(&plan, "feature_view.trips").contract, Contract::Metadata);
}

#[test]
fn a_feature_that_moves_keeps_its_column() {
    let mut world = loaded();
    let mut objects = objects();
    for object in objects.0.values_mut() {
        match object {
            Object::FeatureView(view) => view.features[0].name = "f00".to_owned(),
            Object::FeatureService(service) => {
                for selection in &mut service.features {
                    selection.feature = selection.feature.take().map(|name| name.replace("f0", "f00"));
                }
            }
            _ => {}
        }
    }
    let without = world.plan(&objects);
    assert!(
        change(&without, "feature_view.view0").codes.contains("PV103"),
        "else it is one that goes and one that comes"
    );
    world.said.moved = vec![moved("feature_view.view0.f0", "feature_view.view0.f00")];
    let plan = world.plan(&objects);
    let view = change(&plan, "feature_view.view0");
    assert_eq!(
        (view.codes.iter().map(String::as_str).collect::<Vec<_>>(), view.contract),
        (vec!["PV123"], Contract::Breaking)
    );
    assert!(view.data.is_empty() && plan.infrastructure.is_empty());
    assert_eq!(plan.affected[0].features, ["view0:f00"]);
    world.apply(&plan, plan.steps.len());
    let table = world.registry.tables.values().next().unwrap();
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", column.id.0, column.name)).collect();
    assert_eq!(columns, ["1 f00", "2 f1"]);
    assert!(world.plan(&objects).steps.is_empty());
}

/// A rename beside a change of what a view stands on hides nothing of that change: one of the view itself, one of another.
#[test]
fn what_moves_hides_nothing_of_what_changes_upstream() {
    let defined = |path: u8, key: u8| {
        let view =
            |own_source| ViewShape { there: true, online: true, features: [1, 3, 0], ttl: 2, own_source };
        Shape { key, path, views: vec![view(false), view(true)], service: None, words: 0 }.objects()
    };
    for (changed, code) in [(defined(1, 0), "PV109"), (defined(0, 1), "PV106")] {
        for renamed in ["view0", "view1"] {
            let mut world = World::default();
            world.now = 1_000;
            world.apply_all(&defined(0, 0));
            world.materialize();
            world.gates = Gate::ALL.into();
            let mut objects = changed.clone();
            let address = Address::new(ObjectKind::FeatureView, renamed);
            let Some(Object::FeatureView(view)) = objects.0.get_mut(&address) else { panic!("a view") };
            view.features[0].name = "f00".to_owned();
            let names = ["f0", "f00"].map(|feature| format!("{address}.{feature}"));
            world.said.moved = vec![moved(&names[0], &names[1])];
            let plan = world.plan(&objects);
            let view = change(&plan, "feature_view.view0");
            assert!(view.codes.contains(code), "{renamed}: {:?}", view.codes);
            assert_eq!(view.contract, Contract::Breaking);
            assert!(plan.gate.refused(plan.now).iter().any(|risk| risk.code == code
                && risk.address == view.address
                && risk.gates.contains(&Gate::Rematerialize)));
        }
    }
}

#[test]
fn what_is_forgotten_is_left_where_it_is() {
    let mut world = loaded();
    let address = Address::new(ObjectKind::FeatureView, "view0");
    world.said.removed = vec![Removed { from: address.clone(), destroy: false }];
    let mut objects = objects();
    objects.0.retain(|found, _| *found != address && found.kind != ObjectKind::FeatureService);
    let plan = world.plan(&objects);
    let view = change(&plan, "feature_view.view0");
    assert_eq!((&view.actions[..], view.contract), (&[Action::Forget][..], Contract::Breaking));
    assert!(view.data.is_empty() && plan.infrastructure.is_empty());
    let before = world.infrastructure.clone();
    world.apply(&plan, plan.steps.len());
    assert_eq!(world.infrastructure, before);
    assert!(world.registry.tables.values().all(|table| table.state == TableState::Forgotten));
    assert!(world.plan(&objects).steps.is_empty());
    let everything = world.destroyed().plan.unwrap();
    assert!(everything.infrastructure.is_empty(), "destroying leaves it too");
}

#[test]
fn values_that_are_said_to_be_the_same_are_not_written_again() {
    let mut world = loaded();
    let elsewhere = {
        let view = ViewShape { there: true, online: true, features: [1, 3, 0], ttl: 2, own_source: false };
        Shape { key: 0, path: 1, views: vec![view], service: Some(1), words: 0 }.objects()
    };
    assert_eq!(world.plan(&elsewhere).summary.rematerialize, 1);
    let allow = Allow {
        code: "PV109".to_owned(),
        on: Address::new(ObjectKind::DataSource, "shared"),
        reason: "copied".to_owned(),
        expires: Some(Timestamp::from_nanos(2_000)),
        values_unchanged: true,
    };
    world.said.allowed = vec![allow];
    world.gates = [Gate::Breaking].into();
    let plan = world.plan(&elsewhere);
    assert_eq!((plan.summary.rematerialize, plan.summary.replace), (0, 0));
    assert_eq!(plan.changes.len(), 1, "the view is what it was");
    let source = change(&plan, "data_source.shared");
    assert!(source.codes.contains("PV109"));
    assert_eq!(plan.gate.refused(plan.now), Vec::<&Risk>::new());
    world.apply(&plan, plan.steps.len());
    assert!(world.plan(&elsewhere).steps.is_empty());
    let table = world.registry.tables.values().next().unwrap();
    assert_eq!(table.equal_sources.len(), 1);
    // What was loaded before still counts.
    assert_eq!(world.plan(&elsewhere).pending, []);
    world.now = 3_000;
    assert!(world.plan(&elsewhere).steps.is_empty(), "once recorded, it holds");
}

#[test]
fn nothing_new_takes_an_old_name_that_is_still_answered() {
    let mut world = loaded();
    let aliased = renamed(&[("view0", 2_000)]);
    world.said.moved = vec![moved("feature_view.view0", "feature_view.trips")];
    world.apply_all(&aliased);
    world.said.moved.clear();
    let again = {
        let mut objects = aliased.clone();
        let old = loaded().registry.objects;
        let view = Address::new(ObjectKind::FeatureView, "view0");
        objects.0.insert(view.clone(), old.get(&view).unwrap().clone());
        objects
    };
    let errors = world.outcome(&again).errors;
    assert_eq!((errors.len(), errors[0].code.as_str()), (1, "PV123"), "{errors:?}");
    assert!(errors[0].message.contains("feature_view.trips"), "{errors:?}");
    world.now = 2_000;
    assert_eq!(world.outcome(&again).errors, []);
}
