//! `evenkeel simulate`: serves a simulated Deployment Management API.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::simulator::{
    Deployment, Faults, Kind, Limits, Method, Options, RetryAfter, Scope, Simulator,
};

/// Serve a simulated Deployment Management API
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    evenkeel simulate --listen 127.0.0.1:8080 --deployments 5\n  \
    evenkeel simulate --window 60s --start-delay 5s    an hour shrunk to a minute\n\n\
    Exit code: 0 after SIGTERM or SIGINT.")]
pub struct SimulateArgs {
    /// Address to serve on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// API key to accept
    #[arg(long, default_value = "key")]
    pub key: String,
    // Every local user can read a command line; this secret guards nothing.
    /// Secret of the API key
    #[arg(long, default_value = "secret")]
    pub secret: String,
    /// Seed of all chance: the same calls at the same times get the same answers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// The deployments
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// The limits
    #[command(flatten)]
    pub limits: LimitArgs,
    /// The faults
    #[command(flatten)]
    pub faults: FaultArgs,
}

/// What there is, and how it moves.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Deployments")]
pub struct FleetArgs {
    /// Number of generated deployments, all running [default: 3, or 0 with --deployment]
    #[arg(long, value_name = "N")]
    pub deployments: Option<usize>,
    /// One deployment, as ID=STATUS[,KEY=VALUE]…; keys: name, type, platform, region, connections,
    /// created. May be repeated; takes the place of a generated one with the same id
    #[arg(long = "deployment", value_name = "SPEC", value_parser = deployment)]
    pub deployment: Vec<Deployment>,
    /// Answer 403 for this deployment. May be repeated
    #[arg(long, value_name = "ID")]
    pub forbid: Vec<String>,
    /// Be an older server: GET /deployments answers 404
    #[arg(long)]
    pub no_list: bool,
    /// Time from `starting` to `running`
    #[arg(long, value_name = "D", default_value = "60s", value_parser = duration)]
    pub start_delay: Duration,
    /// Time from `stopping` to `stopped`
    #[arg(long, value_name = "D", default_value = "30s", value_parser = duration)]
    pub stop_delay: Duration,
    /// Time in `pending` before `starting`; 0s leaves the word out
    #[arg(long, value_name = "D", default_value = "0s", value_parser = duration)]
    pub pending: Duration,
    /// Probability that a start or stop settles where it came from
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub revert: f64,
    /// Probability that a start or stop settles on `failed`
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub fail: f64,
    /// Let somebody at the console turn a deployment this often, on average
    #[arg(long, value_name = "D", value_parser = interval)]
    pub drift: Option<Duration>,
}

/// How calls are limited.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Length of every window
    #[arg(long, value_name = "D", default_value = "60m", value_parser = interval)]
    pub window: Duration,
    /// A limit, as METHOD=REQUESTS or METHOD=REQUESTS/WINDOW; methods: status, list, start, stop.
    /// May be repeated [default: status=60 list=60 start=1 stop=1]
    #[arg(long = "limit", value_name = "LIMIT", value_parser = limit)]
    pub limit: Vec<(Method, u32, Option<Duration>)>,
    /// What a limit is counted over
    #[arg(long, value_enum, default_value_t = ScopeArg::Deployment)]
    pub scope: ScopeArg,
    /// What a window is
    #[arg(long, value_enum, default_value_t = LimiterArg::Sliding)]
    pub limiter: LimiterArg,
    /// Count refused calls like admitted ones
    #[arg(long)]
    pub count_refused: bool,
    /// Retry-After of the limiter's 429
    #[arg(long, value_enum, value_name = "FORM", default_value_t = RetryAfterArg::Absent)]
    pub retry_after: RetryAfterArg,
}

