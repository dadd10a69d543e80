//! References: what they name must be defined, and not left out by `enabled`.

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes, suggestion};
use crate::model::{Address, Object, ObjectKind, SourceKind};
use crate::source::{Place, Span};

pub(super) fn check(definitions: &Definitions, findings: &mut Diagnostics) {
    for (address, object) in &definitions.objects.0 {
        let Some(origin) = definitions.origins.get(address) else { continue };
        let mut named = |kind: ObjectKind, name: &str, place: Place| {
            resolve(definitions, &Address::new(kind, name), origin.span(place), findings);
        };
        match object {
            Object::Entity(_) => {}
            Object::DataSource(source) => {
                if let SourceKind::Push { batch_source } = &source.kind {
                    named(ObjectKind::DataSource, batch_source, Place::attribute("batch_source"));
                }
            }
            Object::FeatureView(view) => {
                for (position, entity) in view.entities.iter().enumerate() {
                    named(ObjectKind::Entity, entity, Place::element("entities", position));
                }
                named(ObjectKind::DataSource, &view.source, Place::attribute("source"));
            }
            Object::OnDemandFeatureView(view) => {
                for (position, source) in view.sources.iter().enumerate() {
                    named(source.kind, &source.name, Place::element("sources", position));
                }
            }
            Object::FeatureService(service) => {
                for (position, selection) in service.features.iter().enumerate() {
                    let Address { kind, name } = selection.address();
                    named(kind, &name, Place::element("features", position));
                }
                for (position, used) in service.uses.iter().enumerate() {
                    named(ObjectKind::FeatureView, &used.view, Place::block("use", position).at("view"));
                }
            }
        }
    }
}

/// A reference to what `enabled` leaves out.
pub(super) fn left_out(target: &str, span: Span) -> Diagnostic {
    let message = format!("`{target}` is left out: its `enabled` is false");
    let diagnostic = Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message);
    diagnostic.help("leave the reference out under the same condition")
}

/// Says what is wrong with a name, if something is.
fn resolve(definitions: &Definitions, target: &Address, span: Span, findings: &mut Diagnostics) {
    let help = || suggestion(&target.name, definitions.names(target.kind));
    if let Some(diagnostic) = unresolved(definitions, target, span, help) {
        findings.push(diagnostic);
    }
}

/// What is wrong with a name, if something is. `near` says which others are known where it stands.
pub(crate) fn unresolved(
    definitions: &Definitions,
    target: &Address,
    span: Span,
    near: impl FnOnce() -> Option<String>,
) -> Option<Diagnostic> {
    if definitions.disabled.contains(target) {
        let mut diagnostic = left_out(&target.to_string(), span);
        if let Some(place) = definitions.declaration(target) {
            diagnostic = diagnostic.also(place, "defined here");
        }
        return Some(diagnostic);
    }
    if definitions.unread.may_define(&target.name)
        || definitions.unnamed.contains(&target.kind)
        || definitions.ambiguous.contains(target)
        || definitions.is_declared(target)
        || definitions.told.contains(&span)
    {
        return None;
    }
    let other = match target.kind {
        ObjectKind::FeatureView => ObjectKind::OnDemandFeatureView,
        _ => ObjectKind::FeatureView,
    };
    let other = Address::new(other, &target.name);
    let help = if target.kind.has_features() && definitions.is_declared(&other) {
        format!("write `{other}`: it is of that kind")
    } else if target.name.contains('-') {
        "`-` without spaces around it is a part of a name; write spaces to subtract".to_owned()
    } else {
        near().unwrap_or_else(|| {
            format!("define it: `{} {}\"{}\" {{ … }}`", target.kind, kind_label(target.kind), target.name)
        })
    };
    let message = format!("there is no {} `{}`", words(target.kind), target.name);
    Some(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).help(help))
}

const fn kind_label(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::DataSource => "\"file\" ",
        _ => "",
    }
}

const fn words(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Entity => "entity",
        ObjectKind::DataSource => "data source",
        ObjectKind::FeatureView => "feature view",
        ObjectKind::OnDemandFeatureView => "on-demand feature view",
        ObjectKind::FeatureService => "feature service",
    }
}
