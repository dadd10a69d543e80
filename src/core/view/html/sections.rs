//! What stands around the changes: gates, infrastructure, findings, steps, what waits, and where the plan comes from.

use std::cmp::Reverse;

use maud::{Markup, html};

use crate::plan::{Action, Finding, FindingSeverity, InfrastructureChange, Plan, StepAction, Work};
use crate::view::visible::clipped;
use crate::view::wording::{allow, counted, reason, refusing};

/// Items that a section shows.
const ITEMS: usize = 2_000;
/// Characters of a name.
const NAME: usize = 400;
/// Characters of a message.
const MESSAGE: usize = 4_000;

/// What gates refuse, or that they refuse nothing.
pub(super) fn gate(plan: &Plan) -> Markup {
    let refused = plan.gate.refused(plan.now);
    let gates: Vec<&str> = plan.gate.gates.iter().map(|gate| gate.as_str()).collect();
    html! {
        @if !refused.is_empty() {
            div.notice.refused role="alert" {
                strong { "Refused. " } "Apply stops here unless each of these is accepted with an allow block or a flag."
                ul { @for risk in refused.iter().take(ITEMS) {
                    li { code { (refusing(plan, risk).join(", ")) } " refuses " (clipped(&risk.code, 60)) " on "
                        code { (clipped(&risk.address.to_string(), NAME)) } ": "
                        code.flag { (clipped(&allow(&risk.code, &risk.address), NAME)) } }
                } }
                (more(refused.len(), "refused finding"))
            }
        } @else if !gates.is_empty() {
            p.notice.fine { "The gates let it pass: " (gates.join(", ")) "." }
        }
    }
}

pub(super) fn infrastructure(plan: &Plan) -> Markup {
    let all = &plan.infrastructure;
    html! {
        @if !all.is_empty() {
            section id="infrastructure" {
                h2 { "Infrastructure" }
                ul.objects { @for change in all.iter().take(ITEMS) { (object(change)) } }
                (more(all.len(), "object"))
            }
        }
    }
}

fn object(change: &InfrastructureChange) -> Markup {
    let (class, sign, verb) = match change.actions.as_slice() {
        [Action::Create, Action::Delete] => ("changed", "+/-", "will be replaced by"),
        [Action::Create] => ("added", "+", "will be created"),
        [Action::Delete] => ("removed", "-", "will be destroyed"),
        [Action::Adopt] => ("added", "+", "will be adopted"),
        _ => ("changed", "~", "will be updated"),
    };
    let old = change.before.as_ref().filter(|_| change.actions.len() > 1).map(|object| &object.id.name);
    let serves: Vec<String> =
        change.serves.iter().take(8).map(|view| clipped(&view.to_string(), NAME)).collect();
    html! {
        li class=(class) {
            span.sign { (sign) } " " (clipped(&change.kind, NAME)) " "
            code { (clipped(old.unwrap_or(&change.id.name), NAME)) } " " (verb)
            @if old.is_some() { " " code { (clipped(&change.id.name, NAME)) } }
            @if let Some(reason) = reason(&change.reason) { span.remark { " · " (clipped(&reason, NAME)) } }
            @if !serves.is_empty() { span.remark { " · serves " (serves.join(", "))
                @if change.serves.len() > serves.len() { " and " (change.serves.len() - serves.len()) " more" } } }
        }
    }
}

/// Errors first.
pub(super) fn findings(plan: &Plan) -> Markup {
    let mut all: Vec<&Finding> = plan.findings.iter().collect();
    all.sort_by_key(|finding| Reverse(finding.severity));
    html! {
        @if !all.is_empty() {
            section id="findings" {
                h2 { "Findings" }
                ul.findings { @for finding in all.iter().take(ITEMS) { (one(finding)) } }
                (more(all.len(), "finding"))
            }
        }
    }
}

fn one(finding: &Finding) -> Markup {
    let (class, word) = match finding.severity {
        FindingSeverity::Error => ("error", "error"),
        FindingSeverity::Warning => ("warning", "warning"),
        FindingSeverity::Note => ("note", "note"),
    };
    let (message, more) = finding.message.split_once('\n').unwrap_or((&finding.message, ""));
    html! {
        li class=(class) {
            span.badge.(class) { (word) } " " span.badge { (clipped(&finding.code, 60)) } " "
            @if let Some(address) = &finding.address { code { (clipped(&address.to_string(), NAME)) } ": " }
            (sentence(&clipped(message, MESSAGE)))
            @if !more.is_empty() { pre { (clipped(more, MESSAGE)) } }
        }
    }
}

/// A sentence in which names stand between backticks.
fn sentence(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    html! {
        @for (position, part) in parts.iter().enumerate() {
            @if position % 2 == 0 { (part) } @else if position < last { code { (part) } } @else { "`" (part) }
        }
    }
}

pub(super) fn steps(plan: &Plan) -> Markup {
    let define = plan.steps.iter().filter(|step| step.action == StepAction::Define).count();
    html! {
        @if !plan.steps.is_empty() {
            section id="steps" {
                h2 { "Steps" }
                details {
                    summary { (counted(plan.steps.len(), "step")) ": " (define) " in the registry, "
                        (plan.steps.len() - define) " on infrastructure" }
                    ol.lines { @for step in plan.steps.iter().take(ITEMS) { li { (clipped(&step.id, NAME)) } } }
                    (more(plan.steps.len(), "step"))
                }
            }
        }
    }
}

/// Tables that wait for data from earlier applies.
pub(super) fn pending(plan: &Plan) -> Markup {
    html! {
        @if !plan.pending.is_empty() {
            section id="pending" {
                h2 { "Waiting for data" }
                p { "From earlier applies; " code { "provender materialize --pending" } " does the work." }
                ul.lines { @for pending in plan.pending.iter().take(ITEMS) {
                    @let words = match pending.work {
                        Work::Rematerialize => "to be filled before it serves",
                        Work::Backfill | Work::Drop => "to be backfilled",
                    };
                    li { code { (clipped(&pending.table.to_string(), NAME)) } " " (words) }
                } }
                (more(plan.pending.len(), "table"))
            }
        }
    }
}

/// What the page was made from.
pub(super) fn origin(plan: &Plan) -> Markup {
    html! {
        footer {
            "Planned by provender " (clipped(&plan.tool_version, 40)) " for " (plan.now)
            @if !plan.lineage.is_empty() { " · lineage " code { (clipped(&plan.lineage, 80)) } }
            " · decision " code { (clipped(plan.decision_digest.as_str(), 80)) }
        }
    }
}

fn more(count: usize, one: &str) -> Markup {
    html! { @if count > ITEMS { p.remark { "and " (count - ITEMS) " more " (one) "s" } } }
}
