//! When a start or stop is sent, and when not.

use std::time::Duration;

use evenkeel::keel::call::{Body, Method};
use evenkeel::keel::deployment::{Action, Desired};
use evenkeel::keel::intent::Intent;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::record::Record;

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, accepted, answered, bench, facts, lost, refused, running, sees,
    starting, stopped,
};

const START: &str = "start a";
const STOP: &str = "stop a";
const READ: &str = "status a";

#[test]
fn a_first_look_is_the_confirmation() {
    let mut bench = bench(running());
    assert_eq!(bench.calls(), [READ]);
    assert_eq!(bench.reason("a"), Reason::Unobserved);
    bench.pass(SECOND);
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(bench.calls(), [START]);
    assert_eq!(bench.reason("a"), Reason::Starting);
    let Some(Record::Reserved { cause: Some(cause), .. }) = bench.records.last() else {
        panic!("{:?}", bench.records.last())
    };
    assert_eq!((cause.desired, cause.saw.as_str()), (Desired::Running, "stopped"));
    assert_eq!((&*cause.revision, cause.seen), ("r1", bench.now.wall));
    bench.answer(START, accepted());
    assert_eq!((bench.calls().len(), bench.reason("a")), (0, Reason::Starting));
    assert_eq!(bench.until_call(READ, MINUTE), Some(5 * SECOND));
    bench.answer(READ, sees("a", "starting"));
    assert_eq!(bench.until_call(READ, MINUTE), Some(15 * SECOND / 2), "growing pauses");
    bench.answer(READ, sees("a", "running"));
    assert_eq!(bench.reason("a"), Reason::InSync);
    assert_eq!(bench.reversals(), 0);
}

#[test]
fn as_desired_nothing_is_sent_but_reads() {
    let mut bench = bench(running());
    assert_eq!(bench.watch("a", "running", 24 * HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::InSync);
}

#[test]
fn an_old_observation_is_confirmed_first() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "running"));
    bench.pass(11 * SECOND);
    bench.edit("r2", &[("a", stopped())]);
    assert_eq!(bench.calls(), [READ]);
    bench.answer(READ, sees("a", "running"));
    assert_eq!(bench.calls(), [STOP]);
}

#[test]
fn a_young_observation_is_enough_and_the_request_leaves_before_it_is_old() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "running"));
    let seen = bench.now.mono;
    bench.pass(9 * SECOND);
    bench.edit("r2", &[("a", stopped())]);
    assert_eq!(bench.calls(), [STOP]);
    assert_eq!(bench.out[0].send_by, seen + 10 * SECOND);
}

#[test]
fn what_is_passing_failed_or_unknown_is_left_alone() {
    for (word, reason) in [
        ("starting", Reason::Starting),
        ("stopping", Reason::Stopping),
        ("pending", Reason::Starting),
        ("failed", Reason::Failed),
        ("hibernating", Reason::UnknownStatus),
        ("Stopped", Reason::UnknownStatus),
    ] {
        let mut bench = bench(running());
        assert_eq!(bench.watch("a", word, 50 * MINUTE), [""; 0], "{word}");
        assert_eq!(bench.reason("a"), reason, "{word}");
    }
}

#[test]
fn a_passage_is_warned_of_once_and_stalls_after_an_hour() {
    let mut bench = starting();
    let warnings = |bench: &Bench| {
        bench.notices.iter().filter(|one| matches!(one, Notice::SlowPassage { .. })).count()
    };
    bench.watch("a", "starting", 29 * MINUTE);
    assert_eq!((warnings(&bench), bench.reason("a")), (0, Reason::Starting));
    bench.watch("a", "starting", 3 * MINUTE);
    assert_eq!(warnings(&bench), 1);
    bench.watch("a", "starting", 30 * MINUTE);
    assert_eq!((warnings(&bench), bench.reason("a")), (1, Reason::Stalled));
    assert_eq!(bench.watch("a", "starting", 24 * HOUR), [""; 0], "never acted on");
    bench.watch("a", "running", 10 * MINUTE);
    assert_eq!(bench.reason("a"), Reason::InSync);
}

