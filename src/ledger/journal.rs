//! The rules of what is durable, above a [`Disk`].

use super::Ledger;
use super::codec::{self, End, Header, NoHeader, Recovery, Torn};
use super::disk::{Aside, Disk, NotReplaced};
use super::fault::{Corrupt, Fault, OpenError};
use crate::crash;
use crate::keel::record::Record;

/// A ledger smaller than this is never compacted: it is read in some milliseconds, and an hour of
/// a small fleet fits in it.
const COMPACTION_MIN: u64 = 1024 * 1024;

/// How much larger than its last snapshot a ledger may get: a start reads at most as much again.
/// Compaction writes the snapshot once for each time its size that was appended.
const COMPACTION_FACTOR: u64 = 2;

/// Room that is kept for lines to come, in bytes.
const OWED_ROOM: usize = 64 * 1024;

/// What is in the file behind what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// What a failed write left. Must be cut off before anything is written.
    Rubbish,
    /// A torn end. All that tells of calls that it may have held, until something that counts them
    /// is written over it: only then may it be cut off.
    Evidence,
}

/// A ledger on a [`Disk`].
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    header: Header,
    next: u64,
    /// How much of the file counts.
    length: u64,
    /// Lines that count and are not in the file yet.
    owed: Vec<u8>,
    rest: Rest,
    /// Something in the file may not be durable.
    unsynced: bool,
    broken: bool,
    compact_at: u64,
}

impl<D: Disk> Journal<D> {
    /// Reads what is on the disk, handing each record to `each`, or begins a new ledger.
    ///
    /// A torn end is kept aside, and stays until the next append, so that it is found again if no
    /// record that counts it follows. The records that `each` got mean nothing if this fails.
    ///
    /// # Errors
    /// When there is something on the disk that is not a whole ledger, or the disk fails.
    pub fn on(mut disk: D, each: impl FnMut(Record)) -> Result<(Self, Recovery), OpenError> {
        let text = disk.read().map_err(|source| io_error(&disk, "read", source))?;
        let Some(text) = text else { return Self::create(disk) };
        let (header, start) = match Header::read(&text) {
            Ok(read) => read,
            Err(none) => return Err(no_header(&mut disk, none, &text)),
        };
        let (next, length, calls) = match header.records(&text, start, each) {
            End::Whole { next } => (next, text.len(), None),
            End::Torn { next, offset, calls } => (next, offset, Some(calls)),
            End::Bad { line, offset, what } => {
                return Err(corrupt(&mut disk, line, offset as u64, what, &text));
            }
        };
        let torn = calls.map(|calls| keep_torn(&mut disk, &text[length..], calls));
        let rest = if torn.is_some() { Rest::Evidence } else { Rest::Nothing };
        let fresh = next == header.base;
        let recovery = Recovery { id: header.id.clone(), fresh, torn };
        Ok((Self { rest, ..Self::new(disk, header, next, length as u64) }, recovery))
    }

    fn create(mut disk: D) -> Result<(Self, Recovery), OpenError> {
        let id = disk.random().map_err(|source| io_error(&disk, "name", source))?;
        let header = Header { id: format!("{id:08x}"), base: 1 };
        let line = header.line();
        disk.replace(line.as_bytes()).map_err(|error| match error {
            NotReplaced::Kept(source) | NotReplaced::Unknown(source) => {
                io_error(&disk, "create", source)
            }
        })?;
        let recovery = Recovery { id: header.id.clone(), fresh: true, torn: None };
        Ok((Self::new(disk, header, 1, line.len() as u64), recovery))
    }

    /// What an earlier process wrote may not be durable yet, so the first sync covers it.
    fn new(disk: D, header: Header, next: u64, length: u64) -> Self {
        Self {
            disk,
            header,
            next,
            length,
            owed: Vec::new(),
            rest: Rest::Nothing,
            unsynced: true,
            broken: false,
            compact_at: COMPACTION_MIN,
        }
    }

    /// The ledger's own name, as in [`Recovery::id`].
    pub fn id(&self) -> &str {
        &self.header.id
    }

    /// The disk below.
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    fn usable(&self) -> Result<(), Fault> {
        if self.broken { Err(self.fault("it has failed before", None)) } else { Ok(()) }
    }

    fn fault(&self, what: &'static str, source: Option<std::io::Error>) -> Fault {
        Fault::Broken { what, path: self.disk.path().to_owned(), source }
    }

    fn broke(&mut self, what: &'static str, source: Option<std::io::Error>) -> Fault {
        self.broken = true;
        self.fault(what, source)
    }

    fn stuck(&self, doing: &'static str, source: std::io::Error) -> Fault {
        Fault::Stuck { doing, path: self.disk.path().to_owned(), source }
    }

