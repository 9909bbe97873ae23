//! What is durable when, and what a failing disk does.

use std::io::ErrorKind;

use evenkeel::keel::call::{Call, CallId, Request};
use evenkeel::keel::decision::{Decision, Effect, Permit};
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::record::Record;
use evenkeel::keel::time::Mono;
use evenkeel::ledger::{Fault, Ledger as _, Refused};

use super::memory::Memory;
use super::records::{reserved, settled};

const NOTICE: Notice = Notice::Recovered { open: 1, past: 2 };

fn sending(number: u64) -> Decision {
    let mut decision = Decision::default();
    decision.record(reserved(number));
    decision.tell(NOTICE);
    let call = Call { account: AccountId::new("default"), request: Request::List };
    let permit = Permit { id: CallId(number), call, send_by: Mono::from_millis(0) };
    decision.then(Effect::Send(permit));
    decision
}

fn remembering(number: u64) -> Decision {
    let mut decision = Decision::default();
    decision.record(settled(number));
    decision
}

#[test]
fn what_lets_a_call_out_is_durable_with_all_before_it_and_the_rest_follows_later() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    let durable = || disk.power_cut().open().unwrap().2;
    let _ = ledger.commit(remembering(1)).unwrap();
    assert_eq!((durable(), disk.records()), (vec![], vec![settled(1)]));
    let released = ledger.commit(sending(2)).unwrap();
    assert_eq!((released.effects.len(), released.notices), (1, vec![NOTICE]));
    assert_eq!(durable(), [settled(1), reserved(2)]);
    let _ = ledger.commit(remembering(3)).unwrap();
    assert_eq!(durable(), [settled(1), reserved(2)]);
    ledger.sync().unwrap();
    assert_eq!(durable(), [settled(1), reserved(2), settled(3)]);
    let syncs = disk.0.borrow().syncs;
    ledger.sync().unwrap();
    let _ = ledger.commit(Decision::default()).unwrap();
    assert_eq!(disk.0.borrow().syncs, syncs, "nothing new, nothing to sync");
}

#[test]
fn the_first_sync_covers_what_an_earlier_process_left_unsynced() {
    let disk = Memory::default();
    disk.open().unwrap().0.append(&[settled(1)], false).unwrap();
    let (mut ledger, _, read) = disk.open().unwrap();
    assert_eq!((read, disk.power_cut().records()), (vec![settled(1)], vec![]));
    ledger.sync().unwrap();
    assert_eq!(disk.power_cut().records(), [settled(1)]);
}

#[test]
fn a_full_disk_withholds_the_effects_and_owes_the_records() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem] {
        for part in [0, 1, 50, usize::MAX] {
            let disk = Memory::default();
            let (mut ledger, ..) = disk.open().unwrap();
            ledger.append(&[settled(1)], true).unwrap();
            disk.0.borrow_mut().write_fault = Some((kind, part));
            let before = disk.written();
            let refused = ledger.commit(sending(2)).unwrap_err();
            let Refused::Stuck { fault, calls, notices } = refused else { panic!("{refused}") };
            assert!(fault.is_stuck());
            assert_eq!(
                fault.to_string(),
                "cannot write to the ledger /state/ledger; calls go on when this clears"
            );
            assert_eq!((calls, notices), (vec![CallId(2)], vec![NOTICE]));
            assert_eq!(disk.written(), before, "put back to its good length");
            let refused = ledger.commit(remembering(3)).unwrap_err();
            assert!(matches!(refused, Refused::Stuck { calls, .. } if calls.is_empty()));
            assert!(ledger.flush_owed().unwrap_err().is_stuck());
            disk.0.borrow_mut().write_fault = None;
            ledger.flush_owed().unwrap();
            let all = vec![settled(1), reserved(2), settled(3)];
            assert_eq!(disk.power_cut().records(), all);
        }
    }
}

#[test]
fn what_is_owed_goes_first_with_the_next_append() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    disk.0.borrow_mut().write_fault = Some((ErrorKind::StorageFull, 30));
    assert!(ledger.append(&[settled(1)], true).unwrap_err().is_stuck());
    disk.0.borrow_mut().write_fault = None;
    assert_eq!(ledger.commit(sending(2)).unwrap().effects.len(), 1);
    assert_eq!(disk.power_cut().records(), [settled(1), reserved(2)]);
}