#[test]
fn an_accepted_start_that_shows_nothing_is_waited_for_and_then_asked_again() {
    let mut bench = starting();
    assert_eq!(bench.watch("a", "stopped", 59 * MINUTE), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Starting);
    assert_eq!(bench.watch("a", "stopped", 65 * SECOND), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Stalled, "stalled, and the budget still closed");
    assert_eq!(bench.watch("a", "stopped", 2 * MINUTE), [START]);
    assert_eq!(bench.reversals(), 1);
}

#[test]
fn no_answer_is_no_licence_to_repeat() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.pass(30 * SECOND);
    bench.answer(START, lost());
    assert_eq!(bench.calls(), [READ], "the next step is a read");
    assert_eq!(bench.allowed_in("a", Method::Start), Some(HOUR + 310 * SECOND));
    assert_eq!(bench.watch("a", "stopped", HOUR + 309 * SECOND), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::WaitingForBudget);
    assert_eq!(bench.watch("a", "stopped", 2 * SECOND), [START]);
    assert_eq!(bench.reversals(), 0);
}

#[test]
fn a_start_that_was_done_without_an_answer_is_seen() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, lost());
    bench.answer(READ, sees("a", "starting"));
    assert_eq!(bench.watch("a", "running", 2 * HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::InSync);
}

#[test]
fn a_request_that_never_left_is_confirmed_and_sent_again() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, evenkeel::keel::call::Outcome::NeverLeft("no route".into()));
    assert_eq!((bench.calls().len(), bench.reason("a")), (0, Reason::BackingOff));
    let view = bench.keel.view(bench.now);
    let fault = view.deployment("a").unwrap().fault.clone();
    assert_eq!(fault.as_deref(), Some("the start never left: no route"));
    let pause = bench.until_call(READ, MINUTE).unwrap();
    assert!((5 * SECOND..=10 * SECOND).contains(&pause), "{pause:?}");
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(bench.calls(), [START]);
    // A read that fails after it is the first of its kind.
    bench.answer(START, evenkeel::keel::call::Outcome::NeverLeft("no route".into()));
    bench.until_call(READ, MINUTE);
    bench.answer(READ, lost());
    let view = bench.keel.view(bench.now);
    let fault = view.deployment("a").unwrap().fault.clone();
    assert_eq!(fault.as_deref(), Some("could not be read: timed out"));
}

#[test]
fn a_read_that_fails_confirms_nothing() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "running"));
    bench.pass(20 * SECOND);
    bench.edit("r2", &[("a", stopped())]);
    for outcome in [
        lost(),
        refused(500),
        answered(200, Body::Unreadable("it is a web page".into())),
        answered(200, Body::Accepted),
        refused(429),
    ] {
        bench.until_call(READ, HOUR).unwrap();
        bench.answer(READ, outcome);
        assert_eq!((bench.posts().len(), bench.reason("a")), (0, Reason::BackingOff));
    }
    bench.until_call(READ, 2 * HOUR).unwrap();
    bench.answer(READ, sees("a", "running"));
    assert_eq!(bench.calls(), [STOP]);
}

