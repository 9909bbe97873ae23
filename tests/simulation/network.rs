//! The network: how a call leaves, arrives, and comes back, or does not.

use std::time::Duration;

use evenkeel::api::in_time;
use evenkeel::keel::call::{Answer, Body, Call, CallId, Method, Outcome};
use evenkeel::keel::decision::Permit;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::time::Mono;
use evenkeel::simulator::{Delivery, Reply};

use crate::fate::{Crash, Fate};
use crate::generate::Choose;
use crate::lie::Lie;
use crate::setup::TIMEOUT;
use crate::wire::{self, Advice};
use crate::world::{Checked, What, World};

/// How old what a list call shows may be, in milliseconds.
const LAG: u64 = 300_000;

/// A call on its way.
pub(crate) struct Flight {
    call: Call,
    fate: Fate,
    send_by: Mono,
    generation: u32,
    left: Option<u64>,
    pub(crate) arrives: Option<u64>,
    /// The client does not wait any more.
    over: bool,
}

impl<C: Choose> World<'_, C> {
    pub(crate) fn send(&mut self, permit: Permit, fate: Fate) {
        let Permit { id, call, send_by } = permit;
        self.stand_still(fate.pause);
        if fate.edit {
            self.later(fate.leaves / 2, What::Edit);
        }
        let generation = self.generation;
        let (left, arrives) = (None, None);
        let flight = Flight { call, fate, send_by, generation, left, arrives, over: false };
        self.flights.insert(id, flight);
        self.later(fate.leaves, What::Leave(id));
    }

    pub(crate) fn stand_still(&mut self, pause: u64) {
        if pause > 0 {
            self.count("pause");
            self.paused_until = self.paused_until.max(self.time + pause);
            self.tell(|| format!("the process stands still for {} s", pause / 1000));
        }
    }

    pub(crate) fn leave(&mut self, id: CallId) -> Checked {
        let now = self.clocks.now(self.time);
        let Some(flight) = self.flights.get_mut(&id) else { return Ok(()) };
        let (call, fate) = (flight.call.clone(), flight.fate);
        let lapsed = now.mono > flight.send_by && self.setup.lie != Lie::IgnoresSendBy;
        if lapsed || fate.unreachable {
            self.tell(|| format!("{call} ({id}) never leaves"));
            let text = if lapsed { "the permit had lapsed" } else { "no route" };
            return self.end(id, Outcome::NeverLeft(text.into()));
        }
        let cached = call.deployment().and_then(|one| self.cache.get(one.as_str())).cloned();
        if let (Lie::CachedReads | Lie::ListDecides, Method::Status, Some(cached)) =
            (self.setup.lie, call.method(), cached)
        {
            self.flights.remove(&id);
            return self.feed(Event::Answered(Answer {
                id,
                took: Duration::ZERO,
                outcome: cached,
            }));
        }
        // What arrives at once is told as it arrives.
        if call.method().acts() || fate.transit != Some(0) {
            self.tell(|| format!("{call} ({id}) leaves"));
        }
        self.oracle.left(id, &call, self.time, self.disk.holds(id))?;
        flight_left(self.flights.get_mut(&id), self.time);
        if let Some(transit) = fate.transit {
            self.later(transit, What::Arrive(id));
            if self.setup.lie == Lie::SentTwice && call.method().acts() {
                self.oracle.arrives(id, &call, self.time)?;
            }
        }
        self.later(TIMEOUT, What::GiveUp(id));
        self.stand_still(fate.nap);
        if let Some((Crash::InFlight, reboot)) = fate.crash {
            self.crash(reboot);
        }
        Ok(())
    }

    pub(crate) fn arrive(&mut self, id: CallId) -> Checked {
        let Some(flight) = self.flights.get_mut(&id) else { return Ok(()) };
        if flight.arrives != Some(self.time) {
            return Ok(());
        }
        flight.arrives = None;
        let (call, fate, generation, over) =
            (flight.call.clone(), flight.fate, flight.generation, flight.over);
        self.oracle.arrives(id, &call, self.time)?;
        let now = Duration::from_millis(self.time);
        let reply = self.service.handle(&wire::request(&call, id), now);
        let reply = self.lagging(&call, reply);
        let advice = Advice::of(&reply, self.server_clock(), self.chooser);
        // And what is answered at once, as it is answered.
        let smooth = (reply.status, fate.back, reply.delay) == (200, Some(0), Duration::ZERO);
        if call.method().acts() || !smooth || over || reply.delivery != Delivery::Answered {
            self.tell(|| format!("{call} ({id}) arrives: {} {:?}", reply.status, reply.delivery));
        }
        if call.method().acts() {
            self.after_post(&call, reply.status);
        }
        let waits = !over && generation == self.generation;
        let wall = self.clocks.now(self.time).wall;
        match (wire::outcome(&call, &reply, &advice, wall, self.setup.lie), fate.back) {
            (Some(outcome), Some(back)) if waits => {
                let delay = u64::try_from(reply.delay.as_millis()).unwrap();
                self.later(delay + back, What::Answer(id, outcome, advice.wait));
            }
            _ if over || !waits => {
                self.flights.remove(&id);
            }
            _ => (),
        }
        Ok(())
    }

    /// What a list call shows may be older than it should.
    fn lagging(&mut self, call: &Call, mut reply: Reply) -> Reply {
        if call.method() != Method::List || reply.status != 200 {
            return reply;
        }
        let lags = !self.calm && self.setup.lag && self.chooser.once_in(3);
        match &self.listed {
            Some((made, body)) if lags && self.time - made < LAG => {
                reply.body = body.clone();
                self.count("late list");
                self.tell(|| "the list is an old one".to_owned());
            }
            _ => self.listed = Some((self.time, reply.body.clone())),
        }
        reply
    }

    /// The time at the service, in seconds since 1970: right within a day.
    fn server_clock(&self) -> i64 {
        let epoch = self.setup.service.epoch.as_secs() + self.time / 1000;
        i64::try_from(epoch).unwrap() + self.setup.server_error
    }

    pub(crate) fn answer(&mut self, id: CallId, outcome: Outcome, advice: Option<u64>) -> Checked {
        let Some(flight) = self.flights.get(&id) else { return Ok(()) };
        let (call, fate, left) = (flight.call.clone(), flight.fate, flight.left.unwrap_or(0));
        let outcome = match self.setup.lie {
            Lie::TrustsLateAnswers => outcome,
            _ => in_time(outcome, ms(self.time - left), ms(TIMEOUT)),
        };
        if let Outcome::Answered { code: 200, body: Body::Deployment(facts), .. } = &outcome {
            let status = facts.status.as_str();
            self.tell(|| format!("{call} ({id}) answered: {status}"));
            self.oracle.seen(&facts.id, status, left, self.time);
            self.cache.insert(facts.id.to_string(), outcome.clone());
        } else if let Outcome::Answered { retry_after, body: Body::Fleet { entries, .. }, .. } =
            &outcome
        {
            self.tell(|| format!("{call} ({id}) answered: {} entries", entries.len()));
            for facts in entries {
                self.oracle.guard.shown(&facts.id, facts.status.as_str(), true, left);
                if self.setup.lie != Lie::ListDecides {
                    continue;
                }
                let body = Body::Deployment(facts.clone());
                let seen = Outcome::Answered { code: 200, retry_after: *retry_after, body };
                self.cache.insert(facts.id.to_string(), seen);
            }
        } else {
            self.tell(|| format!("{call} ({id}) answered: {}", crate::trouble::code(&outcome)));
        }
        if let Outcome::Answered { code, .. } = &outcome {
            self.oracle.answered(&call, *code, self.time);
        }
        let (generation, time) = (self.generation, self.time);
        self.end(id, outcome)?;
        // It is durable by now, unless the ledger is stuck.
        let kept = generation == self.generation && !self.disk.is_full();
        if let Some(wait) = advice.filter(|_| kept) {
            self.oracle.told_to_wait(&call, time, wait * 1000);
        }
        if let Some((Crash::Afterwards, reboot)) = fate.crash {
            self.crash(reboot);
        }
        Ok(())
    }

    pub(crate) fn give_up(&mut self, id: CallId) -> Checked {
        if !self.flights.contains_key(&id) {
            return Ok(());
        }
        self.tell(|| format!("{id} given up"));
        self.end(id, Outcome::Unanswered("timed out".into()))
    }

    /// The client is done with a call; the request may be on its way still.
    fn end(&mut self, id: CallId, outcome: Outcome) -> Checked {
        let Some(flight) = self.flights.get_mut(&id) else { return Ok(()) };
        let (call, left) = (flight.call.clone(), flight.left.unwrap_or(self.time));
        flight.over = true;
        if flight.arrives.is_none() {
            self.flights.remove(&id);
        }
        self.oracle.ended(id, &call, self.time);
        let outcome = self.setup.lie.outcome(outcome);
        let answer = Answer { id, took: Duration::ZERO, outcome };
        match self.setup.lie {
            Lie::WindowFromSend => self.feed_at(Event::Answered(answer), left),
            _ => self.feed(Event::Answered(answer)),
        }
    }
}

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn flight_left(flight: Option<&mut Flight>, time: u64) {
    if let Some(flight) = flight {
        flight.left = Some(time);
        flight.arrives = flight.fate.transit.map(|transit| time + transit);
    }
}
