//! From input to plan: the order in which everything is worked out.

use super::scope::Scope;
use super::{Finding, FindingSeverity, PlanInput, PlanOutcome};
use crate::model::{Address, ObjectKind, Objects};

/// Compares `wanted` with the registry.
pub(super) fn compare(input: &PlanInput<'_>, wanted: &Objects) -> PlanOutcome {
    let _scope = Scope::of(input, wanted);
    let error = Finding {
        code: "PV000".to_owned(),
        severity: FindingSeverity::Error,
        address: Address::new(ObjectKind::FeatureView, "any"),
        message: "this version cannot plan yet".to_owned(),
    };
    PlanOutcome { plan: None, errors: vec![error] }
}
