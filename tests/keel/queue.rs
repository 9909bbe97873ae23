//! The line for a start that a whole account shares: its order, its promises, and what a restart
//! makes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel::keel::budget::{Rule, Tally};
use evenkeel::keel::intent::Intent;
use evenkeel::keel::line::Lined;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::{Limit, Policy, ScopeMode};
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::record::Record;
use evenkeel::keel::schedule::Schedule;

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, accepted, mono, refused, running, sees, singles, stopped,
};
use crate::calendar::{follows, office};

const IDS: [&str; 20] = [
    "d01", "d02", "d03", "d04", "d05", "d06", "d07", "d08", "d09", "d10", "d11", "d12", "d13",
    "d14", "d15", "d16", "d17", "d18", "d19", "d20",
];

/// One start an hour, and ten seconds for whatever clocks differ by.
const HOLD: Duration = Duration::from_secs(3610);

fn account_wide() -> Policy {
    let mut policy = singles();
    policy.limits.scope = ScopeMode::Account;
    policy.limits.status.requests = 6000;
    policy
}

fn all(intent: &Intent) -> Vec<(&'static str, Intent)> {
    IDS.iter().map(|id| (*id, intent.clone())).collect()
}

/// All twenty are wanted and stopped, and the first was just started.
fn nineteen_in_line() -> Bench {
    let mut bench = Bench::with(account_wide(), &all(&running()));
    bench.live(SECOND, |_| "stopped");
    assert_eq!(bench.posts(), ["start d01"]);
    bench.answer("start d01", accepted());
    bench
}

/// Who waits, the next one first, and in how long each is told to have its turn.
fn line(bench: &Bench) -> Vec<(String, Option<Duration>)> {
    let view = bench.keel.view(bench.now);
    let mut line: Vec<_> = view
        .deployments
        .iter()
        .filter_map(|one| {
            let queue = one.queue.as_ref()?;
            let eta = queue.eta.map(|eta| {
                let wait = eta.0.millis() - bench.now.wall.millis();
                Duration::from_millis(u64::try_from(wait).unwrap())
            });
            Some((queue.position, (one.id.to_string(), eta)))
        })
        .collect();
    line.sort();
    line.into_iter().map(|(_, one)| one).collect()
}

fn names(bench: &Bench) -> Vec<String> {
    line(bench).into_iter().map(|(name, _)| name).collect()
}

/// Lets time pass, answering every read and start; gives the starts, and when each left.
fn served(bench: &mut Bench, time: Duration) -> Vec<(String, Duration)> {
    let (begin, mut up, mut out) = (bench.now.mono, BTreeSet::from(["d01".to_owned()]), vec![]);
    while bench.now.mono.since(begin) < time {
        bench.live(10 * SECOND, |name| if up.contains(name) { "running" } else { "stopped" });
        for call in bench.posts() {
            bench.answer(&call, accepted());
            let name = call.trim_start_matches("start ").to_owned();
            out.push((name.clone(), bench.now.mono.since(begin)));
            up.insert(name);
        }
    }
    out
}

#[test]
fn twenty_are_served_in_order_and_as_announced() {
    let mut bench = nineteen_in_line();
    let promised: Vec<_> =
        (1..20).map(|n| (IDS[n].to_owned(), Some(HOLD * u32::try_from(n).unwrap()))).collect();
    assert_eq!(line(&bench), promised);
    let served = served(&mut bench, 20 * HOLD);
    assert_eq!(served.len(), 19);
    for (place, ((name, eta), (served, at))) in (1..).zip(promised.iter().zip(&served)) {
        assert_eq!(name, served);
        let late = at.checked_sub(eta.unwrap()).unwrap();
        assert!(late <= 11 * SECOND * place, "{name} was promised {eta:?} and served after {at:?}");
    }
    assert_eq!(line(&bench), []);
}

#[test]
fn each_says_where_it_stands() {
    let bench = nineteen_in_line();
    let view = bench.keel.view(bench.now);
    for (name, said) in [
        (
            "d02",
            "stopped, wanted running; the account has had its 1 start within 1h, so the next \
                 start is allowed at 2026-01-01T01:16:51Z (in 1h10s)",
        ),
        (
            "d03",
            "stopped, wanted running; 2nd of 19 in the account's line for a start, about \
                 2026-01-01T02:17:01Z (in 2h20s)",
        ),
        (
            "d04",
            "stopped, wanted running; 3rd of 19 in the account's line for a start, about \
                 2026-01-01T03:17:11Z (in 3h30s)",
        ),
        (
            "d12",
            "stopped, wanted running; 11th of 19 in the account's line for a start, about \
                 2026-01-01T11:18:31Z (in 11h1m50s)",
        ),
    ] {
        let one = view.deployment(name).unwrap();
        assert_eq!(one.synced.reason, Reason::WaitingForBudget);
        assert_eq!(&*one.synced.message, said);
        let queue = one.queue.as_ref().unwrap();
        assert_eq!(
            (queue.length, queue.eta),
            (19, one.next.at),
            "{name}: the next step is its turn"
        );
    }
}

