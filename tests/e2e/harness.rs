//! Real processes on loopback: a simulated API with windows of seconds, and daemons against it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::Value;

/// Longer than anything takes on a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const EVENKEEL: &str = env!("CARGO_BIN_EXE_evenkeel");

/// An hour in these tests, in the flags of the simulator and in the configuration alike.
pub(crate) const WINDOW: &str = "3s";

const CONFIGURATION: &str = "\
limits:
  status: { requests: 60, per: 3s }
  list:   { requests: 60, per: 3s }
  start:  { requests: 1, per: 3s }
  stop:   { requests: 1, per: 3s }
  margin: 100ms
  lateness: 500ms
  clock_skew: 1s
observe: { confirm_within: 1s, timeout: 2s }
act:
  backoff: { initial: 50ms, max: 500ms }
  settle_warning: 10s
  settle_timeout: 20s
";

/// A directory that goes with its test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("evenkeel-e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes as an editor does: a new file, renamed over the old one.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        fs::write(&new, text).unwrap();
        fs::rename(new, &path).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A child process whose output is collected; killed and reaped when it goes out of scope.
pub(crate) struct Process {
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    pub(crate) fn start_with(command: &mut Command, stdin: Stdio) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        let collect = |stream: Box<dyn std::io::Read + Send>| {
            let output = output.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut output = output.lock().unwrap();
                    output.push_str(&line);
                    output.push('\n');
                }
            })
        };
        let readers = vec![
            collect(Box::new(child.stdout.take().unwrap())),
            collect(Box::new(child.stderr.take().unwrap())),
        ];
        Self { child, output, readers }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Waits until it has printed `text`, and returns the rest of that line.
    pub(crate) fn printed(&mut self, text: &str) -> String {
        wait(&format!("`{text}` to be printed"), || {
            let output = self.output();
            let found = output.split_once(text).and_then(|(_, rest)| rest.split_once('\n'));
            if found.is_none() && self.child.try_wait().unwrap().is_some() {
                panic!("it ended without printing `{text}`:\n{output}");
            }
            found.map(|(line, _)| line.to_owned())
        })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its exit code, once it has ended; `None` when a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = wait("the process to end", || self.child.try_wait().unwrap());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status.code()
    }

    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.ended();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A simulated API and all that a daemon needs to work on it.
pub(crate) struct World {
    pub(crate) scratch: Scratch,
    pub(crate) base: String,
    _simulator: Process,
}

impl World {
    /// A simulator with these flags, and windows of [`WINDOW`].
    pub(crate) fn new(flags: &[&str]) -> Self {
        Self::with_secret("secret", flags)
    }

    pub(crate) fn with_secret(secret: &str, flags: &[&str]) -> Self {
        let mut command = Command::new(EVENKEEL);
        command.args(["simulate", "--listen", "127.0.0.1:0", "--window", WINDOW]);
        command.args(["--start-delay", "300ms", "--stop-delay", "200ms", "--secret", secret]);
        let mut simulator = Process::start(command.args(flags));
        let rest = simulator.printed("http://");
        let base = rest.split_whitespace().next().unwrap();
        let scratch = Scratch::new();
        scratch.write("key", "key\n");
        scratch.write("secret", &format!("{secret}\n"));
        scratch.write("evenkeel.yaml", CONFIGURATION);
        Self { scratch, base: format!("http://{base}"), _simulator: simulator }
    }

