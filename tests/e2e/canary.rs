//! Secrets that would sing: through every failure, into every place where something is written.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use evenkeel::api::Credentials;
use rustix::process::Signal;

use crate::ear::Ear;
use crate::harness::{Daemon, World, contents, http, wait};
use crate::rogue::{Manner, Rogue};
use crate::system::by;

/// In all that is secret here: key, secret, token, URL and signing key of receivers, password.
const CANARY: &str = "canary";

/// The middle of what base64 makes of it, in each of the three places it may have in a group.
const ENCODED: [&str; 3] = ["Y2FuYXJ5", "NhbmFye", "jYW5hcn"];

fn assert_silent(what: &str, text: &str) {
    for song in [CANARY].iter().chain(&ENCODED) {
        assert!(!text.contains(song), "`{song}` in {what}:\n{text}");
    }
}

/// All that a daemon shows to those who ask.
fn assert_shows_nothing(world: &World, daemon: &Daemon, phase: &str) {
    let one = "/api/v1/deployments/w41b11c0/timeline";
    let paths = ["/", "/deployments/w41b11c0", "/metrics", "/healthz", "/readyz", one];
    let json = ["/api/v1/deployments", "/api/v1/history", "/api/v1/nothing?canar=y"];
    for path in paths.into_iter().chain(json) {
        assert_silent(&format!("{path}, {phase}"), &daemon.get(path).1);
    }
    assert_silent(&format!("the events, {phase}"), &first_event(&daemon.address));
    // Over the socket, and by the commands.
    let listen = ["--listen", &daemon.address];
    for command in ["status", "history", "sync", "plan", "check"] {
        let beside: &[&str] = if ["plan", "check"].contains(&command) { &[] } else { &listen };
        let output = world.output(&[&[command], beside].concat());
        let text = [output.stdout, output.stderr].concat();
        assert_silent(&format!("{command}, {phase}"), &String::from_utf8_lossy(&text));
    }
}

/// What comes first to those who want to hear of every change.
fn first_event(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut told = String::new();
    while !told.ends_with("\n\n") || !told.contains("data:") {
        told += &lines.next().unwrap_or_else(|| panic!("it ended: {told}"));
        told.push('\n');
    }
    told
}

fn say(code: &str, body: &str) -> Manner {
    let length = body.len();
    let head = format!("HTTP/1.1 {code}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    Manner::Say(format!("{head}{body}").into_bytes())
}

fn prepare(world: &World, ear: &Ear) {
    world.scratch.write("key", "key");
    world.scratch.write("secret", "canary-secret");
    world.scratch.write("token", "canary-token-0123456789");
    world.scratch.write("url", &ear.url());
    world.scratch.write("hook", "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5");
    let more = "admin: { token_file: token }
notify:
  group_wait: 10ms
  group_interval: 10ms
  receivers:
    a: { format: slack, url: { file: url } }
    b: { url: { file: url }, secret: { file: hook } }
limits:\n";
    world.configure("limits:\n", more);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
}

#[test]
fn no_secret_is_anywhere_through_all_failures() {
    let world = World::with_secret("canary-secret", &["--deployments", "2"]);
    let ear = Ear::new(&[500, 200, 404]);
    prepare(&world, &ear);
    let rogue = Rogue::before(&world);
    let url = rogue.url();
    let run = |more: &[(&str, &str)]| {
        world.run_with(|command| {
            command.args(["--log-level", "trace"]).env("EVENKEEL_API_URL", &url);
            command.envs(more.iter().copied());
        })
    };
    let daemon = run(&[]);
    let echo = "you sent Basic a2V5OmNhbmFyeS1zZWNyZXQ= which is key:canary-secret";
    let phases = [
        ("401", say("401 Unauthorized", echo)),
        ("429", say("429 Too Many Requests", echo)),
        ("an answer that is none", say("200 OK", echo)),
        ("bytes that are no HTTP", Manner::Say(echo.into())),
        ("a reset", Manner::Reset),
    ];
    for (phase, manner) in phases {
        rogue.set(manner.clone(), manner);
        let before = rogue.seen().len();
        wait(phase, || (rogue.seen().len() > before + 1).then_some(()));
        assert_shows_nothing(&world, &daemon, phase);
    }
    rogue.set(Manner::Good, Manner::Good);
    // Files that are spoilt, halves that do not go together, and a reload of all that.
    for spoilt in ["canary-secret\ncanary-rest", "", "canary-secret-but-wrong"] {
        world.scratch.write("secret", spoilt);
        daemon.process.signal(Signal::HUP);
        assert_shows_nothing(&world, &daemon, "a spoilt secret");
    }
    world.scratch.write("desired.yaml", "deployments: { canary\n");
    world.scratch.write("secret", "canary-secret");
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    daemon.process.signal(Signal::HUP);
    daemon.converges(2);
    // Wrong tokens are not repeated.
    let (code, told) = http(&daemon.address, "POST", "/api/v1/sync");
    assert_eq!(code, 401);
    assert_silent("a refusal", &told);
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0));
    assert_silent("the log", &output);
    assert!(output.contains("SIGHUP"), "{output}");
    // A crash, a panic, the recoveries from them, and a server without TLS where it is expected.
    world.desire("  w41b11c0: running\n  b1f77113: running\n");
    let mut daemon = run(&[("EVENKEEL_CRASH_AT", "api:after-send")]);
    assert_eq!(daemon.process.ended(), None);
    assert_silent("the log of a crash", &daemon.process.output());
    let daemon = run(&[("EVENKEEL_PANIC_AT", "api:after-send"), ("RUST_BACKTRACE", "full")]);
    // The call counts as one whose answer was lost, and the daemon goes on.
    daemon.converges(2);
    assert_shows_nothing(&world, &daemon, "a panic");
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("panicked at") && output.contains("a defect of evenkeel"), "{output}");
    assert_silent("the log of a panic", &output);
    let tls = world.base.replace("http://", "https://");
    let roots = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/ca.pem");
    let daemon = run(&[("EVENKEEL_API_URL", &tls), ("SSL_CERT_FILE", roots)]);
    wait("TLS to fail", || daemon.get("/metrics").1.contains("never_left").then_some(()));
    assert_shows_nothing(&world, &daemon, "TLS failed");
    let (_, output) = daemon.terminate();
    assert_silent("the log of failed TLS", &output);
    assert_silent("the state directory", &contents(&world.scratch.path("state")));
    for (headers, body) in ear.heard() {
        assert_silent("a message", &String::from_utf8_lossy(&body));
        assert_silent("a message's head", &format!("{headers:?}"));
    }
}

