//! The blocks that say how definitions came to be, and what was accepted about it: `moved`, `removed`, `allow`. Their
//! addresses need not exist in the folder.

use std::collections::BTreeMap;

use super::day;
use super::scope::Constants;
use crate::check::Definitions;
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::hcl::{
    Attribute, Block, BlockReader, Context, Evaluator, Located, Reference, Schema, Value, reference_for_text,
};
use crate::model::{Address, Allow, Moved, Object, ObjectKind, Removed, Target};
use crate::source::Span;
use crate::time::{Duration, Timestamp};

pub(super) const MOVED: Schema =
    Schema { labels: &[], attributes: &["from", "to", "alias_until"], single: &[], blocks: &[] };
pub(super) const REMOVED: Schema =
    Schema { labels: &[], attributes: &["from"], single: &["lifecycle"], blocks: &[] };
pub(super) const REMOVED_LIFECYCLE: Schema =
    Schema { labels: &[], attributes: &["destroy"], single: &[], blocks: &[] };
pub(super) const ALLOW: Schema = Schema {
    labels: &["code"],
    attributes: &["on", "reason", "expires", "values_unchanged"],
    single: &[],
    blocks: &[],
};

/// A block with its place.
struct Placed<T> {
    block: T,
    /// Of the address that it is about.
    span: Span,
    /// Of where that moved, in a `moved` block.
    to: Span,
}

/// What all blocks of a project say.
#[derive(Default)]
pub(super) struct Refactorings {
    moved: Vec<Placed<Moved>>,
    removed: Vec<Placed<Removed>>,
    allowed: Vec<Placed<Allow>>,
}

impl Refactorings {
    pub(super) fn read_moved(&mut self, context: &Context<'_>, block: &Block) {
        let reader = BlockReader::new(context, block, &MOVED);
        let from = target(&reader, "from", "feature_view.OLD_NAME");
        let to = target(&reader, "to", "feature_view.NEW_NAME");
        let alias_until = end_of_day(&reader, "alias_until");
        let (Some(from), Some(to)) = (from, to) else { return };
        let same_place = match (&from.value.feature, &to.value.feature) {
            (None, None) => from.value.address.kind == to.value.address.kind,
            (Some(_), Some(_)) => from.value.address == to.value.address,
            _ => false,
        };
        if !same_place {
            let message = format!("`{}` cannot become `{}`", from.value.written(), to.value.written());
            let help = "a definition keeps its kind, and a feature stays in its view";
            context.report(Diagnostic::error(codes::WRONG_KIND, to.span, message).help(help));
            return;
        }
        if from.value == to.value {
            let message = format!("`{}` does not move", from.value.written());
            context.report(Diagnostic::error(codes::VALUE, to.span, message));
            return;
        }
        let answers = matches!(
            from.value.address.kind,
            ObjectKind::FeatureView | ObjectKind::OnDemandFeatureView | ObjectKind::FeatureService
        );
        if let (Some(alias), false) = (&alias_until, answers) {
            let message =
                format!("nobody asks for {} by name, so there is no alias", from.value.address.kind);
            context
                .report(Diagnostic::error(codes::VALUE, alias.span, message).help("leave `alias_until` out"));
            return;
        }
        let moved =
            Moved { from: from.value, to: to.value, alias_until: alias_until.map(|until| until.value) };
        self.moved.push(Placed { block: moved, span: from.span, to: to.span });
    }

    pub(super) fn read_removed(&mut self, context: &Context<'_>, block: &Block) {
        let reader = BlockReader::new(context, block, &REMOVED);
        let from = target(&reader, "from", "feature_view.OLD_NAME");
        let destroy = reader.blocks("lifecycle").next().and_then(|inner| {
            BlockReader::new(context, inner, &REMOVED_LIFECYCLE).optional::<bool>("destroy")
        });
        let Some(from) = from else { return };
        if from.value.feature.is_some() {
            let message = "`removed` is about whole definitions";
            let help = "delete the `feature` block: its values go with the next apply";
            context.report(Diagnostic::error(codes::WRONG_KIND, from.span, message).help(help));
            return;
        }
        let destroy = destroy.is_none_or(|destroy| destroy.value);
        self.removed.push(Placed {
            block: Removed { from: from.value.address, destroy },
            span: from.span,
            to: from.span,
        });
    }

