//! What stands around the table: the line by which a comment is found again, counts, gates, findings, infrastructure and
//! steps. Each part is short, or takes a limit and counts what is beyond it.

use super::escape::{code, fence, inert, marker_part, sentence};
use super::table::first;
use crate::plan::{Action, Finding, FindingSeverity, Plan, Risk, StepAction};
use crate::view::visible::{clipped, visible};
use crate::view::wording::{allow, at_revision, counted, counts, impact, is_folded, no_changes, refusing};

/// Refused risks that the head names.
const REFUSALS: usize = 3;
/// Longest project name in the title, in characters.
const TITLE: usize = 24;

/// The first line. It stays the same from plan to plan of one project and registry.
pub(super) fn marker(plan: &Plan) -> String {
    format!("<!-- provender:plan:{}:{} -->\n", marker_part(&plan.project), marker_part(&plan.lineage))
}

/// Title, counts and impact: the least that any length has room for. `verbose` folds nothing.
pub(super) fn title(plan: &Plan, verbose: bool) -> String {
    let revision = at_revision(plan);
    let mut text = format!("### Plan for {}{revision}\n\n", code(&clipped(&plan.project, TITLE)));
    if !plan.would_write() && plan.changes.is_empty() {
        text.push_str(no_changes(plan));
        text.push('\n');
        return text;
    }
    let folded = plan.changes.iter().filter(|change| !verbose && is_folded(change)).count();
    text.push_str(&format!("**Plan:** {}", counts(plan)));
    if folded > 0 {
        text.push_str(&format!(" {} folded.", counted(folded, "metadata-only change")));
    }
    text.push('\n');
    let mut impact = impact(plan);
    if let (Some(breaking), true) = (impact.first_mut(), plan.summary.breaking > 0) {
        *breaking = format!("**{breaking}**");
    }
    if !impact.is_empty() {
        text = text.trim_end().to_owned() + &format!("<br>\n**Impact:** {}\n", impact.join(" · "));
    }
    text
}

/// What else stands above the table: the gates' answer, whether the plan is partial, what waits.
pub(super) fn notices(plan: &Plan, refused: &[&Risk]) -> String {
    let mut text = String::new();
    if !refused.is_empty() {
        let named = first(refused, REFUSALS, |risk| refusal(plan, risk));
        text.push_str(&format!("\n**Refused by a gate:** {}\n", named.join("; ")));
    }
    if plan.partial {
        text.push_str("\n**Partial:** `--target` or `--exclude` left something out.\n");
    }
    if !plan.pending.is_empty() {
        let waiting = counted(plan.pending.len(), "piece of data work").replace("works", "work");
        text.push_str(&format!(
            "\n**Waiting from earlier applies:** {waiting}; `provender materialize --pending`\n"
        ));
    }
    text
}

/// The gates that refuse a risk, and what it is.
fn refusal(plan: &Plan, risk: &Risk) -> String {
    let gates: Vec<String> = refusing(plan, risk).iter().map(|gate| format!("`{gate}`")).collect();
    let verb = if gates.len() == 1 { "refuses" } else { "refuse" };
    format!(
        "{} {verb} {} on {}",
        gates.join(" and "),
        inert(&clipped(&risk.code, 40)),
        code(&risk.address.to_string())
    )
}

/// How to accept what gates refuse; nothing where they refuse nothing.
pub(super) fn acceptance(refused: &[&Risk], limit: usize) -> String {
    if refused.is_empty() || limit == 0 {
        return String::new();
    }
    let lines = first(refused, limit, |risk| visible(&allow(&risk.code, &risk.address), false));
    format!("\nTo accept, add an `allow` block with a reason, or:\n\n{}", fence("", &lines))
}

/// The findings, errors first.
pub(super) fn findings(plan: &Plan, limit: usize) -> String {
    if plan.findings.is_empty() || limit == 0 {
        return String::new();
    }
    let mut findings: Vec<&Finding> = plan.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let lines = first(&findings, limit, |finding| one(finding));
    format!("\n**Findings**\n\n- {}\n", lines.join("\n- "))
}

fn one(finding: &Finding) -> String {
    let word = match finding.severity {
        FindingSeverity::Error => "**error**",
        FindingSeverity::Warning => "**warning**",
        FindingSeverity::Note => "note",
    };
    let place = finding.address.as_ref().map(|address| format!(" {}", code(&address.to_string())));
    let (message, more) = finding.message.split_once('\n').unwrap_or((&finding.message, ""));
    let mut text =
        format!("{word} {}{}: {}", code(&finding.code), place.unwrap_or_default(), sentence(message));
    if !more.is_empty() {
        let lines: Vec<String> = more.lines().map(|line| visible(line, false)).collect();
        let block = fence("hcl", &lines);
        text.push_str(&format!("\n\n  {}\n", block.trim_end().replace('\n', "\n  ")));
    }
    text
}

/// Infrastructure and steps in one line.
pub(super) fn work(plan: &Plan) -> String {
    if plan.steps.is_empty() && plan.infrastructure.is_empty() {
        return String::new();
    }
    let objects = |wanted: &[Action]| {
        plan.infrastructure.iter().filter(|change| change.actions.as_slice() == wanted).count()
    };
    let infrastructure = [
        (objects(&[Action::Create]), "to create"),
        (objects(&[Action::Update]), "to update"),
        (objects(&[Action::Adopt]), "to adopt"),
        (objects(&[Action::Create, Action::Delete]), "to replace"),
        (objects(&[Action::Delete]), "to delete"),
    ];
    let words: Vec<String> = infrastructure
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let mut parts = Vec::new();
    if !words.is_empty() {
        parts.push(format!("**Infrastructure:** {}", words.join(", ")));
    }
    if !plan.steps.is_empty() {
        let define = plan.steps.iter().filter(|step| step.action == StepAction::Define).count();
        let other = plan.steps.len() - define;
        parts.push(format!("**Steps:** {define} in the registry, {other} on infrastructure"));
    }
    format!("\n{}\n", parts.join(" · "))
}
