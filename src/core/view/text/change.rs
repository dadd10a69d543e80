//! One change of a definition.

use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use super::{Detail, Label, Text, TextOptions};
use crate::plan::{Action, AttributeChange, Change, StoredDefinition, Work};
use crate::view::value::value;
use crate::view::wording::{
    attribute_name, counted, data, element, is_features, shortened, shown_attributes, unchanged_features,
    verb,
};

/// Writes a change: header with its place, attributes, data work, who is affected.
pub(super) fn change(text: &mut Text, change: &Change, options: &TextOptions<'_>) {
    header(text, change, options);
    if options.detail == Detail::Concise {
        return;
    }
    match change.actions.first() {
        Some(Action::Create) => whole(text, Label::Added, "+", change.after.as_ref()),
        Some(Action::Delete) => {}
        _ => attributes(text, change, options),
    }
    for work in &change.data {
        text.plain("    ").say(Label::Muted, format!("{:<9}", "data"));
        text.flow(label_of(work.work), &data(work), options.width, 14).end();
    }
    for affected in &change.affects {
        text.plain("    ").say(Label::Muted, format!("{:<10}", "affects"));
        text.say(Label::Address, affected.address.to_string());
        let reads: Vec<&str> =
            affected.features.iter().filter_map(|feature| feature.split(':').nth(1)).collect();
        if !reads.is_empty() {
            text.flow(Label::Plain, &format!("(reads {})", shortened(&reads)), options.width, 14);
        }
        if !affected.consumers.is_empty() {
            let consumers = format!("← {}", affected.consumers.join(", "));
            text.word(&consumers, options.width, 14);
        }
        text.end();
    }
    text.end();
}

fn header(text: &mut Text, change: &Change, options: &TextOptions<'_>) {
    let (sign, verb) = verb(&change.actions);
    let label = match change.actions.first() {
        Some(Action::Create) => Label::Added,
        Some(Action::Delete | Action::Forget) => Label::Removed,
        _ => Label::Changed,
    };
    let was = change.previous_address.as_ref().map(|was| format!(" (was {was})")).unwrap_or_default();
    let verb = format!("{verb}{was}");
    let address = change.address.to_string();
    text.plain("  ").say(label, sign).plain(" ").say(Label::Address, &address);
    text.word(&verb, options.width, 4);
    if !change.codes.is_empty() && change.actions.first() != Some(&Action::Create) {
        let codes = change.codes.iter().cloned().collect::<Vec<_>>().join(" ");
        text.plain(" · ").say(Label::Code, &codes);
    }
    if let Some(range) = &change.range {
        text.place(options.width, &format!("{}:{}", range.filename, range.start.line));
    }
    text.end();
}

/// Every attribute of a definition, aligned.
pub(super) fn whole(text: &mut Text, label: Label, sign: &str, definition: Option<&StoredDefinition>) {
    let Some(Json::Object(fields)) = definition.map(StoredDefinition::parse) else { return };
    let plain: Vec<(&String, &Json)> =
        fields.iter().filter(|(name, item)| *name != "kind" && !is_features(name, item)).collect();
    let widest = plain.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, item) in plain {
        let shown = value(std::slice::from_ref(name), item);
        text.plain("      ").say(label, sign).plain(format!(" {name:<widest$} = ")).plain(shown).end();
    }
    let features: Vec<&Json> = fields
        .iter()
        .filter(|(name, item)| is_features(name, item))
        .filter_map(|(_, item)| item.as_array())
        .flatten()
        .collect();
    let name_of = |feature: &Json| value(&["feature".to_owned()], &feature["name"]);
    let widest = features.iter().map(|feature| name_of(feature).chars().count()).max().unwrap_or(0);
    for feature in features {
        let name = format!("\"{}\"", name_of(feature));
        let value_type = value(&["type".to_owned()], &feature["type"]);
        text.plain("      ").say(label, sign);
        text.plain(format!(" feature {name:<width$} {{ type = {value_type}", width = widest + 2));
        if let Some(expression) = feature.get("expression") {
            text.plain(format!(", expression = {}", value(&["expression".to_owned()], expression)));
        }
        text.plain(" }").end();
    }
}

