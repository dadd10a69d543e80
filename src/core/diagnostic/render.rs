//! Diagnostics as text: a title, the source lines with the spans underlined, and help.
//!
//! Only the lines that a label covers are shown, and of a long line only the part around the span. Control characters
//! and the marks that turn the direction of text are replaced, so source text can never steer a terminal.

use std::borrow::Cow;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Label, Severity};
use crate::source::{SourceId, Sources};

/// How to render.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// Whether to use colours (ANSI escapes).
    pub styled: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// Longest message that is printed, in characters.
const MESSAGE_LIMIT: usize = 600;
/// Longest part of a source line that is printed, in bytes.
const LINE_LIMIT: usize = 240;
/// Lines of one label that are printed.
const LINES_PER_LABEL: usize = 4;
/// Labels of one file this near to each other share a snippet.
const NEAR_LINES: usize = 6;

/// All findings as text, each followed by an empty line; empty when there is none.
pub fn render(diagnostics: &Diagnostics, sources: &Sources, options: &RenderOptions) -> String {
    let renderer = if options.styled { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(options.width.clamp(40, 400)).decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let rendered = renderer.render(&[group(diagnostic, sources)]);
        // After a place that stands by itself, the snippet has an empty one of its own.
        for line in rendered.lines().filter(|line| without_styles(line).trim() != ":::") {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// The text without its colours.
fn without_styles(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or("", |(_, rest)| rest));
    std::iter::once(first).chain(rest).collect()
}

/// Text that is safe to print: without control characters (a line feed becomes a space) and direction marks, cut at
/// a length that a person may still read.
pub fn printable(text: &str) -> Cow<'_, str> {
    let fits = text.len() <= MESSAGE_LIMIT || text.chars().count() <= MESSAGE_LIMIT;
    if fits && !text.chars().any(|character| shown(character) != character) {
        return Cow::Borrowed(text);
    }
    let mut safe: String = text.chars().take(MESSAGE_LIMIT).map(shown).collect();
    if !fits {
        safe.push('…');
    }
    Cow::Owned(safe)
}

/// What stands for a character in output.
fn shown(character: char) -> char {
    match character {
        '\t' | '\n' => ' ',
        other if steers(other) => '\u{fffd}',
        other => other,
    }
}

/// Whether a character can steer a terminal, hide text or turn its direction.
pub fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(printable(&diagnostic.message)).id(diagnostic.code.0);
    let mut group = Group::with_title(title);
    for excerpt in excerpts(diagnostic, sources) {
        // The snippet knows line and column of its label, but not what was cut off before it.
        group = if excerpt.cut {
            group.element(excerpt.origin(sources)).element(excerpt.snippet())
        } else {
            let path = printable(&sources.file(excerpt.source).path);
            group.element(excerpt.snippet().path(path.into_owned()))
        };
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    group
}

/// Lines of one file, made safe to print, with the labels on them.
struct Excerpt<'a> {
    source: SourceId,
    first: usize,
    last: usize,
    text: String,
    /// Whether a part of a line is left out.
    cut: bool,
    labels: Vec<(Marked<'a>, std::ops::Range<usize>)>,
}

#[derive(Clone, Copy)]
struct Marked<'a> {
    label: &'a Label,
    kind: AnnotationKind,
    /// First and last line, from 1.
    lines: (usize, usize),
}

fn excerpts<'a>(diagnostic: &'a Diagnostic, sources: &Sources) -> Vec<Excerpt<'a>> {
    let primary = diagnostic.primary.iter().map(|label| (label, AnnotationKind::Primary));
    let secondary = diagnostic.secondary.iter().map(|label| (label, AnnotationKind::Context));
    let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
    for (label, kind) in primary.chain(secondary) {
        let line = |offset: u32| sources.position(label.span.source, offset as usize).line;
        let first = line(label.span.start);
        // The end of a span is just after it; a span that ends with a line feed ends on that line.
        let last = line(label.span.end.saturating_sub(1).max(label.span.start));
        let marked = Marked { label, kind, lines: (first, last.min(first + LINES_PER_LABEL - 1)) };
        let near = |excerpt: &&mut Excerpt<'a>| {
            excerpt.source == label.span.source
                && marked.lines.0 <= excerpt.last + NEAR_LINES
                && marked.lines.1 + NEAR_LINES >= excerpt.first
        };
        if let Some(excerpt) = excerpts.iter_mut().find(near) {
            excerpt.first = excerpt.first.min(marked.lines.0);
            excerpt.last = excerpt.last.max(marked.lines.1);
            excerpt.labels.push((marked, 0..0));
        } else {
            excerpts.push(Excerpt {
                source: label.span.source,
                first: marked.lines.0,
                last: marked.lines.1,
                text: String::new(),
                cut: false,
                labels: vec![(marked, 0..0)],
            });
        }
    }
    for excerpt in &mut excerpts {
        excerpt.fill(sources);
    }
    excerpts
}

