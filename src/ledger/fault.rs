//! What can go wrong with a ledger, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::codec;
use super::shared::Trouble;

/// An append, a sync or a compaction failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nothing of it is durable and all before it is: full, read-only, over quota, an IO error
    /// while writing. May clear by itself.
    #[error("cannot {doing} the ledger {}; calls go on when this clears", path.display())]
    Stuck {
        /// What was tried, as in "cannot … the ledger".
        doing: &'static str,
        /// The ledger.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be known what is durable. Never tried again: after a failed sync the system may
    /// report the next one as good although the data is gone
    /// (<https://wiki.postgresql.org/wiki/Fsync_Errors>).
    #[error("the ledger {} failed: {what}", path.display())]
    Broken {
        /// What failed.
        what: &'static str,
        /// The ledger.
        path: PathBuf,
        /// What the system said, if it said something.
        #[source]
        source: Option<io::Error>,
    },
    /// Another process leads. What this one still owes is not written, and nothing is sent.
    #[error("the ledger {} is led by {by} now", path.display())]
    Deposed {
        /// The ledger.
        path: PathBuf,
        /// Who leads.
        by: String,
    },
}

impl Fault {
    /// Whether it may clear by itself.
    pub const fn is_stuck(&self) -> bool {
        match self {
            Self::Stuck { .. } => true,
            Self::Broken { .. } | Self::Deposed { .. } => false,
        }
    }
}

/// Why a ledger could not be opened. No call may be sent.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process works with it.
    #[error(
        "{} is in use by {}; one process at a time may spend the budget: end that one, or give \
         this one a `state_dir` and an API key of its own",
        path.display(), holder(*pid)
    )]
    Locked {
        /// The state directory.
        path: PathBuf,
        /// The process, if it has left its number.
        pid: Option<u32>,
    },
    /// The engine of a shared ledger did not answer.
    #[error("cannot read the ledger {}", path.display())]
    Engine {
        /// The ledger.
        path: PathBuf,
        /// What the engine said.
        #[source]
        source: Trouble,
    },
    /// Something else is in the place of a shared ledger.
    #[error(
        "{} is not a ledger of evenkeel: it begins with `{first}`; give the ledger a place of its \
         own, or remove what is there",
        path.display()
    )]
    NotShared {
        /// The ledger.
        path: PathBuf,
        /// The beginning of what is there.
        first: String,
    },
    /// The engine of a shared ledger has lost what this machine has seen in it.
    #[error(
        "{} has forgotten calls: this machine saw {seen}, and now {found}; was the engine wiped or \
         restored from a backup? To go on, `evenkeel ledger import` what tells of them, or \
         remove {} on each machine and start in an empty place with `limits.new_ledger: spent`",
        path.display(), memory.display()
    )]
    Forgot {
        /// The ledger.
        path: PathBuf,
        /// What was seen.
        seen: String,
        /// What is there.
        found: String,
        /// Where it is noted what was seen.
        memory: PathBuf,
    },
    /// The system refused something.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something else than a file is there.
    #[error(
        "{} is {what}, expected a regular file; move it away, or set another `state_dir`",
        path.display()
    )]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A ledger is never empty: it is created with its first line in it.
    #[error(
        "{} is empty, so it has lost what it held; {REMEDY}", path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of something else.
    #[error(
        "{} is not a ledger of evenkeel: its first line is `{first}`, expected one like \
         `{}`; set another `state_dir`, or move the file away",
        path.display(), codec::HEADER_EXAMPLE
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The beginning of its first line.
        first: String,
    },
    /// Written by a later version.
    #[error(
        "{} has format {found}, and this version of evenkeel reads format {}; \
         run the version that wrote it, or a later one",
        path.display(), codec::FORMAT
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It has been damaged.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// A damaged ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// The file.
    pub path: PathBuf,
    /// The first line that is wrong; the first line is 1.
    pub line: u64,
    /// Where that line begins, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
    /// Where a copy of the file has been put.
    pub copy: Option<PathBuf>,
}

impl std::error::Error for Corrupt {}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, offset, what, copy } = self;
        write!(
            f,
            "the ledger {} is damaged at line {line} (byte {offset}): {what}; ",
            path.display()
        )?;
        if let Some(copy) = copy {
            write!(f, "a copy is kept as {}; ", copy.display())?;
        }
        f.write_str(REMEDY)
    }
}

/// What to do about a ledger that has lost something.
const REMEDY: &str = "to go on, restore it from a backup, or move it away and start with \
     `limits.new_ledger: spent`, which counts every limit as used up just now";

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
