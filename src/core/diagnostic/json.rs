//! Diagnostics as data, in the shape of `terraform validate -json` with our codes and related places added.

use serde::Serialize;

use super::{Code, Diagnostic, Diagnostics, Severity};
use crate::source::{Sources, Span};

/// The answer of `validate --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonReport {
    /// Version of this shape; Terraform's.
    pub format_version: &'static str,
    /// Whether there is no error.
    pub valid: bool,
    /// Number of errors.
    pub error_count: usize,
    /// Number of warnings.
    pub warning_count: usize,
    /// The findings, in order.
    pub diagnostics: Vec<JsonDiagnostic>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonDiagnostic {
    /// `error` or `warning`.
    pub severity: Severity,
    /// The rule; left out of findings about the columns of a source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What happened.
    pub summary: String,
    /// What to do; empty where there is nothing to say.
    pub detail: String,
    /// Where; left out of findings about no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<JsonRange>,
    /// The lines there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<JsonSnippet>,
    /// Other places that belong to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<JsonLabel>,
}

/// A place with a few words about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonLabel {
    /// The place.
    pub range: JsonRange,
    /// What is there.
    pub message: String,
}

/// A stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonRange {
    /// Relative to the project folder.
    pub filename: String,
    /// The first character.
    pub start: JsonPosition,
    /// Just after the last.
    pub end: JsonPosition,
}

/// Line and column from 1, columns in characters; bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct JsonPosition {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
    /// Bytes of the file before it.
    pub byte: usize,
}

/// The lines of a range, and the part of them that is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonSnippet {
    /// The lines, without the last line feed.
    pub code: String,
    /// Number of the first.
    pub start_line: usize,
    /// Bytes of `code` before what is meant.
    pub highlight_start_offset: usize,
    /// Bytes of `code` up to its end.
    pub highlight_end_offset: usize,
    /// Always empty: values are not shown, they may be secret.
    pub values: [(); 0],
}

impl JsonReport {
    /// Adds an error that belongs to no place in the definitions.
    pub fn add_error(&mut self, summary: String, detail: String) {
        self.valid = false;
        self.error_count += 1;
        self.diagnostics.push(JsonDiagnostic {
            severity: Severity::Error,
            code: None,
            summary,
            detail,
            range: None,
            snippet: None,
            related: Vec::new(),
        });
    }

    /// Adds the findings of another report.
    pub fn append(&mut self, other: Self) {
        self.valid &= other.valid;
        self.error_count += other.error_count;
        self.warning_count += other.warning_count;
        self.diagnostics.extend(other.diagnostics);
    }
}

/// The findings as data.
pub fn to_json(diagnostics: &Diagnostics, sources: &Sources) -> JsonReport {
    let count = |severity| diagnostics.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    JsonReport {
        format_version: "1.0",
        valid: errors == 0,
        error_count: errors,
        warning_count: warnings,
        diagnostics: diagnostics.iter().map(|diagnostic| one(diagnostic, sources)).collect(),
    }
}

fn one(diagnostic: &Diagnostic, sources: &Sources) -> JsonDiagnostic {
    let span = diagnostic.primary.as_ref().map(|label| label.span);
    let related = diagnostic
        .secondary
        .iter()
        .map(|label| JsonLabel { range: range(label.span, sources), message: label.text.clone() });
    JsonDiagnostic {
        severity: diagnostic.severity,
        code: Some(diagnostic.code),
        summary: diagnostic.message.clone(),
        detail: diagnostic.help.join("\n"),
        range: span.map(|span| range(span, sources)),
        snippet: span.map(|span| snippet(span, sources)),
        related: related.collect(),
    }
}

fn range(span: Span, sources: &Sources) -> JsonRange {
    let position = |byte: usize| {
        let place = sources.position(span.source, byte);
        JsonPosition { line: place.line, column: place.column, byte }
    };
    let bytes = span.range();
    JsonRange {
        filename: sources.file(span.source).path.clone(),
        start: position(bytes.start),
        end: position(bytes.end),
    }
}

fn snippet(span: Span, sources: &Sources) -> JsonSnippet {
    let text = &sources.file(span.source).text;
    let bytes = span.range();
    let (start, end) = (bytes.start.min(text.len()), bytes.end.min(text.len()));
    let first = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let last = text.get(end..).and_then(|after| after.find('\n')).map_or(text.len(), |at| end + at);
    JsonSnippet {
        code: text.get(first..last).unwrap_or_default().trim_end_matches('\r').to_owned(),
        start_line: sources.position(span.source, first).line,
        highlight_start_offset: start - first,
        highlight_end_offset: end.max(start) - first,
        values: [],
    }
}
