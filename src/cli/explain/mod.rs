//! `evenkeel explain`: one chain from the rule to the answer, for now or for a moment in the past.

mod memory;

use std::sync::Arc;

use serde::Serialize;

use super::daemon::{self, NoAnswer, Place};
use super::desired;
use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use super::terminal::style::{self, paint};
use super::terminal::{self, labelled, plain_lines, times};
use crate::config::Settings;
use crate::keel::deployment::{AccountId, DeploymentId};
use crate::keel::intent::{Intent, Manifest};
use crate::keel::reckoning::{Link, reckon};
use crate::keel::time::Wall;
use crate::keel::view::{BudgetView, DeploymentView, Time};
use crate::yaml::{closest, did_you_mean};

use memory::Memory;

/// Explain why a deployment is in its state, from the rule to the answer, now or at a time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel explain b1f77113\n  \
    evenkeel explain b1f77113 --at 2026-11-24T08:10:00+01:00    what was the case, and why\n  \
    evenkeel explain b1f77113 --at 2026-12-24                   what the file will want then\n\n\
    Asks the running daemon, reads its ledger without touching it, and the desired file. Where no \
    daemon answers, the ledger and the file are all that is known.\n\n\
    Exit code: 0; 2 where nothing is known of the deployment.")]
pub struct ExplainArgs {
    /// The deployment
    pub id: String,
    /// A time with an offset, or a date for its midnight UTC [default: now]
    #[arg(long, value_name = "T", value_parser = desired::instant)]
    pub at: Option<Wall>,
    /// Settings that stand over the configuration file
    #[command(flatten)]
    pub settable: Settable,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// The chain.
#[derive(Debug, Serialize)]
struct Explanation {
    deployment: DeploymentId,
    at: Time,
    /// In the order in which one follows from the other.
    chain: Vec<LinkView>,
}

#[derive(Debug, Serialize)]
struct LinkView {
    about: &'static str,
    text: String,
}

/// Asks, reads, and explains.
///
/// # Errors
/// When nothing is known of the deployment, or the ledger cannot be read.
pub async fn run(global: &Global, args: &ExplainArgs) -> Result<Exit, Failure> {
    let settings = global.settings(&args.settable)?;
    let id = DeploymentId::parse(&args.id).map_err(Failure::new)?;
    let now = desired::now()?;
    let at = args.at.unwrap_or(now);
    let file = File::read(&settings);
    let memory = Memory::read(&settings, at.min(now))?;
    let view = if args.at.is_none() { ask(&settings, &id).await? } else { None };
    let intent = file.intent(&id);
    let acts = memory.acts(&id, at);
    if intent.is_none() && view.is_none() && acts.is_empty() {
        return Err(Failure::new(format!(
            "nothing is known of `{id}`: {} does not name it, and no start or stop of it is \
             remembered{}",
            settings.desired.display(),
            file.meant(&id)
        ))
        .next("see that it is the id and not the name; `evenkeel status` shows both"));
    }
    let mut chain = Vec::new();
    if at < now && args.at.is_some() {
        chain.push(memory.wanted(&id, at));
    }
    chain.extend(file.links(&id, at));
    if now < at {
        chain.push(Link::new("then", "this is to come: what the file wants is all that is known"));
    } else {
        match &view {
            Some(view) => chain.extend(seen(view, at)),
            None => chain.push(memory.seen(&id, at)),
        }
        chain.extend(memory.sent(&acts));
        chain.extend(match &view {
            Some(view) => view.budgets.iter().filter_map(|one| budget(one, at)).collect(),
            None => memory.budgets(&id, file.account(&id), at),
        });
        chain.extend(match &view {
            Some(view) => Some(conclusion(view)),
            None if args.at.is_some() => None,
            None => Some(Link::new("so", no_daemon(&settings.listen))),
        });
    }
    let view = |Link { about, text }| LinkView { about, text };
    let chain = chain.into_iter().map(view).collect();
    show(&Explanation { deployment: id, at: Time(at), chain }, args.output)
}

fn show(explanation: &Explanation, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return output::json(explanation);
    }
    let Explanation { deployment, at, chain } = explanation;
    let lines: Vec<_> = chain.iter().map(|one| (one.about, plain_lines(&one.text))).collect();
    let chain = labelled(&lines, terminal::width());
    output::line(&format!("{} at {at}\n{chain}", paint(style::HEAD, deployment.as_str())))
}

