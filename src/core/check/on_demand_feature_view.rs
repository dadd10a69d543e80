//! On-demand feature views: their sources, names of features, and expressions that fit their types.

use std::collections::BTreeMap;

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::expression::{Compiled, Inputs};
use crate::model::{Address, Object, ObjectKind, OnDemandFeatureView, SourceKind};
use crate::source::{Origin, Place, Span};

pub(super) fn check(definitions: &Definitions, findings: &mut Diagnostics) {
    for (address, object) in &definitions.objects.0 {
        let Object::OnDemandFeatureView(view) = object else { continue };
        let Some(origin) = definitions.origins.get(address) else { continue };
        let all_known = sources(definitions, view, origin, findings);
        features(view, origin, findings);
        if all_known {
            expressions(definitions, address, view, findings);
        }
    }
}

/// Whether every source could be read, and is one.
fn sources(
    definitions: &Definitions,
    view: &OnDemandFeatureView,
    origin: &Origin,
    findings: &mut Diagnostics,
) -> bool {
    let mut all_known = true;
    for (position, source) in view.sources.iter().enumerate() {
        all_known &= definitions.objects.get(source).is_some();
        let Some(found) = definitions.objects.data_source(&source.name) else { continue };
        if source.kind != ObjectKind::DataSource || matches!(found.kind, SourceKind::Request { .. }) {
            continue;
        }
        all_known = false;
        let message = format!("the data source `{}` is no request source", source.name);
        let span = origin.span(Place::element("sources", position));
        let mut diagnostic = Diagnostic::error(codes::WRONG_KIND, span, message);
        if let Some(place) = definitions.declaration(source) {
            diagnostic = diagnostic.also(place, "defined here");
        }
        findings.push(
            diagnostic.help("an on-demand view reads stored values from a feature view: `feature_view.NAME`"),
        );
    }
    all_known
}

fn features(view: &OnDemandFeatureView, origin: &Origin, findings: &mut Diagnostics) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for (position, feature) in view.features.iter().enumerate() {
        let span = origin.span(Place::block("feature", position));
        if let Some(first) = seen.insert(feature.name.to_lowercase(), span) {
            let message = format!("the feature `{}` is defined twice", feature.name);
            findings.push(Diagnostic::error(codes::DUPLICATE, span, message).also(first, "the first"));
        }
    }
}

fn expressions(
    definitions: &Definitions,
    address: &Address,
    view: &OnDemandFeatureView,
    findings: &mut Diagnostics,
) {
    let columns = view.source_columns(&definitions.objects);
    let inputs = Inputs::new(&columns);
    let trees = definitions.expressions.get(address).map_or(&[][..], Vec::as_slice);
    for (feature, tree) in view.features.iter().zip(trees) {
        let Err(diagnostic) = Compiled::of_tree(tree, &feature.value_type, &inputs) else { continue };
        let left_out = view.columns_of(feature).into_iter().find(|column| {
            let source = view.sources.iter().find(|source| source.name == column.source);
            source.is_some_and(|source| definitions.origin(source).leaves_out(&column.name))
        });
        findings.push(match (left_out, &diagnostic.primary) {
            (Some(column), Some(place)) if diagnostic.code == codes::UNKNOWN_REFERENCE => {
                super::reference::left_out(&format!("{}.{}", column.source, column.name), place.span)
            }
            _ => *diagnostic,
        });
    }
}
