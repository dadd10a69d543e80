//! Semantic rules over a whole project, one file per family. Each rule adds findings and changes nothing; a definition
//! that could not be read is known by name only, so that one mistake is not told twice.

mod cycle;
mod data_source;
mod entity;
mod feature_service;
mod feature_view;
mod name;
mod on_demand_feature_view;
mod reference;
mod unread;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use name::duplicate;
pub use name::{is_feature_name, is_name};
pub(crate) use reference::unresolved;

pub(crate) use self::unread::Unread;
use crate::diagnostic::Diagnostics;
use crate::expression::Tree;
use crate::graph::Graph;
use crate::model::{Address, ObjectKind, Objects, Target};
use crate::source::{Origin, Span};

/// What the rules look at.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    /// What could be read.
    pub(crate) objects: Objects,
    /// Where it stands.
    pub(crate) origins: BTreeMap<Address, Origin>,
    /// Expressions of on-demand feature views, with their places, in the order of the features; behind them, those of features
    /// that could not be read.
    pub(crate) expressions: BTreeMap<Address, Vec<Tree>>,
    /// Text that could not be parsed, so that some names are not known.
    pub(crate) unread: Unread,
    /// References that are known to be wrong, and told.
    pub(crate) told: BTreeSet<Span>,
    /// Kinds of which there are definitions whose names are not known.
    pub(crate) unnamed: BTreeSet<ObjectKind>,
    /// Names that two definitions have: which of them is meant, and so what it has, is not known.
    pub(crate) ambiguous: BTreeSet<Address>,
    /// Objects that `enabled` leaves out.
    pub(crate) disabled: BTreeSet<Address>,
    /// Every name, in lower case, with the name as written and its place; those that could not be read too.
    declared: BTreeMap<(ObjectKind, String), (Address, Span)>,
}

impl Definitions {
    /// Makes a name known; gives back the place of the first when there is one already.
    pub(crate) fn declare(&mut self, address: Address, name: Span) -> Option<Span> {
        let first = self.declare_new(&address, name);
        if first.is_some() {
            self.ambiguous.insert(address);
        }
        first
    }

    fn declare_new(&mut self, address: &Address, name: Span) -> Option<Span> {
        let mut key = (address.kind, address.name.to_lowercase());
        if let Some((_, first)) = self.declared.get(&key) {
            return Some(*first);
        }
        // Clients write `view:feature` for views of both kinds.
        let other = match address.kind {
            ObjectKind::FeatureView => Some(ObjectKind::OnDemandFeatureView),
            ObjectKind::OnDemandFeatureView => Some(ObjectKind::FeatureView),
            _ => None,
        };
        if let Some(other) = other {
            key.0 = other;
            if let Some((_, first)) = self.declared.get(&key) {
                return Some(*first);
            }
            key.0 = address.kind;
        }
        self.declared.insert(key, (address.clone(), name));
        None
    }

    /// Adds what another thread read of the same scope, after what is here: of two definitions with one name, the first
    /// counts.
    pub(crate) fn absorb(&mut self, mut other: Self, findings: &mut Diagnostics) {
        for (address, name) in std::mem::take(&mut other.declared).into_values() {
            if let Some(first) = self.declare(address.clone(), name) {
                findings.push(duplicate(&address, name, first));
                other.objects.0.remove(&address);
                other.origins.remove(&address);
                other.expressions.remove(&address);
                other.disabled.remove(&address);
            }
        }
        self.objects.0.append(&mut other.objects.0);
        self.origins.append(&mut other.origins);
        self.expressions.append(&mut other.expressions);
        self.disabled.append(&mut other.disabled);
        self.ambiguous.append(&mut other.ambiguous);
    }

    /// Whether a feature or field may be there that is not known, because it or its definition could not be read.
    fn may_have_feature(&self, address: &Address, name: &str) -> bool {
        self.ambiguous.contains(address) || self.origin(address).may_have(name)
    }

    /// Whether there is a block with this name, read or not.
    fn is_declared(&self, address: &Address) -> bool {
        let key = (address.kind, address.name.to_lowercase());
        self.declared.get(&key).is_some_and(|(known, _)| known == address)
    }

    /// Whether there is such a definition, and such a feature in it.
    pub(crate) fn has(&self, target: &Target) -> bool {
        match &target.feature {
            None => self.is_declared(&target.address),
            Some(feature) => self.objects.has_feature(&target.address.name, feature),
        }
    }

    /// Whether there may be such, where something could not be read.
    pub(crate) fn may_have(&self, target: &Target) -> bool {
        let Target { address, feature } = target;
        if self.unread.may_define(&address.name) || self.unnamed.contains(&address.kind) {
            return true;
        }
        match (feature, self.origins.get(address)) {
            (Some(feature), Some(origin)) => origin.may_have(feature),
            _ => self.is_declared(address) && feature.is_some(),
        }
    }

    /// Whether every definition of a kind could be read, and is used.
    fn knows_all(&self, kind: ObjectKind) -> bool {
        let is_known =
            |(address, _): &(Address, Span)| address.kind != kind || self.objects.get(address).is_some();
        !self.unnamed.contains(&kind) && self.unread.is_empty() && self.declared.values().all(is_known)
    }

    /// Where a view of this name is declared.
    pub(crate) fn view_named(&self, name: &str) -> Option<Span> {
        let kinds = [ObjectKind::FeatureView, ObjectKind::OnDemandFeatureView];
        kinds.into_iter().find_map(|kind| self.declaration(&Address::new(kind, name)))
    }

    /// Where a name is declared.
    pub(crate) fn declaration(&self, address: &Address) -> Option<Span> {
        self.declared.get(&(address.kind, address.name.to_lowercase())).map(|(_, name)| *name)
    }

    /// All names of a kind.
    fn names(&self, kind: ObjectKind) -> Vec<&str> {
        let of_kind = self.declared.values().filter(|(address, _)| address.kind == kind);
        of_kind.map(|(address, _)| address.name.as_str()).collect()
    }

    fn origin(&self, address: &Address) -> &Origin {
        static NOWHERE: Origin = Origin::new(Span::NONE, Span::NONE);
        self.origins.get(address).unwrap_or(&NOWHERE)
    }
}

/// Applies every rule.
pub(crate) fn check(definitions: &Definitions, findings: &mut Diagnostics) {
    let views = |findings: &mut Diagnostics| {
        feature_view::check(definitions, findings);
        on_demand_feature_view::check(definitions, findings);
        feature_service::check(definitions, findings);
    };
    let others = |findings: &mut Diagnostics| {
        reference::check(definitions, findings);
        entity::check(definitions, findings);
        let graph = Graph::of(&definitions.objects);
        data_source::check(definitions, &graph, findings);
        cycle::check(definitions, &graph, findings);
    };
    if definitions.objects.0.len() < ALONE {
        views(findings);
        return others(findings);
    }
    std::thread::scope(|threads| {
        let beside = threads.spawn(|| {
            let mut findings = Diagnostics::default();
            others(&mut findings);
            findings
        });
        views(findings);
        findings.extend(beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    });
}

/// Fewer objects than this are checked faster by one thread than by two.
const ALONE: usize = 500;
