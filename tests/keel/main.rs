//! The keel: data in, exact decisions out.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helper fails the test by panicking, and looks for one thing among others"
)]

mod acting;
mod bench;
mod budget;
mod chronicle;
mod fold;
mod guards;
mod plant;
mod reading;
mod ready;
mod shared;
mod snapshot;
mod trouble;
mod values;
mod wishes;
