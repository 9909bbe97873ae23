//! Servers and networks that misbehave, before the real process: not a call too many, a plain word
//! about what is wrong, bounded memory, and all is well once they behave.

use std::fs;
use std::time::Duration;

use crate::harness::{Daemon, World, wait};
use crate::rogue::{Manner, Rogue};
use crate::system::{Mounts, peak_memory};

/// Of the simulator and of the configuration alike.
const LIMITED: Duration = Duration::from_secs(3);

/// The daemon's memory may never have been more, in MiB.
const MEMORY_MAX: u64 = 64;

fn before(rogue: &Rogue, world: &World) -> Daemon {
    world.run_with(|command| {
        command.env("EVENKEEL_API_URL", rogue.url());
    })
}

/// Waits until `evenkeel status` says this of `w41b11c0`.
fn says(world: &World, daemon: &Daemon, what: &str) {
    let mut last = String::new();
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait(&format!("status to say `{what}`"), || {
            let listen = ["--listen", &daemon.address];
            let output = world.output(&[&["status", "--output", "json"], &listen[..]].concat());
            last = String::from_utf8(output.stdout).unwrap();
            let view: serde_json::Value = serde_json::from_str(&last).ok()?;
            let one = view["deployments"].as_array()?.iter().find(|one| one["id"] == "w41b11c0")?;
            let told = [&one["synced"]["message"], &one["fault"]];
            told.iter()
                .any(|text| text.as_str().is_some_and(|text| text.contains(what)))
                .then_some(())
        });
    }));
    assert!(seen.is_ok(), "`{what}` is not in {last}");
}

/// Reads are treated badly, then only the starts and stops, then nothing any more.
fn suffers(manner: &Manner, expected: &str) {
    let world = World::new(&["--deployments", "2"]);
    // A start that was answered 200 and not done is done again after that.
    world.configure(
        "settle_warning: 10s\n  settle_timeout: 20s",
        "settle_warning: 1s\n  settle_timeout: 3s",
    );
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let rogue = Rogue::before(&world);
    rogue.set(manner.clone(), manner.clone());
    let daemon = before(&rogue, &world);
    says(&world, &daemon, expected);
    assert_eq!(daemon.get("/readyz").0, 200);
    assert!(rogue.seen().iter().all(|seen| seen.line.starts_with("GET")), "{manner:?}");
    rogue.set(Manner::Good, Manner::Good);
    daemon.converges(2);
    rogue.set(Manner::Good, manner.clone());
    world.desire("  w41b11c0: running\n  b1f77113: running\n");
    wait("a start", || {
        let started = |line: &str| {
            line.starts_with("evenkeel_actions_total{deployment=\"w41b11c0\",action=\"start\"")
                && !line.ends_with(" 0")
        };
        daemon.get("/metrics").1.lines().any(started).then_some(())
    });
    rogue.set(Manner::Good, Manner::Good);
    daemon.converges(2);
    world.assert_within_budget();
    let limit = |line: &str| if line.starts_with("POST") { 1 } else { 60 };
    rogue.assert_within(LIMITED, limit);
    let peak = peak_memory(daemon.process.pid());
    assert!(peak <= MEMORY_MAX, "{manner:?}: {peak} MiB");
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0), "{manner:?}: {output}");
}

/// All at the same time: most of it is waiting.
fn all_suffer(cases: &[(Manner, &str)]) {
    std::thread::scope(|scope| {
        for (manner, expected) in cases {
            scope.spawn(move || suffers(manner, expected));
        }
    });
}

fn head(text: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{text}\r\n\r\n").into_bytes()
}

#[test]
fn connections_that_break_cost_no_call_too_many() {
    all_suffer(&[
        (Manner::Slam, "could not be read"),
        (Manner::Reset, "could not be read"),
        (Manner::Hangup, "connection closed before message completed"),
        (Manner::Say(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()), "could not be read"),
        (Manner::Say([head("content-length: 400"), b"{\"conn".to_vec()].concat()), "broke off"),
    ]);
}

#[test]
fn answers_that_do_not_come_to_an_end_are_given_up() {
    let drip = [head("content-length: 400"), vec![b' '; 400]].concat();
    all_suffer(&[
        (Manner::Stall(vec![]), "no answer within 2s"),
        (Manner::Stall(head("content-length: 400")), "did not come to its end in time"),
        (Manner::Stall(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), "no answer within 2s"),
        (Manner::Drip(drip), "in time"),
    ]);
}

