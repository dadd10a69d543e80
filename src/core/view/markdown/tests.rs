//! Comments as a host would read them: parsed again, so that what is inert is not a matter of opinion.

use std::collections::BTreeSet;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::{MarkdownOptions, plan as markdown};
use crate::model::Object;
use crate::plan::{Change, Contract, Finding, FindingSeverity, Plan};
use crate::registry::Registry;
use crate::view::tests::{HOSTILE, applied, fleet, market, multiplied, planned, release, spoiled};

const MIN: usize = MarkdownOptions::MIN_BYTES;

fn shown(plan: &Plan, max_bytes: usize) -> String {
    let text = markdown(plan, &MarkdownOptions { max_bytes, verbose: false }).unwrap();
    assert!(text.len() <= max_bytes, "{} bytes of {max_bytes}:\n{text}", text.len());
    text
}

/// What is left of a comment's structure: cells of each row, tags, and everything else that is not text.
#[derive(Debug, Default)]
struct Structure {
    cells: Vec<usize>,
    tags: Vec<String>,
    fences: usize,
    strange: BTreeSet<String>,
}

fn structure(text: &str) -> Structure {
    let mut found = Structure::default();
    for event in
        Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH)
    {
        match event {
            Event::Start(Tag::TableRow) => found.cells.push(0),
            Event::Start(Tag::TableCell) => {
                found.cells.iter_mut().last().into_iter().for_each(|cells| *cells += 1)
            }
            Event::Start(Tag::CodeBlock(_)) => found.fences += 1,
            Event::Html(html) | Event::InlineHtml(html) => {
                let tags =
                    html.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or_default().to_owned());
                found.tags.extend(tags);
            }
            Event::Start(
                Tag::Paragraph
                | Tag::Heading { .. }
                | Tag::Strong
                | Tag::List(None)
                | Tag::Item
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::HtmlBlock,
            )
            | Event::End(_)
            | Event::Text(_)
            | Event::Code(_)
            | Event::SoftBreak => {}
            other => drop(found.strange.insert(format!("{other:?}"))),
        }
    }
    found
}

fn check_inert(plan: &Plan, max_bytes: usize) -> String {
    let text = shown(plan, max_bytes);
    let found = structure(&text);
    assert!(found.strange.is_empty(), "{:?} in\n{text}", found.strange);
    assert!(found.cells.iter().all(|cells| *cells == 5), "{:?} in\n{text}", found.cells);
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("<!-- provender:plan:") && first.ends_with(" -->"), "{first}");
    assert!(
        first.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"<!->:._%~ ".contains(&byte)),
        "{first}"
    );
    let ours = ["details", "/details", "summary", "/summary", "code", "/code", "b", "/b", "br"];
    for tag in found.tags.iter().skip(1) {
        assert!(ours.contains(&tag.as_str()), "<{tag}> in\n{text}");
    }
    let count = |tag: &str| found.tags.iter().filter(|found| *found == tag).count();
    for tag in ["details", "summary", "code", "b"] {
        assert_eq!(count(tag), count(&format!("/{tag}")), "{tag} in\n{text}");
    }
    for character in rest.chars() {
        assert!(character == '\n' || !crate::diagnostic::steers(character), "{character:?} in\n{text}");
    }
    text
}

/// Removes what is code, where hosts look for no links.
fn prose(text: &str) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES);
    let mut is_code = false;
    let mut prose = String::new();
    for event in events {
        match event {
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if !is_code => prose.push_str(&text),
            _ => {}
        }
    }
    prose
}

#[test]
fn a_release_reads_like_this() {
    insta::assert_snapshot!(shown(&release(), 60_000));
}

