//! What becomes of the online tables of one view: nothing, a change in place, a new table beside the old one, or the end.
//! It decides about records in the registry; `infrastructure` works out what that asks of the store.

use std::collections::BTreeMap;

use super::fit::{Fit, fit};
use super::index::Indexed;
use super::{Reason, Work};
use crate::model::{Address, FeatureView, Fingerprint, JoinKey, ObjectKind, Objects, StoreIdentity};
use crate::registry::{
    Backfill, Column, ColumnId, Coverage, Interval, OnlineTable, ServedDefinitions, TableId, TableState,
};
use crate::time::Timestamp;

/// Data work that a decision about tables brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableWork {
    pub(super) work: Work,
    /// Features concerned; empty: all.
    pub(super) features: Vec<String>,
    /// Event times, where something is stored.
    pub(super) range: Option<Interval>,
}

/// What becomes of the tables of one view.
#[derive(Clone, Debug, Default)]
pub(super) struct TableDecision {
    /// Records that the define step writes.
    pub(super) puts: BTreeMap<TableId, OnlineTable>,
    /// The table to create, and why.
    pub(super) created: Option<(TableId, Reason)>,
    /// The table that the new one takes over from, in this plan.
    pub(super) replaced: Option<TableId>,
    /// Tables to delete, and why; after the define step where that says something about them.
    pub(super) deleted: Vec<(TableId, Reason)>,
    /// Tables whose `replaces` ends when the deletion of the other is done: (new, old).
    pub(super) freed: Vec<(TableId, TableId)>,
    /// Work on stored values.
    pub(super) work: Vec<TableWork>,
    /// Attributes that ask for a new table.
    pub(super) because: Vec<String>,
    /// Whether the view goes back to the table that still serves.
    pub(super) way_back: bool,
}

impl TableDecision {
    /// Whether something happens to the view's tables or values, and not only to the record of one.
    pub(super) fn shows(&self) -> bool {
        let happens = self.created.is_some() || !self.deleted.is_empty() || !self.work.is_empty();
        happens && !self.puts.is_empty()
    }

    fn put(&mut self, table: OnlineTable) {
        self.puts.insert(table.id.clone(), table);
    }

    fn drop_table(&mut self, table: &OnlineTable, reason: Reason) {
        self.put(OnlineTable { state: TableState::Dropped, ..table.clone() });
        self.deleted.push((table.id.clone(), reason));
    }
}

/// What a view asks of its table.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) view: &'a FeatureView,
    pub(super) before: Option<&'a FeatureView>,
    pub(super) store: &'a StoreIdentity,
    pub(super) join_keys: Vec<JoinKey>,
    pub(super) source: &'a Fingerprint,
    /// Name of the source that holds the history.
    pub(super) history: &'a str,
}

/// The live tables of a view.
struct Found<'a> {
    /// The one that nothing replaces, what it replaces, and so on.
    chain: Vec<&'a OnlineTable>,
    /// Tables that are not in that chain.
    left_over: Vec<&'a OnlineTable>,
}

/// Content fingerprints of the sources that hold the history of a view; many views may stand on one.
pub(super) type Histories<'a> = BTreeMap<&'a str, Fingerprint>;

/// Those of these objects.
pub(super) fn histories(objects: &Objects) -> Histories<'_> {
    let mut histories = Histories::new();
    for (name, source) in objects.feature_views().filter_map(|(_, view)| objects.history_of(view)) {
        histories.entry(name).or_insert_with(|| source.content_fingerprint());
    }
    histories
}

/// Decides for one view, in the registry, the desired definitions, or both. `objects` are the desired ones.
pub(super) fn decide(
    input: &Indexed<'_>,
    objects: &Objects,
    histories: &Histories<'_>,
    view: &str,
) -> TableDecision {
    let live = input.live_tables(view);
    let found = find(live);
    let wanted = want(input, objects, histories, view);
    let mut decision = TableDecision::default();
    match (wanted, found) {
        (None, _) if is_forgotten(input, objects, view) => forget_all(live, &mut decision),
        (None, _) => retire_all(input, live, &mut decision),
        (Some(wanted), None) => create(&wanted, None, Reason::New, &mut decision),
        (Some(wanted), Some(found)) => keep_or_replace(input, &wanted, &found, &mut decision),
    }
    for table in decision.puts.values_mut() {
        forget_done_backfills(input, table);
    }
    decision
}

/// Takes recorded backfills that the ledger covers out of a record that is written anyway.
pub(super) fn forget_done_backfills(input: &Indexed<'_>, table: &mut OnlineTable) {
    let ledger = input.ledger(&table.id);
    let waiting = table.backfills.iter().filter(|backfill| !table.is_covered(backfill, ledger));
    table.backfills = waiting.cloned().collect();
}

