//! What the keel hands to the ledger.

use evenkeel::keel::call::CallId;
use evenkeel::keel::decision::{Decision, Effect, Permit, Released};
use evenkeel::keel::guard::{Guarded, Hold, Release};
use evenkeel::keel::notice::{Notice, chain};
use evenkeel::keel::record::Record;

use crate::bench::{MINUTE, SECOND, account, at, id, mono, status_of};

fn send(number: u64) -> Effect {
    Effect::Send(Permit { id: CallId(number), call: status_of("a"), send_by: mono(SECOND) })
}

fn holds_back() -> Record {
    Record::Started { now: at(SECOND) }
}

fn narrows() -> Record {
    Record::Forgiven { at: at(MINUTE).into(), deployment: id("a") }
}

#[test]
fn a_decision_is_urgent_if_it_sends_or_holds_back() {
    let urgent = |records: Vec<Record>, effects: Vec<Effect>| {
        let mut decision = Decision::default();
        records.into_iter().for_each(|record| decision.record(record));
        effects.into_iter().for_each(|effect| decision.then(effect));
        decision.is_urgent()
    };
    assert!(urgent(vec![], vec![send(1)]));
    assert!(urgent(vec![holds_back()], vec![]));
    assert!(urgent(vec![narrows(), holds_back()], vec![send(1)]));
    assert!(!urgent(vec![narrows()], vec![Effect::RefreshCredentials(account())]));
    assert!(!urgent(vec![], vec![]));
}

/// The desired file is kept after them: a power cut must not lose them alone.
#[test]
fn a_hold_and_its_release_are_urgent() {
    let (change, stops) = ("0a1b2c3d".into(), [id("a")].into());
    let held = Guarded::Held(Hold { at: at(SECOND).into(), change, stops });
    let (change, why) = ("0a1b2c3d".into(), Release::TakenBack);
    let released = Guarded::Released { at: at(MINUTE).into(), change, why };
    for line in [held, released] {
        let mut decision = Decision::default();
        decision.record(Record::Guard(line));
        assert!(decision.is_urgent());
    }
}

#[test]
fn what_was_decided_comes_out_in_its_order() {
    let mut decision = Decision::default();
    decision.record(holds_back());
    decision.then(send(1));
    decision.tell(Notice::LedgerFree);
    decision.record(narrows());
    decision.then(Effect::RefreshCredentials(account()));
    decision.then(send(2));
    decision.tell(Notice::Draining { in_flight: 2 });
    assert_eq!(decision.records(), [holds_back(), narrows()]);
    assert_eq!(decision.calls(), [CallId(1), CallId(2)]);
    #[expect(clippy::disallowed_methods, reason = "no ledger here")]
    let Released { effects, notices, .. } = decision.release();
    assert_eq!(effects, [send(1), Effect::RefreshCredentials(account()), send(2)]);
    assert_eq!(notices, [Notice::LedgerFree, Notice::Draining { in_flight: 2 }]);
}

#[test]
fn an_error_is_told_with_all_its_causes() {
    #[derive(Debug)]
    struct Step(&'static str, Option<Box<Step>>);
    impl std::fmt::Display for Step {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    impl std::error::Error for Step {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }
    let disk = Step("disk full", None);
    assert_eq!(chain(&disk), "disk full");
    let error = Step("cannot start", Some(Box::new(Step("cannot write", Some(Box::new(disk))))));
    assert_eq!(chain(&error), "cannot start: cannot write: disk full");
}
