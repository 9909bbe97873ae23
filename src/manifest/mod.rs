//! The desired file: read, watched, and the last good one kept.

mod beside;
mod calendar;
mod deployment;
mod exceptions;
mod expired;
mod holidays;
mod kept;
mod meant;
mod parse;
mod prices;
mod read;
mod recurrence;
mod schedules;
mod until;
mod watch;
mod window;
mod windows;
mod zone;

pub use beside::{Beside, on_disk, references};
pub use expired::expired;
pub use kept::{Kept, KeptError};
pub use parse::{parse, parse_beside, revision};
pub use watch::{EVERY, Options, Seen, Watch, watch};
