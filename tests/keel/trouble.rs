//! What the API may answer beside what was hoped for.

use std::time::Duration;

use evenkeel::keel::call::{Body, Method, Outcome};
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::ScopeMode;
use evenkeel::keel::reconciler::Event;

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, accepted, account, answered, bench, refused, running, sees,
    singles,
};

const START: &str = "start a";
const READ: &str = "status a";

fn count(bench: &Bench, which: impl Fn(&Notice) -> bool) -> usize {
    bench.notices.iter().filter(|notice| which(notice)).count()
}

fn retry_after(code: u16, seconds: u64) -> Outcome {
    let after = Some(Duration::from_secs(seconds));
    Outcome::Answered { code, retry_after: after, body: Body::Refused(None) }
}

#[test]
fn a_refused_start_counts_as_spent_and_waits_longer_each_time() {
    for code in [302, 400, 403, 404, 409, 422] {
        let mut bench = bench(running());
        bench.answer(READ, sees("a", "stopped"));
        bench.answer(START, refused(code));
        let refused_at = bench.now.mono;
        // One window, two, four, eight, and no more.
        for windows in [1, 2, 4, 8, 8] {
            assert_eq!(bench.watch("a", "stopped", windows * HOUR), [""; 0], "{code}");
            assert_eq!(bench.watch("a", "stopped", 20 * MINUTE), [START], "{code}");
            bench.answer(START, refused(code));
        }
        assert!(bench.now.mono.since(refused_at) > 23 * HOUR);
        bench.watch("a", "stopped", 9 * HOUR);
        bench.answer(START, accepted());
        bench.watch("a", "running", MINUTE);
        assert_eq!(bench.reason("a"), Reason::InSync);
    }
}

#[test]
fn a_start_that_met_a_server_fault_may_have_been_done() {
    for code in [500, 502, 503, 504] {
        let mut bench = bench(running());
        bench.answer(READ, sees("a", "stopped"));
        bench.answer(START, refused(code));
        assert_eq!(bench.until_call(READ, SECOND), Some(Duration::ZERO), "looked at at once");
        bench.answer(READ, sees("a", "starting"));
        assert_eq!(bench.watch("a", "running", 5 * MINUTE), [""; 0]);
        assert_eq!(bench.reason("a"), Reason::InSync);
    }
}

#[test]
fn a_2xx_with_any_body_is_success() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, answered(204, Body::Unreadable("empty".into())));
    assert_eq!(bench.reason("a"), Reason::Starting);
    bench.watch("a", "running", MINUTE);
    assert_eq!(bench.reason("a"), Reason::InSync);
}

#[test]
fn what_is_not_there_or_not_ours_to_see_is_said_so_and_asked_again() {
    for (code, reason) in [(404, Reason::NotFound), (403, Reason::Forbidden)] {
        let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
        bench.answer(READ, refused(code));
        assert_eq!(bench.reason("a"), reason);
        bench.answer("status b", sees("b", "stopped"));
        assert_eq!(bench.calls(), ["start b"], "one bad entry does not stop the others");
        bench.until_call(READ, 10 * MINUTE).unwrap();
        bench.answer(READ, sees("a", "running"));
        assert_eq!(bench.reason("a"), Reason::InSync);
    }
}

#[test]
fn a_refused_key_stops_all_calls_until_it_is_read_again() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    bench.answer(READ, refused(401));
    bench.answer("status b", refused(401));
    assert_eq!(
        (bench.reason("a"), bench.reason("b")),
        (Reason::Unauthorized, Reason::Unauthorized)
    );
    assert_eq!(bench.refreshed, 2, "the files of the key are looked at");
    let told = |notice: &Notice| matches!(notice, Notice::CredentialsRefused { .. });
    assert_eq!(count(&bench, told), 1);
    bench.tell(Event::Tick);
    assert_eq!(bench.calls(), [""; 0]);
    bench.tell(Event::CredentialsChanged(account()));
    assert_eq!(bench.calls().len(), 1, "one call tries the new key");
    let first = bench.calls()[0].clone();
    let deployment = first.strip_prefix("status ").unwrap().to_owned();
    bench.answer(&first, sees(&deployment, "running"));
    assert_eq!(bench.calls().len(), 1, "and then the other");
    let told = |notice: &Notice| matches!(notice, Notice::CredentialsAccepted { .. });
    assert_eq!(count(&bench, told), 1);
}

