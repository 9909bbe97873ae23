//! The key `ledger` of a configuration file.

use schemars::JsonSchema;

use super::configuration::{Credential, Url};
use super::shared::{Duration, Name};

/// Where the ledger is kept.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Ledger {
    /// In a file of the state directory.
    File(FileLedger),
    /// Where several machines reach it.
    Shared(Box<SharedLedger>),
}

/// `file`.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum FileLedger {
    /// In a file of the state directory.
    File,
}

/// A ledger that several machines reach.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["etcd"] }, { "required": ["kubernetes"] }])
)]
pub(crate) struct SharedLedger {
    /// How long a leader that is silent is left alone; at least 3s.
    pub(crate) lease: Option<Duration>,
    /// In etcd.
    pub(crate) etcd: Option<Etcd>,
    /// In objects of a Kubernetes cluster.
    pub(crate) kubernetes: Option<Kubernetes>,
}

/// A Lease and ConfigMaps, which were made beforehand.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Kubernetes {
    /// Where they are; without it, where the pod is, or what the kubeconfig's context says.
    pub(crate) namespace: Option<Name>,
    /// What their names begin with.
    pub(crate) name: Option<Name>,
    /// The file that says where the cluster is, and as whom; without it, this pod's own.
    pub(crate) kubeconfig: Option<String>,
}

/// An etcd cluster, 3.4 or later.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Etcd {
    /// Client URLs of its members.
    #[schemars(length(min = 1))]
    pub(crate) endpoints: Vec<Url>,
    /// What the ledger's keys begin with.
    pub(crate) prefix: Option<String>,
    /// Certificates.
    pub(crate) tls: Option<EtcdTls>,
    /// Who this is, where etcd's authentication is on.
    pub(crate) credentials: Option<EtcdCredentials>,
}

/// Certificates, in PEM; relative to this file.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EtcdTls {
    /// The only CA certificates trusted.
    pub(crate) ca_file: Option<String>,
    /// The client's certificate.
    pub(crate) cert_file: Option<String>,
    /// Its key.
    pub(crate) key_file: Option<String>,
}

/// A user of etcd's.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EtcdCredentials {
    /// Its name.
    pub(crate) user: String,
    /// Where its password is kept.
    pub(crate) password: Credential,
}