fn attributes(text: &mut Text, change: &Change, options: &TextOptions<'_>) {
    let shown = shown_attributes(change, options.detail == Detail::Everything);
    let name = |attribute: &AttributeChange| attribute_name(&attribute.path);
    let widest = shown.iter().map(|attribute| name(attribute).chars().count()).max().unwrap_or(0);
    for attribute in &shown {
        attribute_line(text, attribute, &format!("{:<widest$}", name(attribute)), options.width);
    }
    let hidden = change.attributes.len() - shown.len();
    if hidden > 0 {
        text.plain("        ")
            .say(
                Label::Muted,
                format!("# ({} of description, owner or tags hidden)", counted(hidden, "change")),
            )
            .end();
    }
    let unchanged = if shown.is_empty() { 0 } else { unchanged_features(change) };
    if unchanged > 0 {
        text.plain("        ")
            .say(Label::Muted, format!("# ({} hidden)", counted(unchanged, "unchanged feature")))
            .end();
    }
}

fn attribute_line(text: &mut Text, attribute: &AttributeChange, name: &str, width: usize) {
    let (label, sign) = match (&attribute.before, &attribute.after) {
        (None, _) => (Label::Added, "+"),
        (_, None) => (Label::Removed, "-"),
        _ => (Label::Changed, "~"),
    };
    text.plain("      ").say(label, sign);
    if let Some(element) = element(attribute, name) {
        text.plain(format!(" {element}"));
        if let Some(code) = attribute.code.as_deref() {
            text.plain("   ").say(Label::Code, code);
        }
        text.end();
        return;
    }
    if let (Some(Json::String(before)), Some(Json::String(after))) = (&attribute.before, &attribute.after)
        && (before.contains('\n') || after.contains('\n'))
    {
        text.plain(format!(" {name} = "));
        lines(text, before, after);
        return verdict(text, attribute, width);
    }
    let shown = |side: &Option<Json>| side.as_ref().map(|side| value(&attribute.path, side));
    match (shown(&attribute.before), shown(&attribute.after)) {
        (Some(before), Some(after)) => {
            let length = [name, &before, &after].map(|part| part.chars().count()).iter().sum::<usize>();
            if length + 15 <= width {
                text.plain(format!(" {name} = {before} -> {after}"));
            } else {
                // Below one another, so that the eye finds the difference.
                text.plain(format!(" {}", name.trim_end()));
                verdict(text, attribute, width);
                text.plain("          ").say(Label::Removed, format!("- {before}")).end();
                text.plain("          ").say(Label::Added, format!("+ {after}")).end();
                return;
            }
        }
        (only, other) => {
            text.plain(format!(" {name} = {}", only.or(other).unwrap_or_default()));
        }
    }
    verdict(text, attribute, width);
}

/// What the difference means, and the end of the line.
fn verdict(text: &mut Text, attribute: &AttributeChange, width: usize) {
    const NEW_TABLE: &str = "# needs a new table";
    let code = attribute.code.as_deref().filter(|code| *code != "PV122");
    if attribute.needs_new_table {
        let length = NEW_TABLE.len() + code.map_or(0, |code| 3 + code.len());
        if text.column() + 3 + length > width {
            text.end().plain("        ");
        } else {
            text.plain("   ");
        }
        text.say(Label::Breaking, NEW_TABLE);
    }
    if let Some(code) = code {
        text.plain(if attribute.needs_new_table { " · " } else { "   " }).say(Label::Code, code);
    }
    text.end();
}

fn lines(text: &mut Text, before: &str, after: &str) {
    text.plain("<<-EOT").end();
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        let (label, sign) = match change.tag() {
            ChangeTag::Delete => (Label::Removed, "-"),
            ChangeTag::Insert => (Label::Added, "+"),
            ChangeTag::Equal => (Label::Plain, " "),
        };
        text.plain("          ")
            .say(label, format!("{sign} {}", change.value().trim_end_matches('\n')))
            .end();
    }
    text.plain("        EOT");
}

fn label_of(work: Work) -> Label {
    match work {
        Work::Backfill => Label::Plain,
        Work::Rematerialize => Label::Changed,
        Work::Drop => Label::Removed,
    }
}
