//! What the ledger's records add up to, record by record.

use std::time::Duration;

use evenkeel::keel::budget::Verdict;
use evenkeel::keel::call::{Call, CallId, Fate, Method, Request};
use evenkeel::keel::history::{History, PAST_MAX};
use evenkeel::keel::policy::{NewLedger, Policy, ScopeMode};
use evenkeel::keel::reconciler::{Event, Replay};
use evenkeel::keel::record::{Record, Stamp};
use evenkeel::keel::time::{Boot, Mono, Now, Wall};

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, account, at, compacted, id, running, singles, start_of,
    starting, status_of,
};

const fn s(seconds: i64) -> Mono {
    Mono::from_millis(seconds * 1000)
}

fn stamp(seconds: i64) -> Stamp {
    Stamp { mono: s(seconds), wall: Wall::from_millis(EPOCH + seconds * 1000) }
}

/// A reading of the clocks in boot `boot`, its wall clock `seconds` after the epoch.
fn reading(boot: u64, mono: i64, seconds: i64) -> Now {
    Now { boot: Boot(boot), mono: s(mono), wall: Wall::from_millis(EPOCH + seconds * 1000) }
}

fn started(now: Now) -> Record {
    Record::Started { now }
}

fn reserved(number: u64, call: &Call, seconds: i64) -> Record {
    Record::Reserved { at: stamp(seconds), id: CallId(number), call: call.clone(), cause: None }
}

fn settled(number: u64, fate: Fate, seconds: i64) -> Record {
    Record::Settled { at: stamp(seconds), id: CallId(number), fate }
}

const fn code(code: u16) -> Fate {
    Fate::Answered { code, retry_after: None }
}

fn fold(policy: Policy, records: &[Record]) -> History {
    let mut history = History::new(policy);
    records.iter().for_each(|record| history.apply(record));
    history
}

/// What a start may do after these records, asked long before any end.
fn after(records: &[Record]) -> Verdict {
    fold(Policy::default(), records).verdict(&start_of("a"), s(0), 0)
}

fn begin() -> Record {
    started(reading(1, 0, 0))
}

#[test]
fn an_answer_holds_from_its_head_on_whatever_it_says() {
    for status in [200, 201, 302, 401, 403, 404, 422, 500, 503] {
        let records = [begin(), reserved(1, &start_of("a"), 10), settled(1, code(status), 12)];
        assert_eq!(after(&records), Verdict::Until(s(12 + 3610)), "{status}");
    }
}

#[test]
fn no_answer_holds_longer_by_the_lateness() {
    let records = [begin(), reserved(1, &start_of("a"), 10), settled(1, Fate::Unanswered, 40)];
    assert_eq!(after(&records), Verdict::Until(s(40 + 300 + 3610)));
}

#[test]
fn a_call_that_never_left_is_handed_back() {
    let records = [begin(), reserved(1, &start_of("a"), 10), settled(1, Fate::NeverLeft, 11)];
    assert_eq!(after(&records), Verdict::Open);
    let history = fold(Policy::default(), &records);
    assert_eq!(history.next_call(), CallId(2), "its number is not handed back");
    assert_eq!(history.past().len(), 1, "and the attempt is remembered");
}

#[test]
fn a_call_under_way_holds_as_long_as_that_lasts() {
    let records = [begin(), reserved(1, &start_of("a"), 10)];
    assert_eq!(after(&records), Verdict::InFlight);
    let history = fold(Policy::default(), &records);
    assert_eq!(history.verdict(&start_of("a"), s(1_000_000), 0), Verdict::InFlight);
    assert_eq!(history.verdict(&start_of("b"), s(11), 0), Verdict::Open, "another deployment");
}

#[test]
fn start_and_stop_have_budgets_of_their_own() {
    let records = [begin(), reserved(1, &start_of("a"), 10), settled(1, code(201), 12)];
    let history = fold(Policy::default(), &records);
    let stop = Call { account: account(), request: Request::Stop(crate::bench::id("a")) };
    assert_eq!(history.verdict(&stop, s(13), 0), Verdict::Open);
}

#[test]
fn a_429_to_a_start_closes_for_a_window_and_retry_after_only_lengthens() {
    for (retry_after, until) in [
        (None, 12 + 3610),
        (Some(0), 12 + 3610),
        (Some(60_000), 12 + 3610),
        (Some(7_200_000), 12 + 7200),
    ] {
        let fate = Fate::Answered { code: 429, retry_after };
        let records = [begin(), reserved(1, &start_of("a"), 10), settled(1, fate, 12)];
        assert_eq!(after(&records), Verdict::Until(s(until)), "{retry_after:?}");
    }
}

