//! When a status is read, and by which call.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::keel::call::Body;
use evenkeel::keel::deployment::Facts;
use evenkeel::keel::intent::Intent;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::Policy;

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, accepted, answered, facts, lost, refused, running, sees, singles,
};

const LIST: &str = "list of account default";

fn fleet(size: usize) -> Vec<String> {
    (0..size).map(|number| format!("d{number:03}")).collect()
}

fn all_running(names: &[String]) -> Vec<(&str, Intent)> {
    names.iter().map(|name| (name.as_str(), running())).collect()
}

fn shows(entries: &[(&str, &str)]) -> evenkeel::keel::call::Outcome {
    let entries: Vec<Facts> = entries.iter().map(|(id, status)| facts(id, status)).collect();
    answered(200, Body::Fleet { entries, unreadable: 0 })
}

/// How many reads there are in each minute of a time in which every deployment runs.
fn minutes(bench: &mut Bench, time: Duration) -> Vec<usize> {
    (0..time.as_secs() / 60).map(|_| bench.live(MINUTE, |_| "running")).collect()
}

#[test]
fn one_deployment_is_read_every_72_seconds() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    bench.answer("status a", sees("a", "running"));
    // Its own phase first, then 3,610 s shared by the fifty that the reserve leaves.
    bench.until_call("status a", 2 * MINUTE).unwrap();
    for _ in 0..10 {
        bench.answer("status a", sees("a", "running"));
        assert_eq!(bench.until_call("status a", HOUR), Some(Duration::from_millis(72_200)));
    }
}

#[test]
fn a_longer_interval_is_obeyed_and_a_shorter_one_cannot_be_had() {
    for (asked, had) in [(600, 600_000), (10, 72_200)] {
        let mut policy = singles();
        policy.observe.interval = Some(Duration::from_secs(asked));
        let mut bench = Bench::with(policy, &[("a", running())]);
        bench.answer("status a", sees("a", "running"));
        bench.until_call("status a", HOUR).unwrap();
        bench.answer("status a", sees("a", "running"));
        let next = bench.until_call("status a", HOUR);
        assert_eq!(next, Some(Duration::from_millis(had)), "asked for {asked} s");
    }
}

#[test]
fn a_start_sees_the_whole_fleet_as_fast_as_concurrency_allows() {
    let names = fleet(200);
    let mut bench = Bench::with(singles(), &all_running(&names));
    assert_eq!(bench.calls().len(), 64);
    let first = bench.calls()[0].clone();
    bench.answer(&first, sees("d000", "running"));
    bench.pass(SECOND);
    assert_eq!(bench.calls().len(), 64, "the next one takes its place");
}

#[test]
fn after_the_start_a_fleet_is_read_evenly() {
    let names = fleet(200);
    let mut bench = Bench::with(singles(), &all_running(&names));
    let counts = minutes(&mut bench, 4 * HOUR);
    assert!(counts[0] >= 200, "all at once: {counts:?}");
    // 200 in 72.2 s each is 166 a minute. The first look uses a slot that is missed an hour later;
    // that fades, and it never becomes a herd.
    assert!(counts[1..].iter().all(|count| (80..=250).contains(count)), "{counts:?}");
    assert!(counts[180..].iter().all(|count| (140..=190).contains(count)), "{counts:?}");
}

#[test]
fn an_account_of_one_budget_is_shared_evenly() {
    let mut policy = singles();
    policy.limits.scope = evenkeel::keel::policy::ScopeMode::Account;
    let names = fleet(10);
    let mut bench = Bench::with(policy, &all_running(&names));
    let counts = minutes(&mut bench, 3 * HOUR);
    let of_hour = |hour: usize| counts[60 * hour..60 * (hour + 1)].iter().sum::<usize>();
    assert!(of_hour(0) <= 60 && of_hour(1) <= 50, "{counts:?}");
    assert!(of_hour(2) >= 48, "{counts:?}");
    let mut reads: BTreeMap<String, usize> = BTreeMap::new();
    for record in &bench.records {
        if let evenkeel::keel::record::Record::Reserved { call, .. } = record {
            *reads.entry(call.to_string()).or_default() += 1;
        }
    }
    let (least, most) = (reads.values().min().unwrap(), reads.values().max().unwrap());
    assert!(most - least <= 1, "{reads:?}");
}

