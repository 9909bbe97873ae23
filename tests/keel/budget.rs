//! What a tally says, slot by slot.

use std::time::Duration;

use evenkeel::keel::budget::{Rule, Tally, Verdict};
use evenkeel::keel::policy::Limit;
use evenkeel::keel::time::Mono;

const fn s(seconds: i64) -> Mono {
    Mono::from_millis(seconds * 1000)
}

fn rule(requests: u32, alone: bool) -> Rule {
    let limit = Limit { requests, per: Duration::from_secs(3600) };
    Rule::new(limit, Duration::from_secs(10), alone)
}

#[test]
fn one_call_an_hour() {
    let rule = rule(1, true);
    let mut tally = Tally::default();
    assert_eq!(tally.verdict(s(0), rule, 0), Verdict::Open);
    assert_eq!(tally.remaining(s(0), rule), 1);
    tally.reserve();
    assert_eq!(tally.verdict(s(9_999_999), rule, 0), Verdict::InFlight, "as long as it lasts");
    assert_eq!(tally.remaining(s(9_999_999), rule), 0);
    tally.settle(s(100), rule);
    assert_eq!(tally.verdict(s(100), rule, 0), Verdict::Until(s(3710)));
    assert_eq!(tally.verdict(Mono::from_millis(3_709_999), rule, 0), Verdict::Until(s(3710)));
    assert_eq!(tally.verdict(s(3710), rule, 0), Verdict::Open, "a hold ends at its end");
    assert_eq!(tally.remaining(s(3709), rule), 0);
    assert_eq!(tally.remaining(s(3710), rule), 1);
}

#[test]
fn a_call_that_never_left_gives_its_slot_back() {
    let rule = rule(1, true);
    let mut tally = Tally::default();
    tally.reserve();
    tally.hand_back();
    assert_eq!(tally.verdict(s(0), rule, 0), Verdict::Open);
    assert!(tally.is_blank());
}

#[test]
fn sixty_calls_an_hour() {
    let rule = rule(60, false);
    let mut tally = Tally::default();
    for call in 0..60 {
        assert_eq!(tally.verdict(s(call), rule, 0), Verdict::Open, "call {call}");
        tally.reserve();
        tally.settle(s(call), rule);
    }
    assert_eq!(tally.verdict(s(60), rule, 0), Verdict::Until(s(3610)), "the oldest lets go first");
    assert_eq!(tally.verdict(s(3610), rule, 0), Verdict::Open);
    assert_eq!(tally.remaining(s(3610), rule), 1);
    assert_eq!(tally.remaining(s(3612), rule), 3);
    // A call under way takes the slot that has come free.
    tally.reserve();
    assert_eq!(tally.verdict(s(3610), rule, 0), Verdict::Until(s(3611)));
    tally.settle(s(3611), rule);
    assert_eq!(tally.carry().0.len(), 60, "more than the limit is not remembered");
}

#[test]
fn slots_can_be_kept_back() {
    let rule = rule(60, false);
    let mut tally = Tally::default();
    for call in 0..50 {
        tally.arrive(s(call), rule);
    }
    assert_eq!(tally.verdict(s(100), rule, 10), Verdict::Until(s(3610)), "ten are kept");
    assert_eq!(tally.verdict(s(100), rule, 9), Verdict::Open);
    assert_eq!(tally.verdict(s(100), rule, 0), Verdict::Open);
    assert_eq!(tally.verdict(s(3611), rule, 10), Verdict::Open);
    assert_eq!(tally.verdict(s(100), rule, 1000), Verdict::Until(s(3659)), "one is never kept");
}

#[test]
fn under_way_alone_or_together() {
    let (alone, together) = (rule(2, true), rule(2, false));
    let mut tally = Tally::default();
    tally.reserve();
    assert_eq!(tally.verdict(s(0), alone, 0), Verdict::InFlight);
    assert_eq!(tally.verdict(s(0), together, 0), Verdict::Open);
    assert_eq!(tally.verdict(s(0), together, 1), Verdict::InFlight);
    tally.reserve();
    assert_eq!(tally.verdict(s(0), together, 0), Verdict::InFlight);
    tally.settle(s(5), together);
    assert_eq!(
        tally.verdict(s(6), together, 0),
        Verdict::Until(s(3615)),
        "one held, one under way"
    );
    assert_eq!(tally.verdict(s(3615), together, 0), Verdict::Open);
}

#[test]
fn closed_is_closed_whatever_is_free() {
    let rule = rule(60, false);
    let mut tally = Tally::default();
    tally.close(s(500));
    tally.close(s(400));
    assert_eq!(tally.verdict(s(499), rule, 0), Verdict::Until(s(500)), "never shortened");
    assert_eq!(tally.remaining(s(499), rule), 0);
    assert_eq!(tally.verdict(s(500), rule, 0), Verdict::Open);
    assert_eq!(tally.remaining(s(500), rule), 60);
    assert_eq!(tally.strikes(), 2);
    tally.relent();
    assert_eq!(tally.strikes(), 0);
    assert_eq!(tally.verdict(s(499), rule, 0), Verdict::Until(s(500)), "relenting opens nothing");
}

#[test]
fn arrivals_are_kept_in_order_and_the_newest_win() {
    let rule = rule(2, false);
    let mut tally = Tally::default();
    for arrival in [30, 10, 20] {
        tally.arrive(s(arrival), rule);
    }
    assert_eq!(tally.carry().0, [s(20), s(30)]);
    assert_eq!(tally.verdict(s(40), rule, 0), Verdict::Until(s(3630)));
}

#[test]
fn pruning_forgets_only_what_lapsed() {
    let rule = rule(2, false);
    let mut tally = Tally::default();
    tally.arrive(s(0), rule);
    tally.arrive(s(1), rule);
    tally.close(s(3610));
    tally.prune(Mono::from_millis(3_609_999), rule);
    assert_eq!(tally.carry(), ([s(0), s(1)].as_slice(), Some(s(3610)), 1));
    tally.prune(s(3610), rule);
    assert_eq!(tally.carry(), ([s(1)].as_slice(), None, 1));
}

#[test]
fn the_stricter_of_two_verdicts() {
    use Verdict::{InFlight, Open, Until};
    assert_eq!(Open.and(Open), Open);
    assert_eq!(Open.and(Until(s(1))), Until(s(1)));
    assert_eq!(Until(s(2)).and(Until(s(1))), Until(s(2)));
    assert_eq!(Until(s(2)).and(InFlight), InFlight);
    assert_eq!(InFlight.and(Open), InFlight);
}
