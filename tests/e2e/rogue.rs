//! A server before the simulated API: passes calls on, or does as badly as it is told. It counts
//! each call that reaches its socket, before anything else becomes of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::harness::{World, now};

/// What to do with a call.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Pass it on, and keep the connection.
    Good,
    /// Pass it on, and close the connection without having said so.
    GoodThenClose,
    /// Close each connection before a request has been read from it.
    Slam,
    /// Close with an RST, the request read and nothing answered.
    Reset,
    /// Close with a FIN, the request read and nothing answered.
    Hangup,
    /// Answer with these bytes and close.
    Say(Vec<u8>),
    /// Greet each connection with these bytes, before any request; then answer nothing.
    Greet(Vec<u8>),
    /// Answer with these bytes, and then nothing more.
    Stall(Vec<u8>),
    /// Answer with these bytes, one at a time.
    Drip(Vec<u8>),
    /// Answer with the first bytes once and with the others so often.
    Flood(Vec<u8>, Vec<u8>, u32),
}

/// A call that reached the socket.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    at: Duration,
    /// Such as `POST /public_api/v1/deployments/w41b11c0/stop`.
    pub(crate) line: String,
    id: String,
}

#[derive(Debug)]
struct Shared {
    behind: String,
    /// How reads are treated, and how starts and stops are.
    manners: Mutex<(Manner, Manner)>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    over: AtomicBool,
}

/// The server.
#[derive(Debug)]
pub(crate) struct Rogue {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<std::thread::JoinHandle<()>>,
}

impl Rogue {
    /// Before the simulator of `world`, and well-behaved at first.
    pub(crate) fn before(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behind: world.host(),
            manners: Mutex::new((Manner::Good, Manner::Good)),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let own = shared.clone();
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if own.over.load(Ordering::Relaxed) {
                    return;
                }
                own.connections.fetch_add(1, Ordering::Relaxed);
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        Self { address, shared, listening: Some(listening) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/public_api/v1", self.address)
    }

    /// How to treat reads, and starts and stops, from now on.
    pub(crate) fn set(&self, reads: Manner, posts: Manner) {
        *self.shared.manners.lock().unwrap() = (reads, posts);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// No call came twice, and none was more than `limit` says within `window`.
    pub(crate) fn assert_within(&self, window: Duration, limit: impl Fn(&str) -> usize) {
        let seen = self.seen();
        for (place, one) in seen.iter().enumerate() {
            assert!(seen[..place].iter().all(|other| other.id != one.id), "twice: {one:?}");
            let same = seen[..=place].iter().filter(|other| {
                other.line == one.line && other.at + window > one.at && other.at <= one.at
            });
            let count = same.count();
            assert!(count <= limit(&one.line), "{count} of {one:?} in {seen:#?}");
        }
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // It waits for a connection; this is the last.
        let _ = TcpStream::connect(self.address);
        let _ = self.listening.take().map(std::thread::JoinHandle::join);
    }
}

impl Shared {
    fn manner(&self, line: &str) -> Manner {
        let (reads, posts) = self.manners.lock().unwrap().clone();
        if line.starts_with("POST") { posts } else { reads }
    }

    fn serve(&self, mut stream: TcpStream) {
        let manner = self.manner("");
        if matches!(manner, Manner::Slam) {
            return;
        }
        if let Manner::Greet(bytes) = manner {
            let _ = stream.write_all(&bytes);
        }
        while let Some(head) = self.read_head(&mut stream) {
            if !self.answer(&mut stream, &head) {
                return;
            }
        }
    }

    /// All up to the empty line, counted; no request here has a body. It stays unread in the socket
    /// where an RST is to follow: closing on unread bytes sends one.
    fn read_head(&self, stream: &mut TcpStream) -> Option<String> {
        let mut buffer = vec![0; 16 * 1024];
        let length = loop {
            let length = stream.peek(&mut buffer).ok().filter(|length| *length > 0)?;
            match buffer[..length].windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: "))?.to_owned();
        let line = head.split(" HTTP/").next()?.to_owned();
        let reset = matches!(self.manner(&line), Manner::Reset);
        self.seen.lock().unwrap().push(Seen { at: now(), line, id });
        if !reset {
            stream.read_exact(&mut buffer[..length]).ok()?;
        }
        Some(head)
    }

    /// False once the connection is done with.
    fn answer(&self, stream: &mut TcpStream, head: &str) -> bool {
        match self.manner(head) {
            Manner::Good => return self.pass_on(stream, head),
            Manner::GoodThenClose => {
                self.pass_on(stream, head);
            }
            Manner::Slam | Manner::Reset | Manner::Hangup => (),
            Manner::Say(bytes) => {
                let _ = stream.write_all(&bytes);
            }
            Manner::Stall(bytes) => {
                let _ = stream.write_all(&bytes);
                wait_for_the_end(stream);
            }
            Manner::Greet(_) => wait_for_the_end(stream),
            Manner::Drip(bytes) => {
                for byte in bytes {
                    if stream.write_all(&[byte]).is_err() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            Manner::Flood(first, piece, times) => {
                let mut written = stream.write_all(&first);
                for _ in 0..times {
                    written = written.and_then(|()| stream.write_all(&piece));
                }
            }
        }
        false
    }

    fn pass_on(&self, stream: &mut TcpStream, head: &str) -> bool {
        let Ok(mut behind) = TcpStream::connect(&self.behind) else { return false };
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let mut answer = Vec::new();
        let passed = behind.write_all(head.as_bytes());
        if passed.and_then(|()| behind.read_to_end(&mut answer)).is_err() || answer.is_empty() {
            return false;
        }
        let answer = String::from_utf8(answer).unwrap().replacen("connection: close\r\n", "", 1);
        stream.write_all(answer.as_bytes()).is_ok()
    }
}

/// Until the client has closed.
fn wait_for_the_end(stream: &mut TcpStream) {
    while stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
}
