//! The daemon's endpoint: metrics, probes, JSON and the status page. It only reads: what there is
//! to show it asks of the controller, as a [`Query`].

pub mod admin;
mod answer;
mod assets;
mod events;
pub mod guarded;
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::keel::deployment::DeploymentId;
use crate::keel::overview::Overview;
use crate::keel::reckoning::Link;
use crate::keel::story::Entry;
use crate::keel::temporary::Errand;
use crate::keel::time::{Mono, format_duration};
use crate::keel::view::{DeploymentView, PastView, View};
use crate::serve::{Bounds, serve};
use answer::{Kind, Reply};
use assets::Asset;

pub use answer::Body;
pub use events::{Changes, SUBSCRIBERS_MAX};

/// What the endpoint asks of the controller. Each is answered once, or dropped.
#[derive(Debug)]
pub enum Query {
    /// Everything at this moment.
    View(oneshot::Sender<Arc<View>>),
    /// The starts and stops that are remembered, in any order.
    History(oneshot::Sender<Vec<PastView>>),
    /// What became of some deployments within so many days, oldest first, as far as anything is
    /// known of them.
    Timelines(BTreeSet<DeploymentId>, u32, oneshot::Sender<Timelines>),
    /// What the fleet has behind it and before it.
    Overview(oneshot::Sender<Overview>),
    /// From the rule to the clock, in words, for a deployment.
    Reckoning(DeploymentId, oneshot::Sender<Vec<Link>>),
    /// To do something; answered once that is durable.
    Errand(Errand, oneshot::Sender<()>),
}

/// What became of each deployment, oldest first.
pub type Timelines = BTreeMap<DeploymentId, Vec<Entry>>;

/// When the control loop last turned.
#[derive(Clone, Debug)]
pub struct Heartbeat(Arc<AtomicI64>);

impl Heartbeat {
    /// A loop that is about to turn for the first time, `now`.
    pub fn new(now: Mono) -> Self {
        Self(Arc::new(AtomicI64::new(now.millis())))
    }

    /// Says that it turns `now`.
    pub fn beat(&self, now: Mono) {
        self.0.store(now.millis(), Ordering::Relaxed);
    }

    /// When it last turned.
    pub fn last(&self) -> Mono {
        Mono::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// What the endpoint needs to answer.
pub struct State {
    /// Where to ask the controller.
    pub queries: mpsc::Sender<Query>,
    /// For how long to wait for its answer; [`PATIENCE`] outside tests.
    pub patience: Duration,
    /// When the control loop last turned.
    pub heartbeat: Heartbeat,
    /// Who may change something.
    pub gate: admin::Gate,
    /// Tells when there is something new to see.
    pub changes: Changes,
    /// The present, on the clock of [`State::heartbeat`].
    pub now: Box<dyn Fn() -> Mono + Send + Sync>,
    /// The exposition for Prometheus, or why there is none.
    pub exposition: Exposition,
}

/// Makes the text of `/metrics` from a view.
pub type Exposition = Box<dyn Fn(&View) -> Result<String, String> + Send + Sync>;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("heartbeat", &self.heartbeat).finish_non_exhaustive()
    }
}

/// For how long an answer of the controller is awaited. It turns in milliseconds; scrapers and
/// probes give up after ten seconds or less, and should then have heard why.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A loop that has not turned for so long is stuck. It has a timer that is far shorter.
pub const STUCK_AFTER: Duration = Duration::from_secs(60);

/// What there is, for those who ask for something else.
const PATHS: &str = "/\n/metrics\n/healthz\n/readyz\n/api/v1/deployments\n\
                     /api/v1/deployments/{id}\n/api/v1/deployments/{id}/timeline\n\
                     /api/v1/history\n/api/v1/events\n/deployments/{id}\n";

