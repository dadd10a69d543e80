//! The guides of `docs/guides` and the pages of rules in `docs/reference`, run as printed. A fenced block whose first line is `hcl file=PATH` (or of any other language)
//! is written to that file; one of `console` holds commands (`$ provender …`) with what they print. Everything of one page
//! happens in one fresh folder. `PROVENDER_UPDATE_CASES=1 cargo test --test cli` writes what is printed into the pages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{difference, provender, redacted, words};

#[test]
fn every_guide_runs_as_printed() {
    let guides = pages("guides");
    let (mut wrong, mut commands) = (Vec::new(), 0);
    for guide in guides {
        let actual = hold(&guide, "", &mut wrong);
        commands += actual.lines().filter(|line| line.starts_with("$ provender")).count();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(commands >= 12, "{commands} commands");
}

/// Each begins with the project of `plan-rules.md`, prints its own code, and has the title that the table of rules gives it.
#[test]
fn every_rule_has_a_page_that_runs_as_printed() {
    let rules = docs().join("reference/plan-rules.md");
    let mut wrong = Vec::new();
    let project = hold(&rules, "", &mut wrong);
    for code in provender_core::plan::CODES {
        let page = docs().join(format!("reference/rules/{code}.md"));
        let text = hold(&page, &project, &mut wrong);
        let title = text.lines().next().unwrap_or_default();
        let row = title.replace(&format!("# {code}: "), &format!("| [{code}](rules/{code}.md) | "));
        assert!(project.contains(&row), "{title} is not in the table");
        let printed: String =
            text.split("```console").skip(1).flat_map(|part| part.split("```").next()).collect();
        // What is new has its code in JSON only; the validator finds a missing name before there is a plan.
        let told = printed.contains(code)
            || code == "PV114" && printed.contains("PD012")
            || code == "PV124" && printed.contains("will be created");
        assert!(told, "{code} is not on its page");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(pages("reference/rules").len(), provender_core::plan::CODES.len());
}

#[test]
fn every_command_is_on_the_page_of_commands() {
    let mut wrong = Vec::new();
    let page = hold(&docs().join("reference/commands.md"), "", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let (_, list) = page.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let commands = lines.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    for command in commands.filter(|command| *command != "help") {
        assert!(page.contains(&format!("\n## {command}\n")), "{command} is not on the page");
    }
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn pages(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(docs().join(folder)).unwrap();
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

/// Runs a page after what `before` says, and holds it to what its commands print; its text with that.
fn hold(page: &Path, before: &str, wrong: &mut Vec<String>) -> String {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), before);
    let expected = fs::read_to_string(page).unwrap();
    let actual = run(folder.path(), &expected);
    if actual != expected {
        if std::env::var_os("PROVENDER_UPDATE_CASES").is_some() {
            fs::write(page, &actual).unwrap();
        } else {
            wrong.push(format!("{}\n{}", page.display(), difference(&expected, &actual)));
        }
    }
    actual
}

/// The text of a page with what its commands print now.
fn run(folder: &Path, text: &str) -> String {
    let mut actual = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(actual, "{line}");
        let Some(fence) = line.strip_prefix("```").filter(|fence| !fence.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some((_, path)) = fence.split_once(" file=") {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, block.join("\n") + "\n").unwrap();
        }
        if fence == "console" {
            for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                let _ = writeln!(actual, "$ {command}");
                actual.push_str(&printed(folder, command));
            }
        } else {
            block.iter().for_each(|line| actual.extend([line, "\n"]));
        }
        actual.push_str("```\n");
    }
    actual
}

/// What a command prints, and how it ends where that is not well. Beside Provender, a page may make a repository, edit files
/// and remove a folder; the machine of the test need not have those commands.
fn printed(folder: &Path, command: &str) -> String {
    let words = words(command);
    let mut command = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // A repository is a folder that holds `.git`.
        ["git", "init", "-q", "."] => {
            return fs::create_dir(folder.join(".git")).map(|()| String::new()).unwrap();
        }
        ["rm", "-r", path] => return fs::remove_dir_all(folder.join(path)).map(|()| String::new()).unwrap(),
        ["sed", "-i", script, ref files @ ..] => {
            files.iter().for_each(|file| edit(&folder.join(file), script));
            return String::new();
        }
        ["provender", ..] => provender(folder),
        _ => panic!("a page uses `{command}`"),
    };
    let output = command.args(&words[1..]).output().unwrap();
    let mut text = redacted(&String::from_utf8([output.stdout, output.stderr].concat()).unwrap());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if !output.status.success() {
        let _ = writeln!(text, "[exit {}]", output.status.code().unwrap_or(-1));
    }
    text
}

/// `s/OLD/NEW/` and `/TEXT/d`, with no patterns.
fn edit(file: &Path, script: &str) {
    let text = fs::read_to_string(file).unwrap();
    let edited = match script.split('/').collect::<Vec<_>>()[..] {
        ["s", old, new, ""] => text.replace(old, &new.replace("\\n", "\n")),
        ["", gone, "d"] => {
            text.lines().filter(|line| !line.contains(gone)).map(|line| format!("{line}\n")).collect()
        }
        _ => panic!("a page uses the script `{script}`"),
    };
    assert_ne!(edited, text, "`{script}` changes nothing in {}", file.display());
    fs::write(file, edited).unwrap();
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
