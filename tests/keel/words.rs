//! What is said of a deployment, to the letter: the message beside each reason.

use evenkeel::keel::call::{Body, Outcome};
use evenkeel::keel::deployment::{Desired, Facts};
use evenkeel::keel::intent::{Intent, Override, Suspend};
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::ScopeMode;
use evenkeel::keel::time::Wall;

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, accepted, answered, bench, facts, refused, running, sees, singles,
    starting, stopped,
};

const START: &str = "start a";
const READ: &str = "status a";

fn said(bench: &Bench) -> String {
    said_of(bench, "a")
}

fn said_of(bench: &Bench, deployment: &str) -> String {
    bench.keel.view(bench.now).deployment(deployment).unwrap().synced.message.to_string()
}

/// What is said of a deployment that is asked for like this and seen like that.
fn seen(intent: Intent, facts: Facts) -> String {
    let mut bench = bench(intent);
    bench.answer(READ, answered(200, Body::Deployment(facts)));
    said(&bench)
}

#[test]
fn a_start_is_followed_in_words_from_the_first_look_to_the_end() {
    let mut bench = bench(running());
    assert_eq!(said(&bench), "not seen yet");
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(said(&bench), "start sent, waiting for the answer");
    bench.answer(START, accepted());
    let asked = "asked at 2026-01-01T00:16:40Z, still stopped; waits for the platform";
    assert_eq!(said(&bench), asked);
    bench.watch("a", "starting", 10 * SECOND);
    assert_eq!(said(&bench), "starting since 2026-01-01T00:16:40Z; waits until it settles");
    bench.watch("a", "running", MINUTE);
    assert_eq!(said(&bench), "running, as desired");
    bench.edit("r2", &[("a", stopped())]);
    bench.pass(11 * SECOND);
    bench.edit("r3", &[("a", running())]);
    bench.edit("r4", &[("a", stopped())]);
    assert_eq!(said(&bench), "running, wanted stopped; a last look, then stop");
}

#[test]
fn what_waits_for_the_budget_is_told_whose_it_is_and_until_when() {
    let mut bench = starting();
    bench.watch("a", "running", 10 * MINUTE);
    bench.watch("a", "stopped", 2 * MINUTE);
    bench.jump(bench.now.mono.shifted(1));
    assert_eq!(
        said(&bench),
        "stopped, wanted running; it has had its 1 start within 1h, so the next start is allowed \
         at 2026-01-01T01:16:50Z (in 48m10s)"
    );
    let mut policy = singles();
    policy.limits.scope = ScopeMode::Account;
    let mut bench = Bench::with(policy, &[("a", running()), ("b", running())]);
    bench.answer(READ, sees("a", "stopped"));
    bench.answer("status b", sees("b", "stopped"));
    assert_eq!(
        said_of(&bench, "b"),
        "stopped, wanted running; the account has had its 1 start within 1h, so the next start is \
         allowed when the call under way has ended"
    );
}

#[test]
fn what_waits_for_the_last_look_is_told_so() {
    let mut policy = singles();
    policy.limits.status.requests = 1;
    let mut bench = Bench::with(policy, &[("a", running())]);
    bench.answer(READ, sees("a", "running"));
    bench.pass(MINUTE);
    bench.edit("r2", &[("a", stopped())]);
    assert_eq!(bench.reason("a"), Reason::WaitingForBudget);
    assert_eq!(said(&bench), "running, wanted stopped; waits for a status call before the stop");
}

#[test]
fn what_failed_is_told_with_the_next_try() {
    let mut bench = bench(running());
    bench.answer(READ, Outcome::Unanswered("timed out".into()));
    assert_eq!(
        said(&bench),
        "could not be read: timed out; next try at 2026-01-01T00:16:48Z (in 9s)"
    );
    bench.until_call(READ, 2 * MINUTE).unwrap();
    bench.answer(READ, refused(500));
    let text = said(&bench);
    assert!(text.starts_with("could not be read 2 times in a row: HTTP 500; next try "), "{text}");
    for (outcome, fault) in [
        (answered(502, Body::Refused(Some("BAD".into()))), "HTTP 502, code BAD"),
        (answered(200, Body::Unreadable("it is html".into())), "HTTP 200, but it is html"),
        (answered(200, Body::Accepted), "no status in it"),
        (sees("b", "running"), "the answer is about deployment `b`"),
        (Outcome::NeverLeft("no route".into()), "no route"),
    ] {
        let mut bench = self::bench(running());
        bench.answer(READ, outcome);
        let text = said(&bench);
        assert!(text.starts_with(&format!("could not be read: {fault}; next try ")), "{text}");
    }
}

