//! What a registry holds, as text.

use super::{Detail, Label, Text, TextOptions};
use crate::registry::{Registry, TableState};
use crate::view::wording::counted;

/// Objects and online tables of a registry; with `verbose` the columns of each table too.
pub fn registry(registry: &Registry, options: &TextOptions) -> Text {
    let mut text = Text::default();
    if registry.revision == 0 {
        text.push(Label::Plain, "The registry is empty: nothing was applied yet.").end();
        return text;
    }
    text.safe(Label::Heading, &registry.project);
    text.push(Label::Muted, &format!(" at revision {}", registry.revision));
    if let Some(at) = registry.at {
        text.push(Label::Muted, &format!(", {at}"));
    }
    text.end().end();
    for address in registry.objects.0.keys() {
        text.push(Label::Plain, "  ").safe(Label::Address, &address.to_string()).end();
    }
    if !registry.tables.is_empty() {
        text.end().push(Label::Heading, "Online tables").end().end();
    }
    for table in registry.tables.values() {
        text.push(Label::Plain, "  ").safe(Label::Address, &table.id.to_string());
        text.safe(Label::Plain, &format!("  {}, {}", table.view, counted(table.columns.len(), "column")));
        match (table.state, &table.replaces) {
            (TableState::Dropped, _) => text.push(Label::Removed, "  (to be deleted)"),
            (TableState::Forgotten, _) => text.push(Label::Muted, "  (forgotten, kept)"),
            (TableState::Live, Some(old)) => text.safe(Label::Replaced, &format!("  (replaces {old})")),
            (TableState::Live, None) => &mut text,
        };
        text.end();
        for column in table.columns.iter().filter(|_| options.detail == Detail::Everything) {
            text.safe(
                Label::Muted,
                &format!("      {}  {} = {}", column.id.0, column.name, column.value_type),
            )
            .end();
        }
    }
    text
}
