//! What changes something: temporary wishes, and reads that come sooner. Over a Unix socket, which
//! the file's mode keeps to the daemon's own user; over TCP only with a token.

pub(super) mod errand;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::net::UnixListener;

use super::answer::{self, Kind, Reply};
use super::{Query, Silent, State, deployment, not_named, query, route};
use crate::keel::deployment::DeploymentId;
use crate::keel::policy::Limit;
use crate::keel::time::{Mono, format_duration};
use crate::keel::view::{NextView, View};
use crate::serve::{Bounds, serve};

/// A body is a state, a duration and a line of text.
const BODY_MAX: usize = 4096;

/// For the body to arrive whole.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Requests at once, and by when there are as many again, for who has no token and until the
/// configuration says otherwise.
pub const RATE: Limit = Limit { requests: 10, per: Duration::from_secs(20) };

/// Gives the token as it is now, or says why there is none. May wait for a disk.
pub type Token = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// Who may change something, and how much.
pub struct Gate {
    /// The longest override: what is to hold for longer belongs into the desired file.
    pub lasts_max: Duration,
    /// What lets somebody in over TCP; `None`: nothing does.
    pub token: Option<Token>,
    /// Apart, so that nobody without the token, and nobody with it, shuts out the others.
    local: Bucket,
    accepted: Bucket,
    refused: Bucket,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("lasts_max", &self.lasts_max).finish_non_exhaustive()
    }
}

impl Gate {
    /// Nobody has come yet.
    pub fn new(lasts_max: Duration, rate: Limit, token: Option<Token>) -> Self {
        let [local, accepted, refused] = [rate, rate, RATE].map(Bucket::new);
        Self { lasts_max, token, local, accepted, refused }
    }
}

