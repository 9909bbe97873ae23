//! Word to people: what is news, how it is collected, what is sent, and how it gets there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod delivery;
mod grouping;
mod messages;
mod server;
mod trouble;
