//! Stands by: watches the lease, reads along, and takes over when it is time.

use std::time::Duration;

use super::Member;
use super::leader::SharedLedger;
use super::memory::Memory;
use super::store::{Put, Register, Stored, Version};
use super::text::{Head, Lease};
use super::whole::{self, Known, Whole};
use crate::keel::record::Record;
use crate::keel::time::{Mono, Now};
use crate::ledger::codec::Header;
use crate::ledger::fault::OpenError;

/// One that does not lead.
#[derive(Debug)]
pub struct Follower {
    member: Member,
    /// The lease's state, and when it was first seen.
    seen: Option<(Version, Mono)>,
    /// The head whose records were last given out.
    known: Option<Version>,
    watched: Watched,
    memory: Option<Memory>,
}

/// When the last record was first seen, by this machine's clock. By that of who wrote it nothing is
/// counted: it may run at another rate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    seen: Option<(Now, Mono)>,
}

impl Watched {
    /// The last record was made at `last`, by its writer's clocks, and is there `now`.
    fn note(&mut self, last: Option<Now>, now: Mono) {
        if self.seen.map(|(seen, _)| seen) != last {
            self.seen = last.map(|last| (last, now));
        }
    }

    /// How long ago `last` is `now`, at least. No wall clock is asked.
    pub fn ago(&self, last: Option<Now>, now: Mono) -> Duration {
        match (last, self.seen) {
            (Some(last), Some((seen, at))) if seen == last => now.since(at),
            (Some(_) | None, _) => Duration::ZERO,
        }
    }
}

/// What a look at the lease shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Somebody leads, or may.
    Led {
        /// Who.
        by: String,
    },
    /// Nobody does: take over.
    Free,
}

/// A ledger that was taken over.
#[derive(Debug)]
pub struct Taken {
    /// The ledger.
    pub ledger: SharedLedger,
    /// What is in it.
    pub records: Vec<Record>,
    /// Who led before; `None`: nobody, the ledger is new.
    pub before: Option<String>,
    /// What was seen of the leader before.
    pub watched: Watched,
}

/// A ledger that was not taken over.
#[derive(Debug)]
pub struct NotTaken {
    /// Goes on.
    pub follower: Follower,
    /// What is wrong, if something is.
    pub why: Option<OpenError>,
}

impl Follower {
    /// Nothing was seen yet.
    pub fn new(member: Member) -> Self {
        Self { member, seen: None, known: None, watched: Watched::default(), memory: None }
    }

    /// Notes how far the ledger has got, and follows none that has not got as far as what is noted.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        Self { memory: Some(memory), ..self }
    }

    fn remember(&mut self, known: Option<&Known>) -> Result<(), OpenError> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let there = known.map(|known| (known.header.id.as_str(), known.head.next));
        memory.check(&whole::path(&*self.member.store), there)?;
        if let Some((id, next)) = there {
            memory.note(id, next);
        }
        Ok(())
    }

    /// Which ledger in which engine.
    pub fn place(&self) -> &str {
        self.member.store.place()
    }

    /// Looks at the lease. Nobody leads where it is handed over, or has not changed for its whole
    /// length since it was first seen so.
    ///
    /// # Errors
    /// When the engine does not answer, or something else is in the lease's place.
    pub fn look(&mut self) -> Result<Sight, OpenError> {
        let Stored { value, version } = whole::get(&mut *self.member.store, Register::Lease)?;
        // After the read, which is later than the change: others have at least this long.
        let now = self.member.now();
        let since = match &self.seen {
            Some((known, since)) if *known == version => *since,
            Some(_) | None => now,
        };
        self.seen = Some((version, since));
        if value.is_empty() {
            return Ok(Sight::Free);
        }
        let lease =
            Lease::read(&value).map_err(|odd| whole::of_no_head(&*self.member.store, odd))?;
        let Some(by) = lease.holder else { return Ok(Sight::Free) };
        // An earlier try of this process, of which no answer came.
        let mine = by == self.member.holder;
        let over = now.since(since) >= lease.length.max(self.member.terms.lease);
        Ok(if mine || over { Sight::Free } else { Sight::Led { by } })
    }

    /// All records, if they are others than those that were given out last.
    ///
    /// # Errors
    /// When the engine does not answer, or what it has is no ledger.
    pub fn read(&mut self) -> Result<Option<Vec<Record>>, OpenError> {
        let head = whole::get(&mut *self.member.store, Register::Head)?;
        if self.known.as_ref() == Some(&head.version) {
            return Ok(None);
        }
        let Whole { version, known } = Whole::behind(head, &mut *self.member.store)?;
        self.remember(known.as_ref())?;
        self.known = Some(version);
        Ok(Some(known.map_or_else(Vec::new, |known| known.records)))
    }

    /// Notes that the last record of those that were read was made at `last`, so that it is known
    /// later how long ago that is.
    pub fn note(&mut self, last: Option<Now>) {
        let now = self.member.now();
        self.watched.note(last, now);
    }

    /// Takes the lease, reads the ledger, and writes the next epoch over it. `id` is the name of a
    /// ledger that does not exist yet.
    ///
    /// # Errors
    /// Gives the follower back: somebody was faster, or no answer came, or what is there is no
    /// ledger.
    pub fn take(mut self, id: u32) -> Result<Taken, Box<NotTaken>> {
        match self.claim(id) {
            Ok(Some(Claim { head, text, lease, records, before })) => {
                let mut ledger = SharedLedger::new(self.member, head, text, lease);
                ledger.remember(self.memory);
                Ok(Taken { ledger, records, before, watched: self.watched })
            }
            Ok(None) => Err(Box::new(NotTaken { follower: self, why: None })),
            Err(why) => Err(Box::new(NotTaken { follower: self, why: Some(why) })),
        }
    }

    fn claim(&mut self, id: u32) -> Result<Option<Claim>, OpenError> {
        let Member { store, holder, terms, clock } = &mut self.member;
        let Some((version, _)) = &self.seen else { return Ok(None) };
        let began = clock();
        let lease = Lease { holder: Some(holder.clone()), length: terms.lease, count: 0 };
        let put = store.put_if(Register::Lease, lease.line().as_bytes(), version);
        // Whatever became of it, the next look finds out.
        let Put::Committed(version) = put else { return Ok(None) };
        let lease = (version, began);
        self.seen = Some(lease.clone());
        let Whole { version, known } = Whole::read(&mut **store)?;
        self.remember(known.as_ref())?;
        let Member { store, holder, .. } = &mut self.member;
        let before = known.as_ref().map(|known| known.head.holder.clone());
        let Known { mut head, header, tail, records } = known.unwrap_or_else(|| nothing(id));
        head.epoch += 1;
        head.holder.clone_from(holder);
        let value = [head.line().as_bytes(), &tail].concat();
        let put = store.put_if(Register::Head, &value, &version);
        let Put::Committed(version) = put else { return Ok(None) };
        let (head, text) = ((head, version), (header, tail));
        Ok(Some(Claim { head, text, lease, records, before }))
    }
}

/// What was written, and read before that.
struct Claim {
    head: (Head, Version),
    text: (Header, Vec<u8>),
    lease: (Version, Mono),
    records: Vec<Record>,
    before: Option<String>,
}

/// A ledger that does not exist yet.
fn nothing(id: u32) -> Known {
    let header = Header { id: format!("{id:08x}"), base: 1 };
    let head = Head { epoch: 0, holder: String::new(), next: 1, segments: Vec::new() };
    Known { head, tail: header.line().into_bytes(), header, records: Vec::new() }
}
