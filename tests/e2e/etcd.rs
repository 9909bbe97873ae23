//! A real etcd of three members on loopback: Debian's `etcd-server`.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use evenkeel::ledger::shared::etcd::{Etcd, Options};
use evenkeel::ledger::shared::{Put, Register, Store};
use rustix::process::Signal;

use crate::conformance::conforms;
use crate::harness::{Process, Scratch, http, wait};

pub(crate) struct Cluster {
    scratch: Scratch,
    members: Vec<Member>,
}

struct Member {
    /// Where clients and where peers find it.
    ports: (u16, u16),
    process: Option<Process>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Cluster {
    /// Members that have a leader.
    pub(crate) fn new(members: usize) -> Self {
        let member = |_| Member { ports: (free_port(), free_port()), process: None };
        let members = (0..members).map(member).collect();
        let mut cluster = Self { scratch: Scratch::new(), members };
        for number in 0..cluster.members.len() {
            cluster.start(number);
        }
        cluster.is_healthy();
        cluster
    }

    pub(crate) fn start(&mut self, number: usize) {
        let peer =
            |(at, member): (usize, &Member)| format!("m{at}=http://127.0.0.1:{}", member.ports.1);
        let peers: Vec<_> = self.members.iter().enumerate().map(peer).collect();
        let (client, own) = self.members[number].ports;
        let (client, own) =
            (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{own}"));
        let mut command = Command::new("etcd");
        command.args(["--name", &format!("m{number}")]);
        command.arg("--data-dir").arg(self.scratch.path(&format!("m{number}")));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &own, "--initial-advertise-peer-urls", &own]);
        command.args(["--initial-cluster", &peers.join(","), "--log-level", "error"]);
        // Of three processes on a busy machine: the default calls an election after a second.
        command.args(["--heartbeat-interval", "100", "--election-timeout", "1000"]);
        self.members[number].process = Some(Process::start(&mut command));
    }

    pub(crate) fn kill(&mut self, number: usize) {
        self.members[number].process.take().unwrap().kill();
    }

    pub(crate) fn signal(&self, number: usize, signal: Signal) {
        self.members[number].process.as_ref().unwrap().signal(signal);
    }

    /// Waits until each that runs answers, and takes writes.
    pub(crate) fn is_healthy(&self) {
        for member in self.members.iter().filter(|member| member.process.is_some()) {
            let host = format!("127.0.0.1:{}", member.ports.0);
            wait("etcd; is Debian's etcd-server installed?", || {
                std::net::TcpStream::connect(&host).ok()?;
                let (_, body) = http(&host, "GET", "/health");
                body.contains("\"health\":\"true\"").then_some(())
            });
        }
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        let url = |member: &Member| format!("http://127.0.0.1:{}", member.ports.0);
        self.members.iter().map(url).collect()
    }

    fn client(&self, prefix: &str, patience: Duration) -> Box<dyn Store> {
        let endpoints = self.endpoints().iter().map(|url| url.parse().unwrap()).collect();
        let (ca, identity, login) = (None, None, None);
        let prefix = prefix.to_owned();
        let etcd = Etcd::new(Options { endpoints, prefix, ca, identity, login, patience });
        Box::new(etcd.unwrap())
    }
}

const PATIENT: Duration = Duration::from_secs(20);

#[test]
fn etcd_conforms() {
    let cluster = Cluster::new(1);
    conforms(cluster.client("/one/", PATIENT), cluster.client("/one/", PATIENT));
    conforms(cluster.client("/another/", PATIENT), cluster.client("/another/", PATIENT));
}

#[test]
fn a_silent_member_is_passed_over_and_no_quorum_is_not_known() {
    let mut cluster = Cluster::new(3);
    let mut client = cluster.client("/a/", PATIENT);
    let version = client.read(Register::Head).unwrap().version;
    assert!(matches!(client.put_if(Register::Head, b"1", &version), Put::Committed(_)));
    // The one that was asked first so far.
    cluster.signal(0, Signal::STOP);
    let stored = client.read(Register::Head).unwrap();
    assert_eq!(stored.value, b"1");
    let written = client.put_if(Register::Head, b"2", &stored.version);
    // It may have arrived by way of the silent one as well.
    assert!(matches!(written, Put::Committed(_) | Put::Conflict), "{written:?}");
    cluster.signal(0, Signal::CONT);
    cluster.kill(1);
    cluster.kill(2);
    let mut hasty = cluster.client("/a/", Duration::from_secs(1));
    let written = hasty.put_if(Register::Head, b"3", &stored.version);
    assert!(matches!(written, Put::Unknown(_)), "{written:?}");
    let trouble = hasty.read(Register::Head).unwrap_err().to_string();
    assert!(trouble.contains("http://127.0.0.1:"), "{trouble}");
    cluster.start(1);
    cluster.start(2);
    cluster.is_healthy();
    let value = client.read(Register::Head).unwrap().value;
    assert!(value == b"2" || value == b"1", "{value:?}");
}
