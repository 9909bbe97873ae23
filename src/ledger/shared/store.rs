//! What a shared ledger needs of an engine: registers that can be compared and swapped. The seam at
//! which tests put one that fails.

use std::fmt;

/// The registers of one ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// Who should act. Decides nothing.
    Lease,
    /// The epoch, and the newest records: the fence.
    Head,
    /// A part of the last snapshot; from 1.
    Segment(u16),
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease => f.write_str("lease"),
            Self::Head => f.write_str("head"),
            Self::Segment(number) => write!(f, "segment-{number}"),
        }
    }
}

/// What an engine calls a state of a register; never used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// A register as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Empty where nothing was ever written.
    pub value: Vec<u8>,
    /// Of this value.
    pub version: Version,
}

/// What became of a write.
#[derive(Debug)]
pub enum Put {
    /// It is durable, under this version.
    Committed(Version),
    /// The register has another version, so nothing was written by this attempt. An earlier attempt
    /// of the same write, of which no answer came, may be why.
    Conflict,
    /// It is not known whether it was written, or ever will be.
    Unknown(Trouble),
}

/// Why an engine did not answer, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// An engine. Reads and writes are linearizable: each sees all that was committed before it began.
/// Neither takes longer than the patience that it was made with.
pub trait Store: fmt::Debug + Send {
    /// Which ledger in which engine, for messages.
    fn place(&self) -> &str;

    /// A register as it is now.
    ///
    /// # Errors
    /// When it cannot be known.
    fn read(&mut self, register: Register) -> Result<Stored, Trouble>;

    /// Writes, durably, if the register still has this version.
    fn put_if(&mut self, register: Register, value: &[u8], version: &Version) -> Put;
}
