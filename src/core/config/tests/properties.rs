//! What must hold for every input: the order of blocks and files has no meaning, and no text makes the loader panic.

use proptest::prelude::*;

use super::*;

const BLOCKS: [&str; 9] = [
    "variable \"days\" { default = 7 }",
    "locals { week = \"${var.days}d\" }",
    "locals {\n  all = [entity.driver, entity.city]\n}",
    "entity \"driver\" { value_type = int64 }",
    "entity \"city\" {\n  value_type = string\n  tags = { a = \"b\" }\n}",
    "data_source \"file\" \"stats\" {\n  path = \"a.parquet\"\n  timestamp_field = \"ts\"\n}",
    "feature_view \"v\" {\n  entities = local.all\n  source = data_source.events\n  ttl = local.week\n  feature \"b\" { type = float32 }\n  feature \"a\" { type = list(int64) }\n}",
    "data_source \"push\" \"events\" { batch_source = data_source.stats }",
    "feature_service \"s\" {\n  features = [feature_view.v]\n  consumer \"m-1\" { owner = \"x\" }\n}",
];

fn files(order: &[usize], cuts: &[usize]) -> Vec<SourceFile> {
    let mut files: Vec<SourceFile> = Vec::new();
    for (position, block) in order.iter().enumerate() {
        if files.is_empty() || cuts.contains(&position) {
            // Later files have smaller paths, so that the order of paths is shuffled too.
            files.push(SourceFile::new(format!("{:02}.hcl", 50 - files.len()), ""));
        }
        if let Some(file) = files.last_mut() {
            file.text.push_str(BLOCKS[*block]);
            file.text.push('\n');
        }
    }
    files
}

proptest! {
    #[test]
    fn the_order_of_blocks_and_files_has_no_meaning(
        order in Just((0..BLOCKS.len()).collect::<Vec<_>>()).prop_shuffle(),
        cuts in proptest::collection::vec(0..BLOCKS.len(), 0..4),
        reversed in any::<bool>(),
    ) {
        let plain = load_with(&files(&(0..BLOCKS.len()).collect::<Vec<_>>(), &[]), &environment(), &BTreeMap::new());
        let mut shuffled_files = files(&order, &cuts);
        if reversed {
            shuffled_files.reverse();
        }
        let shuffled = load_with(&shuffled_files, &environment(), &BTreeMap::new());
        prop_assert!(plain.project.is_some(), "{}", rendered(&plain));
        prop_assert_eq!(&plain.project, &shuffled.project, "{}", rendered(&shuffled));
        prop_assert_eq!(plain.definitions_digest(), shuffled.definitions_digest());
        prop_assert_eq!(
            plain.ranges.keys().collect::<Vec<_>>(),
            shuffled.ranges.keys().collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_order_of_files_does_not_change_what_is_said(reversed in any::<bool>(), cut in 1..4_usize) {
        let mut files: Vec<SourceFile> = (0..4)
            .map(|number| SourceFile::new(format!("{number}.hcl"), "entity \"driver\" { value_type = int46 }\nlocals { x = y }"))
            .collect();
        let before = rendered(&load_with(&files, &environment(), &BTreeMap::new()));
        files.rotate_left(cut);
        if reversed {
            files.reverse();
        }
        prop_assert_eq!(before, rendered(&load_with(&files, &environment(), &BTreeMap::new())));
    }

    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}") {
        rendered(&load_text(&text));
        rendered(&load_text(&format!("locals {{ x = {text} }}")));
        environment::parse(&SourceFile::new("feature_store.yaml", text));
    }

    #[test]
    fn random_expressions_never_panic(words in proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 1..14)) {
        rendered(&load_text(&format!("locals {{\n  x = {}\n  y = local.x\n}}", words.concat())));
    }

    #[test]
    fn mutated_projects_never_panic(at in 0..10_000_usize, length in 0..6_usize, put in "[\\PC\n\"{}$%~]{0,4}") {
        let whole = BLOCKS.join("\n");
        let mut at = at % whole.len();
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        let end = (at + length).min(whole.len());
        let text = format!("{}{put}{}", &whole[..at], &whole[end..]);
        rendered(&load_text(&text));
        let yaml = "project: a\nprovider: local\nregistry: { path: x, cache_ttl_seconds: 5 }\nvariables: { a: [1, b] }\n";
        let at = at % yaml.len();
        let text = format!("{}{put}{}", &yaml[..at], &yaml[(at + length).min(yaml.len())..]);
        environment::parse(&SourceFile::new("feature_store.yaml", text));
    }
}

/// Pieces of expressions that meet each other in odd ways.
const WORDS: [&str; 46] = [
    "1",
    "0",
    "-",
    "!",
    " + ",
    " * ",
    " / ",
    " % ",
    " == ",
    " < ",
    " && ",
    " ? ",
    " : ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"a\"",
    "\"${",
    "}\"",
    "%{ for x in ",
    "%{ endfor }",
    "for x in ",
    "x",
    ".x",
    "[*]",
    ".*",
    "[0]",
    ",",
    "null",
    "true",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "local.x",
    "var.q",
    "entity.a",
    "list(",
    "try(",
    "format(\"%05.3f\", ",
    "substr(\"äö\", -1, ",
    "range(",
    "element(",
    "...",
];

