//! Many schedules break no rule; with a guard taken out, some do.

#![expect(clippy::print_stdout, reason = "the figures are for people")]

use std::time::Instant;

use super::{Schedule, simulate};
use crate::testing::sabotage::{Guard, take_out};

/// In the ordinary tests; `PROVENDER_SCHEDULES=500` is enough while one works on something else.
const SCHEDULES: u64 = 10_000;
const THREADS: u64 = 2;

#[test]
fn no_schedule_breaks_a_rule() {
    let schedules = std::env::var("PROVENDER_SCHEDULES").ok().and_then(|text| text.parse().ok());
    let schedules: u64 = schedules.unwrap_or(SCHEDULES);
    let started = Instant::now();
    let mut sum = Schedule::default();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut sum = Schedule::default();
                for seed in (thread..schedules).step_by(THREADS as usize) {
                    let one = simulate(seed);
                    assert_eq!(one.violations, Vec::<String>::new(), "seed {seed}");
                    add(&mut sum, &one);
                }
                sum
            })
        })
        .collect();
    for thread in threads {
        add(&mut sum, &thread.join().unwrap());
    }
    println!(
        "{schedules} schedules in {:.1?}: {} entries, {} applies succeeded, {} crashed, {} conflicts, {} ledger entries",
        started.elapsed(),
        sum.entries,
        sum.succeeded,
        sum.crashed,
        sum.conflicts,
        sum.ledger_entries
    );
    // The schedules are worth something only if all of this happens in them.
    assert!(sum.succeeded as u64 > schedules && sum.crashed as u64 > schedules / 4);
    assert!(sum.conflicts as u64 > schedules / 4 && sum.ledger_entries as u64 > schedules / 8);
}

fn add(sum: &mut Schedule, one: &Schedule) {
    sum.entries += one.entries;
    sum.succeeded += one.succeeded;
    sum.crashed += one.crashed;
    sum.conflicts += one.conflicts;
    sum.ledger_entries += one.ledger_entries;
}

#[test]
fn a_seed_gives_the_same_schedule_again() {
    for seed in 0..20 {
        let (one, two) = (simulate(seed), simulate(seed));
        assert_eq!(format!("{one:?}"), format!("{two:?}"), "seed {seed}");
    }
}

/// Takes a guard out and says after how many schedules the simulator notices.
fn noticed_without(guard: Guard, words: &str) {
    take_out(Some(guard));
    let noticed = (0..500).find_map(|seed| {
        let violations = simulate(seed).violations;
        violations.into_iter().find(|what| what.contains(words)).map(|what| (seed + 1, what))
    });
    take_out(None);
    let (schedules, what) = noticed.expect("the simulator does not notice that the guard is missing");
    println!("without {guard:?}: noticed after {schedules} schedules: {what}");
}

#[test]
fn a_writer_that_does_not_know_its_own_entry_is_noticed() {
    noticed_without(Guard::OwnEntry, "nobody ended it");
}

#[test]
fn a_step_without_a_claim_is_noticed() {
    noticed_without(Guard::Claim, "without a claim");
}

#[test]
fn a_plan_applied_to_another_state_is_noticed() {
    noticed_without(Guard::Preconditions, "an edit is lost");
}

#[test]
fn a_ledger_ahead_of_its_values_is_noticed() {
    noticed_without(Guard::LedgerAfterValues, "claims values that are not stored");
}
