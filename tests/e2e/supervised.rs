//! What the supervisor hears, on a real datagram socket, and what it may pass on.

use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Daemon, Process, World, http, now, wait};
use crate::system::by;

/// The supervisor's end of the protocol.
struct Supervisor {
    socket: UnixDatagram,
    path: PathBuf,
}

/// One datagram, and when it was read.
#[derive(Clone, Debug)]
struct Word {
    at: Duration,
    text: String,
}

impl Supervisor {
    fn new(world: &World) -> Self {
        let path = world.scratch.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path }
    }

    fn start(&self, world: &World, watchdog: &str) -> Daemon {
        world.run_with(|command| {
            command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", watchdog);
        })
    }

    /// The next word, if one comes within `time`.
    fn hears_within(&self, time: Duration) -> Option<Word> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 4096];
        match self.socket.recv(&mut buffer) {
            Ok(length) => {
                let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
                Some(Word { at: now(), text })
            }
            Err(error) => {
                let nothing = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
                assert!(nothing.contains(&error.kind()), "{error}");
                None
            }
        }
    }

    /// All words up to the first that has a line which begins like this.
    fn hears(&self, line: &str) -> Vec<Word> {
        let mut words = Vec::new();
        wait(&format!("`{line}` to be told"), || {
            let word = self.hears_within(Duration::from_millis(100))?;
            let found = word.text.lines().any(|one| one.starts_with(line));
            words.push(word);
            found.then_some(())
        });
        words
    }
}

fn all(words: &[Word]) -> String {
    words.iter().map(|word| &*word.text).collect()
}

#[test]
fn the_supervisor_hears_how_the_fleet_is() {
    let world = World::new(&["--deployments", "3"]);
    // Long enough for a second stop to wait in sight.
    world.configure("stop:   { requests: 1, per: 3s }", "stop: { requests: 1, per: 40s }");
    let supervisor = Supervisor::new(&world);
    let daemon = supervisor.start(&world, "60000000");
    // Without a desired file there is nothing to keep, so it is not ready yet.
    let before = supervisor.hears("STATUS=waiting for a valid desired file");
    assert!(!all(&before).contains("READY=1"), "{before:?}");
    world.desire("  w41b11c0: running\n  b1f77113: running\n  mdfba81f: running\n");
    supervisor.hears("READY=1");
    supervisor.hears("STATUS=3 in sync\n".trim_end());
    // One stop is let through, the start after it has to wait, and then comes.
    for (state, calls) in [("stopped", 1), ("running", 2)] {
        world.desire(&format!("  w41b11c0: running\n  b1f77113: running\n  mdfba81f: {state}\n"));
        wait("the call", || (world.posts().len() == calls).then_some(()));
        daemon.converges(3);
    }
    world.desire("  w41b11c0: running\n  b1f77113: running\n  mdfba81f: stopped\n");
    let words = all(&supervisor.hears("STATUS=2 in sync, 1 waiting until "));
    let status = words.lines().last().unwrap();
    let until = status.strip_prefix("STATUS=2 in sync, 1 waiting until ").unwrap();
    assert!(until.len() == "14:05 UTC".len() && until.ends_with(" UTC"), "{status}");
    world.scratch.write("desired.yaml", "deployments: [\n");
    let refused = "the desired file is refused, the last good one is in force";
    wait("the refusal to be told", || all(&supervisor.hears("STATUS=")).find(refused));
    daemon.process.signal(Signal::TERM);
    supervisor.hears("STOPPING=1");
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let supervisor = Supervisor::new(&world);
    let daemon = supervisor.start(&world, "60000000");
    supervisor.hears("READY=1");
    daemon.converges(1);
    // In place, without an event that would tell of it sooner than the reload does.
    let clock = rustix::time::ClockId::Monotonic;
    let micros = || {
        let at = rustix::time::clock_gettime(clock);
        at.tv_sec * 1_000_000 + at.tv_nsec / 1_000
    };
    let before = micros();
    world.desire("  w41b11c0: stopped\n");
    daemon.process.signal(Signal::HUP);
    let words = all(&supervisor.hears("RELOADING=1"));
    let stamp = words.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    let stamp: i64 = stamp.parse().unwrap();
    assert!((before..=micros()).contains(&stamp), "{before} {stamp}");
    let words = all(&supervisor.hears("READY=1"));
    assert!(!words.contains("RELOADING=1"), "{words}");
    // What was to be read is in force by then.
    let view = daemon.view();
    assert_eq!(view["deployments"][0]["desired"]["state"], "stopped", "{view:#}");
}

