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

/// Colours are few, and none carries a meaning that the text does not.
const fn style(label: Label) -> Style {
    match label {
        Label::Plain | Label::Address => Style::new(),
        Label::Heading => Style::new().bold(),
        Label::Added => Style::new().green(),
        Label::Changed => Style::new().yellow(),
        Label::Removed => Style::new().red(),
        Label::Replaced => Style::new().magenta(),
        Label::Place | Label::Muted => Style::new().dim(),
        Label::Code | Label::Hint => Style::new().cyan(),
        Label::Warning => Style::new().yellow().bold(),
        Label::Breaking => Style::new().red().bold(),
    }
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
