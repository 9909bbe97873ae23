//! Signals and the supervisor: when to end, when to read everything again, how we are.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::clock::Clock;
use crate::controller::Command;
use crate::http::Changes;
use crate::keel::reconciler::Reconciler;

/// How often at most the status text is made: a large fleet changes all the time.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// For how long a reload may take before the supervisor is told that it is over all the same: less
/// than the 90 s that systemd waits, and longer than any disk that still answers.
const RELOAD_MAX: Duration = Duration::from_secs(30);

/// Ends when the process is asked to end, by SIGTERM or SIGINT.
pub async fn asked_to_end() {
    end_signal().await;
}

/// The same; gives the signal's number. Already the call, not only the waiting, keeps these signals
/// from ending the process.
pub fn end_signal() -> impl Future<Output = u8> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut term), Ok(mut int)) = signals else {
            // Without signal handlers the process ends by the signal itself.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => 15,
            _ = int.recv() => 2,
        }
    }
}

/// The signals of a daemon. From here on none of them ends the process by itself.
pub struct Signals {
    hangups: Option<Signal>,
    end: Pin<Box<dyn Future<Output = u8> + Send>>,
}

impl Signals {
    /// Catches them.
    pub fn catch() -> Self {
        Self { hangups: signal(SignalKind::hangup()).ok(), end: Box::pin(end_signal()) }
    }
}

/// Turns signals into commands. SIGTERM and SIGINT end the daemon in good order, and at once when
/// sent again; SIGHUP has everything read again by `reload`, which ends once that is in force.
pub async fn follow_signals<R: Future<Output = ()>>(
    signals: Signals,
    outbox: mpsc::UnboundedSender<Command>,
    ready: Ready,
    reload: impl Fn() -> R,
) {
    let Signals { hangups, end } = signals;
    let reloads = async {
        let Some(mut hangups) = hangups else { return std::future::pending().await };
        while hangups.recv().await.is_some() {
            tracing::info!("SIGHUP: reading configuration, credentials and desired file again");
            ready.reloading();
            if timeout(RELOAD_MAX, reload()).await.is_err() {
                tracing::warn!("reading everything again takes long; it goes on");
            }
            ready.reloaded();
        }
    };
    let ends = async {
        end.await;
        tell(&[NotifyState::Stopping, NotifyState::Status("waiting for the calls under way")]);
        let _ = outbox.send(Command::Stop);
        asked_to_end().await;
        tracing::warn!("told to end twice; calls under way count as unanswered");
        std::process::exit(0);
    };
    tokio::select! {
        () = reloads => (),
        () = ends => (),
    }
}

/// Whether the supervisor was told that the daemon is ready. Before that, a reload is part of the
/// start.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    fn reloading(&self) {
        if !self.0.load(Ordering::Relaxed) {
            return;
        }
        match NotifyState::monotonic_usec_now() {
            // The stamp lets the supervisor tell this reload from an earlier one.
            Ok(stamp) => tell(&[NotifyState::Reloading, stamp]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    fn reloaded(&self) {
        if self.0.load(Ordering::Relaxed) {
            tell(&[NotifyState::Ready]);
        }
    }
}

/// What the control loop tells the supervisor after each turn: ready, how the fleet is, and that
/// the loop turns. Nobody else feeds the watchdog, so a loop that is stuck is noticed.
#[derive(Debug)]
pub struct Supervisor {
    clock: Clock,
    changes: Changes,
    ready: Ready,
    watchdog: Option<Duration>,
    fed: Option<Instant>,
    status: String,
    /// When the status was made, and of which change.
    seen: Option<(Instant, i64)>,
}

impl Supervisor {
    /// `None` where no supervisor listens.
    pub fn new(clock: Clock, changes: Changes, ready: Ready) -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let watchdog = sd_notify::watchdog_enabled().filter(|every| !every.is_zero());
        let (fed, status, seen) = (None, String::new(), None);
        Some(Self { clock, changes, ready, watchdog, fed, status, seen })
    }

    /// The longest sleep of a loop that is to feed the watchdog in time, if there is one: a third
    /// of its patience.
    pub fn turn_max(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / 3)
    }

    /// The loop has turned.
    pub fn turned(&mut self, keel: &Reconciler) {
        let now = Instant::now();
        let first = !self.ready.0.load(Ordering::Relaxed) && keel.ready();
        let status = (first || self.is_due(now)).then(|| self.look(keel, now)).flatten();
        let status = status.as_deref().map(NotifyState::Status);
        // A quarter: so that a turn that comes a little early is not a chance missed.
        let hungry = self.watchdog.is_some_and(|patience| {
            self.fed.is_none_or(|fed| patience / 4 <= now.duration_since(fed))
        });
        let words =
            [first.then_some(NotifyState::Ready), status, hungry.then_some(NotifyState::Watchdog)];
        let words: Vec<NotifyState<'_>> = words.into_iter().flatten().collect();
        if first {
            self.ready.0.store(true, Ordering::Relaxed);
        }
        if hungry {
            self.fed = Some(now);
        }
        if !words.is_empty() {
            tell(&words);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.seen.is_none_or(|(at, number)| {
            number != self.changes.number() && STATUS_EVERY <= now.duration_since(at)
        })
    }

    /// The status text, if it is another one than before.
    fn look(&mut self, keel: &Reconciler, now: Instant) -> Option<String> {
        self.seen = Some((now, self.changes.number()));
        let status = keel.headline(self.clock.now());
        if status == self.status {
            return None;
        }
        self.status.clone_from(&status);
        Some(status)
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot tell the supervisor: {error}");
    }
}
