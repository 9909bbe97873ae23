//! Base URLs, and the clients of the commands.

use std::path::Path;
use std::time::Duration;

use reqwest::Url;

use crate::outbound::{polite, without_tls};

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
    Tls(#[source] rustls::Error),
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
