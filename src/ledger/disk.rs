//! What a ledger needs of a disk; the seam at which tests put one that fails.

use std::io;
use std::path::{Path, PathBuf};

/// What bytes are put aside for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// A ledger that is damaged, whole.
    Corrupt,
    /// The end that was cut off a torn ledger.
    Torn,
}

/// A replacement that failed.
#[derive(Debug)]
pub enum NotReplaced {
    /// The old content is in force, as if nothing had happened.
    Kept(io::Error),
    /// Which content a crash would leave is not known.
    Unknown(io::Error),
}

/// One file's worth of disk.
pub trait Disk {
    /// Where it is, for messages.
    fn path(&self) -> &Path;

    /// A number that no other ledger has.
    ///
    /// # Errors
    /// When the system has none to give.
    fn random(&mut self) -> io::Result<u32>;

    /// All of it; `None` if there is nothing yet.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Writes all of `bytes` at `offset`, durable or not.
    ///
    /// # Errors
    /// When less than all was written; some of it may have been.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it to `length`, durable or not.
    ///
    /// # Errors
    /// When it was not cut.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes all of it durable.
    ///
    /// # Errors
    /// When it is not known what is durable; also when it is no longer the file at its path.
    fn sync(&mut self) -> io::Result<()>;

    /// Puts `bytes` in its place, durably, all or nothing, whenever a crash comes.
    ///
    /// # Errors
    /// See [`NotReplaced`].
    fn replace(&mut self, bytes: &[u8]) -> Result<(), NotReplaced>;

    /// Keeps a copy of `bytes` under a new name, durably; the same bytes only once.
    ///
    /// # Errors
    /// When there is no room for it.
    fn keep_aside(&mut self, why: Aside, bytes: &[u8]) -> io::Result<PathBuf>;
}
