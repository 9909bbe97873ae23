//! What the desired file says, what it says for a time only, and what happens when it is edited.

use std::sync::Arc;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::intent::{Intent, Override, Suspend};
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::time::Wall;

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, accepted, bench, manifest, running, sees, singles,
    starting, stopped,
};

const START: &str = "start a";
const STOP: &str = "stop a";
const READ: &str = "status a";

#[test]
fn protected_is_never_stopped_but_started() {
    let mut bench = bench(Intent { protect: true, ..stopped() });
    assert_eq!(bench.watch("a", "running", 6 * HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Protected);
    bench.edit("r2", &[("a", Intent { protect: true, ..running() })]);
    assert_eq!(bench.watch("a", "stopped", HOUR), [START]);
}

#[test]
fn suspended_is_left_alone_until_that_leaves_the_file() {
    let suspend = Some(Suspend { reason: "migration".into(), until: None });
    let mut bench = bench(Intent { suspend, ..running() });
    assert_eq!(bench.watch("a", "stopped", 6 * HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Suspended);
    bench.edit("r2", &[("a", running())]);
    assert_eq!(bench.watch("a", "stopped", SECOND), [START]);
}

fn in_one_hour() -> Wall {
    Wall::from_millis(EPOCH + (1000 + 3600) * 1000)
}

#[test]
fn a_suspension_ends_by_itself() {
    let suspend = Some(Suspend { reason: "migration".into(), until: Some(in_one_hour()) });
    let mut bench = bench(Intent { suspend, ..running() });
    assert_eq!(bench.watch("a", "stopped", HOUR - SECOND), [""; 0]);
    assert_eq!(bench.watch("a", "stopped", SECOND), [START]);
}

#[test]
fn the_end_of_a_suspension_is_slept_until() {
    let suspend = Some(Suspend { reason: "migration".into(), until: Some(in_one_hour()) });
    let mut bench = bench(Intent { suspend, ..running() });
    let wake = |bench: &Bench| bench.keel.next_wake(bench.now.mono).unwrap().at;
    assert_eq!(wake(&bench).since(bench.now.mono), HOUR, "while a read is under way");
    bench.answer(READ, sees("a", "stopped"));
    assert!(wake(&bench).since(bench.now.mono) > 30 * SECOND);
}

#[test]
fn an_override_ends_by_itself() {
    let exception = Some(Override { state: Desired::Running, until: in_one_hour(), reason: None });
    let mut bench = bench(Intent { exception, ..stopped() });
    assert_eq!(bench.watch("a", "running", HOUR - SECOND), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::InSync);
    assert_eq!(bench.watch("a", "running", SECOND), [STOP]);
}

#[test]
fn a_step_of_the_wall_clock_ends_an_override_too() {
    let exception = Some(Override { state: Desired::Running, until: in_one_hour(), reason: None });
    let mut bench = bench(Intent { exception, ..stopped() });
    bench.answer(READ, sees("a", "running"));
    bench.now.wall = bench.now.wall.shifted(86_400_000);
    bench.tell(Event::Tick);
    assert!(bench.notices.contains(&Notice::ClockStepped { by: 86_400_000 }));
    assert_eq!(bench.calls(), [STOP], "the observation is young still");
}

#[test]
fn observe_mode_never_acts() {
    let mut policy = singles();
    policy.act.enforce = false;
    let mut bench = Bench::with(policy, &[("a", running())]);
    assert_eq!(bench.watch("a", "stopped", 24 * HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::ObserveOnly);
}

#[test]
fn an_edit_while_waiting_for_the_budget_withdraws_the_wish() {
    let mut bench = starting();
    bench.watch("a", "running", 10 * MINUTE);
    bench.watch("a", "stopped", 2 * MINUTE);
    assert_eq!(bench.reason("a"), Reason::WaitingForBudget);
    bench.edit("r2", &[("a", stopped())]);
    assert_eq!(bench.reason("a"), Reason::InSync);
    assert_eq!(bench.watch("a", "stopped", 24 * HOUR), [""; 0]);
}

#[test]
fn an_edit_in_mid_passage_waits_for_the_end_of_it() {
    let mut bench = starting();
    bench.watch("a", "starting", MINUTE);
    bench.edit("r2", &[("a", stopped())]);
    assert_eq!(bench.watch("a", "starting", MINUTE), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Starting);
    assert_eq!(bench.watch("a", "running", 2 * MINUTE), [STOP]);
    assert_eq!(bench.reversals(), 0, "that was our own start");
}

#[test]
fn an_edit_while_the_post_is_under_way_is_no_reversal() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.edit("r2", &[("a", stopped())]);
    assert_eq!(bench.reason("a"), Reason::Starting, "not in sync: a start is under way");
    bench.answer(START, accepted());
    bench.until_call(READ, MINUTE).unwrap();
    bench.answer(READ, sees("a", "starting"));
    bench.until_call(READ, MINUTE).unwrap();
    bench.answer(READ, sees("a", "running"));
    assert_eq!(bench.calls(), [STOP]);
    assert_eq!(bench.reversals(), 0);
}

#[test]
fn an_edit_while_the_post_is_under_way_does_not_wait_for_what_nobody_asked() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.edit("r2", &[("a", stopped())]);
    bench.answer(START, accepted());
    bench.until_call(READ, MINUTE).unwrap();
    // So quick that the passage was never seen.
    bench.answer(READ, sees("a", "running"));
    assert_eq!(bench.calls(), [STOP]);
}

#[test]
fn what_leaves_the_file_is_left_as_it_is() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    bench.answer(READ, sees("a", "stopped"));
    bench.edit("r2", &[("b", running())]);
    bench.answer(START, accepted());
    bench.answer("status b", sees("b", "running"));
    assert_eq!(bench.watch("b", "running", 6 * HOUR), [""; 0]);
    assert_eq!(bench.calls(), [""; 0]);
    assert_eq!(bench.keel.view(bench.now).deployments.len(), 1);
    bench.edit("r3", &[("a", stopped()), ("b", running())]);
    assert_eq!(bench.calls(), [READ], "it is looked at before anything is done");
    bench.answer(READ, sees("a", "running"));
    assert_eq!(bench.calls(), [STOP]);
}

