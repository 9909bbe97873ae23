//! The system around a daemon: mounts of its own, and strace, which spoils or delays system calls.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::harness::{Daemon, Process};

/// `command`, started by another program that takes its place.
pub(crate) fn by(prefix: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(prefix[0]);
    outer.args(&prefix[1..]).arg(command.get_program()).args(command.get_args()).env_clear();
    outer.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    outer.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    outer
}

/// A mount namespace, held open by a process. Where the machine lets nobody mount, the test fails.
pub(crate) struct Mounts {
    holder: Process,
}

impl Mounts {
    /// What the shell script `mount` mounts is seen by those who enter, and by nobody else.
    pub(crate) fn new(mount: &str) -> Self {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("-r");
        }
        let script = format!("set -e; {mount}; echo mounted; exec sleep infinity");
        let mut holder = Process::start(command.args(["-m", "sh", "-c", &script]));
        holder.printed("mounted");
        Self { holder }
    }

    /// `command`, where the mounts are.
    pub(crate) fn enter(&self, command: &Command) -> Command {
        let pid = self.holder.pid().to_string();
        let as_user: &[&str] = if is_root() { &[] } else { &["-U", "--preserve-credentials"] };
        by(&[&["nsenter", "-t", &pid, "-m"], as_user, &["--"]].concat(), command)
    }

    /// Runs a shell script where the mounts are.
    pub(crate) fn run(&self, script: &str) {
        let output = self.enter(Command::new("sh").args(["-c", script])).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// How a path there is called here.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.pid()));
        root.join(path.strip_prefix("/").unwrap())
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// strace at a daemon that runs, with the system calls that it is to spoil: until it is dropped.
pub(crate) struct Spoiler(Process);

impl Spoiler {
    /// As after `-e inject=`.
    pub(crate) fn attach(daemon: &Daemon, inject: &str) -> Self {
        let pid = daemon.process.pid().to_string();
        let calls = inject.split(':').next().unwrap();
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &pid, "-o", "/dev/null"]);
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={inject}")]);
        let mut strace = Process::start(&mut command);
        strace.printed("attached");
        Self(strace)
    }

    /// Lets the daemon go on undisturbed.
    pub(crate) fn detach(mut self) {
        self.0.signal(Signal::INT);
        self.0.ended();
    }
}

/// The most memory that a process has had, in MiB.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
