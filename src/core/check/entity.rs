//! Entities: the type of a key.

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::model::{Object, ValueType};
use crate::source::Place;

pub(super) fn check(definitions: &Definitions, findings: &mut Diagnostics) {
    for (address, object) in &definitions.objects.0 {
        let Object::Entity(entity) = object else { continue };
        let origin = definitions.origin(address);
        if !entity.value_type.is_key() {
            let message = format!("`{}` cannot be the type of a join key", entity.value_type);
            let keys = ValueType::SCALARS.into_iter().filter(ValueType::is_key);
            let known: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
            let span = origin.span(Place::attribute("value_type"));
            let diagnostic = Diagnostic::error(codes::TYPE, span, message);
            findings.push(diagnostic.help(format!("keys are one of {}", known.join(", "))));
        }
        if entity.join_key.trim().is_empty() {
            let span = origin.span(Place::attribute("join_key"));
            findings.push(Diagnostic::error(codes::VALUE, span, "`join_key` is empty"));
        }
    }
}
