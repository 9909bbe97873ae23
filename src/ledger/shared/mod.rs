//! A ledger that machines share: the one protocol, over any engine behind [`Store`].
//!
//! - **The fence.** The head register bears an epoch. Whoever takes over writes a higher one, by
//!   compare-and-swap on what was read; from then on each append of an earlier leader conflicts. So
//!   what a leader sent is in what its successor read.
//! - **The lease** decides only who should try. A follower takes over when it has seen the lease
//!   unchanged for its whole length, by its own `CLOCK_BOOTTIME`. The leader's own right ends at
//!   two thirds of that, counted from before its last renewal was sent.
//! - **Outcomes that are not known.** The head is always written as a whole, and only its leader
//!   writes in an epoch. So after a conflict the head is read: of this epoch and holder, it is an
//!   earlier attempt that arrived after all, and the present state is written over it; else this
//!   process is deposed. Nothing is ever taken as not written.
//! - **Compaction** writes the snapshot to registers that the head does not name, and then a head
//!   that names them. A reader checks all that it reads as it would a file.

mod caller;
pub mod etcd;
mod follower;
pub mod kubernetes;
mod leader;
mod memory;
mod store;
mod text;
mod whole;

use std::fmt;
use std::io;
use std::time::Duration;

pub use follower::{Follower, NotTaken, Sight, Taken, Watched};
pub use leader::SharedLedger;
pub use memory::Memory;
pub use store::{Put, Register, Store, Stored, Trouble, Version};

use super::fault::OpenError;
use super::transcript::Transcript;
use crate::keel::record::Record;
use crate::keel::time::Mono;
use whole::Whole;

/// How long things take among those that share a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long a leader that is silent is left alone.
    pub lease: Duration,
}

impl Terms {
    /// For how long after a renewal was sent its sender may act. The rest is for clocks that run at
    /// different rates, and for a process that is paused for a moment.
    pub fn right(self) -> Duration {
        self.lease * 2 / 3
    }

    /// How often the lease is renewed: three may fail.
    pub fn renewal(self) -> Duration {
        self.lease / 6
    }

    /// How often a follower looks: a handover is seen within half a second.
    pub fn look(self) -> Duration {
        (self.lease / 20).clamp(Duration::from_millis(50), Duration::from_millis(500))
    }

    /// How long a read or a write may take. The loop waits for it, so it must be over well before
    /// the lease is.
    pub fn patience(self) -> Duration {
        (self.lease / 5).min(Duration::from_secs(2))
    }
}

/// Who takes part.
pub struct Member {
    /// The engine.
    pub store: Box<dyn Store>,
    /// This process, by a name that no other has: a machine's and a random part, without blanks.
    pub holder: String,
    /// How long things take.
    pub terms: Terms,
    /// This machine's clock.
    pub clock: Box<dyn Fn() -> Mono + Send>,
}

impl Member {
    fn now(&self) -> Mono {
        (self.clock)()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("holder", &self.holder).finish_non_exhaustive()
    }
}

/// Hands each record of the ledger behind `store` to `each`, in order; changes nothing. False if
/// there is none.
///
/// # Errors
/// When the engine does not answer, or what it has is no ledger.
pub fn look(store: &mut dyn Store, each: impl FnMut(Record)) -> Result<bool, OpenError> {
    let known = Whole::read(store)?.known;
    Ok(known.map(|known| known.records.into_iter().for_each(each)).is_some())
}

/// All of the ledger behind `store`; changes nothing. `None` if there is none.
///
/// # Errors
/// When the engine does not answer, or what it has is no ledger.
pub fn transcript(store: &mut dyn Store) -> Result<Option<Transcript>, OpenError> {
    let known = Whole::read(store)?.known;
    Ok(known.map(|known| Transcript::new(known.header, known.records)))
}

/// A number that no other ledger has, for [`Follower::take`].
///
/// # Errors
/// When the system gives no random bytes.
pub fn random() -> io::Result<u32> {
    super::file::random()
}

/// A name for this process: the machine's, and four random bytes.
///
/// # Errors
/// When the system gives no random bytes.
pub fn holder() -> io::Result<String> {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let node: String = node.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
    Ok(format!("{node}/{:08x}", random()?))
}
