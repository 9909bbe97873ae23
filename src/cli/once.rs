//! `evenkeel once`: reconciles until all is in sync, then ends.

use std::time::Duration;

use tokio::time::Instant;

use super::exit::{Exit, Failure};
use super::fleet::{self, Look};
use super::global::{Global, Settable};
use super::output::Format;
use super::progress::{self, Progress};
use super::start::{self, Daemon};
use crate::controller::{Command, Ended};
use crate::keel::time::{format_duration, parse_duration};
use crate::lifecycle;

/// Reconcile until all is in sync, then end; for pipelines
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel once --desired desired.yaml --timeout 90m\n  \
    evenkeel once --output json > outcome.json      the log is on standard error\n\n\
    Exit code: 0 in sync, 1 not in sync when the time was over or a person is needed.")]
pub struct OnceArgs {
    /// Settings that stand over the configuration file
    #[command(flatten)]
    pub settable: Settable,
    /// Give up after this time
    #[arg(long, value_name = "D", default_value = "2h", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// Reconciles, showing what happens in the log.
///
/// # Errors
/// When it cannot start; when a daemon holds the ledger already.
pub async fn run(global: &Global, args: &OnceArgs) -> Result<Exit, Failure> {
    global.start_log()?;
    let settings = global.settings(&args.settable)?;
    start::warn(&settings);
    let Daemon { mut controller, outbox, http, .. } = start::daemon(&settings, false).await?;
    let watch = {
        let outbox = outbox.clone();
        let timeout = args.timeout;
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(timeout) => tracing::warn!("the time is over"),
                () = lifecycle::asked_to_end() => (),
            }
            let _ = outbox.send(Command::Stop);
        })
    };
    let mut progress = Progress::new(global, &outbox);
    let ends = Instant::now() + args.timeout;
    let ended = controller
        .run(|keel| {
            progress.tell(|| {
                let left = ends.saturating_duration_since(Instant::now()).as_secs();
                let left = format_duration(Duration::from_secs(left));
                format!("{}; gives up in {left}", progress::of(keel))
            });
            keel.ready() && keel.finished()
        })
        .await;
    drop(progress);
    watch.abort();
    http.shutdown().await;
    let view = controller.keel.view(controller.clock.now());
    fleet::show(&view, Look::Status, args.output)?;
    match ended {
        Ok(Ended::Done | Ended::Stopped) => {
            Ok((view.file.revision.is_some() && view.in_sync()).into())
        }
        Err(fault) => Err(start::ledger_failed(fault)),
    }
}
