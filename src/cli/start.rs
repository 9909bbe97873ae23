//! Puts a daemon together from its settings: for `run`, `once`, `plan` and `demo`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::endpoint::{self, Endpoint};
use super::exit::Failure;
use super::global::{Global, Settable};
use super::{shared, word};
use crate::api;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::controller::{Access, Command, Controller, TURN_MAX};
use crate::desired::Desired;
use crate::http::{self, Changes, Heartbeat, Query};
use crate::keel::decision::Decision;
use crate::keel::deployment::AccountId;
use crate::keel::history::History;
use crate::keel::notice::{Notice, chain};
use crate::keel::reconciler::{Event, Reconciler, Replay};
use crate::ledger::shared::{Memory, Taken};
use crate::ledger::{self, Directory, FileLedger, Ledger, Torn};
use crate::metrics::Metrics;
use crate::notification::Desk;
use crate::standby::{Standby, Stood};
#[cfg(feature = "otlp")]
use crate::traces::{self, Traces};

/// Questions of the HTTP endpoint that may wait for the loop.
const QUERIES_MAX: usize = 64;

/// A daemon, ready to turn.
#[derive(Debug)]
pub struct Daemon {
    /// The loop.
    pub controller: Controller,
    /// The desired file under watch.
    pub desired: Desired,
    /// The way into the loop.
    pub outbox: mpsc::UnboundedSender<Command>,
    /// The endpoint.
    pub http: Endpoint,
    /// Who tells people, if anybody is to be told.
    pub word: Option<Desk>,
    /// Held where the ledger is elsewhere: the directory has a last good desired file in it.
    _lock: Option<Directory>,
}

/// All but the keel: what a process has that may have to stand by first.
#[derive(Debug)]
pub struct Prepared {
    /// The time.
    pub clock: Clock,
    /// Tells those who look that there is something new to see.
    pub changes: Changes,
    /// Counts what is told.
    pub metrics: Arc<Metrics>,
    /// The desired file under watch.
    pub desired: Desired,
    /// The way into the loop.
    pub outbox: mpsc::UnboundedSender<Command>,
    settings: Settings,
    serve: bool,
    source: Source,
    heartbeat: Heartbeat,
    inbox: mpsc::UnboundedReceiver<Command>,
    queries: mpsc::Receiver<Query>,
    http: Endpoint,
    #[cfg(feature = "otlp")]
    traces: Option<Traces>,
}

/// Where the past comes from.
#[derive(Debug)]
enum Source {
    /// A file that is this process's.
    File(Box<Opened>),
    /// Somewhere that others reach, too.
    Shared(Box<Standby>, Directory),
}

/// A ledger, and what is in it.
#[derive(Debug)]
struct Opened {
    ledger: Box<dyn Ledger>,
    id: String,
    history: History,
    replay: Replay,
    /// That this process leads others, if it does.
    leads: Option<Notice>,
}

/// How standing by ended.
#[derive(Debug)]
pub enum Lead {
    /// It leads.
    Daemon(Box<Daemon>),
    /// It was told to end before.
    Stopped(Endpoint),
}

/// A daemon that acts at once, for commands that do one thing; listens if `serve` says so.
///
/// # Errors
/// When the ledger, a credential or the address is not to be had, or another process leads.
pub async fn daemon(settings: &Settings, serve: bool) -> Result<Daemon, Failure> {
    let prepared = prepare(settings, serve, false).await?;
    match prepared.lead(|_| ()).await? {
        Lead::Daemon(daemon) => Ok(*daemon),
        Lead::Stopped(_) => Err(Failure::new("told to end before anything was done")),
    }
}

/// Opens the ledger, or makes ready to stand by for it; follows the desired file, and listens if
/// `serve` says so. `waits`: for as long as another process leads.
///
/// # Errors
/// When the ledger, a credential or the address is not to be had.
pub async fn prepare(settings: &Settings, serve: bool, waits: bool) -> Result<Prepared, Failure> {
    let clock = Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
    let now = clock.now();
    let (heartbeat, changes) = (Heartbeat::new(now.mono), Changes::new(now.mono));
    let wall = clock.clone();
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), move || wall.now().wall)
        .map_err(|error| Failure::because("cannot set the metrics up", error))?;
    let metrics = Arc::new(metrics);
    let (outbox, inbox) = mpsc::unbounded_channel();
    // Read while the ledger is: both may be large.
    let desired = Desired::follow(settings, clock.clone(), outbox.clone(), metrics.clone());
    let source = match &settings.ledger {
        config::Ledger::File => Source::File(Box::new(open(settings).await?)),
        config::Ledger::Shared { engine, lease } => {
            let lock = Directory::lock(&settings.state_dir).map_err(no_ledger)?;
            let shown = (heartbeat.clone(), changes.clone());
            let standby = shared::standby(settings, (engine, *lease), &clock, shown, waits)?;
            Source::Shared(Box::new(standby), lock)
        }
    };
    // A fault is one now, and not once this process is needed.
    access(settings, "")?;
    let (ask, queries) = mpsc::channel(QUERIES_MAX);
    let http = if serve {
        let state = http::State {
            gate: endpoint::gate(&settings.admin)?,
            queries: ask,
            patience: http::PATIENCE,
            heartbeat: heartbeat.clone(),
            changes: changes.clone(),
            now: {
                let clock = clock.clone();
                Box::new(move || clock.now().mono)
            },
            exposition: endpoint::exposition(metrics.clone(), clock.clone()),
        };
        let shown = metrics.clone();
        let told = move |accepted| shown.web_configuration_reloaded(accepted);
        endpoint::listen(settings, Arc::new(state), told).await?
    } else {
        Endpoint::default()
    };
    Ok(Prepared {
        clock,
        #[cfg(feature = "otlp")]
        traces: traces(serve)?,
        changes,
        metrics,
        desired,
        outbox,
        settings: settings.clone(),
        serve,
        source,
        heartbeat,
        inbox,
        queries,
        http,
    })
}

