//! Leads: appends under its epoch, renews the lease, compacts.

use std::path::PathBuf;
use std::time::Duration;

use super::memory::Memory;
use super::store::{Put, Register, Stored, Trouble, Version};
use super::text::{Head, Lease, Segment};
use super::{Member, whole};
use crate::keel::record::Record;
use crate::keel::time::Mono;
use crate::ledger::Ledger;
use crate::ledger::codec::{self, Header};
use crate::ledger::fault::Fault;
use crate::ledger::transcript::Transcript;

/// The largest part of a snapshot: half of what a `ConfigMap` holds, a third of what etcd takes.
const SEGMENT_MAX: usize = 512 * 1024;

/// The head is written anew by each append, so it is kept small …
const TAIL_MIN: usize = 16 * 1024;

/// … unless the snapshot is so large that writing it more often would cost more.
const TAIL_MAX: usize = 128 * 1024;

/// How long a record that holds nothing back may wait for company.
const LINGER: Duration = Duration::from_secs(1);

/// So often a write is tried that meets an earlier attempt of its own.
const TRIES: usize = 3;

/// A ledger that this process leads.
#[derive(Debug)]
pub struct SharedLedger {
    member: Member,
    path: PathBuf,
    /// As it will be written next.
    head: Head,
    header: Header,
    /// The records behind the segments, those owed included.
    tail: Vec<u8>,
    /// The head's, as last known.
    version: Version,
    /// What the head's `next` was when it was last known to be durable.
    durable: u64,
    /// Since when there are records that were not written yet.
    since: Option<Mono>,
    /// A write of the head of which no answer came may still arrive.
    doubt: bool,
    lease: Version,
    count: u64,
    /// Until when this process may act.
    right: Mono,
    renew_at: Mono,
    compact_at: usize,
    over: Option<Over>,
    memory: Option<Memory>,
}

/// Why nothing is written any more.
#[derive(Clone, Debug)]
enum Over {
    Deposed(String),
    Broken(&'static str),
}

impl SharedLedger {
    pub(super) fn new(
        member: Member,
        (head, version): (Head, Version),
        (header, tail): (Header, Vec<u8>),
        (lease, began): (Version, Mono),
    ) -> Self {
        let terms = member.terms;
        let snapshot = head.segments.iter().map(|segment| segment.length).sum();
        Self {
            path: whole::path(&*member.store),
            member,
            durable: head.next,
            head,
            header,
            tail,
            version,
            since: None,
            doubt: false,
            lease,
            count: 0,
            right: began + terms.right(),
            renew_at: began + terms.renewal(),
            compact_at: tail_max(snapshot),
            over: None,
            memory: None,
        }
    }

    /// Notes from now on how far the ledger has got.
    pub(super) fn remember(&mut self, memory: Option<Memory>) {
        self.memory = memory;
        self.note();
    }

    fn note(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.note(&self.header.id, self.durable);
        }
    }

    /// The ledger's own name: 8 hexadecimal digits, the same through every compaction.
    pub fn id(&self) -> &str {
        &self.header.id
    }

    /// As it is, given the records in it.
    pub fn transcript(&self, records: Vec<Record>) -> Transcript {
        Transcript::new(self.header.clone(), records)
    }

    /// Which take-over of the ledger this is; from 1.
    pub const fn epoch(&self) -> u64 {
        self.head.epoch
    }

    fn usable(&self) -> Result<(), Fault> {
        let path = self.path.clone();
        match &self.over {
            None => Ok(()),
            Some(Over::Deposed(by)) => Err(Fault::Deposed { path, by: by.clone() }),
            Some(Over::Broken(what)) => Err(Fault::Broken { what, path, source: None }),
        }
    }

    fn end(&mut self, over: Over) -> Fault {
        self.over = Some(over.clone());
        let path = self.path.clone();
        match over {
            Over::Deposed(by) => Fault::Deposed { path, by },
            Over::Broken(what) => Fault::Broken { what, path, source: None },
        }
    }

    fn stuck(&self, doing: &'static str, trouble: Trouble) -> Fault {
        Fault::Stuck { doing, path: self.path.clone(), source: std::io::Error::other(trouble) }
    }

