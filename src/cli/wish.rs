//! `evenkeel override`, `suspend`, `resume` and `sync`: ask the running daemon for something
//! without an edit of the desired file.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::daemon::DaemonArgs;
use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use super::socket;
use crate::config;
use crate::keel::deployment::{DeploymentId, Desired};
use crate::keel::time::parse_duration;
use crate::keel::view::{DeploymentView, NextView};

/// A daemon on this machine answers at once; one that does not in this time is stuck.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the running daemon is, and how to answer.
#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// Who asks, beside the user that the system names
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// File with the token of `admin.token_file`; asks over TCP then, and not at the socket
    #[arg(long, value_name = "FILE", env = "EVENKEEL_TOKEN_FILE", conflicts_with = "socket")]
    pub token_file: Option<PathBuf>,
    /// Where the daemon is
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// The daemon's socket [default: admin.sock in the state directory]
    #[arg(long, value_name = "FILE", env = "EVENKEEL_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Directory of the ledger [default: that of the configuration]
    #[arg(long, value_name = "DIR", env = "EVENKEEL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// Have a deployment running or stopped for a while, whatever the desired file says
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel override b1f77113 running --for 2h --reason \"load test\"\n  \
    evenkeel override b1f77113 stopped --for 30m\n\n\
    The file decides again afterwards, or after `evenkeel resume`. `protect: true`, `suspend:` and \
    the budgets hold as ever.\n\n\
    Exit code: 0; 2 when it was not done.")]
pub struct OverrideArgs {
    /// The deployment
    pub id: String,
    /// running or stopped
    #[arg(value_parser = state)]
    pub state: Desired,
    /// For how long, such as 2h or 1h30m; at most 168h
    #[arg(long = "for", value_name = "D", value_parser = duration)]
    pub lasts: String,
    /// Why, for others
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Where to ask
    #[command(flatten)]
    pub ask: AskArgs,
}

/// Neither start nor stop a deployment for a while
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel suspend b1f77113 --for 4h --reason migration\n  \
    evenkeel suspend b1f77113 --reason \"until the vendor has mended it\"\n\n\
    Ends by itself, or with `evenkeel resume`.\n\n\
    Exit code: 0; 2 when it was not done.")]
pub struct SuspendArgs {
    /// The deployment
    pub id: String,
    /// For how long, such as 4h; at most 168h [default: until `evenkeel resume`]
    #[arg(long = "for", value_name = "D", value_parser = duration)]
    pub lasts: Option<String>,
    /// Why, for others
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Where to ask
    #[command(flatten)]
    pub ask: AskArgs,
}

/// End what `override` and `suspend` asked for: the desired file decides again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  evenkeel resume b1f77113\n\n\
    What the desired file itself overrides or suspends stays so.\n\n\
    Exit code: 0; 2 when it was not done.")]
pub struct ResumeArgs {
    /// The deployment
    pub id: String,
    /// Where to ask
    #[command(flatten)]
    pub ask: AskArgs,
}

/// Read the status of a deployment, or of all, as soon as the budget lets it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  evenkeel sync b1f77113\n  evenkeel sync\n\n\
    Exit code: 0; 2 when it was not done.")]
pub struct SyncArgs {
    /// Only this deployment
    pub id: Option<String>,
    /// Where to ask
    #[command(flatten)]
    pub ask: AskArgs,
}

#[derive(Serialize, Default)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Desired>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(serde::Deserialize, Serialize)]
struct Synced {
    deployments: Vec<SyncedOne>,
}

#[derive(serde::Deserialize, Serialize)]
struct SyncedOne {
    id: DeploymentId,
    next: NextView,
}

/// `evenkeel override`.
///
/// # Errors
/// When the daemon did not do it.
pub async fn over(global: &Global, args: &OverrideArgs) -> Result<Exit, Failure> {
    let (state, lasts) = (Some(args.state), Some(&*args.lasts));
    let body = Body { state, lasts, reason: args.reason.as_deref(), name: None };
    one(global, &args.ask, &args.id, "override", body).await
}

/// `evenkeel suspend`.
///
/// # Errors
/// When the daemon did not do it.
pub async fn suspend(global: &Global, args: &SuspendArgs) -> Result<Exit, Failure> {
    let (lasts, reason) = (args.lasts.as_deref(), Some(&*args.reason));
    let body = Body { lasts, reason, ..Body::default() };
    one(global, &args.ask, &args.id, "suspend", body).await
}

/// `evenkeel resume`.
///
/// # Errors
/// When the daemon did not do it.
pub async fn resume(global: &Global, args: &ResumeArgs) -> Result<Exit, Failure> {
    one(global, &args.ask, &args.id, "resume", Body::default()).await
}

