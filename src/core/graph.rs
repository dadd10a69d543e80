//! The dependency graph of objects: what an object needs, what needs it, and an order in which everything comes after
//! what it needs. It says nothing about changes; `plan` walks it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::model::{Address, Objects};

/// Who needs whom. References to objects that do not exist are left out.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The nodes of the graph are positions in this sorted list.
    addresses: Vec<Address>,
    /// An edge goes from an object to what it needs.
    needs: DiGraphMap<usize, ()>,
}

impl Graph {
    /// The graph of these objects.
    pub fn of(objects: &Objects) -> Self {
        let addresses: Vec<Address> = objects.0.keys().cloned().collect();
        let mut needs = DiGraphMap::with_capacity(addresses.len(), addresses.len() * 2);
        for (position, object) in objects.0.values().enumerate() {
            needs.add_node(position);
            for reference in object.references() {
                if let Ok(target) = addresses.binary_search(&reference) {
                    needs.add_edge(position, target, ());
                }
            }
        }
        Self { addresses, needs }
    }

    /// Everything that the object needs, directly or through others; itself only when it stands in a cycle.
    pub fn upstream(&self, address: &Address) -> BTreeSet<Address> {
        self.reach(address, Direction::Outgoing)
    }

    /// Everything that needs the object, directly or through others; itself only when it stands in a cycle.
    pub fn downstream(&self, address: &Address) -> BTreeSet<Address> {
        self.reach(address, Direction::Incoming)
    }

    /// What the object names directly.
    pub fn needs(&self, address: &Address) -> BTreeSet<Address> {
        self.beside(address, Direction::Outgoing)
    }

    /// What names the object directly.
    pub fn needed_by(&self, address: &Address) -> BTreeSet<Address> {
        self.beside(address, Direction::Incoming)
    }