#[test]
fn a_key_that_stays_refused_is_tried_less_and_less() {
    let mut bench = bench(running());
    let mut tries = 0;
    let end = bench.now.mono + 6 * HOUR;
    while bench.until_call(READ, end.since(bench.now.mono)).is_some() {
        bench.answer(READ, refused(401));
        tries += 1;
    }
    assert!((36..60).contains(&tries), "every ten minutes in the end: {tries}");
}

#[test]
fn one_accounts_refused_key_is_no_trouble_of_anothers() {
    let mut policy = singles();
    let other = AccountId::new("other");
    policy.accounts.push(other.clone());
    let theirs = evenkeel::keel::intent::Intent { account: other, ..running() };
    let mut bench = Bench::with(policy, &[("a", running()), ("b", theirs)]);
    bench.answer(READ, refused(401));
    bench.answer("status b", sees("b", "stopped"));
    assert_eq!(bench.calls(), ["start b"]);
}

#[test]
fn a_429_is_obeyed_however_long_it_asks_for() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, retry_after(429, 4 * 3600));
    assert_eq!(bench.allowed_in("a", Method::Start), Some(4 * HOUR));
    assert_eq!(bench.watch("a", "stopped", 4 * HOUR - SECOND), [""; 0]);
    assert_eq!(bench.watch("a", "stopped", 5 * MINUTE), [START]);
    let mut bench = bench.restart(SECOND);
    bench.edit("r1", &[("a", running())]);
    assert_eq!(bench.reason("a"), Reason::Unobserved);
}

#[test]
fn a_short_retry_after_shortens_nothing() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, retry_after(429, 1));
    assert_eq!(bench.allowed_in("a", Method::Start), Some(HOUR + 10 * SECOND));
}

#[test]
fn a_429_that_our_count_cannot_explain_counts_the_whole_account_for_a_day() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    bench.answer(READ, sees("a", "stopped"));
    bench.answer("status b", sees("b", "running"));
    bench.answer(START, refused(429));
    let told =
        |notice: &Notice| matches!(notice, Notice::Unexpected429 { widened_until: Some(_), .. });
    assert_eq!(count(&bench, told), 1);
    // Now b may not start, either.
    let wait = |bench: &Bench| bench.allowed_in("b", Method::Start);
    assert_eq!(wait(&bench), Some(HOUR + 10 * SECOND));
    let mut bench = bench.restart(MINUTE);
    bench.edit("r1", &[("a", running()), ("b", running())]);
    assert_eq!(wait(&bench), Some(HOUR + 10 * SECOND - MINUTE), "a restart forgets none of it");
}

#[test]
fn a_429_within_a_known_account_scope_widens_nothing() {
    let mut policy = singles();
    policy.limits.scope = ScopeMode::Account;
    let mut bench = Bench::with(policy, &[("a", running())]);
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, refused(429));
    let told =
        |notice: &Notice| matches!(notice, Notice::Unexpected429 { widened_until: None, .. });
    assert_eq!(count(&bench, told), 1);
}

#[test]
fn an_unexpected_429_to_a_read_pauses_reading_only() {
    let mut bench = bench(running());
    bench.answer(READ, refused(429));
    assert_eq!(bench.allowed_in("a", Method::Status), Some(5 * MINUTE));
    assert_eq!(bench.until_call(READ, HOUR), Some(5 * MINUTE));
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(bench.calls(), [START]);
}

#[test]
fn a_refused_start_is_repeated_when_its_window_has_passed() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, refused(422));
    assert_eq!(bench.until_call(READ, MINUTE), Some(5 * SECOND), "looked at first");
    assert_eq!(bench.watch("a", "stopped", HOUR + 5 * SECOND), [START], "and not later");
}

#[test]
fn while_the_key_is_refused_one_call_tries_it_and_a_failure_lengthens_the_pause() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    bench.answer(READ, refused(401));
    bench.answer("status b", refused(401));
    let pause = bench.keel.next_wake(bench.now.mono).unwrap().at.since(bench.now.mono);
    assert!((10 * SECOND..=20 * SECOND).contains(&pause), "{pause:?}");
    bench.pass(pause);
    assert_eq!(bench.calls().len(), 1);
    assert_eq!(bench.keel.next_wake(bench.now.mono), None, "its answer is awaited");
    let call = bench.calls()[0].clone();
    bench.answer(&call, Outcome::Unanswered("timed out".into()));
    assert_eq!(bench.calls(), [""; 0]);
    let again = bench.keel.next_wake(bench.now.mono).unwrap().at.since(bench.now.mono);
    assert_eq!(again, pause, "as many refusals, as long a pause");
}
