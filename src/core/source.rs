//! Source files, spans in them, and positions for people.
//!
//! A span is two byte offsets in one file; lines and columns are computed only when something is shown. Nothing here
//! reads files: whoever does hands their text over. Next: `diagnostic`, which points at spans.

use std::ops::Range;

use crate::plan::{SourcePosition, SourceRange};

/// The text of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the project folder, with `/` between its parts.
    pub path: String,
    /// All of its text, as read.
    pub text: String,
    /// Why it cannot be read, and at which byte; its text is then what is there of it.
    pub problem: Option<(usize, String)>,
}

impl SourceFile {
    /// A file of this path and text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), problem: None }
    }

    /// A file of these bytes, which should be UTF-8.
    pub fn from_bytes(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(path, text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let problem = Some((at, format!("it is not UTF-8: byte {at} is wrong")));
                Self { path: path.into(), text, problem }
            }
        }
    }

    /// Puts `*` in the place of each byte of a range, which begins and ends between characters, but for white space. Every other
    /// byte stays in its place.
    pub fn blot(&mut self, range: Range<usize>) {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        let hidden = bytes.get_mut(range).into_iter().flatten();
        hidden.filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = b'*');
        self.text = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// A file of which nothing can be read.
    pub fn unreadable(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), text: String::new(), problem: Some((0, reason.into())) }
    }
}

/// Which file of [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A stretch of one file's text, as byte offsets. Ordered by file, then by offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just after the last byte.
    pub end: u32,
}

impl Span {
    /// The start of the first file: for what stands nowhere.
    pub const NONE: Self = Self { source: SourceId(0), start: 0, end: 0 };

    /// The span of these offsets; offsets beyond 4 GiB are cut there.
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: narrow(range.start), end: narrow(range.end) }
    }

    /// The smallest span that holds both; they must be of one file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The byte offsets.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Every file of one run, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Indexed>,
}

#[derive(Clone, Debug)]
struct Indexed {
    file: SourceFile,
    /// Offset of the first byte of every line but the first.
    line_starts: Vec<u32>,
}

impl Sources {
    /// Sources that hold one file.
    pub fn of(file: SourceFile) -> Self {
        let mut sources = Self::default();
        sources.add(file);
        sources
    }

    /// Adds a file; its id stays valid.
    pub fn add(&mut self, file: SourceFile) -> SourceId {
        let id = SourceId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        let line_starts = file
            .text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(offset, _)| u32::try_from(offset + 1).unwrap_or(u32::MAX))
            .collect();
        self.files.push(Indexed { file, line_starts });
        id
    }

    /// Hides what stands at a span; see [`SourceFile::blot`].
    pub fn blot(&mut self, span: Span) {
        if let Some(indexed) = self.files.get_mut(span.source.0 as usize) {
            indexed.file.blot(span.range());
        }
    }

    /// The files, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().map(|indexed| &indexed.file)
    }

    /// The file; an empty one when the id is of other sources.
    pub fn file(&self, id: SourceId) -> &SourceFile {
        static NOWHERE: SourceFile = SourceFile { path: String::new(), text: String::new(), problem: None };
        self.files.get(id.0 as usize).map_or(&NOWHERE, |indexed| &indexed.file)
    }

    /// The text of a span; empty when it lies outside.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.source).text.get(span.range()).unwrap_or_default()
    }

    /// Line and column of an offset, both from 1. Columns count characters; a byte order mark counts for nothing; the
    /// carriage return before a line feed belongs to the line.
    pub fn position(&self, source: SourceId, offset: usize) -> SourcePosition {
        let Some(indexed) = self.files.get(source.0 as usize) else {
            return SourcePosition { line: 1, column: 1 };
        };
        let line = indexed.line_starts.partition_point(|start| *start as usize <= offset);
        let start = self.line_start(source, line + 1);
        let text = indexed.file.text.as_bytes();
        let before = text.get(start..offset.min(text.len())).unwrap_or_default();
        // Every byte that does not continue a character begins one.
        let characters = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let mark = usize::from(start == 0 && before.starts_with("\u{feff}".as_bytes()));
        SourcePosition { line: line + 1, column: characters - mark + 1 }
    }

    /// Offset of the first byte of a line (from 1); the end of the text when there is no such line.
    pub fn line_start(&self, source: SourceId, line: usize) -> usize {
        let Some(indexed) = self.files.get(source.0 as usize) else { return 0 };
        match line.checked_sub(2) {
            None => 0,
            Some(index) => {
                indexed.line_starts.get(index).map_or(indexed.file.text.len(), |start| *start as usize)
            }
        }
    }

    /// How many lines a file has.
    pub fn line_count(&self, source: SourceId) -> usize {
        self.files.get(source.0 as usize).map_or(1, |indexed| indexed.line_starts.len() + 1)
    }

    /// The place of a span, for people and for saved plans.
    pub fn range(&self, span: Span) -> SourceRange {
        SourceRange {
            filename: self.file(span.source).path.clone(),
            start: self.position(span.source, span.start as usize),
            end: self.position(span.source, span.end as usize),
        }
    }
}

