//! A request as the service sees it, and what it asks for.

use std::fmt;

use serde::Serialize;

/// The path that the API's base URL ends in, as the vendor's console shows it.
pub const BASE: &str = "/public_api/v1";

/// The four calls that have a limit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// `GET /deployments/{id}`
    Status,
    /// `GET /deployments`
    List,
    /// `POST /deployments/{id}/start`
    Start,
    /// `POST /deployments/{id}/stop`
    Stop,
}

impl Method {
    /// Every method, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Status, Self::List, Self::Start, Self::Stop];

    /// The name used in options and in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::List => "list",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }

    /// Whether the call changes something.
    pub fn is_post(self) -> bool {
        matches!(self, Self::Start | Self::Stop)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One request, reduced to what the service looks at.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method, in capitals.
    pub verb: String,
    /// The path with [`BASE`], without a query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `X-Request-Id` header.
    pub request_id: Option<String>,
}

impl Call {
    /// A call without credentials and without a request id.
    pub fn new(verb: impl Into<String>, path: impl Into<String>) -> Self {
        let (verb, path) = (verb.into(), path.into());
        Self { verb, path, authorization: None, request_id: None }
    }

    /// The call `method`, for `deployment` where the method names one.
    pub fn of(method: Method, deployment: &str) -> Self {
        match method {
            Method::Status => Self::new("GET", format!("{BASE}/deployments/{deployment}")),
            Method::List => Self::new("GET", format!("{BASE}/deployments")),
            Method::Start => Self::new("POST", format!("{BASE}/deployments/{deployment}/start")),
            Method::Stop => Self::new("POST", format!("{BASE}/deployments/{deployment}/stop")),
        }
    }

    /// The same call with HTTP basic authentication.
    pub fn authorized(self, key: &str, secret: &str) -> Self {
        Self { authorization: Some(basic(key, secret)), ..self }
    }

    /// The same call with an `X-Request-Id`.
    pub fn identified(self, id: impl Into<String>) -> Self {
        Self { request_id: Some(id.into()), ..self }
    }
}

impl fmt::Debug for Call {
    /// Leaves the credentials out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({:?})", self.verb, self.path, self.request_id)
    }
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Api { method: Method, deployment: &'a str },
    Audit,
    Fleet,
    Set { deployment: &'a str, status: &'a str },
    Faults { on: bool },
    WrongVerb,
    Unknown,
}

impl<'a> Route<'a> {
    pub(super) fn of(call: &'a Call) -> Self {
        let verb = call.verb.as_str();
        let parts: Vec<&str> = call.path.split('/').skip(1).collect();
        let base: Vec<&str> = BASE.split('/').skip(1).collect();
        if let Some(rest) = parts.strip_prefix(base.as_slice()) {
            return Self::of_api(verb, rest);
        }
        match (verb, parts.as_slice()) {
            ("GET", ["_sim", "audit"]) => Self::Audit,
            ("GET", ["_sim", "deployments"]) => Self::Fleet,
            ("POST", ["_sim", "deployments", deployment, status])
                if is_word(deployment) && is_word(status) =>
            {
                Self::Set { deployment, status }
            }
            ("POST", ["_sim", "faults", "on"]) => Self::Faults { on: true },
            ("POST", ["_sim", "faults", "off"]) => Self::Faults { on: false },
            (
                _,
                ["_sim", "audit" | "deployments"]
                | ["_sim", "deployments", _, _]
                | ["_sim", "faults", "on" | "off"],
            ) => Self::WrongVerb,
            _ => Self::Unknown,
        }
    }

    fn of_api(verb: &str, rest: &[&'a str]) -> Self {
        let (wanted, method, deployment) = match *rest {
            ["deployments"] => ("GET", Method::List, ""),
            ["deployments", id] if is_word(id) => ("GET", Method::Status, id),
            ["deployments", id, "start"] if is_word(id) => ("POST", Method::Start, id),
            ["deployments", id, "stop"] if is_word(id) => ("POST", Method::Stop, id),
            _ => return Self::Unknown,
        };
        if verb == wanted { Self::Api { method, deployment } } else { Self::WrongVerb }
    }
}

/// The bound is that of evenkeel's own ids; it keeps what a stranger can make us remember small.
fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// The header that a client with this key and secret sends (RFC 7617).
pub(super) fn basic(key: &str, secret: &str) -> String {
    format!("Basic {}", base64(format!("{key}:{secret}").as_bytes()))
}

/// Only this direction is needed: comparing what is expected spares us a decoder for strangers'
/// input.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let three = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let bits = three[0] << 16 | three[1] << 8 | three[2];
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place) & 0x3f) as usize;
            text.push(if place <= chunk.len() { char::from(ALPHABET[six]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648, section 10, and the header of RFC 7617, section 2.
    #[test]
    fn basic_authentication_is_the_standards() {
        let cases = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|t| base64(t.as_bytes()));
        assert_eq!(cases, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn a_call_shows_no_credentials() {
        let call = Call::of(Method::Start, "w41b11c0").authorized("key", "hidden").identified("7");
        let shown = format!("{call:?}");
        assert_eq!(shown, "POST /public_api/v1/deployments/w41b11c0/start (Some(\"7\"))");
    }

    #[test]
    fn paths_and_verbs_lead_somewhere() {
        let api = |method, deployment| Route::Api { method, deployment };
        let long = format!("GET {BASE}/deployments/{}", "a".repeat(65));
        for (line, route) in [
            ("GET /public_api/v1/deployments", api(Method::List, "")),
            ("GET /public_api/v1/deployments/a-1", api(Method::Status, "a-1")),
            ("POST /public_api/v1/deployments/a/start", api(Method::Start, "a")),
            ("POST /public_api/v1/deployments/a/stop", api(Method::Stop, "a")),
            ("GET /public_api/v1/deployments/a/stop", Route::WrongVerb),
            ("DELETE /public_api/v1/deployments/a", Route::WrongVerb),
            ("GET /public_api/v1/deployments/", Route::Unknown),
            ("GET /deployments/a", Route::Unknown),
            ("GET /api/v5/deployments", Route::Unknown),
            (&long, Route::Unknown),
            ("GET /_sim/audit", Route::Audit),
            ("GET /_sim/deployments", Route::Fleet),
            ("POST /_sim/audit", Route::WrongVerb),
            ("POST /_sim/deployments/a/failed", Route::Set { deployment: "a", status: "failed" }),
            ("GET /_sim/deployments/a/failed", Route::WrongVerb),
            ("POST /_sim/faults/off", Route::Faults { on: false }),
            ("GET /_sim/faults/on", Route::WrongVerb),
            ("POST /_sim/faults/maybe", Route::Unknown),
            ("GET /", Route::Unknown),
        ] {
            let (verb, path) = line.split_once(' ').unwrap();
            assert_eq!(Route::of(&Call::new(verb, path)), route, "{line}");
        }
    }
}
