//! What each step does: to the process, the network, the server, and the promises.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use evenkeel::keel::call::{Answer, Body, Call, CallId, Method, Outcome};
use evenkeel::keel::decision::{Decision, Effect, Permit};
use evenkeel::keel::deployment::{DeploymentId, Desired, Facts};
use evenkeel::keel::intent::{Intent, Manifest};
use evenkeel::keel::reconciler::{Event, Reconciler, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::{Boot, Mono, Now, Wall};

use crate::Met;
use crate::process::{Disk, Keel, print_of};
use crate::rules::{ACTS, CONFIRM, LATENESS, Lie, PASSAGE, READS, Rules, TICK, Troubles, WINDOW};
use crate::state::{
    Arrival, Crash, Flight, IDS, Place, Promise, Reply, Seen, Stage, State, Step, Truth,
};

/// Where the wall clock begins: 2026-01-01T00:00:00Z.
const EPOCH: i64 = 1_767_225_600_000;

const fn turned(desired: Desired) -> Desired {
    match desired {
        Desired::Running => Desired::Stopped,
        Desired::Stopped => Desired::Running,
    }
}

/// The state that a start or stop leads to; `None`: a read.
const fn leads_to(method: Method) -> Option<Desired> {
    match method {
        Method::Start => Some(Desired::Running),
        Method::Stop => Some(Desired::Stopped),
        Method::Status | Method::List => None,
    }
}

fn place_of(call: &Call) -> usize {
    let id = call.deployment().unwrap().as_str();
    IDS.iter().position(|known| *known == id).unwrap()
}

impl State {
    /// A new installation, and two deployments that are both stopped.
    pub(crate) fn first(rules: &Rules, met: &Met, wishes: [Desired; 2]) -> Self {
        let place = |desired| Place { truth: Truth::Stopped, desired, seen: None, ended: 0 };
        let mut state = Self {
            tick: 0,
            boot: 1,
            booted: 0,
            keel: None,
            down_since: 0,
            disk: Disk::default(),
            places: wishes.map(place),
            flights: Vec::new(),
            arrivals: Vec::new(),
            number: 0,
            spent: Troubles::default(),
            broken: None,
        };
        state.disk.rest(rules);
        state.step(rules, met, Step::Up)
    }

    /// The state after a step.
    pub(crate) fn step(&self, rules: &Rules, met: &Met, step: Step) -> Self {
        let mut next = self.clone();
        match step {
            Step::Tick => next.pass(rules),
            Step::Leave(id) => next.leave(id),
            Step::Refuse(id) => {
                next.spent.refused += 1;
                next.end(rules, id, Outcome::NeverLeft("".into()));
            }
            Step::Lapse(id) => next.end(rules, id, Outcome::NeverLeft("".into())),
            Step::Serve(id) => {
                next.arrive(rules, met, id);
                next.answer(rules, id);
            }
            Step::Arrive(id) => next.arrive(rules, met, id),
            Step::Answer(id) => next.answer(rules, id),
            Step::GiveUp(id) => next.give_up(rules, id),
            Step::Crash(crash) => next.crash(rules, crash),
            Step::Up => next.up(rules),
            Step::Foreign(place) => {
                next.spent.foreign += 1;
                next.foreign(rules, place);
            }
            Step::Drift(place) => {
                next.spent.drifts += 1;
                let truth = &mut next.places[place].truth;
                *truth = truth.settled().map_or(*truth, |now| Truth::of(turned(now)));
            }
            Step::Edit(place) => {
                next.spent.edits += 1;
                next.places[place].desired = turned(next.places[place].desired);
                next.read_file(rules);
            }
        }
        next.imprint(self);
        next
    }

    fn imprint(&mut self, before: &Self) {
        let same = match (&self.keel, &before.keel) {
            (Some(now), Some(before)) => Arc::ptr_eq(now, before),
            (None, _) => true,
            (Some(_), None) => false,
        };
        if !same && let Some(keel) = &mut self.keel {
            Arc::make_mut(keel).imprint();
        }
    }

    fn now(&self) -> Now {
        let wall = Wall::from_millis(EPOCH + i64::from(self.tick) * TICK);
        let mono = Mono::from_millis(i64::from(self.tick - self.booted) * TICK);
        Now { boot: Boot(self.boot), mono, wall }
    }

    fn breaks(&mut self, promise: Promise) {
        self.broken.get_or_insert(promise);
    }

    fn read_file(&mut self, rules: &Rules) {
        let places = IDS.iter().zip(&self.places);
        let intents = places
            .map(|(id, place)| (DeploymentId::parse(id).unwrap(), Intent::fixed(place.desired)));
        let revision = format!("{}-{}", self.places[0].desired, self.places[1].desired);
        let file = Manifest::new(revision.into(), intents);
        self.feed(rules, Event::ManifestRead(Arc::new(file)));
    }

    fn pass(&mut self, rules: &Rules) {
        self.spent.slow += self.waiting();
        self.tick += 1;
        for place in &mut self.places {
            if let Truth::Passing(to, until) = place.truth
                && until <= self.tick
            {
                place.truth = Truth::of(to);
            }
        }
        self.forget(WINDOW);
        let mono = self.now().mono;
        let wake = self.keel.as_ref().and_then(|keel| keel.reconciler.next_wake(mono));
        if wake.is_some_and(|wake| wake.at <= mono) {
            self.feed(rules, Event::Tick);
        }
    }

    fn feed(&mut self, rules: &Rules, event: Event) {
        let now = self.now();
        let Some(keel) = &mut self.keel else { return };
        let before = keel.clone();
        let decision = Arc::make_mut(keel).reconciler.handle(event, now);
        self.commit(rules, decision, || Some(print_of(before.reconciler.history())));
    }

    /// What the daemon does with a decision: the ledger first, then the effects.
    fn commit(&mut self, rules: &Rules, decision: Decision, before: impl FnOnce() -> Option<u64>) {
        for record in decision.records() {
            if let Record::Reserved { call, .. } = record {
                self.decided(call);
            }
        }
        let sync = decision.is_urgent() && rules.lie != Lie::LostSync;
        self.disk.append(decision.records(), sync, before);
        #[expect(clippy::disallowed_methods, reason = "the model is its own ledger")]
        let released = decision.release();
        for effect in released.effects {
            if let Effect::Send(permit) = effect {
                self.send(permit);
            }
        }
    }

    /// A start or stop needs a wish, and a look at the opposite that is fresh and was asked for
    /// after the last start or stop had ended.
    fn decided(&mut self, call: &Call) {
        let Some(goal) = leads_to(call.method()) else { return };
        let place = &self.places[place_of(call)];
        let opposite = place.seen.and_then(|seen| seen.truth.settled()) == Some(turned(goal));
        if place.desired != goal || !opposite {
            self.breaks(Promise::Wished);
        } else if place
            .seen
            .is_none_or(|seen| seen.asked < place.ended || seen.delivered + CONFIRM < self.tick)
        {
            self.breaks(Promise::Fresh);
        }
    }

    fn send(&mut self, permit: Permit) {
        let Permit { id: CallId(id), call, send_by } = permit;
        let (method, place, asked) = (call.method(), place_of(&call), self.tick);
        if id <= self.number {
            self.breaks(Promise::Number);
        }
        self.number = self.number.max(id);
        let waiting = |flight: &Flight| {
            let late = matches!(flight.stage, Stage::Late { .. });
            !late && flight.method.acts() && flight.place == place
        };
        if method.acts() && self.flights.iter().any(waiting) {
            self.breaks(Promise::Alone);
        }
        let send_by = self.booted + u8::try_from(send_by.millis() / TICK).unwrap();
        let fresh = self.places[place].seen.map_or(0, |seen| seen.delivered + CONFIRM);
        let stage = Stage::Ready { send_by, fresh };
        self.flights.push(Flight { id, method, place, asked, stage });
        // A read that waits before it leaves is a read that travels for longer.
        if !method.acts() {
            self.leave(id);
        }
    }

    fn flight(&mut self, id: u64) -> &mut Flight {
        self.flights.iter_mut().find(|flight| flight.id == id).unwrap()
    }

    fn leave(&mut self, id: u64) {
        let tick = self.tick;
        let durable = self.disk.holds(id);
        let flight = self.flight(id);
        let stale = match flight.stage {
            Stage::Ready { fresh, .. } => flight.method.acts() && fresh < tick,
            Stage::Travelling { .. } | Stage::Arrived { .. } | Stage::Late { .. } => false,
        };
        flight.stage = Stage::Travelling { left: tick };
        if !durable {
            self.breaks(Promise::Durable);
        } else if stale {
            self.breaks(Promise::Fresh);
        }
    }

    fn arrive(&mut self, rules: &Rules, met: &Met, id: u64) {
        let tick = self.tick;
        let Flight { method, place, stage, .. } = *self.flight(id);
        let reply = self.reply(rules, Arrival { tick, method, place, ours: true });
        if reply == Reply::Code(429) {
            met.limited.fetch_add(1, Relaxed);
        }
        match stage {
            Stage::Travelling { left } => self.flight(id).stage = Stage::Arrived { left, reply },
            Stage::Ready { .. } | Stage::Arrived { .. } | Stage::Late { .. } => {
                met.late.fetch_add(1, Relaxed);
                self.flights.retain(|flight| flight.id != id);
            }
        }
    }

    /// What the server makes of a request: counted first, whatever becomes of it.
    fn reply(&mut self, rules: &Rules, arrival: Arrival) -> Reply {
        let Arrival { tick, method, place, ours } = arrival;
        let scope = |one: &&Arrival| one.method == method && (rules.wide || one.place == place);
        let counted = self.arrivals.iter().filter(scope).count();
        let own = self.arrivals.iter().filter(scope).filter(|one| one.ours).count();
        let limit = if method.acts() { ACTS } else { READS };
        self.arrivals.push(arrival);
        // The order within a tick makes no difference to any window.
        self.arrivals.sort_unstable();
        if ours && own >= limit {
            self.breaks(Promise::Limit);
        }
        let truth = &mut self.places[place].truth;
        match leads_to(method) {
            _ if counted >= limit => Reply::Code(429),
            None => Reply::Sees(*truth),
            Some(goal) if truth.settled() == Some(turned(goal)) => {
                *truth = Truth::Passing(goal, tick + PASSAGE);
                Reply::Code(201)
            }
            Some(_) => Reply::Code(409),
        }
    }

    fn foreign(&mut self, rules: &Rules, place: usize) {
        let Some(now) = self.places[place].truth.settled() else { return };
        let (tick, method) = (self.tick, Method::from(turned(now).action()));
        self.reply(rules, Arrival { tick, method, place, ours: false });
    }

    fn answer(&mut self, rules: &Rules, id: u64) {
        let Flight { method, place, asked, stage, .. } = *self.flight(id);
        let Stage::Arrived { reply, .. } = stage else { return };
        let outcome = |code, body| Outcome::Answered { code, retry_after: None, body };
        let outcome = match reply {
            Reply::Sees(truth) => {
                let delivered = self.tick;
                self.places[place].seen = Some(Seen { truth, asked, delivered });
                let id = DeploymentId::parse(IDS[place]).unwrap();
                let (name, kind) = (IDS[place].into(), "dedicated".into());
                let facts = Facts { id, name, kind, status: truth.status() };
                outcome(200, Body::Deployment(facts))
            }
            Reply::Code(code) if method.acts() && code < 300 => outcome(code, Body::Accepted),
            Reply::Code(code) => outcome(code, Body::Refused(None)),
        };
        self.end(rules, id, outcome);
    }

    fn give_up(&mut self, rules: &Rules, id: u64) {
        self.spent.lost += 1;
        let flight = self.flight(id).clone();
        let refund = rules.lie == Lie::RefundOnTimeout;
        let outcome = if refund { Outcome::NeverLeft } else { Outcome::Unanswered };
        self.end(rules, id, outcome("".into()));
        if let Stage::Travelling { .. } = flight.stage {
            self.linger(flight, self.tick + LATENESS);
        }
    }

    /// A request that nobody waits for any more may still arrive.
    fn linger(&mut self, mut flight: Flight, until: u8) {
        flight.stage = Stage::Late { until };
        let place = self.flights.partition_point(|known| known.id < flight.id);
        self.flights.insert(place, flight);
    }

    /// The client is done with a call, and the keel is told.
    fn end(&mut self, rules: &Rules, id: u64, outcome: Outcome) {
        let Flight { method, place, .. } = *self.flight(id);
        self.flights.retain(|flight| flight.id != id);
        if method.acts() {
            self.places[place].ended = self.tick;
        }
        let answer = Answer { id: CallId(id), took: Duration::ZERO, outcome };
        self.feed(rules, Event::Answered(answer));
    }

    fn crash(&mut self, rules: &Rules, crash: Crash) {
        self.spent.crashes += 1;
        let Some(keel) = self.keel.take() else { return };
        if self.disk.fold(rules, Lie::None) != *keel.reconciler.history() {
            self.breaks(Promise::Replay);
        }
        if crash != Crash::Process {
            (self.boot, self.booted) = (self.boot + 1, self.tick);
        }
        if crash == Crash::PowerLoss {
            self.disk.lose_unsynced();
        }
        self.disk.rest(rules);
        self.down_since = self.tick;
        for flight in std::mem::take(&mut self.flights) {
            match flight.stage {
                Stage::Ready { .. } | Stage::Arrived { .. } => (),
                Stage::Travelling { .. } => self.linger(flight, self.tick + LATENESS),
                Stage::Late { until } => self.linger(flight, until),
            }
        }
        for place in &mut self.places {
            (place.seen, place.ended) = (None, 0);
        }
    }

    fn up(&mut self, rules: &Rules) {
        let history = self.disk.fold(rules, rules.lie);
        let replay = Replay { fresh: self.disk.is_empty(), torn: 0, ago: None };
        let (reconciler, decision) = Reconciler::recover(history, replay, self.now());
        self.keel = Some(Arc::new(Keel::new(reconciler)));
        self.down_since = 0;
        for place in &mut self.places {
            place.ended = self.tick;
        }
        self.commit(rules, decision, || None);
        self.read_file(rules);
    }
}
