//! A real etcd of three members on loopback: Debian's `etcd-server`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use evenkeel::ledger::shared::etcd::{Etcd, Login, Options};
use evenkeel::ledger::shared::{Put, Register, Store};
use rustix::process::Signal;

use crate::conformance::conforms;
use crate::guarded::certify;
use crate::harness::{Process, Scratch, World, http, wait};
use crate::network::ENGINE;

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
            (format!("http://{ENGINE}:{client}"), format!("http://127.0.0.1:{own}"));
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
            let host = format!("{ENGINE}:{}", member.ports.0);
            wait("etcd; is Debian's etcd-server installed?", || {
                std::net::TcpStream::connect(&host).ok()?;
                let (_, body) = http(&host, "GET", "/health");
                body.contains("\"health\":\"true\"").then_some(())
            });
        }
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        let url = |member: &Member| format!("http://{ENGINE}:{}", member.ports.0);
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
    assert!(trouble.contains("http://127.0.0.2:"), "{trouble}");
    cluster.start(1);
    cluster.start(2);
    cluster.is_healthy();
    let value = client.read(Register::Head).unwrap().value;
    assert!(value == b"2" || value == b"1", "{value:?}");
}

/// A client's certificate by the same CA. With authentication on, etcd's gateway refuses one that
/// has a common name.
fn nameless(world: &World) {
    let script = format!(
        "set -e; cd '{}'
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/O=evenkeel' \
          -keyout client.key -out client.csr
        openssl x509 -req -in client.csr -CA etcd-ca.pem -CAkey etcd-ca.key -CAcreateserial \
          -days 30 -extfile ext -out client.pem",
        world.scratch.path("").display()
    );
    let made = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// A member that wants a certificate and a password, with a door of its own for who sets it up.
struct Fortress {
    world: World,
    ports: (u16, u16, u16),
    process: Option<Process>,
}

impl Fortress {
    fn new() -> Self {
        let world = World::new(&[]);
        certify(&world, "etcd");
        certify(&world, "stranger");
        nameless(&world);
        let mut fortress =
            Self { world, ports: (free_port(), free_port(), free_port()), process: None };
        fortress.start();
        let [from, to] = ["/a/", "/a0"].map(|key| BASE64_STANDARD.encode(key));
        let range = format!(r#""key":"{from}","range_end":"{to}""#);
        for (path, body) in [
            ("user/add", r#"{"name":"root","password":"r"}"#.to_owned()),
            ("role/add", r#"{"name":"root"}"#.to_owned()),
            ("user/grant", r#"{"user":"root","role":"root"}"#.to_owned()),
            ("user/add", r#"{"name":"evenkeel","password":"secret"}"#.to_owned()),
            ("role/add", r#"{"name":"ledger"}"#.to_owned()),
            (
                "role/grant",
                format!(r#"{{"name":"ledger","perm":{{"permType":"READWRITE",{range}}}}}"#),
            ),
            ("user/grant", r#"{"user":"evenkeel","role":"ledger"}"#.to_owned()),
            ("enable", "{}".to_owned()),
        ] {
            fortress.sets_up(path, &body);
        }
        fortress
    }

    fn start(&mut self) {
        let (client, peer, door) = self.ports;
        let url = |scheme: &str, port: u16| format!("{scheme}://127.0.0.1:{port}");
        let path = |name: &str| self.world.scratch.path(name);
        let mut command = Command::new("etcd");
        command.args(["--name", "m0", "--log-level", "error"]);
        command.arg("--data-dir").arg(path("etcd"));
        let listens = format!("{},{}", url("https", client), url("http", door));
        command.args(["--listen-client-urls", &listens]);
        command.args(["--advertise-client-urls", &url("https", client)]);
        command.args(["--listen-peer-urls", &url("http", peer)]);
        command.args(["--initial-advertise-peer-urls", &url("http", peer)]);
        command.args(["--initial-cluster", &format!("m0={}", url("http", peer))]);
        command.arg("--cert-file").arg(path("etcd.pem")).arg("--key-file").arg(path("etcd.key"));
        command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(path("etcd-ca.pem"));
        self.process = Some(Process::start(&mut command));
        let host = format!("127.0.0.1:{door}");
        wait("etcd", || {
            TcpStream::connect(&host).ok()?;
            http(&host, "GET", "/health").1.contains("\"health\":\"true\"").then_some(())
        });
    }

    fn sets_up(&self, path: &str, body: &str) {
        let host = format!("127.0.0.1:{}", self.ports.2);
        let mut stream = TcpStream::connect(&host).unwrap();
        let length = body.len();
        let head = format!("POST /v3/auth/{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close");
        write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    fn client(&self, prefix: &str, identity: &str, password: &'static str) -> Box<dyn Store> {
        let read = |name: &str| std::fs::read(self.world.scratch.path(name)).unwrap();
        let pem = [read(&format!("{identity}.pem")), read(&format!("{identity}.key"))].concat();
        let login = Login {
            user: "evenkeel".to_owned(),
            password: Box::new(move || Ok(password.to_owned().into())),
        };
        let etcd = Etcd::new(Options {
            endpoints: vec![format!("https://127.0.0.1:{}", self.ports.0).parse().unwrap()],
            prefix: prefix.to_owned(),
            ca: Some(read("etcd-ca.pem")),
            identity: Some(pem),
            login: Some(login),
            patience: PATIENT,
        });
        Box::new(etcd.unwrap())
    }
}

#[test]
fn a_guarded_etcd_wants_a_certificate_and_a_password_and_a_token_is_renewed() {
    let mut fortress = Fortress::new();
    let client = || fortress.client("/a/", "client", "secret");
    conforms(client(), client());
    let mut client = client();
    let stored = client.read(Register::Lease).unwrap();
    for (mut wrong, why) in [
        (fortress.client("/a/", "stranger", "secret"), ""),
        (fortress.client("/a/", "etcd", "secret"), "CommonName"),
        (fortress.client("/a/", "client", "guess"), "authentication failed"),
        (fortress.client("/b/", "client", "secret"), "permission denied"),
    ] {
        let trouble = wrong.read(Register::Lease).unwrap_err().to_string();
        assert!(trouble.contains(why) && !trouble.contains("guess"), "{trouble}");
        let put = wrong.put_if(Register::Lease, b"x", &stored.version);
        assert!(matches!(put, Put::Unknown(_)), "{put:?}");
    }
    // Tokens are in the member's memory; one that was restarted knows none.
    fortress.process.take().unwrap().kill();
    fortress.start();
    assert_eq!(client.read(Register::Lease).unwrap(), stored);
    let put = client.put_if(Register::Lease, b"y", &stored.version);
    assert!(matches!(put, Put::Committed(_)), "{put:?}");
}