#[test]
fn a_limit_of_several_serves_several_a_window() {
    let mut policy = account_wide();
    policy.limits.start.requests = 3;
    let mut bench = Bench::with(policy, &all(&running()));
    bench.live(SECOND, |_| "stopped");
    for name in &IDS[..3] {
        bench.answer(&format!("start {name}"), accepted());
    }
    let promised: Vec<_> = line(&bench).into_iter().map(|(_, eta)| eta.unwrap()).collect();
    assert_eq!(promised[..7], [1, 1, 1, 2, 2, 2, 3].map(|n: u32| HOLD * n));
}

#[test]
fn turns_come_as_slots_are_let_go() {
    let second = |n| mono(Duration::from_secs(n));
    let rule = |requests| {
        Rule::new(Limit { requests, per: Duration::from_secs(100) }, Duration::ZERO, true)
    };
    for (requests, arrivals, closed, expected) in [
        (1, vec![], None, [1000, 1100, 1200, 1300]),
        (1, vec![950], None, [1050, 1150, 1250, 1350]),
        (1, vec![800], None, [1000, 1100, 1200, 1300]),
        (1, vec![950], Some(1080), [1080, 1180, 1280, 1380]),
        (3, vec![], None, [1000, 1000, 1000, 1100]),
        (3, vec![950], None, [1000, 1000, 1050, 1100]),
        (3, vec![950, 960, 990], None, [1050, 1060, 1090, 1150]),
    ] {
        let tally =
            Tally::carried(arrivals.iter().copied().map(second).collect(), closed.map(second), 0);
        let turns = [1, 2, 3, 4].map(|nth| tally.turn(second(1000), rule(requests), nth).unwrap());
        assert_eq!(turns, expected.map(second), "{requests} a window after {arrivals:?}");
    }
    let mut tally = Tally::default();
    tally.reserve();
    assert_eq!(tally.turn(second(1000), rule(1), 1), None);
}

#[test]
fn a_deadline_goes_first_then_who_has_waited_for_longest() {
    let ready = |from| follows(&Schedule { ready: true, ..office(from, 19) });
    let mut bench = Bench::new(account_wide());
    bench.pass(9 * HOUR);
    let mut intents = vec![
        ("d01", running()),
        ("d02", running()),
        ("d03", follows(&office(8, 19))),
        ("d04", follows(&office(6, 19))),
        ("d05", ready(8)),
        ("d06", ready(7)),
    ];
    bench.edit("r0", &all(&stopped())[..6]);
    bench.live(MINUTE, |_| "stopped");
    bench.edit("r1", &intents);
    bench.live(SECOND, |_| "stopped");
    assert_eq!(bench.posts(), ["start d06"]);
    bench.answer("start d06", accepted());
    assert_eq!(names(&bench), ["d05", "d04", "d03", "d01", "d02"]);
    bench.live(MINUTE, |name| if name == "d06" { "running" } else { "stopped" });
    intents.push(("d00", running()));
    bench.edit("r2", &intents);
    bench.live(SECOND, |name| if name == "d06" { "running" } else { "stopped" });
    assert_eq!(names(&bench), ["d05", "d04", "d03", "d01", "d02", "d00"], "it came last");
}

#[test]
fn who_has_had_a_try_goes_behind_the_others() {
    let ready = |from| follows(&Schedule { ready: true, ..office(from, 19) });
    let mut bench = Bench::new(account_wide());
    bench.pass(9 * HOUR);
    bench.edit("r1", &[("d01", ready(7)), ("d02", follows(&office(8, 19))), ("d03", ready(8))]);
    bench.live(SECOND, |_| "stopped");
    assert_eq!(bench.posts(), ["start d01"]);
    bench.answer("start d01", refused(429));
    assert_eq!(names(&bench), ["d03", "d02", "d01"]);
}

#[test]
fn a_restart_keeps_the_order_even_of_those_not_seen_yet() {
    let mut bench = Bench::with(account_wide(), &[("d01", running())]);
    bench.live(SECOND, |_| "stopped");
    bench.answer("start d01", accepted());
    let mut intents = vec![("d01", running())];
    for (revision, next) in [("r2", "d05"), ("r3", "d02"), ("r4", "d04")] {
        intents.push((next, running()));
        bench.edit(revision, &intents);
        bench.live(MINUTE, |name| if name == "d01" { "running" } else { "stopped" });
    }
    let order = ["d05", "d02", "d04"];
    assert_eq!(names(&bench), order);
    let compacted = bench.compacted();
    for records in [bench.records.clone(), compacted] {
        let replay = evenkeel::keel::reconciler::Replay::default();
        let mut bench = Bench::after(account_wide(), records, replay, bench.now).restart(2 * HOUR);
        bench.edit("r4", &intents);
        assert_eq!(names(&bench), order, "none of them was seen yet");
        bench.answer("status d02", sees("d02", "stopped"));
        bench.answer("status d04", sees("d04", "stopped"));
        assert_eq!((bench.posts().len(), names(&bench)), (0, order.map(str::to_owned).to_vec()));
        bench.answer("status d05", refused(500));
        assert_eq!(bench.posts(), ["start d02"], "one that cannot be read lets the others pass");
        bench.answer("start d02", accepted());
        bench.live(20 * SECOND, |name| if name == "d01" { "running" } else { "stopped" });
        assert_eq!(names(&bench), ["d05", "d04"], "and keeps its place");
    }
}

