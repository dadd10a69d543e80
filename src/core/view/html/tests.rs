//! Pages as a browser would read them: every tag is one of ours, whatever people wrote.

use proptest::prelude::*;

use super::layout::{NODE_HEIGHT, layout};
use super::plan as html;
use crate::plan::{Finding, FindingSeverity, Plan};
use crate::view::lineage::{Lineage, MOST_NODES, Node, State};
use crate::view::tests::{HOSTILE, applied, fleet, multiplied, planned, release, spoiled};

/// Elements without content, and all others that a page may have.
const VOID: [&str; 1] = ["meta"];
const ELEMENTS: [&str; 34] = [
    "html", "head", "title", "style", "body", "main", "header", "footer", "section", "article", "div",
    "span", "p", "h1", "h2", "h3", "h4", "ul", "ol", "li", "dl", "dt", "dd", "code", "pre", "strong",
    "details", "summary", "a", "svg", "g", "path", "rect", "text",
];
const ATTRIBUTES: [&str; 20] = [
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "id",
    "role",
    "aria-label",
    "tabindex",
    "href",
    "viewBox",
    "width",
    "height",
    "x",
    "y",
    "rx",
    "d",
    "transform",
    "text-anchor",
];

/// Reads a page, and says what is wrong with it.
fn check(page: &str) -> Result<(), String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").ok_or("no doctype")?;
    let mut open: Vec<&str> = Vec::new();
    while let Some((text, after)) = rest.split_once('<') {
        if text.contains('>') && open.last() != Some(&"style") {
            return Err(format!("a lone > after {open:?}: {text}"));
        }
        let (tag, after) = after.split_once('>').ok_or("a tag that does not end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> ends nothing"));
            }
            continue;
        }
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        while !attributes.is_empty() {
            let (attribute, after) = attributes.split_once("=\"").ok_or(format!("<{tag}> is odd"))?;
            let (value, after) = after.split_once('"').ok_or(format!("<{tag}> is odd"))?;
            attributes = after.trim_start();
            let is_safe = attribute != "href" || value.starts_with("#change-");
            if !ATTRIBUTES.contains(&attribute) || !is_safe {
                return Err(format!("{attribute}={value}"));
            }
        }
        if !VOID.contains(&name) {
            if !ELEMENTS.contains(&name) {
                return Err(format!("<{name}>"));
            }
            open.push(name);
        }
    }
    let strange = page.chars().find(|one| *one != '\n' && crate::diagnostic::steers(*one));
    match (open.as_slice(), strange) {
        ([], None) => Ok(()),
        _ => Err(format!("{open:?} stay open, or {strange:?} is shown")),
    }
}

fn page(plan: &Plan) -> String {
    let page = html(plan);
    assert_eq!(check(&page), Ok(()));
    page
}

#[test]
fn a_page_says_what_the_plan_says() {
    let page = page(&release());
    for words in [
        "default-src 'none'; style-src 'unsafe-inline'",
        "<strong>Refused. </strong>",
        "--allow PV104:feature_view.prices",
        "<span class=\"sign\">-</span>feature &quot;price&quot; type = float32",
        "<span class=\"sign\">-</span>  WHERE year &gt;= 2024",
        "rematerialize 2026-08-25 .. 2026-11-23",
        "ml-shop@acme.example",
        "will be replaced by",
        "href=\"#change-1\"",
        "id=\"change-1\"",
        "9 steps: 7 in the registry, 2 on infrastructure",
    ] {
        assert!(page.contains(words), "{words} is missing");
    }
    let nothing = super::plan(&planned(fleet("float32", "d"), &applied(fleet("float32", "d"))));
    assert!(nothing.contains("No changes. The registry and the infrastructure match the definitions."));
    assert!(!nothing.contains("<svg"));
}

#[test]
fn hostile_texts_are_inert() {
    for text in HOSTILE {
        let mut plan = spoiled(&release(), text);
        let message = format!("said {text}\n{text}");
        plan.findings.push(Finding {
            code: text.to_owned(),
            severity: FindingSeverity::Error,
            address: None,
            message,
        });
        let page = page(&plan);
        assert!(!page.contains("<script") && !page.contains("javascript:alert(1)\""), "{text}");
    }
}

#[test]
fn the_graph_holds_the_whole_chain() {
    let plan = release();
    let graph = Lineage::of(&plan);
    let state =
        |address: &str| graph.nodes.get(&Node::Object(address.parse().unwrap())).map(|look| look.state);
    for (address, expected) in [
        ("data_source.price_list", Some(State::Breaking)),
        ("feature_view.prices", Some(State::Breaking)),
        ("on_demand_feature_view.basket_value", Some(State::Breaking)),
        ("feature_service.recommendations", Some(State::Affected)),
        ("data_source.order_events", Some(State::Unchanged)),
        ("feature_service.campaigns", Some(State::Affected)),
        ("entity.article", None),
        ("feature_service.fraud", None),
    ] {
        assert_eq!(state(address), expected, "{address}");
    }
    let consumer = Node::Consumer("recommender (ml-shop@acme.example)".to_owned());
    assert_eq!(graph.nodes[&consumer].state, State::Affected);
    let edge = |from: &str, to: &str| {
        let node = |text: &str| Node::Object(text.parse().unwrap());
        graph.edges.contains_key(&(node(from), node(to)))
    };
    assert!(edge("data_source.price_list", "feature_view.prices"));
    assert!(edge("feature_view.prices", "on_demand_feature_view.basket_value"));
    assert!(edge("on_demand_feature_view.basket_value", "feature_service.recommendations"));
    assert_eq!(graph.left_out, 0);
}

#[test]
fn nodes_of_a_column_keep_apart_and_edges_go_forward() {
    let graph = Lineage::of(&multiplied(&release(), [8, 8, 1]));
    let layout = layout(&graph);
    assert_eq!(layout.nodes.len(), graph.nodes.len());
    let places: Vec<(i64, i64)> = layout.nodes.values().copied().collect();
    for (at, (x, y)) in places.iter().enumerate() {
        assert!(*x >= 0 && *y >= 0 && y + NODE_HEIGHT <= layout.height && *x < layout.width);
        assert!(places[at + 1..].iter().all(|(other, top)| other != x || (top - y).abs() > NODE_HEIGHT));
    }
    for (points, _) in &layout.edges {
        assert!(points.len() >= 2 && points.windows(2).all(|pair| pair[0].0 < pair[1].0), "{points:?}");
    }
}

#[test]
fn ten_thousand_changes_are_still_one_page() {
    let plan = multiplied(&release(), [200, 9_300, 500]);
    let page = page(&plan);
    assert_eq!(page.matches("<article").count(), super::CARDS);
    assert!(page.contains("9500 further changes, one line each"));
    assert!(page.contains(&format!("Drawn are {MOST_NODES} of them")));
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    assert!(page.find("prices_199").is_some() && page.find("customer_orders_9299").is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_is_inert(text in any::<String>(), piece in prop::sample::select(HOSTILE.to_vec()), counts in [0_usize..4, 0_usize..4, 0_usize..4]) {
        page(&spoiled(&multiplied(&release(), counts), &format!("{text}{piece}")));
    }
}
