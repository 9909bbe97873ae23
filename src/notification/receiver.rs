//! One receiver: a queue of its own, and a task that empties it at the receiver's pace.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backoff::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::{Notify, watch};

use super::kind::Kind;
use super::message::{Digest, Format};
use super::post::{Answer, Letter, Secret, Way};
use crate::clock::Clock;
use crate::keel::deployment::DeploymentId;
use crate::keel::time::Mono;

/// Messages that wait for one receiver. Grouped as they are, it is more than a bad day has.
const WAITING_MAX: usize = 64;

/// The longest pause while the process waits to end.
const PAUSE_AT_THE_END: Duration = Duration::from_millis(500);

/// How long receivers are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For an attempt as a whole.
    pub attempt: Duration,
    /// The first pause after a failure; they double, and are scattered.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
    /// How long a message is worth sending.
    pub worth: Duration,
}

impl Default for Patience {
    /// A receiver is to put a message in a queue and answer, which takes well under a second; some
    /// take a few. Five minutes late is soon enough after an outage, and no burden during it. What
    /// is older than a day is in the history, and no news.
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(15),
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            worth: Duration::from_secs(24 * 3600),
        }
    }
}

/// Who is told, and of what.
#[derive(Clone)]
pub struct Receiver {
    /// Its name in the configuration.
    pub name: String,
    /// The form of its messages.
    pub format: Format,
    /// Where it is; a secret.
    pub url: Secret,
    /// What its messages are signed with.
    pub key: Option<Secret>,
    /// What it wants to hear of.
    pub events: BTreeSet<Kind>,
    /// Of which deployments; `None`: of all.
    pub deployments: Option<BTreeSet<DeploymentId>>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What became of a message to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was taken.
    Delivered,
    /// The receiver will never take it.
    Refused,
    /// It was tried until it was no news any more.
    Expired,
    /// Too many were waiting, and it was the oldest.
    Dropped,
    /// The receiver wants no more messages (410).
    Gone,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Delivered, Self::Refused, Self::Expired, Self::Dropped, Self::Gone];

    /// The word of the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
            Self::Gone => "gone",
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally<'a> {
    /// A message to this receiver came to its end.
    Ended(&'a str, Fate),
    /// So many messages wait for this receiver, the one under way among them.
    Waiting(&'a str, usize),
    /// A notice came faster than this room could listen.
    Unheard,
}

/// Who counts.
pub type Meter = Arc<dyn Fn(Tally<'_>) + Send + Sync>;

/// The near end of a receiver's queue.
pub(super) struct Mailbox {
    receiver: Receiver,
    meter: Meter,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Mono, Letter)>,
    /// Whether one is under way.
    sending: bool,
    /// Nothing more comes.
    closed: bool,
    /// The receiver wants nothing more.
    gone: bool,
    /// Whether it was said that messages are dropped.
    told_of_drops: bool,
}

impl Mailbox {
    pub(super) fn new(receiver: Receiver, meter: Meter) -> Arc<Self> {
        meter(Tally::Waiting(&receiver.name, 0));
        Arc::new(Self { receiver, meter, state: Mutex::default(), news: Notify::new() })
    }

    /// Puts a message into the queue if the receiver wants it. When it is full the oldest goes.
    pub(super) fn put(&self, digest: &Digest, source: &str, now: Mono) {
        let Receiver { name, format, events, deployments, .. } = &self.receiver;
        if !events.contains(&digest.kind) {
            return;
        }
        let some;
        let digest = match deployments.as_ref().map(|deployments| digest.only(deployments)) {
            None => digest,
            Some(None) => return,
            Some(Some(only)) => {
                some = only;
                &some
            }
        };
        let letter = Letter { id: digest.id().into(), body: digest.body(*format, source).into() };
        let mut state = self.state();
        if state.gone {
            drop(state);
            return self.ended(Fate::Gone);
        }
        state.waiting.push_back((now, letter));
        let dropped = state.waiting.len() > WAITING_MAX;
        if dropped {
            state.waiting.pop_front();
            if !std::mem::replace(&mut state.told_of_drops, true) {
                tracing::warn!(
                    "receiver {name}: more than {WAITING_MAX} messages wait for it; the oldest \
                     are dropped"
                );
            }
        }
        drop(state);
        if dropped {
            self.ended(Fate::Dropped);
        }
        self.count();
        self.news.notify_one();
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.news.notify_one();
    }

    /// How many wait, the one under way among them.
    pub(super) fn waiting(&self) -> usize {
        let state = self.state();
        state.waiting.len() + usize::from(state.sending)
    }

    /// Says that so many never got there, as the process ends.
    pub(super) fn give_up(&self) {
        let left = self.waiting();
        if left > 0 {
            let (name, s) = (&self.receiver.name, if left == 1 { "" } else { "s" });
            tracing::warn!("receiver {name}: {left} message{s} could not be delivered in time");
        }
    }

    async fn next(&self) -> Option<(Mono, Letter)> {
        loop {
            {
                let mut state = self.state();
                if let Some(next) = state.waiting.pop_front() {
                    state.sending = true;
                    return Some(next);
                }
                state.told_of_drops = false;
                if state.closed {
                    return None;
                }
            }
            self.news.notified().await;
        }
    }

    fn done(&self, fate: Fate) {
        let mut others = 0;
        {
            let mut state = self.state();
            state.sending = false;
            if fate == Fate::Gone {
                state.gone = true;
                others = state.waiting.len();
                state.waiting.clear();
            }
        }
        for _ in 0..=others {
            self.ended(fate);
        }
        self.count();
    }

    fn ended(&self, fate: Fate) {
        (self.meter)(Tally::Ended(&self.receiver.name, fate));
    }

    fn count(&self) {
        (self.meter)(Tally::Waiting(&self.receiver.name, self.waiting()));
    }

    /// Whole after every statement under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The far end: delivers what is in the mailbox, one after the other.
pub(super) struct Carrier {
    mailbox: Arc<Mailbox>,
    way: Way,
    clock: Clock,
    patience: Patience,
    pauses: ExponentialBackoff,
    /// Whether the last attempt failed, which is said once.
    troubled: bool,
    ending: watch::Receiver<bool>,
}

impl Carrier {
    pub(super) fn new(
        mailbox: Arc<Mailbox>,
        clock: Clock,
        agent: String,
        patience: Patience,
        ending: watch::Receiver<bool>,
    ) -> Self {
        let Receiver { format, url, key, .. } = mailbox.receiver.clone();
        let (timeout, reading, client) = (patience.attempt, None, None);
        let way = Way { format, url, key, agent, timeout, clock: clock.clone(), reading, client };
        let pauses = pauses(patience);
        Self { mailbox, way, clock, patience, pauses, troubled: false, ending }
    }

    /// Works until the mailbox is closed and empty.
    pub(super) async fn run(mut self) {
        if let Err(why) = self.way.look().await {
            tracing::warn!("receiver {}: {why}; tried again with each message", self.name());
        }
        while let Some((written, letter)) = self.mailbox.next().await {
            let fate = self.deliver(written, &letter).await;
            self.mailbox.done(fate);
        }
    }

    async fn deliver(&mut self, written: Mono, letter: &Letter) -> Fate {
        loop {
            if self.clock.now().mono.since(written) > self.patience.worth {
                tracing::warn!("receiver {}: a message is too old and given up", self.name());
                return Fate::Expired;
            }
            match self.way.post(letter).await {
                Answer::Taken => {
                    self.pauses = pauses(self.patience);
                    if std::mem::take(&mut self.troubled) {
                        tracing::info!("receiver {} takes messages again", self.name());
                    }
                    return Fate::Delivered;
                }
                Answer::Refused(why) => {
                    tracing::warn!("receiver {}: a message is refused: {why}", self.name());
                    return Fate::Refused;
                }
                Answer::Gone => {
                    tracing::error!(
                        "receiver {}: it answered 410 and gets no more messages until the daemon \
                         starts again",
                        self.name()
                    );
                    return Fate::Gone;
                }
                Answer::Again(why, after) => self.pause(&why, after).await,
            }
        }
    }

    async fn pause(&mut self, why: &str, after: Option<Duration>) {
        let name = &self.mailbox.receiver.name;
        if std::mem::replace(&mut self.troubled, true) {
            tracing::debug!("receiver {name}: {why}");
        } else {
            tracing::warn!(
                "receiver {name}: {why}; its messages wait, and are tried again for a day"
            );
        }
        let usual = self.pauses.next().unwrap_or(self.patience.longest);
        let Some(after) = after else {
            if *self.ending.borrow_and_update() {
                return tokio::time::sleep(usual.min(PAUSE_AT_THE_END)).await;
            }
            tokio::select! {
                () = tokio::time::sleep(usual) => (),
                Ok(()) = self.ending.changed() => (),
            }
            return;
        };
        tokio::time::sleep(after.max(usual)).await;
    }

    fn name(&self) -> &str {
        &self.mailbox.receiver.name
    }
}

fn pauses(patience: Patience) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(patience.first)
        .with_max_delay(patience.longest)
        .with_factor(2.0)
        .without_max_times()
        .with_jitter()
        .build()
}