#[test]
fn what_a_restart_finds_running_waits_for_nothing() {
    let bench = nineteen_in_line();
    let mut bench = bench.restart(2 * HOUR);
    bench.edit("r1", &all(&running()));
    assert_eq!(names(&bench), IDS[1..]);
    bench.live(SECOND, |name| if name == "d20" { "stopped" } else { "running" });
    assert_eq!((bench.posts(), names(&bench).len()), (vec!["start d20".to_owned()], 0));
    let left = |one: &&Record| matches!(one, Record::Line(Lined::Left { .. }));
    assert_eq!(bench.records.iter().filter(left).count(), 18);
}

#[test]
fn an_edit_takes_one_out_of_the_line() {
    let mut bench = nineteen_in_line();
    let mut intents = all(&running());
    intents[2].1 = stopped();
    intents.remove(4);
    bench.edit("r2", &intents);
    let expected: Vec<_> = (1..)
        .zip(["d02", "d04", "d06", "d07"])
        .map(|(n, name)| (name.to_owned(), Some(HOLD * n)))
        .collect();
    assert_eq!(line(&bench)[..4], expected);
    assert_eq!(line(&bench).len(), 17);
    // Wanted again, it has its place to win anew.
    bench.live(MINUTE, |name| if name == "d01" { "running" } else { "stopped" });
    bench.edit("r3", &all(&running()));
    bench.live(SECOND, |name| if name == "d01" { "running" } else { "stopped" });
    assert_eq!(names(&bench)[16..], ["d20", "d03", "d05"]);
}

#[test]
fn while_a_call_is_under_way_nobody_promises_anything() {
    let mut bench = Bench::with(account_wide(), &all(&running()));
    bench.live(SECOND, |_| "stopped");
    assert_eq!(line(&bench)[0], ("d02".to_owned(), None));
    let view = bench.keel.view(bench.now);
    assert_eq!(
        &*view.deployment("d04").unwrap().synced.message,
        "stopped, wanted running; 3rd of 19 in the account's line for a start, after the call \
         under way"
    );
}

#[test]
fn starts_go_first_for_the_reads_that_they_share_with_stops() {
    let mut policy = account_wide();
    policy.limits.status.requests = 2;
    policy.observe.reserve = 0;
    policy.act.enforce = false;
    let mut bench = Bench::with(policy.clone(), &[("d01", stopped()), ("d02", running())]);
    bench.answer("status d01", sees("d01", "running"));
    bench.answer("status d02", sees("d02", "stopped"));
    bench.pass(MINUTE);
    policy.act.enforce = true;
    bench.tell(Event::PolicyChanged(Box::new(policy)));
    assert_eq!(bench.calls(), [""; 0], "neither can be looked at again for an hour");
    assert!(bench.until_call("status d02", 2 * HOUR).is_some());
    assert_eq!(bench.calls(), ["status d02", "status d01"]);
}

/// Lets days pass for deployments that start when they are asked to; gives the day's starts.
fn day(bench: &mut Bench, up: &mut BTreeSet<String>) -> Vec<String> {
    let (end, mut starts) = (bench.now.mono + 24 * HOUR, vec![]);
    while bench.now.mono < end {
        bench.live(MINUTE, |name| if up.contains(name) { "running" } else { "stopped" });
        for call in bench.posts() {
            bench.answer(&call, accepted());
            match call.split_once(' ').unwrap() {
                ("start", name) => {
                    up.insert(name.to_owned());
                    starts.push(name.to_owned());
                }
                (_, name) => assert!(up.remove(name)),
            }
        }
    }
    starts
}

#[test]
fn who_gets_no_turn_today_goes_first_tomorrow() {
    let fleet: Vec<_> = IDS[..10].iter().map(|id| (*id, follows(&office(8, 12)))).collect();
    let turns = [
        ["d01", "d02", "d03", "d04"],
        ["d05", "d06", "d07", "d08"],
        ["d09", "d10", "d01", "d02"],
        ["d03", "d04", "d05", "d06"],
        ["d07", "d08", "d09", "d10"],
    ];
    let mut policy = account_wide();
    policy.limits.status.requests = 240;
    for taken_over in ["never", "after a restart", "after a compaction"] {
        let (mut bench, mut up) = (Bench::with(policy.clone(), &fleet), BTreeSet::new());
        for turn in turns {
            assert_eq!(day(&mut bench, &mut up), turn, "taken over {taken_over}");
            if taken_over == "after a compaction" {
                bench.records = bench.compacted();
            }
            if taken_over != "never" {
                bench = bench.restart(SECOND);
                bench.edit("r1", &fleet);
            }
        }
    }
}
