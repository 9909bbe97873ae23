//! What pages, metrics and commands are shown.

use evenkeel::keel::call::Method;
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::intent::{Intent, Suspend};
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::{Policy, ScopeMode};
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::time::Wall;
use evenkeel::keel::view::{NextStep, Time, View};

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, accepted, account, answered, bench, facts, id, lost,
    refused, running, sees, singles, starting, stopped,
};

const START: &str = "start a";
const READ: &str = "status a";
const LIST: &str = "list of account default";

fn seconds(time: Time) -> i64 {
    (time.0.millis() - EPOCH) / 1000
}

/// The four conditions: kind, status, reason, and since which second.
fn conditions(bench: &Bench) -> Vec<String> {
    let view = bench.keel.view(bench.now);
    let conditions = &view.deployment("a").unwrap().conditions;
    let line = conditions.iter().map(|one| {
        let since = seconds(one.last_transition_time);
        format!("{} {} {} {since}", one.kind, one.status, one.reason)
    });
    line.collect()
}

/// What comes next, and at which second.
fn next(bench: &Bench, deployment: &str) -> (NextStep, Option<i64>) {
    let next = bench.keel.view(bench.now).deployment(deployment).unwrap().next.clone();
    (next.step, next.at.map(seconds))
}

#[test]
fn conditions_change_when_their_status_does() {
    let mut bench = bench(running());
    let (stalled, held) = ("Stalled False Progressing 1000", "Held False NotHeld 1000");
    let expected =
        ["Synced Unknown Unobserved 1000", "Reachable Unknown Unobserved 1000", stalled, held];
    assert_eq!(conditions(&bench), expected);
    bench.pass(5 * SECOND);
    bench.answer(READ, refused(500));
    let failed = "Reachable False ReadFailed 1005";
    assert_eq!(conditions(&bench), ["Synced False BackingOff 1005", failed, stalled, held]);
    bench.until_call(READ, 2 * MINUTE).unwrap();
    bench.answer(READ, lost());
    assert_eq!(conditions(&bench)[1], failed, "still the same");
    bench.until_call(READ, 2 * MINUTE).unwrap();
    let now = bench.now.mono.millis() / 1000;
    bench.answer(READ, sees("a", "running"));
    let (synced, read) =
        (format!("Synced True InSync {now}"), format!("Reachable True ReadSucceeded {now}"));
    assert_eq!(conditions(&bench), [&*synced, &*read, stalled, held]);
    bench.watch("a", "running", HOUR);
    assert_eq!(conditions(&bench), [&*synced, &*read, stalled, held]);
    let suspend = Some(Suspend { reason: "migration".into(), until: None });
    let now = bench.now.mono.millis() / 1000;
    bench.edit("r2", &[("a", Intent { suspend, ..running() })]);
    assert_eq!(conditions(&bench)[0], format!("Synced Unknown Suspended {now}"));
}

#[test]
fn what_is_stalled_or_held_is_so_since_it_became_so() {
    let mut bench = starting();
    bench.watch("a", "starting", HOUR + MINUTE);
    let stalled = conditions(&bench)[2].clone();
    let since: i64 = stalled.strip_prefix("Stalled True Stalled ").unwrap().parse().unwrap();
    assert!((4600..4660).contains(&since), "{since}");
    assert_eq!(conditions(&bench)[0], "Synced False Stalled 1000");
    bench.watch("a", "starting", HOUR);
    assert_eq!(conditions(&bench)[2], stalled);
    bench.watch("a", "running", 10 * MINUTE);
    let (synced, stalled) = (conditions(&bench)[0].clone(), conditions(&bench)[2].clone());
    assert_eq!(synced.rsplit(' ').next(), stalled.rsplit(' ').next());
    let since = stalled.strip_prefix("Stalled False Progressing ").unwrap().parse().unwrap();
    assert!((8260..8333).contains(&since), "{since}: with the next routine look");

    let mut bench = self::bench(Intent { protect: true, ..stopped() });
    bench.pass(3 * SECOND);
    bench.answer(READ, sees("a", "running"));
    assert_eq!(conditions(&bench)[3], "Held True Protected 1003");
    bench.pass(3 * SECOND);
    bench.edit("r2", &[("a", Intent { protect: true, ..running() })]);
    assert_eq!(conditions(&bench)[3], "Held False NotHeld 1006");
}

