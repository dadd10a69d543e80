//! Data sources: what may stand behind a push source; fields of a request; names that columns are given.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes, suggestion};
use crate::graph::Graph;
use crate::model::{Address, DataSource, Object, ObjectKind, SourceKind};
use crate::source::{Origin, Place, Span};

pub(super) fn check(definitions: &Definitions, graph: &Graph, findings: &mut Diagnostics) {
    let all_known = LazyCell::new(|| definitions.knows_all(ObjectKind::FeatureView));
    for (address, object) in &definitions.objects.0 {
        let Object::DataSource(source) = object else { continue };
        let Some(origin) = definitions.origins.get(address) else { continue };
        match &source.kind {
            SourceKind::Push { batch_source } => {
                let Some(behind) = definitions.objects.data_source(batch_source) else { continue };
                // A circle of push sources is told by the rule about circles.
                let rows = !matches!(behind.kind, SourceKind::Push { .. } | SourceKind::Request { .. });
                if rows || graph.upstream(address).contains(address) {
                    continue;
                }
                let kind = behind.kind.as_str();
                let message = format!("the history of a push source cannot come from a {kind} source");
                let span = origin.span(Place::attribute("batch_source"));
                let mut diagnostic = Diagnostic::error(codes::WRONG_KIND, span, message);
                if let Some(place) =
                    definitions.declaration(&Address::new(ObjectKind::DataSource, batch_source))
                {
                    diagnostic = diagnostic.also(place, format!("a {kind} source"));
                }
                findings.push(diagnostic.help("name a source that holds rows, such as a `file` source"));
            }
            SourceKind::Request { fields } => {
                let mut seen: BTreeMap<String, Span> = BTreeMap::new();
                for (position, field) in fields.iter().enumerate() {
                    let span = origin.span(Place::block("field", position));
                    if let Some(first) = seen.insert(field.name.to_lowercase(), span) {
                        let message = format!("the field `{}` is defined twice", field.name);
                        let diagnostic = Diagnostic::error(codes::DUPLICATE, span, message);
                        findings.push(diagnostic.also(first, "the first"));
                    }
                }
            }
            _ if source.field_mapping.is_empty() || !*all_known => {}
            _ => mapping(definitions, graph, (address, source), origin, findings),
        }
    }
}

/// A column gets a name that no view on the source reads: a warning, since it changes nothing.
fn mapping(
    definitions: &Definitions,
    graph: &Graph,
    (address, source): (&Address, &DataSource),
    origin: &Origin,
    findings: &mut Diagnostics,
) {
    let behind = graph.downstream(address);
    let views: Vec<&Address> = behind.iter().filter(|one| one.kind == ObjectKind::FeatureView).collect();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for view in &views {
        let Some(found) = definitions.objects.feature_view(&view.name) else { return };
        known.extend(found.features.iter().map(|feature| feature.name.as_str()));
        for entity in &found.entities {
            let Some(entity) = definitions.objects.entity(entity) else { return };
            known.insert(&entity.join_key);
        }
    }
    let times = [&source.timestamp_field, &source.created_timestamp_column, &source.date_partition_column];
    let times: Vec<&str> = times.into_iter().flatten().map(String::as_str).collect();
    for (column, name) in &source.field_mapping {
        let is_left_out = |view: &&Address| {
            definitions.origin(view).leaves_out(name) || definitions.may_have_feature(view, name)
        };
        let is_read = known.contains(name.as_str()) || times.contains(&name.as_str());
        if views.is_empty() || is_read || views.iter().any(is_left_out) {
            continue;
        }
        let message = format!("no view on `{address}` has a feature or join key `{name}`");
        let help = if known.contains(column.as_str()) {
            Some(format!("the column of the source stands first: write `{{ {name} = \"{column}\" }}`"))
        } else {
            suggestion(name, known.iter().copied())
        };
        let span = origin.span(Place::attribute("field_mapping"));
        findings.push(Diagnostic::warning(codes::UNKNOWN_REFERENCE, span, message).maybe_help(help));
    }
}
