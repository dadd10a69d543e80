//! Who reads what: the features of services, resolved, before and after.

use std::collections::{BTreeMap, BTreeSet};

use super::Affected;
use crate::model::{Address, FeatureService, Object, ObjectKind, Objects};

/// A feature, as view and name; or a field of a request source, as [`request_source`] and name.
pub(super) type FeatureName = (String, String);

/// What stands for a view where a field of a request source is meant: no name of a view has a dot.
pub(super) fn request_source(name: &str) -> String {
    format!("{}.{name}", ObjectKind::DataSource)
}

/// What a service gives, in order: output name, and the feature behind it.
pub(super) fn outputs(service: &FeatureService, objects: &Objects) -> Vec<(String, FeatureName)> {
    let all = |view: &str| -> Vec<String> {
        objects.features_of(view).into_iter().flatten().map(str::to_owned).collect()
    };
    let selected = service.features.iter().flat_map(|selection| {
        let features =
            selection.feature.clone().map_or_else(|| all(&selection.view), |feature| vec![feature]);
        features.into_iter().map(|feature| (feature.clone(), (selection.view.clone(), feature)))
    });
    let used = service.uses.iter().flat_map(|used| {
        let features = used.features.clone().unwrap_or_else(|| all(&used.view));
        features
            .into_iter()
            .map(|feature| (format!("{}__{feature}", used.name), (used.view.clone(), feature)))
    });
    selected.chain(used).collect()
}

/// The features and request fields that an on-demand feature is computed from.
pub(super) fn behind((view, feature): &FeatureName, objects: &Objects) -> Vec<FeatureName> {
    let Some(view) = objects.on_demand_feature_view(view) else { return Vec::new() };
    let columns = view.feature(feature).map(|feature| view.columns_of(feature)).unwrap_or_default();
    let place = |source: String| match objects.feature_view(&source).is_some() {
        true => source,
        false => request_source(&source),
    };
    columns.into_iter().map(|column| (place(column.source), column.name)).collect()
}

/// Names of the keys and request fields that a request must send.
pub(super) fn request_keys(service: &FeatureService, objects: &Objects) -> BTreeSet<String> {
    service.sent_values(objects).into_iter().map(|sent| sent.name).collect()
}

/// Whether a service takes the whole view, so that its order of features is the service's.
pub(super) fn taken_whole(view: &str, objects: &Objects) -> bool {
    services(objects).any(|(_, service)| {
        service.features.iter().any(|selection| selection.view == view && selection.feature.is_none())
            || service.uses.iter().any(|used| used.view == view && used.features.is_none())
    })
}

/// All feature services.
pub(super) fn services(objects: &Objects) -> impl Iterator<Item = (&Address, &FeatureService)> {
    objects.0.iter().filter_map(|(address, object)| match object {
        Object::FeatureService(service) => Some((address, service)),
        _ => None,
    })
}

/// Features that each service reads in either of two states, and its consumers.
#[derive(Debug)]
pub(super) struct Readers {
    services: BTreeMap<Address, (BTreeSet<FeatureName>, Vec<String>)>,
}

impl Readers {
    pub(super) fn of(before: &Objects, after: &Objects) -> Self {
        let mut found: BTreeMap<Address, (BTreeSet<FeatureName>, Vec<String>)> = BTreeMap::new();
        for objects in [before, after] {
            for (address, service) in services(objects) {
                let (features, consumers) = found.entry(address.clone()).or_default();
                for (_, feature) in outputs(service, objects) {
                    features.extend(behind(&feature, objects));
                    features.insert(feature);
                }
                for consumer in &service.consumers {
                    let text = match &consumer.owner {
                        Some(owner) => format!("{} ({owner})", consumer.name),
                        None => consumer.name.clone(),
                    };
                    if !consumers.contains(&text) {
                        consumers.push(text);
                    }
                }
            }
        }
        Self { services: found }
    }

    /// Services that read one of these features.
    pub(super) fn affected(&self, features: &BTreeSet<FeatureName>) -> Vec<Affected> {
        let hit = self.services.iter().filter_map(|(address, (reads, consumers))| {
            let features: Vec<String> =
                reads.intersection(features).map(|(view, feature)| format!("{view}:{feature}")).collect();
            let consumers = consumers.clone();
            (!features.is_empty()).then(|| Affected { address: address.clone(), features, consumers })
        });
        hit.collect()
    }

    /// A service as affected by its own change.
    pub(super) fn itself(&self, address: &Address) -> Option<Affected> {
        let (_, consumers) = self.services.get(address)?;
        Some(Affected { address: address.clone(), features: Vec::new(), consumers: consumers.clone() })
    }
}

/// All features that a view has in either state.
pub(super) fn features_of(view: &str, states: [&Objects; 2]) -> BTreeSet<FeatureName> {
    let names = states.into_iter().filter_map(|objects| objects.features_of(view)).flatten();
    names.map(|name| (view.to_owned(), name.to_owned())).collect()
}

/// The address of a view.
pub(super) fn view_address(name: &str) -> Address {
    Address::new(ObjectKind::FeatureView, name)
}
