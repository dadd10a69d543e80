//! What a registry holds, as text.

use std::collections::BTreeMap;

use super::describe::{Role, Roles};
use super::{Detail, Label, Text, TextOptions};
use crate::registry::{Ledger, Registry, TableId};
use crate::view::wording::counted;

/// Objects and online tables of a registry; with `verbose` the columns of each table too. Of the ledgers those of tables
/// that replace others are needed.
pub fn registry(registry: &Registry, ledgers: &BTreeMap<TableId, Ledger>, options: &TextOptions<'_>) -> Text {
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
    let roles = Roles::of(registry, ledgers);
    for table in registry.tables.values() {
        text.push(Label::Plain, "  ").safe(Label::Address, &table.id.to_string());
        text.safe(Label::Plain, &format!("  {}, {}", table.view, counted(table.columns.len(), "column")));
        match roles.role(table) {
            Role::Dropped => text.push(Label::Removed, "  (to be deleted)"),
            Role::Forgotten => text.push(Label::Muted, "  (forgotten, kept)"),
            Role::Waits(old) => {
                text.safe(Label::Replaced, &format!("  (takes the place of {old} once it is filled)"))
            }
            Role::Replaced(new) => text.safe(Label::Muted, &format!("  (was replaced by {new})")),
            Role::ServesUntil(new) => text.safe(Label::Plain, &format!("  (serves until {new} is filled)")),
            Role::Serves => &mut text,
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