/// A request that changes something.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Override(&'a str),
    Suspend(&'a str),
    Resume(&'a str),
    Sync(Option<&'a str>),
}

impl<'a> Target<'a> {
    pub(super) fn of(path: &'a str) -> Option<Self> {
        if path == "/api/v1/sync" {
            return Some(Self::Sync(None));
        }
        let (id, what) = path.strip_prefix("/api/v1/deployments/")?.split_once('/')?;
        match what {
            "override" => Some(Self::Override(id)),
            "suspend" => Some(Self::Suspend(id)),
            "resume" => Some(Self::Resume(id)),
            "sync" => Some(Self::Sync(Some(id))),
            _ => None,
        }
    }

    const fn id(&self) -> Option<&'a str> {
        match self {
            Self::Override(id) | Self::Suspend(id) | Self::Resume(id) => Some(id),
            Self::Sync(id) => *id,
        }
    }
}

/// Lets so many requests through at once, and then one for each pause.
#[derive(Debug)]
struct Bucket {
    burst: u32,
    refill: Duration,
    /// What is left, and as of when.
    left: Mutex<(u32, Option<Mono>)>,
}

impl Bucket {
    /// A full one.
    fn new(Limit { requests, per }: Limit) -> Self {
        // The clock counts in milliseconds.
        let refill = (per / requests.max(1)).max(Duration::from_millis(1));
        Self { burst: requests, refill, left: Mutex::new((requests, None)) }
    }

    /// Takes one, or says after how long there is one.
    fn take(&self, now: Mono) -> Result<(), Duration> {
        let mut bucket = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = *bucket;
        let since = since.unwrap_or(now);
        let passed = now.since(since);
        let more = passed.as_millis() / self.refill.as_millis();
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let full = left.saturating_add(more) >= self.burst;
        let left = left.saturating_add(more).min(self.burst);
        let since = if full { now } else { since + self.refill * more };
        *bucket = (left.saturating_sub(1), Some(since));
        if left == 0 { Err(self.refill.saturating_sub(now.since(since))) } else { Ok(()) }
    }
}

/// Answers on the socket until `shutdown` resolves: all that the other listener answers, and what
/// changes something. `name` says who a user id is.
pub async fn run(
    listener: UnixListener,
    state: Arc<State>,
    name: fn(u32) -> Option<String>,
    shutdown: impl Future<Output = ()>,
) {
    let handler = move |request: Request<Incoming>, user: Option<u32>| {
        let state = Arc::clone(&state);
        async move {
            let path = request.uri().path().to_owned();
            let Some(target) = Target::of(&path) else {
                return Ok(route(&state, &request).await);
            };
            if *request.method() != Method::POST {
                return Ok(not_allowed(request.method()));
            }
            let who = match user {
                Some(user) => name(user).unwrap_or_else(|| format!("uid {user}")),
                None => "somebody".to_owned(),
            };
            Ok(answer(&state, &state.gate.local, &target, request, &who).await)
        }
    };
    serve(listener, Bounds::default(), shutdown, handler).await;
}

/// Answers one that came over TCP, from `peer`.
pub(super) async fn over_tcp(
    state: &State,
    target: &Target<'_>,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<answer::Body> {
    if *request.method() != Method::POST {
        return not_allowed(request.method());
    }
    let refuse = |status, fault: &str| Reply::fault(Kind::Json, status, fault).into_response(false);
    let Some(token) = &state.gate.token else {
        let fault = "nothing is changed over TCP: use `evenkeel override` and the like beside the \
                     daemon, or set `admin.token_file`";
        return refuse(StatusCode::FORBIDDEN, fault);
    };
    // Who sends none guesses nothing, and is not counted with those who do.
    if !request.headers().contains_key(AUTHORIZATION) {
        return unknown();
    }
    let token = Arc::clone(token);
    let token = match tokio::task::spawn_blocking(move || token()).await {
        Ok(Ok(token)) => token,
        Ok(Err(fault)) => return refuse(StatusCode::SERVICE_UNAVAILABLE, &fault),
        Err(_) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read"),
    };
    if bears(request.headers(), &token) {
        let who = format!("token from {}", peer.to_canonical());
        return answer(state, &state.gate.accepted, target, request, &who).await;
    }
    if let Err(wait) = state.gate.refused.take((state.now)()) {
        return too_many(wait);
    }
    unknown()
}

fn unknown() -> Response<answer::Body> {
    let fault = "the token is missing or wrong; send `Authorization: Bearer TOKEN`";
    let reply = Reply::fault(Kind::Json, StatusCode::UNAUTHORIZED, fault);
    let challenge = HeaderValue::from_static("Bearer realm=\"evenkeel\"");
    with(reply.into_response(false), WWW_AUTHENTICATE, challenge)
}

/// Whether a request has the token. How long that takes tells nothing but the token's length.
fn bears(headers: &HeaderMap, token: &SecretString) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(bearer);
    given.is_some_and(|given| given.ct_eq(token.expose_secret().as_bytes()).into())
}

/// What an `Authorization` bears, if its scheme is that.
pub(super) fn bearer(authorization: &HeaderValue) -> Option<&[u8]> {
    let (scheme, given) = authorization.as_bytes().split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| given.trim_ascii())
}

fn with(
    mut response: Response<answer::Body>,
    name: HeaderName,
    value: HeaderValue,
) -> Response<answer::Body> {
    response.headers_mut().insert(name, value);
    response
}

fn too_many(wait: Duration) -> Response<answer::Body> {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let fault = format!("too many requests that change something; again in {seconds} s");
    let reply = Reply::fault(Kind::Json, StatusCode::TOO_MANY_REQUESTS, &fault);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    with(reply.into_response(false), RETRY_AFTER, seconds.into())
}

/// Why a request is refused.
type Refused = (StatusCode, String);

async fn answer(
    state: &State,
    bucket: &Bucket,
    target: &Target<'_>,
    request: Request<Incoming>,
    who: &str,
) -> Response<answer::Body> {
    if let Err(wait) = bucket.take((state.now)()) {
        return too_many(wait);
    }
    let reply = match attempt(state, target, request, who).await {
        Ok(reply) => reply,
        Err((status, fault)) => Reply::fault(Kind::Json, status, &fault),
    };
    reply.into_response(false)
}

