//! A simulated Deployment Management API: the one model of the service that `evenkeel simulate`,
//! `evenkeel demo` and the tests share.
//!
//! The model ([`Service`]) is pure: it holds no clock and does no IO. Every call carries `now`, the
//! time since the simulator's start, and chance comes from a seed, so a run can be repeated in
//! virtual time to the byte. [`Simulator`] puts it behind a socket.
//!
//! It shares no code with the part of evenkeel that keeps the budget: what judges must not inherit
//! the mistakes of what is judged.

mod audit;
mod call;
mod deployment;
mod fault;
mod fleet;
mod limiter;
mod model;
mod options;
mod reply;
mod server;

pub use audit::{Delivered, Largest, Post, Report};
pub use call::{BASE, Call, Method};
pub use deployment::Deployment;
pub use fault::Faults;
pub use fleet::{Cause, Change};
pub use limiter::{Kind, Limit, Limits, Scope};
pub use model::Service;
pub use options::{Options, RetryAfter};
pub use reply::{Delivery, Reply};
pub use server::{SetError, Simulator};