    /// Whether this process may still act; past that it must first renew its lease.
    fn entitled(&self) -> Result<(), Fault> {
        if self.member.now() < self.right {
            return Ok(());
        }
        let trouble = Trouble("the lease could not be renewed in time".to_owned());
        Err(self.stuck("write to", trouble))
    }

    fn value(&self) -> Vec<u8> {
        [self.head.line().as_bytes(), &self.tail].concat()
    }

    /// Writes the head as it stands, all that is owed included.
    fn write(&mut self) -> Result<(), Fault> {
        self.entitled()?;
        let value = self.value();
        self.put_head(&value)?;
        self.durable = self.head.next;
        self.since = None;
        self.note();
        Ok(())
    }

    /// Puts `value` in the head's place, if that is this process's.
    fn put_head(&mut self, value: &[u8]) -> Result<(), Fault> {
        for _ in 0..TRIES {
            match self.member.store.put_if(Register::Head, value, &self.version) {
                Put::Committed(version) => {
                    (self.version, self.doubt) = (version, false);
                    return Ok(());
                }
                Put::Unknown(trouble) => {
                    self.doubt = true;
                    return Err(self.stuck("write to", trouble));
                }
                Put::Conflict => self.look_at_head()?,
            }
        }
        let trouble = Trouble("its head changes each time".to_owned());
        Err(self.stuck("write to", trouble))
    }

    /// The head is another one than it was: by an attempt of this process that arrived after all,
    /// or because somebody else leads.
    fn look_at_head(&mut self) -> Result<(), Fault> {
        let read = self.member.store.read(Register::Head);
        let Stored { value, version } = read.map_err(|trouble| self.stuck("read", trouble))?;
        let Ok((found, _)) = Head::read(&value) else {
            let what = "its head is gone or damaged; was the engine wiped?";
            return Err(self.end(Over::Broken(what)));
        };
        if found.epoch > self.head.epoch {
            return Err(self.end(Over::Deposed(found.holder)));
        }
        let mine = found.epoch == self.head.epoch && found.holder == self.head.holder;
        if !mine || found.next < self.durable {
            let what = "it has forgotten what was written; was the engine restored from a backup?";
            return Err(self.end(Over::Broken(what)));
        }
        self.version = version;
        Ok(())
    }

    /// Renews the lease, if that is due. What fails is tried again soon; it matters when the right
    /// is over.
    fn renew(&mut self) -> Result<(), Fault> {
        let began = self.member.now();
        if began < self.renew_at {
            return Ok(());
        }
        self.renew_at = began + self.member.terms.renewal() / 2;
        for _ in 0..TRIES {
            let (began, value) = (self.member.now(), self.lease_line(true));
            match self.member.store.put_if(Register::Lease, &value, &self.lease) {
                Put::Committed(version) => {
                    self.lease = version;
                    self.right = began + self.member.terms.right();
                    self.renew_at = began + self.member.terms.renewal();
                    return Ok(());
                }
                Put::Unknown(_) => return Ok(()),
                Put::Conflict => {
                    let Ok(Stored { value, version }) = self.member.store.read(Register::Lease)
                    else {
                        return Ok(());
                    };
                    let other = Lease::read(&value).ok().and_then(|lease| lease.holder);
                    match other.filter(|holder| *holder != self.head.holder) {
                        Some(by) => return Err(self.end(Over::Deposed(by))),
                        None => self.lease = version,
                    }
                }
            }
        }
        Ok(())
    }

    fn lease_line(&mut self, held: bool) -> Vec<u8> {
        self.count += 1;
        let holder = held.then(|| self.head.holder.clone());
        Lease { holder, length: self.member.terms.lease, count: self.count }.line().into_bytes()
    }

