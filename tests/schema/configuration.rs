//! The shape of a configuration file.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::ledger::Ledger;
use super::shared::{DeploymentId, Duration, Name};

/// How evenkeel runs. Every key but an account's URL and credentials has a default.
#[derive(JsonSchema)]
#[schemars(title = "evenkeel: configuration", deny_unknown_fields)]
pub(crate) struct Configuration {
    /// The desired file, a directory of them, or a pattern such as `teams/*.yaml`; relative to this
    /// file.
    pub(crate) desired: Option<String>,
    /// The directory of the ledger file and of the last good desired files; one process at a time.
    pub(crate) state_dir: Option<String>,
    /// Where the ledger is kept: `file`, or where several machines reach it.
    pub(crate) ledger: Option<Ledger>,
    /// Where the status page, metrics and probes are served.
    #[schemars(regex(pattern = r":\d+$"))]
    pub(crate) listen: Option<String>,
    /// A file in the format of Prometheus' exporter-toolkit, which says who may reach `listen`:
    /// TLS, client certificates, passwords and headers; relative to this file.
    pub(crate) web_config: Option<String>,
    /// By name; entries of the desired file name one with `account:`.
    pub(crate) accounts: Option<BTreeMap<Name, Account>>,
    /// The API's limits.
    pub(crate) limits: Option<Limits>,
    /// How to look.
    pub(crate) observe: Option<Observe>,
    /// How to act.
    pub(crate) act: Option<Act>,
    /// When to hold back.
    pub(crate) guards: Option<Guards>,
    /// Who may ask for exceptions.
    pub(crate) admin: Option<Admin>,
    /// Who is told when something happens.
    pub(crate) notify: Option<Notify>,
}

/// Who may ask for exceptions: `evenkeel override`, `suspend`, `resume` and `sync`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Admin {
    /// Whether there is a socket, `admin.sock` in the state directory, for the daemon's own user
    /// and root.
    pub(crate) socket: Option<bool>,
    /// A file with the token that lets somebody in over TCP; without it nothing is changed over
    /// TCP.
    pub(crate) token_file: Option<String>,
    /// The longest exception.
    pub(crate) max_duration: Option<Duration>,
    /// Requests at once, and by when there are as many again; over the socket and over TCP apart.
    pub(crate) rate: Option<Limit>,
}

/// One base URL with one key.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Account {
    /// The Deployment Management API; it ends in `/public_api/v1`.
    #[schemars(regex(pattern = "^https?://"))]
    pub(crate) url: Option<String>,
    /// Where the key is kept.
    pub(crate) key: Option<Credential>,
    /// Where its secret is kept.
    pub(crate) secret: Option<Credential>,
}

/// Where a credential is kept.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", deny_unknown_fields)]
#[expect(clippy::enum_variant_names, reason = "the variants are the keys")]
pub(crate) enum Credential {
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(String),
    /// In the file of this name that the supervisor passes: `LoadCredential=` of systemd.
    Credential(String),
}

/// At most so many calls in any window.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Limit {
    /// Calls.
    #[schemars(range(min = 1))]
    pub(crate) requests: Option<u32>,
    /// The window.
    pub(crate) per: Option<Duration>,
}

/// The API's limits.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Limits {
    /// What a limit counts over.
    pub(crate) scope: Option<Scope>,
    /// `GET /deployments/{id}`.
    pub(crate) status: Option<Limit>,
    /// `GET /deployments`.
    pub(crate) list: Option<Limit>,
    /// `POST /deployments/{id}/start`.
    pub(crate) start: Option<Limit>,
    /// `POST /deployments/{id}/stop`.
    pub(crate) stop: Option<Limit>,
    /// Added to each window: what clocks and server nodes may differ by.
    pub(crate) margin: Option<Duration>,
    /// How long after giving up a request may still arrive.
    pub(crate) lateness: Option<Duration>,
    /// How wrong the wall clock may be, across reboots and machines.
    pub(crate) clock_skew: Option<Duration>,
    /// What to assume when there is no ledger yet.
    pub(crate) new_ledger: Option<NewLedger>,
}

/// What a limit counts over.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Per deployment, until a 429 which that cannot explain; then the whole account for a day.
    Auto,
    /// Each deployment by itself.
    Deployment,
    /// All deployments that share a key.
    Account,
}

/// What to assume when there is no ledger yet.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum NewLedger {
    /// A new installation: nothing was spent.
    Unused,
    /// Perhaps a lost ledger: everything was spent just now.
    Spent,
}

