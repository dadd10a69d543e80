//! Text that could not be parsed. Its words may be names of definitions, so what is named like one of them is not told to be
//! missing: that would be a consequence of the syntax error and no mistake of its own.

use std::collections::BTreeSet;

/// The words of such text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread {
    /// Whether it may define any name at all: by a loop, a template or a module.
    everything: bool,
    /// In lower case.
    words: BTreeSet<String>,
}

impl Unread {
    /// Adds a text.
    pub(crate) fn add(&mut self, text: &str) {
        let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
        let words = text.split(|character| !is_part(character)).filter(|word| !word.is_empty());
        self.words.extend(words.map(str::to_lowercase));
        let names_by_value = ["for_each", "module"].iter().any(|word| self.words.contains(*word));
        self.everything |= names_by_value || text.contains("${");
    }

    /// Adds a file of which nothing is known.
    pub(crate) fn add_anything(&mut self) {
        self.everything = true;
    }

    /// Whether there is no such text.
    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.words.is_empty()
    }

    /// Whether something of this name may stand there.
    pub(crate) fn may_define(&self, name: &str) -> bool {
        self.everything || self.words.contains(&name.to_lowercase())
    }
}
