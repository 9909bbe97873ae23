//! The daemon's endpoint: metrics, probes, JSON and the status page. It only reads: what there is
//! to show it asks of the controller, as a [`Query`].

mod accept;
pub mod admin;
mod answer;
mod ask;
mod assets;
mod events;
pub mod guarded;
mod openapi;
mod page;
mod pieces;
mod query;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::keel::deployment::DeploymentId;
use crate::keel::figures::Figures;
use crate::keel::overview::Overview;
use crate::keel::reckoning::Link;
use crate::keel::story::{Entry, Timelines};
use crate::keel::temporary::Errand;
use crate::keel::time::{Mono, format_duration};
use crate::keel::view::{DeploymentView, PastView, View};
use crate::serve::{Bounds, serve};
use crate::yaml::{closest, did_you_mean};
use answer::{Kind, Reply};
use assets::Asset;

pub use accept::Format;
pub use answer::Body;
pub use ask::Silent;
pub use events::{Changes, SUBSCRIBERS_MAX};
pub use pieces::Lines;

/// What the endpoint asks of the controller. Each is answered once, or dropped.
#[derive(Debug)]
pub enum Query {
    /// Everything at this moment but the deployments.
    Outline(oneshot::Sender<View>),
    /// Deployments by id, the first or those behind one: some at a time, so that a large fleet
    /// does not keep the loop from its work. None when there are no more.
    Deployments(Option<DeploymentId>, oneshot::Sender<Vec<DeploymentView>>),
    /// The same in figures.
    Figures(Option<DeploymentId>, oneshot::Sender<Vec<Figures>>),
    /// One deployment.
    Deployment(DeploymentId, oneshot::Sender<Option<DeploymentView>>),
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

/// Makes the text of `/metrics` from a view, and the deployments in figures.
pub type Exposition =
    Box<dyn Fn(&View, Vec<Figures>, Format) -> Result<Lines, String> + Send + Sync>;

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
const PATHS: &[&str] = &[
    "/",
    "/deployments/{id}",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/openapi.json",
    "/api/v1/deployments",
    "/api/v1/deployments/{id}",
    "/api/v1/deployments/{id}/timeline",
    "/api/v1/deployments/{id}/override",
    "/api/v1/deployments/{id}/suspend",
    "/api/v1/deployments/{id}/resume",
    "/api/v1/deployments/{id}/sync",
    "/api/v1/sync",
    "/api/v1/history",
    "/api/v1/events",
];

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
    Description,
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
            "/api/v1/openapi.json" => Some(Self::Description),
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
            Self::Deployments
            | Self::Deployment(_)
            | Self::Timeline(_)
            | Self::History
            | Self::Events
            | Self::Description => Kind::Json,
            Self::Page | Self::DeploymentPage(_) => Kind::Html,
            Self::Asset(_) | Self::Metrics | Self::Healthz | Self::Readyz => Kind::Text,
        }
    }

    /// Refuses parameters of what takes none. The pages have some of their own, and scrapers and
    /// probes send some that mean nothing here.
    fn check(&self, query: Option<&str>) -> Result<(), String> {
        match self {
            Self::Deployments | Self::Deployment(_) | Self::Events | Self::Description => {
                query::none(query)
            }
            // These have one each.
            Self::Timeline(_) | Self::History => Ok(()),
            Self::Page
            | Self::DeploymentPage(_)
            | Self::Asset(_)
            | Self::Metrics
            | Self::Healthz
            | Self::Readyz => Ok(()),
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
        None => route(state, &request).await,
    }
}

/// Answers one request. Its body, if it has one, is of no interest.
pub async fn route<B>(state: &State, request: &Request<B>) -> Response<Body> {
    let (method, uri) = (request.method(), request.uri());
    let path = uri.path();
    let Some(target) = Target::of(path) else {
        return nothing(path).into_response(*method == Method::HEAD);
    };
    let reply = if *method != Method::GET && *method != Method::HEAD {
        let fault = "only GET and HEAD are understood: this endpoint shows, and changes nothing";
        Reply::fault(target.faults(), StatusCode::METHOD_NOT_ALLOWED, fault)
    } else if let Err(fault) = target.check(uri.query()) {
        Reply::fault(target.faults(), StatusCode::BAD_REQUEST, &fault)
    } else if matches!(target, Target::Events) && *method == Method::GET {
        match state.changes.subscribe() {
            Some(events) => return answer::stream(events),
            None => {
                let fault = format!("{SUBSCRIBERS_MAX} clients listen already; ask again later");
                Reply::fault(target.faults(), StatusCode::SERVICE_UNAVAILABLE, &fault)
            }
        }
    } else {
        reply(state, &target, uri.query(), Format::of(request.headers())).await
    };
    reply.into_response(*method == Method::HEAD)
}

