//! Findings about definitions and plans: a stable code, a severity, the places, and what to do.
//!
//! A diagnostic is a value; nothing here prints. `render` turns diagnostics into text with source snippets, `json` into
//! data. `codes` lists every code of definitions.

pub mod codes;
mod json;
mod render;
mod suggest;

use serde::Serialize;

pub use json::{JsonDiagnostic, JsonLabel, JsonPosition, JsonRange, JsonReport, JsonSnippet, to_json};
pub use render::{RenderOptions, printable, render, steers};
pub use suggest::{nearest, suggestion};

use crate::source::Span;

/// The stable name of a rule: `PD001`… for definitions, `PV101`… for plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(pub &'static str);

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing can go on.
    Error,
    /// It works, and is probably not what was meant.
    Warning,
}

/// A span with a few words about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What happened; lower case, no full stop.
    pub message: String,
    /// Where; none for findings about no file.
    pub primary: Option<Label>,
    /// Other places that belong to it, such as the first of two definitions.
    pub secondary: Vec<Label>,
    /// What to do, one line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at a span.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        let mut diagnostic = Self::unplaced(code, message);
        diagnostic.primary = Some(Label { span, text: String::new() });
        diagnostic
    }

    /// An error about no place in particular.
    pub fn unplaced(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning at a span.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// With words under the primary span.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// With another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// With a line of help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// With a line of help, if there is one.
    #[must_use]
    pub fn maybe_help(mut self, text: Option<String>) -> Self {
        self.help.extend(text);
        self
    }
}

/// Findings, in the order in which they were made until [`Diagnostics::sort`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of the other's.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Keeps those that are such.
    pub fn retain(&mut self, is_such: impl FnMut(&Diagnostic) -> bool) {
        self.0.retain(is_such);
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Takes texts that must not be shown out of every message.
    pub fn hide(&mut self, secrets: &[String]) {
        let hide = |text: &mut String| {
            for secret in secrets.iter().filter(|secret| text.contains(secret.as_str())).collect::<Vec<_>>() {
                *text = text.replace(secret.as_str(), "(sensitive value)");
            }
        };
        for diagnostic in &mut self.0 {
            hide(&mut diagnostic.message);
            diagnostic.help.iter_mut().for_each(hide);
            diagnostic.secondary.iter_mut().for_each(|label| hide(&mut label.text));
        }
    }

    /// Orders them by file, offset, code and message, and drops repetitions.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            let key = |diagnostic: &Diagnostic| diagnostic.primary.as_ref().map(|label| label.span);
            (key(a), a.code, &a.message).cmp(&(key(b), b.code, &b.message))
        });
        self.0.dedup();
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests;
