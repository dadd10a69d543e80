//! Lifetimes of a view: definitions change and are applied, tables are replaced and lost, rows come late, values are pushed
//! and materialized in any order. After every act each live table must hold, row for row and cell for cell, what `oracle`
//! has; at the end, when all is settled, what the source and the pushes say.
//!
//! Which tables there are, and what is recorded to be filled, is taken from the registry: the simulator and the tests of
//! plans judge that. Here it is about values.

mod oracle;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use self::oracle::{Oracle, Row};
use self::world::World;
use super::Backend;
use super::point_in_time::HistoryBackend;
use crate::materialize::MaterializeKind;
use provender_core::time::Timestamp;

/// Event times lie from here …
const FIRST: i64 = 0;
/// … to here; nothing is loaded from farther away than [`oracle::BEGINNING`].
const LAST: i64 = 40;
/// Keys of rows and pushes.
const KEYS: Range<i64> = 0..3;
/// Features that a view may have, as columns of every source.
const FEATURES: [&str; 4] = ["f0", "f1", "f2", "f3"];

/// What happens to a view.
#[derive(Clone, Debug)]
enum Act {
    Range(i64, i64),
    Incremental { end: i64, lookback: i64 },
    Pending,
    Push { key: i64, event: i64, created: Option<i64> },
    Append(Vec<Row>),
    Edit(Edit),
    Lose { newest: bool },
}

