//! How far the fleet is, while `once` and `plan` work.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::global::Global;
use super::terminal::progress::{self, Foot};
use crate::controller::Command;
use crate::keel::reconciler::{Event, Reconciler};
use crate::telemetry;

/// Shown this often at most on a terminal, where it also shows how the time goes.
const SHOWN_EVERY: Duration = Duration::from_millis(200);
/// Logged this often at most elsewhere.
const LOGGED_EVERY: Duration = Duration::from_secs(30);

/// Tells how far it is: at the foot of a terminal, else in the log. Gone once it is dropped.
#[derive(Debug)]
pub struct Progress {
    foot: Option<(Foot, JoinHandle<()>)>,
    told: Option<(Instant, String)>,
}

impl Progress {
    /// Begins. On a terminal the loop behind `outbox` turns once a second at least.
    pub fn new(global: &Global, outbox: &UnboundedSender<Command>) -> Self {
        let people = global.log_format.is_none_or(|format| format == telemetry::Format::Text)
            && progress::possible();
        let foot = people.then(|| (Foot::default(), tokio::spawn(turn(outbox.clone()))));
        Self { foot, told: None }
    }

    /// Says it, if it is time to.
    pub fn tell(&mut self, text: impl FnOnce() -> String) {
        let every = if self.foot.is_some() { SHOWN_EVERY } else { LOGGED_EVERY };
        if self.told.as_ref().is_some_and(|(at, _)| at.elapsed() < every) {
            return;
        }
        let text = text();
        match &self.foot {
            Some((foot, _)) => foot.say(&text),
            None if self.told.as_ref().is_some_and(|(_, told)| *told == text) => return,
            None => tracing::info!("{text}"),
        }
        self.told = Some((Instant::now(), text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((_, turning)) = &self.foot {
            turning.abort();
        }
    }
}

async fn turn(outbox: UnboundedSender<Command>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        if outbox.send(Command::Event(Event::Tick)).is_err() {
            return;
        }
    }
}

/// `12 of 14 seen, 9 in sync`.
pub fn of(keel: &Reconciler) -> String {
    if !keel.ready() {
        return "the desired file is not read yet".to_owned();
    }
    let (rest, fleet) = keel.progress();
    match keel.unseen() {
        0 => format!("{rest} of {fleet} in sync"),
        unseen => format!("{} of {fleet} seen, {rest} in sync", fleet - unseen),
    }
}
