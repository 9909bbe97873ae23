//! Schedules: which state they ask for at an instant, and when that changes.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

mod brute;
mod edges;
mod random;
mod ready;
mod timeline;
mod written;
mod zones;
