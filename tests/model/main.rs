//! Every history of two deployments up to a horizon, checked in breadth-first order: the real keel
//! and the real fold over its records, in a world of a few ticks, windows of four ticks, and
//! troubles that are few but may come at any moment.
//!
//! Independent of the simulation: another clock, another network, another server, other promises'
//! wording. The simulation goes deep by chance; this goes everywhere, but not far.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    reason = "a model that cannot go on fails the test, looks for one thing among others, and says \
              what it amounted to"
)]

mod process;
mod rules;
mod state;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use evenkeel::keel::deployment::Desired;
use rules::{Lie, Rules, Troubles};
use stateright::{Checker, HasDiscoveries, Model, Property};
use state::{Promise, State, Step};

/// What the model came across: not a part of any state.
#[derive(Default)]
pub(crate) struct Met {
    /// Arrivals that nobody waited for any more.
    pub(crate) late: AtomicU64,
    /// Requests of ours that were answered with a 429.
    pub(crate) limited: AtomicU64,
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
            Property::always("no request leaves before its reservation is durable", |_, state: &State| {
                state.broken != Some(Promise::Durable)
            }),
            Property::always("no start or stop but for a wish and a look", |_, state: &State| {
                state.broken != Some(Promise::Wished)
            }),
            Property::always("no start or stop leaves on an old look", |_, state: &State| {
                state.broken != Some(Promise::Fresh)
            }),
            Property::always("no two of a deployment's starts and stops at a time", |_, state: &State| {
                state.broken != Some(Promise::Alone)
            }),
            Property::always("a replay adds up to what the keel knew", |_, state: &State| {
                state.broken != Some(Promise::Replay)
            }),
            Property::sometimes("both are as desired after a crash", |_, state: &State| {
                let reached = |place: &state::Place| place.truth.settled() == Some(place.desired);
                state.spent.crashes > 0 && state.places.iter().all(reached)
            }),
        ]
    }
}

fn explore(wide: bool, horizon: u8, most: Troubles, together: u8) {
    let rules = Rules::new(wide, horizon, most, together, Lie::None);
    let world = World { rules, wishes: [Desired::Running; 2], met: Arc::default() };
    let met = world.met.clone();
    let begin = std::time::Instant::now();
    let checker = world.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    let (late, limited) = (met.late.load(Relaxed), met.limited.load(Relaxed));
    eprintln!("wide {wide}: {states} states of {}, depth {depth}, {late} late arrivals, {limited} 429s, {:?}", checker.state_count(), begin.elapsed());
    checker.assert_properties();
}

fn number(name: &str, default: u8) -> u8 {
    std::env::var(name).ok().and_then(|t| t.parse().ok()).unwrap_or(default)
}

#[test]
fn probe() {
    let most = Troubles {
        crashes: number("CR", 1),
        slow: number("SL", 1),
        lost: number("LO", 1),
        refused: number("RE", 1),
        foreign: number("FO", 1),
        drifts: number("DR", 1),
        edits: number("ED", 1),
    };
    explore(number("WIDE", 0) == 1, number("HO", 6), most, number("TO", 1));
}
