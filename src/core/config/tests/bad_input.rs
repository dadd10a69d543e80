//! Every folder of `fixtures/diagnostics` is a project with mistakes: its files, and in `expected.txt` the findings as
//! they are printed. `UPDATE_FIXTURES=1` writes `expected.txt` anew: look at the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::source::Sources;

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/diagnostics");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// Paths of all files below a folder.
fn names(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .flat_map(|entry| {
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.path().is_dir() { names(&entry.path(), &format!("{name}/")) } else { vec![name] }
        })
        .collect()
}

fn findings(folder: &Path) -> String {
    let mut files = Vec::new();
    let mut yaml = SourceFile::new(environment::FILE_NAME, YAML);
    let mut names = names(folder, "");
    names.sort();
    for name in names.iter().filter(|name| *name != "expected.txt") {
        let file = SourceFile::from_bytes(name, fs::read(folder.join(name)).unwrap());
        if name == environment::FILE_NAME {
            yaml.text = file.text;
        } else {
            files.push(file);
        }
    }
    let (environment, diagnostics) = environment::parse(&yaml);
    let options = RenderOptions { styled: false, width: 120 };
    let mut text = render(&diagnostics, &Sources::of(yaml), &options);
    if let Some(environment) = environment {
        let loaded = load_with(&files, &environment, &BTreeMap::new());
        assert_eq!(loaded.project.is_none(), loaded.diagnostics.has_errors());
        text.push_str(&rendered(&loaded));
    }
    text
}

#[test]
fn bad_input_is_told_clearly() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut wrong = Vec::new();
    for folder in folders() {
        let found = findings(&folder);
        assert!(!found.is_empty(), "{} has no finding", folder.display());
        let path = folder.join("expected.txt");
        if update {
            fs::write(&path, &found).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(folders().len() >= 100, "{} folders", folders().len());
}

/// What a help prints as code to be written is code: with something in place of `…` it parses.
#[test]
fn every_help_that_prints_hcl_prints_hcl_that_parses() {
    let mut tried = 0;
    for folder in folders() {
        let text = fs::read_to_string(folder.join("expected.txt")).unwrap_or_default();
        for help in text.lines().filter_map(|line| line.trim_start().strip_prefix("= help: ")) {
            for code in
                help.split('`').skip(1).step_by(2).filter(|code| code.contains(" = ") || code.contains("{ "))
            {
                let filled = code.replace("{ … }", "{ }").replace('…', "null");
                let value = if filled.starts_with('{') { "value = " } else { "" };
                let file = SourceFile::new("help.hcl", format!("{value}{filled}\n"));
                assert!(crate::format::format_file(&file).is_ok(), "{}: {code}", folder.display());
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}
