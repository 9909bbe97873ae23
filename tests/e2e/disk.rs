//! Disks that are full, read-only or broken, under the real process.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::harness::{Daemon, Process, World, wait};
use crate::system::{Mounts, Spoiler, by};

/// Two deployments that are read now and then, so that the ledger grows slowly.
fn world() -> World {
    let world = World::new(&["--deployments", "2", "--no-list"]);
    world.configure("observe: {", "observe: { interval: 300ms,");
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    world
}

/// The world's state directory as a file system of 64 KiB.
fn small_disk(world: &World) -> Mounts {
    let state = world.scratch.path("state");
    fs::create_dir(&state).unwrap();
    Mounts::new(&format!("mount -t tmpfs -o size=64k,mode=700 tmpfs {}", state.display()))
}

/// Takes all the room there is.
fn fill(dir: &Path) {
    let mut file = File::create(dir.join("filler")).unwrap();
    let error = loop {
        if let Err(error) = file.write_all(&[b'.'; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

/// It is up, and says everywhere that the ledger cannot be written.
fn is_stuck(daemon: &mut Daemon, why: &str) {
    wait("a ledger that cannot be written", || (daemon.get("/readyz").0 == 503).then_some(()));
    let (_, ready) = daemon.get("/readyz");
    assert!(ready.contains("ledger") && ready.contains(why), "{ready}");
    assert_eq!(daemon.get("/healthz").0, 200);
    let (_, metrics) = daemon.get("/metrics");
    assert!(metrics.contains("evenkeel_ledger_writable 0\n"), "{metrics}");
    assert!(daemon.view()["ledgerFault"].as_str().unwrap().contains(why));
    daemon.process.printed("the ledger cannot be written");
}

/// Whatever is asked of it, nothing is sent.
fn sends_nothing(world: &World, daemon: &Daemon) {
    wait("the calls under way", || (daemon.view()["accounts"][0]["inFlight"] == 0).then_some(()));
    let arrivals = world.arrivals();
    world.desire("  w41b11c0: stopped\n  b1f77113: stopped\n");
    wait("the edit to be seen", || {
        (daemon.view()["deployments"][0]["desired"]["state"] == "stopped").then_some(())
    });
    // Longer than it waits before it tries the ledger again.
    world.lets_pass(Duration::from_secs(3));
    assert_eq!(world.arrivals(), arrivals);
    assert_eq!(daemon.get("/healthz").0, 200);
}

fn goes_on(world: &World, daemon: Daemon) {
    daemon.converges(2);
    assert_eq!(daemon.get("/readyz").0, 200);
    assert!(daemon.get("/metrics").1.contains("evenkeel_ledger_writable 1\n"));
    assert_eq!(world.posts(), ["stop w41b11c0 201", "stop b1f77113 201"]);
    world.assert_within_budget();
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("the ledger can be written again"), "{output}");
}

#[test]
fn a_full_disk_stops_the_calls_and_not_the_daemon() {
    let world = world();
    let mounts = small_disk(&world);
    let state = mounts.path(&world.scratch.path("state"));
    let run = || world.run_with(|command| *command = mounts.enter(command));
    let mut daemon = run();
    daemon.converges(2);
    fill(&state);
    is_stuck(&mut daemon, "No space left on device");
    sends_nothing(&world, &daemon);
    // Nor is the full disk a reason for the next process to stay down.
    daemon.process.kill();
    let mut daemon = run();
    is_stuck(&mut daemon, "No space left on device");
    sends_nothing(&world, &daemon);
    fs::remove_file(state.join("filler")).unwrap();
    wait("the desired file to be kept", || {
        let kept = fs::read_to_string(state.join("desired.last-good.json")).unwrap_or_default();
        kept.contains("b1f77113: stopped").then_some(())
    });
    goes_on(&world, daemon);
}

/// A file system that turns read-only after an error does so under open files, which a remount
/// refuses: so the writes are made to fail as they do then.
#[test]
fn a_disk_that_turns_read_only_stops_the_calls_and_not_the_daemon() {
    let world = world();
    let mut daemon = world.run();
    daemon.converges(2);
    let spoiler = Spoiler::attach(&daemon, "pwrite64,ftruncate:error=EROFS");
    is_stuck(&mut daemon, "Read-only file system");
    sends_nothing(&world, &daemon);
    spoiler.detach();
    goes_on(&world, daemon);
}

#[test]
fn a_disk_that_is_read_only_from_the_start_is_said_and_mended() {
    let world = world();
    let mounts = small_disk(&world);
    let daemon = world.run_with(|command| *command = mounts.enter(command));
    daemon.converges(2);
    daemon.process.kill();
    let arrivals = world.arrivals();
    let remount = |how: &str| {
        let state = world.scratch.path("state");
        mounts.run(&format!("mount -o remount,bind,{how} {}", state.display()));
    };
    remount("ro");
    let output = mounts.enter(&world.command(&["run"])).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("cannot use the ledger"), "{message}");
    assert!(message.contains("Read-only file system"), "{message}");
    assert_eq!(world.arrivals(), arrivals);
    remount("rw");
    let daemon = world.run_with(|command| *command = mounts.enter(command));
    daemon.converges(2);
    world.assert_within_budget();
}

#[test]
fn a_failed_sync_ends_the_daemon_and_is_not_tried_again() {
    std::thread::scope(|scope| {
        for nth in [1, 2, 3, 5, 8] {
            scope.spawn(move || fails_to_sync(nth));
        }
    });
}

fn fails_to_sync(nth: u32) {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let trace = world.scratch.path("trace");
    let inject = format!("inject=fdatasync:error=EIO:when={nth}");
    let log = trace.to_str().unwrap();
    // `-D`: the daemon is this process's own child, and strace the stranger.
    let strace =
        ["strace", "-D", "-f", "-o", log, "-e", "trace=fdatasync,fsync,msync,sync", "-e", &inject];
    let mut daemon = Process::start(&mut by(&strace, &world.command(&["run"])));
    assert_eq!(daemon.ended(), Some(2), "{nth}: {}", daemon.output());
    let output = daemon.output();
    assert!(output.contains("the ledger failed"), "{output}");
    assert!(output.contains("Input/output error"), "{output}");
    let calls = wait("the trace", || {
        let text = fs::read_to_string(&trace).unwrap();
        text.contains("exited with 2").then_some(text)
    });
    // The ledger is the loop's, on the first thread; what is kept beside it has one of its own.
    let pid = format!("{} ", daemon.pid());
    let loops: String = calls.split_inclusive('\n').filter(|call| call.starts_with(&pid)).collect();
    let (_, after) = loops.split_once("(INJECTED)").unwrap();
    assert!(!after.contains("sync("), "{nth}: {calls}");
    let daemon = world.run();
    daemon.converges(2);
    world.assert_within_budget();
}
