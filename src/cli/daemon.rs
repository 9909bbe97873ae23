//! Asks a running daemon.

use crate::keel::notice::chain;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::exit::Failure;
use super::global::{Global, Settable};

/// A daemon on this machine answers at once; one that does not in this time is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the daemon is.
#[derive(Debug, Clone, clap::Args)]
pub struct DaemonArgs {
    /// Address of the daemon's HTTP endpoint [default: `listen` of the configuration]
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_LISTEN")]
    pub listen: Option<String>,
}

impl DaemonArgs {
    /// The address, by flag, environment, configuration file or default. Needs no valid account.
    ///
    /// # Errors
    /// When there is a configuration file and it cannot be used.
    pub fn address(&self, global: &Global) -> Result<String, Failure> {
        if let Some(listen) = &self.listen {
            return Ok(listen.clone());
        }
        let settable = Settable::default();
        if global.config.is_none() {
            // Only the address matters here; accounts may be configured elsewhere.
            return Ok(global.settings(&settable).map_or_else(
                |_| "127.0.0.1:9464".to_owned(),
                |settings| settings.listen.to_string(),
            ));
        }
        Ok(global.settings(&settable)?.listen.to_string())
    }
}

/// Why the daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody listens there.
    #[error("no daemon answers at {0}")]
    Unreachable(String, #[source] reqwest::Error),
    /// It answered something else.
    #[error("the daemon at {0} answered {1}: {2}")]
    Refused(String, u16, String),
}

impl From<NoAnswer> for Failure {
    fn from(error: NoAnswer) -> Self {
        let next = match &error {
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

/// Asks the daemon at `address` for `path`.
///
/// # Errors
/// When it does not answer, or not with what was asked for.
pub async fn get<T: DeserializeOwned>(address: &str, path: &str) -> Result<T, NoAnswer> {
    let url = format!("http://{}{path}", reachable(address));
    let unreachable =
        |error: reqwest::Error| NoAnswer::Unreachable(address.to_owned(), error.without_url());
    let client = crate::api::plain_client(PATIENCE).map_err(unreachable)?;
    let answer = client.get(url).send().await.map_err(unreachable)?;
    let code = answer.status().as_u16();
    let text = answer.text().await.map_err(unreachable)?;
    if code != 200 {
        return Err(NoAnswer::Refused(address.to_owned(), code, text.trim().to_owned()));
    }
    serde_json::from_str(&text)
        .map_err(|error| NoAnswer::Refused(address.to_owned(), code, chain(&error)))
}

/// A daemon that listens everywhere is asked on the loopback address.
pub(super) fn reachable(listen: &str) -> String {
    match listen.parse::<std::net::SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => {
            let host = if address.is_ipv6() { "[::1]" } else { "127.0.0.1" };
            format!("{host}:{}", address.port())
        }
        Ok(_) | Err(_) => listen.to_owned(),
    }
}
