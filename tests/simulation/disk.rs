//! The disk that keeps the ledger: what was written outlives the process, what was synced outlives
//! the machine. It holds the ledger's real text, or, where there are many millions of records, the
//! records alone.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use evenkeel::keel::call::CallId;
use evenkeel::keel::decision::Decision;
use evenkeel::keel::record::Record;
use evenkeel::ledger::{Fault, Ledger};

use crate::lie::{Lie, apart};
use crate::memory::Memory;

/// What a new process finds.
pub(crate) struct Found {
    pub(crate) ledger: Box<dyn Ledger>,
    pub(crate) records: Vec<Record>,
    /// See [`evenkeel::ledger::Torn::calls`].
    pub(crate) torn: u32,
}

/// Records without text.
#[derive(Default)]
struct Records {
    lines: Vec<Record>,
    synced: usize,
    torn: bool,
}

#[derive(Clone)]
enum Store {
    Text(Memory),
    Records(Rc<RefCell<Records>>),
}

/// The ledger's file.
pub(crate) struct Disk {
    store: Store,
    /// From which length on the wall clock was how wrong.
    marks: Vec<(usize, i64)>,
    /// The same for the file that was there before the last compaction.
    before: Vec<(usize, i64)>,
    lie: Lie,
}

impl Disk {
    pub(crate) fn new(text: bool, lie: Lie) -> Self {
        let store =
            if text { Store::Text(Memory::default()) } else { Store::Records(Rc::default()) };
        Self { store, marks: vec![(0, 0)], before: vec![], lie }
    }

    pub(crate) fn open(&self) -> Found {
        let (ledger, records, torn): (Box<dyn Ledger>, _, _) = match &self.store {
            Store::Text(memory) => {
                let (ledger, recovery, records) = memory.open().unwrap();
                (Box::new(ledger), records, recovery.torn.map_or(0, |torn| torn.calls))
            }
            Store::Records(plain) => {
                let torn = std::mem::take(&mut plain.borrow_mut().torn);
                let records = plain.borrow().lines.clone();
                (Box::new(Plain(plain.clone())), records, u32::from(torn))
            }
        };
        Found { ledger: Box::new(Lying(ledger, self.lie)), records, torn }
    }

    fn lengths(&self) -> (usize, usize) {
        match &self.store {
            Store::Text(memory) => {
                let state = memory.0.borrow();
                (state.written.len(), state.durable.len())
            }
            Store::Records(plain) => (plain.borrow().lines.len(), plain.borrow().synced),
        }
    }

    /// Up to where a new process reads: a part of a line is none.
    fn whole(&self) -> usize {
        match &self.store {
            Store::Text(memory) => {
                let state = memory.0.borrow();
                state.written.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
            }
            Store::Records(plain) => plain.borrow().lines.len(),
        }
    }

    /// What is written from now on is written while the wall clock is so wrong.
    pub(crate) fn mark(&mut self, wall_error: i64) {
        if self.wall_error() != wall_error {
            self.marks.push((self.whole(), wall_error));
        }
    }

    /// The ledger was replaced by a compaction.
    pub(crate) fn compacted(&mut self, wall_error: i64) {
        self.before = std::mem::replace(&mut self.marks, vec![(0, wall_error)]);
    }

    /// How wrong the wall clock was at the last line.
    pub(crate) fn wall_error(&self) -> i64 {
        self.marks.last().map_or(0, |(_, wall_error)| *wall_error)
    }

    /// The machine goes down: of what was not synced, so much is kept, in hundredths.
    pub(crate) fn power_off(&mut self, kept: usize) {
        let (written, durable) = self.lengths();
        let mut length = durable + written.saturating_sub(durable) * kept / 100;
        match &self.store {
            Store::Text(memory) => {
                let mut state = memory.0.borrow_mut();
                let header =
                    |text: &[u8]| text.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
                if header(&state.written) != header(&state.durable) {
                    // The file was replaced, and its directory not synced: one of the two is there.
                    if kept <= 50 {
                        state.written = state.durable.clone();
                        self.marks = std::mem::take(&mut self.before);
                    }
                    length = state.written.len();
                }
                state.written.truncate(length);
                if self.lie == Lie::LostSync {
                    length = without_last_lines(&state.written);
                    state.written.truncate(length);
                }
                state.durable = state.written.clone();
                state.same = state.durable.len();
            }
            Store::Records(plain) => {
                let mut plain = plain.borrow_mut();
                plain.lines.truncate(length);
                plain.synced = length;
            }
        }
        let whole = self.whole();
        while self.marks.len() > 1 && self.marks.last().is_some_and(|(from, _)| *from >= whole) {
            self.marks.pop();
        }
    }

