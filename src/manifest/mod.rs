//! The desired files: read, watched, merged, and the last good ones kept.

mod beside;
mod calendar;
mod deployment;
mod exceptions;
mod expired;
mod git;
mod holidays;
mod kept;
mod meant;
mod merge;
mod named;
mod parse;
mod prices;
mod read;
mod recurrence;
mod schedules;
mod set;
mod until;
mod watch;
mod window;
mod windows;
mod zone;

pub use beside::{Beside, on_disk, references};
pub use expired::expired;
pub use kept::{Bundle, Kept, KeptError};
pub use merge::{Candidate, Merged, Refused, Valid, merge};
pub use named::FILES_MAX;
pub use parse::{parse, parse_beside, revision};
pub use prices::amount;
pub use read::{Found, Neighbours, Picture, Text, look};
pub use set::{Set, Taken};
pub use until::instant;
pub use watch::{EVERY, Options, Seen, Watch, watch};