#[test]
fn a_refused_start_is_told_with_the_next_try() {
    let mut bench = bench(running());
    bench.answer(READ, sees("a", "stopped"));
    bench.answer(START, refused(422));
    bench.watch("a", "stopped", MINUTE);
    assert_eq!(
        said(&bench),
        "the API refused the last start (422); next try at 2026-01-01T01:16:50Z (in 59m10s)"
    );
    bench.watch("a", "stopped", HOUR);
    bench.answer(START, Outcome::Unanswered("timed out".into()));
    bench.watch("a", "stopped", SECOND);
    assert_eq!(said(&bench), "the last attempt failed; tried again later");
}

#[test]
fn what_the_file_or_the_policy_forbids_is_told_with_the_way_out() {
    let suspend = Some(Suspend { reason: "migration".into(), until: None });
    assert_eq!(
        seen(Intent { suspend, ..running() }, facts("a", "stopped")),
        "suspended by the desired file (migration); stopped, left alone"
    );
    assert_eq!(
        seen(Intent { protect: true, ..stopped() }, facts("a", "running")),
        "running, wanted stopped, and `protect: true` forbids to stop it; take one of the two out \
         of the desired file"
    );
    assert_eq!(
        seen(Intent { name: Some("eu".into()), ..running() }, facts("a", "stopped")),
        "the API calls it `deployment-a`, the desired file `eu`; is it the wrong id?"
    );
    assert_eq!(
        seen(running(), Facts { kind: "serverless".into(), ..facts("a", "stopped") }),
        "stopped, wanted running, but its type `serverless` is not among `act.types`"
    );
    let mut policy = singles();
    policy.act.enforce = false;
    let mut bench = Bench::with(policy, &[("a", running())]);
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!(
        said(&bench),
        "stopped, wanted running; `act.mode` is `observe`, so nothing is done"
    );
}

#[test]
fn what_the_platform_says_is_told_as_it_says_it() {
    for (status, text) in [
        ("failed", "the platform reports `failed`; mend it in the console"),
        (
            "hibernating",
            "the API reports status `hibernating`, which is not known; nothing is done",
        ),
        ("stopping", "stopping since 2026-01-01T00:16:40Z; waits until it settles"),
    ] {
        assert_eq!(seen(running(), facts("a", status)), text);
    }
    let mut bench = starting();
    bench.watch("a", "starting", HOUR + MINUTE);
    assert_eq!(
        said(&bench),
        "starting for 1h1m, longer than `act.settle_timeout`; look into the console"
    );
}

#[test]
fn what_the_api_refuses_is_told_with_what_to_do() {
    for (code, text) in [
        (
            401,
            "the API refuses the key of account `default` (401); renew the key, the files are \
               read again",
        ),
        (
            403,
            "the key of account `default` has no permission for this deployment (403); grant \
               it, or use another key",
        ),
        (
            404,
            "the API does not know this deployment (404); check the id, and that it belongs to \
               account `default`",
        ),
    ] {
        let mut bench = bench(running());
        bench.answer(READ, refused(code));
        assert_eq!(said(&bench), text);
    }
}

#[test]
fn what_is_contested_is_told_how_often_and_what_settles_it() {
    let mut bench = bench(running());
    for _ in 0..3 {
        bench.watch("a", "running", 10 * MINUTE);
        if bench.watch("a", "stopped", 70 * MINUTE) == [START] {
            bench.answer(START, accepted());
        }
    }
    let text = "stopped, wanted running, but something else has turned it back 3 times; settle who \
                decides, then bring it to running by hand or change its entry in the desired file";
    assert_eq!(said(&bench), text);
    let told = bench.notices.iter().rev().find_map(|notice| match notice {
        Notice::ReasonChanged { message, .. } => Some(&**message),
        _ => None,
    });
    assert_eq!(told, Some(text), "and the log hears the same");
}

#[test]
fn the_rule_that_decided_is_named() {
    let until = Wall::from_millis(i64::MAX);
    let exception = |reason: Option<&str>| Intent {
        exception: Some(Override {
            state: Desired::Running,
            until,
            reason: reason.map(Into::into),
        }),
        ..stopped()
    };
    for (intent, rule) in [
        (stopped(), "state"),
        (exception(None), "override"),
        (exception(Some("load test")), "override (load test)"),
    ] {
        let bench = bench(intent);
        assert_eq!(bench.keel.view(bench.now).deployment("a").unwrap().desired.rule, rule);
    }
}
