//! `evenkeel explain`: one chain from the rule to the answer, for now or for a moment in the past.

use std::sync::Arc;

use serde::Serialize;

use super::daemon::{self, NoAnswer};
use super::desired;
use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use crate::config::Settings;
use crate::keel::budget::Verdict;
use crate::keel::call::Call;
use crate::keel::deployment::{Action, DeploymentId};
use crate::keel::guard::{Guarded, Hold};
use crate::keel::history::History;
use crate::keel::intent::Manifest;
use crate::keel::line::Lined;
use crate::keel::reckoning::{Link, reckon};
use crate::keel::record::{Record, Stamp};
use crate::keel::time::{Now, Wall};
use crate::keel::view::{BudgetView, DeploymentView, PastView, Time};
use crate::ledger;

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
             remembered",
            settings.desired.display()
        )));
    }
    let mut chain = file.links(&id, at);
    if now < at {
        chain.push(Link::new("then", "this is to come: what the file wants is all that is known"));
    } else {
        match &view {
            Some(view) => chain.extend(seen(view, at)),
            None => chain.extend(memory.seen(&id, &acts, args.at.is_some())),
        }
        chain.extend(memory.sent(&id, &acts));
        chain.extend(match &view {
            Some(view) => view.budgets.iter().filter_map(budget).collect(),
            None => memory.budgets(&id, file.account(&id), at),
        });
        chain.extend(view.as_ref().map(conclusion));
    }
    let view = |Link { about, text }| LinkView { about, text };
    let chain = chain.into_iter().map(view).collect();
    show(&Explanation { deployment: id, at: Time(at), chain }, args.output)
}

fn show(explanation: &Explanation, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return output::json(explanation);
    }
    output::line(&format!("{} at {}", explanation.deployment, explanation.at))?;
    for LinkView { about, text } in &explanation.chain {
        output::line(&format!("  {about:<9} {text}"))?;
    }
    Ok(Exit::Yes)
}

