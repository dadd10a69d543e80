//! Data sources: what may stand behind a push source; fields of a request.

use std::collections::BTreeMap;

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::graph::Graph;
use crate::model::{Address, Object, ObjectKind, SourceKind};
use crate::source::{Place, Span};

pub(super) fn check(definitions: &Definitions, graph: &Graph, findings: &mut Diagnostics) {
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
            _ => {}
        }
    }
}
