//! Signals and the supervisor: when to end, when to read everything again, when we are ready.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::controller::Command;

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

/// Turns signals into commands. SIGTERM and SIGINT end the daemon in good order, and at once when
/// sent again; SIGHUP has everything read again.
pub async fn follow_signals(outbox: mpsc::UnboundedSender<Command>, reload: impl Fn()) {
    let hangups = signal(SignalKind::hangup()).ok();
    let reloads = async {
        let Some(mut hangups) = hangups else { return std::future::pending().await };
        while hangups.recv().await.is_some() {
            tracing::info!("SIGHUP: reading configuration, credentials and desired file again");
            reload();
            let _ = outbox.send(Command::RefreshCredentials);
        }
    };
    let ends = async {
        asked_to_end().await;
        supervisor(&[sd_notify::NotifyState::Stopping]);
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

/// Tells the supervisor, if there is one, that the daemon is ready.
pub fn ready(status: &str) {
    supervisor(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status(status)]);
}

fn supervisor(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot tell the supervisor: {error}");
    }
}
