//! The reference pages say what the code says. `PROVENDER_UPDATE_DOCS=1` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::config::reference;

fn page(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("PROVENDER_UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/reference/{name} is out of date: PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core reference"
    );
}

#[test]
fn blocks_and_attributes() {
    page(
        "language.md",
        &reference::language().unwrap_or_else(|missing| panic!("without words: {missing:?}")),
    );
}

#[test]
fn functions() {
    page("functions.md", &reference::functions());
}

#[test]
fn feature_store_yaml() {
    let text = crate::config::environment::reference::environment();
    page("environment.md", &text.unwrap_or_else(|missing| panic!("without words: {missing:?}")));
}

#[test]
fn stores() {
    let text = crate::config::environment::reference::stores();
    page("stores.md", &text.unwrap_or_else(|missing| panic!("without words: {missing}")));
}

/// The shortest finding of that code in the fixtures.
fn example(code: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/diagnostics");
    let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
    for folder in fs::read_dir(root).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(folder.path().join("expected.txt")).unwrap_or_default();
        for finding in text.split("\n\n").filter(|finding| finding.starts_with(&format!("error[{code}]"))) {
            found.insert((finding.len(), finding.to_owned()));
        }
    }
    found.into_iter().next().map(|(_, finding)| finding)
}

#[test]
fn codes() {
    page("diagnostics.md", &reference::diagnostics(&example));
}

#[test]
fn every_plan_rule_has_its_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/plan-rules.md");
    let page = fs::read_to_string(path).unwrap();
    for code in crate::plan::CODES {
        assert!(page.contains(&format!("| [{code}](rules/{code}.md) |")), "{code}");
    }
}
