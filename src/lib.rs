#![doc = include_str!("ARCHITECTURE.md")]

pub mod keel;

pub mod api;
pub mod clock;
pub mod crash;
pub mod http;
pub mod ledger;
pub mod manifest;
pub mod metrics;
pub mod notification;
pub mod outbound;
pub mod serve;
pub mod simulator;
pub mod telemetry;
#[cfg(feature = "otlp")]
pub mod traces;
pub mod web;
pub mod yaml;

pub mod config;
pub mod controller;
pub mod desired;
pub mod lifecycle;
pub mod standby;

pub mod cli;