/// What goes wrong; P is a probability from 0 to 1.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Faults")]
pub struct FaultArgs {
    /// Methods that have faults [default: all]
    #[arg(long, value_name = "METHOD,…", value_delimiter = ',', value_parser = method)]
    pub fault_methods: Vec<Method>,
    /// Round trip of every call, half of it before the arrival
    #[arg(long, value_name = "D", default_value = "0s", value_parser = duration)]
    pub latency: Duration,
    /// Up to this much more before the arrival, at random
    #[arg(long, value_name = "D", default_value = "0s", value_parser = duration)]
    pub jitter: Duration,
    /// Drop the connection before acting
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub reset: f64,
    /// Act, then drop the connection
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub lost: f64,
    /// Act, then answer late
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub late_answer: f64,
    /// Let the call arrive late, even if its client has given up by then
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub late_arrival: f64,
    /// How late the late ones are
    #[arg(long, value_name = "D", default_value = "45s", value_parser = duration)]
    pub late_by: Duration,
    /// Answer as a gateway, in HTML: 503 without acting or 502 after acting
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub gateway: f64,
    /// Begin a storm, in which every call is answered 429
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub storm: f64,
    /// How long a storm lasts
    #[arg(long, value_name = "D", default_value = "30s", value_parser = duration)]
    pub storm_for: Duration,
    /// Retry-After of a storm's 429
    #[arg(long, value_enum, value_name = "FORM", default_value_t = RetryAfterArg::Absent)]
    pub storm_retry_after: RetryAfterArg,
    /// Succeed with a body that is a web page or cut short
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub garbage: f64,
    /// Show a status word that nobody has documented
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub unknown_status: f64,
    /// Answer 307 to the same place, without acting
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub redirect: f64,
    /// Errors carry a number as their code rather than a word
    #[arg(long)]
    pub numeric_codes: bool,
}

/// [`Scope`] as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeArg {
    /// Each deployment for itself
    Deployment,
    /// All calls with the same key
    Account,
}

/// [`Kind`] as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LimiterArg {
    /// The time before each arrival
    Sliding,
    /// The simulator's life cut into windows
    Fixed,
}

/// [`RetryAfter`] as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RetryAfterArg {
    /// No such header
    Absent,
    /// Whole seconds
    Seconds,
    /// An HTTP date
    Date,
    /// A word that is neither
    Garbage,
}

/// Why the simulator could not be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}; choose another with --listen")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Serves until `shutdown` resolves.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn run(args: SimulateArgs, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let address = args.listen;
    let (key, secret) = (args.key.clone(), args.secret.clone());
    let options = args.options(Timestamp::now().as_duration().unsigned_abs());
    let first = options.deployments.first().map_or("w41b11c0", |one| one.id.as_str()).to_owned();
    let simulator = Simulator::start(address, options)
        .await
        .map_err(|source| Error::Listen { address, source })?;
    let (base, own) = (simulator.base_url(), simulator.address());
    let told = format!(
        "Simulated Deployment Management API: {base}\n\
         \x20 try:   curl -u {key}:{secret} {base}/deployments/{first}\n\
         \x20 set:   curl -X POST http://{own}/_sim/deployments/{first}/stopped\n\
         \x20 mend:  curl -X POST http://{own}/_sim/faults/off\n\
         \x20 audit: curl http://{own}/_sim/audit\n"
    );
    // A reader that has gone away is no reason to stop serving.
    let _unread = io::stdout().write_all(told.as_bytes());
    shutdown.await;
    simulator.shutdown().await;
    Ok(())
}

