//! Kubernetes: a register is an object that was made beforehand, its version the object's
//! `resourceVersion`, and a write a PUT that bears it. All that is asked for is `get` and `update`
//! of objects by their names.
//!
//! The lease is a `Lease`, the head and each part of the snapshot a `ConfigMap` of its own, so that
//! none comes near the 1 MiB that one may hold. Without a version a PUT overwrites blindly: so what
//! is sent is always an object that was read, with the version that it had then.

mod access;
mod kubeconfig;
mod object;
mod refusal;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;

pub use access::{Access, NoAccess, SERVICE_ACCOUNT};

use super::caller::{Answer, Caller};
use super::store::{Put, Register, Store, Stored, Trouble, Version};
use crate::keel::notice::chain;
use crate::keel::time::Wall;
use access::Material;
use object::Object;

/// Which ledger, and how to reach it.
pub struct Options {
    /// The API server, and who asks.
    pub access: Access,
    /// Where the objects are; `None`: in that of the pod, or of the kubeconfig's context.
    pub namespace: Option<String>,
    /// The name of the `Lease`; the names of the `ConfigMap`s begin with it.
    pub name: String,
    /// How long a read or a write may take.
    pub patience: Duration,
    /// This machine's wall clock, for what is shown.
    pub wall: Box<dyn Fn() -> Wall + Send>,
}

/// Objects in a cluster.
pub struct Kubernetes {
    access: Access,
    way: Way,
    namespace: String,
    name: String,
    patience: Duration,
    wall: Box<dyn Fn() -> Wall + Send>,
    /// Each object as last seen, without its content.
    seen: BTreeMap<Register, Object>,
    place: String,
}

/// A client, and what it was made of.
struct Way {
    material: Material,
    client: reqwest::Client,
    caller: Caller,
}

impl Way {
    fn new(access: &Access, material: Material) -> Result<Self, NoAccess> {
        let client = access.client(&material)?;
        let caller = Caller::new(client.clone()).map_err(NoAccess::Thread)?;
        Ok(Self { material, client, caller })
    }
}

/// An object's place in the API.
struct Target {
    kind: &'static str,
    resource: &'static str,
    group: &'static str,
    name: String,
    namespace: String,
}

impl Target {
    fn url(&self, server: &Url) -> String {
        let Self { resource, group, name, namespace, .. } = self;
        let base = server.as_str().trim_end_matches('/');
        let api = if group.is_empty() { "api".to_owned() } else { format!("apis/{group}") };
        format!("{base}/{api}/v1/namespaces/{namespace}/{resource}/{name}")
    }
}

impl Kubernetes {
    /// Makes ready; sends nothing.
    ///
    /// # Errors
    /// When the certificates are none, or the system has no resources.
    pub fn new(options: Options) -> Result<Self, NoAccess> {
        let Options { access, namespace, name, patience, wall } = options;
        let way = Way::new(&access, access.material()?)?;
        let namespace = namespace.or_else(|| access.namespace.clone());
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        let server = access.server.as_str().trim_end_matches('/');
        let place = format!("{namespace}/{name} in Kubernetes at {server}");
        let seen = BTreeMap::new();
        Ok(Self { access, way, namespace, name, patience, wall, seen, place })
    }

    fn target(&self, register: Register) -> Target {
        let namespace = self.namespace.clone();
        let (kind, resource, group) = match register {
            Register::Lease => ("Lease", "leases", "coordination.k8s.io"),
            Register::Head | Register::Segment(_) => ("ConfigMap", "configmaps", ""),
        };
        let name = match register {
            Register::Lease => self.name.clone(),
            Register::Head => format!("{}-ledger", self.name),
            Register::Segment(number) => format!("{}-ledger-{number}", self.name),
        };
        Target { kind, resource, group, name, namespace }
    }

    /// Asks once. What is no success and no conflict is a trouble.
    fn ask(
        &mut self,
        method: Method,
        target: &Target,
        body: Option<&serde_json::Value>,
    ) -> Result<Option<Object>, Trouble> {
        let trouble = |error: NoAccess| Trouble(chain(&error));
        let mut request = self.way.client.request(method, target.url(&self.access.server));
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(token) = self.access.token().map_err(trouble)? {
            request = request.bearer_auth(token.expose_secret());
        }
        let request = request.build().map_err(|error| Trouble(chain(&error.without_url())))?;
        let answer = self.way.caller.call(request, self.patience);
        if answer.as_ref().map_or(true, |answer| answer.status == 401) {
            // Its CA or this one's certificate may have been replaced.
            let material = self.access.material().map_err(trouble)?;
            if material != self.way.material {
                self.way = Way::new(&self.access, material).map_err(trouble)?;
            }
        }
        let Answer { status, body } =
            answer.map_err(|fault| Trouble(format!("{fault}{}", refusal::hint(&fault))))?;
        match status {
            200..300 => Object::read(&body).map(Some).map_err(Trouble),
            409 => Ok(None),
            _ => Err(Trouble(target.refused(status, &body, &self.access.who))),
        }
    }

    /// An object as it is now, content included.
    fn get(&mut self, register: Register) -> Result<Object, Trouble> {
        let target = self.target(register);
        let object = self.ask(Method::GET, &target, None)?;
        let object = object.ok_or_else(|| Trouble("HTTP 409 to a GET".to_owned()))?;
        self.seen.insert(register, object.clone().without_content());
        Ok(object)
    }

    fn put(&mut self, register: Register, value: &[u8], version: &Version) -> Result<Put, Trouble> {
        let seen = self.seen.get(&register).filter(|object| object.version() == version).cloned();
        let object = seen.map_or_else(|| self.get(register), Ok)?;
        if object.version() != version {
            return Ok(Put::Conflict);
        }
        let body = object.with(register, value, (self.wall)()).map_err(Trouble)?;
        let target = self.target(register);
        let Some(object) = self.ask(Method::PUT, &target, Some(&body))? else {
            return Ok(Put::Conflict);
        };
        let version = object.version().clone();
        self.seen.insert(register, object.without_content());
        Ok(Put::Committed(version))
    }
}

impl Store for Kubernetes {
    fn place(&self) -> &str {
        &self.place
    }

    fn read(&mut self, register: Register) -> Result<Stored, Trouble> {
        let object = self.get(register)?;
        let value = object.value(register).map_err(Trouble)?;
        Ok(Stored { value, version: object.version().clone() })
    }

    fn put_if(&mut self, register: Register, value: &[u8], version: &Version) -> Put {
        self.put(register, value, version).unwrap_or_else(Put::Unknown)
    }
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubernetes").field("place", &self.place).finish_non_exhaustive()
    }
}
