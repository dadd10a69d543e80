//! Feature views: names of features, join keys, the kind of source.

use std::collections::BTreeMap;

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::model::{Address, FeatureView, Object, ObjectKind, SourceKind};
use crate::source::{Origin, Place};

pub(super) fn check(definitions: &Definitions, findings: &mut Diagnostics) {
    for (address, object) in &definitions.objects.0 {
        let Object::FeatureView(view) = object else { continue };
        let Some(origin) = definitions.origins.get(address) else { continue };
        let keys = join_keys(definitions, view, origin, findings);
        features(view, origin, &keys, findings);
        source(definitions, view, origin, findings);
    }
}

/// The join keys with the position of their entity; two entities with one key are a finding.
fn join_keys(
    definitions: &Definitions,
    view: &FeatureView,
    origin: &Origin,
    findings: &mut Diagnostics,
) -> BTreeMap<String, usize> {
    let span = |position: usize| origin.span(Place::element("entities", position));
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    for (position, name) in view.entities.iter().enumerate() {
        let Some(entity) = definitions.objects.entity(name) else { continue };
        if let Some(first) = keys.insert(entity.join_key.to_lowercase(), position) {
            let twice = view.entities[..position].contains(name);
            let message = if twice {
                format!("the entity `{name}` stands here twice")
            } else {
                format!("two entities have the join key `{}`", entity.join_key)
            };
            let diagnostic = Diagnostic::error(codes::CONFLICT, span(position), message);
            findings.push(diagnostic.also(span(first), "the first"));
        }
    }
    keys
}

fn features(view: &FeatureView, origin: &Origin, keys: &BTreeMap<String, usize>, findings: &mut Diagnostics) {
    let span = |position: usize| origin.span(Place::block("feature", position));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (position, feature) in view.features.iter().enumerate() {
        let lower = feature.name.to_lowercase();
        if let Some(key) = keys.get(&lower) {
            let message = format!("the feature `{}` has the name of a join key", feature.name);
            let key = origin.span(Place::element("entities", *key));
            let diagnostic = Diagnostic::error(codes::COLLISION, span(position), message)
                .also(key, "an entity with this join key");
            findings.push(diagnostic.help("a join key needs no `feature` block; leave it out"));
        }
        if let Some(first) = seen.insert(lower, position) {
            let message = format!("the feature `{}` is defined twice", feature.name);
            let diagnostic = Diagnostic::error(codes::DUPLICATE, span(position), message);
            findings.push(diagnostic.also(span(first), "the first"));
        }
    }
}

fn source(definitions: &Definitions, view: &FeatureView, origin: &Origin, findings: &mut Diagnostics) {
    let Some(source) = definitions.objects.data_source(&view.source) else { return };
    if !matches!(source.kind, SourceKind::Request { .. }) {
        return;
    }
    let message = "a feature view cannot take its rows from a request source";
    let mut diagnostic =
        Diagnostic::error(codes::WRONG_KIND, origin.span(Place::attribute("source")), message);
    if let Some(place) = definitions.declaration(&Address::new(ObjectKind::DataSource, &view.source)) {
        diagnostic = diagnostic.also(place, "a request source");
    }
    findings.push(diagnostic.help("fields of a request are for on-demand feature views"));
}