impl Prepared {
    /// Takes the ledger over, once that is this process's turn. `turned` hears of each turn until
    /// then.
    ///
    /// # Errors
    /// When what is in the ledger's place is none, or a credential is not to be had, or another
    /// process leads for longer than this one waits.
    pub async fn lead(mut self, turned: impl FnMut(&Reconciler)) -> Result<Lead, Failure> {
        let (opened, turn_max, held, lock) = match self.source {
            Source::File(opened) => (*opened, TURN_MAX, Vec::new(), None),
            Source::Shared(standby, lock) => {
                let turn_max = TURN_MAX.min(standby.terms.renewal() / 2);
                let stood = standby.wait(&mut self.inbox, &mut self.queries, turned).await;
                match stood.map_err(no_ledger)? {
                    Stood::Leads(taken, held) => {
                        let opened = taken_over(&self.settings, *taken, &self.clock)?;
                        (opened, turn_max, held, Some(lock))
                    }
                    Stood::Stopped => return Ok(Lead::Stopped(self.http)),
                    Stood::Outlasted(leader) => {
                        let what = format!("{leader} leads; one at a time may spend the budget");
                        let next = "ask that one, with `--listen`, or end all of them first";
                        return Err(Failure::new(what).next(next));
                    }
                }
            }
        };
        let Opened { ledger, id, history, replay, leads } = opened;
        let now = self.clock.now();
        let (keel, first) = Reconciler::recover(history, replay, now);
        let word = word::open(&self.settings, self.serve, &id, &self.metrics, &self.clock);
        let (inlet, word) = word.unzip();
        let mut controller = Controller {
            keel,
            ledger,
            access: access(&self.settings, &id)?,
            clock: self.clock,
            metrics: self.metrics,
            word: inlet,
            #[cfg(feature = "otlp")]
            traces: self.traces,
            heartbeat: self.heartbeat,
            changes: self.changes,
            room: Decision::default(),
            inbox: self.inbox,
            queries: self.queries,
            outbox: self.outbox.clone(),
            stuck: None,
            accepting: Vec::new(),
            turn_max,
        };
        controller.tell(leads.as_slice());
        controller.commit(first).map_err(ledger_failed)?;
        for command in held {
            controller.take(command).map_err(ledger_failed)?;
        }
        let (desired, outbox, http) = (self.desired, self.outbox, self.http);
        Ok(Lead::Daemon(Box::new(Daemon { controller, desired, outbox, http, word, _lock: lock })))
    }
}

fn no_ledger(error: ledger::OpenError) -> Failure {
    Failure::because("cannot use the ledger", error)
}

/// Opens the file, and leaves the thread free for others meanwhile.
async fn open(settings: &Settings) -> Result<Opened, Failure> {
    let (state_dir, policy) = (settings.state_dir.clone(), settings.policy.clone());
    let replay = move || {
        let mut history = History::new(policy);
        let opened = FileLedger::open(&state_dir, |record| history.absorb(record));
        opened.map(|(ledger, recovery)| (ledger, recovery, history))
    };
    let replayed = tokio::task::spawn_blocking(replay).await;
    let replayed = replayed.map_err(|error| Failure::because("cannot read the ledger", error))?;
    let (ledger, recovery, history) = replayed.map_err(no_ledger)?;
    let mut torn = recovery.torn.as_ref().map_or(0, |torn| torn.calls);
    if recovery.fresh && !Memory::of(&settings.state_dir).map_err(no_ledger)?.is_blank() {
        tracing::warn!(
            "the calls that this machine saw in a shared ledger were not brought along by \
             `evenkeel ledger import`; so every limit counts as used up just now"
        );
        torn = u32::MAX;
    }
    if let Some(torn) = &recovery.torn {
        warn_of(torn);
    }
    let replay = Replay { fresh: recovery.fresh, torn, ago: None };
    Ok(Opened { ledger: Box::new(ledger), id: recovery.id, history, replay, leads: None })
}

