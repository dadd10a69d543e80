//! Diagnostics as data, for `--format json`.

use serde::Serialize;

use super::{Code, Diagnostic, Diagnostics, Label, Severity};
use crate::plan::SourceRange;
use crate::source::Sources;

/// One finding as data. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonDiagnostic {
    /// The rule.
    pub code: Code,
    /// `error` or `warning`.
    pub severity: Severity,
    /// What happened.
    pub message: String,
    /// Where; null for findings about no file.
    pub range: Option<SourceRange>,
    /// Other places that belong to it.
    pub related: Vec<JsonLabel>,
    /// What to do.
    pub help: Vec<String>,
}

/// A place with a few words about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonLabel {
    /// The place.
    pub range: SourceRange,
    /// What is there.
    pub message: String,
}

/// The findings as data, in their order.
pub fn to_json(diagnostics: &Diagnostics, sources: &Sources) -> Vec<JsonDiagnostic> {
    diagnostics.iter().map(|diagnostic| one(diagnostic, sources)).collect()
}

fn one(diagnostic: &Diagnostic, sources: &Sources) -> JsonDiagnostic {
    let related = |label: &Label| JsonLabel { range: sources.range(label.span), message: label.text.clone() };
    JsonDiagnostic {
        code: diagnostic.code,
        severity: diagnostic.severity,
        message: diagnostic.message.clone(),
        range: diagnostic.primary.as_ref().map(|label| sources.range(label.span)),
        related: diagnostic.secondary.iter().map(related).collect(),
        help: diagnostic.help.clone(),
    }
}
