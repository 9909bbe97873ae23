//! The key `ledger`: where what was spent is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::credential::{SecretSource, credential};
use super::file::{path, set, span};
use crate::outbound::is_loopback;
use crate::yaml::{Entry, Faults, Fields, Kind, Node};

/// How long a leader that is silent is left alone when nothing says otherwise: a pause of seconds,
/// or an engine that elects a leader of its own, is no reason to change.
const USUAL_LEASE: Duration = Duration::from_secs(15);

/// A shorter one is lost whenever a busy machine is busy.
const LEASE_MIN: Duration = Duration::from_secs(3);

const USUAL_PREFIX: &str = "/evenkeel/";

/// The name of the objects in Kubernetes when nothing says otherwise.
const USUAL_NAME: &str = "evenkeel";

/// A name of an object has at most 253 characters, and ours have a few behind it.
const NAME_MAX: usize = 230;

const EXPECTED: &str = "`file`, or a map with `etcd` or `kubernetes`";

/// Where the ledger is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ledger {
    /// In a file in the state directory.
    #[default]
    File,
    /// Where several machines reach it.
    Shared {
        /// Where, and as whom.
        engine: Engine,
        /// How long a leader that is silent is left alone.
        lease: Duration,
    },
}

/// What keeps a ledger that machines share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// An etcd cluster.
    Etcd(Etcd),
    /// The API server of a Kubernetes cluster.
    Kubernetes(Kubernetes),
}

/// How to reach etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etcd {
    /// Client URLs of the members.
    pub endpoints: Vec<Url>,
    /// What the ledger's keys begin with; ends in `/`.
    pub prefix: String,
    /// The only CA certificates trusted; else the platform's are.
    pub ca: Option<PathBuf>,
    /// The client's certificate, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Who this is, where etcd has authentication on.
    pub user: Option<(String, SecretSource)>,
}

/// Objects in a Kubernetes cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// Where they are; `None`: in that of the pod, or of the kubeconfig's context.
    pub namespace: Option<String>,
    /// What their names begin with.
    pub name: String,
    /// Where the cluster is, and as whom; `None`: the one that this pod runs in.
    pub kubeconfig: Option<PathBuf>,
}

/// Takes the key.
pub(super) fn read(entry: Option<&Entry>, beside: &Path, faults: &mut Faults) -> Ledger {
    let Some(entry) = entry else { return Ledger::File };
    if let Kind::Map(_) = entry.value.kind {
        return shared(entry, beside, faults).unwrap_or_default();
    }
    if entry.value.word() != Ok("file") {
        let message = format!("`ledger`: expected {EXPECTED}, found {}", entry.value);
        faults.problem(entry.value.place, message);
    }
    Ledger::File
}

fn shared(entry: &Entry, beside: &Path, faults: &mut Faults) -> Option<Ledger> {
    let mut fields = Fields::of(&entry.value, "ledger", EXPECTED, faults)?;
    let mut lease = USUAL_LEASE;
    let longer = fields.optional("lease", faults, |node| match span(node)? {
        lease if lease >= LEASE_MIN => Ok(lease),
        _ => Err("must be at least 3s".to_owned()),
    });
    set(&mut lease, longer);
    let engine = match (fields.take("etcd", faults), fields.take("kubernetes", faults)) {
        (Some(section), None) => etcd(section, beside, faults).map(Engine::Etcd),
        (None, Some(section)) => kubernetes(section, beside, faults).map(Engine::Kubernetes),
        (None, None) => {
            faults.problem(entry.place, format!("`ledger`: expected {EXPECTED}"));
            None
        }
        (Some(_), Some(second)) => {
            faults.problem(second.place, "`ledger`: `etcd` or `kubernetes`, not both");
            None
        }
    };
    fields.finish(faults);
    Some(Ledger::Shared { engine: engine?, lease })
}

fn kubernetes(entry: &Entry, beside: &Path, faults: &mut Faults) -> Option<Kubernetes> {
    let expected = "a map with `namespace` and `name` behind `kubernetes:`, which may be empty: {}";
    let mut fields = Fields::of(&entry.value, "ledger.kubernetes", expected, faults)?;
    let namespace = fields.optional("namespace", faults, |node| object_name(node, 63));
    let name = fields.optional("name", faults, |node| object_name(node, NAME_MAX));
    let kubeconfig = fields.optional("kubeconfig", faults, |node| path(node, beside));
    fields.finish(faults);
    Some(Kubernetes { namespace, name: name.unwrap_or_else(|| USUAL_NAME.to_owned()), kubeconfig })
}

/// A name as Kubernetes has them; it also becomes a part of an URL.
fn object_name(node: &Node, longest: usize) -> Result<String, String> {
    let text = node.word()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |c: char| plain(c) && c != '-';
    if text.starts_with(edge) && text.ends_with(edge) && text.chars().all(plain) {
        return if text.len() <= longest {
            Ok(text.to_owned())
        } else {
            Err(format!("must have at most {longest} characters"))
        };
    }
    Err(format!("`{text}` is no name in Kubernetes; expected a-z, 0-9 and `-` in between"))
}

fn etcd(entry: &Entry, beside: &Path, faults: &mut Faults) -> Option<Etcd> {
    let expected = "a map with `endpoints` behind `etcd:`";
    let mut fields = Fields::of(&entry.value, "ledger.etcd", expected, faults)?;
    let endpoints = fields.required("endpoints", entry.place, faults, |node| {
        let urls: Vec<Url> = node.list()?.iter().map(endpoint).collect::<Result<_, _>>()?;
        if urls.is_empty() { Err("must name at least one".to_owned()) } else { Ok(urls) }
    });
    let prefix = fields.optional("prefix", faults, |node| {
        let text = node.word()?.trim_end_matches('/');
        if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(format!("{text}/")) }
    });
    let mut tls = fields.section("tls", faults);
    let place = tls.place();
    let mut file = |key| tls.optional(key, faults, |node| path(node, beside));
    let (ca, certificate, key) = (file("ca_file"), file("cert_file"), file("key_file"));
    tls.finish(faults);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            faults.problem(place, "`tls`: `cert_file` and `key_file` go together");
            None
        }
    };
    let user = fields.take("credentials", faults).and_then(|entry| {
        let expected = "a map with `user` and `password`";
        let mut login = Fields::of(&entry.value, "ledger.etcd.credentials", expected, faults)?;
        let user =
            login.required("user", entry.place, faults, |node| node.word().map(str::to_owned));
        let password = credential(&mut login, "password", beside, faults);
        if password.is_none() {
            faults.problem(entry.place, "`password` is missing");
        }
        login.finish(faults);
        Some((user?, password?))
    });
    fields.finish(faults);
    let prefix = prefix.unwrap_or_else(|| USUAL_PREFIX.to_owned());
    Some(Etcd { endpoints: endpoints?, prefix, ca, identity, user })
}

fn endpoint(node: &Node) -> Result<Url, String> {
    let text = node.word()?;
    let bad =
        || format!("`{text}` is no client URL of etcd; expected one like https://10.0.0.1:2379");
    let url = Url::parse(text).map_err(|_| bad())?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("`{text}`: http is for this machine only; others need https")),
        _ => Err(bad()),
    }
}
