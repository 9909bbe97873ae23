//! The loop: select, handle, commit, do. One owner of all state; answers come back as events.

mod owed;
mod queries;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use owed::Owed;
pub use queries::show;

use crate::api::{self, Advice, Rotation};
use crate::clock::Clock;
use crate::config::Account;
use crate::http::{Changes, Heartbeat, Query};
use crate::keel::call::{Answer, CallId, Outcome};
use crate::keel::decision::{Decision, Effect, Permit, Released};
use crate::keel::deployment::AccountId;
use crate::keel::notice::{Notice, chain};
use crate::keel::reconciler::{Event, Reconciler};
use crate::ledger::{Fault, Ledger, Refused};
use crate::metrics::Metrics;
use crate::notification::Inlet;
use crate::telemetry;
#[cfg(feature = "otlp")]
use crate::traces::Traces;

/// The longest sleep. Sleeps do not count a suspended machine's time, so after a resume this is how
/// long it takes to notice; `/healthz` allows a minute.
pub const TURN_MAX: Duration = Duration::from_secs(5);

/// How often a ledger that could not be written is tried again.
const STUCK_RETRY: Duration = Duration::from_secs(2);

/// How long a process turns before it compacts the ledger: at a start other things are waited for.
const COMPACTION_AFTER: Duration = Duration::from_secs(5);

/// How often credential files are compared with what was read from them.
const CREDENTIALS_EVERY: Duration = Duration::from_secs(30);

/// How long calls under way are awaited when the process is told to end.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Events taken into one commit: enough for every answer of a full `observe.concurrency`.
const BATCH_MAX: usize = 256;

/// What a caller may ask of the loop from outside.
#[derive(Debug)]
pub enum Command {
    /// Something happened.
    Event(Event),
    /// Something happened; answered once what it led to is durable.
    Durably(Event, oneshot::Sender<()>),
    /// Read the credentials again.
    RefreshCredentials,
    /// Answered once all that came before is durable.
    CatchUp(oneshot::Sender<()>),
    /// End: send nothing more, wait for the answers under way, settle the ledger.
    Stop,
}

/// An account's way to its server.
#[derive(Debug)]
pub struct Access {
    /// Sends the requests.
    pub client: Arc<api::Client>,
    /// Where its credentials come from.
    pub account: Account,
    /// How far a change of them has come.
    pub rotation: Rotation,
}

/// The daemon's heart.
#[derive(Debug)]
pub struct Controller {
    /// Decides.
    pub keel: Reconciler,
    /// Remembers.
    pub ledger: Box<dyn Ledger>,
    /// The time.
    pub clock: Clock,
    /// The way out, by account.
    pub access: BTreeMap<AccountId, Access>,
    /// Counts what is told.
    pub metrics: Arc<Metrics>,
    /// Where word is sent from, if anybody is to be told.
    pub word: Option<Inlet>,
    /// Where traces are made, if anybody is to have them.
    #[cfg(feature = "otlp")]
    pub traces: Option<Traces>,
    /// Shows that the loop turns.
    pub heartbeat: Heartbeat,
    /// Tells those who look that there is something new to see.
    pub changes: Changes,
    /// Where the next decision is made: always empty between two of them.
    pub room: Decision,
    /// What comes in.
    pub inbox: mpsc::UnboundedReceiver<Command>,
    /// For what this loop's own tasks bring back.
    pub outbox: mpsc::UnboundedSender<Command>,
    /// Questions of the HTTP endpoint.
    pub queries: mpsc::Receiver<Query>,
    /// Set while the ledger cannot be written: when to try again.
    pub stuck: Option<tokio::time::Instant>,
    /// Who waits until the ledger has what their event led to.
    pub accepting: Vec<oneshot::Sender<()>>,
    /// The longest sleep; [`TURN_MAX`] unless a watchdog wants to hear of it sooner.
    pub turn_max: Duration,
}

/// Why a loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// The caller had seen enough.
    Done,
}

