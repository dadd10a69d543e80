//! Measurements of large plans; run by hand, in release:
//! `cargo test --release -p provender-core --lib plan::measure -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "the figures are for people")]

use std::collections::BTreeMap;

use std::time::{Duration as Elapsed, Instant};

use super::tests::{Shape, ViewShape, World};
use crate::model::{Address, Feature, Metadata, Object, ObjectKind, Objects, Selection, ValueType};

/// Views of ten features, each on a source of its own, and a service for every ten views.
fn fleet(views: usize) -> Objects {
    let view = ViewShape { there: true, online: true, features: [1, 2, 3], ttl: 2, own_source: true };
    let shape = Shape { key: 0, path: 0, views: vec![view; views], service: None, words: 1 };
    let mut objects = shape.objects();
    let mut services: Vec<(Address, Object)> = Vec::new();
    let feature = |number: usize| Feature {
        name: format!("more{number}"),
        value_type: ValueType::Float64,
        aliases: BTreeMap::new(),
        metadata: Metadata::default(),
    };
    for object in objects.0.values_mut() {
        if let Object::FeatureView(view) = object {
            view.features.extend((0..7).map(feature));
        }
    }
    for group in 0..views / 10 {
        let selection = |view: usize| Selection::of(format!("view{view}"), None);
        let service = crate::model::FeatureService {
            features: (group * 10..group * 10 + 10).map(selection).collect(),
            ..crate::model::FeatureService::default()
        };
        let address = Address::new(ObjectKind::FeatureService, format!("service{group}"));
        services.push((address, Object::FeatureService(service)));
    }
    objects.0.extend(services);
    objects
}

impl World {
    /// Applies without looking at each prefix; for large projects.
    fn apply_unchecked(&mut self, objects: &Objects) {
        let plan = self.plan(objects);
        self.registry.revision += 1;
        for step in &plan.steps {
            let change = step.change.resolve(self.registry.revision);
            for (id, object) in &change.infrastructure {
                match object {
                    Some(object) => drop(self.infrastructure.insert(id.clone(), object.clone())),
                    None => drop(self.infrastructure.remove(id)),
                }
            }
            self.registry.apply_change(&change);
        }
    }
}

fn fastest(mut work: impl FnMut()) -> Elapsed {
    let mut timed = || {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    (0..7).map(|_| timed()).min().unwrap_or_default()
}

#[test]
#[ignore = "a measurement"]
fn large_plans() {
    let objects = fleet(1_000);
    let mut world = World::default();
    let first = fastest(|| drop(World::default().plan(&objects)));
    world.apply_unchecked(&objects);
    world.materialize();
    let nothing = fastest(|| assert!(world.plan(&objects).steps.is_empty()));
    let mut keyed = objects.clone();
    let driver = keyed.0.get_mut(&Address::new(ObjectKind::Entity, "driver"));
    if let Some(Object::Entity(entity)) = driver {
        entity.join_key = "other".to_owned();
    }
    let replaced = fastest(|| drop(world.plan(&keyed)));
    let destroyed = fastest(|| drop(world.plan(&Objects::default())));
    println!(
        "{} objects: first plan {first:?}, nothing to do {nothing:?}, all replaced {replaced:?}, all destroyed {destroyed:?}",
        objects.0.len()
    );
}
