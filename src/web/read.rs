//! The file, in the format of Prometheus' exporter-toolkit. What of that format is not here is
//! refused by name, and not passed over: each of these keys is somebody's idea of safety.

use std::path::{Path, PathBuf};

use hyper::header::{HeaderName, HeaderValue};

use super::Rules;
use super::admit::Users;
use super::tls::{self, Clients, Version};
use crate::yaml::{At, Entry, Faults, Fields, Kind, Node, Place, Report, Source};

/// What the file says.
pub(super) struct File {
    pub(super) tls: Option<Tls>,
    users: Users,
    headers: Vec<(HeaderName, HeaderValue)>,
    warnings: Vec<String>,
}

/// The section `tls_server_config`.
pub(super) struct Tls {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) clients: Clients,
    pub(super) versions: (Version, Version),
}

impl Tls {
    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }
}

impl File {
    /// Reads the files that it names.
    pub(super) fn rules(self) -> Result<Rules, String> {
        let tls = self.tls.as_ref().map(tls::server).transpose()?;
        let (users, headers, warnings) = (self.users, self.headers, self.warnings);
        Ok(Rules { tls: tls.map(Into::into), users, headers, warnings })
    }
}

/// Takes the file apart. Paths start from its folder.
pub(super) fn file(name: &str, bytes: &[u8], beside: &Path) -> Result<File, Report> {
    let mut faults = Faults::default();
    let mut source = Source::new(name, bytes).map_err(|problem| Report::one(name, problem))?;
    let root = source.parse(&mut faults).map_err(|mut problem| {
        // There may be a hash in that line.
        problem.excerpt = None;
        Report::one(name, problem)
    })?;
    let mut hidden = Vec::new();
    hide(&root, false, &mut hidden);
    source.mask(hidden);
    let expected = "a map with `tls_server_config`, `basic_auth_users` or `http_server_config`";
    let fields = (!root.is_null()).then(|| Fields::of(&root, "", expected, &mut faults)).flatten();
    let mut fields = fields.unwrap_or_else(|| Fields::absent(""));
    let tls = fields.take("tls_server_config", &mut faults);
    let tls = tls.and_then(|entry| tls_section(entry, beside, &mut faults));
    let users = fields.take("basic_auth_users", &mut faults);
    let users = users.map(|entry| users_section(entry, &mut faults)).unwrap_or_default();
    let mut http = fields.section("http_server_config", &mut faults);
    if http.optional("http2", &mut faults, Node::boolean) == Some(true) {
        faults.warning(At::Place(http.place()), "`http2`: only HTTP/1.1 is spoken here");
    }
    let headers = http.take("headers", &mut faults);
    let headers = headers.map(|entry| headers_section(entry, &mut faults)).unwrap_or_default();
    http.finish(&mut faults);
    let limit = "connections, time and size are bounded here in any case";
    refuse(&mut fields, &[("rate_limit", limit)], &mut faults);
    fields.finish(&mut faults);
    let warnings = faults.finish(name, Some(&source))?;
    Ok(File { tls, users, headers, warnings })
}

/// Where there are hashes and keys, also behind a key that is misspelt.
fn hide(node: &Node, secret: bool, places: &mut Vec<Place>) {
    match &node.kind {
        Kind::Map(entries) => {
            for Entry { key, value, .. } in entries {
                hide(value, secret || matches!(&**key, "key" | "basic_auth_users"), places);
            }
        }
        Kind::List(nodes) => nodes.iter().for_each(|node| hide(node, secret, places)),
        Kind::Text(text) if secret || text.starts_with('$') => places.push(node.place),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => (),
    }
}

fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => &[],
    }
}

/// Keys of the format that have no effect here.
fn refuse(fields: &mut Fields<'_>, keys: &[(&'static str, &str)], faults: &mut Faults) {
    for (key, why) in keys {
        // Not asked for, so that no message proposes it.
        if let Some(place) = fields.key_place(key) {
            fields.skip(key);
            faults.problem(place, format!("`{key}` is not supported: {why}"));
        }
    }
}