impl Excerpt<'_> {
    /// Copies the lines, replacing what may not be printed, and moves the labels' offsets along.
    fn fill(&mut self, sources: &Sources) {
        let file = &sources.file(self.source).text;
        let end_of_last = sources.line_start(self.source, self.last + 1);
        for (marked, range) in &mut self.labels {
            // Until the end of the last line that is shown; an end before a start cannot be.
            let span = marked.label.span.range();
            range.start = span.start.min(file.len());
            range.end = span.end.min(end_of_last).max(range.start);
        }
        let originals: Vec<_> = self.labels.iter().map(|(_, range)| range.clone()).collect();
        let mut places: Vec<(Option<usize>, Option<usize>)> = vec![(None, None); originals.len()];
        for line in self.first..=self.last {
            let start = sources.line_start(self.source, line);
            let end = sources.line_start(self.source, line + 1);
            let content = file.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r']);
            let window = window(content, start, &originals);
            self.cut |= window.len() < content.len();
            if window.start > 0 {
                self.text.push('…');
            }
            for (offset, character) in content.char_indices().filter(|(offset, _)| window.contains(offset)) {
                let here = self.text.len();
                for (original, place) in originals.iter().zip(&mut places) {
                    if place.0.is_none() && start + offset >= original.start {
                        place.0 = Some(here);
                    }
                    if place.1.is_none() && start + offset >= original.end {
                        place.1 = Some(here);
                    }
                }
                let mark = line == 1 && offset == 0 && character == '\u{feff}';
                if !mark {
                    self.text.push(shown(character));
                }
            }
            for (original, place) in originals.iter().zip(&mut places) {
                let line_end = start + content.len();
                if place.0.is_none() && line_end >= original.start {
                    place.0 = Some(self.text.len());
                }
                if place.1.is_none() && line_end >= original.end {
                    place.1 = Some(self.text.len());
                }
            }
            if window.end < content.len() {
                self.text.push('…');
            }
            self.text.push('\n');
        }
        let end = self.text.len();
        for ((_, range), (from, to)) in self.labels.iter_mut().zip(places) {
            let from = from.unwrap_or(end);
            *range = from..to.unwrap_or(end).max(from);
        }
    }

    fn origin(&self, sources: &Sources) -> Origin<'static> {
        let first = self.labels.first().map_or(0, |(marked, _)| marked.label.span.start as usize);
        let position = sources.position(self.source, first);
        let path = printable(&sources.file(self.source).path).into_owned();
        Origin::path(path).line(position.line).char_column(position.column)
    }

    fn snippet(&self) -> Snippet<'static, annotate_snippets::Annotation<'static>> {
        let annotations = self.labels.iter().map(|(marked, range)| {
            let annotation = marked.kind.span(range.clone());
            let text = printable(&marked.label.text).into_owned();
            if text.is_empty() { annotation } else { annotation.label(text) }
        });
        Snippet::source(self.text.clone()).line_start(self.first).annotations(annotations)
    }
}

/// The part of a line to show: all of it, or the surroundings of the first label on it.
fn window(content: &str, start: usize, labels: &[std::ops::Range<usize>]) -> std::ops::Range<usize> {
    if content.len() <= LINE_LIMIT {
        return 0..content.len();
    }
    let label = labels.iter().find(|label| label.start >= start && label.start <= start + content.len());
    let from = label.map_or(0, |label| (label.start - start).saturating_sub(LINE_LIMIT / 3));
    from..(from + LINE_LIMIT).min(content.len())
}