/// `evenkeel sync`.
///
/// # Errors
/// When the daemon did not do it.
pub async fn sync(global: &Global, args: &SyncArgs) -> Result<Exit, Failure> {
    if let Some(id) = &args.id {
        return one(global, &args.ask, id, "sync", Body::default()).await;
    }
    let body = Body { name: args.ask.name.as_deref(), ..Body::default() };
    let synced: Synced = post(global, &args.ask, "/api/v1/sync", &body).await?;
    if args.ask.output == Format::Json {
        return output::json(&synced);
    }
    for SyncedOne { id, next } in &synced.deployments {
        let when = next.at.map(|at| format!(", {at}")).unwrap_or_default();
        let step = format!("{:?}", next.step).to_lowercase();
        output::line(&format!("{id}: next {step}{when}"))?;
    }
    Ok(Exit::Yes)
}

async fn one(
    global: &Global,
    ask: &AskArgs,
    id: &str,
    what: &str,
    body: Body<'_>,
) -> Result<Exit, Failure> {
    let id = DeploymentId::parse(id).map_err(Failure::new)?;
    let path = format!("/api/v1/deployments/{id}/{what}");
    let body = Body { name: ask.name.as_deref(), ..body };
    let view: DeploymentView = post(global, ask, &path, &body).await?;
    match ask.output {
        Format::Json => output::json(&view),
        Format::Text => {
            let until = view.desired.until.map(|at| format!(" until {at}")).unwrap_or_default();
            output::line(&format!(
                "{id}: {}{until} by {}\n{}: {}",
                view.desired.state, view.desired.rule, view.synced.reason, view.synced.message
            ))?;
            Ok(Exit::Yes)
        }
    }
}

async fn post<T: DeserializeOwned>(
    global: &Global,
    ask: &AskArgs,
    path: &str,
    body: &Body<'_>,
) -> Result<T, Failure> {
    let (client, url, shown) = way(global, ask)?;
    let unreachable = |error| {
        Failure::because(
            format!(
                "no daemon answers at {shown}; is `evenkeel run` running, and may you write to its \
                 socket? `--socket` or `--state-dir` names another place; `--token-file` asks over \
                 TCP"
            ),
            error,
        )
    };
    let request = client.post(format!("{url}{path}")).json(body);
    let request = match &ask.token_file {
        Some(file) => {
            let token = config::token(file).map_err(Failure::new)?;
            request.bearer_auth(token.expose_secret())
        }
        None => request,
    };
    let answer = request.send().await.map_err(unreachable)?;
    let code = answer.status().as_u16();
    let text = answer.text().await.map_err(unreachable)?;
    if code != 200 {
        let fault = serde_json::from_str::<Value>(&text).ok();
        let fault = fault.and_then(|fault| Some(fault.get("error")?.as_str()?.to_owned()));
        let fault = fault.unwrap_or_else(|| text.trim().to_owned());
        return Err(Failure::new(format!("the daemon refuses it ({code}): {fault}")));
    }
    serde_json::from_str(&text)
        .map_err(|error| Failure::because("the daemon's answer is not understood", error))
}

/// By what to ask, the beginning of the URL, and what that is for people.
type Way = (reqwest::Client, String, String);

fn way(global: &Global, ask: &AskArgs) -> Result<Way, Failure> {
    if ask.token_file.is_none() {
        let socket = socket(global, ask)?;
        let failed = |error| Failure::because("cannot ask the daemon", error);
        let client = crate::api::local_client(&socket, PATIENCE).map_err(failed)?;
        return Ok((client, "http://localhost".to_owned(), socket.display().to_string()));
    }
    let place = ask.daemon.place(global)?;
    if !place.is_private() {
        return Err(Failure::new(format!(
            "the token would cross the network to {0} in the clear; ask on the daemon's own \
             machine, or https://{0} if it speaks TLS, or a proxy that does: \
             curl -H \"Authorization: Bearer $TOKEN\" …",
            place.shown
        )));
    }
    Ok((place.client()?, place.url, place.shown))
}

fn socket(global: &Global, ask: &AskArgs) -> Result<PathBuf, Failure> {
    if let Some(socket) = &ask.socket {
        return Ok(socket.clone());
    }
    if let Some(dir) = &ask.state_dir {
        return Ok(dir.join(socket::NAME));
    }
    let settable = Settable::default();
    match global.settings(&settable) {
        Ok(settings) => Ok(settings.state_dir.join(socket::NAME)),
        Err(failure) if global.config.is_some() => Err(failure),
        // Only the directory matters here; accounts may be configured elsewhere.
        Err(_) => Ok(PathBuf::from(crate::config::USUAL_STATE_DIR).join(socket::NAME)),
    }
}

fn state(text: &str) -> Result<Desired, String> {
    match text {
        "running" => Ok(Desired::Running),
        "stopped" => Ok(Desired::Stopped),
        _ => Err("expected `running` or `stopped`".to_owned()),
    }
}

fn duration(text: &str) -> Result<String, String> {
    parse_duration(text).map(|_| text.to_owned())
}
