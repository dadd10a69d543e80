//! Which table serves each view, and by which definitions. While a replacement is being filled, the old table serves
//! under the definitions that it was made for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provender_core::model::{Address, FeatureView, Object, ObjectKind, Objects, ValueType};
use provender_core::registry::{OnlineTable, Registry, ServedDefinitions, TableId, TableState};

use super::plan::known_columns;
use super::plan_cache::PlanCache;
use crate::registry::RegistryLog;
use crate::{Error, Result};

/// What was applied, as far as reads need it: one consistent state.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The registry's state.
    pub registry: Registry,
    /// Tables whose ledger says `complete`.
    pub complete: BTreeSet<TableId>,
}

impl Applied {
    /// The present state of a registry, with what the ledgers say about tables that stand beside older ones.
    ///
    /// # Errors
    /// As [`RegistryLog::state`] and [`crate::registry::LedgerStore::read`].
    pub async fn read(log: &RegistryLog) -> Result<Self> {
        Self::of(log, log.state().await?).await
    }

    /// A state of a registry, with what the ledgers say now.
    ///
    /// # Errors
    /// As [`crate::registry::LedgerStore::read`].
    pub async fn of(log: &RegistryLog, registry: Registry) -> Result<Self> {
        let ledgers = log.ledger();
        let mut complete = BTreeSet::new();
        for table in Self::unfinished(&registry) {
            if ledgers.read(table).await?.complete.is_some() {
                complete.insert(table.clone());
            }
        }
        Ok(Self { registry, complete })
    }

    /// Tables that serve only once their ledger says `complete`: the ledgers to read for [`Applied::complete`].
    pub fn unfinished(registry: &Registry) -> impl Iterator<Item = &TableId> {
        let waiting = |table: &&OnlineTable| table.replaces.is_some() && table.state == TableState::Live;
        registry.tables.values().filter(waiting).map(|table| &table.id)
    }
}

/// One state of the registry, as requests see it, and what was compiled from it.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) definitions: Definitions,
    pub(super) plans: PlanCache,
}

impl Serving {
    pub(super) fn of(applied: Applied) -> Self {
        let definitions = Definitions::of(applied);
        Self { plans: PlanCache::new(definitions.objects()), definitions }
    }
}

/// The definitions and tables that requests are answered from.
#[derive(Debug)]
pub(super) struct Definitions {
    objects: Objects,
    tables: BTreeMap<String, Arc<OnlineTable>>,
    known_columns: Arc<BTreeMap<String, ValueType>>,
    /// What was applied, for writers.
    applied: Applied,
}

impl Definitions {
    fn of(applied: Applied) -> Self {
        let Applied { registry, complete } = &applied;
        let mut objects = registry.objects.clone();
        let mut tables: BTreeMap<String, OnlineTable> = BTreeMap::new();
        let mut newest_first: Vec<&OnlineTable> =
            registry.tables.values().filter(|table| table.state == TableState::Live).collect();
        newest_first.sort_by_key(|table| std::cmp::Reverse(table.id.revision));
        for table in newest_first {
            let is_ready = |table: &OnlineTable| table.replaces.is_none() || complete.contains(&table.id);
            let view = &table.view.name;
            // An unfinished table serves only where no other is left.
            if tables.get(view).is_none_or(|newer| !is_ready(newer)) {
                tables.insert(view.clone(), table.clone());
            }
        }
        for (view, table) in &tables {
            if let Some(served) = &table.served {
                restore(&mut objects, view, table, served);
            }
        }
        let known_columns = Arc::new(known_columns(&applied.registry.objects));
        let tables = tables.into_iter().map(|(view, table)| (view, Arc::new(table))).collect();
        Self { objects, tables, known_columns, applied }
    }

    /// The tables that serve.
    pub(super) fn tables(&self) -> impl Iterator<Item = &OnlineTable> {
        self.tables.values().map(AsRef::as_ref)
    }

    pub(super) const fn applied(&self) -> &Applied {
        &self.applied
    }

    pub(super) const fn known_columns(&self) -> &Arc<BTreeMap<String, ValueType>> {
        &self.known_columns
    }

    pub(super) const fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The table that serves a view; `None` when an apply has not come so far yet.
    pub(super) fn table(&self, view: &str) -> Result<Option<Arc<OnlineTable>>> {
        let online = self.objects.feature_view(view).is_some_and(|view| view.online);
        match self.tables.get(view) {
            Some(table) if online => Ok(Some(table.clone())),
            _ if online => Ok(None),
            _ => Err(Error::invalid(format!("feature view `{view}` is not served online"))
                .with_hint("set `online = true` in its block, then apply and materialize")),
        }
    }
}

/// Puts a view back as it stood when `table` was made. Its entities get names that no definition can have, since other
/// views may already go by the new ones.
fn restore(objects: &mut Objects, name: &str, table: &OnlineTable, served: &ServedDefinitions) {
    let Some(before) = served.objects.feature_view(&served.view) else { return };
    let mut view: FeatureView = before.clone();
    for entity in &mut view.entities {
        if let Some(definition) = served.objects.entity(entity) {
            *entity = format!("{entity}@{}", table.id);
            let address = Address::new(ObjectKind::Entity, entity.as_str());
            objects.0.insert(address, Object::Entity(definition.clone()));
        }
    }
    // Features that only the new table will have can be asked for already: `NOT_FOUND` until it serves.
    if let Some(current) = objects.feature_view(name) {
        let added = current.features.iter().filter(|feature| before.feature(&feature.name).is_none());
        view.features.extend(added.cloned());
        // Old names are answered as the present definitions say.
        view.aliases.clone_from(&current.aliases);
        for feature in &mut view.features {
            if let Some(current) = current.feature(&feature.name) {
                feature.aliases.clone_from(&current.aliases);
            }
        }
    }
    objects.0.insert(Address::new(ObjectKind::FeatureView, name), Object::FeatureView(view));
}
