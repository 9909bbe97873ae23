//! The way to the Deployment Management API: spends a [`Permit`], brings back an [`Answer`].
//!
//! One [`Client::send`] writes at most one request to at most one connection, whatever the server
//! does: nothing is repeated or redirected, and no proxy is used.
//!
//! It works on connections of hyper, and not with a client that chooses them itself: so the last
//! look at a permit's time stands just before the request is handed over, and a request that comes
//! back unwritten is known for one. That also takes a quarter off what a read costs.
//!
//! [`Permit`]: crate::keel::decision::Permit
//! [`Answer`]: crate::keel::call::Answer

mod client;
mod connect;
mod outcome;
mod rotation;
mod transport;
pub mod wire;

pub use client::{Client, Credentials, Options};
pub use outcome::in_time;
pub use rotation::{Advice, Rotation};
pub use transport::{BuildError, local_client, plain_client, secure_client};
