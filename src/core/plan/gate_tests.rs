//! What gates refuse, and what lets it pass.

use std::collections::BTreeSet;

use super::tests::{Shape, ViewShape, World};
use super::*;
use crate::model::{ObjectKind, Objects};

fn shape(edit: impl FnOnce(&mut Shape)) -> Objects {
    let view = ViewShape { there: true, online: true, features: [1, 3, 0], ttl: 2, own_source: false };
    let mut shape = Shape { key: 0, path: 0, views: vec![view], service: Some(1), words: 0 };
    edit(&mut shape);
    shape.objects()
}

fn loaded() -> World {
    let mut world = World::default();
    world.apply_all(&shape(|_| ()));
    world.materialize();
    world
}

fn view() -> Address {
    Address::new(ObjectKind::FeatureView, "view0")
}

fn risks(plan: &Plan) -> Vec<(String, Vec<Gate>)> {
    let of = |risk: &Risk| (format!("{}:{}", risk.code, risk.address), risk.gates.iter().copied().collect());
    plan.gate.risks.iter().map(of).collect()
}

const TYPE_CHANGE: &str = "PV104:feature_view.view0";

#[test]
fn risks_are_those_of_the_rules() {
    use Gate::{Breaking, Destructive, Rematerialize};
    let world = loaded();
    let plan_of = |edit: fn(&mut Shape)| world.plan(&shape(edit));
    assert_eq!(risks(&plan_of(|shape| shape.words = 1)), []);
    assert_eq!(risks(&plan_of(|shape| shape.views[0].features[2] = 1)), [], "a feature is added");
    assert_eq!(
        risks(&plan_of(|shape| shape.views[0].features[0] = 3)),
        [(TYPE_CHANGE.to_owned(), vec![Breaking, Destructive, Rematerialize])]
    );
    assert_eq!(
        risks(&plan_of(|shape| shape.views[0].ttl = 1)),
        [("PV107:feature_view.view0".to_owned(), vec![Breaking])]
    );
    let gone = plan_of(|shape| {
        shape.views[0].online = false;
        shape.service = None;
    });
    let expected = [
        ("PV116:feature_service.ranking".to_owned(), vec![Breaking]),
        ("PV112:feature_view.view0".to_owned(), vec![Breaking, Destructive]),
    ];
    assert_eq!(BTreeSet::from_iter(risks(&gone)), BTreeSet::from(expected));
}

#[test]
fn a_lost_table_is_drift() {
    let mut world = loaded();
    world.infrastructure.clear();
    let plan = world.plan(&shape(|_| ()));
    let expected = [("drift:feature_view.view0".to_owned(), vec![Gate::Rematerialize, Gate::Drift])];
    assert_eq!(risks(&plan), expected);
}

#[test]
fn what_is_accepted_passes_until_it_expires() {
    let mut world = loaded();
    world.gates = [Gate::Breaking, Gate::Destructive].into();
    let edited = shape(|shape| shape.views[0].features[0] = 3);
    let refused = |plan: &Plan| plan.gate.refused(plan.now).len();
    assert_eq!(refused(&world.plan(&edited)), 1);
    let accepted: Acceptance = TYPE_CHANGE.parse().unwrap();
    world.accepted = vec![accepted.clone()];
    let plan = world.plan(&edited);
    let said: Vec<&str> =
        plan.findings.iter().filter(|one| one.code == "PV104").map(|one| one.message.as_str()).collect();
    assert_eq!((refused(&plan), said), (0, vec!["accepted on the command line"]));
    world.accepted[0].reason = Some("agreed with the readers".to_owned());
    let said = world.plan(&edited).findings;
    assert!(said.iter().any(|one| one.message == "accepted: agreed with the readers"));

    let expires = Some(Timestamp::from_nanos(world.now));
    world.accepted = vec![Acceptance { expires, ..accepted.clone() }];
    let plan = world.plan(&edited);
    assert_eq!(refused(&plan), 1, "it expired this very moment");
    assert!(plan.findings.iter().any(|one| one.code == "PV104" && one.message.contains("expired")));

    let elsewhere = Address::new(ObjectKind::FeatureView, "other");
    world.accepted = vec![Acceptance { on: elsewhere, ..accepted }];
    let plan = world.plan(&edited);
    assert_eq!(refused(&plan), 1, "another object");
    assert!(plan.findings.iter().any(|one| one.message.contains("meets nothing")));
    let stored = Plan::from_json(&plan.to_json()).unwrap();
    assert_eq!(stored.gate.refused_by(&[Gate::Drift].into(), plan.now), Vec::<&Risk>::new());
    assert_eq!(stored.gate.risks[0].address, view());
}

#[test]
fn gates_and_acceptances_are_read_from_text() {
    assert_eq!("drift".parse(), Ok(Gate::Drift));
    let unknown = "braking".parse::<Gate>().unwrap_err();
    assert!(unknown.to_string().contains("there is no gate `braking`"));
    for text in ["PV104", "PV104:view0", "PV104:"] {
        assert!(text.parse::<Acceptance>().is_err(), "{text}");
    }
}
