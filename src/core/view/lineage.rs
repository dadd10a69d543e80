//! The lineage of what a plan touches: sources and entities → views → on-demand views → services → consumers. The plan
//! holds definitions of what changes and no others, so neighbours that do not change are known by name alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Address, Object, ObjectKind};
use crate::plan::{Affected, Change, Contract, Plan, StoredDefinition};
use crate::view::wording::{is_folded, verb};

/// Most nodes of a drawing that a person can still follow.
pub(super) const MOST_NODES: usize = 60;

/// What stands in the drawing: an object, or a consumer with its owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Object(Address),
    Consumer(String),
}

/// What the plan means for a node, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    #[default]
    Unchanged,
    Metadata,
    NonBreaking,
    /// It reads something that changes under it.
    Affected,
    Breaking,
}

/// How a node looks: its state, and the sign of its change, empty where its definition stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) state: State,
    pub(super) sign: &'static str,
}

/// Whether a reference was there before, is there after, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    Added,
    Removed,
}

/// Nodes, and edges from what is read to its reader.
#[derive(Clone, Debug, Default)]
pub(super) struct Lineage {
    pub(super) nodes: BTreeMap<Node, Look>,
    pub(super) edges: BTreeMap<(Node, Node), Fate>,
    /// Nodes that found no room.
    pub(super) left_out: usize,
}

impl Lineage {
    /// The graph of a plan, at most [`MOST_NODES`] nodes of it: what breaks, with all that stands around it, goes first.
    pub(super) fn of(plan: &Plan) -> Self {
        let whole = Self::whole(plan);
        if whole.nodes.len() <= MOST_NODES { whole } else { whole.reduced() }
    }

    /// All of it.
    pub(super) fn whole(plan: &Plan) -> Self {
        let mut graph = Self::default();
        let is_drawn = |change: &&Change| {
            let is_entity = change.address.kind == ObjectKind::Entity;
            !is_folded(change) && (!is_entity || change.contract == Contract::Breaking)
        };
        let drawn: Vec<&Change> = plan.changes.iter().filter(is_drawn).collect();
        for change in &drawn {
            let state = match change.contract {
                Contract::Breaking => State::Breaking,
                Contract::NonBreaking => State::NonBreaking,
                Contract::Metadata => State::Metadata,
            };
            let look = Look { state, sign: verb(&change.actions).0 };
            graph.nodes.insert(Node::Object(change.address.clone()), look);
        }
        drawn.iter().for_each(|change| graph.references(change));
        let affected = drawn.iter().flat_map(|change| &change.affects).chain(&plan.affected);
        affected.for_each(|service| graph.affected(service));
        for change in plan.changes.iter().filter(|change| is_folded(change)) {
            if let Some(look) = graph.nodes.get_mut(&Node::Object(change.address.clone())) {
                *look = Look { state: look.state.max(State::Metadata), sign: "~" };
            }
        }
        graph
    }

    /// Edges from everything that a definition reads, and to its consumers. Every view has entities; only those that
    /// change are of interest.
    fn references(&mut self, change: &Change) {
        let this = Node::Object(change.address.clone());
        let [before, after] = [&change.before, &change.after].map(|form| neighbours(form.as_ref()));
        for neighbour in before.union(&after) {
            let (other, is_reader) = neighbour;
            let is_entity = matches!(other, Node::Object(address) if address.kind == ObjectKind::Entity);
            if is_entity && !self.nodes.contains_key(other) {
                continue;
            }
            let fate = match (before.contains(neighbour), after.contains(neighbour)) {
                (true, true) => Fate::Kept,
                (false, _) => Fate::Added,
                (true, false) => Fate::Removed,
            };
            self.nodes.entry(other.clone()).or_default();
            let (from, to) = if *is_reader { (&this, other) } else { (other, &this) };
            self.edges.insert((from.clone(), to.clone()), fate);
        }
    }