#[test]
fn an_answer_of_100_mb_takes_no_memory() {
    let mib = vec![b' '; 1024 * 1024];
    let chunk = [b"100000\r\n".to_vec(), mib.clone(), b"\r\n".to_vec()].concat();
    all_suffer(&[
        (Manner::Flood(head("content-length: 104857600"), mib.clone(), 100), "longer than"),
        (Manner::Flood(head("connection: close"), mib, 100), "longer than"),
        (Manner::Flood(head("transfer-encoding: chunked"), chunk, 100), "longer than"),
        (Manner::Flood(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 1 << 20], 100), "head"),
    ]);
}

#[test]
fn bytes_that_are_not_http_1_are_no_answer() {
    // A SETTINGS frame and a GOAWAY: what an HTTP/2 server says first.
    let settings = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01".to_vec();
    let alert = b"\x15\x03\x03\x00\x02\x02\x28\r\n\r\n".to_vec();
    all_suffer(&[
        (Manner::Greet(settings.clone()), "could not be read"),
        (Manner::Say(settings), "could not be read"),
        (Manner::Say(alert), "invalid HTTP version"),
        (Manner::Say(b"HTTP/2.0 200 OK\r\n\r\n".to_vec()), "invalid HTTP version"),
    ]);
}

#[test]
fn a_redirect_is_followed_nowhere() {
    let elsewhere = World::new(&["--deployments", "2"]);
    let other = Rogue::before(&elsewhere);
    let redirect = |status: &str, to: &str| {
        Manner::Say(format!("HTTP/1.1 {status}\r\nlocation: {to}\r\n\r\n").into_bytes())
    };
    let there = format!("{}/deployments/w41b11c0", other.url());
    all_suffer(&[
        (redirect("301 Moved Permanently", "/public_api/v2/deployments"), "HTTP 301"),
        (redirect("302 Found", &there), "HTTP 302"),
        (redirect("307 Temporary Redirect", &there), "HTTP 307"),
        (redirect("308 Permanent Redirect", &there), "HTTP 308"),
    ]);
    assert_eq!(other.connections(), 0);
    assert_eq!(elsewhere.arrivals(), 0);
}

/// Whether the client has noticed the close when it writes is up to the scheduler.
#[test]
fn connections_closed_between_calls_or_under_one_cost_no_call_too_many() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let rogue = Rogue::before(&world);
    rogue.set(Manner::GoodThenClose, Manner::GoodThenClose);
    let daemon = before(&rogue, &world);
    daemon.converges(2);
    wait("a hundred calls", || (rogue.seen().len() >= 100).then_some(()));
    daemon.converges(2);
    // And at the worst time: the connection was kept, and the next request is written to it.
    for worst in [Manner::Hangup, Manner::Reset] {
        rogue.set(Manner::Good, Manner::Good);
        let calls = rogue.seen().len();
        wait("calls on kept connections", || (rogue.seen().len() > calls + 10).then_some(()));
        rogue.set(worst.clone(), worst);
        says(&world, &daemon, "could not be read");
        rogue.set(Manner::Good, Manner::Good);
        daemon.converges(2);
    }
    rogue.assert_within(LIMITED, |line| if line.starts_with("POST") { 1 } else { 60 });
    assert_eq!(world.posts(), ["stop w41b11c0 201"]);
    world.assert_within_budget();
}

#[test]
fn a_name_that_does_not_resolve_costs_nothing_and_is_found_later() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let hosts = world.scratch.write("hosts", "127.0.0.1 elsewhere\n");
    // No name server is asked.
    let order = world.scratch.write("nsswitch.conf", "hosts: files\n");
    let (from, to) = (hosts.display(), order.display());
    let mounts = Mounts::new(&format!(
        "mount --bind {from} /etc/hosts; mount --bind {to} /etc/nsswitch.conf"
    ));
    let daemon = world.run_with(|command| {
        command.env("EVENKEEL_API_URL", world.base.replace("127.0.0.1", "localhost"));
        *command = mounts.enter(command);
    });
    says(&world, &daemon, "dns error");
    assert_eq!(world.arrivals(), 0);
    // In place: the mount is of this very file.
    fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    daemon.converges(2);
    assert_eq!(world.posts(), ["stop w41b11c0 201"]);
    world.assert_within_budget();
}
