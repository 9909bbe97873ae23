//! Builds the HTTP clients, all with the same manners.

use std::path::Path;
use std::time::Duration;

use reqwest::Url;

use super::connect::GateLayer;
use crate::outbound::{polite, polite_to, without_tls};

/// The longest that name resolution, connect and TLS may take. A server that is up answers them in
/// well under a second; one that is not should not hold a call's slot for the whole timeout. Half
/// of that at most, so that what times out while connecting is known to have never left.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long an idle connection is kept for the next read. Shorter than the idle timeout of any
/// usual server or load balancer, so that a read is not written to a connection that is being
/// closed; long enough for a group of polls.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// Connections kept for the next read: all that were in use at once, which `observe.concurrency`
/// bounds, or the reads of a large fleet, which come in groups, would open one each.
const IDLE_CONNECTIONS: usize = usize::MAX;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The base URL is of no use. The URL itself is left out, since it may hold a password.
    #[error("the API's base URL {0}")]
    Url(&'static str),
    /// The base URL cannot be read as one.
    #[error("the API's base URL is not a URL like https://cloud-intl.emqx.com/public_api/v1")]
    NotAUrl,
    /// Something that goes into a header cannot.
    #[error("the version or the ledger's name cannot be put into a header")]
    Header,
    /// TLS could not be set up.
    #[error(
        "cannot set up TLS; does this machine have CA certificates? Install `ca-certificates`, or \
         point SSL_CERT_FILE at a bundle of them"
    )]
    Tls(#[source] reqwest::Error),
}

/// Reads the base URL of an account's API.
pub(super) fn base_url(text: &str) -> Result<Url, BuildError> {
    let url = Url::parse(text).map_err(|_| BuildError::NotAUrl)?;
    let fault = if !matches!(url.scheme(), "http" | "https") {
        Some("must begin with https://")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("holds a user name or a password; the credentials have settings of their own")
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("ends in a query or a fragment; remove all from `?` or `#` on")
    } else {
        None
    };
    fault.map_or(Ok(url), |fault| Err(BuildError::Url(fault)))
}

/// An account's clients: for reads, which share connections, and for starts and stops, each of
/// which gets a connection of its own. So a POST is never written to a connection that the server
/// may be closing, and it is known of each whether a connection was there to write it to.
pub(super) fn pair(
    url: &Url,
    user_agent: &str,
    timeout: Duration,
) -> Result<(reqwest::Client, reqwest::Client), BuildError> {
    let build = |idle: usize| {
        let builder = polite_to(url)
            .user_agent(user_agent)
            .connect_timeout(CONNECT_MAX.min(timeout / 2))
            .connector_layer(GateLayer)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(idle);
        builder.build().map_err(BuildError::Tls)
    };
    Ok((build(IDLE_CONNECTIONS)?, build(0)?))
}

/// As [`plain_client`], with TLS; `roots` are the only CA certificates trusted, in PEM, or else the
/// platform's are.
///
/// # Errors
/// When `roots` are none, or the system has no resources for a client.
pub fn secure_client(timeout: Duration, roots: Option<&[u8]>) -> reqwest::Result<reqwest::Client> {
    let mut builder = polite().timeout(timeout).pool_max_idle_per_host(0);
    if let Some(pem) = roots {
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    builder.build()
}

/// As [`plain_client`], over a Unix socket.
///
/// # Errors
/// When the system has no resources for one.
pub fn local_client(socket: &Path, timeout: Duration) -> reqwest::Result<reqwest::Client> {
    let builder = without_tls(polite()).timeout(timeout).pool_max_idle_per_host(0);
    builder.unix_socket(socket).build()
}

/// A client for one question to a daemon on this machine, without TLS; `timeout` is for all of it.
///
/// # Errors
/// When the system has no resources for one.
pub fn plain_client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    without_tls(polite()).timeout(timeout).pool_max_idle_per_host(0).build()
}
