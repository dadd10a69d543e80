//! Labelled text: what a view says, with the meaning of each part. A theme elsewhere turns labels into colours.
//! `plan` and `registry` write it; what they take from definitions is made safe to print here.

mod change;
mod describe;
mod plan;
mod registry;
#[cfg(test)]
mod tests;

pub use describe::describe;
pub use plan::plan;
pub use registry::registry;

use crate::diagnostic::printable;

/// What a part of a text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// Nothing in particular.
    Plain,
    /// Title of a section.
    Heading,
    /// Something that comes to be.
    Added,
    /// Something that changes.
    Changed,
    /// Something that goes away.
    Removed,
    /// Something that is made anew.
    Replaced,
    /// Name of an object.
    Address,
    /// A file and line.
    Place,
    /// Code of a rule.
    Code,
    /// What to do.
    Hint,
    /// Look at it.
    Warning,
    /// It breaks readers.
    Breaking,
    /// Less important.
    Muted,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions<'a> {
    /// Columns of the terminal.
    pub width: usize,
    /// How much of each change.
    pub detail: Detail,
    /// How a command that is recommended begins: `provender`, with options that name the project.
    pub program: &'a str,
}

/// How much of a change is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Its header alone.
    Concise,
    /// What changes; metadata is counted.
    #[default]
    Changes,
    /// Every attribute, and changes of metadata alone.
    Everything,
}

impl Default for TextOptions<'_> {
    fn default() -> Self {
        Self { width: 100, detail: Detail::default(), program: "provender" }
    }
}

/// Text in labelled parts; each line ends with a line feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<(Label, String)>);

impl Text {
    /// The parts in order; together they are the whole text.
    pub fn parts(&self) -> impl Iterator<Item = (&Label, &str)> {
        self.0.iter().map(|(label, part)| (label, part.as_str()))
    }

    /// Adds text of our own; neighbours with one label become one part.
    fn push(&mut self, label: Label, part: &str) -> &mut Self {
        match self.0.last_mut() {
            _ if part.is_empty() => {}
            Some((last, text)) if *last == label => text.push_str(part),
            _ => self.0.push((label, part.to_owned())),
        }
        self
    }

    /// Adds text that came from definitions or stores: control characters never reach a terminal.
    fn safe(&mut self, label: Label, part: &str) -> &mut Self {
        self.push(label, &printable(part))
    }

    /// Adds text, safe to print.
    fn say(&mut self, label: Label, part: impl AsRef<str>) -> &mut Self {
        self.safe(label, part.as_ref())
    }

    /// Adds text that means nothing in particular, safe to print.
    fn plain(&mut self, part: impl AsRef<str>) -> &mut Self {
        self.say(Label::Plain, part)
    }

    /// Puts a place at the right margin of this line, or of the next one where there is no room.
    fn place(&mut self, width: usize, place: &str) -> &mut Self {
        let length = place.chars().count();
        if self.column() + 2 + length > width {
            self.end();
        }
        let gap = width.saturating_sub(self.column() + length).max(2);
        self.plain(" ".repeat(gap)).say(Label::Place, place)
    }

    /// Adds words with a space before each, and a new line with that indent before a word that would go beyond `width`.
    fn flow(&mut self, label: Label, words: &str, width: usize, indent: usize) -> &mut Self {
        for word in words.split(' ') {
            let line = self.column();
            if line + 1 + word.chars().count() > width && line > indent {
                self.end().plain(" ".repeat(indent));
            } else {
                self.say(label, " ");
            }
            self.say(label, word);
        }
        self
    }

    /// Characters on the line that is not ended yet.
    fn column(&self) -> usize {
        let mut count = 0;
        for (_, part) in self.0.iter().rev() {
            match part.rsplit_once('\n') {
                Some((_, rest)) => return count + rest.chars().count(),
                None => count += part.chars().count(),
            }
        }
        count
    }

    /// Adds a space and words, or a new line with that indent where they would go beyond `width`.
    fn word(&mut self, words: &str, width: usize, indent: usize) -> &mut Self {
        let line = self.column();
        if line + 1 + words.chars().count() > width && line > indent {
            self.end().plain(" ".repeat(indent)).plain(words)
        } else {
            self.plain(" ").plain(words)
        }
    }

    /// Ends the line.
    fn end(&mut self) -> &mut Self {
        self.push(Label::Plain, "\n")
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(_, part)| formatter.write_str(part))
    }
}