#[test]
fn the_next_step_is_shown_with_its_time() {
    let mut bench = bench(running());
    assert_eq!(next(&bench, "a"), (NextStep::Answer, None), "a read is under way");
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(next(&bench, "a"), (NextStep::Answer, None), "a start is under way");
    bench.answer(START, accepted());
    assert_eq!(next(&bench, "a"), (NextStep::Read, Some(1005)));
    bench.watch("a", "running", 10 * MINUTE);
    bench.watch("a", "stopped", 2 * MINUTE);
    assert_eq!(next(&bench, "a"), (NextStep::Start, Some(4610)));
    bench.edit("r2", &[("a", stopped())]);
    let due = bench.keel.next_wake(bench.now.mono).unwrap().at.millis() / 1000;
    assert_eq!(next(&bench, "a"), (NextStep::Read, Some(due)));
    bench.watch("a", "stopped", 60 * MINUTE);
    bench.tell(Event::LedgerStuck("disk full".into()));
    bench.edit("r3", &[("a", running())]);
    assert_eq!(next(&bench, "a"), (NextStep::Start, Some(bench.now.mono.millis() / 1000)));
}

#[test]
fn the_list_call_is_the_next_look_at_what_it_shows() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    let entries = vec![facts("a", "running")];
    let body = evenkeel::keel::call::Body::Fleet { entries, unreadable: 0 };
    bench.answer(LIST, answered(200, body));
    bench.answer("status b", sees("b", "running"));
    let list = bench.keel.next_wake(bench.now.mono).unwrap().at.millis() / 1000;
    assert_eq!(next(&bench, "a"), (NextStep::Read, Some(list)));
    let (step, at) = next(&bench, "b");
    assert!(step == NextStep::Read && at.unwrap() > list, "by itself: {at:?}");
}

#[test]
fn steps_and_methods_have_their_words() {
    let steps = [NextStep::Read, NextStep::Start, NextStep::Stop, NextStep::Answer];
    assert_eq!(steps.map(NextStep::as_str), ["read", "start", "stop", "answer"]);
    assert_eq!(Method::ALL.map(Method::as_str), ["status", "list", "start", "stop"]);
    assert_eq!(format!("{:>7}|{:<7}", Method::Status, Method::Stop), " status|stop   ");
}

#[test]
fn every_reason_has_a_word_and_says_what_it_means() {
    // At rest, held, needs a person, and the status of `Synced`.
    for (reason, rest, held, person, synced) in [
        ("InSync", true, false, false, Some(true)),
        ("Starting", false, false, false, Some(false)),
        ("Stopping", false, false, false, Some(false)),
        ("WaitingForBudget", false, false, false, Some(false)),
        ("BackingOff", false, false, false, Some(false)),
        ("Suspended", true, false, false, None),
        ("Protected", false, true, true, Some(false)),
        ("Held", false, true, true, Some(false)),
        ("NotFound", false, false, true, Some(false)),
        ("Contested", false, true, true, Some(false)),
        ("Unauthorized", false, false, true, Some(false)),
        ("Forbidden", false, false, true, Some(false)),
        ("NameMismatch", false, false, true, Some(false)),
        ("TypeNotAllowed", false, false, true, Some(false)),
        ("UnknownStatus", false, false, true, Some(false)),
        ("Failed", false, false, true, Some(false)),
        ("Stalled", false, false, true, Some(false)),
        ("Unobserved", false, false, false, None),
        ("ObserveOnly", false, false, false, Some(false)),
    ] {
        let one = Reason::ALL.into_iter().find(|one| one.as_str() == reason).unwrap();
        let means = (one.at_rest(), one.is_held(), one.needs_a_person(), one.synced());
        assert_eq!(means, (rest, held, person, synced), "{reason}");
        assert_eq!(format!("{one:>17}"), format!("{reason:>17}"));
    }
}

