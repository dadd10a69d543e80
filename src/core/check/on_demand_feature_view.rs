//! On-demand feature views: their sources, names of features, and expressions that fit their types.

use std::collections::BTreeMap;

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::expression::{Compiled, Inputs, Tree};
use crate::model::{Address, Object, ObjectKind, OnDemandFeatureView, SourceKind, ValueType, member};
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
    for (position, tree) in trees.iter().enumerate() {
        let unknown = Compiled::unknown_names(tree, &inputs);
        if let (true, Some(feature)) = (unknown.is_empty(), view.features.get(position)) {
            let mistakes = Compiled::mistakes(tree, &feature.value_type, &inputs);
            if let (true, Some(warning)) = (mistakes.is_empty(), quoted(tree, &columns)) {
                findings.push(warning);
            }
            mistakes.into_iter().for_each(|mistake| findings.push(mistake));
        }
        for (column, diagnostic) in unknown {
            let column = column.and_then(|column| {
                let source = view.sources.iter().find(|source| source.name == column.source)?;
                Some((source, column))
            });
            match (column, &diagnostic.primary) {
                (Some((source, column)), _) if definitions.may_have_feature(source, &column.name) => {}
                (Some((source, column)), Some(place))
                    if definitions.origin(source).leaves_out(&column.name) =>
                {
                    let name = format!("{}{}", column.source, member(&column.name));
                    findings.push(super::reference::left_out(&name, place.span));
                }
                _ => findings.push(*diagnostic),
            }
        }
    }
}

/// A warning where all of the expression is a text that names a column.
fn quoted(tree: &Tree, columns: &BTreeMap<String, BTreeMap<String, ValueType>>) -> Option<Diagnostic> {
    let (text, span) = tree.as_text()?;
    let (source, column) = text.split_once('.')?;
    columns.get(source)?.get(column)?;
    let message = format!("this is the text `{text}`, and no column");
    Some(
        Diagnostic::warning(codes::EXPRESSION, span, message).help(format!("write `{text}`, without quotes")),
    )
}
