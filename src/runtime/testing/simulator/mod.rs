//! A deterministic simulator of everything that shares a registry: appliers, materializers and readers over one object
//! store that fails, delays and answers wrongly, with crashes at any await point. Time is paused, so a schedule follows
//! from its seed and takes milliseconds. It runs the real `apply`, `plan`, `materialize` and registry code.
//!
//! `fate` decides, `store` breaks things and writes down what truly happened, `project` edits definitions, `actors` act,
//! `check` says what must hold. Never compiled into a program.

mod actors;
mod check;
mod fate;
mod project;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::fate::Fate;
use self::store::Ground;
use super::MemoryProvider;
use crate::blocking::simulated;

/// What one schedule did, and what it broke.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Entries in the log at its end.
    pub entries: usize,
    /// Applies that succeeded.
    pub succeeded: usize,
    /// Applies that were dropped in the middle.
    pub crashed: usize,
    /// Applies that stopped as a conflict.
    pub conflicts: usize,
    /// Ledger entries.
    pub ledger_entries: usize,
    /// Rules that were broken, in order; empty when all is well.
    pub violations: Vec<String>,
}

/// What all actors of a schedule share.
#[derive(Clone)]
struct World {
    fate: Fate,
    ground: Arc<Ground>,
    memory: MemoryProvider,
}

/// Runs the schedule that follows from a seed, on this thread.
pub fn simulate(seed: u64) -> Schedule {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without input and output needs nothing that could be missing");
    // Local: what an actor holds need not be `Send`.
    let schedule = async {
        let memory = MemoryProvider::new(project::NAME).with_offline(Arc::new(project::history()));
        let fate = Fate::new(seed);
        let world = World { fate: fate.clone(), ground: Arc::new(Ground::new(memory.clone())), memory };
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..fate.between(2, 4) {
            tasks.spawn_local(actors::applier(world.clone(), format!("applier{number}")));
        }
        tasks.spawn_local(actors::reader(world.clone()));
        if fate.one_in(2) {
            tasks.spawn_local(actors::materializer(world.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                world.ground.violation(format!("an actor ended in a bug: {error}"));
            }
        }
        check::recovery(&world).await;
        world.ground.report()
    };
    simulated(|| tokio::task::LocalSet::new().block_on(&runtime, schedule))
}
