//! Layout against pairs that `terraform fmt` made (`fixtures/format`), and what must hold for any text.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::lexer::{Kind, tokens};
use super::{format, format_file, laid_out};
use crate::source::SourceFile;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format")
}

/// `NAME.in.hcl` becomes `NAME.out.hcl`, and each text of `pairs.json` its layout; what is no HCL to Terraform, which is a
/// layout of null, is refused. `fixtures/format/pairs.py` makes both with Terraform 1.11.
#[test]
fn pairs_of_terraform() {
    #[derive(serde::Deserialize)]
    struct Pair {
        name: String,
        written: String,
        formatted: Option<String>,
    }
    let mut pairs: Vec<Pair> =
        serde_json::from_str(&fs::read_to_string(folder().join("pairs.json")).unwrap()).unwrap();
    for entry in fs::read_dir(folder()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".in.hcl") else { continue };
        let written = fs::read_to_string(entry.path()).unwrap();
        let formatted = fs::read_to_string(folder().join(format!("{stem}.out.hcl"))).unwrap();
        pairs.push(Pair { name, written, formatted: Some(formatted) });
    }
    assert!(pairs.len() >= 200, "{} pairs", pairs.len());
    let mut differences = String::new();
    for Pair { name, written, formatted } in pairs {
        let file = SourceFile::new("x.hcl", written);
        let ours = format_file(&file).ok();
        if ours != formatted && !REFUSED.contains(&name.as_str()) {
            _ = writeln!(
                differences,
                "=== {name}\n{}\n--- Terraform\n{formatted:?}\n--- we\n{ours:?}",
                file.text
            );
        }
        if REFUSED.contains(&name.as_str()) {
            assert_eq!(ours, None, "{name}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// What only we refuse to lay out, for what it says is an error in definitions: a key that stands twice in its map.
const REFUSED: [&str; 2] = ["keys that stand twice", "keys that stand twice, shaken"];

#[test]
fn labels_are_quoted_and_layout_is_canonical() {
    let text = "entity   driver{\nvalue_type=int64 # a key\n  join_key  =  \"driver_id\"   // words\n\n\n tags={a=1,b=\"${ var.x+1 }\"}\n}\n";
    let expected = "entity \"driver\" {\n  value_type = int64       # a key\n  join_key   = \"driver_id\" // words\n\n\n  tags = { a = 1, b = \"${var.x + 1}\" }\n}\n";
    assert_eq!(format(text), expected);
    assert_eq!(format("\u{feff}a=1\r\nbb=2"), "a  = 1\r\nbb = 2\r\n");
    assert_eq!(format(""), "");
    assert_eq!(format("a = <<-EOT\n   x=1\n  EOT\nb=2\n"), "a = <<-EOT\n   x=1\n  EOT\nb = 2\n");
}

#[test]
fn a_finding_stands_where_the_mistake_is() {
    let file = SourceFile::new("x.hcl", "locals {\n  a = { b = 1, b = 2 }\n}\n");
    let found = format_file(&file).unwrap_err();
    let starts: Vec<_> =
        found.0.iter().filter_map(|finding| Some(finding.primary.as_ref()?.span.range().start)).collect();
    assert_eq!(starts, [file.text.rfind('b').unwrap()]);
}

/// Everything but spaces and the last line feeds. `0. 0` is `0.0`: which of the two stands behind a list is the parser's
/// business.
fn essence(text: &str) -> Vec<String> {
    let mut essence = Vec::new();
    for token in tokens(text) {
        match token.kind {
            Kind::Newline => essence.push("\n".to_owned()),
            Kind::Number => essence.extend(token.text.split_inclusive('.').flat_map(|part| {
                let digits = part.trim_end_matches('.');
                [digits.to_owned(), part[digits.len()..].to_owned()]
            })),
            _ => essence.push(token.text.split_whitespace().collect()),
        }
    }
    essence.retain(|part| !part.is_empty());
    while essence.pop_if(|last| *last == "\n").is_some() {}
    essence
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn only_spaces_change_and_once_is_enough(text in "([a-z]{1,3}|[ \t\n\"${}()\\[\\]=,.:?!<>+*/%&|#~-]|\r\n|<<E\n|\nE\n|[0-9é]){0,60}") {
        let once = laid_out(tokens(&text));
        prop_assert_eq!(essence(&once), essence(&text));
        prop_assert_eq!(laid_out(tokens(&once)), once);
        // Of what is no HCL nothing is asked but an end.
        drop(format(&text));
    }
}