/// To what does not ask for anything to be done; it costs nothing, and needs no token.
fn not_allowed(method: &Method) -> Response<answer::Body> {
    let fault = "only POST is understood: this path changes something";
    let reply = Reply::fault(Kind::Json, StatusCode::METHOD_NOT_ALLOWED, fault);
    let response = reply.into_response(*method == Method::HEAD);
    with(response, ALLOW, HeaderValue::from_static("POST"))
}

async fn attempt(
    state: &State,
    target: &Target<'_>,
    request: Request<Incoming>,
    who: &str,
) -> Result<Reply, Refused> {
    let (head, body) = request.into_parts();
    check_head(&head.headers)?;
    query::none(head.uri.query()).map_err(|fault| (StatusCode::BAD_REQUEST, fault))?;
    let body = read(body).await?;
    let view = state.outline().await.map_err(silent)?;
    if let Some(fault) = &view.ledger_fault {
        let fault = format!("the ledger cannot be written, so nothing was changed: {fault}");
        return Err((StatusCode::SERVICE_UNAVAILABLE, fault));
    }
    if let Some(standby) = &view.standby {
        let leader = standby.leader.as_deref().unwrap_or("another one");
        let fault = format!("this process stands by; ask {leader}, which leads");
        return Err((StatusCode::SERVICE_UNAVAILABLE, fault));
    }
    if let Some(id) = target.id()
        && state.one(id).await.map_err(silent)?.is_none()
    {
        return Ok(not_named(&state.view().await.map_err(silent)?, id));
    }
    let errand = errand::errand(target, &body, who, state.gate.lasts_max)?;
    state.ask(|done| Query::Errand(errand, done)).await.map_err(silent)?;
    match target.id() {
        Some(id) => deployment(state, id).await.map_err(silent),
        None => Ok(Reply::json(&Synced::of(&state.view().await.map_err(silent)?))),
    }
}

/// What a sync of all scheduled.
#[derive(serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Synced<'a> {
    /// The fleet, by id.
    deployments: Vec<SyncedOne<'a>>,
}

/// What comes next for one deployment.
#[derive(serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SyncedOne<'a> {
    /// The id.
    id: &'a DeploymentId,
    /// What comes next.
    next: &'a NextView,
}

impl<'a> Synced<'a> {
    fn of(view: &'a View) -> Self {
        let one =
            |one: &'a crate::keel::view::DeploymentView| SyncedOne { id: &one.id, next: &one.next };
        Self { deployments: view.deployments.iter().map(one).collect() }
    }
}

fn silent(Silent: Silent) -> Refused {
    let fault = "the control loop did not answer in time; `evenkeel status` shows what came of it";
    (StatusCode::SERVICE_UNAVAILABLE, fault.to_owned())
}

/// Nothing that a web page can send gets through.
fn check_head(headers: &HeaderMap) -> Result<(), Refused> {
    let site = headers.get("sec-fetch-site");
    if headers.contains_key(ORIGIN) || site.is_some_and(|site| site.as_bytes() != b"none") {
        let fault = "requests of web pages are refused here; use `evenkeel override` and the like";
        return Err((StatusCode::FORBIDDEN, fault.to_owned()));
    }
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or("");
    let media = media.split(';').next().unwrap_or("").trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let fault = "the body must be JSON, with `Content-Type: application/json`";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, fault.to_owned()));
    }
    Ok(())
}

async fn read(body: Incoming) -> Result<Bytes, Refused> {
    let whole = tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_MAX).collect()).await;
    match whole {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(_)) => {
            let fault = format!("the body must come whole and be at most {BODY_MAX} bytes");
            Err((StatusCode::PAYLOAD_TOO_LARGE, fault))
        }
        Err(_) => {
            let fault = format!("the body did not come within {}", format_duration(BODY_TIME));
            Err((StatusCode::REQUEST_TIMEOUT, fault))
        }
    }
}