#[test]
fn progress_is_told_from_the_first_look_to_the_end() {
    let told = |bench: &Bench| {
        let keel = &bench.keel;
        (keel.progress(), keel.looked_around(), keel.finished(), keel.view(bench.now).in_sync())
    };
    let bench = Bench::new(singles());
    assert_eq!(
        (bench.keel.ready(), bench.keel.view(bench.now).ready(), told(&bench)),
        (false, false, ((0, 0), true, true, true))
    );
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    assert!(bench.keel.ready() && bench.keel.view(bench.now).ready());
    assert_eq!(told(&bench), ((0, 2), false, false, false));
    bench.answer(READ, sees("a", "running"));
    assert_eq!(told(&bench), ((1, 2), false, false, false));
    bench.answer("status b", sees("b", "starting"));
    assert_eq!(told(&bench), ((1, 2), true, false, false));
    bench.watch("b", "failed", MINUTE);
    assert_eq!(told(&bench), ((1, 2), true, true, false), "only a person can go on");
    bench.watch("b", "running", 10 * MINUTE);
    assert_eq!(told(&bench), ((2, 2), true, true, true));
    let mut policy = singles();
    policy.act.enforce = false;
    let mut bench = Bench::with(policy, &[("a", running())]);
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(told(&bench), ((0, 1), true, true, false), "observing is all that is asked");
}

#[test]
fn accounts_are_shown_with_what_is_counted_over_all_of_them() {
    let mut policy = Policy::default();
    policy.accounts.push(AccountId::new("other"));
    let mut bench = Bench::with(policy, &[("a", running()), ("b", running())]);
    let shown = |bench: &Bench| bench.keel.view(bench.now).accounts;
    let [ours, theirs] = &shown(&bench)[..] else { panic!() };
    assert_eq!((&ours.name, theirs.name.as_str()), (&account(), "other"));
    assert_eq!((ours.in_flight, theirs.in_flight), (1, 0));
    assert_eq!((ours.list_call, ours.unauthorized), (None, false));
    let budget = &ours.budgets[0];
    assert_eq!((budget.method, budget.limit, budget.remaining), (Method::List, 60, 59));
    assert_eq!((budget.account_wide, budget.next_allowed), (true, Some(Time(bench.now.wall))));
    bench.answer(LIST, refused(404));
    assert_eq!(shown(&bench)[0].list_call, Some(false));
    assert_eq!(shown(&bench)[0].widened, []);
    bench.answer(READ, refused(429));
    bench.answer("status b", refused(401));
    let ours = &shown(&bench)[0];
    assert!(ours.unauthorized && !shown(&bench)[1].unauthorized);
    let widened: Vec<_> =
        ours.widened.iter().map(|one| (one.method, one.until.map(seconds))).collect();
    assert_eq!(widened, [(Method::Status, Some(1000 + 86_400))]);

    let mut policy = singles();
    policy.limits.scope = ScopeMode::Account;
    let bench = Bench::with(policy, &[("a", running())]);
    let ours = &shown(&bench)[0];
    let widened: Vec<_> = ours.widened.iter().map(|one| (one.method, one.until)).collect();
    let always = [Method::Status, Method::Start, Method::Stop].map(|method| (method, None));
    assert_eq!(widened, always);
}

