//! When the operator's rules change while the keel is at work.

use evenkeel::keel::call::Method;
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::intent::Intent;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::Event;

use crate::bench::{Bench, HOUR, MINUTE, SECOND, bench, running, sees, singles, starting};

const START: &str = "start a";
const READ: &str = "status a";

fn change(bench: &mut Bench, policy: Policy) {
    bench.tell(Event::PolicyChanged(Box::new(policy)));
}

#[test]
fn new_rules_are_obeyed_at_once() {
    let mut policy = singles();
    policy.act.enforce = false;
    let mut bench = Bench::with(policy, &[("a", running())]);
    bench.answer(READ, sees("a", "stopped"));
    assert_eq!((bench.calls().len(), bench.reason("a")), (0, Reason::ObserveOnly));
    change(&mut bench, singles());
    assert_eq!(bench.calls(), [START]);
}

#[test]
fn a_longer_window_counts_for_what_was_sent_before() {
    let mut bench = starting();
    assert_eq!(bench.allowed_in("a", Method::Start), Some(HOUR + 10 * SECOND));
    let mut policy = singles();
    policy.limits.start.per = 2 * HOUR;
    change(&mut bench, policy);
    assert_eq!(bench.allowed_in("a", Method::Start), Some(2 * HOUR + 10 * SECOND));
}

#[test]
fn accounts_come_and_go_with_their_deployments() {
    let other = AccountId::new("other");
    let theirs = Intent { account: other.clone(), ..running() };
    let both = [("a", running()), ("b", theirs)];
    let mut bench = Bench::with(singles(), &both);
    let fleet = |bench: &Bench| {
        let view = bench.keel.view(bench.now);
        view.deployments.iter().map(|one| one.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((fleet(&bench), bench.calls()), (vec!["a".to_owned()], vec![READ.to_owned()]));
    bench.answer(READ, sees("a", "running"));
    let mut policy = singles();
    policy.accounts.push(other.clone());
    change(&mut bench, policy.clone());
    assert_eq!(fleet(&bench), ["a", "b"]);
    assert_eq!(bench.calls(), ["status b"]);
    bench.answer("status b", sees("b", "running"));
    policy.accounts = vec![other];
    change(&mut bench, policy);
    assert_eq!(fleet(&bench), ["b"]);
    bench.live(HOUR, |_| "running");
    assert!(bench.reason("b") == Reason::InSync && bench.calls().is_empty());
}

#[test]
fn without_a_file_new_rules_are_only_remembered() {
    let mut bench = Bench::new(singles());
    change(&mut bench, singles());
    assert!(!bench.keel.ready() && bench.calls().is_empty());
    let mut bench = self::bench(running());
    bench.answer(READ, sees("a", "running"));
    change(&mut bench, singles());
    assert_eq!(bench.watch("a", "running", MINUTE), [""; 0]);
}
