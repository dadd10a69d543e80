//! Layout against pairs that `terraform fmt` made (`fixtures/format`), and what must hold for any text.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::lexer::{Kind, tokens};
use super::{format, laid_out};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format")
}

/// `NAME.in.hcl` becomes `NAME.out.hcl`. The latter are what Terraform 1.11 prints; `fixtures/format/make.sh` makes them.
#[test]
fn pairs_of_terraform() {
    let mut pairs = 0;
    for entry in fs::read_dir(folder()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".in.hcl") else { continue };
        let written = fs::read_to_string(entry.path()).unwrap();
        let expected = fs::read_to_string(folder().join(format!("{stem}.out.hcl"))).unwrap();
        assert_eq!(format(&written), expected, "{stem}");
        pairs += 1;
    }
    assert!(pairs >= 8, "{pairs} pairs");
}

#[test]
fn labels_are_quoted_and_layout_is_canonical() {
    let text = "entity   driver{\nvalue_type=int64 # a key\n  join_key  =  \"driver_id\"   // words\n\n\n tags={a=1,b=\"${ var.x+1 }\"}\n}\n";
    let expected = "entity \"driver\" {\n  value_type = int64       # a key\n  join_key   = \"driver_id\" // words\n\n\n  tags = { a = 1, b = \"${var.x + 1}\" }\n}\n";
    assert_eq!(format(text), expected);
    assert_eq!(format("\u{feff}a=1\r\nbb=2"), "a  = 1\r\nbb = 2\r\n");
    assert_eq!(format(""), "");
    assert_eq!(format("a = <<-EOT\n   x=1\n  EOT\nb=2\n"), "a = <<-EOT\n   x=1\n  EOT\nb = 2\n");
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
