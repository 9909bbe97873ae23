//! Standing by while another process leads: shows its ledger, follows the desired file, and takes
//! over when it is time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::clock::Clock;
use crate::controller::{Command, show};
use crate::http::{Changes, Heartbeat, Query};
use crate::keel::history::History;
use crate::keel::notice::chain;
use crate::keel::policy::Policy;
use crate::keel::reconciler::{Event, Reconciler, Replay};
use crate::keel::record::Record;
use crate::keel::time::{Now, Wall};
use crate::ledger::OpenError;
use crate::ledger::shared::{Follower, NotTaken, Sight, Taken, Terms};
use crate::telemetry;

/// How often at most the whole ledger is read again, to show it: a large one takes tens of
/// milliseconds.
const READ_EVERY: Duration = Duration::from_secs(5);

/// One that waits for its turn.
#[derive(Debug)]
pub struct Standby {
    /// Watches.
    pub follower: Follower,
    /// How long things take.
    pub terms: Terms,
    /// The name of a ledger that does not exist yet.
    pub id: u32,
    /// The time.
    pub clock: Clock,
    /// Shows that the loop turns.
    pub heartbeat: Heartbeat,
    /// Tells those who look that there is something new to see.
    pub changes: Changes,
    /// For how long another one may lead before this one gives up; `None`: for ever.
    pub patience: Option<Duration>,
    /// What is shown meanwhile.
    pub shown: Shown,
}

/// How the waiting ended.
#[derive(Debug)]
pub enum Stood {
    /// It leads. The controller is to be told first what came in meanwhile.
    Leads(Box<Taken>, Vec<Command>),
    /// It was told to end.
    Stopped,
    /// This one still leads.
    Outlasted(Arc<str>),
}

impl Standby {
    /// Waits. `turned` hears of each turn.
    ///
    /// # Errors
    /// When what is in the ledger's place is no ledger.
    pub async fn wait(
        mut self,
        inbox: &mut mpsc::UnboundedReceiver<Command>,
        queries: &mut mpsc::Receiver<Query>,
        mut turned: impl FnMut(&Reconciler),
    ) -> Result<Stood, OpenError> {
        let deadline = self.patience.map(|patience| Instant::now() + patience);
        let (mut look_at, mut read_at) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                biased;
                Some(command) = inbox.recv() => {
                    if self.shown.take(command, self.clock.now()) {
                        return Ok(Stood::Stopped);
                    }
                }
                Some(query) = queries.recv() => {
                    // What is to be done is refused by whoever asks, as this one stands by.
                    drop(show(&self.shown.keel, query, self.clock.now()));
                }
                () = sleep(look_at.saturating_duration_since(Instant::now())) => {
                    look_at = Instant::now() + self.terms.look();
                    if self.look()? {
                        match self.follower.take(self.id) {
                            Ok(taken) => {
                                return Ok(Stood::Leads(Box::new(taken), self.shown.held));
                            }
                            Err(not) => {
                                let NotTaken { follower, why } = *not;
                                self.follower = follower;
                                self.shown.heed(why.map_or(Ok(()), Err), self.clock.now())?;
                            }
                        }
                    }
                    if read_at <= Instant::now() {
                        read_at = Instant::now() + READ_EVERY;
                        self.read()?;
                    }
                }
            }
            self.heartbeat.beat(self.clock.now().mono);
            turned(&self.shown.keel);
            if let Some(leader) = &self.shown.leader
                && deadline.is_some_and(|at| at <= Instant::now())
            {
                return Ok(Stood::Outlasted(leader.clone()));
            }
        }
    }

    /// Looks at the lease; whether it is time to take over.
    fn look(&mut self) -> Result<bool, OpenError> {
        let sight = self.follower.look();
        match self.shown.heed(sight, self.clock.now())? {
            Some(Sight::Free) => return Ok(true),
            Some(Sight::Led { by }) => {
                let by: Arc<str> = by.into();
                if self.shown.leader.as_ref() != Some(&by) {
                    tracing::info!("standing by: {by} leads");
                    self.shown.leader = Some(by);
                    self.shown.stand_by();
                    self.changes.publish();
                }
            }
            None => (),
        }
        Ok(false)
    }

    fn read(&mut self) -> Result<(), OpenError> {
        let read = self.follower.read();
        let now = self.clock.now();
        let Some(read) = self.shown.heed(read, now)? else { return Ok(()) };
        self.shown.as_of = now.wall;
        match read {
            Some(records) => {
                let last = self.shown.fold(&records, now);
                self.follower.note(last);
                self.changes.publish();
            }
            None => self.shown.stand_by(),
        }
        Ok(())
    }
}