/// A place inside a block: an attribute, an element of its list, or the same in a block inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Type and position (from 0) of the block inside.
    pub block: Option<(&'static str, u32)>,
    /// The attribute; empty for the name of the block inside.
    pub attribute: &'static str,
    /// Position of the element in the attribute's list.
    pub element: Option<u32>,
}

impl Place {
    /// An attribute of the object's block.
    pub const fn attribute(attribute: &'static str) -> Self {
        Self { block: None, attribute, element: None }
    }

    /// An element of a list of the object's block.
    pub const fn element(attribute: &'static str, element: usize) -> Self {
        Self { block: None, attribute, element: Some(narrow(element)) }
    }

    /// The name of a block inside.
    pub const fn block(kind: &'static str, position: usize) -> Self {
        Self { block: Some((kind, narrow(position))), attribute: "", element: None }
    }

    /// The same place, at an attribute of the block inside.
    #[must_use]
    pub const fn at(self, attribute: &'static str) -> Self {
        Self { attribute, ..self }
    }

    /// The same attribute, at an element.
    #[must_use]
    pub const fn nth(self, element: usize) -> Self {
        Self { element: Some(narrow(element)), ..self }
    }
}

/// A position; a file of 4 GiB, which is no file of definitions, could hold more.
#[expect(clippy::cast_possible_truncation, reason = "it is looked at first")]
const fn narrow(position: usize) -> u32 {
    if position > u32::MAX as usize { u32::MAX } else { position as u32 }
}

/// Where an object stands: in a side table, so that the model's types stay plain and comparable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Type and labels of its block.
    pub header: Span,
    /// Its name: the label, or the value of `name`.
    pub name: Span,
    /// Places inside that a check may want to point at, in order. A list and no map, which takes three times the memory.
    places: Vec<(Place, Span)>,
    /// Features and fields that `enabled` leaves out.
    left_out: Vec<String>,
    /// Features and fields that could not be read.
    unread: Vec<String>,
    /// Whether there are such whose names are not known.
    has_unnamed: bool,
}

impl Origin {
    /// Of a block with this header and name.
    pub const fn new(header: Span, name: Span) -> Self {
        Self {
            header,
            name,
            places: Vec::new(),
            left_out: Vec::new(),
            unread: Vec::new(),
            has_unnamed: false,
        }
    }

    /// Makes room for so many places.
    pub fn reserve(&mut self, places: usize) {
        self.places.reserve_exact(places);
    }

    /// Remembers a feature or field that `enabled` leaves out.
    pub fn leave_out(&mut self, name: &str) {
        self.left_out.push(name.to_owned());
    }

    /// Whether `enabled` leaves this feature or field out.
    pub fn leaves_out(&self, name: &str) -> bool {
        self.left_out.iter().any(|left_out| left_out == name)
    }

    /// Remembers a feature or field that could not be read; none where its name is not known either.
    pub fn leave_unread(&mut self, name: Option<&str>) {
        match name {
            Some(name) => self.unread.push(name.to_owned()),
            None => self.has_unnamed = true,
        }
    }

    /// Whether this feature or field may be one that could not be read, so that it is not told to be missing.
    pub fn may_have(&self, name: &str) -> bool {
        self.has_unnamed || self.unread.iter().any(|unread| unread == name)
    }

    /// Remembers a place. They come in order, nearly.
    pub fn insert(&mut self, place: Place, span: Span) {
        match self.places.binary_search_by(|(known, _)| known.cmp(&place)) {
            Ok(at) => self.places[at].1 = span,
            Err(at) => self.places.insert(at, (place, span)),
        }
    }

    /// The span of a place, or that of the block's header.
    pub fn span(&self, place: Place) -> Span {
        let found = self.places.binary_search_by(|(known, _)| known.cmp(&place));
        found.map_or(self.header, |at| self.places[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str, offset: usize) -> (usize, usize) {
        let mut sources = Sources::default();
        let id = sources.add(SourceFile::new("a.hcl", text));
        let position = sources.position(id, offset);
        (position.line, position.column)
    }

    #[test]
    fn columns_count_characters_from_one() {
        assert_eq!(position("abc", 0), (1, 1));
        assert_eq!(position("äöü = 1", 6), (1, 4));
        assert_eq!(position("a\n\tb", 3), (2, 2));
        assert_eq!(position("a\r\nb", 3), (2, 1));
        assert_eq!(position("\u{feff}ab", 4), (1, 2));
        assert_eq!(position("a\n", 2), (2, 1));
        assert_eq!(position("a", 99), (1, 2));
    }

    #[test]
    fn lines_start_after_line_feeds() {
        let mut sources = Sources::default();
        let id = sources.add(SourceFile::new("a.hcl", "a\r\nbc\n\nd"));
        let starts: Vec<usize> = (1..=5).map(|line| sources.line_start(id, line)).collect();
        assert_eq!(starts, [0, 3, 6, 7, 8]);
        assert_eq!(sources.line_count(id), 4);
    }
}
