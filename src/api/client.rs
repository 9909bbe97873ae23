//! Spends a permit: one request at the most, and an answer always.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};

use super::connect::Gate;
use super::outcome::{self, Trace};
use super::transport::{self, BuildError};
use crate::clock::Clock;
use crate::crash;
use crate::keel::call::{Answer, Call, CallId, Outcome, Request};
use crate::keel::decision::Permit;

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
    reads: reqwest::Client,
    posts: reqwest::Client,
    base: Url,
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
        let agent = format!("evenkeel/{}", options.version);
        for text in [&agent, &options.ledger] {
            HeaderValue::from_str(text).map_err(|_| BuildError::Header)?;
        }
        let (reads, posts) = transport::pair(&url, &agent, options.timeout)?;
        Ok(Self {
            reads,
            posts,
            base: url,
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
        let began = Instant::now();
        let deadline = began + self.timeout;
        let asked = clock.now().mono;
        let gate = Gate::new(clock, send_by);
        let head = self.head(id, &call, gate.clone(), deadline).await;
        let took = gate.connected().unwrap_or(began).elapsed();
        let outcome = match head {
            Err(outcome) => outcome,
            Ok(response) => {
                // The server has the request, and nothing that it said has been made known yet.
                crash::point("api:after-send");
                let outcome =
                    outcome::answered(&call.request, response, deadline, clock.now().wall).await;
                outcome::in_time(outcome, clock.now().mono.since(asked), self.timeout)
            }
        };
        crash::point("api:after-answer");
        Answer { id, took, outcome }
    }

    /// The head of the answer, or what it means that none came.
    async fn head(
        &self,
        id: CallId,
        call: &Call,
        gate: Arc<Gate>,
        deadline: Instant,
    ) -> Result<reqwest::Response, Outcome> {
        let (client, request) = self.request(id, call);
        let request = request.build().map_err(|error| outcome::never_left(&error.without_url()))?;
        gate.check().map_err(|lapsed| outcome::never_left(&lapsed))?;
        let sending = gate.clone().guard(client.execute(request));
        let sent = timeout_at(deadline, sending).await;
        // A read may have been written to a connection that was kept from an earlier one.
        let trace = if call.method().acts() && gate.connected().is_none() {
            Trace::NoConnection
        } else {
            Trace::Unknown
        };
        match sent {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(outcome::failed(error, trace)),
            Err(_) => Err(outcome::timed_out(self.timeout, trace)),
        }
    }

    fn request(&self, id: CallId, call: &Call) -> (&reqwest::Client, reqwest::RequestBuilder) {
        let below = match &call.request {
            Request::Status(deployment) => format!("/deployments/{deployment}"),
            Request::List => "/deployments".to_owned(),
            Request::Start(deployment) => format!("/deployments/{deployment}/start"),
            Request::Stop(deployment) => format!("/deployments/{deployment}/stop"),
        };
        // Only the path is read for each call, not all of a URL.
        let mut url = self.base.clone();
        url.set_path(&format!("{}{below}", self.base.path().trim_end_matches('/')));
        let (client, request) = if call.method().acts() {
            (&self.posts, self.posts.post(url).header(CONTENT_LENGTH, 0))
        } else {
            (&self.reads, self.reads.get(url))
        };
        let credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, secret) = (credentials.key.expose_secret(), credentials.secret.expose_secret());
        let request = request
            .basic_auth(key, Some(secret))
            .header(REQUEST_ID, format!("{}-{id}", self.ledger))
            .header(ACCEPT, "application/json");
        (client, request)
    }
}