#[test]
fn a_429_to_a_read_pauses_five_minutes_and_doubles_up_to_the_window() {
    let mut history = fold(Policy::default(), &[begin()]);
    let read = status_of("a");
    let mut now = 0;
    for (number, pause) in (1..).zip([300, 600, 1200, 2400, 3610, 3610]) {
        history.apply(&reserved(number, &read, now));
        history.apply(&settled(number, code(429), now));
        assert_eq!(history.verdict(&read, s(now), 0), Verdict::Until(s(now + pause)), "{number}");
        now += pause;
        assert_eq!(history.verdict(&read, s(now), 0), Verdict::Open, "{number}");
    }
    history.apply(&reserved(7, &read, now));
    history.apply(&settled(7, code(200), now));
    history.apply(&reserved(8, &read, now));
    history.apply(&settled(8, code(429), now));
    assert_eq!(history.verdict(&read, s(now), 0), Verdict::Until(s(now + 300)), "from the start");
    history.apply(&reserved(9, &read, now));
    let fate = Fate::Answered { code: 429, retry_after: Some(20_000) };
    history.apply(&settled(9, fate, now + 400));
    assert_eq!(history.verdict(&read, s(now + 400), 0), Verdict::Until(s(now + 420)));
}

#[test]
fn widened_counts_the_whole_account_for_its_time() {
    let mut history = fold(
        Policy::default(),
        &[begin(), reserved(1, &start_of("a"), 10), settled(1, code(429), 12)],
    );
    assert_eq!(history.verdict(&start_of("b"), s(13), 0), Verdict::Open);
    let (method, until) = (Method::Start, s(12 + 86_400));
    history.apply(&Record::Widened { at: stamp(12), account: account(), method, until });
    assert_eq!(history.verdict(&start_of("b"), s(13), 0), Verdict::Until(s(12 + 3610)));
    assert!(history.is_wide(&account(), Method::Start, s(86_411)));
    assert!(!history.is_wide(&account(), Method::Start, s(86_412)));
    assert!(!history.is_wide(&account(), Method::Stop, s(13)), "that method only");
}

/// Found by the simulation: a new process waited for the account's slot, and had its own by then.
#[test]
fn what_waits_for_the_account_waits_no_longer_than_the_account_counts() {
    let mut policy = Policy::default();
    policy.limits.status.requests = 1;
    let read = [reserved(1, &status_of("a"), 10), settled(1, code(200), 10)];
    for (end, until) in [(100, Some(100)), (9000, Some(3620)), (11, None)] {
        let (at, method) = (stamp(11), Method::Status);
        let widened = Record::Widened { at, account: account(), method, until: s(end) };
        let records = [vec![begin()], read.to_vec(), vec![widened]].concat();
        let verdict = fold(policy.clone(), &records).verdict(&status_of("b"), s(11), 0);
        assert_eq!(verdict, until.map_or(Verdict::Open, |at| Verdict::Until(s(at))), "{end}");
    }
}

/// Found by the simulation: a new process kept slots for the others of the account, and waited for
/// one of its own, when the account counted no longer.
#[test]
fn slots_are_kept_for_the_account_no_longer_than_the_account_counts() {
    let mut policy = singles();
    policy.limits.status.requests = 3;
    policy.observe.reserve = 1;
    let (end, method) = (s(1005), Method::Status);
    let mut records = vec![begin()];
    for number in [1, 2] {
        records.push(reserved(number, &status_of("a"), 900));
        records.push(settled(number, code(200), 900));
    }
    let at_widening = stamp(900);
    records.push(Record::Widened { at: at_widening, account: account(), method, until: end });
    let mut bench = Bench::after(policy, records, Replay::default(), at(1000 * SECOND));
    bench.edit("r1", &[("a", running())]);
    assert_eq!(bench.until_call("status a", HOUR), Some(5 * SECOND));
}

#[test]
fn the_scope_is_the_configurations() {
    let records = [begin(), reserved(1, &start_of("a"), 10), settled(1, code(201), 12)];
    for (scope, other) in [
        (ScopeMode::Auto, Verdict::Open),
        (ScopeMode::Deployment, Verdict::Open),
        (ScopeMode::Account, Verdict::Until(s(3622))),
    ] {
        let mut policy = Policy::default();
        policy.limits.scope = scope;
        let history = fold(policy, &records);
        assert_eq!(history.verdict(&start_of("b"), s(13), 0), other, "{scope:?}");
    }
}

