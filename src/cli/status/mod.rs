//! `evenkeel status`: the running daemon's view.

mod watch;

use std::time::Duration;

use super::daemon::{self, DaemonArgs};
use super::exit::{Exit, Failure};
use super::fleet::{self, Look};
use super::global::Global;
use super::output::{self, Format};
use super::terminal;
use crate::keel::time::parse_duration;
use crate::keel::view::{DeploymentView, View};
use crate::yaml::{closest, did_you_mean};

/// What the daemon is asked for.
const FLEET: &str = "/api/v1/deployments";

/// Show the running daemon's view
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel status                       the fleet, one row a deployment\n  \
    evenkeel status b1f77113              one deployment in full\n  \
    evenkeel status --watch               a live view; Ctrl-C ends it\n  \
    evenkeel status --watch=10s | tee log   each change as a line\n  \
    evenkeel status --output json | jq .deployments\n\n\
    With --watch and --output json each change is a line of its own: {\"type\": \"ADDED\", \
    \"MODIFIED\" or \"DELETED\", \"object\": the deployment}. Where the daemon does not answer any \
    more, --watch says so and goes on asking.\n\n\
    Exit code: 0 all in sync, 1 not, 2 no daemon answered; of --watch 130 after Ctrl-C.")]
pub struct StatusArgs {
    /// Only this deployment
    pub id: Option<String>,
    /// Where the daemon is
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
    /// Go on showing it, asking the daemon this often: live on a terminal, else a line a change
    #[arg(long, short, value_name = "INTERVAL", num_args = 0..=1, require_equals = true,
          default_missing_value = "2s", value_parser = interval)]
    pub watch: Option<Duration>,
    /// Only say whether the daemon is ready, by the exit code: the health check of a container
    #[arg(long, conflicts_with_all = ["watch", "id"])]
    pub probe: bool,
}

/// From a second to an hour: the daemon has more to do than to answer.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&interval) {
        return Ok(interval);
    }
    Err("expected an interval from `1s` to `1h`".to_owned())
}

/// Asks and shows.
///
/// # Errors
/// When no daemon answers, or it does not know the deployment.
pub async fn run(global: &Global, args: &StatusArgs) -> Result<Exit, Failure> {
    let place = args.daemon.place(global)?;
    if args.probe {
        return match daemon::get::<serde_json::Value>(&place, "/readyz?output=json").await {
            Ok(_) => Ok(Exit::Yes),
            Err(daemon::NoAnswer::Refused(_, 200, _)) => Ok(Exit::Yes),
            Err(error @ daemon::NoAnswer::Refused(_, 401, _)) => Err(error.into()),
            Err(daemon::NoAnswer::Refused(..)) => Ok(Exit::No),
            Err(error @ (daemon::NoAnswer::Unreachable(..) | daemon::NoAnswer::NoWay(_))) => {
                Err(error.into())
            }
        };
    }
    let view: View = daemon::get(&place, FLEET).await?;
    // What is not there is told at once, also to who watches.
    let one = args.id.as_deref().map(|id| known(&view, id)).transpose()?;
    if let Some(every) = args.watch {
        let id = args.id.as_deref();
        return watch::run(watch::Watch { place: &place, id, every }, args.output, view).await;
    }
    let Some(one) = one else {
        fleet::show(&view, Look::Status, args.output)?;
        return Ok(view.in_sync().into());
    };
    match args.output {
        Format::Json => output::json(one)?,
        Format::Text => output::line(&fleet::deployment(one, view.at.0, terminal::width()))?,
    };
    Ok(one.synced.reason.at_rest().into())
}

fn known<'a>(view: &'a View, id: &str) -> Result<&'a DeploymentView, Failure> {
    view.deployment(id).ok_or_else(|| {
        let known: Vec<_> = view.deployments.iter().map(|one| one.id.as_str()).collect();
        let meant = did_you_mean(closest(id, &known));
        Failure::new(format!("the desired file names no deployment `{id}`{meant}"))
            .next("`evenkeel status` shows those that it names")
    })
}