impl Controller {
    /// Turns until it is told to stop, or until `done`, which is asked after each turn, says so.
    ///
    /// # Errors
    /// When it can no longer be known what the ledger holds: the process must end and recover.
    pub async fn run(&mut self, mut done: impl FnMut(&Reconciler) -> bool) -> Result<Ended, Fault> {
        let begun = tokio::time::Instant::now();
        let mut credentials_at = begun + CREDENTIALS_EVERY;
        let mut deadline = None;
        loop {
            let turn = self.next_turn();
            tokio::select! {
                biased;
                Some(command) = self.inbox.recv() => {
                    if self.take(command)? {
                        deadline.get_or_insert(tokio::time::Instant::now() + DRAIN_MAX);
                    }
                }
                Some(query) = self.queries.recv() => self.reply(query)?,
                () = tokio::time::sleep(turn) => self.handle(Event::Tick)?,
            }
            self.heartbeat.beat(self.clock.now().mono);
            self.look_after_the_ledger()?;
            let enough = done(&self.keel);
            let now = tokio::time::Instant::now();
            let due = self.access.values().filter_map(|access| access.rotation.due()).min();
            if credentials_at.min(due.unwrap_or(credentials_at)) <= now {
                credentials_at = now + CREDENTIALS_EVERY;
                self.refresh_all(false);
            }
            let ended = match deadline {
                Some(at) => (at <= now || self.keel.in_flight() == 0).then_some(Ended::Stopped),
                None => enough.then_some(Ended::Done),
            };
            // The ledger of processes that never get that old is not to grow for ever.
            if ended.is_some() || begun + COMPACTION_AFTER <= now {
                self.compact()?;
            }
            if let Some(ended) = ended {
                self.ledger.sync()?;
                self.ledger.hand_over();
                return Ok(ended);
            }
        }
    }

    /// Makes a decision durable and does what it lets out.
    ///
    /// # Errors
    /// As [`Controller::run`].
    pub fn commit(&mut self, decision: Decision) -> Result<(), Fault> {
        match self.ledger.commit(decision) {
            Ok(mut released) => {
                self.tell(&released.notices);
                for effect in released.effects.drain(..) {
                    self.perform(effect);
                }
                self.room = Decision::in_room_of(released);
                Ok(())
            }
            Err(Refused::Broken(fault)) => Err(fault),
            Err(Refused::Stuck { fault, calls, notices }) => {
                self.tell(&notices);
                self.withhold(&fault, calls)
            }
        }
    }

    fn next_turn(&self) -> Duration {
        let now = self.clock.now().mono;
        let wake = self.keel.next_wake(now).map_or(self.turn_max, |wake| wake.at.since(now));
        let wake = if self.stuck.is_some() { STUCK_RETRY } else { wake };
        wake.min(self.turn_max)
    }

    /// Takes a command and those that wait behind it, as one commit. True if it was told to stop.
    ///
    /// # Errors
    /// As [`Controller::run`].
    pub fn take(&mut self, command: Command) -> Result<bool, Fault> {
        let (mut decision, mut stop, mut taken) = (std::mem::take(&mut self.room), false, 0);
        let mut next = Some(command);
        while let Some(command) = next {
            match command {
                Command::Event(event) => {
                    self.keel.decide(event, self.clock.now(), &mut decision);
                }
                Command::Durably(event, accepted) => {
                    self.keel.decide(event, self.clock.now(), &mut decision);
                    self.accepting.push(accepted);
                }
                Command::RefreshCredentials => self.refresh_all(true),
                Command::CatchUp(done) => self.accepting.push(done),
                Command::Stop => {
                    stop = true;
                    self.keel.decide(Event::Drain, self.clock.now(), &mut decision);
                }
            }
            taken += 1;
            next = if taken < BATCH_MAX { self.inbox.try_recv().ok() } else { None };
        }
        self.commit(decision)?;
        Ok(stop)
    }

    fn handle(&mut self, event: Event) -> Result<(), Fault> {
        let mut decision = std::mem::take(&mut self.room);
        self.keel.decide(event, self.clock.now(), &mut decision);
        self.commit(decision)
    }

    /// The ledger could not be written: what was to be sent never leaves.
    fn withhold(&mut self, fault: &Fault, calls: Vec<CallId>) -> Result<(), Fault> {
        let text: Arc<str> = chain(fault).into();
        self.stuck = Some(tokio::time::Instant::now() + STUCK_RETRY);
        let now = self.clock.now();
        let mut decision = self.keel.handle(Event::LedgerStuck(text.clone()), now);
        for id in calls {
            let outcome = Outcome::NeverLeft(text.clone());
            let answer = Answer { id, took: Duration::ZERO, outcome };
            self.keel.decide(Event::Answered(answer), now, &mut decision);
        }
        match self.ledger.commit(decision) {
            Ok(Released { notices, .. }) | Err(Refused::Stuck { notices, .. }) => {
                self.tell(&notices);
                Ok(())
            }
            Err(Refused::Broken(fault)) => Err(fault),
        }
    }