/// In another boot, the wall clock says how long ago it was, less the skew.
#[test]
fn a_reboot_places_the_past_by_the_wall_clock_less_the_skew() {
    let records = [
        begin(),
        reserved(1, &start_of("a"), 5000),
        settled(1, code(201), 5000),
        started(reading(2, 30, 6000)),
    ];
    // 1000 s passed by the wall clock, so 880 s at least.
    assert_eq!(after(&records), Verdict::Until(s(30 - 880 + 3610)));
}

#[test]
fn a_wall_clock_behind_the_records_charges_from_now_and_once() {
    let mut records = vec![
        begin(),
        reserved(1, &start_of("a"), 5000),
        settled(1, code(201), 5000),
        started(reading(2, 30, -9000)),
    ];
    assert_eq!(after(&records), Verdict::Until(s(30 + 3610)));
    // The next restart in the same boot does not charge again ...
    records.push(started(reading(2, 1000, -8030)));
    assert_eq!(after(&records), Verdict::Until(s(30 + 3610)));
    // ... and the next reboot counts from what the ledger says by now.
    records.push(started(reading(3, 7, -7030)));
    assert_eq!(after(&records), Verdict::Until(s(7 - 880 - 970 + 3610)));
}

#[test]
fn a_step_of_the_wall_clock_within_a_boot_changes_nothing() {
    for step in [-86_400, 86_400] {
        let stepped = Stamp { mono: s(20), wall: Wall::from_millis(EPOCH + step * 1000) };
        let settled = Record::Settled { at: stepped, id: CallId(1), fate: code(201) };
        let restart = started(reading(1, 50, 2 * step));
        let records = [begin(), reserved(1, &start_of("a"), 10), settled, restart];
        assert_eq!(after(&records), Verdict::Until(s(20 + 3610)), "{step}");
    }
}

/// The clock that a reboot is measured against is the latest that was read, not that of an older
/// record which a compaction wrote last.
#[test]
fn an_older_record_written_last_does_not_turn_the_clock_back() {
    let records = [
        begin(),
        reserved(1, &start_of("a"), 100),
        reserved(2, &start_of("b"), 5000),
        settled(2, code(201), 5000),
    ];
    let mut history = fold(Policy::default(), &records);
    let mut compacted = compacted(&mut history, reading(1, 5000, 5000));
    compacted.push(started(reading(2, 30, 6000)));
    let history = fold(Policy::default(), &compacted);
    assert_eq!(history.verdict(&start_of("b"), s(0), 0), Verdict::Until(s(30 - 880 + 3610)));
}

#[test]
fn a_monotonic_clock_that_went_back_is_another_boot() {
    let records = [
        begin(),
        reserved(1, &start_of("a"), 5000),
        settled(1, code(201), 5000),
        started(reading(1, 30, 6000)),
    ];
    assert_eq!(after(&records), Verdict::Until(s(30 - 880 + 3610)));
}

#[test]
fn a_call_left_open_by_a_crash_counts_from_the_restart_once() {
    let records = vec![begin(), reserved(1, &start_of("a"), 100)];
    let first = Bench::after(Policy::default(), records, Replay::default(), at(200 * SECOND));
    let closed = Verdict::Until(s(200 + 300 + 3610));
    assert_eq!(first.keel.history().verdict(&start_of("a"), s(200), 0), closed);
    let second = first.restart(HOUR);
    assert_eq!(second.keel.history().verdict(&start_of("a"), s(200), 0), closed, "not again");
    assert_eq!(second.keel.history().open().len(), 0);
}

#[test]
fn a_torn_line_counts_as_one_call_in_every_scope() {
    let replay = Replay { torn: 1, ..Replay::default() };
    let records = vec![begin(), reserved(1, &status_of("a"), 1), settled(1, code(200), 1)];
    let bench = Bench::after(Policy::default(), records, replay, at(100 * SECOND));
    let history = bench.keel.history();
    let until = Verdict::Until(s(100 + 300 + 3610));
    assert_eq!(history.verdict(&start_of("never-seen"), s(100), 0), until);
    assert_eq!(history.room(&status_of("never-seen"), s(100)).0, 59);
    assert_eq!(history.room(&status_of("a"), s(100)).0, 58);
    let again = bench.restart(Duration::ZERO);
    assert_eq!(again.keel.history().room(&status_of("a"), s(100)).0, 58, "once");
}