    /// A service that notices, what it reads, and who reads it.
    fn affected(&mut self, service: &Affected) {
        let node = Node::Object(service.address.clone());
        self.mark_affected(&node);
        let read: BTreeSet<&str> =
            service.features.iter().filter_map(|name| name.split(':').next()).collect();
        for read in read {
            let on_demand = Node::Object(Address::new(ObjectKind::OnDemandFeatureView, read));
            let read = match read.parse::<Address>() {
                // A request source, by its address.
                Ok(source) => Node::Object(source),
                Err(_) if self.nodes.contains_key(&on_demand) => on_demand,
                Err(_) => Node::Object(Address::new(ObjectKind::FeatureView, read)),
            };
            self.nodes.entry(read.clone()).or_default();
            self.edges.entry((read, node.clone())).or_insert(Fate::Kept);
        }
        for consumer in &service.consumers {
            let consumer = Node::Consumer(consumer.clone());
            self.mark_affected(&consumer);
            self.edges.entry((node.clone(), consumer)).or_insert(Fate::Kept);
        }
    }

    fn mark_affected(&mut self, node: &Node) {
        let look = self.nodes.entry(node.clone()).or_default();
        look.state = look.state.max(State::Affected);
    }

    /// The worst nodes, each with all that reads it and what it reads, until there is no more room.
    fn reduced(&self) -> Self {
        let mut beside = Beside::new();
        for (from, to) in self.edges.keys() {
            beside.entry(from).or_default().readers.push(to);
            beside.entry(to).or_default().reads.push(from);
        }
        let mut ranked: Vec<(&Node, &Look)> = self.nodes.iter().collect();
        ranked.sort_by_key(|(_, look)| Reverse(look.state));
        let mut kept: BTreeSet<&Node> = BTreeSet::new();
        for (node, look) in ranked {
            if look.state < State::Affected && !kept.is_empty() {
                break;
            }
            for node in around(node, &beside) {
                if kept.len() < MOST_NODES {
                    kept.insert(node);
                }
            }
            if kept.len() == MOST_NODES {
                break;
            }
        }
        let is_kept = |(from, to): &(Node, Node)| kept.contains(from) && kept.contains(to);
        let nodes = self.nodes.iter().filter(|(node, _)| kept.contains(node));
        let edges = self.edges.iter().filter(|(edge, _)| is_kept(edge));
        Self {
            nodes: nodes.map(|(node, look)| (node.clone(), *look)).collect(),
            edges: edges.map(|(edge, fate)| (edge.clone(), *fate)).collect(),
            left_out: self.nodes.len() - kept.len(),
        }
    }
}

/// What stands beside a node.
#[derive(Default)]
struct Sides<'a> {
    reads: Vec<&'a Node>,
    readers: Vec<&'a Node>,
}

type Beside<'a> = BTreeMap<&'a Node, Sides<'a>>;

/// The node, all that reads it directly or through others, and what it reads itself.
fn around<'a>(node: &'a Node, beside: &Beside<'a>) -> Vec<&'a Node> {
    let mut found = vec![node];
    let mut at = 0;
    while at < found.len() && found.len() < MOST_NODES {
        let readers = beside.get(found[at]).into_iter().flat_map(|sides| &sides.readers);
        for reader in readers.take(MOST_NODES) {
            if !found.contains(reader) {
                found.push(reader);
            }
        }
        at += 1;
    }
    found.extend(beside.get(node).into_iter().flat_map(|sides| &sides.reads));
    found
}

/// What a definition reads, and with `true` who reads it; nothing for a form that this version does not know.
fn neighbours(form: Option<&StoredDefinition>) -> BTreeSet<(Node, bool)> {
    let Some(object) = form.and_then(StoredDefinition::object) else { return BTreeSet::new() };
    let mut found: BTreeSet<(Node, bool)> =
        object.references().into_iter().map(|address| (Node::Object(address), false)).collect();
    if let Object::FeatureService(service) = object {
        found.extend(service.consumers.into_iter().map(|consumer| {
            let owner = consumer.owner.map(|owner| format!(" ({owner})")).unwrap_or_default();
            (Node::Consumer(consumer.name + &owner), true)
        }));
    }
    found
}
