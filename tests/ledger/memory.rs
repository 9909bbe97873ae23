//! A disk that loses what was not synced, and fails on demand.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use evenkeel::keel::record::Record;
use evenkeel::ledger::disk::{Aside, Disk, NotReplaced};
use evenkeel::ledger::{Journal, OpenError, Recovery};

/// What happened to the disk, and what is to happen.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) exists: bool,
    /// What a crash of the process leaves.
    pub(crate) written: Vec<u8>,
    /// What a power cut leaves.
    pub(crate) durable: Vec<u8>,
    /// Up to here the two are the same.
    pub(crate) same: usize,
    pub(crate) aside: Vec<(Aside, Vec<u8>)>,
    pub(crate) syncs: u32,
    /// The next writes fail with this, after so many bytes.
    pub(crate) write_fault: Option<(io::ErrorKind, usize)>,
    pub(crate) truncate_fault: Option<io::ErrorKind>,
    pub(crate) sync_fault: Option<io::ErrorKind>,
    /// Before (false) or after (true) the new content is in place.
    pub(crate) replace_fault: Option<(io::ErrorKind, bool)>,
    pub(crate) aside_fault: Option<io::ErrorKind>,
}

/// Several handles of one disk: the test's and the ledger's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(pub(crate) Rc<RefCell<State>>);

pub(crate) type MemoryLedger = Journal<Memory>;

impl Memory {
    pub(crate) fn holding(bytes: &[u8]) -> Self {
        let state = State {
            exists: true,
            written: bytes.to_vec(),
            durable: bytes.to_vec(),
            ..State::default()
        };
        Self(Rc::new(RefCell::new(state)))
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        self.0.borrow().written.clone()
    }

    /// As after a power cut.
    pub(crate) fn power_cut(&self) -> Self {
        Self::holding(&self.0.borrow().durable)
    }

    /// What the next process would read.
    pub(crate) fn records(&self) -> Vec<Record> {
        Self::holding(&self.written()).open().unwrap().2
    }

    pub(crate) fn open(&self) -> Result<(MemoryLedger, Recovery, Vec<Record>), OpenError> {
        let mut records = Vec::new();
        let (ledger, recovery) = Journal::on(self.clone(), |record| records.push(record))?;
        Ok((ledger, recovery, records))
    }
}

fn fail(kind: Option<io::ErrorKind>) -> io::Result<()> {
    kind.map_or(Ok(()), |kind| Err(kind.into()))
}

impl Disk for Memory {
    fn path(&self) -> &Path {
        Path::new("/state/ledger")
    }

    fn random(&mut self) -> io::Result<u32> {
        Ok(0x4f1c_09ab)
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let state = self.0.borrow();
        Ok(state.exists.then(|| state.written.clone()))
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let offset = usize::try_from(offset).unwrap();
        let written = state.write_fault.map_or(bytes.len(), |(_, part)| part.min(bytes.len()));
        assert!(offset <= state.written.len(), "a hole");
        let end = state.written.len().max(offset + written);
        state.written.resize(end, 0);
        state.same = state.same.min(offset);
        state.written[offset..offset + written].copy_from_slice(&bytes[..written]);
        fail(state.write_fault.map(|(kind, _)| kind))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        fail(state.truncate_fault)?;
        let length = usize::try_from(length).unwrap();
        state.written.truncate(length);
        state.same = state.same.min(length);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.syncs += 1;
        fail(state.sync_fault)?;
        let State { written, durable, same, .. } = &mut *state;
        durable.truncate(*same);
        durable.extend_from_slice(&written[*same..]);
        *same = written.len();
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), NotReplaced> {
        let mut state = self.0.borrow_mut();
        if let Some((kind, false)) = state.replace_fault {
            return Err(NotReplaced::Kept(kind.into()));
        }
        state.exists = true;
        state.written = bytes.to_vec();
        state.same = 0;
        if let Some((kind, true)) = state.replace_fault {
            return Err(NotReplaced::Unknown(kind.into()));
        }
        state.durable = bytes.to_vec();
        Ok(())
    }

    fn keep_aside(&mut self, why: Aside, bytes: &[u8]) -> io::Result<PathBuf> {
        let mut state = self.0.borrow_mut();
        fail(state.aside_fault)?;
        state.aside.push((why, bytes.to_vec()));
        Ok(PathBuf::from(format!("/state/aside-{}", state.aside.len())))
    }
}
