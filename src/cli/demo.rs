//! `evenkeel demo`: simulator, daemon and status page in one process, an hour shrunk to a minute.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::fleet::{self, Look};
use super::global::Global;
use super::output;
use super::start::{self, Daemon};
use super::terminal;
use crate::clock::Clock;
use crate::config::{Overrides, Settings};
use crate::controller::Command;
use crate::keel::time::parse_duration;
use crate::lifecycle;
use crate::simulator::{Deployment, Options, Simulator};

/// Simulator, daemon and status page in one process, an hour shrunk to a minute
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel demo\n  \
    evenkeel demo --listen 127.0.0.1:0 --for 5m --drift 0s    on a free port, undisturbed\n\n\
    Needs no configuration, no network and no root, and leaves nothing behind. \
    Edit the desired file that it names, and watch.\n\n\
    Exit code: 0.")]
pub struct DemoArgs {
    /// Address of the status page; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    pub listen: String,
    /// End by itself after this time
    #[arg(long = "for", value_name = "D", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Mean time between two interferences from outside; 0s for none
    #[arg(long, value_name = "D", default_value = "40s", value_parser = parse_duration)]
    pub drift: Duration,
    /// Time between two edits of the desired file, as a colleague would push them; 0s for none
    #[arg(long, value_name = "D", default_value = "25s", value_parser = parse_duration)]
    pub edits: Duration,
}

/// The demo's fleet: id, name, status at the start.
const FLEET: [(&str, &str, &str); 6] = [
    ("w41b11c0", "production-eu", "running"),
    ("b1f77113", "production-us", "running"),
    ("mdfba81f", "staging-eu", "running"),
    ("k8c20aa1", "load-test", "stopped"),
    ("p3e9d7b4", "training", "running"),
    ("t6a54f02", "preview", "stopped"),
];

/// An hour shrunk to a minute, and what hangs on it.
const CONFIGURATION: &str = "\
limits:
  status: { requests: 60, per: 60s }
  list:   { requests: 60, per: 60s }
  start:  { requests: 1, per: 60s }
  stop:   { requests: 1, per: 60s }
  margin: 200ms
  lateness: 5s
observe: { confirm_within: 2s, timeout: 3s }
act:
  backoff: { initial: 500ms, max: 10s }
  settle_warning: 30s
  settle_timeout: 60s
guards:
  contested: { reversals: 4, within: 10m }
";

/// The desired file: staging and load-test are those that the colleague turns on and off.
fn desired(staging: &str, load_test: &str) -> String {
    format!(
        "# The desired state of the demo's fleet. Edit it: the daemon sees it within a second.\n\
         deployments:\n  \
           w41b11c0: {{ state: running, name: production-eu, protect: true }}\n  \
           b1f77113: {{ state: running, name: production-us }}\n  \
           mdfba81f: {staging}\n  \
           k8c20aa1: {load_test}\n  \
           p3e9d7b4: stopped\n  \
           t6a54f02: {{ state: running, suspend: waiting for its data }}\n"
    )
}

/// What to do where it cannot be had.
const ELSEWHERE: &str = "name another directory for temporary files with the variable TMPDIR";

/// A directory that goes with the demo.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let id = rustix::process::getpid().as_raw_nonzero();
        let dir = std::env::temp_dir().join(format!("evenkeel-demo-{id}"));
        fs::create_dir(&dir)
            .map_err(|error| Failure::because(format!("cannot create {}", dir.display()), error))
            .map_err(|failure| failure.next(ELSEWHERE))?;
        Ok(Self(dir))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        replace(&path, text)
            .map_err(|error| Failure::because(format!("cannot write {}", path.display()), error))
            .map_err(|failure| failure.next(ELSEWHERE))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As an editor does: a new file, renamed over the old one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

