//! The desired files: read, watched, merged, and the last good ones kept.

mod git;
mod kept;
mod merge;
mod named;
mod parse;
mod read;
mod references;
mod set;
mod until;
mod watch;

pub use kept::{Bundle, Kept, KeptError};
pub use merge::{Candidate, Merged, Refused, Valid, merge, united};
pub use named::FILES_MAX;
pub use parse::{expired, parse, revision};
pub use read::{Beside, Found, Picture, Text, look};
pub use references::references;
pub use set::{Set, Taken};
pub use until::instant;
pub use watch::{EVERY, Options, Seen, Watch, watch};