    /// Writes what is owed, all or nothing.
    fn write_owed(&mut self) -> Result<(), Fault> {
        self.usable()?;
        self.tidy()?;
        if self.owed.is_empty() {
            return Ok(());
        }
        crash::point("ledger:before-write");
        if crash::due("ledger:half-write") {
            let _ = self.disk.write(self.length, &self.owed[..self.owed.len() / 2]);
            crash::die();
        }
        if let Err(source) = self.disk.write(self.length, &self.owed) {
            if self.rest != Rest::Evidence {
                self.rest = Rest::Rubbish;
                // If this fails it is tried again before the next write; the write's fault says
                // more.
                let _ = self.tidy();
            }
            return Err(self.stuck("write to", source));
        }
        self.unsynced = true;
        self.length += self.owed.len() as u64;
        self.owed.clear();
        // A fleet's first look is large; what follows is not.
        self.owed.shrink_to(OWED_ROOM);
        if self.rest == Rest::Evidence {
            self.rest = Rest::Rubbish;
        }
        self.tidy()
    }

    /// Cuts off what does not count.
    fn tidy(&mut self) -> Result<(), Fault> {
        if self.rest == Rest::Rubbish {
            let cut = self.disk.truncate(self.length);
            cut.map_err(|source| self.stuck("cut a left-over off", source))?;
            self.rest = Rest::Nothing;
            self.unsynced = true;
        }
        Ok(())
    }

    fn make_durable(&mut self) -> Result<(), Fault> {
        if self.unsynced {
            crash::point("ledger:before-sync");
            if let Err(source) = self.disk.sync() {
                return Err(self.broke("what was written may not be durable", Some(source)));
            }
            self.unsynced = false;
            crash::point("ledger:after-sync");
        }
        Ok(())
    }
}

impl<D: Disk> Ledger for Journal<D> {
    fn append(&mut self, records: &[Record], sync: bool) -> Result<(), Fault> {
        self.usable()?;
        for record in records {
            if let Err(error) = self.header.encode(self.next, record, &mut self.owed) {
                return Err(self.broke("a record cannot be written as text", Some(error.into())));
            }
            self.next += 1;
        }
        self.write_owed()?;
        if sync { self.make_durable() } else { Ok(()) }
    }

    fn flush_owed(&mut self) -> Result<(), Fault> {
        self.write_owed()?;
        self.make_durable()
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.flush_owed()
    }

    fn wants_compaction(&self) -> bool {
        self.length > self.compact_at && !self.broken
    }

    fn compact(&mut self, snapshot: &[Record]) -> Result<(), Fault> {
        self.usable()?;
        let header = Header { id: self.header.id.clone(), base: self.next };
        let text = match codec::encode_all(&header, snapshot) {
            Ok(text) => text,
            Err(error) => {
                return Err(self.broke("a record cannot be written as text", Some(error.into())));
            }
        };
        match self.disk.replace(&text) {
            Ok(()) => {
                self.next += snapshot.len() as u64;
                self.header = header;
                self.length = text.len() as u64;
                self.owed.clear();
                (self.rest, self.unsynced) = (Rest::Nothing, false);
                self.compact_at = COMPACTION_MIN.max(self.length * COMPACTION_FACTOR);
                Ok(())
            }
            Err(NotReplaced::Kept(source)) => {
                // Not at every turn: each try writes and throws away a whole snapshot.
                self.compact_at = self.length + COMPACTION_MIN;
                Err(self.stuck("compact", source))
            }
            Err(NotReplaced::Unknown(source)) => {
                Err(self.broke("the compacted file may not be the one in force", Some(source)))
            }
        }
    }
}

/// Keeps a torn end aside.
fn keep_torn<D: Disk>(disk: &mut D, tail: &[u8], calls: u32) -> Torn {
    // A full disk is a likely cause of the tear, and no reason to stay down: the bytes are
    // counted as calls, and serve nothing but curiosity.
    let kept = disk.keep_aside(Aside::Torn, tail).ok();
    Torn { bytes: tail.len() as u64, calls, kept }
}

fn io_error<D: Disk>(disk: &D, doing: &'static str, source: std::io::Error) -> OpenError {
    OpenError::Io { doing, path: disk.path().to_owned(), source }
}

fn corrupt<D: Disk>(disk: &mut D, line: u64, offset: u64, what: String, text: &[u8]) -> OpenError {
    let copy = disk.keep_aside(Aside::Corrupt, text).ok();
    Corrupt { path: disk.path().to_owned(), line, offset, what, copy }.into()
}

fn no_header<D: Disk>(disk: &mut D, none: NoHeader, text: &[u8]) -> OpenError {
    let path = disk.path().to_owned();
    match none {
        NoHeader::Empty => OpenError::Empty { path },
        NoHeader::Foreign(first) => OpenError::Foreign { path, first },
        NoHeader::Newer(found) => OpenError::Newer { path, found },
        NoHeader::Damaged => corrupt(disk, 1, 0, "its header is damaged".to_owned(), text),
    }
}
