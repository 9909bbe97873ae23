//! What is durable, and what is noticed.

use std::time::Duration;

use evenkeel::keel::call::{Call, CallId, Request};
use evenkeel::keel::decision::{Decision, Effect, Permit};
use evenkeel::keel::deployment::{AccountId, DeploymentId};
use evenkeel::keel::record::{Record, Stamp};
use evenkeel::keel::time::Mono;
use evenkeel::ledger::shared::{Register, Taken};
use evenkeel::ledger::{Fault, Ledger as _, OpenError, Refused};

use super::conformance::conforms;
use super::engine::{Engine, Fate, Machine, two};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn start() -> Call {
    let deployment = DeploymentId::parse("a").unwrap();
    Call { account: AccountId::new("default"), request: Request::Start(deployment) }
}

/// A record that is told from others by its number.
pub(crate) fn record(number: u64) -> Record {
    let at = Stamp::default();
    Record::Reserved { at, id: CallId(number), call: start(), cause: None }
}

fn numbers(records: &[Record]) -> Vec<u64> {
    let number = |record: &Record| match record {
        Record::Reserved { id, .. } => id.0,
        other => panic!("{other:?}"),
    };
    records.iter().map(number).collect()
}

/// What a process on another machine would find.
fn there(engine: &Engine) -> Vec<u64> {
    numbers(&Machine::new("reader", 9, engine).follower().read().unwrap().unwrap_or_default())
}

#[test]
fn the_stand_in_conforms() {
    let engine = Engine::default();
    conforms(Box::new(engine.client()), Box::new(engine.client()));
}

#[test]
fn what_was_appended_is_there() {
    let (engine, a, b) = two();
    let Taken { mut ledger, records, before, .. } = a.leads();
    assert_eq!((records.len(), before, ledger.epoch()), (0, None, 1));
    assert_eq!(ledger.id(), "00000007");
    ledger.append(&[record(1), record(2)], true).unwrap();
    ledger.append(&[record(3)], false).unwrap();
    assert_eq!(there(&engine), [1, 2], "what holds nothing back waits for company …");
    a.passes(SECOND);
    ledger.attend().unwrap();
    assert_eq!(there(&engine), [1, 2, 3], "… and not for long");
    ledger.append(&[record(4)], false).unwrap();
    ledger.sync().unwrap();
    ledger.hand_over();
    let Taken { ledger, records, before, .. } = b.leads();
    assert_eq!((numbers(&records), before.as_deref()), (vec![1, 2, 3, 4], Some("a")));
    assert_eq!((ledger.epoch(), ledger.id()), (2, "00000007"));
}

#[test]
fn compaction_keeps_all_and_begins_anew() {
    let (engine, a, b) = two();
    let mut ledger = a.leads().ledger;
    let mut rounds = 0;
    for number in 1.. {
        ledger.append(&[record(number)], true).unwrap();
        if ledger.wants_compaction() {
            let snapshot: Vec<_> = (1..=number).map(record).collect();
            ledger.compact(&snapshot).unwrap();
            assert!(!ledger.wants_compaction());
            assert_eq!(there(&engine), (1..=number).collect::<Vec<_>>());
            rounds += 1;
        }
        if rounds == 5 {
            break;
        }
    }
    assert!(engine.text(Register::Head).len() < 1000, "{}", engine.text(Register::Head));
    ledger.append(&[record(1_000_000)], true).unwrap();
    ledger.hand_over();
    let Taken { mut ledger, records, .. } = b.leads();
    assert_eq!(numbers(&records).last(), Some(&1_000_000));
    ledger.append(&[record(1_000_001)], true).unwrap();
    assert_eq!(there(&engine).last(), Some(&1_000_001));
}

