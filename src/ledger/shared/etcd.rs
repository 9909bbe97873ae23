//! etcd, by its JSON gateway (3.4 and later): a register is a key, its version the revision that
//! last wrote it, and a write a transaction guarded by that.
//!
//! No lease of etcd's own: it would count by another clock than the followers', and is armed anew
//! in full whenever etcd's own leader changes. The lease is a key like the others.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::caller::{Answer, Caller};
use super::store::{Put, Register, Store, Stored, Trouble, Version};
use crate::keel::notice::chain;
use crate::outbound::{polite, without_tls};

/// How to reach etcd.
pub struct Options {
    /// Client URLs of the members, such as `https://10.0.0.1:2379`.
    pub endpoints: Vec<Url>,
    /// What the ledger's keys begin with, such as `/evenkeel/`.
    pub prefix: String,
    /// The only CA certificates trusted, in PEM; else the platform's are.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate and key, in PEM.
    pub identity: Option<Vec<u8>>,
    /// Who this is, where etcd has authentication on.
    pub login: Option<Login>,
    /// How long a read or a write may take, all members together.
    pub patience: Duration,
}

/// A user of etcd's.
pub struct Login {
    /// Its name.
    pub user: String,
    /// Reads its password as it is now, or says why there is none.
    pub password: Box<dyn Fn() -> Result<SecretString, String> + Send>,
}

/// Why there is no way to etcd.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// TLS could not be set up.
    #[error("cannot set up TLS to etcd; `ledger.etcd.tls` names PEM files")]
    Tls(#[source] reqwest::Error),
    /// The system has no resources.
    #[error("cannot start the thread that calls etcd")]
    Thread(#[source] std::io::Error),
}

/// An etcd cluster.
pub struct Etcd {
    client: Client,
    caller: Caller,
    endpoints: Vec<Url>,
    /// The member that answered last, asked first.
    first: usize,
    prefix: String,
    login: Option<Login>,
    token: Option<SecretString>,
    patience: Duration,
    place: String,
}

impl Etcd {
    /// Makes ready; sends nothing.
    ///
    /// # Errors
    /// When the certificates are none, or the system has no resources.
    pub fn new(options: Options) -> Result<Self, EtcdError> {
        let Options { endpoints, prefix, ca, identity, login, patience } = options;
        let plain = endpoints.iter().all(|url| url.scheme() == "http");
        let mut builder = if plain { without_tls(polite()) } else { polite() };
        builder = builder.pool_max_idle_per_host(1).tcp_nodelay(true);
        if let Some(pem) = ca {
            let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(EtcdError::Tls)?;
            builder = builder.tls_certs_only(roots);
        }
        if let Some(pem) = identity {
            let identity = reqwest::Identity::from_pem(&pem).map_err(EtcdError::Tls)?;
            builder = builder.identity(identity);
        }
        let client = builder.build().map_err(EtcdError::Tls)?;
        let caller = Caller::new(client.clone()).map_err(EtcdError::Thread)?;
        let names: Vec<_> =
            endpoints.iter().map(|url| url.as_str().trim_end_matches('/')).collect();
        let place = format!("{prefix} in etcd at {}", names.join(", "));
        Ok(Self {
            client,
            caller,
            endpoints,
            first: 0,
            prefix,
            login,
            token: None,
            patience,
            place,
        })
    }

    fn key(&self, register: Register) -> String {
        BASE64_STANDARD.encode(format!("{}{register}", self.prefix))
    }

    /// Asks one member after the other until one answers. A write may so arrive twice; the second
    /// conflicts with the first, and whoever leads finds out by reading.
    fn ask<T: for<'a> Deserialize<'a>>(
        &mut self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, Trouble> {
        let members = self.endpoints.len();
        let mut faults = Vec::new();
        for turn in 0..members {
            let member = (self.first + turn) % members;
            let share = match (turn, members) {
                (_, 1) => self.patience,
                (0, _) => self.patience / 2,
                (_, _) => self.patience / 2 / u32::try_from(members - 1).unwrap_or(u32::MAX),
            };
            match self.ask_one(member, path, body, share) {
                Ok(answer) => {
                    self.first = member;
                    return Ok(answer);
                }
                Err(fault) => faults.push(format!("{}: {fault}", self.endpoints[member])),
            }
        }
        self.first = (self.first + 1) % members.max(1);
        Err(Trouble(faults.join("; ")))
    }

    fn ask_one<T: for<'a> Deserialize<'a>>(
        &mut self,
        member: usize,
        path: &str,
        body: &serde_json::Value,
        patience: Duration,
    ) -> Result<T, String> {
        let mut fresh = false;
        if self.token.is_none() && self.login.is_some() {
            (self.token, fresh) = (Some(self.log_in(member, patience)?), true);
        }
        let Answer { status, body: text } = self.post(member, path, body, patience)?;
        if status == 401 && !fresh && self.login.is_some() {
            // Tokens run out, and a member that was restarted knows none.
            self.token = None;
            return self.ask_one(member, path, body, patience);
        }
        if status != 200 {
            return Err(refusal(status, &text));
        }
        serde_json::from_slice(&text).map_err(|error| format!("its answer is none: {error}"))
    }

    fn post(
        &self,
        member: usize,
        path: &str,
        body: &serde_json::Value,
        patience: Duration,
    ) -> Result<Answer, String> {
        let base = self.endpoints[member].as_str().trim_end_matches('/');
        let mut request = self
            .client
            .post(format!("{base}{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.expose_secret());
        }
        let request = request.build().map_err(|error| chain(&error.without_url()))?;
        self.caller.call(request, patience)
    }

    fn log_in(&self, member: usize, patience: Duration) -> Result<SecretString, String> {
        #[derive(Deserialize)]
        struct Authenticated {
            token: String,
        }
        let Some(login) = &self.login else { return Err("no user is named".to_owned()) };
        let password = (login.password)()?;
        let body = json!({ "name": login.user, "password": password.expose_secret() });
        let Answer { status, body } =
            self.post(member, "/v3/auth/authenticate", &body, patience)?;
        if status != 200 {
            return Err(refusal(status, &body));
        }
        let answer: Result<Authenticated, _> = serde_json::from_slice(&body);
        answer.map(|answer| answer.token.into()).map_err(|_| "it gave no token".to_owned())
    }
}

impl fmt::Debug for Etcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Etcd").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What etcd has against a request.
fn refusal(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(alias = "error")]
        message: String,
    }
    let why = match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { message }) => message,
        Err(_) => String::from_utf8_lossy(body).chars().take(100).collect(),
    };
    format!("HTTP {status}: {why}")
}

