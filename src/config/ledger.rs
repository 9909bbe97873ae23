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

const EXPECTED: &str = "`file`, or a map with `etcd`";

/// Where the ledger is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ledger {
    /// In a file in the state directory.
    #[default]
    File,
    /// In etcd, where several machines reach it.
    Etcd {
        /// Where, and as whom.
        etcd: Etcd,
        /// How long a leader that is silent is left alone.
        lease: Duration,
    },
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
    let section = fields.take("etcd", faults);
    if section.is_none() {
        faults.problem(entry.place, format!("`ledger`: expected {EXPECTED}"));
    }
    let etcd = section.and_then(|section| etcd(section, beside, faults));
    fields.finish(faults);
    Some(Ledger::Etcd { etcd: etcd?, lease })
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
