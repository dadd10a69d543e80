//! Gates: kinds of change that a plan refuses unless somebody accepted them. The plan records every risk it holds and every
//! acceptance it knows, so that `apply` can hold a saved plan to the gates of the day without planning again.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Change, Contract, Finding, FindingSeverity, InfrastructureChange, Reason, Work};
use crate::model::Address;
use crate::time::Timestamp;

/// A kind of change that can be refused: `gates:` of `feature_store.yaml`, `--fail-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Readers may break.
    Breaking,
    /// Stored values, or what holds them, go away.
    Destructive,
    /// A new table has to be filled.
    Rematerialize,
    /// The infrastructure is not as it was left.
    Drift,
}

impl Gate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Breaking, Self::Destructive, Self::Rematerialize, Self::Drift];

    /// Its name in `gates:` and `--fail-on`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Destructive => "destructive",
            Self::Rematerialize => "rematerialize",
            Self::Drift => "drift",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word that is no gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownGate(String);

impl fmt::Display for UnknownGate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "there is no gate `{}`; there are breaking, destructive, rematerialize and drift",
            self.0
        )
    }
}

impl std::error::Error for UnknownGate {}

impl FromStr for Gate {
    type Err = UnknownGate;

    fn from_str(text: &str) -> Result<Self, UnknownGate> {
        Self::ALL.into_iter().find(|gate| gate.as_str() == text).ok_or_else(|| UnknownGate(text.to_owned()))
    }
}

/// The code of drift, which no rule has.
pub const DRIFT: &str = "drift";

/// A finding that somebody accepts: `--allow CODE:ADDRESS`, or an `allow` block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Acceptance {
    /// The rule.
    pub code: String,
    /// The object.
    pub on: Address,
    /// Why; none from the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From when on it does not count any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl Acceptance {
    fn counts(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl FromStr for Acceptance {
    type Err = String;

    /// `PV104:feature_view.driver_stats`
    fn from_str(text: &str) -> Result<Self, String> {
        let (code, on) =
            text.split_once(':').ok_or("expected `CODE:ADDRESS`, as in `PV104:feature_view.driver_stats`")?;
        let on = on.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { code: code.to_owned(), on, reason: None, expires: None })
    }
}

/// Something that a gate can refuse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Risk {
    /// The object.
    pub address: Address,
    /// The rule, or [`DRIFT`].
    pub code: String,
    /// The gates that refuse it.
    pub gates: BTreeSet<Gate>,
}

/// What gates have to say about a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GateReport {
    /// The gates that count for this plan.
    pub gates: BTreeSet<Gate>,
    /// All that any gate could refuse, ordered by object and code.
    pub risks: Vec<Risk>,
    /// What was accepted, expired or not.
    pub accepted: Vec<Acceptance>,
}

impl GateReport {
    /// Risks that these gates refuse and nobody accepts.
    pub fn refused_by(&self, gates: &BTreeSet<Gate>, now: Timestamp) -> Vec<&Risk> {
        let accepted: BTreeSet<(&str, &Address)> = self
            .accepted
            .iter()
            .filter(|one| one.counts(now))
            .map(|one| (one.code.as_str(), &one.on))
            .collect();
        let is_refused = |risk: &&Risk| {
            !risk.gates.is_disjoint(gates) && !accepted.contains(&(risk.code.as_str(), &risk.address))
        };
        self.risks.iter().filter(is_refused).collect()
    }

    /// Risks that the gates of the plan refuse.
    pub fn refused(&self, now: Timestamp) -> Vec<&Risk> {
        self.refused_by(&self.gates, now)
    }
}

/// What a rule's verdict puts at risk, before it is known what becomes of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) contract: Contract,
    /// Whether it needs a new table.
    pub(super) replaces: bool,
    /// Whether it takes stored values away.
    pub(super) drops: bool,
}

/// The risk of one code on one change; none when no gate minds.
pub(super) fn risk(change: &Change, code: &str, weight: Weight) -> Option<Risk> {
    let does = |work: Work| change.data.iter().any(|data| data.work == work);
    let mut gates = BTreeSet::new();
    if weight.contract == Contract::Breaking {
        gates.insert(Gate::Breaking);
    }
    if weight.replaces && does(Work::Rematerialize) {
        gates.extend([Gate::Rematerialize, Gate::Destructive]);
    }
    if weight.drops && does(Work::Drop) {
        gates.insert(Gate::Destructive);
    }
    (!gates.is_empty()).then(|| Risk { address: change.address.clone(), code: code.to_owned(), gates })
}

/// What is not as it was left; a view whose table is gone has its values to fill again.
pub(super) fn drift(infrastructure: &[InfrastructureChange], changes: &[Change]) -> BTreeSet<Risk> {
    let drifted =
        infrastructure.iter().filter(|change| matches!(change.reason, Reason::Missing | Reason::Drifted));
    drifted
        .flat_map(|change| &change.serves)
        .map(|view| {
            let mut gates = BTreeSet::from([Gate::Drift]);
            let fills = |change: &Change| {
                change.address == *view && change.data.iter().any(|data| data.work == Work::Rematerialize)
            };
            if changes.iter().any(fills) {
                gates.insert(Gate::Rematerialize);
            }
            Risk { address: view.clone(), code: DRIFT.to_owned(), gates }
        })
        .collect()
}

/// What was accepted, and acceptances that are of no use any more, for the reader.
pub(super) fn acceptances(report: &GateReport, now: Timestamp) -> Vec<Finding> {
    let finding = |accepted: &Acceptance, message: String| Finding {
        code: accepted.code.clone(),
        severity: FindingSeverity::Warning,
        address: Some(accepted.on.clone()),
        message,
    };
    let in_force = |accepted: &Acceptance| {
        let until =
            accepted.expires.map(|expires| format!(", until {}", expires.last_day())).unwrap_or_default();
        let message = match &accepted.reason {
            Some(reason) => format!("accepted{until}: {reason}"),
            None => format!("accepted on the command line{until}"),
        };
        Finding { severity: FindingSeverity::Note, ..finding(accepted, message) }
    };
    report
        .accepted
        .iter()
        .map(|accepted| {
            let matches = |risk: &&Risk| risk.code == accepted.code && risk.address == accepted.on;
            let matched = report.risks.iter().find(matches);
            match (matched, accepted.expires) {
                (Some(_), Some(expires)) if !accepted.counts(now) => finding(
                    accepted,
                    format!("what allows {} here expired after {}", accepted.code, expires.last_day()),
                ),
                (Some(_), _) => in_force(accepted),
                (None, _) => finding(
                    accepted,
                    format!("what allows {} here meets nothing in this plan", accepted.code),
                ),
            }
        })
        .collect()
}