    /// Replaces a piece of the configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        assert!(CONFIGURATION.contains(from), "{from}");
        self.scratch.write("evenkeel.yaml", &CONFIGURATION.replace(from, to));
    }

    pub(crate) fn desire(&self, deployments: &str) {
        self.scratch.write("desired.yaml", &format!("deployments:\n{deployments}"));
    }

    /// An evenkeel that knows this world.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(EVENKEEL);
        let path = |name: &str| self.scratch.path(name);
        command
            .args(["--config".as_ref(), path("evenkeel.yaml").as_os_str()])
            .args(arguments)
            .env_clear()
            .env("EVENKEEL_API_URL", &self.base)
            .env("EVENKEEL_API_KEY_FILE", path("key"))
            .env("EVENKEEL_API_SECRET_FILE", path("secret"))
            .env("EVENKEEL_STATE_DIR", path("state"))
            .env("EVENKEEL_DESIRED", path("desired.yaml"))
            .env("EVENKEEL_LISTEN", "127.0.0.1:0");
        command
    }

    pub(crate) fn run(&self) -> Daemon {
        self.run_with(|_| ())
    }

    pub(crate) fn run_with(&self, change: impl FnOnce(&mut Command)) -> Daemon {
        let mut command = self.command(&["run"]);
        change(&mut command);
        let mut process = Process::start(&mut command);
        let rest = process.printed("listening on http://");
        let address = rest.split('/').next().unwrap().to_owned();
        Daemon { process, address }
    }

    /// Runs a command to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the simulator's audit says.
    pub(crate) fn audit(&self) -> Value {
        let host = self.host();
        let (code, body) = http(&host, "GET", "/_sim/audit");
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// What somebody does at the console.
    pub(crate) fn console(&self, deployment: &str, status: &str) {
        let path = format!("/_sim/deployments/{deployment}/{status}");
        let (code, body) = http(&self.host(), "POST", &path);
        assert!((200..300).contains(&code), "{code} {body}");
    }

    /// Ends the simulator's faults.
    pub(crate) fn mend(&self) {
        assert_eq!(http(&self.host(), "POST", "/_sim/faults/off").0, 200);
    }

    /// How many calls have arrived, whatever became of them.
    pub(crate) fn arrivals(&self) -> u64 {
        let audit = self.audit();
        let methods = audit["requests"].as_object().unwrap().values();
        methods
            .flat_map(|codes| codes.as_object().unwrap().values().map(|n| n.as_u64().unwrap()))
            .sum()
    }

    /// Waits until so much time has passed at the simulator.
    pub(crate) fn lets_pass(&self, time: Duration) {
        let at = || self.audit()["at_ms"].as_u64().unwrap();
        let end = at() + u64::try_from(time.as_millis()).unwrap();
        wait("time to pass at the simulator", || (at() >= end).then_some(()));
    }

    pub(crate) fn host(&self) -> String {
        self.base.trim_start_matches("http://").split('/').next().unwrap().to_owned()
    }

    /// Starts and stops that arrived, in order: `stop w41b11c0 201`.
    pub(crate) fn posts(&self) -> Vec<String> {
        let audit = self.audit();
        let line = |post: &Value| {
            format!(
                "{} {} {}",
                post["method"].as_str().unwrap(),
                post["deployment"].as_str().unwrap(),
                post["code"]
            )
        };
        audit["posts"].as_array().unwrap().iter().map(line).collect()
    }

    /// No limit was ever exceeded, no call sent twice.
    pub(crate) fn assert_within_budget(&self) {
        let audit = self.audit();
        for (method, largest) in audit["largest"].as_object().unwrap() {
            assert_eq!(largest["over"], false, "{method}: {audit:#}");
        }
        assert_eq!(audit["duplicate_request_ids"], 0, "{audit:#}");
        assert_eq!(audit["without_request_id"], 0, "{audit:#}");
    }
}

/// A running daemon.
pub(crate) struct Daemon {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Daemon {
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        http(&self.address, "GET", path)
    }

    pub(crate) fn view(&self) -> Value {
        let (code, body) = self.get("/api/v1/deployments");
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The reason of each deployment, by id.
    pub(crate) fn reasons(&self) -> Vec<(String, String)> {
        let view = self.view();
        let pair = |one: &Value| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&one["id"]), text(&one["synced"]["reason"]))
        };
        view["deployments"].as_array().unwrap().iter().map(pair).collect()
    }

    /// Waits until a deployment has this reason.
    pub(crate) fn becomes(&self, id: &str, reason: &str) {
        wait(&format!("{id} to be {reason}"), || {
            let reasons = self.reasons();
            reasons.iter().any(|(one, its)| one == id && its == reason).then_some(())
        });
    }

    /// Waits until the whole fleet is in sync and names so many deployments.
    pub(crate) fn converges(&self, fleet: usize) {
        wait("the fleet to be in sync", || {
            let reasons = self.reasons();
            let synced = reasons.iter().all(|(_, reason)| reason == "InSync");
            (reasons.len() == fleet && synced).then_some(())
        });
    }

    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        self.process.signal(Signal::TERM);
        let code = self.process.ended();
        (code, self.process.output())
    }
}

/// Waits until `look` sees something.
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(now() - start < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn now() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}

/// One request on a connection of its own.
pub(crate) fn http(host: &str, method: &str, path: &str) -> (u16, String) {
    try_http(host, method, path).unwrap()
}

/// The same, of a server that may go away.
pub(crate) fn try_http(host: &str, method: &str, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

/// All files below a directory, as text.
pub(crate) fn contents(dir: &Path) -> String {
    let mut out = String::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.push_str(&contents(&path));
        } else {
            out.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
    out
}
