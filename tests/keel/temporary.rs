//! Temporary wishes: they stand over the file for a while, and then the file decides again.

use std::time::Duration;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::history::History;
use evenkeel::keel::intent::{Intent, Override};
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::record::Record;
use evenkeel::keel::temporary::{Errand, Want};
use evenkeel::keel::time::Wall;

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, accepted, bench, compacted, id, running, singles, stopped,
};

const START: &str = "start a";
const STOP: &str = "stop a";

pub(crate) fn wish(deployment: &str, want: Want, lasts: Option<Duration>) -> Event {
    let (deployment, reason) = (id(deployment), Some("load test".into()));
    Event::Errand(Errand::Wish { deployment, want, lasts, reason, by: "alice".into() })
}

fn resume(deployment: &str) -> Event {
    Event::Errand(Errand::Resume { deployment: id(deployment), by: "bob".into() })
}

fn rule(bench: &Bench) -> String {
    bench.keel.view(bench.now).deployment("a").unwrap().desired.rule.clone()
}

#[test]
fn an_override_wins_and_then_the_file_wins_again() {
    let mut bench = bench(stopped());
    bench.tell(wish("a", Want::Override(Desired::Running), Some(2 * HOUR)));
    assert_eq!(rule(&bench), "evenkeel override by alice (load test)");
    assert_eq!(bench.watch("a", "stopped", SECOND), [START]);
    bench.answer(START, accepted());
    assert_eq!(bench.watch("a", "running", 2 * HOUR - MINUTE), [""; 0]);
    assert_eq!(bench.watch("a", "running", MINUTE), [STOP]);
    assert_eq!(rule(&bench), "state");
}

#[test]
fn it_wins_over_the_override_of_the_file() {
    let until = Wall::from_millis(EPOCH + 86_400_000);
    let exception = Some(Override { state: Desired::Stopped, until, reason: None });
    let mut bench = bench(Intent { exception, ..stopped() });
    bench.tell(wish("a", Want::Override(Desired::Running), Some(HOUR)));
    assert_eq!(bench.watch("a", "stopped", SECOND), [START]);
    bench.pass(HOUR);
    assert_eq!(rule(&bench), "override");
}

#[test]
fn it_outlives_restarts_and_compaction() {
    let mut bench = bench(stopped());
    bench.tell(wish("a", Want::Override(Desired::Running), Some(2 * HOUR)));
    bench.tell(wish("a", Want::Suspend, None));
    let fold = |records: &[Record]| {
        let mut history = History::new(singles());
        records.iter().for_each(|record| history.apply(record));
        history
    };
    let held: Vec<Record> = bench.records.clone();
    let mut history = fold(&held);
    let written = compacted(&mut history, bench.now);
    assert_eq!(fold(&written).wishes(&id("a")), fold(&held).wishes(&id("a")));
    assert_eq!(history.wishes(&id("a")).unwrap().at(bench.now.wall).count(), 2);
    let mut later = bench.now;
    later.wall = later.wall.shifted(3 * 3_600_000);
    later.mono = later.mono + 3 * HOUR;
    compacted(&mut history, later);
    let left: Vec<_> = history.wishes(&id("a")).unwrap().at(bench.now.wall).collect();
    assert_eq!(left.iter().map(|wish| wish.want).collect::<Vec<_>>(), [Want::Suspend]);
    let mut bench = bench.restart(MINUTE);
    bench.edit("r1", &[("a", stopped())]);
    assert_eq!(rule(&bench), "evenkeel override by alice (load test)");
    assert_eq!(bench.watch("a", "stopped", SECOND), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Suspended);
    bench.tell(resume("a"));
    assert_eq!(rule(&bench), "state");
}

#[test]
fn wishes_must_be_durable_at_once() {
    let mut bench = bench(stopped());
    bench.tell(wish("a", Want::Suspend, Some(HOUR)));
    bench.tell(resume("a"));
    let lines: Vec<_> = bench.records.iter().filter(|one| matches!(one, Record::Wish(_))).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|record| record.holds_back()));
}

#[test]
fn what_is_protected_is_never_stopped() {
    let mut bench = bench(Intent { protect: true, ..running() });
    bench.tell(wish("a", Want::Override(Desired::Stopped), Some(2 * HOUR)));
    assert_eq!(bench.watch("a", "running", HOUR), [""; 0]);
    assert_eq!(bench.reason("a"), Reason::Protected);
}

#[test]
fn a_suspension_holds_until_somebody_ends_it() {
    let mut bench = bench(running());
    bench.tell(wish("a", Want::Suspend, None));
    assert_eq!(bench.watch("a", "stopped", 6 * HOUR), [""; 0]);
    let view = bench.keel.view(bench.now);
    let one = view.deployment("a").unwrap();
    let message = "suspended by `evenkeel suspend` (alice: load test); stopped, left alone";
    assert_eq!(&*one.synced.message, message);
    assert_eq!(&*one.wishes[0].kind, "suspend");
    bench.tell(resume("a"));
    assert_eq!(bench.watch("a", "stopped", SECOND), [START]);
}

#[test]
fn what_the_file_does_not_name_cannot_be_wished_for() {
    let mut bench = bench(running());
    let before = bench.records.len();
    bench.tell(wish("b", Want::Suspend, None));
    bench.tell(resume("b"));
    assert_eq!(bench.records.len(), before);
    bench.tell(wish("a", Want::Suspend, None));
    bench.edit("r2", &[]);
    bench.edit("r3", &[("a", running())]);
    assert_eq!(rule(&bench), "state");
    assert!(bench.keel.history().wishes(&id("a")).is_none(), "it ended when it left the file");
}

/// Found by the simulation: a compaction that failed had taken from memory what the ledger kept, so
/// nobody ended it, and a wall clock that was set back brought it to life.
#[test]
fn what_is_over_is_remembered_for_as_long_as_the_ledger_may_have_it() {
    let mut bench = bench(running());
    bench.tell(wish("a", Want::Suspend, Some(HOUR)));
    bench.watch("a", "running", 2 * HOUR);
    bench.keel.compact(bench.now, |_| Err::<(), _>("the disk is full")).unwrap_err();
    bench.edit("r2", &[]);
    bench.now.wall = bench.now.wall.shifted(-5_400_000);
    let mut bench = bench.restart(SECOND);
    bench.edit("r3", &[("a", stopped())]);
    assert_eq!(bench.watch("a", "running", SECOND), [STOP]);
}

#[test]
fn a_sync_reads_at_once_and_within_the_budget() {
    let mut policy: Policy = singles();
    policy.observe.interval = Some(HOUR);
    policy.limits.status.requests = 4;
    policy.observe.reserve = 0;
    let mut bench = Bench::with(policy, &[("a", running())]);
    assert_eq!(bench.watch("a", "running", MINUTE), [""; 0]);
    let sync = || Event::Errand(Errand::Sync(Some(id("a"))));
    bench.tell(sync());
    assert_eq!(bench.calls(), ["status a"]);
    bench.answer("status a", crate::bench::sees("a", "running"));
    bench.tell(sync());
    assert_eq!(bench.calls(), [""; 0], "two are kept for confirming");
    assert!(bench.keel.next_wake(bench.now.mono).is_some());
}
