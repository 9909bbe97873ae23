//! `evenkeel status`: the running daemon's view.

use super::daemon::{self, DaemonArgs};
use super::exit::{Exit, Failure};
use super::global::Global;
use super::output::{self, Format};
use crate::keel::view::{DeploymentView, View};

/// Show the running daemon's view
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: 0 all in sync, 1 not, 2 no daemon answered.")]
pub struct StatusArgs {
    /// Only this deployment
    pub id: Option<String>,
    /// Where the daemon is
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
    /// Only say whether the daemon is ready, by the exit code: the health check of a container
    #[arg(long)]
    pub probe: bool,
}

/// Asks and shows.
///
/// # Errors
/// When no daemon answers, or it does not know the deployment.
pub async fn run(global: &Global, args: &StatusArgs) -> Result<Exit, Failure> {
    let address = args.daemon.address(global)?;
    if args.probe {
        return match daemon::get::<serde_json::Value>(&address, "/readyz?output=json").await {
            Ok(_) => Ok(Exit::Yes),
            Err(daemon::NoAnswer::Refused(_, 200, _)) => Ok(Exit::Yes),
            Err(daemon::NoAnswer::Refused(..)) => Ok(Exit::No),
            Err(error @ daemon::NoAnswer::Unreachable(..)) => Err(error.into()),
        };
    }
    let view: View = daemon::get(&address, "/api/v1/deployments").await?;
    match &args.id {
        Some(id) => one(&view, id, args.output),
        None => fleet(&view, args.output),
    }
}

fn one(view: &View, id: &str, format: Format) -> Result<Exit, Failure> {
    let one: &DeploymentView = view.deployment(id).ok_or_else(|| {
        Failure::new(format!("the desired file names no deployment `{id}`; see `evenkeel status`"))
    })?;
    match format {
        Format::Json => output::json(one)?,
        Format::Text => output::line(&output::deployment(one, view.at.0))?,
    };
    Ok(one.synced.reason.at_rest().into())
}

fn fleet(view: &View, format: Format) -> Result<Exit, Failure> {
    output::fleet(view, format)?;
    Ok(view.in_sync().into())
}
