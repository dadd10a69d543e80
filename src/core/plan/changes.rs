//! Changes of definitions as a reader sees them: what differs, what it means, whom it hits.

use std::collections::{BTreeMap, BTreeSet};

use super::attributes::{Difference, differences};
use super::gate::{self, Risk, Weight};
use super::readers::{FeatureName, Readers, features_of, request_source, view_address};
use super::rules::{self, States, Verdict};
use super::tables::TableDecision;
use super::{
    Action, AttributeChange, Change, Contract, DataWork, Finding, FindingSeverity, PlanInput,
    StoredDefinition, Work,
};
use crate::model::{Address, Moved, ObjectKind};

/// Changes, and what the rules say about them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) changes: Vec<Change>,
    pub(super) findings: Vec<Finding>,
    /// What gates can refuse in them, ordered.
    pub(super) risks: Vec<Risk>,
}

struct Judge<'a> {
    moved_names: &'a [Moved],
    input: &'a PlanInput<'a>,
    states: &'a States<'a>,
    decisions: &'a BTreeMap<String, TableDecision>,
    readers: Readers,
    findings: Vec<Finding>,
    /// What each code of the change at hand puts at risk.
    weights: BTreeMap<&'static str, Weight>,
    risks: BTreeSet<Risk>,
}

/// All changes: of definitions, and of views whose table changes under an unchanged definition.
pub(super) fn derive(
    input: &PlanInput<'_>,
    states: &States<'_>,
    decisions: &BTreeMap<String, TableDecision>,
    changed: &BTreeSet<Address>,
    moved: &[Moved],
) -> Changes {
    let offline_moved = is_another(&input.prior.environment.offline_store, &input.environment.offline_store);
    let views = states
        .desired
        .feature_views()
        .map(|(name, _)| view_address(name))
        .filter(|view| offline_moved || decisions.get(&view.name).is_some_and(TableDecision::shows));
    let addresses: BTreeSet<Address> = changed.iter().cloned().chain(views).collect();
    if addresses.is_empty() {
        return Changes::default();
    }
    let mut judge = Judge {
        moved_names: moved,
        input,
        states,
        decisions,
        readers: Readers::of(states.prior, states.desired),
        findings: Vec::new(),
        weights: BTreeMap::new(),
        risks: BTreeSet::new(),
    };
    let changes = addresses.iter().map(|address| judge.change(address, offline_moved)).collect();
    Changes { changes, findings: judge.findings, risks: judge.risks.into_iter().collect() }
}

/// Whether an applied setting is another one now; the first apply moves nothing.
fn is_another<T: PartialEq>(before: &Option<T>, after: &Option<T>) -> bool {
    before.is_some() && before != after
}

