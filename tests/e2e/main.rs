//! The real binary against the simulated API, with windows of seconds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod crashes;
mod daemon;
mod files;
mod harness;
mod secrets;
