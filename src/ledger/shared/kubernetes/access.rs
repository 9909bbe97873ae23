//! Where the API server is, and as whom it is asked: by what a pod is given, or by a kubeconfig.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::{Client, Url};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::kubeconfig;
use crate::outbound::{is_loopback, polite, without_tls};

/// Where a pod finds its service account.
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Who asks, in audit logs and in the fields that an object says were set by whom.
const AGENT: &str = concat!("evenkeel/", env!("CARGO_PKG_VERSION"));

/// Why there is no way to the API server.
#[derive(Debug, thiserror::Error)]
pub enum NoAccess {
    /// Nothing says where it is.
    #[error(
        "this is no pod, as KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; \
         outside of the cluster `kubeconfig` names the file that says where it is"
    )]
    Outside,
    /// The pod has no service account.
    #[error(
        "this pod has no service account in {}; `automountServiceAccountToken: true` gives it one",
        .0.display()
    )]
    NoServiceAccount(PathBuf),
    /// A file that is named is not to be had.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// A kubeconfig is of no use.
    #[error("the kubeconfig {} cannot be used: {why}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do about it.
        why: String,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS with the certificates of {0}; they have to be in PEM")]
    Tls(String, #[source] reqwest::Error),
    /// The system has no resources.
    #[error("cannot start the thread that calls the API server")]
    Thread(#[source] io::Error),
}

/// Content that is here, or in a file that may change.
#[derive(Clone)]
pub(super) enum Source {
    Here(Zeroizing<Vec<u8>>),
    File(PathBuf),
}

impl Source {
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, NoAccess> {
        match self {
            Self::Here(bytes) => Ok(bytes.clone()),
            Self::File(path) => std::fs::read(path)
                .map(Zeroizing::new)
                .map_err(|error| NoAccess::Unreadable(path.clone(), error)),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(_) => f.write_str("Here"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// An API server, and who asks it.
#[derive(Clone, Debug)]
pub struct Access {
    pub(super) server: Url,
    /// The only CA certificates trusted; else the platform's are.
    pub(super) ca: Option<Source>,
    /// The client's certificate, and its key.
    pub(super) identity: Option<(Source, Source)>,
    /// Read for each call: a pod's is another one each hour.
    pub(super) token: Option<Source>,
    /// Where to look when nothing says otherwise.
    pub(super) namespace: Option<String>,
    /// Who asks, for messages.
    pub(super) who: String,
}

/// What a client is made of; another one is made when it changes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    ca: Option<Zeroizing<Vec<u8>>>,
    identity: Option<Zeroizing<Vec<u8>>>,
}

impl Access {
    /// What a pod is given. `account` is the directory of its service account, usually
    /// [`SERVICE_ACCOUNT`].
    ///
    /// # Errors
    /// When this is no pod, or it has no service account.
    pub fn of_pod(
        environment: &dyn Fn(&str) -> Option<String>,
        account: &Path,
    ) -> Result<Self, NoAccess> {
        let given = |name| environment(name).filter(|text| !text.is_empty());
        let host = given("KUBERNETES_SERVICE_HOST").ok_or(NoAccess::Outside)?;
        let port = given("KUBERNETES_SERVICE_PORT").ok_or(NoAccess::Outside)?;
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let server =
            Url::parse(&format!("https://{host}:{port}")).map_err(|_| NoAccess::Outside)?;
        let file = |name| Source::File(account.join(name));
        let (ca, token) = (file("ca.crt"), file("token"));
        if token.read().is_err() {
            return Err(NoAccess::NoServiceAccount(account.to_owned()));
        }
        let namespace = std::fs::read_to_string(account.join("namespace")).ok();
        Ok(Self {
            server,
            ca: Some(ca),
            identity: None,
            token: Some(token),
            namespace: namespace.map(|text| text.trim().to_owned()),
            who: format!("the service account in {}", account.display()),
        })
    }

    /// The current context of a kubeconfig.
    ///
    /// # Errors
    /// When it cannot be read, or asks for what is not done here.
    pub fn of_kubeconfig(path: &Path) -> Result<Self, NoAccess> {
        let text = Source::File(path.to_owned()).read()?;
        kubeconfig::read(&text, path)
            .map_err(|why| NoAccess::Kubeconfig { path: path.to_owned(), why })
    }

    /// The token as it is now.
    pub(super) fn token(&self) -> Result<Option<SecretString>, NoAccess> {
        let Some(source) = &self.token else { return Ok(None) };
        let bytes = source.read()?;
        Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned().into()))
    }

    /// The certificates as they are now.
    pub(super) fn material(&self) -> Result<Material, NoAccess> {
        let ca = self.ca.as_ref().map(Source::read).transpose()?;
        let identity = self.identity.as_ref().map(|(certificate, key)| {
            let mut pem = certificate.read()?;
            pem.push(b'\n');
            pem.extend_from_slice(&key.read()?);
            Ok::<_, NoAccess>(pem)
        });
        Ok(Material { ca, identity: identity.transpose()? })
    }

    /// A client with these certificates.
    pub(super) fn client(&self, material: &Material) -> Result<Client, NoAccess> {
        let failed = |error| NoAccess::Tls(self.who.clone(), error);
        let plain = self.server.scheme() == "http";
        let mut builder = if plain { without_tls(polite()) } else { polite() };
        builder = builder.user_agent(AGENT).pool_max_idle_per_host(1).tcp_nodelay(true);
        if let Some(pem) = &material.ca {
            let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(failed)?;
            builder = builder.tls_certs_only(roots);
        }
        if let Some(pem) = &material.identity {
            builder = builder.identity(reqwest::Identity::from_pem(pem).map_err(failed)?);
        }
        builder.build().map_err(failed)
    }
}

/// An API server's address. Plain HTTP is for this machine only, such as `kubectl proxy`.
pub(super) fn server(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" => Ok(url),
        Ok(url) if url.scheme() == "http" && is_loopback(&url) => Ok(url),
        Ok(_) | Err(_) => Err(format!("its `server` is `{text}`, expected https://HOST:PORT")),
    }
}
