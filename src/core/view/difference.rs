//! What a change of a definition says, line by line with a sign in front, as `diff` shows it: an attribute that becomes
//! another is one line that goes and one that comes. For views that show a change beside its reader, not in a terminal.

use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use super::value::value;
use super::wording::{attribute_name, counted, element, is_features, shown_attributes, unchanged_features};
use crate::plan::{Action, AttributeChange, Change, StoredDefinition};

/// Lines of text that are compared one by one; the time goes with the product of both sides.
const COMPARED_LINES: usize = 2_000;

/// What a line means; `as_char` is its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It comes.
    Added,
    /// It goes.
    Removed,
    /// It stays.
    Kept,
    /// It is said about the others.
    Remark,
}

impl Sign {
    pub(super) const fn as_char(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Kept => ' ',
            Self::Remark => '#',
        }
    }
}

/// One line, without its sign and without a line feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) sign: Sign,
    pub(super) text: String,
}

/// The lines of a change; none where its own definition stays as it is.
pub(super) fn lines(change: &Change, verbose: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    match change.actions.first() {
        Some(Action::Create) => whole(&mut lines, Sign::Added, change.after.as_ref()),
        Some(Action::Delete | Action::Forget) => whole(&mut lines, Sign::Removed, change.before.as_ref()),
        _ => attributes(&mut lines, change, verbose),
    }
    lines
}

fn add(lines: &mut Vec<Line>, sign: Sign, text: impl Into<String>) {
    lines.push(Line { sign, text: text.into() });
}

/// Every attribute of a definition, aligned; features as blocks of one line.
fn whole(lines: &mut Vec<Line>, sign: Sign, definition: Option<&StoredDefinition>) {
    let Some(Json::Object(fields)) = definition.map(StoredDefinition::parse) else { return };
    let plain = || fields.iter().filter(|(name, item)| *name != "kind" && !is_features(name, item));
    let widest = plain().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, item) in plain() {
        assignment(lines, sign, &format!("{name:<widest$}"), std::slice::from_ref(name), item);
    }
    let features = fields.iter().filter(|(name, item)| is_features(name, item));
    let features: Vec<&Json> = features.filter_map(|(_, item)| item.as_array()).flatten().collect();
    let word = |feature: &Json, field: &str| value(&[field.to_owned()], &feature[field]);
    let name_of = |feature: &Json| format!("\"{}\"", feature["name"].as_str().unwrap_or_default());
    let widest = features.iter().map(|feature| name_of(feature).chars().count()).max().unwrap_or(0);
    for feature in features {
        let name = name_of(feature);
        let mut text = format!("feature {name:<widest$} {{ type = {}", word(feature, "type"));
        if feature.get("expression").is_some() {
            text.push_str(&format!(", expression = {}", word(feature, "expression")));
        }
        add(lines, sign, text + " }");
    }
}

/// `name = value`, or a heredoc where the value is a text of several lines.
fn assignment(lines: &mut Vec<Line>, sign: Sign, name: &str, path: &[String], item: &Json) {
    match item {
        Json::String(text) if text.contains('\n') => {
            add(lines, sign, format!("{name} = <<-EOT"));
            text.trim_end_matches('\n').split('\n').for_each(|line| add(lines, sign, format!("  {line}")));
            add(lines, sign, "EOT");
        }
        _ => add(lines, sign, format!("{name} = {}", value(path, item))),
    }
}

fn attributes(lines: &mut Vec<Line>, change: &Change, verbose: bool) {
    let shown = shown_attributes(change, verbose);
    for attribute in &shown {
        let start = lines.len();
        one(lines, attribute);
        let notes = notes(attribute);
        let last = lines.iter_mut().skip(start).rfind(|line| line.sign != Sign::Remark);
        if let (Some(last), false) = (last, notes.is_empty()) {
            last.text.push_str(&format!("   # {notes}"));
        }
    }
    let hidden = change.attributes.len() - shown.len();
    if hidden > 0 {
        let words = counted(hidden, "change");
        add(lines, Sign::Remark, format!("{words} of description, owner or tags hidden"));
    }
    let unchanged = if shown.is_empty() { 0 } else { unchanged_features(change) };
    if unchanged > 0 {
        add(lines, Sign::Remark, format!("{} hidden", counted(unchanged, "unchanged feature")));
    }
}

fn notes(attribute: &AttributeChange) -> String {
    let table = attribute.needs_new_table.then_some("needs a new table");
    let code = attribute.code.as_deref().filter(|code| *code != "PV122");
    table.into_iter().chain(code).collect::<Vec<_>>().join(" · ")
}

fn one(lines: &mut Vec<Line>, attribute: &AttributeChange) {
    let name = attribute_name(&attribute.path);
    if let Some(element) = element(attribute, &name) {
        let sign = if attribute.after.is_some() { Sign::Added } else { Sign::Removed };
        return add(lines, sign, element);
    }
    if let (Some(Json::String(before)), Some(Json::String(after))) = (&attribute.before, &attribute.after)
        && (before.contains('\n') || after.contains('\n'))
        && before.lines().count().max(after.lines().count()) <= COMPARED_LINES
    {
        add(lines, Sign::Kept, format!("{name} = <<-EOT"));
        for change in TextDiff::from_lines(before.as_str(), after.as_str()).iter_all_changes() {
            let sign = match change.tag() {
                ChangeTag::Delete => Sign::Removed,
                ChangeTag::Insert => Sign::Added,
                ChangeTag::Equal => Sign::Kept,
            };
            add(lines, sign, format!("  {}", change.value().trim_end_matches('\n')));
        }
        return add(lines, Sign::Kept, "EOT");
    }
    for (sign, side) in [(Sign::Removed, &attribute.before), (Sign::Added, &attribute.after)] {
        if let Some(item) = side {
            assignment(lines, sign, &name, &attribute.path, item);
        }
    }
}
