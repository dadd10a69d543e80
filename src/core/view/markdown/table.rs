//! The table: one row for each change, what breaks first. A cell names a few things and counts the rest.

use super::escape::{code, inert};
use crate::plan::{Action, Affected, Change, Contract, DataWork};
use crate::view::visible::clipped;
use crate::view::wording::{data, verb};

/// Services named in a cell, and features and consumers of each.
const NAMED: usize = 4;

/// The first two lines.
pub(super) const HEADER: &str = "| change | object | contract | data | affects |\n|---|---|---|---|---|\n";

/// The row of a change, with its line feed.
pub(super) fn row(change: &Change) -> String {
    let (sign, _) = verb(&change.actions);
    let word = match change.actions.first() {
        Some(Action::Create) => "create",
        Some(Action::Delete) => "destroy",
        Some(Action::Forget) => "forget",
        Some(Action::Move) => "move",
        _ => "update",
    };
    format!(
        "| `{sign}` {word} | {} | {} | {} | {} |\n",
        code(&change.address.to_string()),
        contract(change),
        or_dash(&data_work(&change.data), "; "),
        or_dash(&listed(&change.affects, affected), "; "),
    )
}

/// The contract in words, with the rules that say so.
pub(super) fn contract(change: &Change) -> String {
    let word = match change.contract {
        Contract::Breaking => "**breaking**",
        Contract::NonBreaking => "non-breaking",
        Contract::Metadata => "metadata",
    };
    let codes: Vec<&String> = change.codes.iter().collect();
    let codes = listed(&codes, |code| inert(&clipped(code, 40)));
    [vec![word.to_owned()], codes].concat().join(" ")
}

/// Each kind of data work in words.
pub(super) fn data_work(work: &[DataWork]) -> Vec<String> {
    listed(work, |work| {
        let without = data(&DataWork { features: Vec::new(), ..work.clone() });
        let features = listed(&work.features, |feature| code(feature));
        if features.is_empty() {
            inert(&without)
        } else {
            format!("{} of {}", inert(&without), features.join(", "))
        }
    })
}

/// A service with what it reads and who reads it.
pub(super) fn affected(affected: &Affected) -> String {
    let mut words = code(&affected.address.to_string());
    let reads: Vec<&str> = affected
        .features
        .iter()
        .filter_map(|feature| feature.split_once(':'))
        .map(|(_, name)| name)
        .collect();
    if !reads.is_empty() {
        words.push_str(&format!(" (reads {})", listed(&reads, |name| code(name)).join(", ")));
    }
    if !affected.consumers.is_empty() {
        words.push_str(&format!(" ← {}", listed(&affected.consumers, |name| code(name)).join(", ")));
    }
    words
}

/// The first few, and a count of the rest.
pub(super) fn listed<T>(items: &[T], say: impl Fn(&T) -> String) -> Vec<String> {
    first(items, NAMED, say)
}

/// The first `limit`, and a count of the rest.
pub(super) fn first<T>(items: &[T], limit: usize, say: impl Fn(&T) -> String) -> Vec<String> {
    let mut words: Vec<String> = items.iter().take(limit).map(say).collect();
    if items.len() > limit {
        words.push(format!("and {} more", items.len() - limit));
    }
    words
}

fn or_dash(words: &[String], between: &str) -> String {
    if words.is_empty() { "–".to_owned() } else { words.join(between) }
}
