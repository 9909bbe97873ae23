//! The real binary against the simulated API, with windows of seconds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "the tests of the shared ledger use the rest of it")]
#[path = "../shared_ledger/api.rs"]
mod api;
mod canary;
mod commands;
#[path = "../shared_ledger/conformance.rs"]
mod conformance;
mod crashes;
mod daemon;
mod disk;
mod ear;
mod etcd;
mod failover;
mod files;
mod guarded;
mod harness;
mod kubernetes;
mod mass_stop;
mod misbehaviour;
mod network;
mod pauses;
mod rogue;
mod secrets;
mod siege;
mod supervised;
mod system;
mod teams;
#[cfg(feature = "otlp")]
mod traces;
mod transfer;
mod wall_clock;
mod wishes;
mod word;