/// What the running daemon knows; `None` where none runs, or it does not know the deployment.
async fn ask(settings: &Settings, id: &DeploymentId) -> Result<Option<DeploymentView>, Failure> {
    let path = format!("/api/v1/deployments/{id}");
    match daemon::get(&settings.listen, &path).await {
        Ok(view) => Ok(Some(view)),
        Err(NoAnswer::Unreachable(..) | NoAnswer::Refused(_, 404, _)) => Ok(None),
        Err(error @ NoAnswer::Refused(..)) => Err(error.into()),
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

    fn intent(&self, id: &DeploymentId) -> Option<&crate::keel::intent::Intent> {
        self.manifest.as_ref().ok()?.intents.get(id)
    }

    fn account(&self, id: &DeploymentId) -> Option<&crate::keel::deployment::AccountId> {
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
        let mut links = vec![Link::new("file", format!("{name}, revision {revision}"))];
        match manifest.intents.get(id) {
            Some(intent) => links.extend(reckon(intent, at)),
            None => links.push(Link::new("rule", "the file does not name it: it is left as it is")),
        }
        links
    }
}

/// What the ledger remembers.
struct Memory {
    /// All of it.
    whole: History,
    /// Folded up to the instant that is asked about.
    then: History,
    /// The clocks at the last record of `then`.
    clock: Option<Now>,
    /// When the oldest record was made.
    oldest: Option<Wall>,
}

impl Memory {
    fn read(settings: &Settings, at: Wall) -> Result<Self, Failure> {
        let blank = || History::new(settings.policy.clone());
        let mut memory = Self { whole: blank(), then: blank(), clock: None, oldest: None };
        let mut later = false;
        ledger::look(&settings.state_dir, |record| {
            let (clock, stamp) = reading(&record, memory.clock);
            later = later || stamp.is_some_and(|stamp| at < stamp);
            memory.oldest = memory.oldest.into_iter().chain(stamp).min();
            if !later {
                memory.clock = clock;
                memory.then.apply(&record);
            }
            memory.whole.apply(&record);
        })
        .map_err(|error| Failure::because("cannot read the ledger", error))?;
        Ok(memory)
    }

    /// The starts and stops of a deployment up to `at`, oldest first, as they stood then.
    fn acts(&self, id: &DeploymentId, at: Wall) -> Vec<PastView> {
        let mine = self.whole.past().iter().filter(|past| past.deployment == *id);
        let known = mine.filter(|past| past.reserved.wall <= at).cloned();
        let known = known.map(|mut past| {
            past.settled = past.settled.filter(|(stamp, _)| stamp.wall <= at);
            PastView::from(&past)
        });
        known.collect()
    }

    /// How far back it goes, in words.
    fn reach(&self) -> String {
        let first = self.whole.past().front().map(|past| past.reserved.wall);
        match self.oldest.into_iter().chain(first).min() {
            Some(oldest) => format!("the ledger remembers since {oldest}"),
            None => "the ledger remembers nothing".to_owned(),
        }
    }

    fn seen(&self, _id: &DeploymentId, acts: &[PastView], past: bool) -> Option<Link> {
        let cause = acts.last().and_then(|act| act.cause.as_ref());
        let text = match cause {
            Some(cause) => {
                format!("{} at {}, before the last start or stop", cause.saw, cause.seen)
            }
            None if past => format!("nothing; {}", self.reach()),
            None => "nothing: no daemon answers".to_owned(),
        };
        Some(Link::new("seen", text))
    }

    fn sent(&self, _id: &DeploymentId, acts: &[PastView]) -> Vec<Link> {
        let Some(act) = acts.last() else {
            let text = format!("no start or stop until then; {}", self.reach());
            return vec![Link::new("sent", text)];
        };
        let mut text = format!("{} at {}, call {}", act.action, act.at, act.id);
        if let Some(cause) = &act.cause {
            text.push_str(&format!(
                ": {} was wanted by {}, revision {}; it was {}",
                cause.desired, cause.rule, cause.revision, cause.saw
            ));
        }
        let answer = match act.ended {
            None => "none yet".to_owned(),
            Some(ended) => format!("{} at {ended}", act.outcome),
        };
        vec![Link::new("sent", text), Link::new("answer", answer)]
    }

    /// When the next start and stop were allowed.
    fn budgets(
        &self,
        id: &DeploymentId,
        account: Option<&crate::keel::deployment::AccountId>,
        at: Wall,
    ) -> Vec<Link> {
        let (Some(clock), Some(account)) = (self.clock, account) else {
            return vec![Link::new("budget", format!("not known; {}", self.reach()))];
        };
        let link = |action: Action| {
            let call = Call::act(account.clone(), action, id.clone());
            let when = match self.then.verdict(&call, clock.mono_at(at), 0) {
                Verdict::Open => "now".to_owned(),
                Verdict::Until(until) => format!("from {} on", clock.wall_at(until)),
                Verdict::InFlight => "once the call under way has ended".to_owned(),
            };
            Link::new("budget", format!("a {action} is allowed {when}"))
        };
        [Action::Start, Action::Stop].map(link).to_vec()
    }
}

/// The clocks after a record, and when it was made; a snapshot's lines bear no time of their own.
fn reading(record: &Record, before: Option<Now>) -> (Option<Now>, Option<Wall>) {
    let at = |stamp: &Stamp| {
        let clock = before.map(|now| Now { mono: stamp.mono, wall: stamp.wall, ..now });
        (clock, Some(stamp.wall))
    };
    match record {
        Record::Started { now } => (Some(*now), Some(now.wall)),
        Record::Spent { at: stamp, .. }
        | Record::Reserved { at: stamp, .. }
        | Record::Settled { at: stamp, .. }
        | Record::Widened { at: stamp, .. }
        | Record::Reversed { at: stamp, .. }
        | Record::Forgiven { at: stamp, .. }
        | Record::Noted { at: stamp, .. }
        | Record::Guard(
            Guarded::Held(Hold { at: stamp, .. }) | Guarded::Released { at: stamp, .. },
        )
        | Record::Line(Lined::Waits { at: stamp, .. } | Lined::Left { at: stamp, .. }) => at(stamp),
        Record::Tally(_) | Record::Past(_) | Record::Carried(_) => (before, None),
    }
}

fn seen(view: &DeploymentView, at: Wall) -> Vec<Link> {
    let text = match &view.observed {
        Some(seen) => format!(
            "{}, {} (since {}); name {}, type {}",
            seen.status,
            output::ago(seen.at.0, at),
            seen.since,
            seen.name,
            seen.kind
        ),
        None => "not yet".to_owned(),
    };
    let fault = view.fault.as_ref().map(|fault| Link::new("fault", &**fault));
    std::iter::once(Link::new("seen", text)).chain(fault).collect()
}

fn budget(budget: &BudgetView) -> Option<Link> {
    if !budget.method.acts() {
        return None;
    }
    let BudgetView { method, remaining, limit, next_allowed, account_wide } = budget;
    let whose = if *account_wide { ", counted over the account" } else { "" };
    let when = next_allowed
        .filter(|_| *remaining == 0)
        .map(|at| format!(", the next from {at} on"))
        .unwrap_or_default();
    Some(Link::new("budget", format!("{method}: {remaining} of {limit} left{when}{whose}")))
}

fn conclusion(view: &DeploymentView) -> Link {
    Link::new("so", format!("{}: {}", view.synced.reason, view.synced.message))
}
