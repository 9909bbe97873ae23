//! An engine that was wiped or rolled back while nobody ran is noticed by who saw it before.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use evenkeel::ledger::shared::{Memory, Taken};
use evenkeel::ledger::{Ledger as _, OpenError};

use super::engine::{Machine, two};
use super::protocol::record;

/// A state directory that goes with its test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("evenkeel-memory-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn takes(machine: &Machine, directory: &Path) -> Result<Taken, OpenError> {
    let mut follower = machine.follower().remembering(Memory::of(directory).unwrap());
    follower.look().unwrap();
    follower.take(7).map_err(|not| not.why.unwrap())
}

#[test]
fn an_engine_that_forgot_is_not_followed_by_who_saw_more() {
    let (engine, a, b) = two();
    let (of_a, of_b) = (Directory::new(), Directory::new());
    let mut ledger = takes(&a, &of_a.0).unwrap().ledger;
    ledger.append(&[record(1)], true).unwrap();
    let backup = engine.backup();
    ledger.append(&[record(2)], true).unwrap();
    ledger.hand_over();
    // What has only grown is the same one, compacted or not.
    let mut ledger = takes(&a, &of_a.0).unwrap().ledger;
    ledger.compact(&[record(1), record(2)]).unwrap();
    ledger.hand_over();
    let now = engine.backup();
    let cases = [(backup, "it ends before record"), (Default::default(), "there is none")];
    for (there, found) in cases {
        engine.restore(there);
        let error = takes(&a, &of_a.0).unwrap_err().to_string();
        assert!(error.contains("has forgotten calls") && error.contains(found), "{error}");
        assert!(error.contains("`evenkeel ledger import`"), "{error}");
        let mut reads = a.follower().remembering(Memory::of(&of_a.0).unwrap());
        assert!(matches!(reads.read().unwrap_err(), OpenError::Forgot { .. }));
    }
    // Who never saw it has nothing to tell by.
    engine.restore(Default::default());
    let mut other = takes(&b, &of_b.0).unwrap().ledger;
    other.append(&[record(1)], true).unwrap();
    engine.restore(now);
    assert_eq!(takes(&a, &of_a.0).unwrap().records.len(), 2);
}

#[test]
fn a_follower_notes_what_it_reads_and_damage_tells_nothing() {
    let (engine, a, b) = two();
    let directory = Directory::new();
    let mut ledger = a.leads().ledger;
    ledger.append(&[record(1)], true).unwrap();
    let mut follower = b.follower().remembering(Memory::of(&directory.0).unwrap());
    assert!(Memory::of(&directory.0).unwrap().is_blank());
    follower.read().unwrap();
    assert!(!Memory::of(&directory.0).unwrap().is_blank());
    engine.restore(Default::default());
    assert!(takes(&b, &directory.0).is_err());
    let file = std::fs::read_dir(&directory.0).unwrap().next().unwrap().unwrap().path();
    std::fs::write(file, "evenkeel-seen 1 00000007 00000000000000000002 00000000\n").unwrap();
    assert!(Memory::of(&directory.0).unwrap().is_blank());
    assert!(takes(&b, &directory.0).is_ok());
}