impl Judge<'_> {
    fn change(&mut self, address: &Address, offline_moved: bool) -> Change {
        let (before, after) = (self.states.prior.get(address), self.states.desired.get(address));
        let mut change = Change {
            address: address.clone(),
            kind: address.kind.as_str().to_owned(),
            actions: vec![match (before, after) {
                (None, _) => Action::Create,
                (Some(_), None) if self.input.is_forgotten(address) => Action::Forget,
                (Some(_), None) => Action::Delete,
                (Some(_), Some(_)) => Action::Update,
            }],
            previous_address: None,
            before: before.and_then(StoredDefinition::of),
            after: after.and_then(StoredDefinition::of),
            attributes: Vec::new(),
            contract: Contract::Metadata,
            data: Vec::new(),
            codes: BTreeSet::new(),
            affects: Vec::new(),
            range: self.input.ranges.get(address).filter(|_| after.is_some()).cloned(),
        };
        let mut hit = BTreeSet::new();
        match (before, after) {
            (Some(object), None) => {
                self.take(&mut change, &rules::judge_deleted(object));
                if address.kind.has_features() {
                    hit.extend(features_of(&address.name, [self.states.prior, self.states.desired]));
                }
            }
            (None, _) => self.take(&mut change, &rules::judge_created()),
            (Some(before), Some(after)) => self.update(&mut change, differences(before, after), &mut hit),
        }
        self.own_moves(&mut change, &mut hit);
        if address.kind == ObjectKind::FeatureView {
            self.view_environment(&mut change, offline_moved, &mut hit);
            self.data(&mut change, &mut hit);
            self.upstream_codes(&mut change);
        }
        self.followed_moves(&mut change);
        change.affects = self.readers.affected(&hit);
        if address.kind == ObjectKind::FeatureService && change.contract == Contract::Breaking {
            change.affects.extend(self.readers.itself(address));
        }
        let weights = std::mem::take(&mut self.weights);
        self.risks.extend(weights.iter().filter_map(|(code, weight)| gate::risk(&change, code, *weight)));
        change
    }

    /// Puts a code on a change.
    fn weigh(&mut self, change: &mut Change, code: &'static str, weight: Weight) {
        change.codes.insert(code.to_owned());
        change.contract = change.contract.max(weight.contract);
        let known = self.weights.entry(code).or_default();
        known.contract = known.contract.max(weight.contract);
        known.replaces |= weight.replaces;
        known.drops |= weight.drops;
    }

    /// What moved has another name for readers, who may still ask by the old one.
    fn own_moves(&mut self, change: &mut Change, hit: &mut BTreeSet<FeatureName>) {
        let moved_names = self.moved_names;
        let address = change.address.clone();
        for moved in moved_names.iter().filter(|moved| moved.to.address == address) {
            self.moved(change, moved, hit);
        }
    }

    /// What names something that moved follows along.
    fn followed_moves(&mut self, change: &mut Change) {
        let nothing_else = change.attributes.is_empty() && change.codes.is_empty();
        if !self.moved_names.is_empty() && nothing_else && change.actions == [Action::Update] {
            self.weigh(change, "PV123", Weight { contract: Contract::Metadata, ..Weight::default() });
        }
    }

    fn moved(&mut self, change: &mut Change, moved: &Moved, hit: &mut BTreeSet<FeatureName>) {
        let address = &moved.to.address;
        let Some(object) = self.states.desired.get(address) else { return };
        let (aliases, old) = match (&moved.from.feature, &moved.to.feature) {
            (Some(old), Some(new)) => (object.feature_aliases(new), old),
            _ => (object.aliases(), &moved.from.address.name),
        };
        let answers =
            aliases.and_then(|aliases| aliases.get(old)).is_some_and(|until| *until > self.states.now);
        let is_asked_for = !matches!(address.kind, ObjectKind::Entity | ObjectKind::DataSource);
        let breaks = is_asked_for && !answers;
        let contract = if breaks { Contract::Breaking } else { Contract::NonBreaking };
        self.weigh(change, "PV123", Weight { contract, ..Weight::default() });
        match &moved.to.feature {
            Some(new) => {
                if breaks {
                    hit.insert((address.name.clone(), new.clone()));
                }
            }
            None => {
                change.previous_address = Some(moved.from.address.clone());
                let others = change.attributes.iter().any(|one| one.code.as_deref() != Some("PV123"));
                change.actions = if others { vec![Action::Move, Action::Update] } else { vec![Action::Move] };
                if breaks {
                    hit.extend(features_of(&address.name, [self.states.prior, self.states.desired]));
                }
            }
        }
        let until = aliases.and_then(|aliases| aliases.get(old)).filter(|_| answers);
        let (severity, readers) = match until {
            Some(until) => (FindingSeverity::Note, format!("; the old name is answered until {}", until.last_day())),
            None if breaks => (
                FindingSeverity::Warning,
                ", and nothing answers by the old name: `alias_until` in the `moved` block gives readers time".to_owned(),
            ),
            None => (FindingSeverity::Note, String::new()),
        };
        self.findings.push(Finding {
            code: "PV123".to_owned(),
            severity,
            address: Some(address.clone()),
            message: format!("{} is {} now{readers}", moved.from, moved.to),
        });
    }

    fn take(&mut self, change: &mut Change, verdict: &Verdict) {
        self.weigh(change, verdict.code, verdict.weight());
        if let Some((severity, message)) = &verdict.note {
            self.findings.push(Finding {
                code: verdict.code.to_owned(),
                severity: *severity,
                address: Some(change.address.clone()),
                message: message.clone(),
            });
        }
    }

    fn update(&mut self, change: &mut Change, differences: Vec<Difference>, hit: &mut BTreeSet<FeatureName>) {
        let replaced =
            self.decisions.get(&change.address.name).is_some_and(|decision| !decision.because.is_empty());
        let back = self.goes_back(&change.address);
        for difference in differences {
            let mut verdict = rules::judge(self.states, &change.address, &difference);
            // Readers never saw the definition that is given up.
            if back && verdict.wants_new_table {
                verdict.contract = verdict.contract.min(Contract::NonBreaking);
            }
            if verdict.contract == Contract::Breaking {
                hit.extend(self.features_hit(&change.address, &difference));
            }
            self.take(change, &verdict);
            let needs_new_table = verdict.wants_new_table
                && if change.address.kind == ObjectKind::FeatureView {
                    replaced
                } else {
                    self.replaces_below(&change.address)
                };
            change.attributes.push(AttributeChange {
                path: difference.path,
                before: difference.before,
                after: difference.after,
                needs_new_table,
                code: Some(verdict.code.to_owned()),
            });
        }
    }

    /// Whether every view that the change concerns goes back to a table that still serves.
    fn goes_back(&self, address: &Address) -> bool {
        let mut views = self.views_of(address).into_iter().peekable();
        views.peek().is_some()
            && views.all(|view| self.decisions.get(&view.name).is_some_and(|decision| decision.way_back))
    }

    fn replaces_below(&self, address: &Address) -> bool {
        self.views_of(address)
            .iter()
            .any(|view| self.decisions.get(&view.name).is_some_and(|decision| !decision.because.is_empty()))
    }

    /// The view itself, or the views on an entity or source, before or after.
    fn views_of(&self, address: &Address) -> BTreeSet<Address> {
        if address.kind == ObjectKind::FeatureView {
            return BTreeSet::from([address.clone()]);
        }
        let below = self
            .states
            .prior_graph
            .downstream(address)
            .into_iter()
            .chain(self.states.desired_graph.downstream(address));
        below.filter(|at| at.kind == ObjectKind::FeatureView).collect()
    }

    /// Features that a difference concerns: the one that it is about, else all.
    fn features_hit(&self, address: &Address, difference: &Difference) -> BTreeSet<FeatureName> {
        if address.kind == ObjectKind::FeatureService {
            return BTreeSet::new();
        }
        let is_view = address.kind.has_features();
        if let ([list, name, ..], true) = (difference.path.as_slice(), is_view)
            && list == "feature"
        {
            return BTreeSet::from([(address.name.clone(), name.clone())]);
        }
        if let ([list, name, ..], ObjectKind::DataSource) = (difference.path.as_slice(), address.kind)
            && list == "field"
        {
            return BTreeSet::from([(request_source(&address.name), name.clone())]);
        }
        if address.kind == ObjectKind::OnDemandFeatureView {
            return features_of(&address.name, [self.states.prior, self.states.desired]);
        }
        let views: BTreeSet<Address> = match address.kind {
            ObjectKind::FeatureView => BTreeSet::from([address.clone()]),
            // What only comes to stand on it is new, or is hit by its own change.
            _ => self
                .states
                .prior_graph
                .downstream(address)
                .into_iter()
                .filter(|at| at.kind == ObjectKind::FeatureView)
                .collect(),
        };
        views
            .iter()
            .flat_map(|view| features_of(&view.name, [self.states.prior, self.states.desired]))
            .collect()
    }

    /// Another online store (PV120) or offline store (PV130) concerns every view.
    fn view_environment(
        &mut self,
        change: &mut Change,
        offline_moved: bool,
        hit: &mut BTreeSet<FeatureName>,
    ) {
        if change.before.is_none() || change.after.is_none() {
            return;
        }
        let decision = self.decisions.get(&change.address.name);
        let store_moved = decision.is_some_and(|decision| {
            decision.because.iter().any(|because| because == "online_store")
                || self.input.environment.online_store.is_none()
                    && decision.work.iter().any(|work| work.work == Work::Drop && work.features.is_empty())
        });
        for (applies, code) in [(store_moved, "PV120"), (offline_moved, "PV130")] {
            if applies {
                let replaces = code == "PV120";
                self.weigh(change, code, Weight { contract: Contract::Breaking, replaces, drops: replaces });
                hit.extend(features_of(&change.address.name, [self.states.prior, self.states.desired]));
            }
        }
    }

    fn data(&self, change: &mut Change, hit: &mut BTreeSet<FeatureName>) {
        let Some(decision) = self.decisions.get(&change.address.name) else { return };
        for work in &decision.work {
            if work.features.is_empty() {
                hit.extend(features_of(&change.address.name, [self.states.prior, self.states.desired]));
            }
            hit.extend(work.features.iter().map(|feature| (change.address.name.clone(), feature.clone())));
            change.data.push(DataWork {
                work: work.work,
                features: work.features.clone(),
                from: work.range.map(|range| range.from),
                to: work.range.map(|range| range.to),
                rows: None,
                bytes: None,
            });
        }
        change.data.sort_by_key(|data| data.work);
        if !change.data.is_empty() {
            change.contract = change.contract.max(Contract::NonBreaking);
        }
    }

    /// A view that changes because of what it stands on has the codes of that.
    fn upstream_codes(&mut self, change: &mut Change) {
        let decision = self.decisions.get(&change.address.name);
        let stands_on = |because: &String| matches!(because.as_str(), "source" | "join_keys");
        let is_concerned = decision.is_some_and(|decision| decision.because.iter().any(stands_on));
        let has_others = !change.codes.is_empty() || !change.attributes.is_empty();
        if has_others && !is_concerned {
            return;
        }
        let upstream = self
            .states
            .prior_graph
            .upstream(&change.address)
            .into_iter()
            .chain(self.states.desired_graph.upstream(&change.address));
        let back = self.goes_back(&change.address);
        for address in upstream.collect::<BTreeSet<_>>() {
            let (Some(before), Some(after)) =
                (self.states.prior.get(&address), self.states.desired.get(&address))
            else {
                continue;
            };
            for difference in differences(before, after) {
                let verdict = rules::judge(self.states, &address, &difference);
                if verdict.wants_new_table {
                    let contract = if back { Contract::NonBreaking } else { verdict.contract };
                    self.weigh(change, verdict.code, Weight { contract, ..verdict.weight() });
                }
            }
        }
    }
}
