//! One object as the registry has it: definition, what it reads, who reads it, its tables and what they hold.

use std::collections::BTreeMap;

use super::change::whole;
use super::{Label, Text, TextOptions};
use crate::graph::Graph;
use crate::model::{Address, Object};
use crate::plan::StoredDefinition;
use crate::registry::{Ledger, OnlineTable, Registry, TableId, TableState};

/// The object; nothing where the registry has none of this address.
pub fn describe(
    address: &Address,
    state: &Registry,
    ledgers: &BTreeMap<TableId, Ledger>,
    options: &TextOptions,
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
    for table in state.tables.values().filter(|table| table.view == *address) {
        self::table(&mut text, table, ledgers.get(&table.id));
    }
    Some(text)
}

fn line<'a>(text: &'a mut Text, what: &str) -> &'a mut Text {
    text.plain("    ").say(Label::Muted, format!("{what:<10}"))
}

fn names(text: &mut Text, what: &str, names: impl IntoIterator<Item = Address>, options: &TextOptions) {
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

fn table(text: &mut Text, table: &OnlineTable, ledger: Option<&Ledger>) {
    line(text, "table").say(Label::Address, table.id.to_string());
    text.plain(match (table.state, &table.replaces) {
        (TableState::Live, None) => " serves".to_owned(),
        (TableState::Live, Some(old)) => format!(" takes the place of {old} once it is filled"),
        (TableState::Dropped, _) => " waits to be deleted".to_owned(),
        (TableState::Forgotten, _) => " is forgotten".to_owned(),
    });
    match ledger.and_then(|ledger| ledger.loaded().span()) {
        Some(interval) => text.plain(format!("; loaded {} .. {}", interval.from, interval.to)),
        None => text.plain("; nothing is loaded"),
    };
    text.end();
}
