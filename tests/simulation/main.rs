//! The real keel in simulated worlds: seeded ones with all kinds of trouble, and every short
//! history of one deployment. An oracle that knows the truth watches each request arrive.
//!
//! A seed that fails is told with the smallest history that fails as it does; it goes into
//! `seeds.txt`, or into `weeks.txt`.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    reason = "a world that cannot go on fails the test, looks for one thing among others, and says \
              what it amounted to"
)]

mod desired;
mod disk;
mod edits;
mod errand;
mod fate;
mod generate;
mod guard;
mod host;
mod lie;
#[path = "../ledger/memory.rs"]
#[expect(dead_code, reason = "the ledger's own tests look at more of it")]
mod memory;
mod network;
mod oracle;
mod process;
mod run;
mod setup;
mod trouble;
mod wire;
mod wish;
mod world;

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use fate::MENU;
use generate::Every;
use lie::Lie;
use run::Figures;
use rustix::time::{ClockId, clock_gettime};
use setup::{HALF_DAY, Setup, WEEK};

/// Seeds of every run; a night's run may take more with `EVENKEEL_SEEDS`.
const SEEDS: u64 = 300;

/// Weeks of every run.
const WEEKS: u64 = 10;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Lives through the trouble of many seeds on all cores; tells the first that is wrong as the
/// smallest history that is wrong as well.
fn on_all_cores(seeds: impl Iterator<Item = u64> + Send, stormy: u64) -> Figures {
    let (seeds, sum) = (Mutex::new(seeds), Mutex::new(Figures::default()));
    let live = || {
        loop {
            let Some(seed) = seeds.lock().unwrap().next() else { return };
            let before = cpu();
            match run::seed(seed, stormy, Lie::None) {
                Ok(figures) => {
                    *sum.lock().unwrap() += Figures { cpu: cpu() - before, ..figures };
                }
                Err(wrong) => {
                    eprintln!("seed {seed}: {}; to be made small", wrong.fault);
                    let trace = run::smallest(seed, stormy, Lie::None).unwrap_or(wrong);
                    panic!("seed {seed}; the smallest history that fails:\n{trace}")
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(live);
        }
    });
    sum.into_inner().unwrap()
}

/// What the present thread has had of a core.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.try_into().unwrap(), spent.tv_nsec.try_into().unwrap())
}

/// These seeds, and those that found something once.
fn dealt(from: u64, to: u64, kept: &str) -> impl Iterator<Item = u64> + Send {
    let kept = kept.lines().filter_map(|line| line.split('#').next()?.trim().parse().ok());
    (from..to).chain(kept.collect::<Vec<_>>())
}

#[test]
fn seeds() {
    let to = number("EVENKEEL_SEEDS").unwrap_or(SEEDS);
    let sum = on_all_cores(dealt(0, to, include_str!("seeds.txt")), HALF_DAY);
    eprintln!("seeds: {sum}; {:?}", sum.faults);
}

/// Weeks of trouble in one world. For centuries:
/// `EVENKEEL_WEEKS=10000 cargo test --release --test simulation weeks -- --nocapture`;
/// `EVENKEEL_FROM` is the seed to begin with.
#[test]
fn weeks() {
    let (from, to) = (number("EVENKEEL_FROM"), number("EVENKEEL_WEEKS"));
    let weeks = dealt(from.unwrap_or(0), to.unwrap_or(WEEKS), include_str!("weeks.txt"));
    let sum = on_all_cores(weeks, WEEK);
    eprintln!("weeks: {sum}; {:?}", sum.faults);
}

/// Runs every short history that begins with this fate; stops at the first that is wrong.
fn histories_beginning(fate: usize, lie: Lie) -> Result<Figures, String> {
    let (mut every, mut sum) = (Every::beginning(fate, MENU.len()), Figures::default());
    while every.next() {
        match run::live(Setup::exhaustive(lie), &mut every, false) {
            Ok(figures) => sum += figures,
            Err(_) => {
                every.again();
                let wrong = run::live(Setup::exhaustive(lie), &mut every, true).unwrap_err();
                return Err(format!("history {every}:\n{wrong}"));
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
    run::crash_loop(Lie::None).unwrap();
}

#[test]
fn what_is_taken_back_in_vain_stays_held() {
    run::taken_back(Lie::None).unwrap();
}

/// What the simulation is worth: each wrong rule is found, within so many seeds.
#[test]
fn every_lie_is_found() {
    for lie in Lie::ALL {
        let found = |seed: &u64| run::seed(*seed, HALF_DAY, lie).is_err();
        let seed = (0..100).find(found).map(|seed| format!("seed {seed}"));
        let looped = || run::crash_loop(lie).err().map(|_| "a crash loop".to_owned());
        let taken = || run::taken_back(lie).err().map(|_| "a change taken back".to_owned());
        let found =
            seed.or_else(looped).or_else(taken).unwrap_or_else(|| panic!("{lie:?} is not found"));
        eprintln!("{lie:?}: {found}");
    }
}

/// And what a person gets to read when it finds something.
#[test]
fn a_failing_history_is_made_small() {
    let seed = (0..100).find(|seed| run::seed(*seed, HALF_DAY, Lie::NoLateness).is_err()).unwrap();
    let wrong = run::smallest(seed, HALF_DAY, Lie::NoLateness).unwrap();
    assert!(wrong.trace.lines().count() < 400, "{wrong}");
    assert!(wrong.fault.ends_with("ms"), "{wrong}");
}
