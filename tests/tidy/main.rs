//! The invariants of docs/architecture.md that a test can hold.

#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(top()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Files that git tracks or would track, relative to the top.
fn files() -> Vec<PathBuf> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let output = Command::new("git").args(list).current_dir(top()).output().unwrap();
    assert!(output.status.success());
    let mut files: Vec<PathBuf> = String::from_utf8(output.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| top().join(path).is_file())
        .collect();
    files.sort();
    assert!(files.len() > 20, "the list of files is not credible: {files:?}");
    files
}

fn rust_files() -> Vec<PathBuf> {
    files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn the_core_is_pure() {
    let tree =
        cargo(&["tree", "--package", "provender-core", "--edges", "normal", "--prefix", "none", "--offline"]);
    let forbidden =
        ["tokio", "arrow", "parquet", "hyper", "reqwest", "object_store", "aws-", "google-cloud-"];
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains("hcl-rs"), "the tree is not credible: {tree}");
    for package in packages {
        for word in forbidden {
            let is_forbidden = if word.ends_with('-') {
                package.starts_with(word)
            } else {
                package == word || package.starts_with(&format!("{word}-"))
            };
            assert!(!is_forbidden, "provender-core depends on {package}");
        }
    }
}

#[test]
fn crates_know_only_whom_they_may() {
    let metadata: serde_json::Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline"]))
            .unwrap();
    let allowed: BTreeMap<&str, &[&str]> = [
        ("provender-core", &[] as &[&str]),
        ("provender-runtime", &["provender-core"]),
        ("provender-server", &["provender-core", "provender-runtime"]),
        ("provender-local", &["provender-core", "provender-runtime"]),
        ("provender-aws", &["provender-core"]),
        ("provender-gcp", &["provender-core"]),
        ("provender-redis", &["provender-core", "provender-runtime"]),
        (
            "provender",
            &[
                "provender-core",
                "provender-runtime",
                "provender-aws",
                "provender-gcp",
                "provender-local",
                "provender-redis",
                "provender-server",
            ],
        ),
    ]
    .into();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let allowed =
            allowed.get(name).unwrap_or_else(|| panic!("{name} has no line in the table of allowed edges"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency_name = dependency["name"].as_str().unwrap();
            let for_tests_of_itself = dependency["kind"] == "dev" && dependency_name == name;
            if dependency_name.starts_with("provender") && !for_tests_of_itself {
                assert!(allowed.contains(&dependency_name), "{name} may not depend on {dependency_name}");
            }
        }
    }
}

#[test]
fn the_core_touches_nothing_outside() {
    let forbidden = [
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "thread::spawn",
        "thread::sleep",
        "SystemTime",
        "Instant::now",
        "async fn",
    ];
    for path in rust_files().iter().filter(|path| path.starts_with("src/core") && !is_test(path)) {
        let text = without_tests(&fs::read_to_string(top().join(path)).unwrap());
        for word in forbidden {
            assert!(!text.contains(word), "{} uses `{word}`", path.display());
        }
    }
}

#[test]
fn only_the_output_module_writes_to_the_terminal() {
    // A build script tells Cargo things on stdout.
    let may = |path: &Path| path.starts_with("src/cli/output") || path.ends_with("build.rs") || is_test(path);
    for path in rust_files().iter().filter(|path| !may(path)) {
        let text = without_tests(&fs::read_to_string(top().join(path)).unwrap());
        for word in ["println!", "eprintln!", "print!(", "io::stdout()", "io::stderr()"] {
            assert!(!text.contains(word), "{} uses `{word}`", path.display());
        }
    }
}

#[test]
fn only_one_file_names_the_providers() {
    for path in rust_files().iter().filter(|path| path.starts_with("src") && !is_test(path)) {
        let text = without_tests(&fs::read_to_string(top().join(path)).unwrap());
        if path != Path::new("src/cli/backends.rs") {
            assert!(!text.contains("provender_local"), "{} names a provider", path.display());
        }
    }
}

#[test]
fn names_say_what_a_file_holds() {
    for path in files() {
        let stem = path.file_stem().unwrap().to_string_lossy().to_lowercase();
        for word in ["util", "utils", "helper", "helpers", "common", "misc", "types"] {
            assert!(stem != word, "{} is a name that says nothing", path.display());
        }
    }
}

#[test]
fn modules_say_what_they_are_for() {
    for path in rust_files() {
        let text = fs::read_to_string(top().join(&path)).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with module docs", path.display());
    }
}

#[test]
fn stored_documents_have_golden_pairs() {
    let registry = top().join("fixtures/registry/v1");
    for document in ["apply_begin", "apply_progress", "apply_end", "import", "checkpoint", "ledger", "export"]
    {
        let found = fs::read_dir(&registry)
            .unwrap()
            .filter_map(Result::ok)
            .any(|entry| entry.file_name().to_string_lossy().contains(document));
        assert!(found, "no golden `{document}` in fixtures/registry/v1");
    }
    for document in ["entity_keys.json", "packed_rows.json", "fingerprints.json"] {
        assert!(top().join("fixtures/encoding").join(document).is_file(), "no golden {document}");
    }
}

#[test]
fn the_architecture_page_is_short_and_knows_the_crates() {
    let page = fs::read_to_string(top().join("docs/architecture.md")).unwrap();
    assert!(page.lines().count() < 400);
    for folder in [
        "src/core",
        "src/runtime",
        "src/server",
        "src/cli",
        "providers/local",
        "fixtures",
        "tests",
        "benches",
        "docs",
    ] {
        assert!(page.contains(folder), "docs/architecture.md does not name {folder}");
    }
}

fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.starts_with("tests/")
        || text.contains("/tests")
        || text.ends_with("tests.rs")
        || text.contains("testing")
        || text.contains("examples/")
}

/// The text before the test module at a file's end.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
}
