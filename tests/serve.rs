//! The bounded HTTP server over real sockets.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use evenkeel::serve::{Bounds, Hangup, Reply, serve};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

/// For a state that comes within milliseconds; only a hung test meets it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Far beyond the test's own life, so that only what is tested can end a connection.
const NEVER: Duration = Duration::from_secs(3600);

const GENEROUS: Bounds =
    Bounds { connections: 64, header_time: NEVER, total_time: NEVER, drain_time: NEVER };
const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// Holds back the answers for `/gate`; one test uses it.
static GATE: Semaphore = Semaphore::const_new(0);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn handle(request: Request<Incoming>, _peer: SocketAddr) -> Reply {
    match request.uri().path() {
        "/hangup" => Err(Hangup),
        "/gate" => {
            GATE.acquire().await.unwrap().forget();
            Ok(Response::new(Full::new(Bytes::from("hello"))))
        }
        "/stuck" => std::future::pending().await,
        _ => Ok(Response::new(Full::new(Bytes::from("hello")))),
    }
}

async fn start(bounds: Bounds) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(serve(listener, bounds, async { drop(stopped.await) }, handle));
    Server { address, stop, ended }
}

impl Server {
    async fn end(self) {
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.ended).await.unwrap().unwrap();
    }
}

fn connect(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

/// Reads one answer, whose body is `hello`.
fn hello(stream: &mut TcpStream) {
    let mut text = vec![];
    while !text.ends_with(b"hello") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    assert!(text.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&text));
}

/// Everything up to the connection's end.
fn rest(stream: &mut TcpStream) -> String {
    let mut text = vec![];
    match stream.read_to_end(&mut text) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(text).unwrap()
}

async fn blocking<T: Send + 'static>(client: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(client).await.unwrap()
}

#[tokio::test]
async fn a_flood_of_half_sent_heads_shuts_nobody_out() {
    let server = start(Bounds { connections: 4, ..GENEROUS }).await;
    let at = server.address;
    blocking(move || {
        let mut slow: Vec<_> = (0..20).map(|_| connect(at, "GET / HTTP/1.1\r\nHo")).collect();
        let idle: Vec<_> = (0..20).map(|_| connect(at, "")).collect();
        for _ in 0..10 {
            hello(&mut connect(at, GET));
        }
        // The longest waiting was given up for a newcomer.
        assert_eq!(rest(&mut slow[0]), "");
        drop(idle);
    })
    .await;
    server.end().await;
}

/// Requests in progress are never given up for newcomers; those wait until a seat is free.
#[tokio::test]
async fn a_request_in_progress_keeps_its_seat() {
    let server = start(Bounds { connections: 2, drain_time: Duration::ZERO, ..GENEROUS }).await;
    let at = server.address;
    let stuck = blocking(move || {
        let stuck = connect(at, "GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n");
        for _ in 0..20 {
            hello(&mut connect(at, GET));
        }
        stuck.set_nonblocking(true).unwrap();
        let still_open = (&stuck).read(&mut [0]).unwrap_err();
        assert_eq!(still_open.kind(), ErrorKind::WouldBlock);
        stuck
    })
    .await;
    server.end().await;
    drop(stuck);
}

#[tokio::test]
async fn a_seat_that_falls_idle_while_a_newcomer_waits_is_given_up() {
    let server = start(Bounds { connections: 1, ..GENEROUS }).await;
    let at = server.address;
    blocking(move || {
        let mut kept = connect(at, "GET /gate HTTP/1.1\r\nHost: test\r\n\r\n");
        let mut newcomer = connect(at, GET);
        GATE.add_permits(1);
        hello(&mut kept);
        hello(&mut newcomer);
        assert_eq!(rest(&mut kept), "");
    })
    .await;
    server.end().await;
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = start(GENEROUS).await;
    let at = server.address;
    blocking(move || {
        let mut kept = connect(at, GET);
        for _ in 0..3 {
            hello(&mut kept);
            kept.write_all(GET.as_bytes()).unwrap();
        }
        hello(&mut kept);
    })
    .await;
    server.end().await;
}

#[tokio::test]
async fn a_head_has_its_time_and_no_more() {
    let server = start(Bounds { header_time: Duration::from_millis(50), ..GENEROUS }).await;
    let at = server.address;
    blocking(move || {
        assert_eq!(rest(&mut connect(at, "GET / HTTP/1.1\r\nHo")), "");
        assert_eq!(rest(&mut connect(at, "")), "");
        let mut idle = connect(at, GET);
        hello(&mut idle);
        assert_eq!(rest(&mut idle), "");
    })
    .await;
    server.end().await;
}

#[tokio::test]
async fn a_connection_has_its_time_and_its_last_request_once_more() {
    let server = start(Bounds { total_time: Duration::from_millis(50), ..GENEROUS }).await;
    let at = server.address;
    blocking(move || {
        let mut kept = connect(at, GET);
        hello(&mut kept);
        assert_eq!(rest(&mut kept), "");
        let stuck = "GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n";
        assert_eq!(rest(&mut connect(at, stuck)), "");
    })
    .await;
    server.end().await;
}

#[tokio::test]
async fn a_head_beyond_measure_is_refused() {
    let server = start(GENEROUS).await;
    let at = server.address;
    let answer = blocking(move || {
        let long = "x".repeat(20_000);
        rest(&mut connect(at, &format!("GET / HTTP/1.1\r\nHost: test\r\nLong: {long}\r\n\r\n")))
    })
    .await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    server.end().await;
}

#[tokio::test]
async fn a_hangup_sends_nothing() {
    let server = start(GENEROUS).await;
    let at = server.address;
    let hangup = "GET /hangup HTTP/1.1\r\nHost: test\r\n\r\n";
    assert_eq!(blocking(move || rest(&mut connect(at, hangup))).await, "");
    server.end().await;
}

#[tokio::test]
async fn the_end_closes_idle_connections_and_refuses_new_ones() {
    let server = start(GENEROUS).await;
    let at = server.address;
    let mut idle = blocking(move || {
        let mut idle = connect(at, GET);
        hello(&mut idle);
        idle
    })
    .await;
    server.end().await;
    assert_eq!(blocking(move || rest(&mut idle)).await, "");
    assert!(blocking(move || TcpStream::connect(at).is_err()).await);
}

#[tokio::test]
async fn the_end_waits_for_requests_but_not_for_ever() {
    let (release, released) = oneshot::channel::<()>();
    let (begun, beginning) = oneshot::channel::<()>();
    let once = std::sync::Mutex::new(Some((begun, released)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(serve(listener, GENEROUS, shutdown, move |_, _| {
        let (begun, released) = once.lock().unwrap().take().unwrap();
        begun.send(()).unwrap();
        async move {
            released.await.unwrap();
            Ok(Response::new(Full::new(Bytes::from("hello"))))
        }
    }));
    let client = spawn_blocking(move || rest(&mut connect(at, GET)));
    beginning.await.unwrap();
    drop(stop);
    release.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap();
    assert!(client.await.is_ok_and(|text| text.ends_with("hello")));

    let server = start(Bounds { drain_time: Duration::from_millis(20), ..GENEROUS }).await;
    let at = server.address;
    let mut stuck = blocking(move || {
        let stuck = connect(at, "GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n");
        hello(&mut connect(at, GET));
        stuck
    })
    .await;
    server.end().await;
    assert_eq!(blocking(move || rest(&mut stuck)).await, "");
}