#[test]
fn no_secret_is_in_what_a_panic_may_print() {
    let secret = |text: &str| text.to_owned().into();
    let credentials = Credentials { key: secret("canary-key"), secret: secret("canary-secret") };
    assert_silent("Debug", &format!("{credentials:?} {credentials:#?}"));
}

#[test]
fn no_password_is_in_the_log() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    // Of `canary-password`, at the least cost there is.
    let hash = bcrypt::hash_with_salt("canary-password", 4, [7; 16]).unwrap().to_string();
    let rules = world.scratch.write("web", &format!("basic_auth_users: {{ alice: '{hash}' }}\n"));
    let daemon = world.run_with(|command| {
        command.args(["--log-level", "trace"]).env("EVENKEEL_WEB_CONFIG", &rules);
    });
    for (password, code) in [("canary-password", 200), ("canary", 401), ("canary-password", 200)] {
        let login = format!("alice:{password}");
        let answer = crate::guarded::ask(&daemon.address, "/metrics", Some(&login)).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{answer}");
        assert_silent("an answer", &answer);
    }
    // A file that does not hold together is told, and not what is in it.
    world.scratch.write("web", &format!("basic_auth_users: {{ alice: '{hash}x', canary\n"));
    wait("the file to be refused", || {
        let _ = crate::guarded::ask(&daemon.address, "/metrics", None);
        daemon.process.output().contains("web:1").then_some(())
    });
    let (_, output) = daemon.terminate();
    assert_silent("the log", &output);
    assert!(!output.contains(&hash[7..]), "{output}");
}

/// Starts a command with leave to dump a core, waits until it is ready, and aborts it; whether it
/// dumped one.
fn dumps(command: &Command, place: &Path, ready: &str) -> bool {
    let script = "ulimit -c unlimited; exec \"$@\"";
    let mut command: Command = by(&["sh", "-c", script, "sh"], command);
    let mut child = command.current_dir(place).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains(ready)).unwrap().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::ABORT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
    status.core_dumped()
}

#[test]
fn a_crash_leaves_no_core_behind() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let place = world.scratch.path("cores");
    std::fs::create_dir(&place).unwrap();
    assert!(!dumps(&world.command(&["run"]), &place, "listening on"));
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    // Another program would have left one here.
    let mut other = Command::new("sh");
    assert!(dumps(other.args(["-c", "echo ready >&2; exec sleep 600"]), &place, "ready"));
}