fn tls_section(entry: &Entry, beside: &Path, faults: &mut Faults) -> Option<Tls> {
    const CLIENTS: [(&str, Clients); 3] = [
        ("NoClientCert", Clients::Unasked),
        ("VerifyClientCertIfGiven", Clients::IfGiven),
        ("RequireAndVerifyClientCert", Clients::Required),
    ];
    const VERSIONS: [(&str, Version); 2] = [("TLS12", Version::Tls12), ("TLS13", Version::Tls13)];
    let expected = "a map with `cert_file` and `key_file`";
    let mut fields = Fields::of(&entry.value, "tls_server_config", expected, faults)?;
    let mut file = |key: &'static str, faults: &mut Faults| {
        fields.optional(key, faults, |node| Ok(beside.join(node.word()?)))
    };
    let (cert, key) = (file("cert_file", faults), file("key_file", faults));
    let client_ca = file("client_ca_file", faults);
    let clients = fields.take("client_auth_type", faults);
    let clients = clients.map(|it| faults.choice(&it.value, &CLIENTS));
    let mut version = |key: &'static str, usual: Version, faults: &mut Faults| {
        let entry = fields.take(key, faults);
        entry.map_or(Some(usual), |entry| faults.choice(&entry.value, &VERSIONS))
    };
    let min = version("min_version", Version::Tls12, faults);
    let max = version("max_version", Version::Tls13, faults);
    let files = "name a file: what is written here would be read by everybody who reads this";
    let ours = "only suites and curves without known weakness are offered";
    let sans = "whoever has a certificate of `client_ca_file` is let in; use a CA of its own";
    let absent = [
        ("cert", files),
        ("key", files),
        ("client_ca", files),
        ("cipher_suites", ours),
        ("curve_preferences", ours),
        ("prefer_server_cipher_suites", ours),
        ("client_allowed_sans", sans),
    ];
    refuse(&mut fields, &absent, faults);
    for (key, missing) in [("cert_file", cert.is_none()), ("key_file", key.is_none())] {
        if missing {
            faults.problem(entry.place, format!("`tls_server_config.{key}` is missing"));
        }
    }
    let clients = clients.unwrap_or(Some(Clients::Unasked));
    if clients.is_some_and(|clients| (clients == Clients::Unasked) == client_ca.is_some()) {
        let what = "`client_ca_file` and a `client_auth_type` that verifies belong together";
        faults.problem(entry.place, what);
    }
    if min.zip(max).is_some_and(|(min, max)| max < min) {
        faults.problem(entry.place, "`max_version` is below `min_version`");
    }
    fields.finish(faults);
    Some(Tls { cert: cert?, key: key?, client_ca, clients: clients?, versions: (min?, max?) })
}

fn users_section(entry: &Entry, faults: &mut Faults) -> Users {
    if !entry.value.is_map() && !entry.value.is_null() {
        let expected = "expected a map from user names to bcrypt hashes";
        faults.problem(entry.value.place, format!("`basic_auth_users`: {expected}"));
    }
    let mut users = Users::default();
    for one in entries(&entry.value) {
        // Never the value itself: it is next to a password.
        let hash = one.value.word().map_err(|_| "expected a bcrypt hash".to_owned());
        let added = hash.and_then(|hash| users.add(&one.key, hash));
        if let Err(why) = added {
            let how = "`htpasswd -nBC 10 NAME` makes one";
            faults.problem(one.value.place, format!("the password of `{}`: {why}; {how}", one.key));
        }
    }
    if users.differ() {
        let what = "`basic_auth_users`: hashes of different costs let user names be told by the \
                    time that a refusal takes; use one cost";
        faults.warning(At::Place(entry.place), what);
    }
    users
}

fn headers_section(entry: &Entry, faults: &mut Faults) -> Vec<(HeaderName, HeaderValue)> {
    const ANY: &[&str] = &[];
    const KNOWN: [(&str, &[&str]); 5] = [
        ("Content-Security-Policy", ANY),
        ("Strict-Transport-Security", ANY),
        ("X-Content-Type-Options", &["nosniff"]),
        ("X-Frame-Options", &["deny", "sameorigin"]),
        ("X-XSS-Protection", ANY),
    ];
    let expected = "a map from header names to their values";
    let Some(mut fields) = Fields::of(&entry.value, "headers", expected, faults) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, values) in KNOWN {
        let value = fields.optional(name, faults, |node| {
            let text = node.word()?;
            if !values.is_empty() && !values.contains(&text) {
                return Err(format!("expected {}", crate::yaml::listed(values)));
            }
            HeaderValue::from_str(text).map_err(|_| "this cannot be a header's value".to_owned())
        });
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        headers.extend(name.zip(value).filter(|(_, value)| !value.is_empty()));
    }
    fields.finish(faults);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

    fn told(text: &str) -> String {
        match file("web.yaml", text.replace("HASH", HASH).as_bytes(), Path::new("/etc")) {
            Ok(file) => file.warnings.join("\n"),
            Err(report) => report.to_string(),
        }
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        let tls = "tls_server_config: { cert_file: a, key_file: b";
        let cases = [
            ("basic_auth_user: { a: HASH }", ":1:1: unknown key `basic_auth_user`"),
            ("basic_auth_users: { a: secret }", ":1:24: the password of `a`: this is no bcrypt"),
            ("[a]", ":1:1: expected a map with `tls_server_config`"),
            ("basic_auth_users: { 'a:b': HASH }", "a user name is not empty and has no `:`"),
            ("rate_limit: { burst: 1 }", ":1:1: `rate_limit` is not supported"),
            ("http_server_config: { headers: { X-Frame-Options: no } }", "`deny` or `sameorigin`"),
            ("http_server_config: { headers: { Server: x } }", "unknown key `Server`"),
            ("http_server_config: { http2: true }", "`http2`: only HTTP/1.1 is spoken here"),
            ("tls_server_config: { cert_file: a }", "`tls_server_config.key_file` is missing"),
            (&format!("{tls}, key: x }}"), ":1:49: `key` is not supported: name a file"),
            (&format!("{tls}, min_version: TLS11 }}"), "expected `TLS12` or `TLS13`"),
            (&format!("{tls}, client_ca_file: c }}"), "belong together"),
            (
                &format!("{tls}, min_version: TLS13, max_version: TLS12 }}"),
                "is below `min_version`",
            ),
        ];
        for (text, expected) in cases {
            let told = told(text);
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("$2b$") && !told.contains("found the text `secret`"), "{told}");
        }
        assert_eq!(told("basic_auth_users: { a: HASH, b: HASH }"), "");
        assert_eq!(told(""), "");
    }
}
