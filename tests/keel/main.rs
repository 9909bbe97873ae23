//! The keel: data in, exact decisions out.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helper fails the test by panicking, and looks for one thing among others"
)]

mod acting;
mod bench;
mod budget;
mod calendar;
mod chapters;
mod chronicle;
mod decisions;
#[path = "../view_fixture/figures.rs"]
mod figures;
mod fold;
mod forgotten;
mod guards;
mod kept;
mod let_go;
mod mass_stop;
mod overview;
mod pace;
mod plant;
mod queue;
mod reading;
mod ready;
mod rules;
mod shared;
mod snapshot;
mod temporary;
mod told;
mod trouble;
mod values;
mod views;
mod wishes;
mod words;
