//! A whole plan: counts, changes by severity, infrastructure, findings, what waits.

use super::change::change;
use super::{Detail, Label, Text, TextOptions};
use crate::plan::{Action, Change, Contract, Finding, FindingSeverity, InfrastructureChange, Plan, Work};
use crate::view::wording::{self, counted, is_folded, reason};

/// The plan as people read it.
pub fn plan(plan: &Plan, options: &TextOptions<'_>) -> Text {
    let mut text = Text::default();
    title(&mut text, plan);
    if !plan.would_write() && plan.changes.is_empty() {
        text.say(Label::Heading, wording::no_changes(plan)).end();
        pending(&mut text, plan, options);
        return text;
    }
    let shown = |change: &&Change| options.detail == Detail::Everything || !is_folded(change);
    let shown: Vec<&Change> = plan.changes.iter().filter(shown).collect();
    legend(&mut text, plan, &shown);
    counts(&mut text, plan, options);
    if shown.is_empty() && plan.infrastructure.is_empty() && plan.findings.is_empty() {
        pending(&mut text, plan, options);
        return text;
    }
    text.end();
    changes(&mut text, &shown, options);
    infrastructure(&mut text, plan, options);
    findings(&mut text, plan, options.width);
    pending(&mut text, plan, options);
    counts(&mut text, plan, options);
    text
}

fn title(text: &mut Text, plan: &Plan) {
    text.say(Label::Heading, "provender plan").plain(format!(" · {} · {}", plan.project, plan.registry));
    text.plain(wording::at_revision(plan));
    if plan.partial {
        text.say(Label::Warning, " · partial: --target or --exclude left something out");
    }
    text.end().end();
}

/// Only the symbols in use.
fn legend(text: &mut Text, plan: &Plan, shown: &[&Change]) {
    let definition = |action| shown.iter().any(|change| change.actions.contains(&action));
    let object = |actions: &[Action]| plan.infrastructure.iter().any(|change| change.actions == actions);
    let lines = [
        (Label::Added, "  +", "create", definition(Action::Create) || object(&[Action::Create])),
        (Label::Changed, "  ~", "update in-place", definition(Action::Update) || object(&[Action::Update])),
        (Label::Removed, "  -", "destroy", definition(Action::Delete) || object(&[Action::Delete])),
        (Label::Muted, "  .", "forget: what is stored stays where it is", definition(Action::Forget)),
        (
            Label::Changed,
            "+/-",
            "create replacement and then destroy",
            object(&[Action::Create, Action::Delete]),
        ),
    ];
    if lines.iter().all(|(.., used)| !used) {
        return;
    }
    text.plain("Actions are indicated with the following symbols:").end();
    for (label, symbol, words, _) in lines.iter().filter(|(.., used)| *used) {
        text.say(*label, symbol).plain(format!(" {words}")).end();
    }
    text.end();
}

fn counts(text: &mut Text, plan: &Plan, options: &TextOptions<'_>) {
    let summary = &plan.summary;
    text.say(Label::Heading, "Plan:");
    text.plain(format!(" {}", wording::counts(plan)));
    if summary.metadata > 0 {
        let hidden = if options.detail == Detail::Everything { "" } else { " hidden" };
        text.say(Label::Muted, format!(" {}{hidden}.", counted(summary.metadata, "metadata-only change")));
    }
    text.end();
    impact(text, plan, options.width);
}

fn impact(text: &mut Text, plan: &Plan, width: usize) {
    let parts = wording::impact(plan);
    if parts.is_empty() {
        return;
    }
    text.say(Label::Heading, "Impact:");
    for (position, words) in parts.into_iter().enumerate() {
        if position > 0 && text.column() + 3 + words.chars().count() > width {
            text.end().plain("        ");
        } else {
            text.plain(if position > 0 { " · " } else { " " });
        }
        let is_breaking = position == 0 && plan.summary.breaking > 0;
        text.say(if is_breaking { Label::Breaking } else { Label::Plain }, words);
    }
    text.end();
}

fn changes(text: &mut Text, shown: &[&Change], options: &TextOptions<'_>) {
    for (contract, heading) in [
        (Contract::Breaking, "Breaking"),
        (Contract::NonBreaking, "Non-breaking"),
        (Contract::Metadata, "Metadata"),
    ] {
        let mut shown = shown.iter().filter(|change| change.contract == contract).peekable();
        if shown.peek().is_none() {
            continue;
        }
        let label = if contract == Contract::Breaking { Label::Breaking } else { Label::Heading };
        text.say(label, heading).end().end();
        for shown in shown {
            change(text, shown, options);
        }
        if options.detail == Detail::Concise {
            text.end();
        }
    }
}