/// Runs until it is told to end, or its time is over.
///
/// # Errors
/// When a port or the temporary directory is not to be had.
pub async fn run(global: &Global, args: DemoArgs) -> Result<Exit, Failure> {
    global.start_log()?;
    let scratch = Scratch::new()?;
    let simulator = simulator(&args).await?;
    let file = scratch.write("desired.yaml", &desired("running", "stopped"))?;
    let mut settings = settings(&scratch, &simulator, &file, &args.listen)?;
    let mut daemon = start::daemon(&settings, true).await;
    if daemon.is_err() {
        // Most likely a daemon runs here already; the demo does not care about its port.
        "127.0.0.1:0".clone_into(&mut settings.listen);
        daemon = start::daemon(&settings, true).await;
    }
    let Daemon { mut controller, outbox, http, .. } = daemon?;
    introduce(&http.address().to_string(), &simulator.base_url(), &file)?;
    let colleague = tokio::spawn(edit_now_and_then(file, args.edits));
    let ends = tokio::spawn(async move {
        let over = async {
            match args.duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = over => (),
            () = lifecycle::asked_to_end() => (),
        }
        let _ = outbox.send(Command::Stop);
    });
    let ended = controller.run(|_| false).await;
    colleague.abort();
    ends.abort();
    let view = controller.keel.view(controller.clock.now());
    http.shutdown().await;
    let audit = simulator.audit();
    simulator.shutdown().await;
    ended.map_err(start::ledger_failed)?;
    output::line(&fleet::table(&view, Look::Status).text(terminal::width()))?;
    let posts = audit.posts.len();
    let over = audit.largest.values().filter(|largest| largest.over).count();
    output::line(&format!(
        "\n{}; {posts} starts and stops sent, {over} limits exceeded",
        fleet::summary(&view)
    ))
}

async fn simulator(args: &DemoArgs) -> Result<Simulator, Failure> {
    let clock = Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
    let epoch = u64::try_from(clock.now().wall.millis()).unwrap_or(0);
    let deployments = FLEET.map(|(id, name, status)| {
        let mut deployment = Deployment::new(id, status);
        name.clone_into(&mut deployment.name);
        deployment
    });
    let mut options = Options {
        deployments: deployments.to_vec(),
        start_delay: Duration::from_secs(8),
        stop_delay: Duration::from_secs(4),
        drift: (!args.drift.is_zero()).then_some(args.drift),
        epoch: Duration::from_millis(epoch),
        seed: epoch,
        ..Options::default()
    };
    options.limits.set_windows(Duration::from_secs(60));
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    Simulator::start(listen, options)
        .await
        .map_err(|error| Failure::because("cannot start the simulated API", error))
}

fn settings(
    scratch: &Scratch,
    simulator: &Simulator,
    desired: &Path,
    listen: &str,
) -> Result<Settings, Failure> {
    scratch.write("key", "key\n")?;
    scratch.write("secret", "secret\n")?;
    let overrides = Overrides {
        config: Some(scratch.write("evenkeel.yaml", CONFIGURATION)?),
        desired: Some(desired.to_owned()),
        api_url: Some(simulator.base_url()),
        listen: Some(listen.to_owned()),
        state_dir: Some(scratch.0.join("state")),
        web_config: None,
    };
    let credential = |name: &str| match name {
        "EVENKEEL_API_KEY_FILE" => Some(scratch.0.join("key").display().to_string()),
        "EVENKEEL_API_SECRET_FILE" => Some(scratch.0.join("secret").display().to_string()),
        _ => None,
    };
    Settings::load(&overrides, &credential)
        .map_err(|report| Failure::because("the demo's own configuration is refused", report))
}

fn introduce(page: &str, api: &str, file: &Path) -> Result<Exit, Failure> {
    output::line(&format!(
        "An hour is a minute here: one start and one stop a minute for each deployment.\n\
         \n  status page   http://{page}/\n  metrics       http://{page}/metrics\n  \
           desired file  {}\n  simulated API {api}\n\n\
         Somebody turns deployments at the console now and then, and a colleague edits the file.\n\
         Edit it yourself, or `evenkeel status --listen {page}`. Ctrl-C ends it.\n",
        file.display()
    ))
}

/// A colleague turns staging and the load test on and off.
async fn edit_now_and_then(file: PathBuf, every: Duration) {
    const EDITS: [(&str, &str); 4] = [
        ("stopped", "stopped"),
        ("stopped", "running"),
        ("running", "running"),
        ("running", "stopped"),
    ];
    if every.is_zero() {
        return;
    }
    let mut before = desired("running", "stopped");
    for (staging, load_test) in EDITS.into_iter().cycle() {
        tokio::time::sleep(every).await;
        // Whoever watches may have edited it too; theirs is the file from then on.
        if fs::read_to_string(&file).ok().as_ref() != Some(&before) {
            return;
        }
        let text = desired(staging, load_test);
        if let Err(error) = replace(&file, &text) {
            tracing::warn!("the colleague could not edit {}: {error}", file.display());
            return;
        }
        tracing::info!("a colleague pushes: mdfba81f {staging}, k8c20aa1 {load_test}");
        before = text;
    }
}
