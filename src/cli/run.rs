//! `evenkeel run`: the daemon.

use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::start::{self, Daemon};
use super::word::GOODBYE_MAX;
use crate::controller::Ended;
use crate::lifecycle;

/// Run the daemon until SIGTERM or SIGINT
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: evenkeel --config /etc/evenkeel/evenkeel.yaml run\n\n\
    SIGHUP reads configuration, credentials and desired file again. SIGTERM ends after the calls \
    under way, 10 s at most, and after the messages of `notify`, 5 s at most.\n\n\
    Exit code: 0 after SIGTERM or SIGINT.")]
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
    start::warn(&settings.warnings);
    let daemon = start::daemon(&settings, true).await?;
    let Daemon { mut controller, desired, outbox, http, word } = daemon;
    let global = global.clone();
    let reload = {
        let (desired, outbox, before) = (desired.clone(), outbox.clone(), settings.clone());
        let metrics = controller.metrics.clone();
        move || {
            start::reload(&global, &args.settable, &before, &metrics, &outbox);
            desired.reread();
        }
    };
    let signals = tokio::spawn(lifecycle::follow_signals(outbox, reload));
    let mut told = false;
    let ended = controller
        .run(|keel| {
            if !told && keel.ready() {
                told = true;
                lifecycle::ready("the desired file is in force");
            }
            false
        })
        .await;
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