    pub(super) fn read_allow(&mut self, context: &Context<'_>, block: &Block) {
        let reader = BlockReader::new(context, block, &ALLOW);
        let on = target(&reader, "on", "feature_view.NAME");
        let reason = reader.required::<String>("reason", "\"who looked at it, and why it is fine\"");
        let expires = end_of_day(&reader, "expires").map(|located| located.value);
        let values_unchanged = reader.optional::<bool>("values_unchanged");
        let (Some(code), Some(on), Some(reason)) = (reader.label(0), on, reason) else { return };
        if !crate::plan::CODES.contains(&code.text.as_str()) {
            let message = format!("there is no plan rule `{}`", code.text);
            let diagnostic = Diagnostic::error(codes::VALUE, code.span, message);
            context.report(diagnostic.maybe_help(suggestion(&code.text, crate::plan::CODES)));
            return;
        }
        if let Some(unchanged) = values_unchanged.as_ref().filter(|_| code.text != "PV109") {
            let message = "`values_unchanged` says something about PV109 only";
            context.report(Diagnostic::error(codes::VALUE, unchanged.span, message).help("leave it out"));
        }
        if on.value.feature.is_some() {
            let message = "`on` takes a whole definition: findings stand on these";
            let help = format!("write `{}`", on.value.address);
            context.report(Diagnostic::error(codes::WRONG_KIND, on.span, message).help(help));
            return;
        }
        let allow = Allow {
            code: code.text.to_string(),
            on: on.value.address.clone(),
            reason: reason.value,
            expires,
            values_unchanged: values_unchanged.is_some_and(|unchanged| unchanged.value),
        };
        self.allowed.push(Placed { block: allow, span: code.span, to: on.span });
    }

    /// Holds the blocks to the definitions and writes aliases into these.
    pub(super) fn settle(
        self,
        definitions: &mut Definitions,
        report: &mut dyn FnMut(Diagnostic),
    ) -> (Vec<Moved>, Vec<Removed>, Vec<Allow>) {
        let (moved, mut removed) =
            (in_order(self.moved, report), unplaced(self.removed, definitions, report));
        for Placed { block, span, to: place } in &moved {
            if still_defined(definitions, &block.from, *span, "moved", report) {
                continue;
            }
            let to = last(&moved, &block.to);
            if !definitions.has(to) && !definitions.may_have(to) {
                let message = format!("`{}` is not defined, so nothing can have moved there", to.written());
                let help = "`moved` renames a definition that is in the folder under its new name";
                report(Diagnostic::error(codes::UNKNOWN_REFERENCE, *place, message).help(help));
            } else if let Some(until) = block.alias_until {
                alias(definitions, block, to, (until, *span), report);
            }
        }
        let mut allowed: Vec<Allow> = self.allowed.into_iter().map(|placed| placed.block).collect();
        allowed.sort();
        removed.sort();
        (moved.into_iter().map(|placed| placed.block).collect(), removed, allowed)
    }
}

/// The definition or feature that an attribute names; it need not exist.
fn target(reader: &BlockReader<'_>, name: &str, example: &str) -> Option<Located<Target>> {
    let Some(Attribute { value, .. }) = reader.attribute(name) else {
        reader.missing(name, example);
        return None;
    };
    let scope = Constants { what: "this block" };
    match Evaluator::new(&scope).evaluate(value) {
        Ok(Value::Reference(reference)) => {
            let Reference { kind, name, feature, .. } = *reference;
            Some(Located { value: Target { address: Address::new(kind, name), feature }, span: value.span })
        }
        Ok(other) => {
            let message = format!("`{name}`: expected the address of a definition, found {}", other.kind());
            let diagnostic = Diagnostic::error(codes::WRONG_TYPE, value.span, message);
            let help = match &other {
                Value::String(text) => reference_for_text(name, text),
                _ => format!("write `{example}`, without quotes"),
            };
            reader.context.report(diagnostic.help(help));
            None
        }
        Err(failure) => {
            reader.context.fail(failure);
            None
        }
    }
}

/// The end of the day that an attribute names, in UTC.
fn end_of_day(reader: &BlockReader<'_>, name: &str) -> Option<Located<Timestamp>> {
    let expression = &reader.attribute(name)?.value;
    if let Some(day) = day::without_quotes(expression) {
        let message = format!("`{name}`: a day stands in quotes");
        let diagnostic = Diagnostic::error(codes::WRONG_TYPE, expression.span, message);
        reader.context.report(diagnostic.help(format!("write `\"{day}\"`")));
        return None;
    }
    let Located { value, span } = reader.optional::<String>(name)?;
    let day = value.parse::<Timestamp>().ok().filter(|_| value.len() == "2026-11-25".len());
    match day {
        Some(day) => Some(Located { value: day.saturating_add(Duration::from_seconds(86_400)), span }),
        None => {
            let message = format!("`{name}`: `{value}` is no day");
            let diagnostic = Diagnostic::error(codes::VALUE, span, message);
            let day = day::meant(&value).unwrap_or_else(|| "2026-11-25".to_owned());
            reader.context.report(
                diagnostic.help(format!("write it as `\"{day}\"`; it counts to the end of that day, UTC")),
            );
            None
        }
    }
}