/// How to look.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Observe {
    /// Between two routine reads: `auto`, or a duration.
    pub(crate) interval: Option<Interval>,
    /// Status calls of each window kept for confirming and for watching a passage.
    pub(crate) reserve: Option<u32>,
    /// How old a read may be to act on it.
    pub(crate) confirm_within: Option<Duration>,
    /// Whether the list call is used.
    pub(crate) list: Option<List>,
    /// From connecting to the end of the answer.
    pub(crate) timeout: Option<Duration>,
    /// Calls under way at a time, per account.
    #[schemars(range(min = 1))]
    pub(crate) concurrency: Option<u32>,
}

/// Between two routine reads.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Interval {
    /// The steadiest that the limits allow after the reserve.
    Auto(Auto),
    /// At least so long.
    Every(Duration),
}

/// `auto`.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Auto {
    /// By the limits.
    Auto,
}

/// Whether the list call is used.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum List {
    /// Where the server has it.
    Auto,
    /// Each deployment is read by itself.
    Never,
}

/// How to act.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Act {
    /// `observe`: everything but the calls that change something.
    pub(crate) mode: Option<Mode>,
    /// The `deploymentType`s that may be started and stopped.
    pub(crate) types: Option<Vec<String>>,
    /// After failures.
    pub(crate) backoff: Option<Backoff>,
    /// A passage longer than this is worth a warning.
    pub(crate) settle_warning: Option<Duration>,
    /// A passage longer than this is stalled.
    pub(crate) settle_timeout: Option<Duration>,
}

/// Whether to act.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Start and stop.
    Enforce,
    /// Only look.
    Observe,
}

/// Delays after failures: doubling, scattered.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Backoff {
    /// The first.
    pub(crate) initial: Option<Duration>,
    /// The longest.
    pub(crate) max: Option<Duration>,
}

/// When to hold back.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Guards {
    /// An edit that would stop more than both is held until it is acknowledged.
    pub(crate) stops: Option<Stops>,
    /// Something else that keeps turning a deployment back is not fought for ever.
    pub(crate) contested: Option<Contested>,
}

/// How much one edit may stop.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Stops {
    /// Of the fleet.
    #[schemars(range(max = 100))]
    pub(crate) percent: Option<u32>,
    /// In number.
    pub(crate) above: Option<u32>,
}

/// When a deployment is contested.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Contested {
    /// So many reversals …
    #[schemars(range(min = 1))]
    pub(crate) reversals: Option<u32>,
    /// … within this time.
    pub(crate) within: Option<Duration>,
}

/// Who is told when something happens.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Notify {
    /// How long a message waits for more of its kind.
    pub(crate) group_wait: Option<Duration>,
    /// How long after the one before it waits at least.
    pub(crate) group_interval: Option<Duration>,
    /// By name.
    pub(crate) receivers: Option<BTreeMap<Name, Receiver>>,
}

/// One who is told.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Receiver {
    /// The form of its messages; `webhook` if nothing is said.
    pub(crate) format: Option<Format>,
    /// Where it is.
    pub(crate) url: Address,
    /// What a `webhook` is signed with: `whsec_` and 24 to 64 bytes in base64.
    pub(crate) secret: Option<Credential>,
    /// What it is told of; all, if nothing is said.
    #[schemars(length(min = 1))]
    pub(crate) events: Option<Vec<Event>>,
    /// Of which deployments; all, if nothing is said.
    #[schemars(length(min = 1))]
    pub(crate) deployments: Option<Vec<DeploymentId>>,
}

/// The form of messages.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A CloudEvent, signed by the rules of Standard Webhooks.
    Webhook,
    /// Slack's incoming webhooks.
    Slack,
    /// Workflows of Microsoft Teams.
    Teams,
}

/// Where a receiver is.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Address {
    /// Of a `webhook` only: whoever knows the URL of the others may post.
    Plain(Url),
    /// Where it is kept.
    Kept(Credential),
}

/// A URL.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Url(
    #[schemars(regex(pattern = "^https?://"))]
    pub(crate) String,
);

/// What can happen.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// Deployments run that did not.
    Started,
    /// Deployments are stopped that ran.
    Stopped,
    /// The platform says that they failed.
    Failed,
    /// A start or stop has not settled in time.
    Stalled,
    /// They cannot be acted on: not found, forbidden, another name or type, an unknown status.
    Blocked,
    /// Something else keeps turning them back.
    Contested,
    /// They are not ready when their window begins.
    Late,
    /// The mass-stop guard holds a change of the desired file.
    Held,
    /// The API refuses an account's key.
    CredentialsRefused,
    /// A desired file is refused.
    DesiredFileRefused,
    /// The ledger cannot be written.
    LedgerStuck,
    /// Another process leads, and acts, than before.
    LeaderChanged,
}
