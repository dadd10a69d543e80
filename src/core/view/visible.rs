//! Text that hides nothing: characters that steer, hide or turn text are written as their code, `\u{202e}`.

use crate::diagnostic::steers;

/// The text with every such character written out. With `lines` line feeds stay; else they are written out too.
pub(super) fn visible(text: &str, lines: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' if lines => shown.push('\n'),
            '\t' => shown.push(' '),
            _ if steers(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

/// At most `limit` characters of the text; what is left out is counted: `SELECT …(+95 characters)`.
pub(super) fn clipped(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}…(+{} characters)", &text[..end], text[end..].chars().count())
        }
    }
}
