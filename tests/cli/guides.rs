//! The guides of `docs/guides`, run as printed. A fenced block whose first line is `hcl file=PATH` (or of any other language)
//! is written to that file; one of `console` holds commands (`$ provender …`) with what they print. Everything of one guide
//! happens in one fresh folder. `PROVENDER_UPDATE_CASES=1 cargo test --test cli` writes what is printed into the guides.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{difference, provender, redacted, words};

#[test]
fn every_guide_runs_as_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    let mut guides: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    guides.sort();
    let update = std::env::var_os("PROVENDER_UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    let mut commands = 0;
    for guide in guides {
        let expected = fs::read_to_string(&guide).unwrap();
        let actual = run_guide(&expected);
        commands += actual.lines().filter(|line| line.starts_with("$ provender")).count();
        if update {
            fs::write(&guide, &actual).unwrap();
        } else if actual != expected {
            wrong.push(format!("{}\n{}", guide.display(), difference(&expected, &actual)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(commands >= 12, "{commands} commands");
}

/// The text of a guide with what its commands print now.
fn run_guide(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut actual = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(actual, "{line}");
        let Some(fence) = line.strip_prefix("```").filter(|fence| !fence.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some((_, path)) = fence.split_once(" file=") {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, block.join("\n") + "\n").unwrap();
        }
        if fence == "console" {
            for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                let _ = writeln!(actual, "$ {command}");
                actual.push_str(&printed(folder.path(), command));
            }
        } else {
            block.iter().for_each(|line| actual.extend([line, "\n"]));
        }
        actual.push_str("```\n");
    }
    actual
}

/// What a command prints, and how it ends where that is not well. Beside it, a guide may make a repository.
fn printed(folder: &Path, command: &str) -> String {
    if command == "git init -q ." {
        // A repository is a folder that holds `.git`; the machine of the test need not have git.
        fs::create_dir(folder.join(".git")).unwrap();
        return String::new();
    }
    let (name, arguments) = command.split_once(' ').unwrap_or((command, ""));
    let mut command = match name {
        "provender" => provender(folder),
        other => panic!("a guide uses `{other}`"),
    };
    let output = command.args(words(arguments)).output().unwrap();
    let mut text = redacted(&String::from_utf8([output.stdout, output.stderr].concat()).unwrap());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if !output.status.success() {
        let _ = writeln!(text, "[exit {}]", output.status.code().unwrap_or(-1));
    }
    text
}

/// Every command in a workflow of the templates is one that this version has, with options that it has.
#[test]
fn workflows_use_what_there_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("template/github");
    let mut commands = 0;
    for workflow in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&workflow).unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let Some((_, line)) = line.split_once("provender -C ") else { continue };
            let line = line.split([';', '>', '|']).next().unwrap().replace('"', "");
            let mut arguments = words(&line);
            arguments.extend(["--color".to_owned(), "never".to_owned(), "--help".to_owned()]);
            let output = provender(Path::new(".")).arg("-C").args(arguments).output().unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            commands += 1;
        }
    }
    assert!(commands >= 5, "{commands}");
}
