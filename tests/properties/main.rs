//! What holds for whatever comes from outside: files, the ledger, the API's answers.
//!
//! `tests/fuzz` holds the same parsers against inputs that no generator here would think of.

#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

mod answers;
mod calendars;
mod desired;
mod durations;
mod ledger;
#[path = "../ledger/memory.rs"]
#[expect(dead_code, reason = "no disk fails here")]
mod memory;
mod places;
#[path = "../ledger/records.rs"]
#[expect(dead_code, reason = "for tests of each kind of record")]
mod records;
mod schedules;
#[path = "../api/server.rs"]
#[expect(dead_code, reason = "no server misbehaves here")]
mod server;
mod settings;
mod text;
mod written;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// The same cases in every run: a red test must not be a matter of luck.
fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_125),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