#[test]
fn those_that_failed_together_do_not_come_back_together() {
    let names = fleet(50);
    let mut bench = Bench::with(singles(), &all_running(&names));
    // Three times in a row: the scatter grows with the delay.
    for _ in 0..3 {
        for name in &names {
            let call = format!("status {name}");
            bench.until_call(&call, HOUR).unwrap();
            bench.answer(&call, lost());
        }
    }
    let begin = bench.now.mono;
    let mut back = Vec::new();
    while back.len() < names.len() {
        let wake = bench.keel.next_wake(bench.now.mono).unwrap();
        bench.pass(wake.at.max(bench.now.mono.shifted(1)).since(bench.now.mono));
        while let Some(call) = bench.calls().first().cloned() {
            let name = call.strip_prefix("status ").unwrap().to_owned();
            bench.answer(&call, sees(&name, "running"));
            back.push(bench.now.mono.since(begin).as_millis());
        }
    }
    back.sort_unstable();
    back.dedup();
    assert!(back.len() > 40, "{back:?}");
    assert!(back.last().unwrap() - back[0] > 10_000, "{back:?}");
}

#[test]
fn a_passage_leaves_the_reads_that_confirm() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    bench.answer("status a", sees("a", "stopped"));
    bench.answer("start a", accepted());
    let mut reads = 1;
    let end = bench.now.mono + HOUR;
    while let Some(wait) = bench.until_call("status a", end.since(bench.now.mono)) {
        assert!(wait >= SECOND, "no hurry");
        bench.answer("status a", sees("a", "starting"));
        reads += 1;
    }
    assert!((50..=58).contains(&reads), "{reads}");
}

#[test]
fn one_list_call_a_minute_sees_the_whole_fleet() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    assert_eq!(bench.calls(), [LIST]);
    bench.answer(LIST, shows(&[("a", "running"), ("b", "running"), ("x", "running")]));
    assert_eq!((bench.reason("a"), bench.reason("b")), (Reason::InSync, Reason::InSync));
    bench.until_call(LIST, 2 * MINUTE).unwrap();
    bench.answer(LIST, shows(&[("a", "running"), ("b", "running")]));
    // 3,610 s shared by 55: a twelfth is left for restarts.
    assert_eq!(bench.until_call(LIST, HOUR), Some(Duration::from_millis(65_636)));
    assert_eq!(bench.calls(), [LIST], "nothing is read twice");
}

#[test]
fn a_list_shows_drift_and_a_read_confirms_it() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    bench.answer(LIST, shows(&[("a", "stopped"), ("b", "running")]));
    assert_eq!(bench.calls(), ["status a"]);
    bench.answer("status a", sees("a", "running"));
    assert_eq!((bench.calls().len(), bench.reason("a")), (0, Reason::InSync), "the list lagged");
}

#[test]
fn what_a_list_does_not_show_is_read_by_itself() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    bench.answer(LIST, shows(&[("a", "running")]));
    assert_eq!(bench.calls(), ["status b"]);
}

#[test]
fn a_server_without_a_list_call_is_remembered_and_asked_again_after_a_day() {
    for code in [404, 405] {
        let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
        bench.answer(LIST, refused(code));
        assert_eq!(bench.calls(), ["status a", "status b"]);
        let gone = |notice: &&Notice| matches!(notice, Notice::ListCall { available: false, .. });
        assert_eq!(bench.notices.iter().filter(gone).count(), 1);
        // A new process does not ask, either.
        let mut bench = bench.restart(MINUTE);
        bench.edit("r1", &[("a", running()), ("b", running())]);
        assert_eq!(bench.calls(), ["status a", "status b"]);
        bench.live(23 * HOUR + 58 * MINUTE, |_| "running");
        assert_eq!(bench.calls(), [""; 0]);
        bench.live(2 * MINUTE, |_| "running");
        assert_eq!(bench.calls(), [LIST]);
    }
}

#[test]
fn a_list_call_that_fails_leaves_the_fleet_to_single_reads() {
    for outcome in [refused(500), lost(), answered(200, Body::Unreadable("html".into()))] {
        let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
        bench.answer(LIST, outcome);
        assert_eq!(bench.calls(), ["status a", "status b"]);
        bench.until_call(LIST, 3 * MINUTE).unwrap();
        bench.answer(LIST, shows(&[("a", "running"), ("b", "running")]));
        assert_eq!(bench.reason("a"), Reason::InSync);
    }
}

#[test]
fn a_fleet_that_becomes_one_deployment_is_read_by_itself() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    bench.answer(LIST, shows(&[("a", "running"), ("b", "running")]));
    bench.edit("r2", &[("a", running())]);
    assert!(bench.until_call("status a", 2 * MINUTE).is_some());
    bench.answer("status a", sees("a", "running"));
    bench.edit("r3", &[("a", running()), ("b", running())]);
    bench.answer("status b", sees("b", "running"));
    assert!(bench.until_call(LIST, 2 * MINUTE).is_some(), "and by the list with two again");
}
