//! A plan, as text.

use super::{Label, Text, TextOptions};
use crate::plan::Plan;

/// The plan for a reader.
pub fn plan(plan: &Plan, _options: &TextOptions) -> Text {
    let mut text = Text::default();
    for change in &plan.changes {
        text.safe(Label::Address, &change.address.to_string()).end();
    }
    text
}