#[test]
fn a_new_ledger_may_be_told_that_all_was_spent() {
    let mut policy = Policy::default();
    let fresh = Replay { fresh: true, ..Replay::default() };
    let bench = Bench::after(policy.clone(), vec![], fresh, at(100 * SECOND));
    assert_eq!(bench.keel.history().verdict(&start_of("a"), s(100), 0), Verdict::Open);
    policy.limits.new_ledger = NewLedger::Spent;
    let bench = Bench::after(policy, vec![], fresh, at(100 * SECOND));
    let until = Verdict::Until(s(100 + 300 + 3610));
    assert_eq!(bench.keel.history().verdict(&start_of("a"), s(100), 0), until);
    assert_eq!(bench.keel.history().verdict(&status_of("a"), s(100), 0), until);
    let bench = bench.restart(2 * HOUR);
    assert_eq!(bench.keel.history().verdict(&start_of("a"), bench.now.mono, 0), Verdict::Open);
    assert_eq!(bench.now.mono, mono_after(100 * SECOND + 120 * MINUTE));
}

fn mono_after(time: Duration) -> Mono {
    Mono::default() + time
}

#[test]
fn a_clock_that_was_set_is_told_to_the_ledger_before_a_reboot_asks() {
    let mut bench = starting();
    bench.now.wall = bench.now.wall.shifted(86_400_000);
    bench.tell(Event::Tick);
    let (records, compacted) = (bench.records.clone(), bench.compacted());
    let rebooted = Now {
        boot: Boot(2),
        mono: Mono::from_millis(20_000),
        wall: bench.now.wall.shifted(60_000),
    };
    for records in [records, compacted] {
        let mut after = Bench::after(Policy::default(), records, Replay::default(), rebooted);
        after.edit("r1", &[("a", running())]);
        let wait = after.allowed_in("a", Method::Start).unwrap();
        assert!(wait > 59 * MINUTE, "a day has not passed: {wait:?}");
    }
}

fn reversed(seconds: i64) -> Record {
    Record::Reversed { at: stamp(seconds), deployment: id("a") }
}

#[test]
fn a_reversal_counts_for_a_day_and_one_too_many_stays() {
    let count = |seconds: &[i64]| {
        let records: Vec<_> = seconds.iter().copied().map(reversed).collect();
        fold(Policy::default(), &records).reversals(&id("a"))
    };
    assert_eq!(count(&[0, 86_399]), 2);
    assert_eq!(count(&[0, 86_400]), 1);
    assert_eq!(count(&[0, 1, 2]), 3);
    assert_eq!(count(&[0, 1, 2, 3, 1_000_000]), 3, "contested until it is forgiven");
}

#[test]
fn numbers_that_may_have_been_used_are_not_used_again() {
    let spent = |calls| Record::Spent { at: stamp(1), calls };
    let next = |calls| fold(Policy::default(), &[begin(), spent(calls)]).next_call();
    assert_eq!((next(3), next(u32::MAX)), (CallId(4), CallId(1)));
}

#[test]
fn so_many_starts_and_stops_are_remembered_and_each_once() {
    let mut history = fold(Policy::default(), &[begin(), reserved(1, &start_of("old"), 0)]);
    let past = history.past()[0].clone();
    history.apply(&Record::Past(past.clone()));
    assert_eq!(history.past().len(), 1);
    let all = u64::try_from(PAST_MAX).unwrap();
    for number in 2..=all {
        history.apply(&reserved(number, &start_of("a"), 0));
    }
    assert_eq!((history.past().len(), history.past()[0].id), (PAST_MAX, CallId(1)));
    for number in 2..=all + 1 {
        history.apply(&reserved(number, &start_of("a"), 0));
        history.apply(&settled(number, Fate::NeverLeft, 0));
    }
    history.apply(&settled(1, Fate::NeverLeft, 0));
    assert_eq!((history.past().len(), history.past()[0].id), (PAST_MAX, CallId(2)));
    let again = fold(Policy::default(), &compacted(&mut history, reading(1, 0, 0)));
    let last = again.last_act(&id("old")).unwrap();
    assert_eq!(last.id, past.id, "the last act of each deployment is not lost to it");
}