/// What the running daemon knows; `None` where none runs, or it does not know the deployment.
async fn ask(settings: &Settings, id: &DeploymentId) -> Result<Option<DeploymentView>, Failure> {
    let path = format!("/api/v1/deployments/{id}");
    match daemon::get(&Place::of(settings), &path).await {
        Ok(view) => Ok(Some(view)),
        Err(NoAnswer::Unreachable(..) | NoAnswer::Refused(_, 404, _)) => Ok(None),
        Err(error @ (NoAnswer::Refused(..) | NoAnswer::NoWay(_))) => Err(error.into()),
    }
}

/// The desired file as it is now.
struct File {
    name: String,
    manifest: Result<Arc<Manifest>, Failure>,
}

impl File {
    fn read(settings: &Settings) -> Self {
        let accounts = Some(&*settings.policy.accounts);
        let name = settings.desired.display().to_string();
        Self { name, manifest: desired::whole(&settings.desired, accounts) }
    }

    fn intent(&self, id: &DeploymentId) -> Option<&Intent> {
        self.manifest.as_ref().ok()?.intent(id)
    }

    /// The id that may have been meant, as the end of a sentence.
    fn meant(&self, id: &DeploymentId) -> String {
        let known = self.manifest.as_ref().map(|manifest| manifest.intents.keys());
        let known: Vec<_> = known.into_iter().flatten().map(DeploymentId::as_str).collect();
        did_you_mean(closest(id.as_str(), &known))
    }

    fn account(&self, id: &DeploymentId) -> Option<&AccountId> {
        self.intent(id).map(|intent| &intent.account)
    }

    fn links(&self, id: &DeploymentId, at: Wall) -> Vec<Link> {
        let name = &self.name;
        let manifest = match &self.manifest {
            Ok(manifest) => manifest,
            Err(fault) => {
                let fault = crate::keel::notice::chain(fault);
                return vec![Link::new("file", format!("{name} cannot be used now: {fault}"))];
            }
        };
        let revision = &manifest.revision;
        let mut links =
            vec![Link::new("file", format!("{name} as it is now, revision {revision}"))];
        match manifest.intents.get(id) {
            Some(intent) => links.extend(reckon(intent, at)),
            None => links.push(Link::new("rule", "the file does not name it: it is left as it is")),
        }
        links
    }
}

fn seen(view: &DeploymentView, at: Wall) -> Vec<Link> {
    let text = match &view.observed {
        Some(seen) => format!(
            "{}, {}, since {}; name {}, type {}",
            seen.status,
            times::ago(seen.at.0, at),
            times::both(seen.since.0, at),
            seen.name,
            seen.kind
        ),
        None => "not yet".to_owned(),
    };
    let fault = view.fault.as_ref().map(|fault| Link::new("fault", &**fault));
    std::iter::once(Link::new("seen", text)).chain(fault).collect()
}

fn budget(budget: &BudgetView, at: Wall) -> Option<Link> {
    if !budget.method.acts() {
        return None;
    }
    let BudgetView { method, remaining, limit, next_allowed, account_wide } = budget;
    let whose = if *account_wide { ", counted over the account" } else { "" };
    let when = next_allowed
        .filter(|_| *remaining == 0)
        .map(|then| format!(", the next from {} on", times::both(then.0, at)))
        .unwrap_or_default();
    Some(Link::new("budget", format!("{method}: {remaining} of {limit} left{when}{whose}")))
}

fn no_daemon(listen: &str) -> String {
    format!("no daemon that knows it answers at {listen}: nothing is read or sent until one runs")
}

fn conclusion(view: &DeploymentView) -> Link {
    Link::new("so", format!("{}: {}", view.synced.reason, view.synced.message))
}
