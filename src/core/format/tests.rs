//! Layout against pairs that `terraform fmt` made (`fixtures/format`), and what must hold for any text.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::format;
use super::lexer::{Kind, tokens};

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
    assert_eq!(format("\u{feff}a=1\r\nbb=2\r\n"), "\u{feff}a  = 1\r\nbb = 2\r\n");
    assert_eq!(format(""), "");
    assert_eq!(format("a = <<-EOT\n   x=1\n  EOT\nb=2\n"), "a = <<-EOT\n   x=1\n  EOT\nb = 2\n");
}

/// Everything but spaces, and quotes around labels.
fn essence(text: &str) -> Vec<String> {
    let token = |token: &super::Token<'_>| {
        let plain: String = token.text.chars().filter(|one| !one.is_whitespace() && *one != '"').collect();
        if token.kind == Kind::Newline { "\n".to_owned() } else { plain }
    };
    tokens(text).iter().map(token).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn only_layout_changes_and_once_is_enough(text in "([a-z]{1,3}|[ \t\n\"${}()\\[\\]=,.:?!<>+*/%&|#-]|\r\n|<<E\n|\nE\n|[0-9é]){0,60}") {
        let once = format(&text);
        prop_assert_eq!(essence(&once), essence(&text));
        prop_assert_eq!(format(&once), once);
    }
}