    /// Every object after all that it needs; by kind and name where the graph leaves a choice. Objects of a cycle stand
    /// where the first of them would.
    pub fn order(&self) -> Vec<Address> {
        let mut missing: BTreeMap<usize, usize> = (0..self.addresses.len())
            .map(|node| (node, self.needs.neighbors_directed(node, Direction::Outgoing).count()))
            .collect();
        let mut ready: BTreeSet<usize> =
            missing.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
        let mut order = Vec::with_capacity(self.addresses.len());
        // When nothing is ready, what is left holds a cycle: its first object goes next.
        while let Some(node) = ready.pop_first().or_else(|| missing.keys().next().copied()) {
            missing.remove(&node);
            order.push(self.addresses[node].clone());
            for dependent in self.needs.neighbors_directed(node, Direction::Incoming) {
                if let Some(count) = missing.get_mut(&dependent) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.insert(dependent);
                    }
                }
            }
        }
        order
    }

    /// Every cycle as a path whose last address needs the first; it begins at the smallest address.
    pub fn cycles(&self) -> Vec<Vec<Address>> {
        let mut cycles: Vec<Vec<usize>> = tarjan_scc(&self.needs)
            .into_iter()
            .filter(|group| {
                group.len() > 1 || group.iter().any(|node| self.needs.contains_edge(*node, *node))
            })
            .map(|group| self.path_through(&group.into_iter().collect()))
            .collect();
        cycles.sort();
        let name = |node: usize| self.addresses[node].clone();
        cycles.into_iter().map(|path| path.into_iter().map(name).collect()).collect()
    }

    /// The shortest way from the smallest node of a strongly connected group back to itself.
    fn path_through(&self, group: &BTreeSet<usize>) -> Vec<usize> {
        let Some(start) = group.first().copied() else { return Vec::new() };
        let mut came_from = BTreeMap::new();
        let mut front = std::collections::VecDeque::from([start]);
        while let Some(node) = front.pop_front() {
            let mut next: Vec<usize> =
                self.needs.neighbors(node).filter(|next| group.contains(next)).collect();
            next.sort_unstable();
            for next in next {
                if next == start {
                    let back = |node: &usize| came_from.get(node).copied();
                    let mut path: Vec<usize> = std::iter::successors(Some(node), back).collect();
                    path.reverse();
                    return path;
                }
                if let Entry::Vacant(unseen) = came_from.entry(next) {
                    unseen.insert(node);
                    front.push_back(next);
                }
            }
        }
        vec![start]
    }

    fn node(&self, address: &Address) -> Option<usize> {
        self.addresses.binary_search(address).ok()
    }

    fn beside(&self, address: &Address, direction: Direction) -> BTreeSet<Address> {
        let neighbors = self.node(address).into_iter();
        neighbors
            .flat_map(|node| self.needs.neighbors_directed(node, direction))
            .map(|node| self.addresses[node].clone())
            .collect()
    }

    fn reach(&self, address: &Address, direction: Direction) -> BTreeSet<Address> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<usize> = self.node(address).into_iter().collect();
        while let Some(node) = open.pop() {
            for next in self.needs.neighbors_directed(node, direction) {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached.into_iter().map(|node| self.addresses[node].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        DataSource, Entity, FeatureService, FeatureView, Lifecycle, Metadata, Object, ObjectKind, Selection,
        SourceKind, ValueType,
    };
    use crate::time::Duration;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn push(batch_source: &str) -> Object {
        Object::DataSource(DataSource {
            kind: SourceKind::Push { batch_source: batch_source.to_owned() },
            timestamp_field: None,
            created_timestamp_column: None,
            timestamp_unit: None,
            date_partition_column: None,
            field_mapping: BTreeMap::new(),
            metadata: Metadata::default(),
            lifecycle: Lifecycle::default(),
        })
    }

    fn entity() -> Object {
        Object::Entity(Entity {
            join_key: "id".to_owned(),
            value_type: ValueType::Int64,
            metadata: Metadata::default(),
            lifecycle: Lifecycle::default(),
        })
    }

    fn view(entities: &[&str], source: &str) -> Object {
        Object::FeatureView(FeatureView {
            entities: entities.iter().map(|name| (*name).to_owned()).collect(),
            source: source.to_owned(),
            ttl: Duration::ZERO,
            online: true,
            online_ttl: None,
            features: Vec::new(),
            materialization: crate::model::Materialization::default(),
            aliases: std::collections::BTreeMap::new(),
            metadata: Metadata::default(),
            lifecycle: Lifecycle::default(),
        })
    }

    fn service(views: &[&str]) -> Object {
        let features = views.iter().map(|view| Selection::of(*view, None)).collect();
        Object::FeatureService(FeatureService { features, ..FeatureService::default() })
    }

    fn graph(objects: Vec<(ObjectKind, &str, Object)>) -> Graph {
        let objects = objects.into_iter().map(|(kind, name, object)| (Address::new(kind, name), object));
        Graph::of(&Objects(objects.collect()))
    }

    fn fleet() -> Graph {
        graph(vec![
            (ObjectKind::Entity, "driver", entity()),
            (ObjectKind::Entity, "city", entity()),
            (ObjectKind::DataSource, "a_push", push("z_batch")),
            (ObjectKind::DataSource, "z_batch", push("nowhere")),
            (ObjectKind::FeatureView, "stats", view(&["driver"], "a_push")),
            (ObjectKind::FeatureService, "ranking", service(&["stats"])),
        ])
    }

    fn texts(addresses: impl IntoIterator<Item = Address>) -> Vec<String> {
        addresses.into_iter().map(|address| address.to_string()).collect()
    }

    #[test]
    fn reach_is_transitive_in_both_directions() {
        let graph = fleet();
        assert_eq!(
            texts(graph.upstream(&address("feature_service.ranking"))),
            ["entity.driver", "data_source.a_push", "data_source.z_batch", "feature_view.stats"]
        );
        assert_eq!(
            texts(graph.downstream(&address("data_source.z_batch"))),
            ["data_source.a_push", "feature_view.stats", "feature_service.ranking"]
        );
        assert_eq!(texts(graph.needed_by(&address("entity.driver"))), ["feature_view.stats"]);
        assert_eq!(texts(graph.upstream(&address("entity.nobody"))), Vec::<String>::new());
    }

    #[test]
    fn the_order_puts_needs_first_and_is_stable() {
        assert_eq!(
            texts(fleet().order()),
            [
                "entity.city",
                "entity.driver",
                "data_source.z_batch",
                "data_source.a_push",
                "feature_view.stats",
                "feature_service.ranking"
            ]
        );
    }

    #[test]
    fn cycles_are_paths() {
        let graph = graph(vec![
            (ObjectKind::DataSource, "c", push("a")),
            (ObjectKind::DataSource, "b", push("c")),
            (ObjectKind::DataSource, "a", push("b")),
            (ObjectKind::DataSource, "self", push("self")),
            (ObjectKind::DataSource, "fine", push("a")),
        ]);
        let cycles: Vec<Vec<String>> = graph.cycles().into_iter().map(texts).collect();
        assert_eq!(
            cycles,
            [vec!["data_source.a", "data_source.b", "data_source.c"], vec!["data_source.self"]]
        );
        assert_eq!(graph.order().len(), 5);
    }
}
