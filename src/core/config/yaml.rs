//! YAML as a small tree with spans, for `feature_store.yaml`.

use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};

use crate::diagnostic::{Diagnostic, codes};
use crate::source::{SourceId, Sources, Span};

/// Largest file that is read, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// Deepest nesting of maps and lists.
const DEPTH_LIMIT: usize = 32;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Null,
    Bool(bool),
    /// A plain number; its text is kept as written.
    Number(String),
    String(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// The kind, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "a truth value",
            Data::Number(_) => "a number",
            Data::String(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    /// The text of a scalar, as written.
    pub(super) fn text(&self) -> Option<String> {
        match &self.data {
            Data::Bool(value) => Some(value.to_string()),
            Data::Number(text) | Data::String(text) => Some(text.clone()),
            Data::Null | Data::List(_) | Data::Map(_) => None,
        }
    }
}

/// The first document of the file; none when it is empty.
pub(super) fn parse(sources: &Sources, source: SourceId) -> Result<Option<Node>, Box<Diagnostic>> {
    let text = sources.file(source).text.strip_prefix('\u{feff}').unwrap_or(&sources.file(source).text);
    let reader = Reader { sources, source };
    let whole = Span::new(source, 0..0);
    let too_deep = || Box::new(Diagnostic::error(codes::YAML, whole, "the file is nested too deeply"));
    if text.len() > SIZE_LIMIT {
        let message = format!("the file is larger than {} KiB", SIZE_LIMIT >> 10);
        return Err(Box::new(Diagnostic::error(codes::YAML, whole, message)));
    }
    if nesting(text) > DEPTH_LIMIT {
        return Err(too_deep());
    }
    let documents = MarkedYaml::load_from_str(text).map_err(|error| {
        if let Some(tab) = reader.tab(*error.marker(), error.info()) {
            return Box::new(
                Diagnostic::error(codes::YAML, tab, "the file is no YAML: this line begins with a tab")
                    .help("indent it with spaces"),
            );
        }
        let offset = reader.offset(*error.marker());
        let end = sources.file(source).text[offset..]
            .chars()
            .next()
            .map_or(offset, |next| offset + next.len_utf8());
        let message = format!("the file is no YAML: {}", error.info());
        Box::new(Diagnostic::error(codes::YAML, Span::new(source, offset..end), message))
    })?;
    documents.first().map(|document| reader.node(document, 0)).transpose()
}

/// An upper bound of how deeply brackets and indentation nest; parsing goes no deeper than this.
fn nesting(text: &str) -> usize {
    let brackets = text.bytes().fold((0_usize, 0_usize), |(depth, most), byte| {
        let depth = match byte {
            b'[' | b'{' => depth + 1,
            b']' | b'}' => depth.saturating_sub(1),
            _ => depth,
        };
        (depth, most.max(depth))
    });
    let markers = |line: &str| line.split(' ').filter(|word| matches!(*word, "-" | "?" | ":")).count();
    let indents: std::collections::BTreeSet<usize> =
        text.lines().map(|line| line.len() - line.trim_start_matches(' ').len()).collect();
    brackets.1.max(indents.len().saturating_sub(1)).max(text.lines().map(markers).max().unwrap_or(0))
}

struct Reader<'a> {
    sources: &'a Sources,
    source: SourceId,
}

impl Reader<'_> {
    /// The parser counts lines from 1 and columns in characters from 0.
    fn offset(&self, marker: Marker) -> usize {
        let text = &self.sources.file(self.source).text;
        let start = self.sources.line_start(self.source, marker.line());
        let rest = text.get(start..).unwrap_or_default();
        let mark = usize::from(start == 0 && rest.starts_with('\u{feff}'));
        rest.char_indices().nth(marker.col() + mark).map_or(text.len(), |(offset, _)| start + offset)
    }

    /// The tab that the parser complains about, which may stand on a line after the one that it names.
    fn tab(&self, marker: Marker, said: &str) -> Option<Span> {
        let start = said.contains("tab").then(|| self.sources.line_start(self.source, marker.line()))?;
        let rest = self.sources.file(self.source).text.get(start..)?;
        let mut line_start = start;
        for line in rest.split_inclusive('\n') {
            let indent = &line[..line.len() - line.trim_start().len()];
            if let Some(tab) = indent.find('\t') {
                return Some(Span::new(self.source, line_start + tab..line_start + tab + 1));
            }
            line_start += line.len();
        }
        None
    }

    fn span(&self, node: &MarkedYaml<'_>) -> Span {
        let start = self.offset(node.span.start);
        Span::new(self.source, start..self.offset(node.span.end).max(start))
    }

    fn node(&self, node: &MarkedYaml<'_>, depth: usize) -> Result<Node, Box<Diagnostic>> {
        let span = self.span(node);
        let fail = |message: &str| Err(Box::new(Diagnostic::error(codes::YAML, span, message)));
        if depth > DEPTH_LIMIT {
            return fail("the file is nested too deeply");
        }
        let data = match &node.data {
            YamlData::Value(scalar) => match scalar {
                Scalar::Null => Data::Null,
                Scalar::Boolean(value) => Data::Bool(*value),
                Scalar::Integer(value) => Data::Number(self.written(span, &value.to_string())),
                Scalar::FloatingPoint(value) => Data::Number(self.written(span, &value.to_string())),
                Scalar::String(text) => Data::String(text.to_string()),
            },
            YamlData::Sequence(elements) => {
                let elements = elements.iter().map(|element| self.node(element, depth + 1));
                Data::List(elements.collect::<Result<_, _>>()?)
            }
            YamlData::Mapping(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = self.node(key, depth + 1)?;
                    let Some(name) = key.text() else {
                        return Err(Box::new(Diagnostic::error(codes::YAML, key.span, "a key must be text")));
                    };
                    Ok(Entry { key: name, key_span: key.span, value: self.node(value, depth + 1)? })
                });
                Data::Map(entries.collect::<Result<_, _>>()?)
            }
            YamlData::Tagged(..) => return fail("YAML tags are not understood here"),
            YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
                return fail("this value cannot be read");
            }
        };
        Ok(Node { span, data })
    }

    /// A number as it stands in the file.
    fn written(&self, span: Span, otherwise: &str) -> String {
        let text = self.sources.text(span).trim();
        if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
    }
}
