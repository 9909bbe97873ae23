//! What strangers try at the endpoint, and what its users notice of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};

use crate::guarded::{HASH, ask, certify, start};
use crate::harness::{World, now, wait};

const IN_SYNC: &str = "evenkeel_deployment_in_sync{deployment=\"w41b11c0\"} 1";

/// Strangers, until it is dropped.
struct Siege {
    over: Arc<AtomicBool>,
    blows: Arc<AtomicU64>,
    hands: Vec<std::thread::JoinHandle<()>>,
}

impl Siege {
    fn new(hands: usize, blow: impl Fn() + Send + Sync + 'static) -> Self {
        let (over, blows) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let blow = Arc::new(blow);
        let hand = |_| {
            let (over, blows, blow) = (over.clone(), blows.clone(), blow.clone());
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    blow();
                    blows.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let hands = (0..hands).map(hand).collect();
        Self { over, blows, hands }
    }

    /// Clients that begin with `head` and go on a byte at a time, until the server has had enough:
    /// more than there are places.
    fn of_the_slow(address: &str, head: &'static [u8]) -> Self {
        let to = address.to_owned();
        Self::new(300, move || {
            if let Ok(mut stream) = TcpStream::connect(&to) {
                let _ = stream.write_all(head);
                while stream.write_all(b"x").is_ok() {
                    std::thread::park_timeout(Duration::from_millis(200));
                }
            }
        })
    }

    /// Waits until so many more blows have fallen.
    fn goes_on(&self, blows: u64) {
        let goal = self.blows.load(Ordering::Relaxed) + blows;
        wait("the siege to go on", || (self.blows.load(Ordering::Relaxed) >= goal).then_some(()));
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for hand in self.hands.drain(..) {
            let _ = hand.join();
        }
    }
}

/// While it lasts, a scraper is served within a second, and an edit becomes a stop or a start.
fn withstands(world: &World, siege: &Siege, scrape: impl Fn() -> Option<String>) {
    for state in ["stopped", "running"] {
        siege.goes_on(20);
        let mut times = [(); 7].map(|()| {
            let begin = now();
            let answer = scrape().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            now() - begin
        });
        // The median: the machine that tests has other work.
        times.sort();
        assert!(times[3] < Duration::from_secs(1), "{times:?}");
        let before = world.posts().len();
        world.desire(&format!("  w41b11c0: {state}\n"));
        wait("the edit to become a call", || (world.posts().len() > before).then_some(()));
    }
}

#[test]
fn strangers_do_not_keep_the_scraper_waiting() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    // At cost 10, as people have it: tens of milliseconds a wrong password.
    let costly = HASH.replace("$04$", "$10$");
    let rules = format!("basic_auth_users:\n  mallory: {costly}\n  alice: {HASH}\n");
    let guarded = start(&world, &rules);
    let address = guarded.address.trim_start_matches("http://").to_owned();
    let scrape = || ask(&address, "/metrics", Some("alice:correct horse"));
    wait("alice to be let in", || scrape()?.contains(IN_SYNC).then_some(()));
    // Passwords that are all different, so that nothing remembered helps.
    let (to, count) = (address.clone(), AtomicU64::new(0));
    let guesses = Siege::new(24, move || {
        let guess = format!("mallory:{}", count.fetch_add(1, Ordering::Relaxed));
        let answer = ask(&to, "/metrics", Some(&guess));
        let refused = answer.is_none_or(|answer| {
            answer.starts_with("HTTP/1.1 401") || answer.starts_with("HTTP/1.1 503")
        });
        assert!(refused);
    });
    withstands(&world, &guesses, scrape);
    drop(guesses);
    // Connections that are opened and closed, that say nothing to the point, or never come to it.
    let to = address.clone();
    let garbage = Siege::new(4, move || {
        if let Ok(mut stream) = TcpStream::connect(&to) {
            let _ = stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
        }
    });
    withstands(&world, &garbage, scrape);
    drop(garbage);
    let slow = Siege::of_the_slow(&address, b"GET /metrics HTTP/1.1\r\nhost: x\r\nx: ");
    slow.goes_on(300);
    withstands(&world, &slow, scrape);
}

/// One request over TLS; the head and the body of its answer.
fn ask_over_tls(address: &str, trust: &Arc<rustls::ClientConfig>) -> Option<String> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let client = rustls::ClientConnection::new(trust.clone(), name).unwrap();
    let mut stream = rustls::StreamOwned::new(client, stream);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn strangers_do_not_keep_the_scraper_waiting_before_a_handshake() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    certify(&world, "one");
    let rules = "tls_server_config: { cert_file: one.pem, key_file: one.key }\n";
    let guarded = start(&world, rules);
    let address = guarded.address.trim_start_matches("https://").to_owned();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(world.scratch.path("one-ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let trust = Arc::new(trust);
    let scrape = || ask_over_tls(&address, &trust);
    wait("the fleet to be in sync", || scrape()?.contains(IN_SYNC).then_some(()));
    // Handshakes that end, each with keys of its own, and nobody asks for anything.
    let (to, trusting) = (address.clone(), trust.clone());
    let greetings = Siege::new(24, move || {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut client = rustls::ClientConnection::new(trusting.clone(), name).unwrap();
        if let Ok(mut stream) = TcpStream::connect(&to) {
            while client.is_handshaking() && client.complete_io(&mut stream).is_ok() {}
        }
    });
    withstands(&world, &greetings, scrape);
    drop(greetings);
    // And such as never end: a record is announced, and does not come.
    let slow = Siege::of_the_slow(&address, b"\x16\x03\x01\x3f\xff");
    slow.goes_on(300);
    withstands(&world, &slow, scrape);
}
