//! Who leads, until when, and how long ago the past is.

use std::time::Duration;

use evenkeel::keel::budget::Verdict;
use evenkeel::keel::call::{CallId, Fate as CallFate};
use evenkeel::keel::decision::{Decision, Effect, Permit, Released};
use evenkeel::keel::history::History;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::{Reconciler, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::Mono;
use evenkeel::ledger::shared::{Register, Sight};
use evenkeel::ledger::{Fault, Ledger as _};

use super::engine::{Fate, Machine, TERMS, two};
use super::protocol::{record, start};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_leader_that_renews_is_left_alone() {
    let (_, a, b) = two();
    let mut ledger = a.leads().ledger;
    let mut follower = b.follower();
    for _ in 0..100 {
        assert_eq!(follower.look().unwrap(), Sight::Led { by: "a".to_owned() });
        a.passes(SECOND);
        b.passes(SECOND);
        ledger.attend().unwrap();
        assert!(ledger.right().unwrap() > a.mono());
    }
}

/// By the follower's own clock, from when it first saw the lease as it is.
#[test]
fn a_silent_leader_is_left_alone_for_the_whole_lease() {
    let (_, a, b) = two();
    let _ledger = a.leads();
    b.passes(100 * SECOND);
    let mut follower = b.follower();
    let led = Sight::Led { by: "a".to_owned() };
    assert_eq!(follower.look().unwrap(), led, "it may be older, but nobody saw that");
    b.passes(TERMS.lease - Duration::from_millis(1));
    assert_eq!(follower.look().unwrap(), led);
    b.passes(Duration::from_millis(1));
    assert_eq!(follower.look().unwrap(), Sight::Free);
}

/// Whatever rates the two clocks have, up to half as fast again: its right is over before.
#[test]
fn a_leaders_right_ends_before_others_may_take_over() {
    let (_, a, b) = two();
    let ledger = a.leads().ledger;
    let mut follower = b.follower();
    follower.look().unwrap();
    for _ in 0..1000 {
        a.passes(Duration::from_millis(100));
        b.passes(Duration::from_millis(149));
        if follower.look().unwrap() == Sight::Free {
            assert!(ledger.right().unwrap() < a.mono());
            return;
        }
    }
    panic!("never free");
}

#[test]
fn no_permit_outlives_the_right() {
    let (_, a, _) = two();
    let mut ledger = a.leads().ledger;
    let mut send_by = |far: Mono| {
        let mut decision = Decision::default();
        decision.record(record(1));
        decision.then(Effect::Send(Permit { id: CallId(1), call: start(), send_by: far }));
        let Released { effects, .. } = ledger.commit(decision).unwrap();
        match effects.as_slice() {
            [Effect::Send(permit)] => permit.send_by,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(send_by(a.mono() + 100 * SECOND), a.mono() + TERMS.right());
    assert_eq!(send_by(a.mono() + SECOND), a.mono() + SECOND);
}

#[test]
fn without_its_right_a_leader_is_stuck_and_goes_on_when_it_has_it_again() {
    let (engine, a, _) = two();
    let mut ledger = a.leads().ledger;
    a.client.fails(Fate::Lost);
    a.passes(TERMS.right());
    for _ in 0..2 {
        assert!(ledger.attend().unwrap_err().is_stuck());
        assert!(ledger.append(&[record(1)], true).unwrap_err().is_stuck());
    }
    let head = engine.text(Register::Head);
    a.client.fails(Fate::Done);
    assert!(ledger.append(&[record(2)], true).unwrap_err().is_stuck(), "not before the lease");
    assert_eq!(engine.text(Register::Head), head);
    a.passes(TERMS.renewal());
    ledger.flush_owed().unwrap();
    ledger.attend().unwrap();
    assert_ne!(engine.text(Register::Head), head);
}

/// A renewal that arrives late does not depose its own sender, and gives it nothing.
#[test]
fn a_renewal_of_unknown_outcome_is_its_own() {
    for fate in [Fate::LostAnswer, Fate::Late] {
        let (engine, a, _) = two();
        let mut ledger = a.leads().ledger;
        a.client.fails(fate);
        a.passes(TERMS.renewal());
        let before = ledger.right();
        ledger.attend().unwrap();
        assert_eq!(ledger.right(), before);
        a.client.fails(Fate::Done);
        engine.deliver();
        a.passes(TERMS.renewal());
        ledger.attend().unwrap();
        assert_eq!(ledger.right(), Some(a.mono() + TERMS.right()));
    }
}

#[test]
fn an_idle_leader_notices_that_another_one_leads() {
    let (_, a, b) = two();
    let mut old = a.leads().ledger;
    let mut follower = b.follower();
    follower.look().unwrap();
    b.passes(TERMS.lease);
    assert_eq!(follower.look().unwrap(), Sight::Free);
    let _new = follower.take(0).unwrap();
    a.passes(TERMS.renewal());
    assert!(matches!(old.attend(), Err(Fault::Deposed { by, .. }) if by == "b"));
}

#[test]
fn who_hands_over_is_followed_at_once() {
    let (_, a, b) = two();
    let mut old = a.leads().ledger;
    let mut follower = b.follower();
    assert_ne!(follower.look().unwrap(), Sight::Free);
    old.append(&[record(1)], true).unwrap();
    old.hand_over();
    assert_eq!(follower.look().unwrap(), Sight::Free);
    let taken = follower.take(0).unwrap();
    assert_eq!((taken.records.len(), taken.ledger.epoch()), (1, 2));
    assert!(old.append(&[record(2)], true).is_err());
}

/// What is owed would be lost: the lease runs out, and the successor counts what it finds.
#[test]
fn who_owes_something_does_not_hand_over() {
    let (_, a, b) = two();
    let mut old = a.leads().ledger;
    a.client.fails(Fate::Lost);
    assert!(old.append(&[record(1)], true).unwrap_err().is_stuck());
    a.client.fails(Fate::Done);
    old.hand_over();
    assert_ne!(b.follower().look().unwrap(), Sight::Free);
}

#[test]
fn of_two_that_take_over_one_does() {
    let (engine, a, b) = two();
    let c = Machine::new("c", 3, &engine);
    a.leads().ledger.hand_over();
    let (mut one, mut other) = (b.follower(), c.follower());
    assert_eq!((one.look().unwrap(), other.look().unwrap()), (Sight::Free, Sight::Free));
    let _new = one.take(0).unwrap();
    let not = other.take(0).unwrap_err();
    assert!(not.why.is_none());
    let mut other = not.follower;
    assert_eq!(other.look().unwrap(), Sight::Led { by: "b".to_owned() });
}

/// Whatever became of the take-over's writes, the next try goes through.
#[test]
fn a_take_over_of_unknown_outcome_is_tried_again() {
    for fate in [Fate::LostAnswer, Fate::Lost, Fate::Late] {
        let (engine, a, b) = two();
        a.leads().ledger.hand_over();
        let mut follower = b.follower();
        assert_eq!(follower.look().unwrap(), Sight::Free);
        b.client.fails(fate);
        let mut follower = follower.take(0).unwrap_err().follower;
        b.client.fails(Fate::Done);
        engine.deliver();
        assert_eq!(follower.look().unwrap(), Sight::Free, "{fate:?}");
        let mut taken = follower.take(0).unwrap();
        taken.ledger.append(&[record(1)], true).unwrap();
    }
}

/// What a process writes first that takes over from `a`, so long after its last record; it watched
/// `a` at work before that, or not.
fn succeeds(watched: bool, after: Duration) -> Record {
    let (_, a, b) = two();
    let mut ledger = a.leads().ledger;
    let mut follower = b.follower();
    let fold = |records: &[Record]| {
        let mut history = History::new(Policy::default());
        records.iter().for_each(|record| history.apply(record));
        history
    };
    ledger.append(&[Record::Started { now: a.now() }], true).unwrap();
    if watched {
        let records = follower.read().unwrap().unwrap();
        follower.note(fold(&records).clock());
        assert_eq!(follower.read().unwrap(), None, "nothing new");
    }
    for _ in 0..60 {
        a.passes(SECOND);
        b.passes(SECOND);
        ledger.attend().unwrap();
    }
    ledger.append(&[settled(&a)], true).unwrap();
    if watched {
        let records = follower.read().unwrap().unwrap();
        follower.note(fold(&records).clock());
    }
    b.passes(after);
    follower.look().unwrap();
    ledger.hand_over();
    follower.look().unwrap();
    let taken = follower.take(0).unwrap();
    let history = fold(&taken.records);
    let ago = taken.watched.ago(history.clock(), b.mono());
    let replay = Replay { ago: Some(ago), ..Replay::default() };
    let (_, decision) = Reconciler::recover(history, replay, b.now());
    let expected = u64::try_from(ago.as_millis()).unwrap();
    assert_eq!(decision.records(), [Record::Succeeded { now: b.now(), ago: expected }]);
    decision.records()[0].clone()
}

fn settled(machine: &Machine) -> Record {
    let fate = CallFate::Answered { code: 201, retry_after: None };
    Record::Settled { at: machine.now().into(), id: CallId(1), fate }
}

#[test]
fn a_successor_counts_from_what_it_saw_and_never_by_the_wall_clock() {
    let ago = |record| match record {
        Record::Succeeded { ago, .. } => Duration::from_millis(ago),
        other => panic!("{other:?}"),
    };
    assert_eq!(ago(succeeds(true, Duration::ZERO)), Duration::ZERO);
    assert_eq!(ago(succeeds(true, 40 * SECOND)), 40 * SECOND);
    assert_eq!(
        ago(succeeds(false, 40 * SECOND)),
        Duration::ZERO,
        "who saw nothing assumes nothing"
    );
}

/// The hour's start was spent on another machine, whose clock means nothing here.
#[test]
fn a_start_of_another_machine_holds_its_slot_for_as_long_as_was_watched() {
    let (engine, a, b) = two();
    drop(engine);
    let mut history = History::new(Policy::default());
    let at = |machine: &Machine| machine.now().into();
    for record in [
        Record::Started { now: a.now() },
        Record::Reserved { at: at(&a), id: CallId(1), call: start(), cause: None },
        Record::Settled {
            at: at(&a),
            id: CallId(1),
            fate: CallFate::Answered { code: 201, retry_after: None },
        },
    ] {
        history.apply(&record);
    }
    let opens = |ago: Duration| {
        let mut history = history.clone();
        let ago = u64::try_from(ago.as_millis()).unwrap();
        history.apply(&Record::Succeeded { now: b.now(), ago });
        history.verdict(&start(), b.mono(), 0)
    };
    let hold = 3610 * SECOND;
    assert_eq!(opens(Duration::ZERO), Verdict::Until(b.mono() + hold));
    assert_eq!(opens(1000 * SECOND), Verdict::Until(b.mono() + 2610 * SECOND));
    assert_eq!(opens(hold), Verdict::Open);
}
