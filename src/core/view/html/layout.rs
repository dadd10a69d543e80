//! Where the nodes of a lineage graph stand: in columns by what they are, ordered so that few edges cross. An edge that
//! passes a column gets a place of its own there, so that it runs between the nodes and not behind them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ObjectKind;
use crate::view::lineage::{Fate, Lineage, Node};

pub(super) const NODE_WIDTH: i64 = 188;
pub(super) const NODE_HEIGHT: i64 = 46;
const COLUMN_GAP: i64 = 48;
const NODE_GAP: i64 = 14;
/// Height of the place of an edge that passes a column.
const EDGE_HEIGHT: i64 = 8;
/// Room for the names of columns.
const TOP: i64 = 30;
const MARGIN: i64 = 2;
/// Passes over the columns, forth and back in turn.
const SWEEPS: usize = 8;

const COLUMNS: [&str; 6] =
    ["sources", "push sources", "feature views", "on-demand views", "feature services", "consumers"];

/// A drawing, in pixels.
#[derive(Clone, Debug)]
pub(super) struct Layout<'a> {
    pub(super) width: i64,
    pub(super) height: i64,
    /// Left edge and name of each column.
    pub(super) columns: Vec<(i64, &'static str)>,
    /// Upper left corner of each node.
    pub(super) nodes: BTreeMap<&'a Node, (i64, i64)>,
    /// The points that each edge goes through, in pairs that a straight line or a curve joins.
    pub(super) edges: Vec<(Vec<(i64, i64)>, Fate)>,
}

/// Something that takes room in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot<'a> {
    Node(&'a Node),
    /// An edge on its way, by its number, and the column that it passes.
    Edge(usize, usize),
}

impl Slot<'_> {
    const fn height(self) -> i64 {
        match self {
            Self::Node(_) => NODE_HEIGHT,
            Self::Edge(..) => EDGE_HEIGHT,
        }
    }
}

/// The columns of a graph from top to bottom, without those that would stay empty.
struct Columns<'a> {
    slots: Vec<Vec<Slot<'a>>>,
    names: Vec<&'static str>,
    /// The slots that each edge goes through, one in each column.
    ways: Vec<(Vec<Slot<'a>>, Fate)>,
    /// What a slot is joined to in the column before and in the one after.
    beside: BTreeMap<Slot<'a>, [Vec<Slot<'a>>; 2]>,
}

/// Lays out a graph.
pub(super) fn layout(graph: &Lineage) -> Layout<'_> {
    let mut columns = Columns::of(graph);
    columns.order();
    let tops = columns.tops();
    let lefts = (0..).map(|column| MARGIN + column * (NODE_WIDTH + COLUMN_GAP));
    let lefts: Vec<i64> = lefts.take(columns.slots.len()).collect();
    let mut places: BTreeMap<Slot<'_>, (i64, i64)> = BTreeMap::new();
    for (left, slots) in lefts.iter().zip(&columns.slots) {
        places.extend(slots.iter().map(|slot| (*slot, (*left, tops.get(slot).copied().unwrap_or(TOP)))));
    }
    let ends = |slot: &Slot<'_>| {
        let (x, y) = places.get(slot).copied().unwrap_or_default();
        let middle = y + slot.height() / 2;
        [(x, middle), (x + NODE_WIDTH, middle)]
    };
    let points = |way: &[Slot<'_>]| -> Vec<(i64, i64)> {
        let all: Vec<(i64, i64)> = way.iter().flat_map(ends).collect();
        all.get(1..all.len().saturating_sub(1)).unwrap_or_default().to_vec()
    };
    let nodes = places.iter().filter_map(|(slot, place)| match slot {
        Slot::Node(node) => Some((*node, *place)),
        Slot::Edge(..) => None,
    });
    Layout {
        width: lefts.last().map_or(0, |left| left + NODE_WIDTH + MARGIN),
        height: places.iter().map(|(slot, (_, y))| y + slot.height() + MARGIN).max().unwrap_or(0),
        columns: lefts.iter().copied().zip(columns.names.iter().copied()).collect(),
        edges: columns.ways.iter().map(|(way, fate)| (points(way), *fate)).collect(),
        nodes: nodes.collect(),
    }
}

