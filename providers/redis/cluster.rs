//! Commands to the nodes of a cluster: those for one node go in one pipeline, and the nodes work side by side.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::try_join_all;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};

use crate::layout::SLOTS;
use crate::server::Command;

/// A connection to all nodes, and who owns which slots.
#[derive(Clone)]
pub(crate) struct Cluster {
    connection: ClusterConnection,
    owners: Arc<Mutex<Option<Arc<Owners>>>>,
}

/// Which node has which slots: ranges in order, the number of the node each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owners {
    ranges: Vec<(u16, u16, usize)>,
}

impl Owners {
    /// The answer of `CLUSTER SLOTS`: first and last slot of a range, then its nodes, the master first.
    fn of(answer: Vec<(u16, u16, Value)>) -> Self {
        let mut numbers: Vec<Value> = Vec::new();
        let mut ranges = Vec::with_capacity(answer.len());
        for (first, last, master) in answer {
            let number = numbers.iter().position(|known| *known == master).unwrap_or_else(|| {
                numbers.push(master);
                numbers.len() - 1
            });
            ranges.push((first, last, number));
        }
        ranges.sort_unstable();
        Self { ranges }
    }

    fn owner(&self, slot: u16) -> Option<usize> {
        let at = self.ranges.partition_point(|(_, last, _)| *last < slot);
        self.ranges.get(at).filter(|(first, ..)| *first <= slot).map(|(.., owner)| *owner)
    }

    /// A slot of each node.
    pub(crate) fn one_slot_each(&self) -> Vec<u16> {
        let each: BTreeMap<usize, u16> =
            self.ranges.iter().rev().map(|(first, _, owner)| (*owner, *first)).collect();
        each.into_values().collect()
    }
}

impl Cluster {
    pub(crate) fn new(connection: ClusterConnection) -> Self {
        Self { connection, owners: Arc::default() }
    }

    /// Answers in the order of the commands; an error of one command is a value.
    pub(crate) async fn run(&self, commands: &[Command]) -> RedisResult<Vec<Value>> {
        let owners = self.owners().await?;
        let mut by_node: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for (at, command) in commands.iter().enumerate() {
            by_node.entry(owners.owner(command.slot)).or_default().push(at);
        }
        let groups = by_node.into_values().map(|places| async move {
            let group: Vec<&Command> = places.iter().filter_map(|at| commands.get(*at)).collect();
            let answers = self.run_on_node(&group).await?;
            Ok::<_, RedisError>(places.into_iter().zip(answers).collect())
        });
        Ok(in_order(try_join_all(groups).await?))
    }

    /// Commands that one node should have. Where slots moved in the meantime, each finds its own way.
    async fn run_on_node(&self, group: &[&Command]) -> RedisResult<Vec<Value>> {
        match self.run_at(group).await {
            Err(error) if is_of_topology(error.kind()) => {
                self.forget_owners();
                self.run_each(group).await
            }
            other => other,
        }
    }

    /// One pipeline to the node that has the slot of the first command.
    async fn run_at(&self, group: &[&Command]) -> RedisResult<Vec<Value>> {
        let Some(first) = group.first() else { return Ok(Vec::new()) };
        let mut pipeline = Pipeline::with_capacity(group.len());
        for command in group {
            pipeline.add_command(command.cmd.clone());
        }
        self.connection.clone().route_pipeline(pipeline, 0, group.len(), at_slot(first.slot)).await
    }

    /// Slots side by side, commands of one slot one after the other, so that rows of one key stay in order.
    async fn run_each(&self, group: &[&Command]) -> RedisResult<Vec<Value>> {
        let mut by_slot: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (at, command) in group.iter().enumerate() {
            by_slot.entry(command.slot).or_default().push(at);
        }
        let slots = by_slot.into_values().map(|places| async move {
            let mut answers = Vec::with_capacity(places.len());
            for at in places {
                let alone: Vec<&Command> = group.get(at).copied().into_iter().collect();
                answers.extend(self.run_at(&alone).await?.into_iter().map(|value| (at, value)));
            }
            Ok::<_, RedisError>(answers)
        });
        Ok(in_order(try_join_all(slots).await?))
    }

    /// Who owns which slots, asked for once until somebody moves.
    pub(crate) async fn owners(&self) -> RedisResult<Arc<Owners>> {
        let known = self.owners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(owners) => Ok(owners),
            None => self.look_for_owners().await,
        }
    }

    pub(crate) async fn look_for_owners(&self) -> RedisResult<Arc<Owners>> {
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("SLOTS");
        let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::RandomPrimary);
        let answer = self.connection.clone().route_command(cmd, routing).await?;
        let ranges: Vec<Vec<Value>> = redis::from_redis_value(answer)?;
        let number = |value: Option<&Value>| -> Option<u16> {
            match value {
                Some(Value::Int(number)) => u16::try_from(*number).ok().filter(|slot| *slot < SLOTS),
                _ => None,
            }
        };
        let ranges = ranges
            .into_iter()
            .filter_map(|range| Some((number(range.first())?, number(range.get(1))?, range.get(2)?.clone())));
        let owners = Arc::new(Owners::of(ranges.collect()));
        *self.owners.lock().unwrap_or_else(PoisonError::into_inner) = Some(owners.clone());
        Ok(owners)
    }

    fn forget_owners(&self) {
        *self.owners.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn in_order(answers: Vec<Vec<(usize, Value)>>) -> Vec<Value> {
    let mut answers: Vec<(usize, Value)> = answers.into_iter().flatten().collect();
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, value)| value).collect()
}

fn at_slot(slot: u16) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master))
}

fn is_of_topology(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Server(
            ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ReadOnly
        ) | ErrorKind::ClusterConnectionNotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_the_owner_of_its_range() {
        let node = |name: &str| Value::BulkString(name.as_bytes().to_vec());
        let owners = Owners::of(vec![(100, 200, node("b")), (0, 99, node("a")), (300, SLOTS - 1, node("a"))]);
        let found = [0, 99, 100, 200, 201, 299, 300, SLOTS - 1].map(|slot| owners.owner(slot));
        assert_eq!(found, [Some(1), Some(1), Some(0), Some(0), None, None, Some(1), Some(1)]);
        assert_eq!(owners.one_slot_each(), [100, 0]);
    }
}
