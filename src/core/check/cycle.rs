//! Objects that need each other in a circle.

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::graph::Graph;

pub(super) fn check(definitions: &Definitions, graph: &Graph, findings: &mut Diagnostics) {
    for cycle in graph.cycles() {
        let Some(first) = cycle.first() else { continue };
        let names: Vec<String> = cycle.iter().chain([first]).map(|address| format!("`{address}`")).collect();
        let message = format!("definitions need each other in a circle: {}", names.join(" → "));
        let mut diagnostic = Diagnostic::error(codes::CYCLE, definitions.origin(first).header, message);
        for (position, address) in cycle.iter().enumerate() {
            let next = cycle.get(position + 1).unwrap_or(first);
            let text = format!("needs `{next}`");
            diagnostic = if position == 0 {
                diagnostic.label(text)
            } else {
                diagnostic.also(definitions.origin(address).header, text)
            };
        }
        findings.push(diagnostic);
    }
}
