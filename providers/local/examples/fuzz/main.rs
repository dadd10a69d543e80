//! A mutating fuzzer for everything that reads bytes of files:
//! `cargo run --release -p provender-local --features fuzzing --example fuzz -- TARGET SECONDS [SEED]`.
//! It makes tables of its own, mutates their files, and keeps what breaks a rule in `fixtures/fuzz/TARGET/`, which
//! `cargo test` replays. A panic of a library is no finding while the reader answers with an error; its place is counted.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool of ours: its findings are for people, and it ends where it cannot go on"
)]

mod bytes;
#[path = "../../../../src/core/examples/fuzz/harness.rs"]
mod harness;
mod seeds;

use std::collections::BTreeMap;
use std::fs;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use provender_local::fuzzing::{self, Reader};

use self::bytes::mutate;
use self::harness::{Arguments, Running, SLOW, keep, processor_time, watch};

/// More memory at once than any input here can be worth, in bytes. A reader may ask for what a file claims up to a page's
/// most, which is not touched before it is filled; what is taken for good is another matter.
const LARGE: u64 = 1 << 30;

/// Places of panics that readers turned into errors, and how often.
static PANICS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

fn main() {
    let Some(Arguments { target, time, mut random }) = Arguments::parse(&fuzzing::TARGETS) else { return };
    let target = target.as_str();
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/fuzz").join(target);
    let mut corpus = seeds::of(target);
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        *PANICS.lock().unwrap().entry(place).or_default() += 1;
    }));
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new(target, folder.path()).unwrap();
    for (number, seed) in corpus.iter().enumerate() {
        if let Err(error) = reader.run(seed) {
            println!("{target}: seed {number} is not read: {}", error.chain().join(": "));
        }
    }
    let running: Running<Vec<u8>> = Running::default();
    watch(Arc::clone(&running), found.clone());
    let (begun, mut inputs, mut read, mut findings) = (Instant::now(), 0_u64, 0_u64, 0);
    while begun.elapsed() < time && findings <= 20 {
        let input = mutate(&corpus, target, &mut random);
        let (started, before) = (processor_time(), peak_memory());
        *running.lock().unwrap() = Some((Instant::now(), input.clone()));
        let panics = panics();
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| reader.run(&input)));
        *running.lock().unwrap() = None;
        let took = processor_time().saturating_sub(started);
        let grown = peak_memory().saturating_sub(before);
        let wrong = match outcome {
            Err(_) => Some("a panic went through".to_owned()),
            Ok(Ok(rows)) if panics != self::panics() => Some(format!("{rows} rows in spite of a panic")),
            Ok(_) if took > SLOW => Some(format!("took {took:?}")),
            Ok(_) if grown > LARGE => Some(format!("took {grown} bytes of memory")),
            Ok(outcome) => {
                // Tables that are still read are worth more mutations; broken ones would soon be all there is.
                if outcome.is_ok() && read.is_multiple_of(20) && corpus.len() < 1_000 {
                    corpus.push(input.clone());
                }
                read += u64::from(outcome.is_ok());
                None
            }
        };
        inputs += 1;
        if let Some(wrong) = wrong {
            findings += 1;
            println!("{target}: {wrong}: {}", keep(&found, &input).display());
        }
    }
    println!(
        "{target}: {inputs} inputs in {:?}, {read} read as tables, {findings} findings",
        begun.elapsed()
    );
    for (place, times) in PANICS.lock().unwrap().iter() {
        println!("{target}: {times} panics at {place}, told as errors");
    }
}

fn panics() -> u64 {
    PANICS.lock().unwrap().values().sum()
}

/// The most memory that the process has had, in bytes; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