    fn look_after_the_ledger(&mut self) -> Result<(), Fault> {
        if self.stuck.is_some_and(|at| at <= tokio::time::Instant::now()) {
            match self.ledger.flush_owed() {
                Ok(()) => {
                    self.stuck = None;
                    self.handle(Event::LedgerFree)?;
                }
                Err(fault) if fault.is_stuck() => {
                    self.stuck = Some(tokio::time::Instant::now() + STUCK_RETRY);
                }
                Err(fault) => return Err(fault),
            }
        }
        if self.stuck.is_none() {
            match self.ledger.attend() {
                Ok(()) => (),
                Err(fault) if fault.is_stuck() => self.withhold(&fault, Vec::new())?,
                Err(fault) => return Err(fault),
            }
        }
        if self.stuck.is_none() {
            for accepted in self.accepting.drain(..) {
                let _ = accepted.send(());
            }
        }
        Ok(())
    }

    /// Compacts the ledger where it wants that.
    fn compact(&mut self) -> Result<(), Fault> {
        if self.stuck.is_none() && self.ledger.wants_compaction() {
            let ledger = &mut self.ledger;
            match self.keel.compact(self.clock.now(), |snapshot| ledger.compact(snapshot)) {
                // The old file is whole and goes on.
                Ok(()) => (),
                Err(fault) if fault.is_stuck() => {
                    let why = chain(&fault);
                    tracing::warn!("the ledger goes on growing, as it is not compacted: {why}");
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Tells the log, the counters, people and whoever looks.
    pub fn tell(&mut self, notices: &[Notice]) {
        for notice in notices {
            self.metrics.count(notice);
            telemetry::tell(notice);
            #[cfg(feature = "otlp")]
            if let Some(traces) = &mut self.traces {
                traces.tell(notice, self.clock.now().wall);
            }
            if let Some(word) = &self.word {
                word.tell(notice, self.clock.now().wall, |id| self.keel.name_of(id).map(Arc::from));
            }
        }
        // An answer of no further consequence shows as an age and a budget, soon enough.
        if notices.iter().any(|notice| !matches!(notice, Notice::CallEnded { .. })) {
            self.changes.publish();
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send(permit) => self.send(permit),
            Effect::RefreshCredentials(id) => self.refresh(&id, false),
        }
    }

    fn send(&self, permit: Permit) {
        let (outbox, clock) = (self.outbox.clone(), self.clock.clone());
        let client = self.access.get(&permit.call.account).map(|access| access.client.clone());
        let owed = Owed::new(permit.id, outbox);
        tokio::spawn(async move {
            owed.settle(match client {
                Some(client) => client.send(permit, &clock).await,
                None => Answer {
                    id: permit.id,
                    took: Duration::ZERO,
                    outcome: Outcome::NeverLeft("the account is not configured".into()),
                },
            });
        });
    }

    fn refresh_all(&mut self, at_once: bool) {
        for id in self.access.keys().cloned().collect::<Vec<_>>() {
            self.refresh(&id, at_once);
        }
    }

    /// Reads an account's credentials again; new ones are used from the next request on.
    fn refresh(&mut self, id: &AccountId, at_once: bool) {
        let Some(access) = self.access.get_mut(id) else { return };
        match access.account.credentials() {
            Ok(credentials) => {
                let (now, current) = (tokio::time::Instant::now(), access.client.credentials());
                match access.rotation.weigh(&current, &credentials, now, at_once) {
                    Advice::Take => (),
                    Advice::Leave => return,
                    Advice::LeaveAndSay => {
                        tracing::warn!(
                            account = %id,
                            "the key is another one and its secret is not; both are taken \
                             together, so replace the secret, or send SIGHUP if it is right"
                        );
                        return;
                    }
                }
                if access.client.set_credentials(credentials) {
                    let event = Event::CredentialsChanged(id.clone());
                    let _ = self.outbox.send(Command::Event(event));
                }
            }
            Err(error) => tracing::warn!(account = %id, "{}", chain(&error)),
        }
    }

    fn reply(&mut self, query: Query) -> Result<(), Fault> {
        if let Some((errand, accepted)) = show(&self.keel, query, self.clock.now()) {
            self.handle(Event::Errand(errand))?;
            self.accepting.push(accepted);
        }
        Ok(())
    }
}