fn want<'a>(
    input: &'a Indexed<'a>,
    objects: &'a Objects,
    histories: &'a Histories<'_>,
    name: &'a str,
) -> Option<Wanted<'a>> {
    let view = objects.feature_view(name).filter(|view| view.online)?;
    let store = input.environment.online_store.as_ref().filter(|_| input.store.is_some())?;
    let join_keys = objects.join_keys(name)?;
    let (history, _) = objects.history_of(view)?;
    let source = histories.get(history)?;
    let before = input.prior.objects.feature_view(name);
    Some(Wanted { name, view, before, store, join_keys, source, history })
}

fn find<'a>(live: &[&'a OnlineTable]) -> Option<Found<'a>> {
    let is_replaced = |id: &TableId| live.iter().any(|other| other.replaces.as_ref() == Some(id));
    let newest =
        live.iter().copied().filter(|table| !is_replaced(&table.id)).max_by_key(|table| table.id.revision)?;
    let mut chain = vec![newest];
    let mut next = newest.replaces.as_ref();
    while let Some(old) = next.and_then(|id| live.iter().copied().find(|table| table.id == *id)) {
        if chain.iter().any(|table| table.id == old.id) {
            break;
        }
        chain.push(old);
        next = old.replaces.as_ref();
    }
    let in_chain = |table: &&OnlineTable| chain.iter().any(|link| link.id == table.id);
    let left_over = live.iter().copied().filter(|table| !in_chain(table)).collect();
    Some(Found { chain, left_over })
}

/// Whether a `removed` block says that the view is gone and its data stays.
fn is_forgotten(input: &Indexed<'_>, objects: &Objects, view: &str) -> bool {
    let address = Address::new(ObjectKind::FeatureView, view);
    objects.get(&address).is_none() && input.is_forgotten(&address)
}

/// The registry keeps the records, so that nobody ever takes the tables for orphans.
fn forget_all(live: &[&OnlineTable], decision: &mut TableDecision) {
    for table in live {
        decision.put(OnlineTable { state: TableState::Forgotten, ..(*table).clone() });
    }
}

/// The view is no longer served online.
fn retire_all(input: &Indexed<'_>, live: &[&OnlineTable], decision: &mut TableDecision) {
    for table in live {
        decision.drop_table(table, Reason::Unused);
    }
    if !live.is_empty() {
        let range = live
            .iter()
            .filter_map(|table| input.ledger(&table.id).loaded().span())
            .reduce(|a, b| Interval { from: a.from.min(b.from), to: a.to.max(b.to) });
        decision.work.push(TableWork { work: Work::Drop, features: Vec::new(), range });
    }
}

fn create(wanted: &Wanted<'_>, replaces: Option<&TableId>, reason: Reason, decision: &mut TableDecision) {
    let id = TableId::planned(wanted.name);
    let columns: Vec<Column> = wanted
        .view
        .features
        .iter()
        .zip(1..)
        .map(|(feature, id)| Column {
            id: ColumnId(id),
            name: feature.name.clone(),
            value_type: feature.value_type.clone(),
        })
        .collect();
    let next = columns.last().map_or(1, |column| column.id.0 + 1);
    decision.put(OnlineTable {
        id: id.clone(),
        view: Address::new(ObjectKind::FeatureView, wanted.name),
        state: TableState::Live,
        store: wanted.store.clone(),
        join_keys: wanted.join_keys.clone(),
        columns,
        next_column_id: ColumnId(next),
        schema_id: 1,
        source: wanted.source.clone(),
        equal_sources: Vec::new(),
        replaces: replaces.cloned(),
        backfills: Vec::new(),
        served: None,
    });
    decision.created = Some((id, reason));
}

fn keep_or_replace(
    input: &Indexed<'_>,
    wanted: &Wanted<'_>,
    found: &Found<'_>,
    decision: &mut TableDecision,
) {
    let Some(&newest) = found.chain.first() else { return };
    let kept = delete_superseded(input, found, decision);
    if is_lost(input, &newest.id) {
        return create_again(input, wanted, &found.chain, kept, decision);
    }
    let is_filled = input.ledger(&newest.id).complete.is_some();
    match (fit(input, wanted, newest), kept.filter(|_| !is_filled)) {
        (Fit::Same, _) => {}
        (Fit::InPlace(table, work), None) => {
            decision.put(*table);
            decision.work = work;
        }
        (Fit::New(because), None) => replace(input, wanted, newest, because, decision),
        (fit, Some(old)) => leave_unfinished(input, wanted, (newest, fit), old, decision),
    }
}

/// Deletes replaced tables that are lost, or whose successor is filled for long enough, with all that is older. Returns
/// the table that the newest one replaces, where that stays.
fn delete_superseded<'a>(
    input: &Indexed<'_>,
    found: &Found<'a>,
    decision: &mut TableDecision,
) -> Option<&'a OnlineTable> {
    let due = |at: Timestamp| at.saturating_add(input.keep_superseded) < input.now;
    let mut cut = false;
    for pair in found.chain.windows(2) {
        let [new, old] = pair else { continue };
        let lost = is_lost(input, &old.id);
        if cut || lost || input.ledger(&new.id).complete.is_some_and(due) {
            if !cut {
                decision.freed.push((new.id.clone(), old.id.clone()));
            }
            cut = true;
            decision.deleted.push((old.id.clone(), if lost { Reason::Missing } else { Reason::Superseded }));
        }
    }
    decision.deleted.extend(found.left_over.iter().map(|table| (table.id.clone(), Reason::Superseded)));
    let replaced = found.chain.get(1).copied()?;
    let goes = decision.deleted.iter().any(|(id, _)| *id == replaced.id);
    (!goes).then_some(replaced)
}