/// Larger than one register.
#[test]
fn a_large_snapshot_is_spread() {
    let (engine, a, _) = two();
    let mut ledger = a.leads().ledger;
    let snapshot: Vec<_> = (1..=9000).map(record).collect();
    ledger.compact(&snapshot).unwrap();
    assert_eq!(there(&engine).len(), 9000);
    let (one, two) = (engine.text(Register::Segment(1)), engine.text(Register::Segment(2)));
    assert_eq!(one.len(), 512 * 1024);
    assert!(!two.is_empty() && engine.text(Register::Segment(3)).is_empty());
    // Those that are in force are never written over.
    ledger.compact(&snapshot).unwrap();
    assert_eq!((engine.text(Register::Segment(1)), engine.text(Register::Segment(2))), (one, two));
    assert_eq!(there(&engine).len(), 9000);
}

#[test]
fn an_append_whose_outcome_is_not_known_is_owed_whatever_became_of_it() {
    for fate in [Fate::LostAnswer, Fate::Lost, Fate::Late] {
        let (engine, a, _) = two();
        let mut ledger = a.leads().ledger;
        a.client.fails(fate);
        let refused = ledger.append(&[record(1)], true).unwrap_err();
        assert!(refused.is_stuck(), "{refused}");
        let text = "cannot write to the ledger the stand-in; calls go on when this clears";
        assert_eq!(refused.to_string(), text);
        assert!(ledger.append(&[record(2)], true).unwrap_err().is_stuck());
        assert!(ledger.flush_owed().unwrap_err().is_stuck());
        a.client.fails(Fate::Done);
        if fate == Fate::Late {
            // Between looking and writing.
            engine.deliver();
        }
        ledger.flush_owed().unwrap();
        assert_eq!(there(&engine), [1, 2], "{fate:?}");
        // Nothing that is later still counts.
        engine.deliver();
        ledger.append(&[record(3)], true).unwrap();
        assert_eq!(there(&engine), [1, 2, 3], "{fate:?}");
    }
}

#[test]
fn a_compaction_whose_outcome_is_not_known_loses_nothing() {
    for fate in [Fate::LostAnswer, Fate::Lost, Fate::Late] {
        for delivered in [false, true] {
            let (engine, a, b) = two();
            let mut ledger = a.leads().ledger;
            ledger.compact(&[record(1), record(2)]).unwrap();
            ledger.append(&[record(3)], true).unwrap();
            a.client.fails(fate);
            let snapshot: Vec<_> = (1..=3).map(record).collect();
            assert!(ledger.compact(&snapshot).unwrap_err().is_stuck());
            a.client.fails(Fate::Done);
            if delivered {
                engine.deliver();
            }
            assert_eq!(there(&engine), [1, 2, 3], "{fate:?}");
            ledger.append(&[record(4)], true).unwrap();
            engine.deliver();
            assert_eq!(there(&engine), [1, 2, 3, 4], "{fate:?}");
            let snapshot: Vec<_> = (1..=4).map(record).collect();
            ledger.compact(&snapshot).unwrap();
            ledger.hand_over();
            assert_eq!(numbers(&b.leads().records), [1, 2, 3, 4], "{fate:?}");
        }
    }
}

/// Only the head's write is late: its segments are there, and must not be written over meanwhile.
#[test]
fn a_late_compaction_never_names_what_was_written_over() {
    let (engine, a, _) = two();
    let mut ledger = a.leads().ledger;
    ledger.append(&[record(1)], true).unwrap();
    let snapshot = [record(1)];
    // The segment is written by a round that is then in doubt.
    ledger.compact(&snapshot).unwrap();
    a.client.fails(Fate::Late);
    assert!(ledger.append(&[record(2)], true).unwrap_err().is_stuck());
    a.client.fails(Fate::Done);
    ledger.compact(&[record(1), record(2)]).unwrap();
    engine.deliver();
    assert_eq!(there(&engine), [1, 2]);
}