fn nothing(path: &str) -> Reply {
    let kind = Kind::of_path(path);
    let paths = PATHS.join(if kind == Kind::Json { ", " } else { "\n" });
    let fault = format!("there is nothing at this path; there is:\n{paths}");
    Reply::fault(kind, StatusCode::NOT_FOUND, &fault)
}

/// Answers a GET or HEAD.
async fn reply(state: &State, target: &Target<'_>, query: Option<&str>, format: Format) -> Reply {
    let faults = target.faults();
    let reply = match *target {
        Target::Asset(asset) => Ok(Reply::asset(asset, query)),
        // To HEAD only; a GET is answered before.
        Target::Events => Ok(Reply::events()),
        Target::Description => Ok(Reply::written(openapi::DOCUMENT)),
        Target::Healthz => Ok(healthz(state)),
        Target::Readyz => state.outline().await.map(|view| readyz(&view)),
        Target::Metrics => metrics(state, format).await,
        Target::Page => page::fleet(state, query).await,
        Target::DeploymentPage(id) => page::deployment(state, id).await,
        Target::Deployments => fleet(state).await,
        Target::Deployment(id) => deployment(state, id).await,
        Target::Timeline(id) => match query::days(query) {
            Ok(days) => timeline(state, id, days).await,
            Err(fault) => Ok(Reply::fault(faults, StatusCode::BAD_REQUEST, &fault)),
        },
        Target::History => match query::deployment(query) {
            Ok(id) => state.history().await.map(|past| history(past, id.as_ref())),
            Err(fault) => Ok(Reply::fault(faults, StatusCode::BAD_REQUEST, &fault)),
        },
    };
    reply.unwrap_or_else(|Silent| {
        let patience = format_duration(state.patience);
        let fault = format!("the control loop did not answer within {patience}");
        Reply::fault(faults, StatusCode::SERVICE_UNAVAILABLE, &fault)
    })
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

async fn metrics(state: &State, format: Format) -> Result<Reply, Silent> {
    let (outline, figures) = (state.outline().await?, state.figures().await?);
    match (state.exposition)(&outline, figures, format) {
        Ok(lines) => Reply::pieces(Kind::Metrics(format), lines).await,
        Err(fault) => Ok(Reply::text(StatusCode::INTERNAL_SERVER_ERROR, &fault)),
    }
}

async fn fleet(state: &State) -> Result<Reply, Silent> {
    let json = pieces::Json::new(state.line(), state.outline().await?);
    Reply::pieces(Kind::Json, json).await
}

async fn deployment(state: &State, id: &str) -> Result<Reply, Silent> {
    match state.one(id).await? {
        Some(one) => Ok(Reply::json(&one)),
        None => Ok(not_named(&state.view().await?, id)),
    }
}

fn not_named(view: &View, id: &str) -> Reply {
    let known: Vec<_> = view.deployments.iter().map(|one| one.id.as_str()).collect();
    let meant = did_you_mean(closest(id, &known));
    let fault = format!(
        "the desired file names no deployment `{id}`{meant}; /api/v1/deployments lists those that \
         it does"
    );
    Reply::fault(Kind::Json, StatusCode::NOT_FOUND, &fault)
}

/// What became of a deployment.
#[derive(serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Timeline {
    /// Oldest first, after what held before.
    timeline: Vec<Entry>,
}

async fn timeline(state: &State, id: &str, days: u32) -> Result<Reply, Silent> {
    if let Ok(deployment) = DeploymentId::parse(id) {
        let ids = [deployment.clone()].into();
        let mut timelines = state.ask(|reply| Query::Timelines(ids, days, reply)).await?;
        if let Some(timeline) = timelines.of.remove(&deployment) {
            return Ok(Reply::json(&Timeline { timeline }));
        }
    }
    Ok(not_named(&state.view().await?, id))
}

/// The spent starts and stops.
#[derive(serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct History {
    /// Newest first.
    history: Vec<PastView>,
}

fn history(mut history: Vec<PastView>, id: Option<&DeploymentId>) -> Reply {
    history.retain(|past| id.is_none_or(|id| past.deployment == *id));
    history.sort_by_key(|past| std::cmp::Reverse(past.id));
    Reply::json(&History { history })
}
