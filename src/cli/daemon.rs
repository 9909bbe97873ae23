//! Asks a running daemon.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use super::exit::Failure;
use super::global::{Global, Settable};
use super::socket;
use crate::config::{SecretSource, Settings, USUAL_LISTEN};
use crate::keel::notice::chain;

/// A daemon on this machine answers at once; one that does not in this time is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the daemon is.
#[derive(Debug, Clone, clap::Args)]
pub struct DaemonArgs {
    /// Address of the daemon's HTTP endpoint, or https://ADDR [default: `listen` of the
    /// configuration; with `web_config` the socket in the state directory, which asks for no
    /// password]
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_LISTEN")]
    pub listen: Option<String>,
    /// CA certificates, in PEM, that an https:// endpoint is trusted by [default: the system's]
    #[arg(long, value_name = "FILE", env = "EVENKEEL_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// File with the line NAME:PASSWORD for an endpoint that asks for it
    #[arg(long, value_name = "FILE", env = "EVENKEEL_LOGIN_FILE")]
    pub login_file: Option<PathBuf>,
}

/// A way to the daemon.
#[derive(Clone, Debug)]
pub struct Place {
    /// For people.
    pub shown: String,
    /// The URL without a path.
    pub url: String,
    socket: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    login_file: Option<PathBuf>,
}

impl DaemonArgs {
    /// The way, by flag, environment, configuration file or default. Needs no valid account.
    ///
    /// # Errors
    /// When there is a configuration file and it cannot be used, or a password would cross the
    /// network in the clear.
    pub fn place(&self, global: &Global) -> Result<Place, Failure> {
        let settings = match global.settings(&Settable::default()) {
            Ok(settings) => Some(settings),
            // Only the address matters here; accounts may be configured elsewhere.
            Err(_) if global.config.is_none() || self.listen.is_some() => None,
            Err(failure) => return Err(failure),
        };
        let own = settings.as_ref().map(|settings| settings.listen.clone());
        let local = self.listen.is_none() || self.listen == own;
        if let Some(settings) = settings.filter(|settings| local && settings.web_config.is_some()) {
            return Ok(Place::of(&settings));
        }
        let listen = self.listen.clone().or(own).unwrap_or_else(|| USUAL_LISTEN.to_owned());
        let place = Place {
            ca_file: self.ca_file.clone(),
            login_file: self.login_file.clone(),
            ..Place::at(&listen)
        };
        if place.login_file.is_some() && !place.is_private() {
            return Err(Failure::new(format!(
                "the password would cross the network to {0} in the clear; ask https://{0} if it \
                 speaks TLS",
                place.shown
            )));
        }
        Ok(place)
    }
}

impl Place {
    /// The way to the daemon of these settings, on this machine.
    pub fn of(settings: &Settings) -> Self {
        if settings.web_config.is_none() {
            return Self::at(&settings.listen);
        }
        let socket = settings.state_dir.join(socket::NAME);
        let shown = socket.display().to_string();
        Self { shown, socket: Some(socket), ..Self::at("localhost") }
    }

    fn at(listen: &str) -> Self {
        let bare = listen.trim_end_matches('/');
        let (scheme, host) = bare.split_once("://").unwrap_or(("http", bare));
        let url = format!("{scheme}://{}", reachable(host));
        let (socket, ca_file, login_file) = (None, None, None);
        Self { shown: listen.to_owned(), url, socket, ca_file, login_file }
    }

    /// Whether nobody on the way sees what is sent.
    pub fn is_private(&self) -> bool {
        let plain = self.url.strip_prefix("http://").filter(|_| self.socket.is_none());
        plain.is_none_or(is_loopback)
    }

    /// What asks.
    ///
    /// # Errors
    /// When CA certificates are not to be had, or the system has no resources.
    pub fn client(&self) -> Result<reqwest::Client, Failure> {
        let failed = |error| Failure::because("cannot ask the daemon", error);
        if let Some(socket) = &self.socket {
            return crate::api::local_client(socket, PATIENCE).map_err(failed);
        }
        if !self.url.starts_with("https://") {
            return crate::api::plain_client(PATIENCE).map_err(failed);
        }
        let pem = self.ca_file.as_ref().map(|path| {
            let what = || format!("cannot read the CA certificates in {}", path.display());
            std::fs::read(path).map_err(|error| Failure::because(what(), error))
        });
        crate::api::secure_client(PATIENCE, pem.transpose()?.as_deref()).map_err(failed)
    }

    fn login(&self) -> Result<Option<(String, SecretString)>, Failure> {
        let Some(path) = &self.login_file else { return Ok(None) };
        let line = SecretSource::File(path.clone()).read();
        let line = line.map_err(|error| Failure::because("cannot log in", error))?;
        let Some((name, password)) = line.expose_secret().split_once(':') else {
            let what = format!("{} holds no login: expected NAME:PASSWORD", path.display());
            return Err(Failure::new(what));
        };
        Ok(Some((name.to_owned(), password.to_owned().into())))
    }
}

/// Whether an address of host and port is this machine's own.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Why the daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody listens there.
    #[error("no daemon answers at {0}")]
    Unreachable(String, #[source] reqwest::Error),
    /// What is needed to ask it is not to be had.
    #[error(transparent)]
    NoWay(Failure),
    /// It answered something else.
    #[error("the daemon at {0} answered {1}: {2}")]
    Refused(String, u16, String),
}

impl From<NoAnswer> for Failure {
    fn from(error: NoAnswer) -> Self {
        let next = match &error {
            NoAnswer::NoWay(_) => "see `--ca-file` and `--login-file`",
            NoAnswer::Refused(_, 401, _) => {
                "it wants a password: `--login-file` names a file with NAME:PASSWORD"
            }
            NoAnswer::Unreachable(..) => {
                "start one with `evenkeel run`, or name its address with `--listen`"
            }
            NoAnswer::Refused(..) => {
                "look into the daemon's log; if that is no evenkeel, name another address with \
                 `--listen`"
            }
        };
        Self::new(chain(&error)).next(next)
    }
}

/// Asks the daemon for `path`.
///
/// # Errors
/// When it does not answer, or not with what was asked for.
pub async fn get<T: DeserializeOwned>(place: &Place, path: &str) -> Result<T, NoAnswer> {
    let shown = || place.shown.clone();
    let unreachable = |error: reqwest::Error| NoAnswer::Unreachable(shown(), error.without_url());
    let mut request = place.client().map_err(NoAnswer::NoWay)?.get(format!("{}{path}", place.url));
    if let Some((name, password)) = place.login().map_err(NoAnswer::NoWay)? {
        request = request.basic_auth(name, Some(password.expose_secret()));
    }
    let answer = request.send().await.map_err(unreachable)?;
    let code = answer.status().as_u16();
    let text = answer.text().await.map_err(unreachable)?;
    if code != 200 {
        return Err(NoAnswer::Refused(shown(), code, text.trim().to_owned()));
    }
    serde_json::from_str(&text).map_err(|error| NoAnswer::Refused(shown(), code, chain(&error)))
}

/// A daemon that listens everywhere is asked on the loopback address.
fn reachable(listen: &str) -> String {
    match listen.parse::<std::net::SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => {
            let host = if address.is_ipv6() { "[::1]" } else { "127.0.0.1" };
            format!("{host}:{}", address.port())
        }
        Ok(_) | Err(_) => listen.to_owned(),
    }
}