#[test]
fn another_name_than_the_files_is_the_wrong_deployment() {
    let name = Some("staging-eu".into());
    let mut bench = bench(Intent { name, ..running() });
    assert_eq!(bench.watch("a", "stopped", HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::NameMismatch);
    bench.until_call(READ, 2 * MINUTE).unwrap();
    let named =
        evenkeel::keel::deployment::Facts { name: "staging-eu".into(), ..facts("a", "stopped") };
    bench.answer(READ, answered(200, Body::Deployment(named)));
    assert_eq!(bench.calls(), [START]);
}

#[test]
fn an_answer_about_another_deployment_is_none() {
    let mut bench = bench(running());
    bench.answer(READ, sees("b", "stopped"));
    assert_eq!((bench.posts().len(), bench.reason("a")), (0, Reason::BackingOff));
}

#[test]
fn types_that_are_not_allowed_are_watched_only() {
    let mut bench = bench(running());
    let other = |status| {
        let kind = "serverless".into();
        answered(
            200,
            Body::Deployment(evenkeel::keel::deployment::Facts { kind, ..facts("a", status) }),
        )
    };
    bench.answer(READ, other("stopped"));
    assert_eq!((bench.calls().len(), bench.reason("a")), (0, Reason::TypeNotAllowed));
    bench.until_call(READ, 2 * MINUTE).unwrap();
    bench.answer(READ, other("running"));
    assert_eq!(bench.reason("a"), Reason::InSync);
}

#[test]
fn nothing_is_sent_while_draining_or_without_a_ledger() {
    let mut drained = bench(running());
    drained.tell(Event::Drain);
    drained.answer(READ, sees("a", "stopped"));
    drained.pass(HOUR);
    assert_eq!((drained.calls().len(), drained.keel.in_flight()), (0, 0));

    let mut stuck = bench(running());
    stuck.tell(Event::LedgerStuck("disk full".into()));
    stuck.answer(READ, sees("a", "stopped"));
    stuck.pass(HOUR);
    assert_eq!(stuck.calls(), [""; 0]);
    assert!(!stuck.keel.view(stuck.now).ready());
    stuck.tell(Event::LedgerFree);
    assert_eq!(stuck.calls(), [READ], "looked at again before acting");
    stuck.answer(READ, sees("a", "stopped"));
    assert_eq!(stuck.calls(), [START]);
}

#[test]
fn a_new_process_takes_up_what_the_old_one_asked() {
    let bench = starting();
    let mut bench = bench.restart(MINUTE);
    bench.edit("r1", &[("a", running())]);
    bench.answer(READ, sees("a", "starting"));
    assert_eq!(bench.reason("a"), Reason::Starting);
    bench.watch("a", "running", 5 * MINUTE);
    assert_eq!(bench.reason("a"), Reason::InSync);
    let view = bench.keel.view(bench.now);
    let last = view.deployment("a").unwrap().last_action.clone().unwrap();
    assert_eq!((last.action, last.outcome.as_str()), (Action::Start, "201"));
}

#[test]
fn a_passage_that_a_new_process_meets_began_with_the_last_start_unless_that_was_long_ago() {
    for (after, reason) in [
        (24 * HOUR - SECOND, Reason::Stalled),
        (24 * HOUR, Reason::Starting),
        (100 * HOUR, Reason::Starting),
    ] {
        let mut bench = starting().restart(after);
        bench.edit("r1", &[("a", running())]);
        bench.answer(READ, sees("a", "starting"));
        assert_eq!(bench.reason("a"), reason, "{after:?}");
    }
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, refused(422));
    let mut bench = bench.restart(2 * HOUR);
    bench.edit("r1", &[("a", running())]);
    bench.answer(READ, sees("a", "starting"));
    assert_eq!(bench.reason("a"), Reason::Starting, "not by that start");
}

#[test]
fn one_call_at_a_time_is_under_way_for_a_deployment() {
    let mut bench = bench(running());
    bench.edit("r2", &[("a", Intent { protect: true, ..running() })]);
    assert_eq!(bench.calls(), [READ]);
    bench.answer(READ, sees("a", "stopped"));
    bench.pass(10 * MINUTE);
    bench.edit("r3", &[("a", running())]);
    assert_eq!((bench.calls(), bench.keel.in_flight()), (vec![START.to_owned()], 1));
}

#[test]
fn a_crash_with_a_post_under_way_costs_one_window_from_the_restart() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(bench.calls(), [START]);
    let mut bench = bench.restart(20 * SECOND);
    bench.edit("r1", &[("a", running())]);
    assert_eq!(bench.calls(), [READ]);
    assert_eq!(bench.watch("a", "stopped", HOUR + 309 * SECOND), [""; 0]);
    assert_eq!(bench.watch("a", "stopped", 2 * SECOND), [START]);
    assert_eq!(bench.now.mono.since(bench.out[0].send_by), Duration::ZERO);
}
