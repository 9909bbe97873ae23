//! The network: how a call leaves, arrives, and comes back, or does not.

use std::time::Duration;

use evenkeel::keel::call::{Answer, Body, Call, CallId, Method, Outcome};
use evenkeel::keel::decision::Permit;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::time::Mono;
use evenkeel::simulator::Reply;

use crate::fate::{Crash, Fate};
use crate::generate::Choose;
use crate::lie::Lie;
use crate::setup::{Story, TIMEOUT};
use crate::wire;
use crate::world::{Checked, What, World};

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
        if fate.pause > 0 {
            self.tell(|| format!("the process stands still for {} s", fate.pause / 1000));
            self.paused_until = self.paused_until.max(self.time + fate.pause);
        }
        if fate.edit {
            self.later(fate.leaves / 2, What::Edit);
        }
        let generation = self.generation;
        let (left, arrives) = (None, None);
        let flight = Flight { call, fate, send_by, generation, left, arrives, over: false };
        self.flights.insert(id, flight);
        self.later(fate.leaves, What::Leave(id));
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
        if let (Lie::CachedReads, Method::Status, Some(cached)) =
            (self.setup.lie, call.method(), cached)
        {
            self.flights.remove(&id);
            return self.feed(Event::Answered(Answer {
                id,
                took: Duration::ZERO,
                outcome: cached,
            }));
        }
        self.tell(|| format!("{call} ({id}) leaves"));
        self.oracle.left(id, &call, self.time, self.disk.holds(id))?;
        flight_left(self.flights.get_mut(&id), self.time);
        if let Some(transit) = fate.transit {
            self.later(transit, What::Arrive(id));
            if self.setup.lie == Lie::SentTwice && call.method().acts() {
                self.oracle.arrives(id, &call, self.time)?;
            }
        }
        self.later(TIMEOUT, What::GiveUp(id));
        if let Some((Crash::InFlight, reboot)) = fate.crash {
            // A compaction at the worst moment: the call under way is all that matters in it.
            if self.setup.story == Story::Long && self.chooser.once_in(3) {
                self.compact();
            }
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
        self.tell(|| format!("{call} ({id}) arrives: {} {:?}", reply.status, reply.delivery));
        if call.method().acts() {
            self.after_post(&call, reply.status);
        }
        let waits = !over && generation == self.generation;
        let reply = if call.method() == Method::List { self.lagging(reply) } else { reply };
        let wall = self.clocks.now(self.time).wall;
        match (wire::outcome(&call, &reply, wall), fate.back) {
            (Some(outcome), Some(back)) if waits => {
                let delay = u64::try_from(reply.delay.as_millis()).unwrap();
                self.later(delay + back, What::Answer(id, outcome));
            }
            _ if over || !waits => {
                self.flights.remove(&id);
            }
            _ => (),
        }
        Ok(())
    }

    /// The list is made now and then, not for each call.
    fn lagging(&mut self, reply: Reply) -> Reply {
        if self.setup.list_lags && !self.calm && self.chooser.once_in(2) {
            if let Some(earlier) = &self.list {
                return earlier.clone();
            }
        } else if reply.status == 200 {
            self.list = Some(reply.clone());
        }
        reply
    }

    pub(crate) fn answer(&mut self, id: CallId, outcome: Outcome) -> Checked {
        let Some(flight) = self.flights.get(&id) else { return Ok(()) };
        let (call, fate, left) = (flight.call.clone(), flight.fate, flight.left.unwrap_or(0));
        if let Outcome::Answered { code: 200, body: Body::Deployment(facts), .. } = &outcome {
            let status = facts.status.as_str();
            self.tell(|| format!("{call} ({id}) answered: {status}"));
            self.oracle.seen(&facts.id, status, left, self.time);
            self.cache.insert(facts.id.to_string(), outcome.clone());
        } else {
            self.tell(|| format!("{call} ({id}) answered: {}", crate::trouble::code(&outcome)));
        }
        let wait = match &outcome {
            Outcome::Answered { code: 429, retry_after, .. } => *retry_after,
            _ => None,
        };
        let (generation, time) = (self.generation, self.time);
        self.end(id, outcome)?;
        // It is durable by now, unless the ledger is stuck.
        if let Some(wait) = wait.filter(|_| generation == self.generation && !self.disk.is_full()) {
            self.oracle.told_to_wait(&call, time, wait);
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
        self.oracle.ended(&call, self.time);
        let outcome = self.setup.lie.outcome(outcome);
        let answer = Answer { id, took: Duration::ZERO, outcome };
        match self.setup.lie {
            Lie::WindowFromSend => self.feed_at(Event::Answered(answer), left),
            _ => self.feed(Event::Answered(answer)),
        }
    }
}

fn flight_left(flight: Option<&mut Flight>, time: u64) {
    if let Some(flight) = flight {
        flight.left = Some(time);
        flight.arrives = flight.fate.transit.map(|transit| time + transit);
    }
}
