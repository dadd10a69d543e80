//! The prior registry, arranged so that one view's tables, a table's infrastructure and its ledger are found without
//! walking over all of them. It decides nothing; `tables` and `infrastructure` ask it.

use std::collections::BTreeMap;

use super::PlanInput;
use crate::graph::Graph;
use crate::provider::InfraObject;
use crate::registry::{Ledger, OnlineTable, TableId, TableState};

static EMPTY_LEDGER: Ledger = Ledger { intervals: Vec::new(), complete: None };

/// The input of a plan, with look-ups.
pub(super) struct Indexed<'a> {
    input: &'a PlanInput<'a>,
    /// Of the prior registry's objects.
    pub(super) prior_graph: &'a Graph,
    live: BTreeMap<&'a str, Vec<&'a OnlineTable>>,
    infrastructure: BTreeMap<&'a TableId, Vec<&'a InfraObject>>,
}

impl<'a> Indexed<'a> {
    pub(super) fn of(input: &'a PlanInput<'a>, prior_graph: &'a Graph) -> Self {
        let mut live: BTreeMap<&str, Vec<&OnlineTable>> = BTreeMap::new();
        for table in input.prior.tables.values().filter(|table| table.state == TableState::Live) {
            live.entry(&table.view.name).or_default().push(table);
        }
        let mut infrastructure: BTreeMap<&TableId, Vec<&InfraObject>> = BTreeMap::new();
        for object in input.prior.infrastructure.values() {
            if let Some(table) = &object.table {
                infrastructure.entry(table).or_default().push(object);
            }
        }
        Self { input, prior_graph, live, infrastructure }
    }

    /// The live tables of a view, by id.
    pub(super) fn live_tables(&self, view: &str) -> &[&'a OnlineTable] {
        self.live.get(view).map_or(&[], Vec::as_slice)
    }

    /// The infrastructure that the registry has of a table, by id.
    pub(super) fn infrastructure_of(&self, table: &TableId) -> &[&'a InfraObject] {
        self.infrastructure.get(table).map_or(&[], Vec::as_slice)
    }

    /// What was materialized into a table.
    pub(super) fn ledger(&self, table: &TableId) -> &'a Ledger {
        self.input.ledgers.get(table).unwrap_or(&EMPTY_LEDGER)
    }
}

impl<'a> std::ops::Deref for Indexed<'a> {
    type Target = PlanInput<'a>;

    fn deref(&self) -> &Self::Target {
        self.input
    }
}