    /// Writes a snapshot to registers that the head does not name. That the head is still this
    /// process's is looked up after their versions are: so none of these writes can land on what a
    /// later leader has written there.
    fn write_segments(&mut self, text: &[u8]) -> Result<Vec<Segment>, Fault> {
        let named = |number: &u16| self.head.segments.iter().any(|one| one.number == *number);
        let parts: Vec<&[u8]> = text.chunks(SEGMENT_MAX).collect();
        let free: Vec<u16> = (1..).filter(|number| !named(number)).take(parts.len()).collect();
        let mut versions = Vec::new();
        for number in &free {
            let read = self.member.store.read(Register::Segment(*number));
            versions.push(read.map_err(|trouble| self.stuck("compact", trouble))?.version);
        }
        self.look_at_head()?;
        let mut segments = Vec::new();
        for ((number, version), part) in free.into_iter().zip(versions).zip(parts) {
            match self.member.store.put_if(Register::Segment(number), part, &version) {
                Put::Committed(_) => segments.push(Segment { number, length: part.len() }),
                Put::Unknown(trouble) => return Err(self.stuck("compact", trouble)),
                Put::Conflict => {
                    let trouble = Trouble(format!("segment {number} was written meanwhile"));
                    return Err(self.stuck("compact", trouble));
                }
            }
        }
        Ok(segments)
    }

    fn try_compact(&mut self, snapshot: &[Record]) -> Result<(), Fault> {
        if self.doubt {
            // What may still arrive could name the registers that are free now.
            self.write()?;
        }
        self.entitled()?;
        let header = Header { id: self.header.id.clone(), base: self.head.next };
        self.put_all(header, snapshot)
    }

    /// Puts another ledger, which covers it, in the place of all that is there.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn adopt(&mut self, transcript: &Transcript) -> Result<(), Fault> {
        self.usable()?;
        self.entitled()?;
        self.put_all(transcript.header.clone(), &transcript.records)
    }

    /// Writes these records behind this header, and then a head that names them.
    fn put_all(&mut self, header: Header, records: &[Record]) -> Result<(), Fault> {
        let Ok(text) = codec::encode_all(&header, records) else {
            return Err(self.end(Over::Broken(NOT_TEXT)));
        };
        let segments = self.write_segments(&text)?;
        let next = header.base + records.len() as u64;
        let head = Head { segments, next, ..self.head.clone() };
        self.put_head(head.line().as_bytes())?;
        (self.head, self.header, self.durable, self.since) = (head, header, next, None);
        self.tail.clear();
        self.compact_at = tail_max(text.len());
        self.note();
        Ok(())
    }
}

const NOT_TEXT: &str = "a record cannot be written as text";

/// How long the tail may get: writing the snapshot should cost no more than rewriting the tail.
fn tail_max(snapshot: usize) -> usize {
    (snapshot / 4).clamp(TAIL_MIN, TAIL_MAX)
}

impl Ledger for SharedLedger {
    fn append(&mut self, records: &[Record], sync: bool) -> Result<(), Fault> {
        self.usable()?;
        for record in records {
            if self.header.encode(self.head.next, record, &mut self.tail).is_err() {
                return Err(self.end(Over::Broken(NOT_TEXT)));
            }
            self.head.next += 1;
        }
        let now = self.member.now();
        self.since.get_or_insert(now);
        if sync { self.write() } else { Ok(()) }
    }

    fn flush_owed(&mut self) -> Result<(), Fault> {
        self.usable()?;
        self.renew()?;
        self.write()
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.usable()?;
        if self.since.is_some() { self.write() } else { Ok(()) }
    }

    fn wants_compaction(&self) -> bool {
        self.over.is_none() && self.tail.len() > self.compact_at
    }

    fn compact(&mut self, snapshot: &[Record]) -> Result<(), Fault> {
        self.usable()?;
        let done = self.try_compact(snapshot);
        if done.is_err() {
            // Not at every turn: each try writes a whole snapshot.
            self.compact_at = self.tail.len() + TAIL_MIN;
        }
        done
    }

    fn attend(&mut self) -> Result<(), Fault> {
        self.usable()?;
        self.renew()?;
        self.entitled()?;
        let now = self.member.now();
        let due = self.since.is_some_and(|since| now.since(since) >= LINGER);
        if due { self.write() } else { Ok(()) }
    }

    fn right(&self) -> Option<Mono> {
        Some(self.right)
    }

    fn hand_over(&mut self) {
        if self.over.is_none() && self.since.is_none() && !self.doubt {
            let value = self.lease_line(false);
            // If it does not arrive, the lease runs out.
            let _ = self.member.store.put_if(Register::Lease, &value, &self.lease);
            self.end(Over::Deposed("whoever comes next".to_owned()));
        }
    }
}
