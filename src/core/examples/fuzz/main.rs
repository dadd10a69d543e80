//! A mutating fuzzer for everything that reads text:
//! `cargo run --release -p provender-core --features fuzzing --example fuzz -- TARGET SECONDS [SEED]`.
//! It starts from the fixtures, mutates, and writes what breaks a rule to `fixtures/fuzz/TARGET/`, which `cargo test` replays.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool of ours: its findings are for people, and it ends where it cannot go on"
)]

mod harness;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use provender_core::fuzzing;

use self::harness::{Arguments, Random, Running, SLOW, keep, processor_time, watch};

/// Longest input, in bytes.
const LONGEST: usize = 20_000;

const WORDS: [&str; 44] = [
    "entity",
    "feature_view",
    "data_source",
    "feature_service",
    "on_demand_feature_view",
    "module",
    "moved",
    "allow",
    "locals",
    "variable",
    "for_each",
    "each.value",
    "var.x",
    "local.a",
    "feature",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "${",
    "%{ if ",
    "%{ for x in ",
    "%{ endif }",
    "<<EOT\n",
    "\nEOT\n",
    "...",
    "=>",
    "? 1 : 2",
    "for x in ",
    "==",
    "&&",
    "!",
    "-",
    "9223372036854775807",
    "1e308",
    "null",
    "\\u{202e}",
    "\u{feff}",
    "\r\n",
    "geohash(",
    "/*",
];

impl Random {
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

fn main() {
    let Some(Arguments { target, time, mut random }) = Arguments::parse(&fuzzing::TARGETS) else { return };
    let target = target.as_str();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut corpus = corpus(&root, target);
    let found = root.join("fuzz").join(target);
    let running: Running<String> = Running::default();
    watch(Arc::clone(&running), found.clone());
    let (begun, mut inputs, mut findings) = (Instant::now(), 0_u64, 0);
    while begun.elapsed() < time {
        let text = mutate(&corpus, &mut random);
        let started = processor_time();
        *running.lock().unwrap() = Some((Instant::now(), text.clone()));
        let outcome = catch_unwind(|| fuzzing::run(target, &text));
        *running.lock().unwrap() = None;
        let wrong = match outcome {
            Err(_) => Some("panic".to_owned()),
            Ok(Err(rule)) => Some(rule),
            Ok(Ok(())) => {
                let took = processor_time().saturating_sub(started);
                (took > SLOW).then(|| format!("took {took:?}"))
            }
        };
        inputs += 1;
        if let Some(wrong) = wrong {
            findings += 1;
            println!("{target}: {wrong}: {}", keep(&found, text.as_bytes()).display());
            if findings > 20 {
                break;
            }
        } else if inputs.is_multiple_of(50) && corpus.len() < 3_000 {
            corpus.push(text);
        }
    }
    println!("{target}: {inputs} inputs in {:?}, {findings} findings", begun.elapsed());
}

/// Texts to begin with.
fn corpus(root: &Path, target: &str) -> Vec<String> {
    fn files(folder: &Path, wanted: &dyn Fn(&str) -> bool, texts: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                files(&path, wanted, texts);
            } else if path.to_str().is_some_and(wanted)
                && let Ok(text) = fs::read_to_string(&path)
                && text.len() < LONGEST
            {
                texts.push(text);
            }
        }
    }
    let mut texts = Vec::new();
    let of_target = format!("/fuzz/{target}/");
    files(
        root,
        &|path| {
            path.contains(&of_target)
                || match target {
                    "hcl" | "fmt" => path.ends_with(".hcl"),
                    "json" => path.ends_with(".json") && !path.contains("registry"),
                    "yaml" => path.ends_with(".yaml"),
                    _ => false,
                }
        },
        &mut texts,
    );
    if target == "expression" {
        texts.extend(
            provender_core::expression::functions()
                .into_iter()
                .flat_map(|function| [function.example.to_owned(), function.result.to_owned()]),
        );
        texts.extend(
            ["v.a + w.b * 2", "v.a > 1 ? v.b : null", "coalesce(v.a, w.a)", "\"${to_string(v.a)}-x\""]
                .map(str::to_owned),
        );
    }
    if texts.is_empty() {
        texts.push(String::new());
    }
    texts
}

fn mutate(corpus: &[String], random: &mut Random) -> String {
    let mut text = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let (one, other) = (random.place(&text), random.place(&text));
        let (from, to) = (one.min(other), one.max(other));
        match random.below(7) {
            0 => text.replace_range(from..to, ""),
            1 => {
                let part = text[from..to].to_owned();
                text.insert_str(from, &part);
            }
            2 => text.insert_str(from, WORDS[random.below(WORDS.len())]),
            3 => {
                let donor = &corpus[random.below(corpus.len())];
                let (one, other) = (random.place(donor), random.place(donor));
                let part = donor[one.min(other)..one.max(other)].to_owned();
                text.insert_str(from, &part);
            }
            4 => {
                let character = char::from_u32((random.next() % 0x250) as u32).unwrap_or('x');
                text.insert(from, character);
            }
            5 => {
                let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
                let (one, other) = (random.below(lines.len()), random.below(lines.len()));
                if !lines.is_empty() {
                    lines.swap(one, other);
                }
                text = lines.concat();
            }
            _ => {
                let many = 1 + random.below(60);
                let word = WORDS[random.below(WORDS.len())].repeat(many);
                text.insert_str(from, &word);
            }
        }
    }
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
