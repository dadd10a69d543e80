//! Which steps are ready: plain bookkeeping over the plan's `after` edges.

use std::collections::{BTreeMap, BTreeSet};

use provender_core::plan::{Step, StepId};

/// Progress of a plan's steps.
#[derive(Debug)]
pub(super) struct Schedule<'a> {
    steps: Vec<&'a Step>,
    position: BTreeMap<&'a str, usize>,
    /// Steps that each step waits for, and that have not succeeded.
    waits_for: Vec<BTreeSet<usize>>,
    /// Steps that wait for each step.
    followers: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
    started: BTreeSet<usize>,
}

impl<'a> Schedule<'a> {
    /// All steps waiting. An edge to a step that the plan does not have is ignored.
    pub(super) fn new(steps: &'a [Step]) -> Self {
        let position: BTreeMap<&str, usize> =
            steps.iter().enumerate().map(|(index, step)| (step.id.as_str(), index)).collect();
        let waits_for: Vec<BTreeSet<usize>> = steps
            .iter()
            .map(|step| {
                step.after.iter().filter_map(|before| position.get(before.as_str()).copied()).collect()
            })
            .collect();
        let mut followers = vec![Vec::new(); steps.len()];
        for (index, before) in waits_for.iter().enumerate() {
            for &step in before {
                followers[step].push(index);
            }
        }
        let ready = waits_for
            .iter()
            .enumerate()
            .filter(|(_, before)| before.is_empty())
            .map(|(index, _)| index)
            .collect();
        Self {
            steps: steps.iter().collect(),
            position,
            waits_for,
            followers,
            ready,
            started: BTreeSet::new(),
        }
    }

    /// Takes the steps that are ready, in plan order; each is given out once.
    pub(super) fn take_ready(&mut self) -> Vec<&'a Step> {
        let ready = std::mem::take(&mut self.ready);
        self.started.extend(&ready);
        ready.into_iter().map(|index| self.steps[index]).collect()
    }

    /// A step succeeded: those that only waited for it become ready.
    pub(super) fn succeeded(&mut self, step: &str) {
        let Some(&done) = self.position.get(step) else { return };
        for &follower in &self.followers[done] {
            self.waits_for[follower].remove(&done);
            if self.waits_for[follower].is_empty() && !self.started.contains(&follower) {
                self.ready.insert(follower);
            }
        }
    }

    /// Steps that were never given out, with what they wait for.
    pub(super) fn not_started(&self) -> Vec<(StepId, Vec<StepId>)> {
        (0..self.steps.len())
            .filter(|index| !self.started.contains(index))
            .map(|index| {
                let before =
                    self.waits_for[index].iter().map(|&before| self.steps[before].id.clone()).collect();
                (self.steps[index].id.clone(), before)
            })
            .collect()
    }
}
