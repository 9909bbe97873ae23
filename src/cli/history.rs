//! `evenkeel history`: every call that spent a start or stop, and why.

use serde::{Deserialize, Serialize};

use super::daemon::{self, DaemonArgs};
use super::exit::{Exit, Failure};
use super::global::Global;
use super::output::{self, Format};
use super::{desired, fleet, terminal};
use crate::keel::deployment::DeploymentId;
use crate::keel::view::PastView;

/// Show every call that spent a start or stop, and why
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel history                     newest first\n  \
    evenkeel history b1f77113\n  \
    evenkeel history --output json | jq '.history[] | select(.outcome != \"201\")'\n\n\
    Exit code: 0; 2 no daemon answered.")]
pub struct HistoryArgs {
    /// Only this deployment
    pub id: Option<String>,
    /// Where the daemon is
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// The JSON of `/api/v1/history`.
#[derive(Debug, Serialize, Deserialize)]
struct History {
    history: Vec<PastView>,
}

/// Asks and shows.
///
/// # Errors
/// When no daemon answers.
pub async fn run(global: &Global, args: &HistoryArgs) -> Result<Exit, Failure> {
    let place = args.daemon.place(global)?;
    let query = match &args.id {
        Some(id) => {
            let id = DeploymentId::parse(id).map_err(Failure::new)?;
            format!("?deployment={id}")
        }
        None => String::new(),
    };
    let History { history } = daemon::get(&place, &format!("/api/v1/history{query}")).await?;
    match args.output {
        Format::Json => output::json(&History { history }),
        Format::Text if history.is_empty() => output::line("no start or stop was spent yet"),
        Format::Text => {
            let table = fleet::history(&history, desired::now()?);
            output::line(&table.text(terminal::width()))
        }
    }
}
