//! `evenkeel diff`: what an edit of the desired file changes over the coming days.

mod json;
mod markdown;
mod text;
mod words;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;

use super::desired;
use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output;
use crate::keel::deployment::DeploymentId;
use crate::keel::diff::{Diff, diff};
use crate::keel::guard;
use crate::keel::intent::{Manifest, Prices};
use crate::keel::policy::StopLimit;
use crate::keel::time::Wall;
use crate::manifest;

/// Show what an edit of the desired file changes over the coming days; for pull requests
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel diff old.yaml new.yaml\n  \
    evenkeel diff <(git show main:desired.yaml) desired.yaml\n  \
    evenkeel diff --price 0.36 --stopped-price 0.06 old.yaml new.yaml\n  \
    evenkeel diff --output markdown old.yaml new.yaml       a comment for a pull request\n\n\
    Needs no network, no configuration and no credentials; with --config, `guards.stops` of that \
    configuration decides about the guard. /dev/null is an empty fleet. Prices come from the \
    flags, or from `prices` in the files. Hours and money are by the files alone: a deployment \
    that is `protect: true` counts as running, `suspend` changes nothing.\n\n\
    Exit code: 0 the files ask for the same, 1 they do not, 2 one is not valid or cannot be read.")]
pub struct DiffArgs {
    /// The desired file, or a directory of them, before the edit
    pub old: PathBuf,
    /// The same after the edit
    pub new: PathBuf,
    /// Days to look ahead, of 24 hours
    #[arg(long, value_name = "N", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// From when on: a time with an offset, or a date for its midnight UTC [default: now]
    #[arg(long, value_name = "T", value_parser = desired::instant)]
    pub from: Option<Wall>,
    /// What an hour running costs
    #[arg(long, value_name = "AMOUNT", requires = "stopped_price", value_parser = price)]
    pub price: Option<u32>,
    /// What an hour stopped costs
    #[arg(long, value_name = "AMOUNT", requires = "price", value_parser = price)]
    pub stopped_price: Option<u32>,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Form,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

fn price(text: &str) -> Result<u32, String> {
    manifest::amount(text).ok_or_else(|| {
        format!("`{text}` is not an amount such as `0.36`, with up to 4 digits behind the point")
    })
}

/// All that is shown.
struct Comparison {
    diff: Diff,
    revisions: (Arc<str>, Arc<str>),
    days: u32,
    guard: Verdict,
}

/// What the mass-stop guard makes of the edit, if all that it stops is running.
struct Verdict {
    /// The deployments that it stops at once.
    stops: BTreeSet<DeploymentId>,
    /// Deployments that the file names.
    fleet: usize,
    limit: StopLimit,
    /// The id to acknowledge.
    change: Arc<str>,
    ruling: Ruling,
}

/// Whether an edit is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ruling {
    /// Until it is acknowledged.
    Held,
    /// It stops too many at once, and the file acknowledges that.
    Acknowledged,
    /// It is within the limit.
    LetThrough,
}

impl Verdict {
    fn new(before: &Manifest, after: &Manifest, at: Wall, limit: StopLimit) -> Self {
        let stops = guard::mass_stop(Some(before), after, at);
        let (fleet, change) = (after.intents.len(), guard::change_id(&stops));
        let ruling = if !limit.is_exceeded(stops.len(), fleet) {
            Ruling::LetThrough
        } else if after.acknowledged.contains(&change) {
            Ruling::Acknowledged
        } else {
            Ruling::Held
        };
        Self { stops, fleet, limit, change, ruling }
    }
}

/// Compares and shows.
///
/// # Errors
/// When a file is not valid, or cannot be read.
pub fn run(global: &Global, args: &DiffArgs) -> Result<Exit, Failure> {
    let settings = match &global.config {
        Some(_) => desired::settings(global, &Settable::default())?,
        None => None,
    };
    let policy = desired::policy(settings.as_ref());
    let before = desired::whole(&args.old, None)?;
    let after = desired::whole(&args.new, None)?;
    let from = args.from.map_or_else(desired::now, Ok)?;
    let span = (from, from + Duration::from_secs(u64::from(args.days) * 24 * 3600));
    let prices = args.price.zip(args.stopped_price);
    let prices = prices.map(|(running, stopped)| Prices { running, stopped });
    let comparison = Comparison {
        diff: diff(&before, &after, span, prices),
        revisions: (before.revision.clone(), after.revision.clone()),
        days: args.days,
        guard: Verdict::new(&before, &after, from, policy.guards.stops),
    };
    match args.output {
        Form::Json => output::json(&json::Answer::from(&comparison))?,
        Form::Markdown => output::line(&markdown::of(&comparison))?,
        Form::Text => output::prose(&text::of(&comparison), 2)?,
    };
    Ok(comparison.diff.is_empty().into())
}