#[test]
fn a_refused_file_changes_nothing() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "running"));
    bench.tell(Event::ManifestRefused("line 3: what is this?".into()));
    assert_eq!(bench.watch("a", "running", HOUR), [""; 0]);
    let file = bench.keel.view(bench.now).file;
    assert_eq!(file.revision.as_deref(), Some("r1"));
    assert_eq!(file.fault.as_deref(), Some("line 3: what is this?"));
    bench.edit("r1", &[("a", running())]);
    assert_eq!(bench.keel.view(bench.now).file.fault, None, "the same file, mended");
}

#[test]
fn of_several_files_some_may_be_refused() {
    let mut bench = bench(running());
    let told = |bench: &mut Bench, revision: &str, intents: &[(&str, Intent)], report: &str| {
        let manifest = manifest(revision, intents);
        bench.tell(Event::ManifestReadPartly { manifest, report: report.into() });
        let file = bench.keel.view(bench.now).file;
        (file.revision, file.fault, file.fault_since.map(|time| time.0))
    };
    let since = bench.now.wall;
    let text = |text: &str| Some(Arc::<str>::from(text));
    let first = told(&mut bench, "r2", &[("a", running()), ("b", stopped())], "c: no");
    assert_eq!(first, (text("r2"), text("c: no"), Some(since)));
    assert_eq!(bench.keel.view(bench.now).deployments.len(), 2, "the others are in force");
    bench.pass(HOUR);
    let edited = told(&mut bench, "r3", &[("a", running())], "c: no");
    assert_eq!(edited, (text("r3"), text("c: no"), Some(since)), "the fault is no other one");
    let (_, other, later) = told(&mut bench, "r3", &[("a", running())], "c: nothing");
    assert_eq!((other, later), (text("c: nothing"), Some(bench.now.wall)));
    let policy = Policy::default();
    bench.tell(Event::PolicyChanged(Box::new(policy)));
    assert!(bench.keel.view(bench.now).file.fault.is_some(), "other rules mend no file");
    bench.edit("r4", &[("a", running())]);
    assert_eq!(bench.keel.view(bench.now).file.fault, None);
}
