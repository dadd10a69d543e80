//! Compiled requests by how they were spelled. Looking one up takes no lock: the map is never changed, a new one takes its
//! place.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hashbrown::{Equivalent, HashMap};
use provender_core::model::Objects;
use provender_core::time::Timestamp;

use super::plan::ReadPlan;

/// So many spellings are kept; one more, and all are forgotten. Models ask in few ways, so that hardly happens.
const KEPT_PLANS: usize = 1_024;
/// A longer spelling is compiled each time.
const LONGEST_SPELLING: usize = 64 * 1024;

/// How a client spelled which features it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling<'a> {
    /// The name of a feature service.
    Service(&'a str),
    /// The JSON text of a list of `view:feature`.
    JsonList(&'a str),
    /// `view:feature`, one a line.
    Lines(&'a str),
}

impl<'a> Spelling<'a> {
    const fn text(self) -> &'a str {
        match self {
            Self::Service(text) | Self::JsonList(text) | Self::Lines(text) => text,
        }
    }

    const fn kind(self) -> u8 {
        match self {
            Self::Service(_) => 0,
            Self::JsonList(_) => 1,
            Self::Lines(_) => 2,
        }
    }
}

/// A spelling with the flag that decides names.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    spelling: Spelling<'a>,
    full_feature_names: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    kind: u8,
    full_feature_names: bool,
    text: Arc<str>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.kind, self.full_feature_names, &*self.text).hash(state);
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.spelling.kind(), self.full_feature_names, self.spelling.text()).hash(state);
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.spelling.kind() == key.kind
            && self.full_feature_names == key.full_feature_names
            && self.spelling.text() == &*key.text
    }
}

/// A plan, and when it is right: between two moments at which an old name stops being answered.
#[derive(Clone, Debug)]
struct Kept {
    plan: Arc<ReadPlan>,
    from: Timestamp,
    until: Timestamp,
}

/// The plans of one revision.
#[derive(Debug, Default)]
pub(super) struct PlanCache {
    plans: ArcSwap<HashMap<Key, Kept>>,
    /// When old names of the project stop being answered, sorted.
    ends: Vec<Timestamp>,
}

impl PlanCache {
    pub(super) fn new(objects: &Objects) -> Self {
        let mut ends: Vec<Timestamp> = objects.0.values().flat_map(|object| object.alias_ends()).collect();
        ends.sort_unstable();
        ends.dedup();
        Self { plans: ArcSwap::default(), ends }
    }

    pub(super) fn get(
        &self,
        spelling: Spelling<'_>,
        full_feature_names: bool,
        now: Timestamp,
    ) -> Option<Arc<ReadPlan>> {
        let plans = self.plans.load();
        let kept = plans.get(&Asked { spelling, full_feature_names })?;
        (kept.from <= now && now < kept.until).then(|| kept.plan.clone())
    }

    pub(super) fn keep(
        &self,
        spelling: Spelling<'_>,
        full_feature_names: bool,
        now: Timestamp,
        plan: &Arc<ReadPlan>,
    ) {
        if spelling.text().len() > LONGEST_SPELLING {
            return;
        }
        // An alias is answered while its end is after now, so the end itself belongs to the time after.
        let next = self.ends.partition_point(|end| *end <= now);
        let before = next.checked_sub(1).and_then(|at| self.ends.get(at));
        let kept = Kept {
            plan: plan.clone(),
            from: before.copied().unwrap_or(Timestamp::MIN),
            until: self.ends.get(next).copied().unwrap_or(Timestamp::MAX),
        };
        let key = Key { kind: spelling.kind(), full_feature_names, text: spelling.text().into() };
        self.plans.rcu(|plans| {
            let mut next = if plans.len() < KEPT_PLANS { HashMap::clone(plans) } else { HashMap::new() };
            next.insert(key.clone(), kept.clone());
            next
        });
    }
}