#[test]
fn deep_and_long_input_is_refused_or_read() {
    let deep = |open: &str, close: &str| {
        format!("locals {{ x = {}1{} }}", open.repeat(10_000), close.repeat(10_000))
    };
    for text in [deep("[", "]"), deep("(", ")"), deep("-", ""), deep("!", ""), deep("\"${", "}\"")] {
        assert!(load_text(&text).diagnostics.has_errors());
    }
    let long = format!("locals {{ x = {} }}", vec!["1"; 2_000].join(" + "));
    rendered(&load_text(&long));
    let chain: String = (0..5_000).map(|number| format!("  a{number} = local.a{}\n", number + 1)).collect();
    assert!(load_text(&format!("locals {{\n{chain}}}")).diagnostics.has_errors());
    let doubled: String = (1..60)
        .map(|number| format!("  a{number} = [local.a{}, local.a{}]\n", number - 1, number - 1))
        .collect();
    assert!(load_text(&format!("locals {{\n  a0 = \"x\"\n{doubled}}}")).diagnostics.has_errors());
    for text in [
        format!("a: {}", "[".repeat(100_000)),
        "- ".repeat(100_000),
        "{a: ".repeat(50_000),
        "? ".repeat(50_000),
    ] {
        assert!(environment::parse(&SourceFile::new("feature_store.yaml", text)).1.has_errors());
    }
}

/// Run with `cargo test --release -p provender-core --lib load_a_thousand_views -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "prints what it measured")]
fn load_a_thousand_views() {
    let mut files = vec![SourceFile::new("main.hcl", format!("{}\n{}", BLOCKS[3], BLOCKS[5]))];
    for file in 0..100 {
        let view = |number: usize| {
            let features: String = (0..10)
                .map(|feature| format!("  feature \"feature_{feature}\" {{ type = float64 }}\n"))
                .collect();
            format!(
                "feature_view \"view_{number}\" {{\n  entities = [entity.driver]\n  source   = data_source.stats\n  ttl      = \"7d\"\n{features}\n  tags = {{ team = \"a\" }}\n}}\n"
            )
        };
        let text: String = (0..10).map(|number| view(file * 10 + number)).collect();
        files.push(SourceFile::new(format!("views/{file:03}.hcl"), text));
    }
    let mut times: Vec<std::time::Duration> = (0..11)
        .map(|_| {
            let start = std::time::Instant::now();
            let loaded = load_with(&files, &environment(), &BTreeMap::new());
            assert_eq!(loaded.project.unwrap().objects.0.len(), 1002);
            start.elapsed()
        })
        .collect();
    times.sort();
    eprintln!("median {:?}, best {:?}", times[5], times[0]);
}

/// Objects of a large project are read by several threads. What comes out is what one thread reads: of the same files in two
/// halves, which are small enough for one, the objects, and of mistakes the findings, in one order.
#[test]
fn many_threads_read_what_one_reads() {
    use std::fmt::Write as _;
    let part = |from: usize| {
        let mut text = String::new();
        for number in from..from + 400 {
            let _ = writeln!(
                text,
                "entity \"e{number}\" {{\n  value_type = int64\n  tags = {{ round = local.round }}\n}}"
            );
        }
        text
    };
    let locals = SourceFile::new("locals.hcl", "locals { round = \"${1 + 1}\" }\n");
    let (first, second) = (SourceFile::new("a.hcl", part(0)), SourceFile::new("b.hcl", part(400)));
    let read = |files: &[SourceFile]| load_with(files, &environment(), &BTreeMap::new());
    let whole = read(&[locals.clone(), first.clone(), second.clone()]);
    assert_eq!(rendered(&whole), "");
    let mut objects = whole.project.unwrap().objects.0;
    assert_eq!(objects.len(), 800);
    for half in [&first, &second] {
        let mut read = read(&[locals.clone(), half.clone()]).project.unwrap().objects.0;
        objects.retain(|address, object| read.remove(address).as_ref() != Some(object));
        assert!(read.is_empty());
    }
    assert!(objects.is_empty());

    let mistakes = SourceFile::new(
        "c.hcl",
        "entity \"E7\" { value_type = int64 }\nentity \"x\" { value_type = local.none }\n",
    );
    let broken =
        SourceFile::new("a.hcl", format!("entity \"y\" {{ value_type = local.one }}\n{}", first.text));
    let said = rendered(&read(&[locals, broken, second, mistakes]));
    let places: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("--> ")).collect();
    assert_eq!(places, ["a.hcl:1:27", "c.hcl:1:8", "c.hcl:2:27"], "{said}");
    assert!(said.contains("a.hcl:30"), "the first of the two is named: {said}");
}