/// The newest table is not there any more. A new one takes its place, beside the one that still serves, if one does. What
/// the lost ones held is recorded as backfills, as far as it is not filled from the one that serves.
fn create_again(
    input: &Indexed<'_>,
    wanted: &Wanted<'_>,
    chain: &[&OnlineTable],
    serving: Option<&OnlineTable>,
    decision: &mut TableDecision,
) {
    let Some(&lost) = chain.first() else { return };
    decision.drop_table(lost, Reason::Missing);
    decision.freed.clear();
    create(wanted, serving.map(|old| &old.id), Reason::Missing, decision);
    let gone = chain.iter().take_while(|table| serving.is_none_or(|old| table.id != old.id));
    let gone = gone.map(|table| held(input, table)).fold(Coverage::default(), |all, one| all.union(&one));
    let kept = serving.map(|old| held(input, old)).unwrap_or_default();
    if let Some(table) = decision.puts.get_mut(&TableId::planned(wanted.name)) {
        let columns: Vec<ColumnId> = table.columns.iter().map(|column| column.id).collect();
        let rest = gone.difference(&kept);
        let backfill = |part: &Interval| Backfill { columns: columns.clone(), from: part.from, to: part.to };
        table.backfills = rest.intervals().iter().map(backfill).collect();
    }
    let range = gone.union(&kept).span();
    if serving.is_some() || range.is_some() {
        decision.work.push(TableWork { work: Work::Rematerialize, features: Vec::new(), range });
    }
}

/// The definition changes while the newest table is not filled and `old` serves: go back to `old`, change the unfinished
/// table in place, or begin another one.
fn leave_unfinished(
    input: &Indexed<'_>,
    wanted: &Wanted<'_>,
    (unfinished, newest): (&OnlineTable, Fit),
    old: &OnlineTable,
    decision: &mut TableDecision,
) {
    match (fit(input, wanted, old), newest) {
        (Fit::Same, _) => {
            decision.drop_table(unfinished, Reason::Unfinished);
            decision.put(OnlineTable { served: None, ..old.clone() });
            decision.way_back = true;
        }
        // Its filling is still to come, and that fills every column.
        (_, Fit::InPlace(table, work)) => {
            let drops = work.into_iter().filter(|work| work.work == Work::Drop);
            decision.work = drops.collect();
            decision.put(OnlineTable { backfills: Vec::new(), ..*table });
        }
        (Fit::InPlace(table, work), _) => {
            decision.drop_table(unfinished, Reason::Unfinished);
            decision.put(OnlineTable { served: None, ..*table });
            decision.work = work;
            decision.way_back = true;
        }
        (Fit::New(_), Fit::New(because)) => {
            decision.drop_table(unfinished, Reason::Unfinished);
            let range = held(input, old).span();
            decision.because.clone_from(&because);
            create(wanted, Some(&old.id), Reason::NeedsNewTable { because }, decision);
            decision.replaced = Some(old.id.clone());
            decision.work.push(TableWork { work: Work::Rematerialize, features: Vec::new(), range });
        }
        (Fit::New(_), Fit::Same) => {}
    }
}

fn replace(
    input: &Indexed<'_>,
    wanted: &Wanted<'_>,
    old: &OnlineTable,
    because: Vec<String>,
    decision: &mut TableDecision,
) {
    decision.because.clone_from(&because);
    decision.put(OnlineTable { served: served(input, &old.view), ..old.clone() });
    create(wanted, Some(&old.id), Reason::NeedsNewTable { because }, decision);
    decision.replaced = Some(old.id.clone());
    let range = held(input, old).span();
    decision.work.push(TableWork { work: Work::Rematerialize, features: Vec::new(), range });
}

/// The view, its entities, its source and the history behind that, as the registry has them.
fn served(input: &Indexed<'_>, view: &Address) -> Option<ServedDefinitions> {
    let kept = input.prior_graph.upstream(view).into_iter().chain([view.clone()]);
    let objects: BTreeMap<_, _> = kept
        .filter_map(|address| {
            let object = input.prior.objects.get(&address)?.clone();
            Some((address, object))
        })
        .collect();
    Some(ServedDefinitions { view: view.name.clone(), objects: Objects(objects) })
}

/// Event times that a table has, or is still to get.
pub(super) fn held(input: &Indexed<'_>, table: &OnlineTable) -> Coverage {
    table.loaded_or_recorded(input.ledger(&table.id))
}

/// Whether infrastructure of the table was applied and is not there.
fn is_lost(input: &Indexed<'_>, table: &TableId) -> bool {
    let Some(observed) = input.observed else { return false };
    input.infrastructure_of(table).iter().any(|object| !observed.contains_key(&object.id))
}
