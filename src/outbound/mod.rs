//! The manners of every HTTP client here: one request is one request, to whom it was meant for.

pub mod retry_after;

use reqwest::{ClientBuilder, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// What all clients have in common: nothing is repeated, redirected or sent through a proxy.
///
/// Measured with reqwest 0.13: without `never` a refused request is repeated, without `none` a 307
/// repeats a POST.
pub fn polite() -> ClientBuilder {
    install_ring();
    reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .no_proxy()
        .referer(false)
}

/// As [`polite`], for servers like that of `url`. TLS trusts the platform's CA certificates
/// (`SSL_CERT_FILE`, `SSL_CERT_DIR`, or the system's place). They are the ones that the operator
/// maintains and extends; bundled ones would age with the binary. A container image `FROM scratch`
/// must have `/etc/ssl/certs/ca-certificates.crt`.
pub fn polite_to(url: &Url) -> ClientBuilder {
    if url.scheme() == "http" { without_tls(polite()) } else { polite() }
}

/// The TLS of [`polite_to`], for a client that is not reqwest's.
///
/// # Errors
/// When there are no CA certificates to trust.
pub fn tls_to(url: &Url) -> Result<ClientConfig, rustls::Error> {
    install_ring();
    let builder = ClientConfig::builder();
    let builder = if url.scheme() == "http" {
        builder.with_root_certificates(RootCertStore::empty())
    } else {
        builder.with_platform_verifier()?
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The first in the process wins, and ring is the only one here.
fn install_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// TLS that trusts nobody, for servers that are spoken to without TLS: needs no CA certificates.
pub fn without_tls(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

/// Whether a URL's host is this machine: only then is plain `http` no risk.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    matches!(host, "localhost" | "[::1]")
        || host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback())
}