#[test]
fn what_came_of_a_start_is_shown_with_its_cause() {
    let mut bench = bench(running());
    let last = |bench: &Bench| {
        let view = bench.keel.view(bench.now);
        view.deployment("a").unwrap().last_action.clone()
    };
    assert_eq!(last(&bench), None);
    bench.answer(READ, sees("a", "stopped"));
    let id = bench.out[0].id;
    let past = last(&bench).unwrap();
    assert_eq!((past.id, past.outcome.as_str(), past.ended), (id, "under way", None));
    assert_eq!((past.account.as_str(), past.deployment.as_str()), ("default", "a"));
    let cause = past.cause.unwrap();
    assert_eq!((&*cause.rule, &*cause.revision, &*cause.saw), ("state", "r1", "stopped"));
    assert_eq!((seconds(past.at), seconds(cause.seen)), (1000, 1000));
    bench.pass(SECOND);
    bench.answer(START, lost());
    let past = last(&bench).unwrap();
    assert_eq!((past.outcome.as_str(), past.ended.map(seconds)), ("unanswered", Some(1001)));
    let mut bench = self::bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, evenkeel::keel::call::Outcome::NeverLeft("no route".into()));
    assert_eq!(last(&bench).unwrap().outcome, "never left");
    let newest: Vec<_> = bench.keel.past().map(|past| past.id).collect();
    assert_eq!(newest, [id]);
}

#[test]
fn times_read_and_write_as_rfc_3339_to_the_millisecond() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (EPOCH + 1, "2026-01-01T00:00:00.001Z"),
        (-1500, "1969-12-31T23:59:58.5Z"),
    ] {
        let time = Time(Wall::from_millis(millis));
        assert_eq!(serde_json::to_value(time).unwrap(), text);
        assert_eq!(serde_json::from_value::<Time>(text.into()).unwrap(), time);
    }
    assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
    assert_eq!(Time(Wall::from_millis(EPOCH)).to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(Wall::from_millis(1500).seconds(), 1.5);
    assert_eq!(Wall::from_millis(-1500).seconds(), -1.5);
    assert_eq!(Wall::from_millis(0).seconds().to_string(), "0", "not -0");
}

#[test]
fn a_fleet_is_shown_piece_by_piece() {
    let fleet = ["a", "b", "c", "d", "e"].map(|name| (name, running()));
    let mut bench = Bench::with(singles(), &fleet);
    bench.answer("status b", sees("b", "stopped"));
    let whole = bench.keel.view(bench.now);
    let mut pieces = bench.keel.outline(bench.now);
    assert_eq!(View { deployments: Vec::new(), ..whole.clone() }, pieces);
    loop {
        let after = pieces.deployments.last().map(|last| last.id.clone());
        let more = bench.keel.deployments(after.as_ref(), 2, bench.now);
        if more.is_empty() {
            break;
        }
        assert!(more.len() <= 2);
        pieces.deployments.extend(more);
    }
    assert_eq!(whole, pieces);
    assert_eq!(whole.deployment("b"), bench.keel.deployment(&id("b"), bench.now).as_ref());
    assert_eq!(None, bench.keel.deployment(&id("f"), bench.now));
}

#[test]
fn the_fleet_in_one_line() {
    let fleet = ["a", "b", "c"].map(|name| (name, running()));
    let mut bench = Bench::new(singles());
    assert_eq!(bench.keel.headline(bench.now), "waiting for a valid desired file");
    bench.edit("r1", &fleet);
    assert_eq!(bench.keel.headline(bench.now), "0 in sync, 3 not seen yet");
    bench.answer("status a", sees("a", "running"));
    bench.answer("status b", refused(500));
    // The first of those that are to be tried again says when.
    assert_eq!(
        bench.keel.headline(bench.now),
        "1 in sync, 1 backing off until 00:17 UTC, 1 not seen yet"
    );
    bench.tell(Event::ManifestRefused("no".into()));
    bench.tell(Event::LedgerStuck("full".into()));
    assert!(bench.keel.headline(bench.now).ends_with(
        "; the desired file is refused, the last good one is in force; the ledger cannot be \
         written, so nothing is sent"
    ));
}
