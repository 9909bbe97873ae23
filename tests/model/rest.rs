//! What becomes of a state that is left alone: the real keel, run on without any choice.
//!
//! No property of the kind "eventually", which a checker that joins paths gets wrong: each state is
//! run to its end by itself.

use crate::Met;
use crate::rules::{LATENESS, PASSAGE, POLL, Rules, WINDOW};
use crate::state::{Stage, State, Step};

/// How long it may take until both are as desired: what may be held, two polls, and a passage; and
/// that a start is held, and passes, once more where the two share it.
const fn patience(wide: bool) -> u8 {
    let held = WINDOW + LATENESS;
    let turns = if wide { 2 } else { 1 };
    turns * (held + PASSAGE) + 2 * POLL
}

impl State {
    /// In how many ticks both come to be as desired when nothing goes wrong any more, with no start
    /// or stop in the two windows after that.
    ///
    /// # Errors
    /// What is wrong instead.
    pub(crate) fn comes_to_rest(&self, rules: &Rules) -> Result<u8, String> {
        let (mut state, met) = (self.clone(), Met::default());
        let (mut restless, mut passed) = (0, 0);
        while passed <= restless + 2 * WINDOW {
            loop {
                match state.quiet_step() {
                    Step::Tick => break,
                    Step::Leave(_) if restless < passed && state.acts() => {
                        return Err(format!("as desired in {restless} ticks, acts at {passed}"));
                    }
                    step => state.take(rules, &met, step),
                }
            }
            state.take(rules, &met, Step::Tick);
            passed += 1;
            if !state.places.iter().all(|place| place.truth.settled() == Some(place.desired)) {
                restless = passed;
            }
            if restless > patience(rules.wide) {
                return Err(format!("not as desired in {restless} ticks"));
            }
            if let Some(promise) = state.broken {
                return Err(format!("{promise:?} is broken"));
            }
        }
        Ok(restless)
    }

    /// What happens next where nothing goes wrong: whatever is under way comes to its end at once.
    fn quiet_step(&self) -> Step {
        let under_way = self.flights.first().map(|flight| match flight.stage {
            Stage::Ready { send_by, .. } if send_by < self.tick => Step::Lapse(flight.id),
            Stage::Ready { .. } => Step::Leave(flight.id),
            Stage::Travelling { .. } => Step::Serve(flight.id),
            Stage::Arrived { .. } => Step::Answer(flight.id),
            Stage::Late { .. } => Step::Arrive(flight.id),
        });
        if self.keel.is_none() { Step::Up } else { under_way.unwrap_or(Step::Tick) }
    }

    /// Whether a start or stop of ours is next to leave.
    fn acts(&self) -> bool {
        self.flights.first().is_some_and(|flight| flight.method.acts())
    }
}
