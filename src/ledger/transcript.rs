//! All of a ledger as text, to be taken from one place to another.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::codec::{self, End, Header, NoHeader};
use super::disk::{Disk as _, NotReplaced};
use super::fault::{Corrupt, OpenError};
use super::file::{Directory, LEDGER};
use crate::keel::forgotten::Forgotten;
use crate::keel::history::History;
use crate::keel::policy::Policy;
use crate::keel::record::Record;
use crate::keel::time::{Now, Wall};

/// A ledger as it was at one moment, wherever it is kept.
#[derive(Clone, Debug)]
pub struct Transcript {
    pub(super) header: Header,
    pub(super) records: Vec<Record>,
    /// How many calls a torn end may have held, at most.
    torn: Option<u32>,
}

/// Why one ledger must not be put in the place of another.
#[derive(Debug, thiserror::Error)]
pub enum Forgets {
    /// It is not the same one, and has records of its own.
    #[error("the ledger there is another one: {there}, not {here}; all {records} records of it")]
    Another {
        /// The name of what is there.
        there: String,
        /// The name of what was to be put there.
        here: String,
        /// How many there are.
        records: usize,
    },
    /// A crash tore the end off what is there.
    #[error("the end of the ledger there was torn off by a crash, and may have held {0} calls")]
    Torn(u32),
    /// A start or stop.
    #[error("call {id}, {action} {deployment} of {at}")]
    Act {
        /// Its number.
        id: u64,
        /// `start` or `stop`.
        action: String,
        /// Of which deployment.
        deployment: String,
        /// When it was reserved.
        at: Wall,
    },
    /// A call that no process has settled.
    #[error("call {0}, {1}, which was under way when the process there ended")]
    Open(u64, String),
    /// What is known only as a count.
    #[error("calls that count until {0}")]
    Counted(Wall),
}

impl Transcript {
    pub(super) fn new(header: Header, records: Vec<Record>) -> Self {
        Self { header, records, torn: None }
    }

    /// Reads the ledger in `state_dir`, which another process may be writing; changes nothing.
    /// `None` if there is none.
    ///
    /// # Errors
    /// When there is something else than a ledger, or it cannot be read.
    pub fn of(state_dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = state_dir.join(LEDGER);
        match std::fs::read(&path) {
            Ok(text) => Self::parse(&path, &text).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io { doing: "read", path, source }),
        }
    }

    /// Reads a text. `path` is where it comes from, for messages.
    ///
    /// # Errors
    /// When it is no ledger, a newer one, or damaged; a torn end is none of these.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, OpenError> {
        let owned = || -> PathBuf { path.to_owned() };
        let corrupt = |line, offset, what: String| {
            OpenError::Corrupt(Corrupt { path: owned(), line, offset, what, copy: None })
        };
        let (header, start) = Header::read(text).map_err(|none| match none {
            NoHeader::Empty => OpenError::Empty { path: owned() },
            NoHeader::Foreign(first) => OpenError::Foreign { path: owned(), first },
            NoHeader::Newer(found) => OpenError::Newer { path: owned(), found },
            NoHeader::Damaged => corrupt(1, 0, "its header is damaged".to_owned()),
        })?;
        let mut records = Vec::new();
        let torn = match header.records(text, start, |record| records.push(record)) {
            End::Whole { .. } => None,
            End::Torn { calls, .. } => Some(calls),
            End::Bad { line, offset, what } => return Err(corrupt(line, offset as u64, what)),
        };
        Ok(Self { header, records, torn })
    }

    /// The text, as a file has it.
    ///
    /// # Errors
    /// When a record has no text.
    pub fn text(&self) -> serde_json::Result<Vec<u8>> {
        codec::encode_all(&self.header, &self.records)
    }

    /// The ledger's own name.
    pub fn id(&self) -> &str {
        &self.header.id
    }

    /// The format of [`Transcript::text`].
    pub const fn format(&self) -> u32 {
        codec::FORMAT
    }

    /// The number of the first record, whether there is one or not.
    pub const fn first(&self) -> u64 {
        self.header.base
    }

    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many calls the end that a crash tore off may have held, at most.
    pub const fn torn(&self) -> Option<u32> {
        self.torn
    }

    /// Counts a torn end, as the next process would. Nobody may write to the ledger any more.
    pub fn count_torn(&mut self, now: Now) {
        if let Some(calls) = self.torn.take() {
            self.records.push(Record::Started { now });
            self.records.push(Record::Spent { at: now.into(), calls });
        }
    }

    /// Begins a clock domain in which no other machine's wall clock counts: what is in here was
    /// just now, unless it is of this machine and boot.
    pub fn arrive(&mut self, now: Now) {
        self.records.push(Record::Succeeded { now, ago: 0 });
    }

    /// What the records add up to.
    pub fn fold(&self, policy: &Policy) -> History {
        let mut history = History::new(policy.clone());
        self.records.iter().for_each(|record| history.apply(record));
        history
    }

    /// Whether nothing is forgotten if this is put in the place of `there`.
    ///
    /// # Errors
    /// Says what would be.
    pub fn covers(&self, there: &Self, policy: &Policy, now: Now) -> Result<(), Forgets> {
        if let Some(calls) = there.torn {
            return Err(Forgets::Torn(calls));
        }
        if there.records.is_empty() {
            return Ok(());
        }
        if self.id() != there.id() {
            let (there, here, records) =
                (there.id().to_owned(), self.id().to_owned(), there.records.len());
            return Err(Forgets::Another { there, here, records });
        }
        if self.first() == there.first() && self.records.starts_with(&there.records) {
            return Ok(());
        }
        // One was compacted, or each went on by itself.
        match self.fold(policy).forgets(&there.fold(policy), now) {
            None => Ok(()),
            Some(Forgotten::Act(act)) => Err(Forgets::Act {
                id: act.id.0,
                action: act.action.to_string(),
                deployment: act.deployment.to_string(),
                at: act.reserved.wall,
            }),
            Some(Forgotten::Open(id, call)) => Err(Forgets::Open(id.0, call.to_string())),
            Some(Forgotten::Counted { until }) => Err(Forgets::Counted(until)),
        }
    }

    /// Puts it in the place of what is in the state directory, durably, all or nothing.
    ///
    /// # Errors
    /// What the disk said; if it is not known which of the two is there, the words say so.
    pub fn replace(&self, directory: &mut Directory) -> Result<(), OpenError> {
        let failed = |doing, path: &Path, source| {
            Err(OpenError::Io { doing, path: path.to_owned(), source })
        };
        let text = match self.text() {
            Ok(text) => text,
            Err(error) => return failed("write as text", directory.path(), error.into()),
        };
        match directory.replace(&text) {
            Ok(()) => Ok(()),
            Err(NotReplaced::Kept(source)) => failed("replace", directory.path(), source),
            Err(NotReplaced::Unknown(source)) => {
                failed("know whether what is durable is the new", directory.path(), source)
            }
        }
    }
}