    /// The process goes down while it writes the records of a decision, `part` bytes into it.
    pub(crate) fn tear(&mut self, ledger: &mut dyn Ledger, decision: Decision, part: usize) {
        match &self.store {
            Store::Text(memory) => {
                memory.0.borrow_mut().write_fault = Some((io::ErrorKind::Other, part));
                memory.0.borrow_mut().truncate_fault = Some(io::ErrorKind::Other);
                let _ = ledger.commit(decision);
                self.mend();
            }
            Store::Records(plain) => {
                let records = decision.records();
                plain.borrow_mut().lines.extend_from_slice(&records[..records.len() - 1]);
                plain.borrow_mut().torn = true;
            }
        }
    }

    /// It is full. Of what is written next, so many bytes have room.
    pub(crate) fn fill(&self, room: usize) {
        if let Store::Text(memory) = &self.store {
            let mut state = memory.0.borrow_mut();
            state.write_fault = Some((io::ErrorKind::StorageFull, room));
            state.replace_fault = Some((io::ErrorKind::StorageFull, false));
            state.aside_fault = Some(io::ErrorKind::StorageFull);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        match &self.store {
            Store::Text(memory) => memory.0.borrow().write_fault.is_some(),
            Store::Records(_) => false,
        }
    }

    /// The next sync fails, or that of the directory after the file was replaced.
    pub(crate) fn break_sync(&self, replacing: bool) {
        if let Store::Text(memory) = &self.store {
            let mut state = memory.0.borrow_mut();
            if replacing {
                state.replace_fault = Some((io::ErrorKind::Other, true));
            } else {
                state.sync_fault = Some(io::ErrorKind::Other);
            }
        }
    }

    /// It works again.
    pub(crate) fn mend(&self) {
        if let Store::Text(memory) = &self.store {
            let mut state = memory.0.borrow_mut();
            state.write_fault = None;
            state.truncate_fault = None;
            state.sync_fault = None;
            state.replace_fault = None;
            state.aside_fault = None;
        }
    }

    /// Whether the reservation of a call would outlive the machine.
    pub(crate) fn holds(&self, id: CallId) -> bool {
        let reserves = |record: Record| match record {
            Record::Reserved { id: known, .. } => known == id,
            _ => false,
        };
        match &self.store {
            Store::Text(memory) => {
                let state = memory.0.borrow();
                let lines = state.durable.rsplit(|byte| *byte == b'\n').take(400);
                let records = lines.filter_map(|line| {
                    let json = line.iter().position(|byte| *byte == b'{')?;
                    serde_json::from_slice(&line[json..]).ok()
                });
                apart(records.collect()).into_iter().any(reserves)
            }
            Store::Records(plain) => {
                let plain = plain.borrow();
                let last = plain.lines[..plain.synced].iter().rev().take(200);
                apart(last.cloned().collect()).into_iter().any(reserves)
            }
        }
    }
}

/// The length of a ledger without its last two lines; its header stays.
fn without_last_lines(text: &[u8]) -> usize {
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let ends: Vec<usize> = ends.map(|(at, _)| at + 1).collect();
    ends.get(ends.len().saturating_sub(3)).copied().unwrap_or(text.len())
}

struct Plain(Rc<RefCell<Records>>);

impl Ledger for Plain {
    fn append(&mut self, records: &[Record], sync: bool) -> Result<(), Fault> {
        let mut plain = self.0.borrow_mut();
        plain.lines.extend_from_slice(records);
        if sync {
            plain.synced = plain.lines.len();
        }
        Ok(())
    }

    fn flush_owed(&mut self) -> Result<(), Fault> {
        self.append(&[], true)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.append(&[], true)
    }

    fn wants_compaction(&self) -> bool {
        false
    }

    fn compact(&mut self, snapshot: &[Record]) -> Result<(), Fault> {
        self.0.borrow_mut().lines.clear();
        self.append(snapshot, true)
    }
}

/// A ledger that may not do what it says.
struct Lying(Box<dyn Ledger>, Lie);

impl Ledger for Lying {
    fn append(&mut self, records: &[Record], sync: bool) -> Result<(), Fault> {
        self.0.append(records, sync && self.1 != Lie::NeverSynced)
    }

    fn flush_owed(&mut self) -> Result<(), Fault> {
        self.0.flush_owed()
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.0.sync()
    }

    fn wants_compaction(&self) -> bool {
        self.0.wants_compaction()
    }

    fn compact(&mut self, snapshot: &[Record]) -> Result<(), Fault> {
        self.0.compact(&self.1.snapshot(snapshot.to_vec()))
    }
}
