//! One change of a definition.

use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use super::value::{range, scaled, selection, value};
use super::{Label, Text, TextOptions, counted};
use crate::plan::{Action, AttributeChange, Change, DataWork, Work};

/// Writes a change: header with its place, attributes, data work, who is affected.
pub(super) fn change(text: &mut Text, change: &Change, options: &TextOptions) {
    header(text, change, options);
    match change.actions.first() {
        Some(Action::Create) => whole(text, Label::Added, "+", change.after.as_ref()),
        Some(Action::Delete) => {}
        _ => attributes(text, change, options),
    }
    for work in &change.data {
        text.plain("    ")
            .say(Label::Muted, format!("{:<10}", "data"))
            .say(label_of(work.work), data(work))
            .end();
    }
    for affected in &change.affects {
        text.plain("    ").say(Label::Muted, format!("{:<10}", "affects"));
        text.say(Label::Address, affected.address.to_string());
        let reads: Vec<&str> =
            affected.features.iter().filter_map(|feature| feature.split(':').nth(1)).collect();
        if !reads.is_empty() {
            text.plain(format!(" (reads {})", shortened(&reads)));
        }
        if !affected.consumers.is_empty() {
            let consumers = format!("← {}", affected.consumers.join(", "));
            text.word(&consumers, options.width, 14);
        }
        text.end();
    }
    text.end();
}

fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 6;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn header(text: &mut Text, change: &Change, options: &TextOptions) {
    let (label, sign, verb) = match change.actions.first() {
        Some(Action::Create) => (Label::Added, "+", "will be created"),
        Some(Action::Delete) => (Label::Removed, "-", "will be destroyed"),
        Some(Action::Forget) => (Label::Removed, ".", "will be forgotten; what is stored stays"),
        Some(Action::Move) if change.actions.len() > 1 => (Label::Changed, "~", "will be moved and updated"),
        Some(Action::Move) => (Label::Changed, "~", "will be moved"),
        _ => (Label::Changed, "~", "will be updated"),
    };
    let was = change.previous_address.as_ref().map(|was| format!(" (was {was})")).unwrap_or_default();
    let verb = format!("{verb}{was}");
    let address = change.address.to_string();
    text.plain("  ").say(label, sign).plain(" ").say(Label::Address, &address).plain(format!(" {verb}"));
    let mut used = 5 + address.chars().count() + verb.chars().count();
    if !change.codes.is_empty() && change.actions.first() != Some(&Action::Create) {
        let codes = change.codes.iter().cloned().collect::<Vec<_>>().join(" ");
        text.plain(" · ").say(Label::Code, &codes);
        used += 3 + codes.chars().count();
    }
    if let Some(range) = &change.range {
        text.place(used, options.width, &format!("{}:{}", range.filename, range.start.line));
    }
    text.end();
}

