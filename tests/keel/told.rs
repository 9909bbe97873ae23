//! What is told, and that it is told once.

use evenkeel::keel::call::Method;
use evenkeel::keel::deployment::{AccountId, Desired, Status};
use evenkeel::keel::intent::{Intent, Rule, Suspend};
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::{Policy, ScopeMode};
use evenkeel::keel::reconciler::{Event, Replay};
use evenkeel::keel::record::Record;

use crate::bench::{
    Bench, HOUR, MINUTE, SECOND, account, answered, at, bench, facts, id, lost, manifest, refused,
    running, sees, singles, starting, stopped,
};

const READ: &str = "status a";
const LIST: &str = "list of account default";

/// The notices that `pick` knows, as it shows them.
fn told<T>(bench: &Bench, pick: impl Fn(&Notice) -> Option<T>) -> Vec<T> {
    bench.notices.iter().filter_map(pick).collect()
}

#[test]
fn a_status_is_told_when_it_changes() {
    let mut bench = bench(running());
    for word in ["running", "running", "failed", "failed", "running"] {
        bench.until_call(READ, 2 * MINUTE).unwrap();
        bench.answer(READ, sees("a", word));
    }
    let changes = told(&bench, |notice| match notice {
        Notice::StatusChanged { from, to, .. } => Some((from.clone(), to.clone())),
        _ => None,
    });
    let (running, failed) = (Status::Running, Status::Failed);
    assert_eq!(
        changes,
        [(None, running.clone()), (Some(running.clone()), failed.clone()), (Some(failed), running)]
    );
}

#[test]
fn a_status_is_shown_since_it_was_first_seen() {
    let mut bench = bench(running());
    let since = |bench: &Bench| {
        bench.keel.view(bench.now).deployment("a").unwrap().observed.clone().unwrap().since.0
    };
    bench.pass(2 * SECOND);
    let first = bench.now.wall;
    bench.answer(READ, sees("a", "running"));
    bench.watch("a", "running", HOUR);
    assert_eq!(since(&bench), first);
    bench.until_call(READ, 2 * MINUTE).unwrap();
    let second = bench.now.wall;
    bench.answer(READ, sees("a", "failed"));
    bench.watch("a", "failed", HOUR);
    assert_eq!(since(&bench), second);
}

#[test]
fn a_reason_is_told_when_it_changes_and_not_seen_yet_is_no_news() {
    let reasons = |bench: &Bench| {
        told(bench, |notice| match notice {
            Notice::ReasonChanged { from, to, .. } => Some((*from, *to)),
            _ => None,
        })
    };
    let mut bench = bench(running());
    assert_eq!(reasons(&bench), []);
    bench.watch("a", "running", HOUR);
    assert_eq!(reasons(&bench), [(Some(Reason::Unobserved), Reason::InSync)]);
    let suspend = Some(Suspend { reason: "migration".into(), until: None });
    let bench = self::bench(Intent { suspend: suspend.clone(), ..running() });
    assert_eq!(reasons(&bench), [(None, Reason::Suspended)]);
    let mut bench = self::bench(Intent { suspend, ..running() });
    bench.edit("r2", &[("a", running())]);
    assert_eq!(reasons(&bench)[1..], [(Some(Reason::Suspended), Reason::Unobserved)]);
}

#[test]
fn another_wish_is_told_with_the_rule_that_made_it() {
    let mut bench = bench(running());
    bench.edit("r2", &[("a", Intent { protect: true, ..running() })]);
    bench.edit("r3", &[("a", stopped())]);
    let suspend = Some(Suspend { reason: "migration".into(), until: None });
    bench.edit("r4", &[("a", Intent { suspend, ..stopped() })]);
    bench.edit("r5", &[("a", stopped()), ("b", running())]);
    let wishes = told(&bench, |notice| match notice {
        Notice::DesiredChanged { deployment, from, to, rule } => {
            Some((deployment.to_string(), *from, *to, rule.clone()))
        }
        _ => None,
    });
    let (running, stopped) = (Desired::Running, Desired::Stopped);
    assert_eq!(
        wishes,
        [
            ("a".to_owned(), Some(running), stopped, Rule::State),
            ("b".to_owned(), None, running, Rule::State)
        ]
    );
    let forgiven = |record: &&Record| matches!(record, Record::Forgiven { .. });
    assert_eq!(bench.records.iter().filter(forgiven).count(), 0, "there was nothing to forgive");
}

