//! Spends a permit: one request at the most, and an answer always.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{Method, Request, Response, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};

use super::connect::{Connection, Server};
use super::outcome::{self, never_left};
use super::transport::{self, BuildError};
use crate::clock::Clock;
use crate::crash;
use crate::keel::call::{Answer, Call, CallId, Outcome, Request as Asked};
use crate::keel::decision::Permit;
use crate::outbound::tls_to;

/// Carries the ledger's name and the call's number, so that a call can be found at the server.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How to reach one account's API.
#[derive(Clone, Debug)]
pub struct Options {
    /// The base URL, such as `https://cloud-intl.emqx.com/public_api/v1`.
    pub url: String,
    /// From the beginning of a call to the end of its answer. Default of the configuration: 30 s.
    pub timeout: Duration,
    /// For `User-Agent: evenkeel/VERSION`.
    pub version: String,
    /// The ledger's own name; `X-Request-Id` is this, a hyphen and the call's number.
    pub ledger: String,
}

/// An API key and its secret. Neither shows in `Debug`.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user name of HTTP basic authentication.
    pub key: SecretString,
    /// The password of HTTP basic authentication.
    pub secret: SecretString,
}

impl Credentials {
    /// Whether the key, and whether the secret, differs.
    pub(super) fn differs(&self, other: &Self) -> (bool, bool) {
        let differ =
            |one: &SecretString, other: &SecretString| one.expose_secret() != other.expose_secret();
        (differ(&self.key, &other.key), differ(&self.secret, &other.secret))
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.differs(other) == (false, false)
    }
}

/// One account's way to its server.
#[derive(Debug)]
pub struct Client {
    server: Server,
    host: HeaderValue,
    agent: HeaderValue,
    /// The path of the base URL, without a slash at its end.
    base: String,
    ledger: String,
    timeout: Duration,
    credentials: Mutex<Credentials>,
}

impl Client {
    /// Makes ready; sends nothing.
    ///
    /// # Errors
    /// When the URL is of no use, or TLS cannot be set up.
    pub fn new(options: Options, credentials: Credentials) -> Result<Self, BuildError> {
        let url = transport::base_url(&options.url)?;
        let header = |text: &str| HeaderValue::from_str(text).map_err(|_| BuildError::Header);
        header(&options.ledger)?;
        let host = url.authority();
        let address = format!("{}://{host}", url.scheme());
        let address = address.parse().map_err(|_| BuildError::NotAUrl)?;
        let tls = tls_to(&url).map_err(BuildError::Tls)?;
        Ok(Self {
            server: Server::new(address, tls, options.timeout),
            host: header(host)?,
            agent: header(&format!("evenkeel/{}", options.version))?,
            base: url.path().trim_end_matches('/').to_owned(),
            ledger: options.ledger,
            timeout: options.timeout,
            credentials: Mutex::new(credentials),
        })
    }

    /// Those in force.
    pub fn credentials(&self) -> Credentials {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses other credentials from the next call on. Whether they differ from those before.
    pub fn set_credentials(&self, credentials: Credentials) -> bool {
        let mut current = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        let differ = *current != credentials;
        *current = credentials;
        differ
    }

    /// Sends what the permit pays for, unless it has lapsed, and waits for the answer.
    ///
    /// Once a head has come the call is answered, whatever becomes of the body. Dropping the future
    /// leaves it open whether the request was sent.
    pub async fn send(&self, permit: Permit, clock: &Clock) -> Answer {
        let Permit { id, call, send_by } = permit;
        crash::point("api:before-send");
        let (asked, mut left) = (clock.now().mono, Instant::now());
        let deadline = left + self.timeout;
        let in_time =
            || if clock.now().mono <= send_by { Ok(()) } else { Err(never_left(&Lapsed)) };
        let head = self.head(id, &call, in_time, &mut left, deadline).await;
        let took = left.elapsed();
        let outcome = match head {
            Err(outcome) => outcome,
            Ok((response, connection)) => {
                // The server has the request, and nothing that it said has been made known yet.
                crash::point("api:after-send");
                let outcome =
                    outcome::answered(&call.request, response, deadline, clock.now().wall).await;
                if !call.method().acts() {
                    self.server.keep(connection);
                }
                outcome::in_time(outcome, clock.now().mono.since(asked), self.timeout)
            }
        };
        crash::point("api:after-answer");
        Answer { id, took, outcome }
    }

    /// The head of the answer and what it came over, or what it means that none came. `left`
    /// becomes the time at which the request was handed over.
    ///
    /// Reads share connections. Each start and stop gets one of its own, so that it is never
    /// written to one that the server may be closing.
    async fn head(
        &self,
        id: CallId,
        call: &Call,
        in_time: impl Fn() -> Result<(), Outcome>,
        left: &mut Instant,
        deadline: Instant,
    ) -> Result<(Response<Incoming>, Connection), Outcome> {
        let mut request = self.request(id, call).map_err(|error| never_left(&error))?;
        loop {
            in_time()?;
            let kept = if call.method().acts() { None } else { self.server.kept() };
            let new = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => {
                    // Boxed, as it is seldom and takes more room than all the rest.
                    let connecting = Box::pin(self.server.connect());
                    let connection = connecting.await.map_err(|none| never_left(&none))?;
                    // The last look at the clock: connecting can take seconds, and a process can be
                    // stopped meanwhile.
                    in_time()?;
                    connection
                }
            };
            *left = Instant::now();
            match timeout_at(deadline, connection.try_send_request(request)).await {
                Ok(Ok(response)) => return Ok((response, connection)),
                Err(_) => return Err(outcome::timed_out(self.timeout)),
                Ok(Err(mut failed)) => match failed.take_message() {
                    // It comes back if nothing of it was written, and not otherwise: the connection
                    // had been closed.
                    Some(unsent) if !new => request = unsent,
                    Some(_) => return Err(never_left(failed.error())),
                    None => return Err(outcome::unanswered(failed.error())),
                },
            }
        }
    }

    fn request(
        &self,
        id: CallId,
        call: &Call,
    ) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
        let base = &self.base;
        let path = match &call.request {
            Asked::Status(deployment) => format!("{base}/deployments/{deployment}"),
            Asked::List => format!("{base}/deployments"),
            Asked::Start(deployment) => format!("{base}/deployments/{deployment}/start"),
            Asked::Stop(deployment) => format!("{base}/deployments/{deployment}/stop"),
        };
        let mut headers = HeaderMap::with_capacity(8);
        let acts = call.method().acts();
        if acts {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        headers.insert(AUTHORIZATION, self.authorization()?);
        headers.insert(REQUEST_ID, format!("{}-{id}", self.ledger).try_into()?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, self.agent.clone());
        headers.insert(HOST, self.host.clone());
        let mut request = Request::new(Empty::new());
        *request.method_mut() = if acts { Method::POST } else { Method::GET };
        *request.uri_mut() = Uri::try_from(path)?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn authorization(&self) -> Result<HeaderValue, hyper::http::Error> {
        let credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, secret) = (credentials.key.expose_secret(), credentials.secret.expose_secret());
        let mut text = "Basic ".to_owned();
        BASE64.encode_string(format!("{key}:{secret}"), &mut text);
        let mut value = HeaderValue::try_from(text)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The permit's deadline has passed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the permit lapsed before the request could leave")]
struct Lapsed;
