//! Puts a daemon together from its settings: for `run`, `once`, `plan` and `demo`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use listenfd::ListenFd;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::exit::Failure;
use super::global::{Global, Settable};
use super::socket::{self, Socket};
use super::word;
use crate::api;
use crate::clock::Clock;
use crate::config::{self, Admin, Settings};
use crate::controller::{Access, Command, Controller, TURN_MAX};
use crate::desired::Desired;
use crate::http::admin::{Gate, Token};
use crate::http::{self, Changes, Heartbeat};
use crate::keel::deployment::AccountId;
use crate::keel::history::History;
use crate::keel::notice::chain;
use crate::keel::reconciler::{Event, Reconciler, Replay};
use crate::ledger::{self, FileLedger, Torn};
use crate::metrics::{self, Metrics};
use crate::notification::Desk;
#[cfg(feature = "otlp")]
use crate::traces::{self, Traces};
use crate::web::Live;

/// Questions of the HTTP endpoint that may wait for the loop.
const QUERIES_MAX: usize = 64;

/// A daemon, ready to turn.
#[derive(Debug)]
pub struct Daemon {
    /// The loop.
    pub controller: Controller<FileLedger>,
    /// The desired file under watch.
    pub desired: Desired,
    /// The way into the loop.
    pub outbox: mpsc::UnboundedSender<Command>,
    /// The endpoint.
    pub http: Endpoint,
    /// Who tells people, if anybody is to be told.
    pub word: Option<Desk>,
}

/// The HTTP endpoint, if it was to be served.
#[derive(Debug, Default)]
pub struct Endpoint {
    address: Option<SocketAddr>,
    ends: Vec<oneshot::Sender<()>>,
    tasks: Vec<JoinHandle<()>>,
    /// Goes when the requests under way have ended.
    socket: Option<Socket>,
}

impl Endpoint {
    /// Where it listens; port 0 where it does not.
    pub fn address(&self) -> SocketAddr {
        self.address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Takes what people on this machine ask for, at a socket beside the ledger. A daemon that
    /// cannot have one does without.
    fn offer(&mut self, state_dir: &Path, state: Arc<http::State>) {
        let path = state_dir.join(socket::NAME);
        match socket::bind(&path) {
            Ok((listener, socket)) => {
                let (end, ended) = oneshot::channel::<()>();
                let ended = async move {
                    let _ = ended.await;
                };
                let serving = http::admin::run(listener, state, socket::user_name, ended);
                self.tasks.push(tokio::spawn(serving));
                self.ends.push(end);
                self.socket = Some(socket);
            }
            Err(error) => tracing::warn!(
                "cannot listen at {}, so `evenkeel override` and the like do not work: {error}",
                path.display()
            ),
        }
    }

    /// Lets the requests under way come to their end.
    pub async fn shutdown(self) {
        drop(self.ends);
        for task in self.tasks {
            let _ = task.await;
        }
        drop(self.socket);
    }
}

/// Takes the ledger over, follows the desired file, and listens if `serve` says so.
///
/// # Errors
/// When the ledger, a credential or the address is not to be had.
pub async fn daemon(settings: &Settings, serve: bool) -> Result<Daemon, Failure> {
    let clock = Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
    let mut history = History::new(settings.policy.clone());
    let (ledger, recovery) = FileLedger::open(&settings.state_dir, |record| history.apply(&record))
        .map_err(|error| Failure::because("cannot use the ledger", error))?;
    let torn = recovery.torn.as_ref().map_or(0, |torn| torn.calls);
    if let Some(torn) = &recovery.torn {
        warn_of(torn);
    }
    let replay = Replay { fresh: recovery.fresh, torn };
    let now = clock.now();
    let (keel, first) = Reconciler::recover(history, replay, now);
    let access = access(settings, &recovery.id)?;
    let wall = clock.clone();
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), move || wall.now().wall)
        .map_err(|error| Failure::because("cannot set the metrics up", error))?;
    let metrics = Arc::new(metrics);
    let heartbeat = Heartbeat::new(now.mono);
    let changes = Changes::new(now.mono);
    let (outbox, inbox) = mpsc::unbounded_channel();
    let (ask, queries) = mpsc::channel(QUERIES_MAX);
    let endpoint = if serve {
        let state = http::State {
            gate: gate(&settings.admin)?,
            queries: ask,
            patience: http::PATIENCE,
            heartbeat: heartbeat.clone(),
            changes: changes.clone(),
            now: {
                let clock = clock.clone();
                Box::new(move || clock.now().mono)
            },
            exposition: exposition(metrics.clone(), clock.clone()),
        };
        listen(settings, Arc::new(state)).await?
    } else {
        Endpoint::default()
    };
    let (inlet, word) = word::open(settings, serve, &recovery.id, &metrics, &clock).unzip();
    let mut controller = Controller {
        keel,
        ledger,
        clock: clock.clone(),
        access,
        metrics,
        word: inlet,
        #[cfg(feature = "otlp")]
        traces: traces(serve)?,
        heartbeat,
        changes,
        inbox,
        queries,
        outbox: outbox.clone(),
        stuck: None,
        accepting: Vec::new(),
        turn_max: TURN_MAX,
    };
    controller.commit(first).map_err(ledger_failed)?;
    let desired = Desired::follow(settings, clock, outbox.clone(), controller.metrics.clone());
    Ok(Daemon { controller, desired, outbox, http: endpoint, word })
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

