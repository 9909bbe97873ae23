//! A kubeconfig: the cluster and the user of its current context.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::access::{Access, Source, server};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    exec: Option<IgnoredAny>,
    auth_provider: Option<IgnoredAny>,
    username: Option<IgnoredAny>,
    #[serde(rename = "as")]
    impersonate: Option<IgnoredAny>,
}

/// Reads it; or says what is wrong with it, and what to do.
pub(super) fn read(text: &[u8], path: &Path) -> Result<Access, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is no UTF-8 text".to_owned())?;
    // The parser's message would show the line, which may hold a secret.
    let file: File = serde_yaml::from_str(text)
        .map_err(|_| "it is none; `kubectl config view --kubeconfig FILE` says why".to_owned())?;
    let current = &file.current_context;
    let context = file.contexts.into_iter().find(|one| one.name == *current).ok_or_else(|| {
        format!("it has no context `{current}`; `kubectl config use-context` sets the current one")
    })?;
    let Context { cluster, user, namespace } = context.context;
    let found = file.clusters.into_iter().find(|one| one.name == cluster);
    let found_cluster = found.ok_or_else(|| format!("it has no cluster `{cluster}`"))?.cluster;
    let found = file.users.into_iter().find(|one| one.name == user);
    let found_user = found.ok_or_else(|| format!("it has no user `{user}`"))?.user;
    refuse_the_unusual(&found_cluster, &cluster)?;
    refuse_what_runs(&found_user, &user)?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let source = |data: Option<&str>, file: Option<&str>, key: &str| match (data, file) {
        (Some(data), _) => {
            let bytes = BASE64_STANDARD.decode(data.trim());
            let bytes = bytes.map_err(|_| format!("`{key}-data` is no base64"))?;
            Ok::<_, String>(Some(Source::Here(Zeroizing::new(bytes))))
        }
        (None, file) => Ok(file.map(|file| Source::File(beside.join(file)))),
    };
    let Cluster { server: address, certificate_authority, certificate_authority_data, .. } =
        found_cluster;
    let ca = source(
        certificate_authority_data.as_deref(),
        certificate_authority.as_deref(),
        "certificate-authority",
    )?;
    let certificate = source(
        found_user.client_certificate_data.as_deref(),
        found_user.client_certificate.as_deref(),
        "client-certificate",
    )?;
    let key = source(
        found_user.client_key_data.map(Zeroizing::new).as_deref().map(String::as_str),
        found_user.client_key.as_deref(),
        "client-key",
    )?;
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            let what = "has a client certificate or its key, and both are needed";
            return Err(format!("user `{user}` {what}"));
        }
    };
    // Of the two the file is the newer one, as kubectl has it.
    let token = match (found_user.token_file, found_user.token) {
        (Some(file), _) => Some(Source::File(beside.join(file))),
        (None, Some(token)) => Some(Source::Here(Zeroizing::new(token.into_bytes()))),
        (None, None) => None,
    };
    let who = format!("user `{user}` of {}", path.display());
    Ok(Access { server: server(&address)?, ca, identity, token, namespace, who })
}

/// What would be another way to the server than the one that is gone here.
fn refuse_the_unusual(cluster: &Cluster, name: &str) -> Result<(), String> {
    let Cluster { insecure_skip_tls_verify, tls_server_name, proxy_url, .. } = cluster;
    let why = if *insecure_skip_tls_verify {
        "`insecure-skip-tls-verify`; `certificate-authority` names the server's CA instead"
    } else if tls_server_name.is_some() {
        "`tls-server-name`; name an address in `server` that the certificate is for"
    } else if proxy_url.is_some() {
        "`proxy-url`; name an address in `server` that is reached without a proxy"
    } else {
        return Ok(());
    };
    Err(format!("cluster `{name}` asks for what is not done here: {why}"))
}

/// A ledger must not wait for a program, or for somebody who logs in.
fn refuse_what_runs(user: &User, name: &str) -> Result<(), String> {
    let User { exec, auth_provider, username, impersonate, .. } = user;
    let what = match () {
        () if exec.is_some() => "`exec`",
        () if auth_provider.is_some() => "`auth-provider`",
        () if username.is_some() => "`username`",
        () if impersonate.is_some() => "`as`",
        () => return Ok(()),
    };
    Err(format!(
        "user `{name}` has {what}, and no program is run for a ledger, and nobody impersonated; \
         give it a `tokenFile`, a `token` or a client certificate, such as those of a service \
         account of its own"
    ))
}