/// Every attribute of a definition, aligned.
fn whole(text: &mut Text, label: Label, sign: &str, definition: Option<&Json>) {
    let Some(fields) = definition.and_then(Json::as_object) else { return };
    let is_features = |name: &str, item: &Json| {
        name == "features"
            && item.as_array().is_some_and(|items| items.iter().all(|item| item.get("name").is_some()))
    };
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

fn attributes(text: &mut Text, change: &Change, options: &TextOptions) {
    let is_words = |attribute: &&AttributeChange| attribute.code.as_deref() == Some("PV122");
    let hides = !options.verbose && change.contract != crate::plan::Contract::Metadata;
    let shown: Vec<&AttributeChange> =
        change.attributes.iter().filter(|attribute| !(hides && is_words(attribute))).collect();
    let name = |attribute: &AttributeChange| path(&attribute.path);
    let widest = shown.iter().map(|attribute| name(attribute).chars().count()).max().unwrap_or(0);
    for attribute in &shown {
        attribute_line(text, attribute, &format!("{:<widest$}", name(attribute)));
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
    let features = |form: &Option<Json>| {
        form.as_ref().and_then(|form| form.get("features")).and_then(Json::as_array).map_or(0, Vec::len)
    };
    if change.kind == "feature_view" && !shown.is_empty() {
        let mut touched: Vec<&str> = change
            .attributes
            .iter()
            .filter(|attribute| attribute.path.len() > 1 && attribute.path[0] == "feature")
            .filter(|attribute| !(attribute.path.len() == 2 && attribute.before.is_none()))
            .map(|attribute| attribute.path[1].as_str())
            .collect();
        touched.dedup();
        let unchanged = features(&change.before).saturating_sub(touched.len());
        if unchanged > 0 {
            text.plain("        ")
                .say(Label::Muted, format!("# ({} hidden)", counted(unchanged, "unchanged feature")))
                .end();
        }
    }
}

/// `feature "acc_rate" type`, as the block would be written.
fn path(path: &[String]) -> String {
    match path {
        [block, name, rest @ ..] if matches!(block.as_str(), "feature" | "field" | "consumer" | "use") => {
            let rest: String = rest.iter().map(|part| format!(" {part}")).collect();
            format!("{block} \"{name}\"{rest}")
        }
        [only] if only == "feature" => "order of features".to_owned(),
        _ => path.join("."),
    }
}

fn attribute_line(text: &mut Text, attribute: &AttributeChange, name: &str) {
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
    text.plain(format!(" {name} = "));
    if let (Some(Json::String(before)), Some(Json::String(after))) = (&attribute.before, &attribute.after)
        && (before.contains('\n') || after.contains('\n'))
    {
        lines(text, before, after);
    } else {
        let shown = |side: &Option<Json>| side.as_ref().map(|side| value(&attribute.path, side));
        match (shown(&attribute.before), shown(&attribute.after)) {
            (Some(before), Some(after)) => text.plain(format!("{before} -> {after}")),
            (Some(only), None) | (None, Some(only)) => text.plain(only),
            (None, None) => text,
        };
    }
    if attribute.needs_new_table {
        text.say(Label::Breaking, "   # needs a new table");
    }
    if let Some(code) = attribute.code.as_deref().filter(|code| *code != "PV122") {
        text.plain(if attribute.needs_new_table { " · " } else { "   " }).say(Label::Code, code);
    }
    text.end();
}

/// A named thing that comes or goes, as it would be written: `feature "trips" { type = int64 }`.
fn element(attribute: &AttributeChange, name: &str) -> Option<String> {
    let only = match (&attribute.before, &attribute.after) {
        (Some(only), None) | (None, Some(only)) => only,
        _ => return None,
    };
    if let Some(selection) = selection(only) {
        return Some(selection);
    }
    let fields = only.as_object()?;
    let shown: Vec<String> = fields
        .iter()
        .filter(|(key, _)| *key != "name")
        .map(|(key, item)| format!("{key} = {}", value(std::slice::from_ref(key), item)))
        .collect();
    Some(format!("{name} {{ {} }}", shown.join(", ")))
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

/// Data work in words.
pub(super) fn data(work: &DataWork) -> String {
    let mut out = match work.work {
        Work::Backfill => "backfill".to_owned(),
        Work::Rematerialize => "rematerialize".to_owned(),
        Work::Drop => "drop".to_owned(),
    };
    if !work.features.is_empty() {
        let names: Vec<&str> = work.features.iter().map(String::as_str).collect();
        out.push_str(&format!(" {}", shortened(&names)));
    }
    if let (Some(from), Some(to)) = (work.from, work.to) {
        out.push_str(&format!(" {}", range(from, to)));
    }
    let size: Vec<String> = [
        work.rows.map(|rows| format!("{} rows", scaled(rows, 1000, &["", "k", "M", "G"]))),
        work.bytes.map(|bytes| scaled(bytes, 1000, &[" bytes", " kB", " MB", " GB", " TB"])),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !size.is_empty() {
        out.push_str(&format!(" ({})", size.join(", ")));
    }
    out
}
