//! What becomes of the messages to each receiver.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Metrics;
use super::families::{
    NOTICES_UNHEARD, NOTIFICATION_SUCCESS, NOTIFICATIONS, NOTIFICATIONS_WAITING,
};
use super::shown::NEVER;
use super::text::Text;
use crate::keel::time::Wall;

/// The outcome of a message that was taken.
const DELIVERED: &str = "delivered";

/// What can become of a message.
const OUTCOMES: [&str; 5] = [DELIVERED, "refused", "expired", "dropped", "gone"];

/// Counters of messages, by receiver.
#[derive(Debug, Default)]
pub(super) struct Word {
    receivers: Mutex<BTreeMap<String, Receiver>>,
    unheard: AtomicU64,
}

#[derive(Debug)]
struct Receiver {
    ended: BTreeMap<&'static str, u64>,
    waiting: usize,
    success: Option<Wall>,
}

impl Default for Receiver {
    /// A first message must show as a step from 0 to 1, or `increase()` would not see it.
    fn default() -> Self {
        Self { ended: OUTCOMES.map(|outcome| (outcome, 0)).into(), waiting: 0, success: None }
    }
}

impl Metrics {
    /// A message to this receiver came to its end, at `at`.
    pub fn notification(&self, receiver: &str, outcome: &'static str, at: Wall) {
        let mut receivers = self.word.receivers();
        let one = receivers.entry(receiver.to_owned()).or_default();
        *one.ended.entry(outcome).or_default() += 1;
        if outcome == DELIVERED {
            one.success = Some(at);
        }
    }

    /// So many messages wait for this receiver.
    pub fn notifications_waiting(&self, receiver: &str, waiting: usize) {
        self.word.receivers().entry(receiver.to_owned()).or_default().waiting = waiting;
    }

    /// A notice was not looked at for messages.
    pub fn notice_unheard(&self) {
        self.word.unheard.fetch_add(1, Ordering::Relaxed);
    }
}

impl Word {
    pub(super) fn write(&self, text: &mut Text, created: Wall) {
        let receivers = self.receivers();
        let mut samples = text.family(&NOTIFICATIONS);
        for (name, one) in &*receivers {
            for (outcome, count) in &one.ended {
                samples.count([name, outcome], *count, created);
            }
        }
        let mut samples = text.family(&NOTIFICATIONS_WAITING);
        for (name, one) in &*receivers {
            samples.add([name], one.waiting);
        }
        let mut samples = text.family(&NOTIFICATION_SUCCESS);
        for (name, one) in &*receivers {
            samples.add([name], one.success.unwrap_or(NEVER));
        }
        let unheard = self.unheard.load(Ordering::Relaxed);
        text.family(&NOTICES_UNHEARD).count([], unheard, created);
    }

    /// The counts are whole after every statement under the lock.
    fn receivers(&self) -> MutexGuard<'_, BTreeMap<String, Receiver>> {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
