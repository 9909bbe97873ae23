//! `evenkeel plan`: what would be done now, and when the budget lets it.

use std::time::Duration;

use super::daemon::{self, NoAnswer, Place};
use super::exit::{Exit, Failure};
use super::fleet::{self, Look};
use super::global::{Global, Settable};
use super::output::Format;
use super::progress::{self, Progress};
use super::start::{self, Daemon};
use crate::config::Settings;
use crate::controller::Command;
use crate::keel::plan::Reason;
use crate::keel::view::View;
use crate::lifecycle;

/// The longest that a fleet's first observation is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Show what would be done now, and when the budget lets it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel plan\n  \
    evenkeel plan --desired new.yaml --state-dir /tmp/look    what another file would do\n\n\
    Asks the running daemon; where none answers, reads the API itself, within \
    the budget, and sends no start or stop.\n\n\
    Exit code: 0 nothing to do, 1 something to do.")]
pub struct PlanArgs {
    /// Settings that stand over the configuration file
    #[command(flatten)]
    pub settable: Settable,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// Asks or reads, and shows.
///
/// # Errors
/// When neither a daemon answers nor the API can be read.
pub async fn run(global: &Global, args: &PlanArgs) -> Result<Exit, Failure> {
    let settings = global.settings(&args.settable)?;
    let asked = daemon::get(&Place::of(&settings), "/api/v1/deployments").await;
    let view: View = match asked {
        Ok(view) => view,
        Err(NoAnswer::Unreachable(..)) => read(global, settings).await?,
        Err(error @ (NoAnswer::Refused(..) | NoAnswer::NoWay(_))) => return Err(error.into()),
    };
    let idle = view.deployments.iter().all(|one| match one.synced.reason {
        Reason::InSync | Reason::Suspended | Reason::Protected | Reason::ObserveOnly => true,
        Reason::Starting
        | Reason::Stopping
        | Reason::WaitingForBudget
        | Reason::BackingOff
        | Reason::Held
        | Reason::NotFound
        | Reason::Contested
        | Reason::Unauthorized
        | Reason::Forbidden
        | Reason::NameMismatch
        | Reason::TypeNotAllowed
        | Reason::UnknownStatus
        | Reason::Failed
        | Reason::Stalled
        | Reason::Unobserved => false,
    });
    fleet::show(&view, Look::Plan, args.output)?;
    Ok(idle.into())
}

/// Observes the fleet once, without acting.
async fn read(global: &Global, mut settings: Settings) -> Result<View, Failure> {
    global.start_quiet_log()?;
    // The budget counts; nothing is sent but reads.
    let policy = settings.policy.clone();
    settings.policy.act.enforce = false;
    let Daemon { mut controller, outbox, http, .. } = start::daemon(&settings, false).await?;
    let ticks = outbox.clone();
    let watch = tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(PATIENCE) => (),
            () = lifecycle::asked_to_end() => (),
        }
        let _ = outbox.send(Command::Stop);
    });
    let mut progress = Progress::new(global, &ticks);
    let ended = controller
        .run(|keel| {
            progress.tell(|| progress::of(keel));
            keel.ready() && keel.looked_around()
        })
        .await;
    drop(progress);
    watch.abort();
    http.shutdown().await;
    ended.map_err(start::ledger_failed)?;
    // What would be done, were this the daemon.
    let now = controller.clock.now();
    controller.keel.set_policy(policy, now);
    let view = controller.keel.view(now);
    if view.file.revision.is_none() {
        let fault = view.file.fault.unwrap_or_else(|| "it was not read in time".into());
        return Err(Failure::new(format!("no desired file is in force\n{fault}"))
            .next("correct it; `evenkeel check` says when it is valid"));
    }
    Ok(view)
}
