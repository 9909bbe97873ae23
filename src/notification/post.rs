//! One attempt: a signed request, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use reqwest::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinHandle;

use super::message::Format;
use crate::clock::Clock;
use crate::keel::notice::chain;
use crate::keel::time::Wall;
use crate::outbound::{is_loopback, polite_to, retry_after};

/// How long a receiver may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// The lengths of a signing key that Standard Webhooks allows, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Reads a secret as it is now: from where it is kept, so another one is used at once. The error
/// says what is wrong, and never what the secret is.
pub type Secret = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// What is sent: the same bytes in every attempt.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: Arc<str>,
    pub(super) body: Bytes,
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was taken.
    Taken,
    /// Later it may be; not before so long, if the receiver said so.
    Again(String, Option<Duration>),
    /// It will never be.
    Refused(String),
    /// The receiver wants no more messages (410).
    Gone,
}

/// The URL, and what messages are signed with.
pub(super) type Secrets = (SecretString, Option<SecretString>);

/// The way to one receiver.
pub(super) struct Way {
    pub(super) format: Format,
    pub(super) url: Secret,
    pub(super) key: Option<Secret>,
    pub(super) agent: String,
    pub(super) timeout: Duration,
    pub(super) clock: Clock,
    /// A look at the secrets that has not come to its end.
    pub(super) reading: Option<JoinHandle<Result<Secrets, String>>>,
    /// The client for the URL's scheme, once there was a URL.
    pub(super) client: Option<(String, reqwest::Client)>,
}

impl Way {
    /// Sends `letter` once.
    pub(super) async fn post(&mut self, letter: &Letter) -> Answer {
        match self.attempt(letter).await {
            Ok(answer) => answer,
            // Whatever is missing here may be put right: a file, a name server, a receiver.
            Err(why) => Answer::Again(why, None),
        }
    }

    /// Whether the URL and the key are to be had and of use.
    pub(super) async fn look(&mut self) -> Result<(), String> {
        let (url, key) = self.secrets().await?;
        target(url.expose_secret())?;
        key.as_ref().map(signing_key).transpose()?;
        Ok(())
    }

    /// Files may be on a disk that hangs, which must not hold anybody else up, nor take a thread
    /// for each attempt.
    async fn secrets(&mut self) -> Result<Secrets, String> {
        let (url, key) = (self.url.clone(), self.key.clone());
        let begin =
            || tokio::task::spawn_blocking(move || Ok((url()?, key.map(|key| key()).transpose()?)));
        let mut reading = self.reading.take().unwrap_or_else(begin);
        match tokio::time::timeout(self.timeout, &mut reading).await {
            Ok(read) => read.map_err(|error| error.to_string())?,
            Err(_) => {
                self.reading = Some(reading);
                Err("its URL or secret cannot be read: the file does not answer".to_owned())
            }
        }
    }

    async fn attempt(&mut self, letter: &Letter) -> Result<Answer, String> {
        let (url, key) = self.secrets().await?;
        let url = target(url.expose_secret())?;
        let key = key.as_ref().map(signing_key).transpose()?;
        let client = self.client(&url)?;
        let now = self.clock.now().wall;
        let mut request = client
            .post(url)
            .timeout(self.timeout)
            .header(CONTENT_TYPE, self.format.content_type())
            .body(letter.body.clone());
        if let Some(key) = key {
            let seconds = now.millis().div_euclid(1000);
            request = request
                .header("webhook-id", &*letter.id)
                .header("webhook-timestamp", seconds)
                .header("webhook-signature", signature(&key, &letter.id, seconds, &letter.body));
        }
        // The URL is a secret: errors must not show it.
        let answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
        Ok(meaning(&answer, now))
    }

    /// A message is rare, so no connection is kept; reading the CA certificates takes its time, so
    /// the client is.
    fn client(&mut self, url: &Url) -> Result<reqwest::Client, String> {
        let known = self.client.take().filter(|(scheme, _)| scheme == url.scheme());
        let client = match known {
            Some((_, client)) => client,
            None => polite_to(url)
                .user_agent(&self.agent)
                .pool_max_idle_per_host(0)
                .build()
                .map_err(|error| chain(&error.without_url()))?,
        };
        self.client = Some((url.scheme().to_owned(), client.clone()));
        Ok(client)
    }
}

/// A receiver's URL, if it may be used.
///
/// # Errors
/// Says what was expected; never the URL.
pub fn target(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "this is no URL; expected one with https://")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user name or a password; keep what is secret in its path");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http would show the messages to everybody on the way; use https://"),
        _ => Err("expected an https:// URL"),
    }
}

/// The key of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
///
/// # Errors
/// Says what was expected; never what was found.
pub fn signing_key(secret: &SecretString) -> Result<hmac::Key, &'static str> {
    let text = secret.expose_secret().trim();
    let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok();
    let bytes = bytes.filter(|bytes| KEY_BYTES.contains(&bytes.len())).ok_or(
        "the secret is not one of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64; \
         `echo whsec_$(openssl rand -base64 32)` makes one",
    )?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// <https://www.standardwebhooks.com>, symmetric.
fn signature(key: &hmac::Key, id: &str, seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

fn meaning(answer: &reqwest::Response, now: Wall) -> Answer {
    let (status, headers) = (answer.status(), answer.headers());
    let told = format!("it answered {}", status.as_u16());
    match status {
        StatusCode::GONE => Answer::Gone,
        _ if status.is_success() => Answer::Taken,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let values = headers.get_all(RETRY_AFTER).iter().map(|value| value.as_bytes());
            let date = headers.get(DATE).map(|value| value.as_bytes());
            let after = retry_after::resolve(values, date, now);
            Answer::Again(told, after.map(|after| after.min(RETRY_AFTER_MAX)))
        }
        StatusCode::REQUEST_TIMEOUT => Answer::Again(told, None),
        _ if status.is_server_error() => Answer::Again(told, None),
        _ if status.is_redirection() => {
            Answer::Refused(format!("{told}; redirects are not followed"))
        }
        _ => Answer::Refused(told),
    }
}