#[test]
fn the_watchdog_is_fed_by_the_loop_and_by_nobody_else() {
    const PATIENCE: Duration = Duration::from_millis(3_000);
    let world = World::new(&["--deployments", "1"]);
    let supervisor = Supervisor::new(&world);
    let feeds = |count: usize| {
        let feed = |_| supervisor.hears("WATCHDOG=1").last().unwrap().at;
        let times: Vec<Duration> = (0..count).map(feed).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    };
    let mut daemon = supervisor.start(&world, &PATIENCE.as_micros().to_string());
    // Without a desired file, in sync and at rest, refused: the loop turns, so it is fed.
    assert!(feeds(4) < PATIENCE);
    world.desire("  w41b11c0: running\n");
    daemon.converges(1);
    assert!(feeds(4) < PATIENCE);
    world.scratch.write("desired.yaml", "deployments: [\n");
    assert!(feeds(4) < PATIENCE);
    // A loop that does not turn feeds nobody, whatever other tasks do.
    daemon.process.signal(Signal::STOP);
    while supervisor.hears_within(Duration::from_millis(200)).is_some() {}
    assert!(supervisor.hears_within(PATIENCE).is_none(), "fed by a process that is stopped");
    daemon.process.signal(Signal::CONT);
    supervisor.hears("WATCHDOG=1");
    daemon.process.signal(Signal::KILL);
    daemon.process.ended();
}

/// As the supervisor does it: descriptor 3, and the process that it is for.
fn with_socket(world: &World, listener: &std::net::TcpListener) -> Process {
    let command = world.command(&["run"]);
    let script = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
    let mut command = by(&["sh", "-c", script, "sh"], &command);
    let stdin = listener.as_fd().try_clone_to_owned().unwrap();
    Process::start_with(&mut command, stdin.into())
}

#[test]
fn a_port_that_is_passed_on_outlives_the_daemon() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for _ in 0..2 {
        let mut process = with_socket(&world, &listener);
        let line = process.printed(&format!("listening on http://{address}/"));
        assert_eq!(line, ", passed by the supervisor");
        assert_eq!(http(&address, "GET", "/healthz").0, 200);
        process.signal(Signal::TERM);
        assert_eq!(process.ended(), Some(0));
    }
    // Nobody serves it now, and yet a client is not refused: it waits for the next daemon.
    std::net::TcpStream::connect(&address).unwrap();
}

#[test]
fn the_journal_gets_levels_and_no_second_stamp() {
    let world = World::new(&["--deployments", "1"]);
    world.scratch.write("desired.yaml", "deployments:\n  w41b11c0: runing\n");
    // A pipe of its own stands for the journal's socket.
    let script = "export JOURNAL_STREAM=$(stat -Lc %d:%i /dev/fd/2); exec \"$@\"";
    let mut command = by(&["sh", "-c", script, "sh"], &world.command(&["run"]));
    let mut process = Process::start(&mut command);
    process.printed("expected `running`");
    let told = process.output();
    let prefixed = |line: &str| line.get(..3).is_some_and(|it| ["<3>", "<4>", "<6>"].contains(&it));
    assert!(told.lines().all(prefixed), "{told}");
    assert!(told.contains("\n<3>") || told.starts_with("<3>"), "{told}");
    // Inherited by a program whose output goes elsewhere, the variable says nothing.
    let mut command: Command = world.command(&["run"]);
    command.env("JOURNAL_STREAM", "1:1").arg0("evenkeel");
    command.env("EVENKEEL_STATE_DIR", world.scratch.path("other"));
    let mut other = Process::start(&mut command);
    other.printed(" INFO listening on");
}