/// As far as it matters; what is zero is left out.
#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    kvs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    #[serde(default)]
    value: String,
    mod_revision: String,
}

#[derive(Deserialize)]
struct Committed {
    header: Revision,
    #[serde(default)]
    succeeded: bool,
}

#[derive(Deserialize)]
struct Revision {
    revision: String,
}

impl Store for Etcd {
    fn place(&self) -> &str {
        &self.place
    }

    fn read(&mut self, register: Register) -> Result<Stored, Trouble> {
        let body = json!({ "key": self.key(register) });
        let Range { kvs } = self.ask("/v3/kv/range", &body)?;
        let Some(Pair { value, mod_revision }) = kvs.into_iter().next() else {
            return Ok(Stored { value: Vec::new(), version: Version("0".to_owned()) });
        };
        let value = BASE64_STANDARD.decode(value);
        let value = value.map_err(|_| Trouble(format!("{register} is no base64")))?;
        Ok(Stored { value, version: Version(mod_revision) })
    }

    fn put_if(&mut self, register: Register, value: &[u8], version: &Version) -> Put {
        let (key, value) = (self.key(register), BASE64_STANDARD.encode(value));
        let guard = json!({
            "key": key, "target": "MOD", "result": "EQUAL", "mod_revision": version.0,
        });
        let put = json!({ "request_put": { "key": key, "value": value } });
        let body = json!({ "compare": [guard], "success": [put] });
        match self.ask::<Committed>("/v3/kv/txn", &body) {
            Ok(Committed { header, succeeded: true }) => Put::Committed(Version(header.revision)),
            Ok(Committed { succeeded: false, .. }) => Put::Conflict,
            Err(trouble) => Put::Unknown(trouble),
        }
    }
}
