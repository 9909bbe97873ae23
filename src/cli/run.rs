//! `evenkeel run`: the daemon.

use std::time::Duration;

use tokio::sync::oneshot;

use super::endpoint::Endpoint;
use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::start::{self, Daemon, Lead};
use super::word::GOODBYE_MAX;
use crate::controller::{Command, Ended, TURN_MAX};
use crate::keel::reconciler::Reconciler;
use crate::ledger::Fault;
use crate::lifecycle::{self, Ready, Signals, Supervisor};
use crate::notification::Desk;

/// How long a collector is waited for when the process ends: it is near, or not there.
#[cfg(feature = "otlp")]
const COLLECTOR_MAX: Duration = Duration::from_secs(2);

/// Run the daemon until SIGTERM or SIGINT
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: evenkeel --config /etc/evenkeel/evenkeel.yaml run\n\n\
    SIGHUP reads configuration, credentials and desired file again. SIGTERM ends after the calls \
    under way, 10 s at most, and after the messages of `notify`, 5 s at most.\n\n\
    Exit code: 0 after SIGTERM or SIGINT, 3 when another process leads the ledger now.")]
pub struct RunArgs {
    /// Settings that stand over the configuration file
    #[command(flatten)]
    pub settable: Settable,
}

/// Runs until it is told to end.
///
/// # Errors
/// When it cannot start, or can no longer know what its ledger holds.
pub async fn run(global: &Global, args: RunArgs) -> Result<Exit, Failure> {
    global.start_log()?;
    let settings = global.settings(&args.settable)?;
    start::warn(&settings);
    let signals = Signals::catch();
    let prepared = start::prepare(&settings, true, true).await?;
    let ready = Ready::default();
    let (clock, changes) = (prepared.clock.clone(), prepared.changes.clone());
    let mut supervisor = Supervisor::new(clock, changes, ready.clone());
    let turn_max = supervisor.as_ref().and_then(Supervisor::turn_max);
    let (outbox, desired) = (prepared.outbox.clone(), prepared.desired.clone());
    let metrics = prepared.metrics.clone();
    let global = global.clone();
    let reload = {
        let outbox = outbox.clone();
        move || {
            start::reload(&global, &args.settable, &settings, &metrics, &outbox);
            let _ = outbox.send(Command::RefreshCredentials);
            let (desired, outbox) = (desired.reread(), outbox.clone());
            async move {
                desired.await;
                let (done, caught_up) = oneshot::channel();
                let _ = outbox.send(Command::CatchUp(done));
                let _ = caught_up.await;
            }
        }
    };
    let signals = tokio::spawn(lifecycle::follow_signals(signals, outbox, ready, reload));
    let mut turned = |keel: &Reconciler| {
        if let Some(supervisor) = &mut supervisor {
            supervisor.turned(keel);
        }
    };
    let (http, word, ended) = match prepared.lead(&mut turned).await? {
        Lead::Stopped(http) => (http, None, Ok(Ended::Stopped)),
        Lead::Daemon(daemon) => turn(*daemon, turn_max.unwrap_or(TURN_MAX), turned).await,
    };
    let goodbye = async {
        if let Some(word) = word {
            word.close(GOODBYE_MAX).await;
        }
    };
    tokio::join!(http.shutdown(), goodbye);
    signals.abort();
    match ended {
        Ok(Ended::Stopped | Ended::Done) => {
            tracing::info!("ended in good order");
            Ok(Exit::Yes)
        }
        Err(fault) => Err(start::ledger_failed(fault)),
    }
}

/// Turns until it is told to end; gives back what is still open then.
async fn turn(
    daemon: Daemon,
    turn_max: Duration,
    mut turned: impl FnMut(&Reconciler),
) -> (Endpoint, Option<Desk>, Result<Ended, Fault>) {
    let Daemon { mut controller, http, word, .. } = daemon;
    controller.turn_max = controller.turn_max.min(turn_max);
    let seen = |keel: &Reconciler| {
        turned(keel);
        false
    };
    let ended = controller.run(seen).await;
    #[cfg(feature = "otlp")]
    if let Some(traces) = controller.traces.take() {
        traces.close(COLLECTOR_MAX).await;
    }
    (http, word, ended)
}