#[test]
fn nothing_is_written_behind_what_a_failed_write_left() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    {
        let mut state = disk.0.borrow_mut();
        state.write_fault = Some((ErrorKind::StorageFull, 70));
        state.truncate_fault = Some(ErrorKind::Other);
    }
    let length = disk.written().len();
    assert!(ledger.append(&[reserved(1)], true).unwrap_err().is_stuck());
    assert_eq!(disk.written().len(), length + 70);
    disk.0.borrow_mut().write_fault = None;
    let fault = ledger.append(&[settled(2)], true).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "cannot cut a left-over off the ledger /state/ledger; calls go on when this clears"
    );
    assert_eq!(disk.written().len(), length + 70);
    disk.0.borrow_mut().truncate_fault = None;
    ledger.append(&[], true).unwrap();
    assert_eq!(disk.power_cut().records(), [reserved(1), settled(2)]);
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    disk.0.borrow_mut().sync_fault = Some(ErrorKind::Other);
    let refused = ledger.commit(sending(1)).unwrap_err();
    assert!(
        matches!(&refused, Refused::Broken(Fault::Broken { source: Some(_), .. })),
        "{refused}"
    );
    disk.0.borrow_mut().sync_fault = None;
    let (syncs, written) = (disk.0.borrow().syncs, disk.written());
    let broken = "the ledger /state/ledger failed: it has failed before";
    assert!(matches!(ledger.commit(sending(2)), Err(Refused::Broken(_))));
    assert!(matches!(ledger.commit(remembering(3)), Err(Refused::Broken(_))));
    assert_eq!(ledger.append(&[settled(4)], false).unwrap_err().to_string(), broken);
    assert_eq!(ledger.flush_owed().unwrap_err().to_string(), broken);
    assert_eq!(ledger.sync().unwrap_err().to_string(), broken);
    assert_eq!(ledger.compact(&[]).unwrap_err().to_string(), broken);
    assert!(!ledger.wants_compaction());
    assert_eq!((disk.0.borrow().syncs, disk.written()), (syncs, written), "left alone");
}

/// A ledger with one record and half a line.
fn torn(tail: &str) -> Memory {
    let disk = Memory::default();
    disk.open().unwrap().0.append(&[settled(1)], true).unwrap();
    Memory::holding(&[disk.written(), tail.as_bytes().to_vec()].concat())
}

#[test]
fn a_torn_end_is_no_reason_to_stay_down_on_a_full_disk() {
    let disk = torn("2 60 0123");
    disk.0.borrow_mut().aside_fault = Some(ErrorKind::StorageFull);
    let (_, recovery, read) = disk.open().unwrap();
    let torn = recovery.torn.unwrap();
    assert_eq!((read, torn.bytes, torn.calls, torn.kept), (vec![settled(1)], 9, 1, None));
}

#[test]
fn a_torn_end_is_found_again_until_a_record_takes_its_place() {
    for tail in ["2", &"x".repeat(500)] {
        for part in [0, 30, usize::MAX] {
            let disk = torn(tail);
            let (mut ledger, ..) = disk.open().unwrap();
            ledger.sync().unwrap();
            disk.0.borrow_mut().write_fault = Some((ErrorKind::StorageFull, part));
            assert!(ledger.append(&[settled(2)], true).unwrap_err().is_stuck());
            let left = Memory::holding(&disk.written()).open().unwrap();
            let whole = usize::from(part == usize::MAX);
            assert_eq!(left.2.len(), 1 + whole);
            assert!(left.1.torn.is_some() || whole == 1, "{tail} {part}");
            disk.0.borrow_mut().write_fault = None;
            ledger.append(&[settled(3)], true).unwrap();
            let (_, recovery, read) = disk.power_cut().open().unwrap();
            assert_eq!((recovery.torn, read), (None, vec![settled(1), settled(2), settled(3)]));
        }
    }
}

#[test]
fn a_torn_end_that_cannot_be_cut_off_lets_nothing_out() {
    let disk = torn(&"x".repeat(500));
    let (mut ledger, ..) = disk.open().unwrap();
    disk.0.borrow_mut().truncate_fault = Some(ErrorKind::Other);
    assert!(matches!(ledger.commit(sending(2)), Err(Refused::Stuck { .. })));
    assert!(Memory::holding(&disk.written()).open().unwrap().1.torn.is_some());
    assert!(ledger.flush_owed().unwrap_err().is_stuck());
    disk.0.borrow_mut().truncate_fault = None;
    ledger.flush_owed().unwrap();
    let (_, recovery, read) = disk.power_cut().open().unwrap();
    assert_eq!((recovery.torn, read), (None, vec![settled(1), reserved(2)]));
}

#[test]
fn a_record_is_owed_once() {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    disk.0.borrow_mut().write_fault = Some((ErrorKind::StorageFull, 0));
    let records: Vec<Record> = (0..20).map(settled).collect();
    for record in &records {
        assert!(ledger.append(std::slice::from_ref(record), false).unwrap_err().is_stuck());
    }
    disk.0.borrow_mut().write_fault = None;
    ledger.flush_owed().unwrap();
    assert_eq!(disk.records(), records);
}