/// A change of the definitions; it is applied at once.
#[derive(Clone, Debug)]
enum Edit {
    Nothing,
    Add(&'static str),
    Remove(&'static str),
    /// The type of a feature goes round: int32, int64 (in place), string (a new table), int32 (again).
    Retype(&'static str),
    /// The other source.
    Source,
    Ttl(i64),
}

/// How much happened; lifetimes are worth something only if all of it did.
#[derive(Clone, Debug, Default)]
pub struct Lifetimes {
    /// Acts, by kind.
    pub acts: BTreeMap<&'static str, u64>,
    /// Tables that took over from another.
    pub replacements: u64,
    /// Rows that were compared.
    pub rows: u64,
    /// Cells that were compared and have no value, not even null.
    pub absent: u64,
}

/// Lives one lifetime for each seed. Panics, with the seed and the acts, at the first difference.
pub async fn random_lifetimes(
    online: &dyn Backend,
    offline: &dyn HistoryBackend,
    seeds: Range<u64>,
) -> Lifetimes {
    let mut sum = Lifetimes::default();
    for seed in seeds {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::new(online, offline, seed, &mut random).await;
        let mut oracle = Oracle::default();
        world.edit(&Edit::Nothing).await;
        oracle.follow(&world).await;
        for _ in 0..random.random_range(1..20) {
            let act = some_act(&mut random);
            *sum.acts.entry(name_of(&act)).or_default() += 1;
            live(&mut world, &mut oracle, &act).await;
            oracle.compare(&world, &act, &mut sum).await;
        }
        settle(&mut world, &mut oracle, &mut sum).await;
        sum.replacements += oracle.replacements;
        world.clean_up().await;
    }
    sum
}

fn some_act(random: &mut StdRng) -> Act {
    let start = random.random_range(FIRST..LAST);
    let feature = FEATURES[random.random_range(0..FEATURES.len())];
    match random.random_range(0..24) {
        0..=2 => Act::Range(start, start + random.random_range(0..15)),
        3..=5 => Act::Incremental {
            end: random.random_range(FIRST..LAST + 5),
            lookback: random.random_range(0..8),
        },
        6..=8 => Act::Pending,
        9..=11 => Act::Push {
            key: random.random_range(KEYS),
            event: start,
            created: random.random_bool(0.5).then(|| random.random_range(0..5)),
        },
        12..=14 => Act::Append((0..random.random_range(1..10)).map(|_| Row::random(random)).collect()),
        15 => Act::Edit(Edit::Nothing),
        16..=17 => Act::Edit(Edit::Add(feature)),
        18 => Act::Edit(Edit::Remove(feature)),
        19 => Act::Edit(Edit::Retype(feature)),
        20 if random.random_bool(0.4) => Act::Edit(Edit::Source),
        20..=22 => Act::Edit(Edit::Ttl(random.random_range(0..20))),
        _ => Act::Lose { newest: random.random_bool(0.7) },
    }
}

const fn name_of(act: &Act) -> &'static str {
    match act {
        Act::Range(..) => "range",
        Act::Incremental { .. } => "incremental",
        Act::Pending => "pending",
        Act::Push { .. } => "push",
        Act::Append(_) => "append",
        Act::Edit(Edit::Nothing) => "apply",
        Act::Edit(Edit::Add(_)) => "add",
        Act::Edit(Edit::Remove(_)) => "remove",
        Act::Edit(Edit::Retype(_)) => "retype",
        Act::Edit(Edit::Source) => "source",
        Act::Edit(Edit::Ttl(_)) => "ttl",
        Act::Lose { .. } => "lose",
    }
}

async fn live(world: &mut World<'_>, oracle: &mut Oracle, act: &Act) {
    world.tell(act);
    let time = Timestamp::from_nanos;
    match act {
        Act::Range(start, end) => {
            let kind = MaterializeKind::Range { start: time(*start), end: time(*end) };
            world.materialize(kind, 0).await;
            oracle.range(world, (*start, *end));
        }
        Act::Incremental { end, lookback } => {
            world.materialize(MaterializeKind::Incremental { end: Some(time(*end)) }, *lookback).await;
            oracle.incremental(world, *end, *lookback);
        }
        Act::Pending => {
            world.materialize(MaterializeKind::Pending, 0).await;
            oracle.pending(world);
        }
        Act::Push { key, event, created } => {
            let number = world.push(*key, (*event, *created)).await;
            oracle.push(world, number, *key, (*event, *created));
        }
        Act::Append(rows) => world.append(rows).await,
        Act::Edit(edit) => {
            world.edit(edit).await;
            oracle.follow(world).await;
        }
        Act::Lose { newest } => {
            world.lose(*newest).await;
            world.edit(&Edit::Nothing).await;
            oracle.follow(world).await;
        }
    }
}

/// Loads everything that waits and then everything there is; then the newest table must hold the newest rows of all.
async fn settle(world: &mut World<'_>, oracle: &mut Oracle, sum: &mut Lifetimes) {
    let all = Act::Range(oracle::BEGINNING, LAST + 20);
    for act in [Act::Edit(Edit::Nothing), Act::Pending, Act::Pending, all] {
        live(world, oracle, &act).await;
        oracle.compare(world, &act, sum).await;
    }
    oracle.compare_with_meaning(world).await;
    // Nothing waits any more, and the table that was replaced goes.
    world.edit(&Edit::Nothing).await;
    world.edit(&Edit::Nothing).await;
    oracle.follow(world).await;
    assert_eq!(world.tables().count(), 1, "{}", world.story());
    assert!(world.nothing_waits().await, "{}", world.story());
}

#[cfg(test)]
mod tests {
    use super::super::{MemoryBackend, MemoryProvider, cases};
    use super::*;

    /// So many lifetimes are enough for everything to happen in some of them.
    const ENOUGH: u64 = 200;

    #[tokio::test]
    async fn random_lifetimes_in_memory_leave_what_the_oracle_has() {
        let cases = cases(ENOUGH);
        let sum = random_lifetimes(&MemoryProvider::new("p"), &MemoryBackend, 0..cases).await;
        // A few lifetimes are compared as closely, and may all lack the same thing.
        if cases >= ENOUGH {
            assert!(sum.acts.len() == 12 && sum.acts.values().all(|count| *count > cases / 20), "{sum:?}");
            assert!(
                sum.replacements > cases / 4 && sum.rows > 10 * cases && sum.absent > cases / 2,
                "{sum:?}"
            );
        }
        assert!(cases == 0 || sum.rows > 0, "{sum:?}");
    }
}