/// A path that there is.
enum Target<'a> {
    Page,
    DeploymentPage(&'a str),
    Asset(&'static Asset),
    Events,
    Metrics,
    Healthz,
    Readyz,
    Deployments,
    Deployment(&'a str),
    Timeline(&'a str),
    History,
}

impl<'a> Target<'a> {
    fn of(path: &'a str) -> Option<Self> {
        match path {
            "/" => Some(Self::Page),
            "/api/v1/events" => Some(Self::Events),
            "/metrics" => Some(Self::Metrics),
            "/healthz" => Some(Self::Healthz),
            "/readyz" => Some(Self::Readyz),
            "/api/v1/deployments" => Some(Self::Deployments),
            "/api/v1/history" => Some(Self::History),
            other => {
                if let Some(rest) = other.strip_prefix("/api/v1/deployments/") {
                    let id = rest.strip_suffix("/timeline");
                    return Some(id.map_or(Self::Deployment(rest), Self::Timeline));
                }
                let page = other.strip_prefix("/deployments/").map(Self::DeploymentPage);
                page.or_else(|| Asset::at(other).map(Self::Asset))
            }
        }
    }

    /// How faults of this path are told.
    const fn faults(&self) -> Kind {
        match self {
            Self::Deployments | Self::Deployment(_) | Self::Timeline(_) | Self::History => {
                Kind::Json
            }
            Self::Page | Self::DeploymentPage(_) => Kind::Html,
            Self::Asset(_) | Self::Events | Self::Metrics | Self::Healthz | Self::Readyz => {
                Kind::Text
            }
        }
    }
}

/// Answers on `listener` until `shutdown` resolves and the requests in progress have ended.
pub async fn run(listener: TcpListener, state: Arc<State>, shutdown: impl Future<Output = ()>) {
    let changes = state.changes.clone();
    let handler = move |request: Request<Incoming>, peer: SocketAddr| {
        let state = Arc::clone(&state);
        async move { Ok(over_tcp(&state, request, peer).await) }
    };
    let shutdown = async move {
        shutdown.await;
        changes.close();
    };
    serve(listener, Bounds::default(), shutdown, handler).await;
}

/// Answers one that came over TCP.
async fn over_tcp(state: &State, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
    let path = request.uri().path().to_owned();
    match admin::Target::of(&path) {
        Some(target) => admin::over_tcp(state, &target, request, peer.ip()).await,
        None => route(state, request.method(), request.uri()).await,
    }
}

/// Answers one request. Its body, if it has one, is of no interest.
pub async fn route(state: &State, method: &Method, uri: &Uri) -> Response<Body> {
    if uri.path() == "/api/v1/events" && *method == Method::GET {
        return match state.changes.subscribe() {
            Some(events) => answer::stream(events),
            None => {
                let fault = format!("{SUBSCRIBERS_MAX} clients listen already; ask again later");
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Reply::fault(Kind::Text, status, &fault).into_response(false)
            }
        };
    }
    let reply = reply(state, method, uri).await;
    reply.into_response(*method == Method::HEAD)
}

async fn reply(state: &State, method: &Method, uri: &Uri) -> Reply {
    let path = uri.path();
    let Some(target) = Target::of(path) else {
        let kind = if path.starts_with("/api/") { Kind::Json } else { Kind::Text };
        let paths = PATHS.trim_end().replace('\n', if kind == Kind::Json { ", " } else { "\n" });
        let fault = format!("there is nothing at this path; there is:\n{paths}");
        return Reply::fault(kind, StatusCode::NOT_FOUND, &fault);
    };
    let faults = target.faults();
    if *method != Method::GET && *method != Method::HEAD {
        let fault = "only GET and HEAD are understood: this endpoint shows, and changes nothing";
        return Reply::fault(faults, StatusCode::METHOD_NOT_ALLOWED, fault);
    }
    let reply = match target {
        Target::Asset(asset) => Ok(Reply::asset(asset, uri.query())),
        // To HEAD only; a GET is answered before.
        Target::Events => Ok(Reply::events()),
        Target::Healthz => Ok(healthz(state)),
        Target::Readyz => state.view().await.map(|view| readyz(&view)),
        Target::Metrics => state.view().await.map(|view| metrics(state, &view)),
        Target::Page => page::fleet(state, uri.query()).await,
        Target::DeploymentPage(id) => page::deployment(state, id).await,
        Target::Deployments => state.view().await.map(|view| Reply::json(&*view)),
        Target::Deployment(id) => state.view().await.map(|view| deployment(&view, id)),
        Target::Timeline(id) => match days(uri.query()) {
            Ok(days) => timeline(state, id, days).await,
            Err(fault) => Ok(Reply::fault(faults, StatusCode::BAD_REQUEST, &fault)),
        },
        Target::History => match wanted(uri.query()) {
            Ok(id) => state.history().await.map(|past| history(past, id)),
            Err(fault) => Ok(Reply::fault(faults, StatusCode::BAD_REQUEST, &fault)),
        },
    };
    reply.unwrap_or_else(|Silent| {
        let patience = format_duration(state.patience);
        let fault = format!("the control loop did not answer within {patience}");
        Reply::fault(faults, StatusCode::SERVICE_UNAVAILABLE, &fault)
    })
}

/// The controller did not answer.
struct Silent;

impl State {
    async fn view(&self) -> Result<Arc<View>, Silent> {
        self.ask(Query::View).await
    }

    async fn history(&self) -> Result<Vec<PastView>, Silent> {
        self.ask(Query::History).await
    }

    async fn ask<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Result<T, Silent> {
        let (sender, receiver) = oneshot::channel();
        let answer = async {
            self.queries.send(query(sender)).await.map_err(|_| Silent)?;
            receiver.await.map_err(|_| Silent)
        };
        tokio::time::timeout(self.patience, answer).await.map_err(|_| Silent)?
    }
}

fn healthz(state: &State) -> Reply {
    let still = (state.now)().since(state.heartbeat.last());
    if still < STUCK_AFTER {
        return Reply::text(StatusCode::OK, "ok");
    }
    let still = format_duration(Duration::from_secs(still.as_secs()));
    let fault = format!("the control loop has not turned for {still}");
    Reply::text(StatusCode::SERVICE_UNAVAILABLE, &fault)
}

/// A process that stands by knows who leads, so it is ready: [`View::leader`] has no third value.
fn readyz(view: &View) -> Reply {
    let mut missing = Vec::new();
    if view.file.revision.is_none() {
        let fault = view.file.fault.as_deref().unwrap_or("it was not read yet");
        missing.push(format!("no valid desired file is in force: {fault}"));
    }
    if let Some(fault) = &view.ledger_fault {
        missing.push(format!("the ledger cannot be written: {fault}"));
    }
    if missing.is_empty() {
        return Reply::text(StatusCode::OK, "ok");
    }
    Reply::text(StatusCode::SERVICE_UNAVAILABLE, &missing.join("\n"))
}

fn metrics(state: &State, view: &View) -> Reply {
    match (state.exposition)(view) {
        Ok(text) => Reply::metrics(text),
        Err(fault) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, &fault),
    }
}

fn deployment(view: &View, id: &str) -> Reply {
    view.deployment(id).map_or_else(|| not_named(id), Reply::json::<DeploymentView>)
}

fn not_named(id: &str) -> Reply {
    let fault = format!(
        "the desired file names no deployment `{id}`; /api/v1/deployments lists those that it does"
    );
    Reply::fault(Kind::Json, StatusCode::NOT_FOUND, &fault)
}

#[derive(serde::Serialize)]
struct Timeline {
    timeline: Vec<Entry>,
}

async fn timeline(state: &State, id: &str, days: u32) -> Result<Reply, Silent> {
    let Ok(deployment) = DeploymentId::parse(id) else { return Ok(not_named(id)) };
    let ids = [deployment.clone()].into();
    let mut timelines = state.ask(|reply| Query::Timelines(ids, days, reply)).await?;
    let timeline = timelines.remove(&deployment);
    Ok(timeline.map_or_else(|| not_named(id), |timeline| Reply::json(&Timeline { timeline })))
}

/// A week, unless it says otherwise.
fn days(query: Option<&str>) -> Result<u32, String> {
    let days = parameter(query, "days")?.unwrap_or("7");
    let fault = || format!("`days={days}` is no number of days; write it like `days=7`");
    days.parse().ok().filter(|days| *days > 0).ok_or_else(fault)
}

#[derive(serde::Serialize)]
struct History {
    history: Vec<PastView>,
}

fn history(mut history: Vec<PastView>, id: Option<&str>) -> Reply {
    history.retain(|past| id.is_none_or(|id| past.deployment.as_str() == id));
    history.sort_by_key(|past| std::cmp::Reverse(past.id));
    Reply::json(&History { history })
}

fn wanted(query: Option<&str>) -> Result<Option<&str>, String> {
    parameter(query, "deployment")
}

/// The value of the one parameter that a path has. A name that was mistyped must not show
/// everything as if nothing had been asked. Ids and numbers are never percent-encoded, so nothing
/// is decoded.
fn parameter<'a>(query: Option<&'a str>, name: &str) -> Result<Option<&'a str>, String> {
    let mut found = None;
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((key, value)) if key == name && found.is_none() => found = Some(value),
            Some((key, _)) if key == name => return Err(format!("`{name}` is given twice")),
            Some(_) | None => {
                return Err(format!("`{pair}` is not understood; expected `{name}=…`"));
            }
        }
    }
    Ok(found)
}
