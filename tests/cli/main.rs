//! The binary as a user meets it. Each file of `cases/` is one scenario: files, commands, and what they print.
//!
//! ```text
//! A sentence that says what is shown.
//!
//! --- feature_store.yaml
//! project: demo
//! …
//! $ provender plan
//! …what it prints: stdout, then stderr…
//! [exit 0]
//! ```
//!
//! A scenario runs in a fresh folder. `$ edit FILE s/OLD/NEW/` changes a file between commands (`\n` is a new line, `\x2f`
//! a slash), `$ write FILE` takes the lines below it as its contents. `PROVENDER_UPDATE_CASES=1 cargo test --test cli` writes the files anew; read the
//! difference before you commit it. Times of the clock and random ids are written as `[time]` and `[id]`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod full_disk;
mod guides;
mod metrics;
mod outages;
mod processes;
mod read_only;
mod renewal;
mod secrets;
mod serving;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The binary under test, without anything of the user's environment that would change what it prints.
pub(crate) fn provender(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provender"));
    command.current_dir(folder).env_clear().env("USER", "tester").env("NO_COLOR", "1");
    command
}

#[test]
fn every_case_prints_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    cases.sort();
    assert!(!cases.is_empty());
    let update = std::env::var_os("PROVENDER_UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    for case in cases {
        let expected = fs::read_to_string(&case).unwrap();
        let actual = run_case(&expected);
        if update {
            fs::write(&case, &actual).unwrap();
        } else if actual != expected {
            wrong.push(format!("{}\n{}", case.display(), difference(&expected, &actual)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_plan_as_json_is_the_saved_plan() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = provender(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&["init"]);
    let printed = run(&["plan", "--format", "json", "--now", "2026-01-01", "--out", "saved.json"]);
    fs::write(folder.path().join("printed.json"), &printed).unwrap();
    assert_eq!(fs::read(folder.path().join("saved.json")).unwrap(), printed);
    assert_eq!(run(&["show", "printed.json", "--format", "json"]), printed);
    run(&["apply", "printed.json"]);
}

/// Runs a scenario and returns its text with the actual output in place.
fn run_case(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut actual = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        actual.push_str(line);
        actual.push('\n');
        let mut body = String::new();
        if let Some(path) = line.strip_prefix("--- ").or_else(|| line.strip_prefix("$ write ")) {
            while let Some(content) = lines.next_if(|next| !starts_part(next)) {
                body.push_str(content);
                body.push('\n');
            }
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &body).unwrap();
            actual.push_str(&body);
        } else if let Some(edit) = line.strip_prefix("$ edit ") {
            apply_edit(folder.path(), edit);
        } else if let Some(path) = line.strip_prefix("$ remove ") {
            fs::remove_dir_all(folder.path().join(path)).unwrap();
        } else if let Some(arguments) = line.strip_prefix("$ provender") {
            while lines.next_if(|next| !next.starts_with("[exit ") && !starts_part(next)).is_some() {}
            let _ = lines.next_if(|next| next.starts_with("[exit "));
            let output = provender(folder.path()).args(words(arguments)).output().unwrap();
            let printed = [output.stdout, output.stderr].concat();
            let printed =
                String::from_utf8(printed).unwrap().replace(&folder.path().display().to_string(), "[folder]");
            actual.push_str(&redacted(&printed));
            if !actual.ends_with('\n') {
                actual.push('\n');
            }
            let _ = writeln!(actual, "[exit {}]", output.status.code().unwrap_or(-1));
        }
    }
    actual
}

fn starts_part(line: &str) -> bool {
    line.starts_with("--- ") || line.starts_with("$ ")
}

fn apply_edit(folder: &Path, edit: &str) {
    let (file, change) = edit.split_once(' ').unwrap();
    let mut parts = change.split('/');
    let (Some("s"), Some(old), Some(new)) = (parts.next(), parts.next(), parts.next()) else {
        panic!("not an edit: {edit}");
    };
    let unescaped = |text: &str| text.replace("\\n", "\n").replace("\\x2f", "/");
    let (old, new) = (unescaped(old), unescaped(new));
    let text = fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(&old), "`{old}` is not in {file}");
    fs::write(folder.join(file), text.replace(&old, &new)).unwrap();
}

/// Words of a command line; single quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.trim().chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The text with times as `[time]`, and runs of 16 or more hexadecimal digits as `[id]`.
fn redacted(text: &str) -> String {
    let mut result = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() || matches!(character, ':' | '-' | '.') {
            word.push(character);
            continue;
        }
        result.push_str(&redacted_word(&word));
        word.clear();
        result.push(character);
    }
    result.pop();
    result
}

fn redacted_word(word: &str) -> String {
    let bytes = word.as_bytes();
    let is_time =
        word.len() >= 20 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b'T' && word.contains('Z');
    // An id also stands at the end of what is joined with colons.
    let (front, last) =
        word.rsplit_once(':').map_or(("", word), |(_, last)| word.split_at(word.len() - last.len()));
    let is_id = last.len() >= 16 && last.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Times that a scenario wrote itself are before this year's second month; what a clock tells is after.
    if is_time && word > "2026-02" {
        let after = word.split_once('Z').map_or("", |(_, after)| after);
        format!("[time]{after}")
    } else if is_id {
        format!("{front}[id]")
    } else {
        word.to_owned()
    }
}

fn difference(expected: &str, actual: &str) -> String {
    let mut text = String::new();
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    for line in old.iter().skip(same).take(12) {
        let _ = writeln!(text, "- {line}");
    }
    for line in new.iter().skip(same).take(12) {
        let _ = writeln!(text, "+ {line}");
    }
    format!("first difference at line {}:\n{text}", same + 1)
}
