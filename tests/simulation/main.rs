//! The real keel in simulated worlds: seeded ones with all kinds of trouble, and every short
//! history of one deployment. An oracle that knows the truth watches each request arrive.
//!
//! A seed that found something is kept in `seeds.txt`. To see the trace of one:
//! `EVENKEEL_SEED=17 cargo test --test simulation one_seed -- --nocapture`.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    reason = "a world that cannot go on fails the test, looks for one thing among others, and says \
              what it amounted to"
)]

mod fate;
mod generate;
mod host;
mod network;
mod oracle;
mod run;
mod setup;
mod trouble;
mod wire;
mod world;

use std::thread;

use fate::MENU;
use generate::Every;
use run::Figures;
use setup::{Lie, Setup};

/// Seeds of every run; a night's run may take more with `EVENKEEL_SEEDS`.
const SEEDS: u64 = 200;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[test]
fn seeds() {
    let kept = include_str!("seeds.txt").lines().filter_map(|line| line.split('#').next());
    let kept = kept.filter_map(|line| line.trim().parse().ok());
    let mut sum = Figures::default();
    for seed in (0..number("EVENKEEL_SEEDS").unwrap_or(SEEDS)).chain(kept) {
        match run::seed(seed, Lie::None) {
            Ok(figures) => sum += figures,
            Err(trace) => panic!("seed {seed}:\n{trace}"),
        }
    }
    eprintln!("seeds: {sum}");
}

#[test]
fn one_seed() {
    let Some(seed) = number("EVENKEEL_SEED") else { return };
    let figures = run::seed(seed, Lie::None).unwrap_or_else(|trace| panic!("{trace}"));
    eprintln!("seed {seed}: {figures}");
}

/// Runs every short history that begins with this fate; stops at the first that is wrong.
fn histories_beginning(fate: usize, lie: Lie) -> Result<Figures, String> {
    let (mut every, mut sum) = (Every::beginning(fate, MENU.len()), Figures::default());
    while every.next() {
        match run::live(Setup::exhaustive(lie), &mut every, false) {
            Ok(figures) => sum += figures,
            Err(_) => {
                every.again();
                let trace = run::live(Setup::exhaustive(lie), &mut every, true).err();
                return Err(format!("history {every}:\n{}", trace.unwrap_or_default()));
            }
        }
    }
    Ok(sum)
}

#[test]
fn every_short_history() {
    let mut sum = Figures::default();
    thread::scope(|scope| {
        let start = |fate| scope.spawn(move || histories_beginning(fate, Lie::None));
        let parts: Vec<_> = (0..MENU.len()).map(start).collect();
        for part in parts {
            sum += part.join().unwrap().unwrap_or_else(|trace| panic!("{trace}"));
        }
    });
    eprintln!("histories: {sum}");
}

#[test]
fn a_crash_loop_postpones_nothing() {
    run::crash_loop(0, Lie::None).unwrap_or_else(|trace| panic!("{trace}"));
}

/// What the simulation is worth: each wrong rule is found.
#[test]
fn every_lie_is_found() {
    for lie in Lie::ALL {
        let worlds = run::crash_loop(0, lie)
            .and_then(|_| (0..SEEDS).try_for_each(|seed| run::seed(seed, lie).map(|_| ())));
        let trace = worlds.expect_err(&format!("{lie:?} is not found"));
        eprintln!("{lie:?}: {}", trace.lines().next_back().unwrap_or_default());
    }
}