fn infrastructure(text: &mut Text, plan: &Plan, options: &TextOptions<'_>) {
    if plan.infrastructure.is_empty() {
        return;
    }
    text.say(Label::Heading, "Infrastructure").end().end();
    for change in &plan.infrastructure {
        object(text, change, options);
    }
    text.end();
}

fn object(text: &mut Text, change: &InfrastructureChange, options: &TextOptions<'_>) {
    let (label, sign, verb) = match change.actions.as_slice() {
        [Action::Create, Action::Delete] => (Label::Replaced, "+/-", "will be replaced by"),
        [Action::Create] => (Label::Added, "  +", "will be created"),
        [Action::Delete] => (Label::Removed, "  -", "will be destroyed"),
        _ => (Label::Changed, "  ~", "will be updated"),
    };
    let name = |object: Option<&crate::provider::InfraObject>| {
        object.map_or_else(|| change.id.name.clone(), |object| object.id.name.clone())
    };
    let replaces = change.actions.len() > 1;
    let first = if replaces { name(change.before.as_ref()) } else { change.id.name.clone() };
    text.say(label, sign).plain(format!(" {} ", change.kind)).say(Label::Address, format!("\"{first}\""));
    text.flow(Label::Plain, verb, options.width, 6);
    if replaces {
        text.flow(Label::Address, &format!("\"{}\"", change.id.name), options.width, 6);
    }
    if let Some(reason) = reason(&change.reason) {
        if text.column() + reason.chars().count() + 5 > options.width {
            text.end().plain("     ").flow(Label::Muted, &format!("# {reason}"), options.width, 8);
        } else {
            text.plain("   ").say(Label::Muted, format!("# {reason}"));
        }
    }
    text.end();
    if options.detail == Detail::Concise {
        return;
    }
    for (setting, after) in change.after.iter().flat_map(|object| &object.attributes) {
        let before = change.before.as_ref().and_then(|object| object.attributes.get(setting));
        if change.actions.first() == Some(&Action::Create) && options.detail == Detail::Everything {
            text.plain("      ").say(Label::Added, "+").plain(format!(" {setting} = {after}")).end();
        } else if change.actions == [Action::Update] && before != Some(after) {
            let before = before.map_or_else(|| "null".to_owned(), ToString::to_string);
            text.plain("      ")
                .say(Label::Changed, "~")
                .plain(format!(" {setting} = {before} -> {after}"))
                .end();
        }
    }
}

fn findings(text: &mut Text, plan: &Plan, width: usize) {
    if plan.findings.is_empty() {
        return;
    }
    text.say(Label::Heading, "Findings").end().end();
    for finding in &plan.findings {
        one(text, finding, width);
    }
    text.end();
}

fn one(text: &mut Text, finding: &Finding, width: usize) {
    let (label, word) = match finding.severity {
        FindingSeverity::Error => (Label::Breaking, "error"),
        FindingSeverity::Warning => (Label::Warning, "warning"),
        FindingSeverity::Note => (Label::Muted, "note"),
    };
    text.plain("  ").say(label, format!("{word:<8}")).say(Label::Code, &finding.code);
    if let Some(address) = &finding.address {
        text.plain(" ").say(Label::Address, address.to_string());
    }
    for (position, line) in finding.message.lines().enumerate() {
        if position == 0 {
            text.flow(Label::Plain, line, width, 10);
        } else {
            // A block to copy stays as it is.
            text.end().plain(format!("          {line}"));
        }
    }
    text.end();
}

fn pending(text: &mut Text, plan: &Plan, options: &TextOptions<'_>) {
    if plan.pending.is_empty() {
        return;
    }
    let tables: std::collections::BTreeSet<_> = plan.pending.iter().map(|pending| &pending.table).collect();
    let (wait, them) = if tables.len() == 1 { ("waits", "it") } else { ("wait", "them") };
    text.say(Label::Warning, format!("{} {wait} for data.", counted(tables.len(), "table")));
    text.plain(format!(" To fill {them}: {} materialize --pending", options.program)).end();
    for pending in &plan.pending {
        let work = match pending.work {
            Work::Rematerialize => "to be filled before it serves",
            Work::Backfill | Work::Drop => "to be backfilled",
        };
        text.plain("  ").say(Label::Address, pending.table.to_string()).plain(format!(" {work}")).end();
    }
}