/// Folds what was taken over. Nothing is forgotten of what was spent by a file that is still here.
fn taken_over(settings: &Settings, taken: Taken, clock: &Clock) -> Result<Opened, Failure> {
    let Taken { ledger, records, before, watched } = taken;
    let leads = Notice::Leads { epoch: ledger.epoch(), before: before.map(Into::into) };
    let mut history = History::new(settings.policy.clone());
    let fresh = records.is_empty();
    records.into_iter().for_each(|record| history.absorb(record));
    let file = fresh && ledger::look(&settings.state_dir, |_| ()).map_err(no_ledger)?;
    if file {
        tracing::warn!(
            "{} has a ledger in it, which the shared one does not know; so every limit counts as \
             used up just now (`evenkeel ledger import` would have brought it along)",
            settings.state_dir.display()
        );
    }
    let ago = watched.ago(history.clock(), clock.now().mono);
    let replay = Replay { fresh, torn: if file { u32::MAX } else { 0 }, ago: Some(ago) };
    let (id, ledger) = (ledger.id().to_owned(), Box::new(ledger));
    Ok(Opened { ledger, id, history, replay, leads: Some(leads) })
}

/// Who asks for a plan leaves no traces.
#[cfg(feature = "otlp")]
fn traces(stay: bool) -> Result<Option<Traces>, Failure> {
    let open = || traces::open(env!("CARGO_PKG_VERSION"));
    let opened = if stay { open() } else { Ok(None) };
    opened.map_err(|error| Failure::because("cannot send traces", error))
}

fn warn_of(torn: &Torn) {
    let kept = torn.kept.as_ref().map(|path| format!("; kept in {}", path.display()));
    tracing::warn!(
        "a crash tore {} bytes off the ledger's end; {} calls count as spent{}",
        torn.bytes,
        torn.calls,
        kept.unwrap_or_default()
    );
}

fn access(settings: &Settings, ledger: &str) -> Result<BTreeMap<AccountId, Access>, Failure> {
    let one = |(id, account): (&AccountId, &crate::config::Account)| {
        let failed = |error| Failure::because(format!("account `{id}` cannot be used"), error);
        let credentials = account.credentials().map_err(failed)?;
        let options = api::Options {
            url: account.url.clone(),
            timeout: settings.timeout,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ledger: ledger.to_owned(),
        };
        let client = api::Client::new(options, credentials)
            .map_err(|error| Failure::because(format!("account `{id}` cannot be used"), error))?;
        Ok((
            id.clone(),
            Access {
                client: Arc::new(client),
                account: account.clone(),
                rotation: api::Rotation::default(),
            },
        ))
    };
    settings.accounts.iter().map(one).collect()
}

/// Reads the configuration again. What cannot change in a running process is said, and left.
pub fn reload(
    global: &Global,
    settable: &Settable,
    before: &Settings,
    metrics: &Metrics,
    outbox: &mpsc::UnboundedSender<Command>,
) {
    let settings = global.settings(settable);
    metrics.configuration_reloaded(settings.is_ok());
    let settings = match settings {
        Ok(settings) => settings,
        Err(failure) => {
            let what = "the configuration is refused, the one in force stays";
            tracing::error!(report = chain(&failure), "{what}");
            return;
        }
    };
    warn(&settings);
    let fixed = [
        ("listen", settings.listen != before.listen),
        ("web_config", settings.web_config != before.web_config),
        ("state_dir", settings.state_dir != before.state_dir),
        ("ledger", settings.ledger != before.ledger),
        ("desired", settings.desired != before.desired),
        ("accounts", settings.accounts != before.accounts),
        ("observe.timeout", settings.timeout != before.timeout),
        ("notify", settings.notify != before.notify),
    ];
    for (key, _) in fixed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("`{key}` changed; it takes effect when the daemon starts again");
    }
    let mut policy = settings.policy;
    policy.accounts.clone_from(&before.policy.accounts);
    let _ = outbox.send(Command::Event(Event::PolicyChanged(Box::new(policy))));
}

/// Says what is odd about the settings and the files that they name, but no fault.
pub fn warn(settings: &Settings) {
    for warning in settings.warnings.iter().chain(&settings.exposures()) {
        tracing::warn!("{warning}");
    }
}

/// The ledger failed in a way that a process cannot outlive.
pub fn ledger_failed(fault: ledger::Fault) -> Failure {
    match fault {
        ledger::Fault::Deposed { .. } => {
            Failure::because("another process leads, so this one ends", fault)
                .deposed()
                .next("start it again: it stands by until it is needed; supervisors do so")
        }
        ledger::Fault::Stuck { .. } | ledger::Fault::Broken { .. } => {
            let what =
                "the ledger failed, so what it holds is not known; start again to recover from it";
            Failure::because(what, fault)
        }
    }
}