#[test]
fn a_file_is_told_with_what_it_changes() {
    let foreign = Intent { account: AccountId::new("nobody's"), ..running() };
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    bench.edit("r1", &[("a", running()), ("b", running())]);
    bench.edit("r2", &[("a", running()), ("c", stopped()), ("d", foreign)]);
    bench.tell(Event::ManifestRefused("what is this?".into()));
    bench.edit("r2", &[("a", running()), ("c", running())]);
    bench.tell(Event::ManifestRefused("what is this?".into()));
    bench.edit("r2", &[("a", running()), ("c", running())]);
    let files = told(&bench, |notice| match notice {
        Notice::ManifestAccepted { revision, deployments, changed, removed } => {
            Some((revision.to_string(), *deployments, *changed, *removed))
        }
        _ => None,
    });
    let file = |revision: &str, deployments, changed, removed| {
        (revision.to_owned(), deployments, changed, removed)
    };
    let expected =
        [file("r1", 2, 2, 0), file("r2", 3, 1, 1), file("r2", 2, 1, 0), file("r2", 2, 0, 0)];
    assert_eq!(files, expected, "not again, unless it was mended");
}

/// That something else of the files is in force does not mend what is refused.
#[test]
fn what_was_refused_is_mended_once_all_of_it_is_in_force() {
    let both = [("a", running()), ("b", running())];
    let mut bench = Bench::with(singles(), &both);
    bench.edit("r1", &both);
    bench.tell(Event::ManifestRefused("what is this?".into()));
    for revision in ["r2", "r3"] {
        let report = "team b: what is this?".into();
        bench.tell(Event::ManifestReadPartly { manifest: manifest(revision, &both[..1]), report });
    }
    bench.tell(Event::PolicyChanged(Box::new(singles())));
    bench.edit("r4", &[("a", running())]);
    bench.edit("r5", &[("a", stopped())]);
    let mended = told(&bench, |notice| match notice {
        Notice::ManifestMended { revision } => Some(revision.to_string()),
        Notice::Left { deployment } => Some(format!("{deployment} left")),
        _ => None,
    });
    assert_eq!(mended, ["b left", "r4"]);
}

/// Who moves to another account does not leave.
#[test]
fn who_is_still_named_has_not_left() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    let foreign = Intent { account: AccountId::new("nobody's"), ..running() };
    bench.edit("r2", &[("a", running()), ("b", foreign)]);
    let left = told(&bench, |notice| match notice {
        Notice::Left { deployment } => Some(deployment.clone()),
        _ => None,
    });
    assert_eq!(left, []);
}

#[test]
fn a_name_is_known_once_it_was_seen() {
    let mut bench = bench(running());
    assert_eq!(bench.keel.name_of("a"), None);
    bench.watch("a", "running", HOUR);
    assert_eq!(bench.keel.name_of("a"), Some("deployment-a"));
    assert_eq!(bench.keel.name_of("b"), None);
}

#[test]
fn the_list_call_is_told_when_it_comes_or_goes() {
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    let entries = vec![facts("a", "running"), facts("b", "running")];
    let works = answered(200, evenkeel::keel::call::Body::Fleet { entries, unreadable: 0 });
    for outcome in [works.clone(), works.clone(), refused(500), lost(), works] {
        bench.until_call(LIST, HOUR).unwrap();
        bench.answer(LIST, outcome);
    }
    let available = told(&bench, |notice| match notice {
        Notice::ListCall { available, .. } => Some(*available),
        _ => None,
    });
    assert_eq!(available, [true, false, true]);
}