#[test]
fn a_first_plan_and_an_empty_one() {
    insta::assert_snapshot!("first", shown(&planned(fleet("float32", "d"), &Registry::default()), 60_000));
    let nothing = planned(fleet("float32", "d"), &applied(fleet("float32", "d")));
    insta::assert_snapshot!("nothing", shown(&nothing, 60_000));
    let words = planned(fleet("float32", "other"), &applied(fleet("float32", "d")));
    assert!(shown(&words, 60_000).contains("1 metadata-only change folded."));
    let verbose = markdown(&words, &MarkdownOptions { verbose: true, ..MarkdownOptions::default() }).unwrap();
    assert!(verbose.contains("+ description = \"other\""), "{verbose}");
}

#[test]
fn what_breaks_is_on_the_first_screen_among_many_harmless_changes() {
    let text = shown(&multiplied(&release(), [1, 60, 500]), 60_000);
    let row = text.lines().take(20).find(|line| line.contains("**breaking**")).unwrap();
    for word in
        ["feature_view.prices_0", "PV104", "rematerialize", "feature_service.recommendations", "ml-shop@acme"]
    {
        assert!(row.contains(word), "{word} is missing: {row}");
    }
    assert!(text.lines().take(6).any(|line| line.contains("500 metadata-only changes folded.")), "{text}");
}

#[test]
fn detail_is_taken_back_level_by_level() {
    let plan = multiplied(&release(), [3, 60, 0]);
    let all = shown(&plan, 1_000_000);
    assert_eq!(all.matches("<details>").count(), 63);
    assert!(!all.contains("Left out"));
    let breaking = shown(&plan, all.len() - 1);
    assert_eq!(breaking.matches("<details>").count(), 3);
    assert!(breaking.contains("within") && breaking.contains("the details of 60 changes."), "{breaking}");
    let table = shown(&plan, breaking.len() - 1);
    assert_eq!(structure(&table).cells.len(), 63);
    assert!(!table.contains("<details>") && table.contains("the details of 63 changes."), "{table}");
    let rows = shown(&plan, table.len() - 1_000);
    let cells = structure(&rows).cells.len();
    assert!((40..63).contains(&cells), "{cells}");
    assert!(
        rows.contains(&format!(
            "Left out, to stay within {} bytes: {} changes of the table",
            table.len() - 1_000,
            63 - cells
        )),
        "{rows}"
    );
    assert!(
        markdown(&plan, &MarkdownOptions { max_bytes: MIN - 1, verbose: false })
            .unwrap_err()
            .to_string()
            .contains("1250")
    );
}

#[test]
fn hostile_texts_are_inert_at_every_level() {
    for text in HOSTILE {
        let plan = spoiled(&release(), text);
        for max_bytes in [1_000_000, 20_000, 10_000, 5_000, 2_500, MIN] {
            check_inert(&plan, max_bytes);
        }
        let shown = prose(&check_inert(&plan, 1_000_000));
        for (position, _) in shown.match_indices(['@', '#']) {
            assert!(shown[position + 1..].starts_with('\u{200b}'), "{shown}");
        }
        for link in ["://", "www.e", "mailto:a", "GH-1"] {
            assert!(!shown.contains(link), "{link} in {shown}");
        }
    }
}

#[test]
fn the_largest_counts_and_names_fit_the_least_length() {
    let mut plan = spoiled(&release(), &"\u{e0041}".repeat(200_000));
    plan.base_revision = u64::MAX;
    let counts = &mut plan.summary;
    for count in [
        &mut counts.add,
        &mut counts.change,
        &mut counts.destroy,
        &mut counts.replace,
        &mut counts.superseded,
        &mut counts.breaking,
        &mut counts.rematerialize,
        &mut counts.backfill,
    ] {
        *count = usize::MAX;
    }
    for data in plan.changes.iter_mut().flat_map(|change| &mut change.data) {
        (data.rows, data.bytes) = (Some(u64::MAX), Some(u64::MAX));
        data.from = Some(crate::time::Timestamp::from_nanos(i64::MIN + 1_000_000_000));
        data.to = Some(crate::time::Timestamp::MAX);
    }
    let text = check_inert(&plan, MIN);
    assert!(text.contains("everything but the counts"), "{text}");
    assert!(text.len() > MIN - 150, "the least length could be less: {}", text.len());
}

