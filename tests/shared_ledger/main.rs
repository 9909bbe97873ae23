//! The ledger that machines share: what an engine must do, what is durable, who leads, and that no
//! history of faults spends a budget twice.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, looks for one thing among others, and says what \
              it amounted to"
)]

mod access;
mod api;
mod chaos;
mod conformance;
mod engine;
mod histories;
mod kubernetes;
mod leadership;
mod memory;
mod model;
mod protocol;