#[test]
fn a_refused_key_is_told_at_once_and_for_every_deployment_of_the_account() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", running())]);
    bench.answer("status b", sees("b", "running"));
    bench.answer(READ, refused(401));
    let refusals = told(&bench, |notice| match notice {
        Notice::CredentialsRefused { account } => Some(account.clone()),
        _ => None,
    });
    assert_eq!(refusals, [account()]);
    let reasons = told(&bench, |notice| match notice {
        Notice::ReasonChanged { deployment, to, .. } => Some((deployment.to_string(), *to)),
        _ => None,
    });
    let unauthorized = |id: &str| (id.to_owned(), Reason::Unauthorized);
    assert!(reasons.contains(&unauthorized("a")) && reasons.contains(&unauthorized("b")));
}

#[test]
fn a_429_widens_only_what_is_not_wide_yet_and_only_where_that_is_not_settled() {
    let widened = |bench: &Bench| {
        let until = told(bench, |notice| match notice {
            Notice::Unexpected429 { widened_until, .. } => Some(widened_until.is_some()),
            _ => None,
        });
        let record = |record: &&Record| matches!(record, Record::Widened { .. });
        (until, bench.records.iter().filter(record).count())
    };
    let mut bench = bench(running());
    for _ in 0..2 {
        bench.until_call(READ, HOUR).unwrap();
        bench.answer(READ, refused(429));
    }
    assert_eq!(widened(&bench), (vec![true, false], 1));
    for scope in [ScopeMode::Deployment, ScopeMode::Account] {
        let mut policy = singles();
        policy.limits.scope = scope;
        let mut bench = Bench::with(policy, &[("a", running())]);
        bench.answer(READ, refused(429));
        assert_eq!(widened(&bench), (vec![false], 0), "{scope:?}");
    }
    let mut bench = Bench::with(Policy::default(), &[("a", running()), ("b", running())]);
    bench.answer(LIST, refused(429));
    assert_eq!(widened(&bench), (vec![false], 0), "the list call is the account's anyway");
    let closed = bench.keel.history().is_wide(&account(), Method::Status, bench.now.mono);
    assert!(!closed);
}

#[test]
fn a_slow_passage_is_warned_of_when_its_time_has_come() {
    let mut policy = singles();
    policy.act.settle_warning = 35 * SECOND;
    let mut bench = Bench::with(policy, &[("a", stopped())]);
    let warnings = |bench: &Bench| {
        told(bench, |notice| match notice {
            Notice::SlowPassage { since, .. } => Some(*since),
            _ => None,
        })
    };
    let begin = bench.now.wall;
    bench.watch("a", "stopping", 34 * SECOND);
    assert_eq!(warnings(&bench), []);
    // With the next look, which is the one after 40.6 s.
    bench.watch("a", "stopping", 7 * SECOND);
    assert_eq!(warnings(&bench), [begin]);
}

#[test]
fn clocks_that_agree_are_no_news() {
    let mut bench = starting();
    bench.watch("a", "running", HOUR);
    let stepped = |notice: &&Notice| matches!(notice, Notice::ClockStepped { .. });
    assert_eq!(bench.notices.iter().find(stepped), None);
    let begins = |record: &&Record| matches!(record, Record::Started { .. });
    assert_eq!(bench.records.iter().filter(begins).count(), 1);
    bench.now.wall = bench.now.wall.shifted(1000);
    bench.tell(Event::Tick);
    assert_eq!(bench.notices.iter().find(stepped), None, "slewed, not set");
    bench.now.wall = bench.now.wall.shifted(-1001);
    bench.tell(Event::Tick);
    assert_eq!(bench.notices.iter().find(stepped), Some(&Notice::ClockStepped { by: -1001 }));
}

#[test]
fn a_whole_ledger_is_taken_over_without_a_charge() {
    let now = at(HOUR);
    let bench = Bench::after(singles(), vec![], Replay::default(), now);
    assert_eq!(bench.records, [Record::Started { now }]);
    assert_eq!(bench.notices, [Notice::Recovered { open: 0, past: 0 }]);
    let bench = starting().restart(SECOND);
    assert_eq!(bench.notices, [Notice::Recovered { open: 0, past: 1 }]);
    assert_eq!(bench.keel.history().last_act(&id("a")).unwrap().id.to_string(), "2");
}
