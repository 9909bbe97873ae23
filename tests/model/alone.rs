//! What becomes of a state that is left alone: no more trouble, each request served at once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering::Relaxed;

use crate::Met;
use crate::rules::{LATENESS, Rules, WINDOW};
use crate::state::{Stage, State, Step};

/// How long it may take until all is as desired, in ticks: a held window with the lateness for each
/// deployment (the account may allow one start), as much again for one that was refused, and what
/// a passage and two looks take.
const PATIENCE: u8 = 4 * (WINDOW + LATENESS) + 6;

/// How long nothing may be sent then, in ticks.
const SILENCE: u8 = 3 * WINDOW;

impl State {
    /// Whether all becomes as desired, and then nothing is started or stopped, if it is left alone
    /// from here. True of states that are not at the horizon, or were not chosen.
    pub(crate) fn ends_well(&self, rules: &Rules, met: &Met) -> bool {
        let done = self.broken.is_none() && self.tick == rules.horizon;
        if !done || !self.is_one_in(rules.alone) {
            return true;
        }
        met.alone.fetch_add(1, Relaxed);
        let mut state = self.clone();
        for _ in 0..PATIENCE {
            state = state.at_once(rules, met).step(rules, met, Step::Tick);
        }
        state = state.at_once(rules, met);
        let rest = state.tick;
        for _ in 0..SILENCE {
            let acts = |state: &Self| {
                state.arrivals.iter().any(|one| rest < one.tick && one.method.acts())
            };
            if acts(&state) || !state.is_as_desired() {
                return false;
            }
            state = state.step(rules, met, Step::Tick).at_once(rules, met);
        }
        true
    }

    fn is_one_in(&self, many: u64) -> bool {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish().is_multiple_of(many)
    }

    fn is_as_desired(&self) -> bool {
        self.places.iter().all(|place| place.truth.settled() == Some(place.desired))
    }

    /// All that somebody waits for happens within the tick.
    fn at_once(mut self, rules: &Rules, met: &Met) -> Self {
        if self.keel.is_none() {
            self = self.step(rules, met, Step::Up);
        }
        let next = |state: &Self| {
            state.flights.iter().find_map(|flight| match flight.stage {
                Stage::Ready { send_by, .. } if send_by < state.tick => {
                    Some(Step::Lapse(flight.id))
                }
                Stage::Ready { .. } => Some(Step::Leave(flight.id)),
                Stage::Travelling { .. } => Some(Step::Serve(flight.id)),
                Stage::Arrived { .. } => Some(Step::Answer(flight.id)),
                // As late as it can, which is when it is forgotten.
                Stage::Late { .. } => None,
            })
        };
        while let Some(step) = next(&self) {
            self = self.step(rules, met, step);
        }
        self
    }
}