/// A keel that only shows, and what it was told.
#[derive(Debug)]
pub struct Shown {
    keel: Reconciler,
    policy: Policy,
    leader: Option<Arc<str>>,
    /// When the ledger was read.
    as_of: Wall,
    /// Why it cannot be read, if it cannot.
    fault: Option<Arc<str>>,
    held: Vec<Command>,
}

impl Shown {
    /// Nothing is known yet.
    pub fn new(policy: Policy, now: Now) -> Self {
        let history = History::new(policy.clone());
        let (keel, _) = Reconciler::recover(history, Replay::default(), now);
        let (leader, fault, held) = (None, None, Vec::new());
        let mut shown = Self { keel, policy, leader, as_of: now.wall, fault, held };
        shown.fold(&[], now);
        shown
    }

    fn stand_by(&mut self) {
        self.keel.stand_by(self.leader.clone(), self.as_of);
    }

    /// Shows these records. Gives the last reading of the clocks in them.
    fn fold(&mut self, records: &[Record], now: Now) -> Option<Now> {
        let mut history = History::new(self.policy.clone());
        records.iter().for_each(|record| history.apply(record));
        let last = history.clock();
        // What follows from it is the leader's business, and not this one's.
        (self.keel, _) = Reconciler::recover(history, Replay::default(), now);
        drop(self.keel.handle(Event::Drain, now));
        self.stand_by();
        for command in &self.held {
            if let Some(event) = event(command) {
                drop(self.keel.handle(event.clone(), now));
            }
        }
        if let Some(fault) = &self.fault {
            drop(self.keel.handle(Event::LedgerStuck(fault.clone()), now));
        }
        last
    }

    /// Takes a command. True if it was told to stop.
    fn take(&mut self, command: Command, now: Now) -> bool {
        match &command {
            Command::Stop => return true,
            // Credentials are read when they are needed.
            Command::RefreshCredentials => return false,
            Command::CatchUp(_) => {
                if let Command::CatchUp(done) = command {
                    let _ = done.send(());
                }
                return false;
            }
            Command::Event(event) | Command::Durably(event, _) => {
                if let Event::PolicyChanged(policy) = event {
                    self.policy = (**policy).clone();
                }
                self.held.retain(|held| held_on(held, event));
                drop(self.keel.handle(event.clone(), now));
            }
        }
        // What is not answered is not kept: the ledger does not have it yet.
        self.held.push(command);
        false
    }

    /// What the engine said; `None` where it did not, which is shown, and may clear by itself.
    fn heed<T>(&mut self, said: Result<T, OpenError>, now: Now) -> Result<Option<T>, OpenError> {
        let (event, said) = match said {
            Ok(said) => {
                if self.fault.take().is_none() {
                    return Ok(Some(said));
                }
                (Event::LedgerFree, Some(said))
            }
            Err(error @ OpenError::Engine { .. }) => {
                let fault: Arc<str> = chain(&error).into();
                self.fault = Some(fault.clone());
                (Event::LedgerStuck(fault), None)
            }
            Err(error) => return Err(error),
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "there is no ledger, and nothing but notices"
        )]
        let released = self.keel.handle(event, now).release();
        released.notices.iter().for_each(telemetry::tell);
        Ok(said)
    }
}

fn event(command: &Command) -> Option<&Event> {
    match command {
        Command::Event(event) | Command::Durably(event, _) => Some(event),
        Command::RefreshCredentials | Command::CatchUp(_) | Command::Stop => None,
    }
}

/// Whether what was held still matters once `newer` has come.
fn held_on(held: &Command, newer: &Event) -> bool {
    let (file, refusal, policy) = (0, 1, 2);
    let kind = |event: &Event| match event {
        Event::ManifestRead(_) | Event::ManifestReadPartly { .. } => Some(file),
        Event::ManifestRefused(_) => Some(refusal),
        Event::PolicyChanged(_) => Some(policy),
        Event::Tick
        | Event::ManifestKept(_)
        | Event::Answered(_)
        | Event::CredentialsChanged(_)
        | Event::Errand(_)
        | Event::LedgerStuck(_)
        | Event::LedgerFree
        | Event::Drain => None,
    };
    let (Some(old), Some(new)) = (event(held).and_then(kind), kind(newer)) else { return true };
    // A file that is good takes back the refusal of the one before it.
    old != new && !(old == refusal && new == file)
}
