//! A strict stand-in of a Kubernetes API server: two kinds of objects in one namespace, `get` and
//! `update` by name, and whatever a real one refuses.

use std::collections::BTreeMap;
use std::net::TcpListener as Listener;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use evenkeel::serve::{Bounds, Hangup, Reply, serve};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// What becomes of the next calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// They are answered.
    None,
    /// They are done, and the connection is closed.
    LostAnswer,
    /// A Role that lacks them.
    Forbidden,
    /// Something else is at the address.
    Foreign,
    /// No answer, ever.
    Silent,
}

#[derive(Debug)]
struct State {
    token: String,
    trouble: Trouble,
    revision: u64,
    writes: usize,
    /// By resource and name.
    objects: BTreeMap<(String, String), Value>,
}

/// The server.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Api {
    /// Starts one that has nothing yet, and knows who has this token.
    pub(crate) fn new(token: &str) -> Self {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (token, trouble) = (token.to_owned(), Trouble::None);
        let (revision, writes, objects) = (100, 0, BTreeMap::new());
        let state = Arc::new(Mutex::new(State { token, trouble, revision, writes, objects }));
        let api = Self { url, state: state.clone() };
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let forever = std::future::pending();
                let answer = move |request, _| answer(request, state.clone());
                serve(listener, Bounds::default(), forever, answer).await;
            });
        });
        api
    }

    /// Makes an empty object, as `kubectl create` does.
    pub(crate) fn make(&self, resource: &str, name: &str) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        let (version, uid) = (state.revision.to_string(), format!("uid-{}", state.revision));
        let (api, kind) = kind(resource);
        let object = json!({ "apiVersion": api, "kind": kind, "metadata": {
            "name": name, "namespace": "fleet", "resourceVersion": version, "uid": uid,
        }});
        state.objects.insert((resource.to_owned(), name.to_owned()), object);
    }

    pub(crate) fn forget(&self, resource: &str, name: &str) {
        self.state.lock().unwrap().objects.remove(&(resource.to_owned(), name.to_owned()));
    }

    /// What somebody else does to it.
    pub(crate) fn change(&self, resource: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        let version = state.revision.to_string();
        let key = (resource.to_owned(), name.to_owned());
        let object = state.objects.get_mut(&key).unwrap();
        change(object);
        object["metadata"]["resourceVersion"] = version.into();
    }

    pub(crate) fn object(&self, resource: &str, name: &str) -> Value {
        self.state.lock().unwrap().objects[&(resource.to_owned(), name.to_owned())].clone()
    }

    pub(crate) fn objects(&self) -> usize {
        self.state.lock().unwrap().objects.len()
    }

    /// How many PUTs changed something.
    pub(crate) fn writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    pub(crate) fn fails(&self, trouble: Trouble) {
        self.state.lock().unwrap().trouble = trouble;
    }

    pub(crate) fn now_takes(&self, token: &str) {
        token.clone_into(&mut self.state.lock().unwrap().token);
    }
}

fn kind(resource: &str) -> (&'static str, &'static str) {
    match resource {
        "leases" => ("coordination.k8s.io/v1", "Lease"),
        "configmaps" => ("v1", "ConfigMap"),
        other => panic!("no {other} here"),
    }
}

