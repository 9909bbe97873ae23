//! Makes decisions durable, and only then lets their effects out.
//!
//! [`Ledger`] is the one door between deciding and doing. [`FileLedger`] keeps it in a file:
//! `codec` is the text, `journal` the rules of what is durable, `disk` the seam below them and
//! `file` a directory behind that seam. [`shared`] keeps the same text where several machines reach
//! it.

mod codec;
pub mod disk;
mod fault;
mod file;
mod journal;
mod look;
pub mod shared;
mod transcript;

pub use codec::{Recovery, Torn};
pub use fault::{Corrupt, Fault, OpenError};
pub use file::{Directory, FileLedger};
pub use journal::Journal;
pub use look::look;
pub use transcript::{Forgets, Transcript};

use crate::keel::bundle::bundle;
use crate::keel::call::CallId;
use crate::keel::decision::Effect;
use crate::keel::decision::{Decision, Released};
use crate::keel::notice::Notice;
use crate::keel::record::Record;
use crate::keel::time::Mono;

/// Why a [`Decision`] stays shut.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The records are not durable, and are owed: they are written before any that follow.
    #[error("nothing is sent while the ledger cannot be written")]
    Stuck {
        /// What is in the way.
        #[source]
        fault: Fault,
        /// The calls that were not let out. They never left, and the keel must hear of that.
        calls: Vec<CallId>,
        /// What was to be told; it holds whether the records are durable or not.
        notices: Vec<Notice>,
    },
    /// It cannot be known what is durable, or another process leads: this one must end.
    #[error("the ledger failed")]
    Broken(#[source] Fault),
}

/// The one door between deciding and doing.
pub trait Ledger {
    /// Appends, and with `sync` makes durable, these records and all before them.
    ///
    /// # Errors
    /// [`Fault::Stuck`]: none of the records is durable; they are owed, and written before any that
    /// follow. [`Fault::Broken`]: it is not known what is durable; everything fails from now on.
    fn append(&mut self, records: &[Record], sync: bool) -> Result<(), Fault>;

    /// Tries again to write what is owed, and makes it durable.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    fn flush_owed(&mut self) -> Result<(), Fault>;

    /// Makes everything durable that was appended without a sync; for an end in good order.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    fn sync(&mut self) -> Result<(), Fault>;

    /// Whether the ledger has grown enough for [`Ledger::compact`] to be worth its while.
    fn wants_compaction(&self) -> bool;

    /// Puts `snapshot` in the place of all records, those still owed included: it must tell all
    /// that they told.
    ///
    /// # Errors
    /// [`Fault::Stuck`]: the old records are in force as if nothing had happened.
    /// [`Fault::Broken`]: as [`Ledger::append`].
    fn compact(&mut self, snapshot: &[Record]) -> Result<(), Fault>;

    /// Once a turn of the loop: does what time asks for, and says whether this process may act.
    ///
    /// # Errors
    /// [`Fault::Stuck`]: not for now. Else as [`Ledger::append`].
    fn attend(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Until when what was let out may be sent; `None`: for as long as the process lives.
    fn right(&self) -> Option<Mono> {
        None
    }

    /// Lets another process go on at once: this one has ended, and its records are durable.
    fn hand_over(&mut self) {}

    /// Makes the decision's records durable and opens its envelope.
    ///
    /// # Errors
    /// When the records could not be made durable: no effect comes out.
    fn commit(&mut self, decision: Decision) -> Result<Released, Refused> {
        let urgent = decision.is_urgent();
        if urgent || !decision.records().is_empty() {
            match self.append(&bundle(decision.records()), urgent) {
                Ok(()) => (),
                Err(fault @ (Fault::Broken { .. } | Fault::Deposed { .. })) => {
                    return Err(Refused::Broken(fault));
                }
                Err(fault @ Fault::Stuck { .. }) => {
                    let calls = decision.calls();
                    let Released { notices, .. } = release(decision);
                    return Err(Refused::Stuck { fault, calls, notices });
                }
            }
        }
        let mut released = release(decision);
        if let Some(right) = self.right() {
            released.effects.iter_mut().for_each(|effect| no_later_than(right, effect));
        }
        Ok(released)
    }
}

impl std::fmt::Debug for dyn Ledger + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

/// No permit outlives the right to act that it was given under.
fn no_later_than(right: Mono, effect: &mut Effect) {
    match effect {
        Effect::Send(permit) => permit.send_by = permit.send_by.min(right),
        Effect::RefreshCredentials(_) => (),
    }
}

/// Opens the envelope: all of it once the records are durable, else only for the notices.
fn release(decision: Decision) -> Released {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    decision.release()
}
