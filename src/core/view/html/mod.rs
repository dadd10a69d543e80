//! One page for a plan: no script, no outside resource, for wide and narrow screens and for print. What people wrote is
//! escaped where it is put in, and characters that steer or hide text are written out at the very end, in all of it.

mod change;
mod drawing;
mod layout;
mod sections;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::change::{card, one_line, severity};
use self::drawing::drawing;
use crate::plan::{Change, Contract, Plan};
use crate::view::lineage::Lineage;
use crate::view::visible::{clipped, visible};
use crate::view::wording::{at_revision, counted, impact, is_folded, no_changes, risks};

/// Changes that get a card; the rest get a line, up to [`LINES`].
const CARDS: usize = 500;
const LINES: usize = 20_000;

const STYLE: &str = include_str!("style.css");

/// The plan as an HTML document.
pub fn plan(plan: &Plan) -> String {
    let mut changes: Vec<&Change> = plan.changes.iter().collect();
    changes.sort_by_key(|change| (is_folded(change), Reverse(change.contract)));
    let is_nothing = !plan.would_write() && changes.is_empty();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Plan · " (clipped(&plan.project, 80)) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                (title(plan, is_nothing))
                (sections::gate(plan))
                @if !changes.is_empty() { (lineage(plan, &changes)) (cards(plan, &changes)) }
                (sections::infrastructure(plan))
                (sections::findings(plan))
                (sections::steps(plan))
                (sections::pending(plan))
                (sections::origin(plan))
            } }
        }
    };
    visible(&page.into_string(), true)
}

fn title(plan: &Plan, is_nothing: bool) -> Markup {
    let summary = &plan.summary;
    let tiles = [
        ("breaking", summary.breaking, "breaking"),
        ("", summary.destructive, "destructive"),
        ("added", summary.add, "to add"),
        ("changed", summary.change, "to change"),
        ("removed", summary.destroy, "to destroy"),
        ("", summary.replace, if summary.replace == 1 { "table to replace" } else { "tables to replace" }),
        ("", summary.rematerialize, "to rematerialize"),
        ("", summary.backfill, "to backfill"),
        ("", summary.forget, "to forget"),
        (
            "",
            summary.superseded,
            if summary.superseded == 1 { "old table to delete" } else { "old tables to delete" },
        ),
        ("", summary.metadata, "metadata only"),
    ];
    html! {
        header.title {
            p.kicker { "provender plan" }
            h1 { (clipped(&plan.project, 200)) }
            p.place {
                (clipped(&plan.registry, 400))
                (at_revision(plan))
            }
        }
        @if plan.partial { p.notice.warning { strong { "Partial. " } "--target or --exclude left something out." } }
        @if is_nothing {
            p.notice.fine { (no_changes(plan)) }
        } @else {
            ul.tiles {
                @for (class, count, words) in tiles.iter().filter(|(_, count, _)| *count > 0) {
                    li class=(class) { strong { (count) } " " span { (words) } }
                }
            }
            @let impact = impact(plan);
            @if !impact.is_empty() { p { strong { "Impact: " } (impact.join(" · ")) } }
        }
    }
}

fn anchor(position: usize) -> String {
    format!("change-{position}")
}

fn lineage(plan: &Plan, changes: &[&Change]) -> Markup {
    let graph = Lineage::of(plan);
    let carded = changes.iter().take(CARDS).enumerate();
    let anchors: BTreeMap<String, String> =
        carded.map(|(position, change)| (change.address.to_string(), anchor(position))).collect();
    html! {
        @if !graph.edges.is_empty() {
            section id="lineage" {
                h2 { "Lineage" }
                @if graph.left_out > 0 {
                    p { "The plan touches " (graph.nodes.len() + graph.left_out) " objects. Drawn are "
                        (graph.nodes.len()) " of them: what breaks or is affected, with its neighbours; "
                        (graph.left_out) " are left out." }
                }
                (drawing(&graph, &anchors))
            }
        }
    }
}

fn cards(plan: &Plan, changes: &[&Change]) -> Markup {
    let risks = risks(plan);
    let (carded, rest) = changes.split_at(changes.len().min(CARDS));
    let of =
        |contract: Contract| carded.iter().enumerate().filter(move |(_, change)| change.contract == contract);
    html! {
        section id="changes" {
            h2 { "Changes" }
            @for contract in [Contract::Breaking, Contract::NonBreaking, Contract::Metadata] {
                @let count = changes.iter().filter(|change| change.contract == contract).count();
                @if of(contract).next().is_some() {
                    @let (class, mark) = severity(contract);
                    h3 class=(class) { span.mark { (mark) } " " (class.replace('-', "‑")) " (" (count) ")" }
                    @for (position, change) in of(contract) {
                        (card(change, &anchor(position), risks.get(&change.address).map_or(&[], Vec::as_slice)))
                    }
                }
            }
            @if !rest.is_empty() {
                details {
                    summary { (counted(rest.len(), "further change")) ", one line each" }
                    ul.lines { @for change in rest.iter().take(LINES) { li { (one_line(change)) } } }
                    @if rest.len() > LINES { p { "and " (rest.len() - LINES) " more" } }
                }
            }
        }
    }
}
