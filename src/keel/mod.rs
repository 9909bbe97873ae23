//! Decides; never does. No clock, no IO, no randomness, no logging.

pub mod account;
pub mod almanac;
mod answers;
pub mod budget;
pub mod cadence;
pub mod call;
pub mod decision;
pub mod deployment;
mod desk;
mod fleet;
pub mod history;
pub mod intent;
mod listing;
pub mod member;
pub mod message;
pub mod notice;
pub mod plan;
pub mod policy;
pub mod reconciler;
pub mod record;
mod report;
pub mod schedule;
mod snapshot;
pub mod time;
pub mod timeline;
pub mod view;