impl SimulateArgs {
    /// What the flags ask for; `epoch` is the time of day, as time since 1970, for dates in
    /// headers.
    pub fn options(self, epoch: Duration) -> Options {
        let generated = if self.fleet.deployment.is_empty() { 3 } else { 0 };
        let mut deployments = Deployment::generate(self.fleet.deployments.unwrap_or(generated));
        deployments.extend(self.fleet.deployment);
        Options {
            key: self.key,
            secret: self.secret,
            deployments,
            forbidden: self.fleet.forbid.into_iter().collect(),
            list: !self.fleet.no_list,
            limits: self.limits.limits(),
            retry_after: self.limits.retry_after.into(),
            start_delay: self.fleet.start_delay,
            stop_delay: self.fleet.stop_delay,
            pending: self.fleet.pending,
            revert: self.fleet.revert,
            fail: self.fleet.fail,
            drift: self.fleet.drift,
            numeric_codes: self.faults.numeric_codes,
            faults: self.faults.faults(),
            seed: self.seed,
            epoch,
        }
    }
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        let mut limits = Limits {
            scope: match self.scope {
                ScopeArg::Deployment => Scope::Deployment,
                ScopeArg::Account => Scope::Account,
            },
            kind: match self.limiter {
                LimiterArg::Sliding => Kind::Sliding,
                LimiterArg::Fixed => Kind::Fixed,
            },
            count_refused: self.count_refused,
            ..Limits::default()
        };
        limits.set_windows(self.window);
        for &(method, requests, window) in &self.limit {
            let limit = limits.of_mut(method);
            limit.requests = requests;
            limit.window = window.unwrap_or(self.window);
        }
        limits
    }
}

impl FaultArgs {
    fn faults(self) -> Faults {
        Faults {
            methods: self.fault_methods,
            latency: self.latency,
            jitter: self.jitter,
            reset: self.reset,
            lost: self.lost,
            late_answer: self.late_answer,
            late_arrival: self.late_arrival,
            late_by: self.late_by,
            gateway: self.gateway,
            storm: self.storm,
            storm_for: self.storm_for,
            storm_retry_after: self.storm_retry_after.into(),
            garbage: self.garbage,
            unknown_status: self.unknown_status,
            redirect: self.redirect,
        }
    }
}

impl From<RetryAfterArg> for RetryAfter {
    fn from(arg: RetryAfterArg) -> Self {
        match arg {
            RetryAfterArg::Absent => Self::Absent,
            RetryAfterArg::Seconds => Self::Seconds,
            RetryAfterArg::Date => Self::Date,
            RetryAfterArg::Garbage => Self::Garbage,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::keel::time::parse_duration(text)
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval.is_zero() { Err("it must be longer than nothing".to_owned()) } else { Ok(interval) }
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(probability),
        Ok(_) | Err(_) => Err("a probability is a number from 0 to 1, such as `0.05`".to_owned()),
    }
}

fn method(text: &str) -> Result<Method, String> {
    let found = Method::ALL.into_iter().find(|method| method.name() == text);
    found.ok_or_else(|| format!("`{text}` is not one of status, list, start, stop"))
}

fn limit(text: &str) -> Result<(Method, u32, Option<Duration>), String> {
    let (name, rest) =
        text.split_once('=').ok_or("a limit looks like `start=1` or `start=1/60m`")?;
    let (requests, window) = match rest.split_once('/') {
        Some((requests, window)) => (requests, Some(interval(window)?)),
        None => (rest, None),
    };
    let requests =
        requests.parse().map_err(|_| format!("`{requests}` is not a number of requests"))?;
    Ok((method(name)?, requests, window))
}

fn deployment(text: &str) -> Result<Deployment, String> {
    let mut parts = text.split(',');
    let (id, status) = parts
        .next()
        .and_then(|first| first.split_once('='))
        .filter(|(id, status)| !id.is_empty() && !status.is_empty())
        .ok_or("a deployment looks like `w41b11c0=running` or `w41b11c0=stopped,name=staging`")?;
    let mut deployment = Deployment::new(id, status);
    for part in parts {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("`{part}` is not KEY=VALUE"))?;
        match key {
            "name" => value.clone_into(&mut deployment.name),
            "type" => value.clone_into(&mut deployment.kind),
            "platform" => value.clone_into(&mut deployment.platform),
            "region" => value.clone_into(&mut deployment.region),
            "created" => value.clone_into(&mut deployment.created),
            "connections" => {
                let number = value.parse();
                deployment.connections =
                    number.map_err(|_| format!("`{value}` is not a number of connections"))?;
            }
            _ => {
                return Err(format!(
                    "`{key}` is not one of name, type, platform, region, connections, created"
                ));
            }
        }
    }
    Ok(deployment)
}
