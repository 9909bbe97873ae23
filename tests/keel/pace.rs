//! How fast a status is read: during a passage, after it, and where the list call fails.

use std::time::Duration;

use evenkeel::keel::call::{Body, Outcome};
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::intent::Intent;
use evenkeel::keel::policy::Policy;

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, accepted, answered, bench, facts, lost, refused, running, sees,
    singles,
};

const READ: &str = "status a";
const LIST: &str = "list of account default";

fn shows(names: &[&str]) -> Outcome {
    let entries = names.iter().map(|name| facts(name, "running")).collect();
    answered(200, Body::Fleet { entries, unreadable: 0 })
}

/// The pauses before each of so many reads, all answered with `status`, after a start.
fn pauses(name: &str, status: &str, count: usize) -> Vec<Duration> {
    let mut bench = Bench::with(singles(), &[(name, running())]);
    let read = format!("status {name}");
    bench.answer(&read, sees(name, "stopped"));
    bench.answer(&format!("start {name}"), accepted());
    let pause = |_| {
        let pause = bench.until_call(&read, HOUR).unwrap();
        bench.answer(&read, sees(name, status));
        pause
    };
    (0..count).map(pause).collect()
}

#[test]
fn a_read_leaves_soon_or_not_at_all() {
    let bench = bench(running());
    assert_eq!(bench.out[0].send_by, bench.now.mono + 10 * SECOND);
}

#[test]
fn a_passage_is_read_with_growing_pauses_and_never_later_than_by_routine() {
    let most = [5000, 7500, 11_250, 16_875, 25_313, 37_969, 56_954, 72_200, 72_200];
    let most = most.map(Duration::from_millis);
    assert_eq!(pauses("a", "starting", 9), most);
    let early = ["b", "c", "d", "e", "f", "g", "h", "i", "j", "k"].map(|name| {
        let pauses = pauses(name, "starting", 9);
        assert!(pauses.iter().zip(most).all(|(pause, most)| *pause <= most), "{name}: {pauses:?}");
        pauses != most
    });
    assert!(early.contains(&true), "a routine turn comes first for one of them");
}

#[test]
fn what_has_arrived_or_failed_is_read_by_routine_again() {
    for status in ["running", "failed"] {
        let [first, second] = pauses("a", status, 2)[..] else { panic!() };
        assert!(first == 5 * SECOND && second > 36 * SECOND, "{status}: {second:?}");
    }
}

#[test]
fn a_list_call_that_keeps_failing_is_asked_for_less_and_less() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    bench.answer(LIST, lost());
    let mut waits = Vec::new();
    for _ in 0..8 {
        let begin = bench.now.mono;
        while !bench.calls().iter().any(|call| call == LIST) {
            bench.live(SECOND, |_| "running");
        }
        waits.push(bench.now.mono.since(begin));
        bench.answer(LIST, refused(500));
    }
    assert!(waits.is_sorted(), "{waits:?}");
    assert!((66 * SECOND..70 * SECOND).contains(&waits[0]), "{waits:?}");
    assert!((9 * MINUTE..11 * MINUTE).contains(&waits[7]), "{waits:?}");
}

#[test]
fn a_missing_list_call_is_asked_for_again_when_a_day_has_passed() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    bench.answer(LIST, refused(404));
    bench.jump(bench.now.mono + (24 * HOUR - Duration::from_millis(1)));
    bench.tell(evenkeel::keel::reconciler::Event::Tick);
    assert!(!bench.calls().contains(&LIST.to_owned()));
    bench.jump(bench.now.mono.shifted(1));
    bench.tell(evenkeel::keel::reconciler::Event::Tick);
    assert!(bench.calls().contains(&LIST.to_owned()));
}

#[test]
fn what_the_list_shows_no_more_is_read_by_itself_in_its_own_turn() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    bench.answer(LIST, shows(&["a", "b"]));
    bench.until_call(LIST, 2 * MINUTE).unwrap();
    bench.answer(LIST, shows(&["b"]));
    let wait = bench.until_call(READ, 2 * MINUTE).unwrap();
    assert!(wait > 36 * SECOND, "{wait:?}");
    assert!(!bench.calls().contains(&"status b".to_owned()));
}

#[test]
fn one_accounts_list_call_is_no_matter_of_anothers() {
    let mut policy = Policy::default();
    let other = AccountId::new("other");
    policy.accounts.push(other.clone());
    policy.observe.interval = Some(10 * MINUTE);
    let theirs = Intent { account: other, ..running() };
    let fleet = [("a", running()), ("b", running()), ("c", theirs.clone()), ("d", theirs)];
    let mut bench = Bench::with(policy, &fleet);
    bench.answer(LIST, shows(&["a", "b"]));
    bench.answer("list of account other", shows(&["c", "d"]));
    bench.edit("r2", &[fleet[0].clone(), fleet[2].clone(), fleet[3].clone()]);
    bench.until_call(READ, 20 * MINUTE).unwrap();
    bench.pass(20 * MINUTE);
    assert_eq!(bench.calls(), [READ, "list of account other"]);
}