fn exposition(metrics: Arc<Metrics>, clock: Clock) -> http::Exposition {
    Box::new(move |view, format| {
        let format = match format {
            http::Format::Text => metrics::Format::Text,
            http::Format::OpenMetrics => metrics::Format::OpenMetrics,
        };
        let text = metrics.encode(view, clock.now().mono, format);
        text.map_err(|error| error.to_string())
    })
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

/// Who may change something over HTTP. A token that is no good is a fault now, and not when it is
/// needed.
fn gate(admin: &Admin) -> Result<Gate, Failure> {
    let Some(file) = admin.token_file.clone() else {
        return Ok(Gate::new(admin.max_duration, admin.rate, None));
    };
    let fault = |fault| Failure::new(format!("cannot use `admin.token_file`: {fault}"));
    config::token(&file).map_err(fault)?;
    let token: Token = Arc::new(move || config::token(&file));
    Ok(Gate::new(admin.max_duration, admin.rate, Some(token)))
}

/// Listens where the settings say.
async fn listen(settings: &Settings, state: Arc<http::State>) -> Result<Endpoint, Failure> {
    let live = settings.web_config.as_deref().map(guard).transpose()?;
    let mut endpoint = listen_at(&settings.listen, live, state.clone()).await?;
    if settings.admin.socket {
        endpoint.offer(&settings.state_dir, state);
    }
    Ok(endpoint)
}

/// The rules of the endpoint.
fn guard(path: &Path) -> Result<(Arc<Live>, bool), Failure> {
    let live = Live::open(path)
        .map_err(|report| Failure::because("the web configuration cannot be used", report))?;
    let (tls, mut warnings) = live.at_start();
    warnings.extend(live.key_file().as_deref().and_then(config::exposure));
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok((Arc::new(live), tls))
}

/// Serves on a thread of its own: whatever strangers do to it, the control loop keeps its core.
async fn listen_at(
    address: &str,
    guard: Option<(Arc<Live>, bool)>,
    state: Arc<http::State>,
) -> Result<Endpoint, Failure> {
    let failed = |error| {
        let what = format!("cannot listen on {address}; is it taken? `--listen` names another");
        Failure::because(what, error)
    };
    let passed = ListenFd::from_env().take_tcp_listener(0).map_err(|error| {
        let what = "the first socket that was passed is no TCP socket; see evenkeel.socket";
        Failure::because(what, error)
    })?;
    let (listener, whose) = match passed {
        Some(listener) => (listener, ", passed by the supervisor"),
        None => {
            let listener = TcpListener::bind(address).await;
            (listener.and_then(TcpListener::into_std).map_err(failed)?, "")
        }
    };
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let scheme = if guard.as_ref().is_some_and(|(_, tls)| *tls) { "https" } else { "http" };
    tracing::info!("listening on {scheme}://{address}/{whose}");
    let (end, ended) = oneshot::channel::<()>();
    let ended = async move {
        let _ = ended.await;
    };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let task = tokio::task::spawn_blocking(move || {
        let serving = async move {
            match (TcpListener::from_std(listener), guard) {
                (Ok(listener), None) => http::run(listener, state, ended).await,
                (Ok(listener), Some((live, _))) => {
                    http::guarded::run(listener, live, state, ended).await;
                }
                (Err(error), _) => tracing::error!("cannot serve HTTP: {error}"),
            }
        };
        runtime.block_on(serving);
        // A comparison or a look at a slow disk that is still under way is not waited for.
        runtime.shutdown_background();
    });
    Ok(Endpoint { address: Some(address), ends: vec![end], tasks: vec![task], socket: None })
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
    let what = "the ledger failed, so what it holds is not known; start again to recover from it";
    Failure::because(what, fault)
}
