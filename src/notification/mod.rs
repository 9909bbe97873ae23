//! Word to people, and to their machines, when something happens.
//!
//! The control loop hands notices in by [`Inlet::tell`], which neither waits nor fails. A task
//! makes news of them, collects it into few messages, and puts these into the mailbox of each
//! [`Receiver`]; there another task delivers them at the receiver's own pace. Every queue has a
//! bound, so whatever receivers do, the loop goes on and memory stays where it is.
//!
//! *What is told again.* Nothing of this is written down. A process that starts tells of each fault
//! that it finds, once; so one that stood before a restart is told again. It does not tell of the
//! starts and stops before, nor that a fault is over of which an earlier process had told.

mod group;
mod heard;
mod kind;
mod message;
mod news;
mod post;
mod receiver;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::keel::notice::Notice;
use crate::keel::time::Wall;

pub use group::{Groups, Pace};
pub use heard::{Heard, What};
pub use kind::{Kind, Phase, Severity};
pub use message::{Digest, Format};
pub use news::{Item, News, Watcher};
pub use post::{Secret, signing_key, target};
pub use receiver::{Fate, Meter, Patience, Receiver, Tally};

use receiver::{Carrier, Mailbox};

/// Notices that wait to be heard: more than one edit of a fleet of 10,000 makes at once.
const HEARD_MAX: usize = 65_536;

/// The longest sleep: sleeps do not count a suspended machine's time.
const TURN_MAX: Duration = Duration::from_secs(30);

/// Who is told, and how.
#[derive(Clone)]
pub struct Options {
    /// Who.
    pub receivers: Vec<Receiver>,
    /// How news is collected.
    pub pace: Pace,
    /// How long they are waited for.
    pub patience: Patience,
    /// A URI that names this installation: the `source` of its CloudEvents.
    pub source: String,
    /// For `User-Agent: evenkeel/VERSION`.
    pub version: String,
    /// Who counts.
    pub meter: Meter,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let receivers = &self.receivers;
        f.debug_struct("Options").field("receivers", receivers).finish_non_exhaustive()
    }
}

/// Where notices go in.
pub struct Inlet {
    heard: mpsc::Sender<Heard>,
    meter: Meter,
    full: AtomicBool,
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet").finish_non_exhaustive()
    }
}

impl Inlet {
    /// Hands a notice over, if it can be news. `name` knows what the API calls a deployment. Never
    /// waits: what finds no room is dropped, counted, and said once.
    pub fn tell(&self, notice: &Notice, at: Wall, name: impl FnOnce(&str) -> Option<Arc<str>>) {
        let Some(what) = What::of(notice) else { return };
        let name = what.deployment().and_then(name);
        let full = self.heard.try_send(Heard { what, at, name }).is_err();
        if full {
            (self.meter)(Tally::Unheard);
        }
        if full && !self.full.swap(full, Ordering::Relaxed) {
            tracing::warn!("more happens than can be told; some messages will be missing");
        } else {
            self.full.store(full, Ordering::Relaxed);
        }
    }
}

/// The room's own end.
pub struct Desk {
    end: oneshot::Sender<()>,
    ending: watch::Sender<bool>,
    task: JoinHandle<()>,
    carriers: Vec<JoinHandle<()>>,
    mailboxes: Arc<[Arc<Mailbox>]>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// Begins to listen, in tasks of its own.
pub fn open(options: Options, clock: Clock) -> (Inlet, Desk) {
    let Options { receivers, pace, patience, source, version, meter } = options;
    let (heard, inbox) = mpsc::channel(HEARD_MAX);
    let (end, ended) = oneshot::channel();
    let (ending, _) = watch::channel(false);
    let mailbox = |receiver| Mailbox::new(receiver, meter.clone());
    let mailboxes: Arc<[_]> = receivers.into_iter().map(mailbox).collect();
    let carry = |mailbox: &Arc<Mailbox>| {
        let agent = format!("evenkeel/{version}");
        let (mailbox, clock) = (mailbox.clone(), clock.clone());
        let carrier = Carrier::new(mailbox, clock, agent, patience, ending.subscribe());
        tokio::spawn(carrier.run())
    };
    let carriers = mailboxes.iter().map(carry).collect();
    let clerk = Clerk {
        watcher: Watcher::default(),
        groups: Groups::new(pace),
        mailboxes: mailboxes.clone(),
        source,
        clock,
    };
    let task = tokio::spawn(clerk.run(inbox, ended));
    let desk = Desk { end, ending, task, carriers, mailboxes };
    (Inlet { heard, meter, full: AtomicBool::new(false) }, desk)
}

impl Desk {
    /// Tells what is collected, due or not, and waits until it is delivered; `within` at most.
    /// What is left then is said in the log.
    pub async fn close(self, within: Duration) {
        let Self { end, ending, task, carriers, mailboxes } = self;
        let _ = end.send(());
        let _ = ending.send(true);
        let aborts: Vec<_> = carriers.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            let _ = task.await;
            for carrier in carriers {
                let _ = carrier.await;
            }
        };
        let _ = tokio::time::timeout(within, all).await;
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
        mailboxes.iter().for_each(|mailbox| mailbox.give_up());
    }
}

/// Makes messages of notices.
struct Clerk {
    watcher: Watcher,
    groups: Groups,
    mailboxes: Arc<[Arc<Mailbox>]>,
    source: String,
    clock: Clock,
}

impl Clerk {
    async fn run(mut self, mut inbox: mpsc::Receiver<Heard>, mut end: oneshot::Receiver<()>) {
        loop {
            let now = self.clock.now().mono;
            for digest in self.groups.collect(now, |kind| self.watcher.expects(kind)) {
                self.put(&digest);
            }
            let due = self.groups.due(|kind| self.watcher.expects(kind));
            let turn = due.map_or(TURN_MAX, |due| due.since(now).min(TURN_MAX));
            tokio::select! {
                heard = inbox.recv() => match heard {
                    Some(heard) => self.hear(heard),
                    None => break,
                },
                () = tokio::time::sleep(turn) => (),
                _ = &mut end => break,
            }
        }
        while let Ok(heard) = inbox.try_recv() {
            self.hear(heard);
        }
        for digest in self.groups.collect_all(self.clock.now().mono) {
            self.put(&digest);
        }
        self.mailboxes.iter().for_each(|mailbox| mailbox.close());
    }

    fn hear(&mut self, heard: Heard) {
        let now = self.clock.now().mono;
        for news in self.watcher.hear(heard) {
            self.groups.take(news, now);
        }
    }

    fn put(&self, digest: &Digest) {
        let now = self.clock.now().mono;
        self.mailboxes.iter().for_each(|mailbox| mailbox.put(digest, &self.source, now));
    }
}
