//! Every history of two deployments up to a horizon, checked in breadth-first order: the real keel
//! and the real fold over its records, in a world of a few ticks, windows of four ticks, and
//! troubles that are few but may come at any moment.
//!
//! Independent of the simulation: another clock, another network, another server. The simulation
//! goes deep by chance; this goes everywhere, but not far. Each state at the horizon is left alone
//! in the end; and as each one before it comes to one of those when it is left alone, what they
//! come to holds for all.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    reason = "a model that cannot go on fails the test, looks for one thing among others, and says \
              what it amounted to"
)]

mod process;
mod rest;
mod rules;
mod state;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use evenkeel::keel::deployment::Desired;
use rules::{Lie, Rules, Troubles};
use state::{Promise, State, Step};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// What the model came across: not a part of any state.
#[derive(Default)]
pub(crate) struct Met {
    /// Arrivals that nobody waited for any more.
    pub(crate) late: AtomicU64,
    /// Requests of ours that were answered with a 429.
    pub(crate) limited: AtomicU64,
    /// States that were left alone, and the most ticks that one took to be as desired.
    left_alone: AtomicU64,
    longest: AtomicU64,
}

#[derive(Clone)]
struct World {
    rules: Rules,
    wishes: [Desired; 2],
    met: Arc<Met>,
}

impl Model for World {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.rules, &self.met, self.wishes)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(&self.rules, steps);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        Some(state.step(&self.rules, &self.met, step))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no window holds more arrivals than its limit", |_, state: &State| {
                state.broken != Some(Promise::Limit)
            }),
            Property::always("no number is sent twice", |_, state: &State| {
                state.broken != Some(Promise::Number)
            }),
            Property::always(
                "no request leaves before its reservation is durable",
                |_, state: &State| state.broken != Some(Promise::Durable),
            ),
            Property::always("no start or stop but for a wish and a look", |_, state: &State| {
                state.broken != Some(Promise::Wished)
            }),
            Property::always("no start or stop leaves on an old look", |_, state: &State| {
                state.broken != Some(Promise::Fresh)
            }),
            Property::always(
                "no two of a deployment's starts and stops at a time",
                |_, state: &State| state.broken != Some(Promise::Alone),
            ),
            Property::always("a replay adds up to what the keel knew", |_, state: &State| {
                state.broken != Some(Promise::Replay)
            }),
            Property::always("left alone, both are as desired, and then nothing is sent", {
                |world: &Self, state: &State| {
                    if state.tick < world.rules.horizon || state.broken.is_some() {
                        return true;
                    }
                    let ticks = state.comes_to_rest(&world.rules);
                    if let Err(why) = &ticks {
                        eprintln!("left alone: {why}");
                    }
                    world.met.left_alone.fetch_add(1, Relaxed);
                    world.met.longest.fetch_max(ticks.clone().unwrap_or(0).into(), Relaxed);
                    ticks.is_ok()
                }
            }),
            Property::sometimes("both are as desired after a crash", |_, state: &State| {
                let reached = |place: &state::Place| place.truth.settled() == Some(place.desired);
                state.spent.crashes > 0 && state.places.iter().all(reached)
            }),
        ]
    }
}

fn world(wide: bool, horizon: u8, most: Troubles, together: u8, lie: Lie) -> World {
    let rules = Rules::new(wide, horizon, most, together, lie);
    // Where both are to start at once, two that share nothing multiply and show nothing more.
    let second = if wide { Desired::Running } else { Desired::Stopped };
    World { rules, wishes: [Desired::Running, second], met: Arc::default() }
}

/// Each kind of trouble that can hardly come twice within the horizon, and two of the others.
const MOST: Troubles =
    Troubles { crashes: 2, slow: 2, lost: 2, refused: 1, foreign: 1, drifts: 1, edits: 1 };

/// Checks every history with two troubles at most, and that they were not few: first with limits of
/// each deployment, then with limits of the account.
#[test]
fn every_history_keeps_the_promises() {
    for (wide, horizon) in [(false, 7), (true, 8)] {
        let world = world(wide, horizon, MOST, 2, Lie::None);
        let met = world.met.clone();
        let checker = world.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
        let checker = checker.spawn_bfs().join();
        let (states, depth) = (checker.unique_state_count(), checker.max_depth());
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let (late, limited) = (count(&met.late), count(&met.limited));
        let (alone, longest) = (count(&met.left_alone), count(&met.longest));
        let scope = if wide { "account" } else { "deployment" };
        eprintln!(
            "{scope}: {states} states, {depth} steps deep; {late} late arrivals, {limited} 429s; \
             {alone} left alone, as desired within {longest} ticks"
        );
        checker.assert_properties();
        assert!(states >= 400_000, "{states} states only: the model dies early");
        assert!(late > 0 && limited > 0 && alone > 0, "{late} late arrivals, {limited} 429s");
    }
}

/// The fewest troubles that bring a lie to light.
fn troubles(lie: Lie) -> Troubles {
    let none = Troubles::default();
    match lie {
        Lie::None | Lie::LostSync | Lie::NarrowScope => none,
        Lie::RefundOnTimeout => Troubles { lost: 1, ..none },
        Lie::NoLateness => Troubles { lost: 1, drifts: 1, ..none },
        Lie::ForgetsOpen | Lie::ShortReplay => Troubles { crashes: 1, ..none },
        Lie::IgnoresSendBy => Troubles { slow: 2, ..none },
        Lie::ShortWindow | Lie::LongWindow | Lie::LazyPolls => Troubles { drifts: 1, ..none },
    }
}

/// What the model is worth: each wrong rule is found, and without it the same troubles break
/// nothing.
#[test]
fn every_lie_is_found() {
    for lie in Lie::ALL {
        let (most, wide) = (troubles(lie), lie == Lie::NarrowScope);
        for told in [lie, Lie::None] {
            let world = world(wide, 7, most, most.sum(), told);
            let checker = world.checker().finish_when(HasDiscoveries::AnyFailures);
            let checker = checker.spawn_bfs().join();
            let failures = checker.discoveries().into_iter().filter(|(name, _)| {
                checker.discovery_classification(name).to_string() == "counterexample"
            });
            let failures: Vec<_> = failures.collect();
            let states = checker.unique_state_count();
            if told == Lie::None {
                assert!(failures.is_empty(), "{lie:?}: found without it, too: {failures:?}");
                continue;
            }
            let (name, path) = failures.first().unwrap_or_else(|| panic!("{lie:?}: not found"));
            let steps = path.clone().into_actions();
            eprintln!("{lie:?}: not \"{name}\", {} steps, {states} states: {steps:?}", steps.len());
        }
    }
}