#[test]
fn a_deposed_leader_writes_nothing_and_lets_nothing_out() {
    let (engine, a, b) = two();
    let mut old = a.leads().ledger;
    old.append(&[record(1)], true).unwrap();
    let mut follower = b.follower();
    follower.look().unwrap();
    b.passes(20 * SECOND);
    follower.look().unwrap();
    let mut new = follower.take(0).unwrap().ledger;
    let mut decision = Decision::default();
    decision.record(record(2));
    let send_by = Mono::from_millis(i64::MAX);
    decision.then(Effect::Send(Permit { id: CallId(2), call: start(), send_by }));
    let refused = old.commit(decision).unwrap_err();
    assert!(matches!(refused, Refused::Broken(Fault::Deposed { by, .. }) if by == "b"));
    for fault in [
        old.append(&[record(3)], false).unwrap_err(),
        old.flush_owed().unwrap_err(),
        old.attend().unwrap_err(),
        old.sync().unwrap_err(),
        old.compact(&[]).unwrap_err(),
    ] {
        assert_eq!(fault.to_string(), "the ledger the stand-in is led by b now");
    }
    assert!(!old.wants_compaction());
    old.hand_over();
    new.append(&[record(4)], true).unwrap();
    assert_eq!(there(&engine), [1, 4]);
}

/// A leader that was paused while it compacted wakes up under another one.
#[test]
fn a_deposed_leader_writes_no_segment() {
    let (engine, a, b) = two();
    let mut old = a.leads().ledger;
    old.compact(&[record(1)]).unwrap();
    let mut follower = b.follower();
    follower.look().unwrap();
    b.passes(20 * SECOND);
    follower.look().unwrap();
    let mut new = follower.take(0).unwrap().ledger;
    new.compact(&[record(1), record(2)]).unwrap();
    let before = (engine.text(Register::Segment(1)), engine.text(Register::Segment(2)));
    assert!(matches!(old.compact(&[record(9)]), Err(Fault::Deposed { .. })));
    let after = (engine.text(Register::Segment(1)), engine.text(Register::Segment(2)));
    assert_eq!(before, after);
    assert_eq!(there(&engine), [1, 2]);
}

#[test]
fn an_engine_that_forgets_is_noticed() {
    let (engine, a, _) = two();
    let mut ledger = a.leads().ledger;
    let backup = engine.backup();
    ledger.append(&[record(1)], true).unwrap();
    engine.restore(backup);
    let fault = ledger.append(&[record(2)], true).unwrap_err();
    assert!(fault.to_string().contains("restored from a backup"), "{fault}");
    assert!(!fault.is_stuck());
    assert_eq!(there(&engine), [] as [u64; 0]);

    let (engine, a, _) = two();
    let mut ledger = a.leads().ledger;
    engine.restore(Default::default());
    let fault = ledger.append(&[record(1)], true).unwrap_err();
    assert!(fault.to_string().contains("was the engine wiped?"), "{fault}");
    assert!(ledger.append(&[record(2)], true).is_err(), "it stays so");
}

#[test]
fn what_is_damaged_is_refused() {
    let damage = |register, change: fn(&mut Vec<u8>)| {
        let (engine, a, b) = two();
        let mut ledger = a.leads().ledger;
        ledger.compact(&[record(1), record(2)]).unwrap();
        ledger.append(&[record(3), record(4)], true).unwrap();
        engine.scribble(register, change);
        let error = b.follower().read().unwrap_err();
        (matches!(error, OpenError::Corrupt(_)), error.to_string())
    };
    let flip = |text: &mut Vec<u8>| text[60] ^= 1;
    let half = |text: &mut Vec<u8>| text.truncate(text.len() - 50);
    let line = |text: &mut Vec<u8>| {
        let end = text[..text.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap();
        text.truncate(end + 1);
    };
    for (register, change) in [
        (Register::Head, flip as fn(&mut Vec<u8>)),
        (Register::Head, half),
        (Register::Head, line),
        (Register::Segment(1), flip),
        (Register::Segment(1), half),
        (Register::Segment(1), line),
    ] {
        let (corrupt, message) = damage(register, change);
        assert!(corrupt && message.contains("is damaged at line"), "{message}");
    }
    let (_, message) = damage(Register::Head, |text| *text = b"hello\n".to_vec());
    assert!(message.contains("the stand-in is not a ledger of evenkeel: it begins"), "{message}");
    let newer = |text: &mut Vec<u8>| *text = b"evenkeel-shared 2 and so on\n".to_vec();
    let (_, message) = damage(Register::Head, newer);
    assert!(message.contains("has format 2"), "{message}");
}
