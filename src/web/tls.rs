//! What TLS is spoken with. One stack, that of the client: rustls with ring.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::read::Tls;

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clients {
    Unasked,
    IfGiven,
    Required,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

/// Certificate and key at work.
pub(super) struct Server {
    pub(super) acceptor: TlsAcceptor,
    pub(super) key: PathBuf,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// Reads the files and makes ready. What is wrong is told by file, never by content.
pub(super) fn server(tls: &Tls) -> Result<Server, String> {
    let certificates = certificates(&tls.cert)?;
    let pem = Zeroizing::new(read(&tls.key)?);
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let path = tls.key.display();
        format!("`key_file` {path}: expected a private key in PEM, without a passphrase")
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(tls.versions))
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self::certificates(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match tls.clients {
                Clients::Unasked | Clients::Required => verifier,
                Clients::IfGiven => verifier.allow_unauthenticated(),
            };
            let verifier = verifier.build();
            builder.with_client_cert_verifier(
                verifier
                    .map_err(|error| format!("`client_ca_file` {}: {error}", path.display()))?,
            )
        }
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(|error| {
        let (cert, key) = (tls.cert.display(), tls.key.display());
        format!("`cert_file` {cert} and `key_file` {key} do not go together: {error}")
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Server { acceptor: Arc::new(config).into(), key: tls.key.clone() })
}

fn versions((min, max): (Version, Version)) -> &'static [&'static SupportedProtocolVersion] {
    use rustls::version::{TLS12, TLS13};
    const OLD: &[&SupportedProtocolVersion] = &[&TLS12];
    const NEW: &[&SupportedProtocolVersion] = &[&TLS13];
    match (min, max) {
        (Version::Tls12, Version::Tls12) => OLD,
        (Version::Tls12, Version::Tls13) => rustls::ALL_VERSIONS,
        (Version::Tls13, _) => NEW,
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| format!("{}: {error}", path.display()))?;
    if found.is_empty() {
        return Err(format!("{}: expected certificates in PEM, found none", path.display()));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
