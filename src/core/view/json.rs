//! Plans as data, for tools. The shape is the saved plan's.

use serde_json::Value;

use crate::plan::Plan;

/// The plan as one JSON document; `null` never stands for a plan.
pub fn plan(plan: &Plan) -> Value {
    serde_json::to_value(plan).unwrap_or_default()
}
