//! The desired file: read, watched, and the last good one kept.

mod kept;
mod parse;
mod read;
mod until;
mod watch;

pub use kept::{Kept, KeptError};
pub use parse::{expired, parse, revision};
pub use watch::{EVERY, Options, Seen, Watch, watch};
