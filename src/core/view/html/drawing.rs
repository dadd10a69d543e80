//! The lineage graph as inline SVG. State shows in colour, in a sign and in the words of a title, so that print and readers
//! who see no colours lose nothing.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::layout::{Layout, NODE_HEIGHT, NODE_WIDTH, layout};
use crate::view::lineage::{Fate, Lineage, Look, Node, State};
use crate::view::wording::counted;

/// Characters of a name that find room in a node.
const NAME: usize = 22;

/// The drawing with its legend; `anchors` are the places of changes on the page.
pub(super) fn drawing(graph: &Lineage, anchors: &BTreeMap<String, String>) -> Markup {
    let layout = layout(graph);
    let view_box = format!("0 0 {} {}", layout.width, layout.height);
    html! {
        (legend(graph))
        div.scroll tabindex="0" role="region" aria-label="Lineage graph" {
            svg viewBox=(view_box) width=(layout.width) height=(layout.height) role="group" aria-label=(summary(graph)) {
                @for (x, name) in &layout.columns {
                    text.column x=(x) y="14" { (name) }
                }
                (edges(&layout))
                @for (node, (x, y)) in &layout.nodes {
                    (box_of(node, graph.nodes.get(*node).copied().unwrap_or_default(), (*x, *y), anchors))
                }
            }
        }
    }
}

fn summary(graph: &Lineage) -> String {
    let of = |wanted: State| graph.nodes.values().filter(|look| look.state == wanted).count();
    format!(
        "{} from sources to consumers: {} breaking, {} affected",
        counted(graph.nodes.len(), "object"),
        of(State::Breaking),
        of(State::Affected)
    )
}

fn edges(layout: &Layout<'_>) -> Markup {
    html! {
        @for (points, fate) in &layout.edges {
            @let class = match fate { Fate::Kept => "edge", Fate::Added => "edge added", Fate::Removed => "edge removed" };
            path class=(class) d=(path(points)) {}
            @if let Some((x, y)) = points.last() {
                path class=(format!("{class} head")) d=(format!("M{} {}l-7 -4v8z", x, y)) {}
            }
        }
    }
}

/// Curves between columns, straight lines within one.
fn path(points: &[(i64, i64)]) -> String {
    let mut text = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        let part = match at {
            0 => format!("M{x} {y}"),
            odd if odd % 2 == 1 => {
                let (from, before) = points[at - 1];
                let middle = i64::midpoint(from, *x);
                format!("C{middle} {before} {middle} {y} {x} {y}")
            }
            _ => format!("L{x} {y}"),
        };
        text.push_str(&part);
    }
    text
}

fn box_of(node: &Node, look: Look, (x, y): (i64, i64), anchors: &BTreeMap<String, String>) -> Markup {
    let (kind, name, whole) = match node {
        Node::Object(address) => {
            (address.kind.as_str().replace('_', " "), &address.name, address.to_string())
        }
        Node::Consumer(name) => ("consumer".to_owned(), name, format!("consumer {name}")),
    };
    let (class, mark, words) = words(look.state);
    let drawn = html! {
        title { (whole) " (" (words) ")" }
        rect width=(NODE_WIDTH) height=(NODE_HEIGHT) rx="6" {}
        text.kind x="12" y="17" { @if !look.sign.is_empty() { (look.sign) " " } (kind) }
        text.name x="12" y="35" { (short(name)) }
        @if !mark.is_empty() { text.mark x=(NODE_WIDTH - 12) y="18" text-anchor="end" { (mark) } }
    };
    let class = if look.sign == "-" { format!("node {class} gone") } else { format!("node {class}") };
    html! {
        g class=(class) transform=(format!("translate({x} {y})")) {
            @match anchors.get(&whole) {
                Some(anchor) => { a href=(format!("#{anchor}")) { (drawn) } }
                None => { (drawn) }
            }
        }
    }
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME {
        name.to_owned()
    } else {
        name.chars().take(NAME - 1).chain(['…']).collect()
    }
}

/// Class, sign and words of a state.
const fn words(state: State) -> (&'static str, &'static str, &'static str) {
    match state {
        State::Breaking => ("breaking", "!", "breaking"),
        State::Affected => ("affected", "→", "affected"),
        State::NonBreaking => ("non-breaking", "✓", "non-breaking change"),
        State::Metadata => ("metadata", "·", "metadata only"),
        State::Unchanged => ("unchanged", "", "unchanged"),
    }
}

/// Only what the drawing shows.
fn legend(graph: &Lineage) -> Markup {
    let states = [State::Breaking, State::Affected, State::NonBreaking, State::Metadata, State::Unchanged];
    let is_used = |state: &State| graph.nodes.values().any(|look| look.state == *state);
    let has = |fate: Fate| graph.edges.values().any(|one| *one == fate);
    html! {
        ul.legend {
            @for state in states.iter().filter(|state| is_used(state)) {
                @let (class, mark, words) = words(*state);
                li class=(class) { span.swatch { (mark) } " " (words) }
            }
            @if has(Fate::Added) { li.added { span.line {} " new reference" } }
            @if has(Fate::Removed) { li.removed { span.line {} " reference that goes" } }
        }
    }
}
