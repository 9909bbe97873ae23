//! How far `once` and a first observation are, on a terminal and in a log.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use evenkeel::simulator::{Options, Simulator};

use crate::Scratch;
use crate::pty::Pty;

/// A simulated API with three deployments, and what `once` and `plan` need to use it.
struct World {
    scratch: Scratch,
    base: String,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<std::thread::JoinHandle<()>>,
}

impl World {
    fn new(stop_delay: Duration) -> Self {
        let (told, ready) = std::sync::mpsc::channel();
        let (end, ended) = tokio::sync::oneshot::channel();
        let server = std::thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap().block_on(async {
                let options = Options { stop_delay, ..Options::default() };
                let address = SocketAddr::from(([127, 0, 0, 1], 0));
                let simulator = Simulator::start(address, options).await.unwrap();
                told.send(simulator.base_url()).unwrap();
                let _ = ended.await;
                simulator.shutdown().await;
            });
        });
        let scratch = Scratch::new();
        let ids: Vec<_> = Options::default().deployments.into_iter().map(|one| one.id).collect();
        let deployments: Vec<_> = ids.iter().map(|id| format!("  {id}: stopped\n")).collect();
        scratch.write("desired.yaml", &format!("deployments:\n{}", deployments.concat()));
        scratch.write("evenkeel.yaml", "guards: { stops: { above: 9 } }\n");
        Self { scratch, base: ready.recv().unwrap(), end: Some(end), server: Some(server) }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.scratch.0.join(name).display().to_string();
        vec![
            ("EVENKEEL_CONFIG", path("evenkeel.yaml")),
            ("EVENKEEL_API_URL", self.base.clone()),
            ("EVENKEEL_API_KEY", "key".to_owned()),
            ("EVENKEEL_API_SECRET", "secret".to_owned()),
            ("EVENKEEL_STATE_DIR", path("state")),
            ("EVENKEEL_DESIRED", path("desired.yaml")),
            ("EVENKEEL_LISTEN", "127.0.0.1:1".to_owned()),
        ]
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.end.take());
        self.server.take().unwrap().join().unwrap();
    }
}

#[test]
fn once_has_a_line_at_the_foot_below_its_log() {
    // Nothing has settled before the test has looked.
    let world = World::new(Duration::from_secs(3600));
    let variables = world.variables();
    let variables: Vec<_> = variables.iter().map(|(name, text)| (*name, &**text)).collect();
    let mut pty = Pty::start((200, 60), &["once", "--timeout", "10m"], &variables);
    // At the foot: below it is nothing, and log lines stand above.
    pty.until("progress at the foot", |screen| {
        let text = screen.contents();
        let rows: Vec<_> = text.trim_end().lines().collect();
        let foot = rows.last().is_some_and(|row| row.contains("0 of 3 in sync; gives up in 9m"));
        foot && rows.len() > 3
    });
    pty.types(b"\x03");
    let (code, rows, _) = pty.ended();
    assert_eq!(code, Some(1));
    assert!(!rows.iter().any(|row| row.contains("gives up")), "taken back: {rows:#?}");
    assert_eq!(rows.last().unwrap(), "0 of 3 in sync");
}

#[test]
fn elsewhere_the_log_says_how_far_it_is() {
    let world = World::new(Duration::ZERO);
    let mut command = Command::new(crate::EVENKEEL);
    let output =
        command.env_clear().envs(world.variables()).args(["once", "--log-format", "json"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("the desired file is not read yet") || log.contains(" of 3 "), "{log}");
    assert!(!log.contains(['\r', '\x1b']), "{log:?}");
}

#[test]
fn plan_leaves_nothing_of_its_progress_behind() {
    let world = World::new(Duration::ZERO);
    let variables = world.variables();
    let variables: Vec<_> = variables.iter().map(|(name, text)| (*name, &**text)).collect();
    let (code, rows, raw) = Pty::start((80, 60), &["plan"], &variables).ended();
    assert_eq!(code, Some(1));
    assert!(raw.contains("\r\x1b[K"), "{raw:?}");
    assert!(rows[0].starts_with("DEPLOYMENT"), "{rows:#?}");
}