/// Moves in an order in which one follows the other; two from one name are a finding, and a circle too.
fn in_order(moved: Vec<Placed<Moved>>, report: &mut dyn FnMut(Diagnostic)) -> Vec<Placed<Moved>> {
    let mut by_name: BTreeMap<Target, Placed<Moved>> = BTreeMap::new();
    for placed in moved {
        if let Some(first) = by_name.get(&placed.block.from) {
            let message = format!("`{}` moves twice", placed.block.from.written());
            report(Diagnostic::error(codes::DUPLICATE, placed.span, message).also(first.span, "the first"));
        } else {
            by_name.insert(placed.block.from.clone(), placed);
        }
    }
    let mut ordered: Vec<Placed<Moved>> = Vec::new();
    while let Some(start) = by_name.keys().next().cloned() {
        let mut path = vec![start];
        while let Some(next) =
            path.last().and_then(|last| by_name.get(last)).map(|placed| placed.block.to.clone())
        {
            if path.contains(&next) {
                break;
            }
            path.push(next);
        }
        let links: Vec<Placed<Moved>> = path.iter().filter_map(|from| by_name.remove(from)).collect();
        if let Some(end) = links.last().filter(|end| path.contains(&end.block.to)) {
            let closes = links.iter().any(|link| link.block.from == end.block.to);
            if closes {
                let message = format!("`{}` moves in a circle", end.block.from.written());
                report(Diagnostic::error(codes::CYCLE, end.span, message));
                continue;
            }
        }
        // A chain that leads into one that is there already goes before it.
        let place =
            links.last().and_then(|end| ordered.iter().position(|other| other.block.from == end.block.to));
        let at = place.unwrap_or(ordered.len());
        ordered.splice(at..at, links);
    }
    ordered
}

/// Where a chain of moves ends.
fn last<'a>(moved: &'a [Placed<Moved>], to: &'a Target) -> &'a Target {
    let mut to = to;
    for _ in 0..moved.len() {
        match moved.iter().find(|next| next.block.from == *to) {
            Some(next) => to = &next.block.to,
            None => break,
        }
    }
    to
}

fn unplaced(
    removed: Vec<Placed<Removed>>,
    definitions: &Definitions,
    report: &mut dyn FnMut(Diagnostic),
) -> Vec<Removed> {
    let mut seen: BTreeMap<Address, Span> = BTreeMap::new();
    for Placed { block, span, .. } in &removed {
        let target = Target { address: block.from.clone(), feature: None };
        still_defined(definitions, &target, *span, "removed", report);
        if let Some(first) = seen.insert(block.from.clone(), *span) {
            let message = format!("`{}` is removed twice", block.from);
            report(Diagnostic::error(codes::DUPLICATE, *span, message).also(first, "the first"));
        }
    }
    removed.into_iter().map(|placed| placed.block).collect()
}

fn still_defined(
    definitions: &Definitions,
    from: &Target,
    span: Span,
    what: &str,
    report: &mut dyn FnMut(Diagnostic),
) -> bool {
    if !definitions.has(from) {
        return false;
    }
    let message = format!("`{}` is {what}, and it is still defined", from.written());
    let mut diagnostic = Diagnostic::error(codes::CONFLICT, span, message);
    if let Some(place) = definitions.declaration(&from.address) {
        diagnostic = diagnostic.also(place, "defined here");
    }
    report(diagnostic.help("delete one of the two"));
    true
}

/// Writes the old name into the definition that answers to it.
fn alias(
    definitions: &mut Definitions,
    moved: &Moved,
    to: &Target,
    (until, span): (Timestamp, Span),
    report: &mut dyn FnMut(Diagnostic),
) {
    let taken = match &moved.from.feature {
        None => definitions
            .view_named(&moved.from.address.name)
            .filter(|_| moved.from.address.kind != ObjectKind::FeatureService),
        Some(_) => None,
    };
    if let Some(place) = taken {
        let message = format!("the alias `{}` is the name of another definition", moved.from.address.name);
        report(Diagnostic::error(codes::COLLISION, span, message).also(place, "defined here"));
        return;
    }
    let Some(object) = definitions.objects.0.get_mut(&to.address) else { return };
    let aliases = match (object, &to.feature) {
        (Object::FeatureView(view), None) => &mut view.aliases,
        (Object::FeatureService(service), None) => &mut service.aliases,
        (Object::OnDemandFeatureView(view), None) => &mut view.aliases,
        (Object::OnDemandFeatureView(view), Some(name)) => {
            match view.features.iter_mut().find(|feature| feature.name == *name) {
                Some(feature) => &mut feature.aliases,
                None => return,
            }
        }
        (Object::FeatureView(view), Some(name)) => {
            match view.features.iter_mut().find(|feature| feature.name == *name) {
                Some(feature) => &mut feature.aliases,
                None => return,
            }
        }
        _ => return,
    };
    aliases.insert(moved.from.feature.clone().unwrap_or_else(|| moved.from.address.name.clone()), until);
}
