//! One start an hour for a whole account: who has it, and in which order.

use evenkeel::keel::call::Outcome;
use evenkeel::keel::intent::Intent;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::{Policy, ScopeMode};

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, accepted, refused, running, sees, singles, stopped,
};

fn account_wide() -> Policy {
    let mut policy = singles();
    policy.limits.scope = ScopeMode::Account;
    policy
}

/// Three deployments of one account, each seen with this status.
fn three(intents: [Intent; 3], statuses: [&str; 3]) -> Bench {
    let [a, b, c] = intents;
    let mut bench = Bench::with(account_wide(), &[("a", a), ("b", b), ("c", c)]);
    for (name, status) in ["a", "b", "c"].into_iter().zip(statuses) {
        bench.answer(&format!("status {name}"), sees(name, status));
    }
    bench
}

#[test]
fn one_start_an_hour_and_each_has_its_turn() {
    let mut bench = three([running(), running(), running()], ["stopped"; 3]);
    assert_eq!(bench.posts(), ["start a"]);
    assert_eq!(bench.reason("b"), Reason::WaitingForBudget);
    bench.answer("start a", accepted());
    bench.live(HOUR, |name| if name == "a" { "running" } else { "stopped" });
    assert_eq!(bench.posts(), [""; 0]);
    bench.live(5 * MINUTE, |name| if name == "a" { "running" } else { "stopped" });
    assert_eq!(bench.posts(), ["start b"]);
    bench.answer("start b", accepted());
    bench.live(HOUR + 5 * MINUTE, |name| if name == "c" { "stopped" } else { "running" });
    assert_eq!(bench.posts(), ["start c"]);
}

#[test]
fn starts_and_stops_line_up_apart() {
    let bench = three([running(), stopped(), running()], ["stopped", "running", "stopped"]);
    assert_eq!(bench.posts(), ["start a", "stop b"]);
}

#[test]
fn one_that_was_refused_lets_the_others_pass() {
    let mut bench = three([running(), running(), running()], ["stopped"; 3]);
    bench.answer("start a", refused(422));
    bench.live(HOUR + 5 * MINUTE, |_| "stopped");
    assert_eq!(bench.posts(), ["start b"]);
}

#[test]
fn one_that_is_as_desired_meanwhile_leaves_the_line() {
    let mut bench = three([running(), running(), running()], ["stopped"; 3]);
    bench.answer("start a", accepted());
    bench.live(MINUTE, |_| "stopped");
    bench.edit("r2", &[("a", running()), ("b", stopped()), ("c", running())]);
    bench.live(SECOND, |_| "stopped");
    assert_eq!(bench.reason("b"), Reason::InSync);
    bench.live(HOUR + 5 * MINUTE, |name| if name == "a" { "running" } else { "stopped" });
    assert_eq!(bench.posts(), ["start c"]);
}

#[test]
fn a_slot_that_is_handed_back_is_taken_by_another() {
    let mut policy = account_wide();
    policy.limits.status.requests = 2;
    policy.observe.reserve = 1;
    let mut bench = Bench::with(policy, &[("a", running()), ("b", running())]);
    assert_eq!(bench.calls(), ["status a"]);
    bench.pass(SECOND);
    bench.answer("status a", Outcome::NeverLeft("no route".into()));
    assert_eq!(bench.calls(), ["status b"], "at once");
}

#[test]
fn a_start_that_never_left_makes_way_at_once() {
    let mut bench = three([running(), running(), running()], ["stopped"; 3]);
    bench.pass(SECOND);
    bench.answer("start a", Outcome::NeverLeft("no route".into()));
    assert_eq!(bench.posts(), ["start b"]);
}

#[test]
fn a_stop_does_not_wait_behind_a_start_that_waits() {
    let mut bench = three([running(), running(), running()], ["stopped", "stopped", "running"]);
    bench.answer("start a", accepted());
    bench.live(SECOND, |name| if name == "c" { "running" } else { "stopped" });
    assert_eq!(bench.reason("b"), Reason::WaitingForBudget);
    bench.edit("r2", &[("a", running()), ("b", running()), ("c", stopped())]);
    assert_eq!(bench.posts(), ["stop c"]);
}

#[test]
fn where_each_has_its_own_budget_nobody_waits_in_line() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    bench.answer("status a", sees("a", "stopped"));
    bench.answer("start a", accepted());
    bench.answer("status b", sees("b", "running"));
    bench.live(5 * MINUTE, |_| "running");
    bench.live(5 * MINUTE, |name| if name == "a" { "stopped" } else { "running" });
    assert_eq!(bench.reason("a"), Reason::WaitingForBudget);
    bench.live(5 * MINUTE, |_| "stopped");
    assert_eq!(bench.posts(), ["start b"]);
}

/// Three deployments, three reads in a window, one of them kept back.
fn two_reads_for_three() -> Bench {
    let mut policy = account_wide();
    policy.limits.status.requests = 3;
    policy.observe.reserve = 1;
    let mut bench = Bench::with(policy, &[("a", running()), ("b", running()), ("c", running())]);
    bench.answer("status a", sees("a", "running"));
    bench
}

#[test]
fn a_read_whose_slot_comes_back_makes_room_for_the_next_at_once() {
    let mut bench = two_reads_for_three();
    let wait =
        |bench: &Bench| bench.keel.next_wake(bench.now.mono).unwrap().at.since(bench.now.mono);
    bench.pass(wait(&bench));
    assert_eq!(bench.calls(), ["status b"]);
    assert!(SECOND < wait(&bench), "nobody looks again and again");
    bench.answer("status b", Outcome::NeverLeft("no route".into()));
    assert_eq!(bench.calls(), ["status c"]);
}

#[test]
fn while_nothing_is_under_way_a_full_budget_is_waited_for_without_looking() {
    let mut policy = singles();
    policy.limits.status.requests = 1;
    let mut bench = Bench::with(policy, &[("a", running())]);
    bench.answer("status a", sees("a", "running"));
    bench.pass(MINUTE);
    bench.edit("r2", &[("a", stopped())]);
    let wake = bench.keel.next_wake(bench.now.mono).unwrap().at;
    assert_eq!(wake.since(bench.now.mono), HOUR + 10 * SECOND - MINUTE);
}