impl<'a> Columns<'a> {
    fn of(graph: &'a Lineage) -> Self {
        let is_source = |node: &Node| matches!(node, Node::Object(one) if one.kind == ObjectKind::DataSource);
        let push_sources: BTreeSet<&Node> = graph
            .edges
            .keys()
            .filter(|(from, to)| is_source(from) && is_source(to))
            .map(|(_, to)| to)
            .collect();
        let stage = |node: &Node| match node {
            Node::Object(address) => match address.kind {
                ObjectKind::Entity => 0,
                ObjectKind::DataSource => usize::from(push_sources.contains(node)),
                ObjectKind::FeatureView => 2,
                ObjectKind::OnDemandFeatureView => 3,
                ObjectKind::FeatureService => 4,
            },
            Node::Consumer(_) => 5,
        };
        let used: BTreeSet<usize> = graph.nodes.keys().map(stage).collect();
        let column = |node: &Node| used.range(..stage(node)).count();
        let mut slots = vec![Vec::new(); used.len()];
        for node in graph.nodes.keys() {
            slots[column(node)].push(Slot::Node(node));
        }
        let mut ways = Vec::new();
        for (number, ((from, to), fate)) in graph.edges.iter().enumerate() {
            let passed = column(from) + 1..column(to);
            let bends = passed.map(|column| (column, Slot::Edge(number, column)));
            bends.clone().for_each(|(column, slot)| slots[column].push(slot));
            // No definition reads what stands in its own column or behind it; what is no lineage is not drawn.
            if column(from) < column(to) {
                let bends = bends.map(|(_, slot)| slot);
                let way = [Slot::Node(from)].into_iter().chain(bends).chain([Slot::Node(to)]).collect();
                ways.push((way, *fate));
            }
        }
        let mut beside: BTreeMap<Slot<'a>, [Vec<Slot<'a>>; 2]> = BTreeMap::new();
        for pair in ways.iter().flat_map(|(way, _): &(Vec<Slot<'a>>, Fate)| way.windows(2)) {
            beside.entry(pair[0]).or_default()[1].push(pair[1]);
            beside.entry(pair[1]).or_default()[0].push(pair[0]);
        }
        Self { slots, names: used.iter().map(|stage| COLUMNS[*stage]).collect(), ways, beside }
    }

    fn joined(&self, slot: Slot<'a>, side: usize) -> &[Slot<'a>] {
        self.beside.get(&slot).map_or(&[], |sides| sides[side].as_slice())
    }

    /// Sorts each column by the middle of what its slots are joined to, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.slots.clone());
        for sweep in 0..SWEEPS {
            let count = self.slots.len();
            let side = sweep % 2;
            for step in 1..count {
                let column = if side == 0 { step } else { count - 1 - step };
                let next = if side == 0 { column - 1 } else { column + 1 };
                let rank = positions(&self.slots[next]);
                let mut sorted: Vec<(f64, Slot<'a>)> = Vec::new();
                for (position, slot) in self.slots[column].iter().enumerate() {
                    let joined = self.joined(*slot, side).iter().filter_map(|slot| rank.get(slot));
                    sorted.push((mean(joined.copied()).unwrap_or(as_float(position)), *slot));
                }
                sorted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
                self.slots[column] = sorted.into_iter().map(|(_, slot)| slot).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.slots.clone());
            }
        }
        self.slots = best.1;
    }

    /// How many pairs of edges cross between neighbouring columns.
    fn crossings(&self) -> usize {
        let mut count = 0;
        for pair in self.slots.windows(2) {
            let (left, right) = (positions(&pair[0]), positions(&pair[1]));
            let mut links: Vec<(usize, usize)> = Vec::new();
            for (slot, position) in &left {
                let joined = self.joined(*slot, 1).iter().filter_map(|slot| right.get(slot));
                links.extend(joined.map(|other| (*position, *other)));
            }
            links.sort_unstable();
            for (at, (from, to)) in links.iter().enumerate() {
                count += links[at..].iter().filter(|(other, end)| other > from && end < to).count();
            }
        }
        count
    }

    /// The upper edge of each slot: as near as the order allows to what it is joined to.
    fn tops(&self) -> BTreeMap<Slot<'a>, i64> {
        let mut tops = BTreeMap::new();
        let count = self.slots.len();
        let forth = (0..count).map(|column| (column, 0));
        let back = (0..count.saturating_sub(1)).rev().map(|column| (column, 1));
        for (column, side) in forth.chain(back) {
            let mut next = TOP;
            let mut wanted = 0;
            let mut placed = Vec::new();
            for slot in &self.slots[column] {
                let middle = |other: &Slot<'a>| Some(tops.get(other)? + other.height() / 2);
                let middles: Vec<i64> = self.joined(*slot, side).iter().filter_map(middle).collect();
                let top = match middles.len() {
                    0 => next,
                    count => {
                        middles.iter().sum::<i64>() / i64::try_from(count).unwrap_or(1) - slot.height() / 2
                    }
                };
                wanted += top.max(next) - top;
                placed.push((*slot, top.max(next)));
                next = top.max(next) + slot.height() + NODE_GAP;
            }
            // What had to go down to find room shares the way with the rest of its column.
            let up = wanted / i64::try_from(placed.len()).unwrap_or(1).max(1);
            tops.extend(placed.into_iter().map(|(slot, top)| (slot, top - up)));
        }
        let highest = tops.values().min().copied().unwrap_or(TOP);
        tops.values_mut().for_each(|top| *top += TOP - highest);
        tops
    }
}

fn positions<'a>(slots: &[Slot<'a>]) -> BTreeMap<Slot<'a>, usize> {
    slots.iter().enumerate().map(|(position, slot)| (*slot, position)).collect()
}

fn mean(positions: impl Iterator<Item = usize>) -> Option<f64> {
    let (sum, count) = positions.fold((0, 0), |(sum, count), position| (sum + position, count + 1));
    (count > 0).then(|| as_float(sum) / as_float(count))
}

#[expect(clippy::cast_precision_loss, reason = "positions in a column are small")]
const fn as_float(number: usize) -> f64 {
    number as f64
}