/// A code, and why.
struct Refused(u16, String);

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>) -> Reply {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let trouble = state.lock().unwrap().trouble;
    if trouble == Trouble::Silent {
        std::future::pending::<()>().await;
    }
    let token = head.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let done = state.lock().unwrap().done(&head.method, head.uri.path(), token, &body);
    let (code, text) = match (done, trouble) {
        (_, Trouble::LostAnswer) => return Err(Hangup),
        (_, Trouble::Foreign) => (404, "404 page not found\n".to_owned()),
        (Ok(object), _) => (200, object.to_string()),
        (Err(Refused(code, message)), _) => {
            let status = json!({ "kind": "Status", "code": code, "message": message });
            (code, status.to_string())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = hyper::StatusCode::from_u16(code).unwrap();
    Ok(response)
}

impl State {
    fn done(
        &mut self,
        method: &Method,
        path: &str,
        token: Option<String>,
        body: &[u8],
    ) -> Result<Value, Refused> {
        if token != Some(format!("Bearer {}", self.token)) {
            return Err(Refused(401, "Unauthorized".to_owned()));
        }
        let forbidden = || Refused(403, format!("{path} is forbidden: User \"u\" cannot {method}"));
        let parts: Vec<_> = path.split('/').collect();
        let (resource, name) = match parts.as_slice() {
            ["", "apis", "coordination.k8s.io", "v1", "namespaces", "fleet", "leases", name] => {
                ("leases", *name)
            }
            ["", "api", "v1", "namespaces", "fleet", "configmaps", name] => ("configmaps", *name),
            _ => return Err(forbidden()),
        };
        if self.trouble == Trouble::Forbidden || (method != Method::GET && method != Method::PUT) {
            return Err(forbidden());
        }
        let key = (resource.to_owned(), name.to_owned());
        let missing = || Refused(404, format!("{resource} \"{name}\" not found"));
        let old = self.objects.get(&key).cloned().ok_or_else(missing)?;
        if method == Method::GET {
            return Ok(old);
        }
        let mut new = self.valid(resource, &old, body)?;
        if new == old {
            // Nothing is written, and the version stays.
            return Ok(old);
        }
        self.revision += 1;
        self.writes += 1;
        new["metadata"]["resourceVersion"] = self.revision.to_string().into();
        self.objects.insert(key, new.clone());
        Ok(new)
    }

    fn valid(&self, resource: &str, old: &Value, body: &[u8]) -> Result<Value, Refused> {
        if body.len() > 3 * 1024 * 1024 {
            return Err(Refused(413, "Request entity too large: limit is 3145728".to_owned()));
        }
        let mut new: Value =
            serde_json::from_slice(body).map_err(|error| Refused(400, error.to_string()))?;
        without_nulls(&mut new);
        for field in ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"] {
            if new.pointer(field) != old.pointer(field) {
                return Err(Refused(400, format!("{field} does not match")));
            }
        }
        let metadata = &new["metadata"];
        match metadata["resourceVersion"].as_str() {
            // A real one overwrites a ConfigMap then: a client that does this is wrong.
            None | Some("" | "0") => {
                return Err(Refused(422, "metadata.resourceVersion: must be specified".to_owned()));
            }
            Some(version) if old["metadata"]["resourceVersion"] != version => {
                return Err(Refused(409, "the object has been modified".to_owned()));
            }
            Some(_) => (),
        }
        if metadata["uid"] != old["metadata"]["uid"] {
            return Err(Refused(409, "Precondition failed: UID in precondition".to_owned()));
        }
        let invalid = |what: &str| Err(Refused(422, format!("{resource} is invalid: {what}")));
        let length = |field: &str, size: fn(&str) -> usize| -> usize {
            let values = new[field].as_object().into_iter().flat_map(|map| map.values());
            values.map(|value| size(value.as_str().unwrap())).sum()
        };
        let binary = |text: &str| BASE64_STANDARD.decode(text).unwrap().len();
        if length("data", str::len) + length("binaryData", binary) > 1024 * 1024 {
            return invalid("Too long: must have at most 1048576 bytes");
        }
        let spec = &new["spec"];
        if spec["leaseDurationSeconds"].as_i64().is_some_and(|seconds| seconds <= 0) {
            return invalid("leaseDurationSeconds: must be greater than 0");
        }
        if spec["holderIdentity"].as_str() == Some("") {
            return invalid("holderIdentity: must not be empty");
        }
        for time in ["acquireTime", "renewTime"] {
            let micros = |text: &str| text.len() == "2026-11-29T05:26:40.123000Z".len();
            if spec[time].as_str().is_some_and(|text| !micros(text)) {
                return invalid("a time needs microseconds");
            }
        }
        Ok(new)
    }
}

/// To a server `null` is as good as nothing.
fn without_nulls(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(without_nulls);
    }
}
