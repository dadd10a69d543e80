//! The one table that turns labels into colours.

use console::Style;
use provender_core::view::text::{Label, Text};

/// Labelled text as a terminal shows it, or plain.
pub(super) fn paint(text: &Text, color: bool) -> String {
    let mut painted = String::new();
    for (label, part) in text.parts() {
        if color {
            painted.push_str(&style(*label).force_styling(true).apply_to(part).to_string());
        } else {
            painted.push_str(part);
        }
    }
    painted
}

pub(super) fn error(color: bool) -> String {
    word(Style::new().red().bold(), color, "error:")
}

pub(super) fn warning(color: bool) -> String {
    word(Style::new().yellow().bold(), color, "warning:")
}

pub(super) fn hint(color: bool) -> String {
    word(Style::new().cyan(), color, "hint:")
}

fn word(style: Style, color: bool, word: &str) -> String {
    if color { style.force_styling(true).apply_to(word).to_string() } else { word.to_owned() }
}