#[test]
fn findings_keep_their_code_and_their_names() {
    let mut plan = planned(market(true), &applied(market(false)));
    let message = "`a_b` goes and `c|d` comes, @team\nmoved {\n  from = ``` x\n}";
    plan.findings = vec![
        Finding {
            code: "PV118".to_owned(),
            severity: FindingSeverity::Note,
            address: None,
            message: "odd ` one".to_owned(),
        },
        Finding {
            code: "PV103".to_owned(),
            severity: FindingSeverity::Warning,
            address: None,
            message: message.to_owned(),
        },
    ];
    let text = check_inert(&plan, 60_000);
    let (_, findings) = text.split_once("**Findings**\n\n").unwrap();
    let expected = "- **warning** `PV103`: `a_b` goes and <code>c&#124;d</code> comes, @&#8203;team\n\n  ````hcl\n  moved {\n    from = ``` x\n  }\n  ````\n\n- note `PV118`: odd &#96; one\n";
    assert!(findings.starts_with(expected), "{findings}");
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
        2 => "[-`|<>*_~#@!\\\\\\[\\]() \\n\\ra-z&;$:\"]{0,12}",
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// No length is exceeded, whatever the plan holds, and nothing in it is markup.
    #[test]
    fn any_text_fits_any_length(
        text in any_text(),
        repeat in prop_oneof![4 => Just(1_usize), 1 => Just(300)],
        counts in [0_usize..6, 0_usize..30, 0_usize..4],
        max_bytes in prop_oneof![MIN..4_000, MIN..70_000],
    ) {
        let plan = spoiled(&multiplied(&release(), counts), &text.repeat(repeat));
        check_inert(&plan, max_bytes);
    }

    /// More room never tells less.
    #[test]
    fn more_room_never_tells_less(counts in [0_usize..6, 0_usize..30, 0_usize..4], max_bytes in MIN..30_000, more in 0_usize..5_000) {
        let plan = multiplied(&release(), counts);
        let told = |max_bytes| {
            let found = structure(&shown(&plan, max_bytes));
            (found.cells.len(), found.tags.iter().filter(|tag| *tag == "details").count())
        };
        let (less, more) = (told(max_bytes), told(max_bytes + more));
        prop_assert!(less.0 <= more.0 && less.1 <= more.1, "{less:?} {more:?}");
        let all: Vec<&Change> = plan.changes.iter().collect();
        prop_assert!(more.0 <= all.len());
    }
}

/// One breaking change among sixty that are not: who looks at the first lines knows it, whom it hits and what it costs.
#[test]
fn what_breaks_stands_in_the_first_twenty_lines() {
    let among = |acc_rate: &str, ttl: &str| {
        let mut objects = fleet(acc_rate, "words");
        let view = fleet("float32", "words").feature_view("driver_hourly_stats").unwrap().clone();
        for number in 0..60 {
            let mut other = view.clone();
            other.ttl = ttl.parse().unwrap();
            let address = format!("feature_view.a_helper_{number:02}").parse().unwrap();
            objects.0.insert(address, Object::FeatureView(other));
        }
        objects
    };
    let mut plan = planned(among("string", "14d"), &applied(among("float32", "7d")));
    let breaking = plan.changes.iter_mut().find(|change| change.contract == Contract::Breaking).unwrap();
    breaking.data[0].rows = Some(2_100_000);
    assert_eq!((plan.summary.breaking, plan.summary.change), (1, 61));
    let text = shown(&plan, 60_000);
    let first: String = text.lines().take(20).collect::<Vec<_>>().join("\n");
    for wanted in [
        "1 breaking",
        "`feature_view.driver_hourly_stats` | **breaking** PV104",
        "`feature_service.ranking` (reads `acc_rate`)",
        "eta-model (ml-eta@acme.example)",
        "rematerialize 2026-08-25 .. 2026-11-23 (2.1M rows)",
    ] {
        assert!(first.contains(wanted), "`{wanted}` is not in\n{first}");
    }
}
