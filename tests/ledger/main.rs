//! The ledger: what is durable, what is noticed, what is refused.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

mod codec;
mod compaction;
mod crash;
mod durability;
mod files;
mod memory;
mod records;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use evenkeel::keel::record::Record;

use crate::memory::{Memory, State};

/// A directory of its own, gone with the test.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("evenkeel-ledger-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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
}
