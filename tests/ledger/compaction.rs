//! A snapshot in the place of all records, all or nothing.

use std::io::ErrorKind;

use evenkeel::keel::call::{Call, CallId, Request};
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::record::{Record, Stamp};
use evenkeel::ledger::Ledger as _;

use super::memory::{Memory, MemoryLedger};
use super::records::{reserved, settled};

const MIB: usize = 1024 * 1024;

fn fill(ledger: &mut MemoryLedger, disk: &Memory, length: usize) {
    let batch: Vec<Record> = (0..500).map(settled).collect();
    while disk.0.borrow().written.len() <= length {
        ledger.append(&batch, false).unwrap();
    }
}

#[test]
fn a_snapshot_takes_the_place_of_all_records_and_the_name_stays() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    ledger.append(&[reserved(1), settled(1)], true).unwrap();
    ledger.compact(&[settled(7)]).unwrap();
    ledger.append(&[reserved(8)], true).unwrap();
    let (ledger, recovery, read) = disk.power_cut().open().unwrap();
    assert_eq!((recovery.id.as_str(), recovery.fresh), ("4f1c09ab", false));
    assert_eq!((ledger.id(), read), ("4f1c09ab", vec![settled(7), reserved(8)]));
    let text = String::from_utf8(disk.written()).unwrap();
    let numbers: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(numbers, ["evenkeel-ledger", "3", "4"], "numbers go on");
}

#[test]
fn it_is_wanted_at_a_size_and_at_a_multiple_of_the_last_snapshot() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    fill(&mut ledger, &disk, MIB / 2);
    assert!(!ledger.wants_compaction());
    fill(&mut ledger, &disk, MIB);
    assert!(ledger.wants_compaction());
    let snapshot: Vec<Record> = (0..8000).map(settled).collect();
    ledger.compact(&snapshot).unwrap();
    let size = disk.written().len();
    assert!(size > MIB / 4 && !ledger.wants_compaction());
    fill(&mut ledger, &disk, size * 3 / 2);
    assert!(!ledger.wants_compaction());
    fill(&mut ledger, &disk, size * 2);
    assert!(ledger.wants_compaction());
}

#[test]
fn a_snapshot_that_finds_no_room_leaves_the_old_records_in_force() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    fill(&mut ledger, &disk, MIB);
    let before = disk.records();
    disk.0.borrow_mut().replace_fault = Some((ErrorKind::StorageFull, false));
    let fault = ledger.compact(&[settled(7)]).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "cannot compact the ledger /state/ledger; calls go on when this clears"
    );
    assert!(!ledger.wants_compaction(), "not again at every turn");
    ledger.append(&[settled(8)], true).unwrap();
    assert_eq!(disk.power_cut().records(), [&before[..], &[settled(8)]].concat());
    fill(&mut ledger, &disk, 2 * MIB + MIB / 16);
    assert!(ledger.wants_compaction());
}

#[test]
fn a_snapshot_that_may_not_last_is_fatal() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    disk.0.borrow_mut().replace_fault = Some((ErrorKind::Other, true));
    assert!(!ledger.compact(&[settled(7)]).unwrap_err().is_stuck());
    assert!(!ledger.append(&[settled(8)], true).unwrap_err().is_stuck());
}

#[test]
fn a_snapshot_tells_what_was_owed_too() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    ledger.append(&[settled(1)], true).unwrap();
    disk.0.borrow_mut().write_fault = Some((ErrorKind::StorageFull, 9));
    assert!(ledger.append(&[settled(2)], true).unwrap_err().is_stuck());
    disk.0.borrow_mut().write_fault = None;
    ledger.compact(&[settled(1), settled(2)]).unwrap();
    ledger.append(&[settled(3)], true).unwrap();
    assert_eq!(disk.power_cut().records(), [settled(1), settled(2), settled(3)]);
}

#[test]
fn a_ledger_of_just_the_size_is_not_compacted_yet() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    fill(&mut ledger, &disk, MIB - 80_000);
    let padded = |length| {
        let call = Call { account: AccountId::new(&"x".repeat(length)), request: Request::List };
        Record::Reserved { at: Stamp::default(), id: CallId(1), call, cause: None }
    };
    let before = disk.written().len();
    let probe = Memory::holding(&disk.written());
    probe.open().unwrap().0.append(&[padded(20_000)], false).unwrap();
    let around = probe.written().len() - before - 20_000;
    ledger.append(&[padded(MIB - before - around)], false).unwrap();
    assert_eq!((disk.written().len(), ledger.wants_compaction()), (MIB, false));
    ledger.append(&[settled(1)], false).unwrap();
    assert!(ledger.wants_compaction());
}
