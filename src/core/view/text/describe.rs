//! One object as the registry has it: definition, what it reads, who reads it, its tables and what they hold.

use std::collections::BTreeMap;

use super::change::whole;
use super::{Label, Text, TextOptions};
use crate::graph::Graph;
use crate::model::{Address, Object};
use crate::plan::StoredDefinition;
use crate::registry::{Coverage, Interval, Ledger, OnlineTable, Registry, TableId, TableState};

/// The object; nothing where the registry has none of this address.
pub fn describe(
    address: &Address,
    state: &Registry,
    ledgers: &BTreeMap<TableId, Ledger>,
    options: &TextOptions<'_>,
) -> Option<Text> {
    let object = state.objects.get(address)?;
    let mut text = Text::default();
    text.say(Label::Address, address.to_string()).end();
    whole(&mut text, Label::Plain, "", StoredDefinition::of(object).as_ref());
    let graph = Graph::of(&state.objects);
    names(&mut text, "reads", graph.needs(address), options);
    names(&mut text, "read by", graph.needed_by(address), options);
    let affected = graph.downstream(address);
    let everyone = affected.iter().chain([address]).filter_map(|reader| state.objects.get(reader));
    let consumers = everyone.filter_map(|reader| match reader {
        Object::FeatureService(service) => Some(&service.consumers),
        _ => None,
    });
    for consumer in consumers.flatten() {
        let owner = consumer.owner.as_ref().map(|owner| format!(" ({owner})")).unwrap_or_default();
        line(&mut text, "consumer").plain(format!("{}{owner}", consumer.name)).end();
    }
    let roles = Roles::of(state, ledgers);
    for table in state.tables.values().filter(|table| table.view == *address) {
        self::table(&mut text, table, &roles, options);
    }
    Some(text)
}

fn line<'a>(text: &'a mut Text, what: &str) -> &'a mut Text {
    text.plain("    ").say(Label::Muted, format!("{what:<10}"))
}

fn names(text: &mut Text, what: &str, names: impl IntoIterator<Item = Address>, options: &TextOptions<'_>) {
    let names: Vec<Address> = names.into_iter().collect();
    if names.is_empty() {
        return;
    }
    line(text, what);
    for (position, name) in names.iter().enumerate() {
        let comma = if position + 1 < names.len() { "," } else { "" };
        if position == 0 {
            text.plain(format!("{name}{comma}"));
        } else {
            text.word(&format!("{name}{comma}"), options.width, 14);
        }
    }
    text.end();
}

fn table<'a>(text: &mut Text, table: &'a OnlineTable, roles: &Roles<'a>, options: &TextOptions<'_>) {
    line(text, "table").say(Label::Address, table.id.to_string());
    text.plain(match roles.role(table) {
        Role::Serves => " serves".to_owned(),
        Role::ServesUntil(new) => format!(" serves until {new} is filled"),
        Role::Waits(old) => format!(" takes the place of {old} once it is filled"),
        Role::Replaced(new) => format!(" was replaced by {new}"),
        Role::Dropped => " waits to be deleted".to_owned(),
        Role::Forgotten => " is forgotten".to_owned(),
    });
    let ledger = roles.ledgers.get(&table.id);
    text.plain(match loaded(&ledger.map(Ledger::loaded).unwrap_or_default()) {
        Some(intervals) => format!("; loaded {intervals}"),
        None => "; nothing is loaded".to_owned(),
    });
    let nothing = Ledger::default();
    if table.state == TableState::Live && table.waits_for_backfill(ledger.unwrap_or(&nothing)) {
        text.plain(format!("; waits for data: {} materialize --pending", options.program));
    }
    text.end();
}

/// The intervals, so that what lies between them is not taken for loaded; of many, the first and the last ones.
fn loaded(coverage: &Coverage) -> Option<String> {
    let intervals: Vec<String> = coverage.intervals().iter().map(Interval::to_string).collect();
    match intervals.as_slice() {
        [] => None,
        [first, between @ .., before_last, last] if between.len() > 1 => {
            Some(format!("{first}, {} others, {before_last} and {last}", between.len()))
        }
        all => Some(all.join(" and ")),
    }
}

/// What a table is to the readers of its view.
pub(super) enum Role<'a> {
    Serves,
    ServesUntil(&'a TableId),
    Waits(&'a TableId),
    Replaced(&'a TableId),
    Dropped,
    Forgotten,
}

/// The roles of a registry's tables. Readers switch to a table when its ledger says that it is filled.
pub(super) struct Roles<'a> {
    state: &'a Registry,
    ledgers: &'a BTreeMap<TableId, Ledger>,
    /// By the table that each replaces.
    newer: BTreeMap<&'a TableId, &'a TableId>,
}

impl<'a> Roles<'a> {
    pub(super) fn of(state: &'a Registry, ledgers: &'a BTreeMap<TableId, Ledger>) -> Self {
        // Of two that replace one, the first by id counts.
        let live = state.tables.values().rev().filter(|table| table.state == TableState::Live);
        let newer = live.filter_map(|table| Some((table.replaces.as_ref()?, &table.id))).collect();
        Self { state, ledgers, newer }
    }

    pub(super) fn role(&self, table: &'a OnlineTable) -> Role<'a> {
        let is_filled = |id| self.ledgers.get(id).is_some_and(|ledger| ledger.complete.is_some());
        let newer = self.newer.get(&table.id).copied();
        let older = table.replaces.as_ref().filter(|old| self.state.tables.contains_key(old));
        match (table.state, newer, older) {
            (TableState::Dropped, _, _) => Role::Dropped,
            (TableState::Forgotten, _, _) => Role::Forgotten,
            (TableState::Live, Some(new), _) if is_filled(new) => Role::Replaced(new),
            (TableState::Live, _, Some(old)) if !is_filled(&table.id) => Role::Waits(old),
            (TableState::Live, Some(new), _) => Role::ServesUntil(new),
            (TableState::Live, None, _) => Role::Serves,
        }
    }
}
