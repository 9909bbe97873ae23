//! A small HTTP/1.1 server loop whose every resource has a bound: connections, the time for a
//! request's head, the age of a connection, the time for a goodbye.
//!
//! A flood cannot shut others out. When every connection is taken, the one that has waited longest
//! without a request in progress gives way to the newcomer, so half-sent heads and idle keep-alives
//! keep a place only until somebody else needs it.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// A head longer than this is refused with 431: ours are a few hundred bytes, a browser's a few
/// thousand. It also bounds what a connection can make the server hold.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The pause after a failed accept. Out of descriptors, accept fails at once and for ever; without
/// a pause the loop would spin, and with a long one it would be slow to notice the relief.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a newcomer leaves to the one whose place it takes: a head that was already on its way comes
/// within a round trip, and a client that reads has taken its answer by then.
const GRACE: Duration = Duration::from_millis(100);

/// What the server lets its clients hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections open at the same time, at least 1.
    pub connections: usize,
    /// For the head of a request to arrive whole, counted from the accept or the last answer; so
    /// it bounds an idle keep-alive connection, too.
    pub header_time: Duration,
    /// The age at which a connection takes no further request. A request in progress then has the
    /// same time once more before it is cut, so nothing that ends within `total_time` is ever cut.
    pub total_time: Duration,
    /// For requests in progress to end once the server was asked to stop.
    pub drain_time: Duration,
}

impl Default for Bounds {
    /// 256 connections are far more than a scraper, a probe and some people need and far fewer than
    /// the usual 1,024 descriptors; a head takes one round trip, so ten seconds is generous; a
    /// minute is the longest scrape interval in common use; supervisors kill after ten seconds at
    /// the earliest.
    fn default() -> Self {
        Self {
            connections: 256,
            header_time: Duration::from_secs(10),
            total_time: Duration::from_secs(60),
            drain_time: Duration::from_secs(5),
        }
    }
}

/// The handler's way to say: drop the connection, send nothing. The client sees it closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is dropped without an answer")]
pub struct Hangup;

/// What a handler gives back for a request.
pub type Reply<B = Full<Bytes>> = Result<Response<B>, Hangup>;

/// What clients come in by.
pub trait Door: Send + Sync {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Who is at its other end, as far as the system knows.
    type Peer: Copy + Send + Sync + 'static;

    /// Waits for the next client.
    fn enter(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;
}

impl Door for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    async fn enter(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.accept().await?;
        // Answers are small and whole: waiting for more to send would only delay them. If the
        // option is refused, the connection still works.
        let _refused = stream.set_nodelay(true);
        Ok((stream, peer))
    }
}

impl Door for UnixListener {
    type Stream = UnixStream;
    /// The user id, if the system tells it.
    type Peer = Option<u32>;

    async fn enter(&self) -> io::Result<(UnixStream, Option<u32>)> {
        let (stream, _) = self.accept().await?;
        let user = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, user))
    }
}

/// Serves `listener` until `shutdown` resolves, then lets requests in progress end within
/// [`Bounds::drain_time`] and returns with every connection closed.
///
/// A body is asked for more only when its client takes it, and a connection in the middle of one
/// gives way to a newcomer like an idle one. A handler is cancelled when its client goes away; work
/// that must outlive the client belongs in a task of its own. Failures of single connections and of
/// accept are never the server's end.
pub async fn serve<D, H, F, B>(
    listener: D,
    bounds: Bounds,
    shutdown: impl Future<Output = ()>,
    handler: H,
) where
    D: Door,
    H: Fn(Request<Incoming>, D::Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Reply<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let room = Arc::new(Room::new(bounds.connections.max(1)));
    let handler = Arc::new(handler);
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let admitted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            admitted = admit(&room, &listener) => admitted,
        };
        let Some((stream, peer, seat)) = admitted else { break };
        while connections.try_join_next().is_some() {}
        let handler = Arc::clone(&handler);
        connections.spawn(connection(stream, peer, seat, bounds, closed.clone(), handler));
    }
    // New clients are refused by the kernel from here on, rather than left waiting.
    drop(listener);
    closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(bounds.drain_time, drained).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection<S, P, H, F, B>(
    stream: S,
    peer: P,
    seat: Seat,
    bounds: Bounds,
    mut closed: watch::Receiver<bool>,
    handler: Arc<H>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Copy,
    H: Fn(Request<Incoming>, P) -> F,
    F: Future<Output = Reply<B>>,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let Seat { permit: _permit, place } = seat;
    let served = Arc::clone(&place);
    let service = service_fn(move |request| {
        served.busy();
        let answer = handler(request, peer);
        let served = Arc::clone(&served);
        async move {
            let answer = answer.await;
            served.wait();
            answer
        }
    });
    // Without the timer hyper's header timeout would never fire.
    let mut http = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.header_time)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    let turn = async {
        tokio::select! {
            biased;
            _ = http.as_mut() => return,
            _ = closed.wait_for(|closed| *closed) => {}
            () = sleep(bounds.total_time) => {}
        }
        http.as_mut().graceful_shutdown();
        // Either way the connection ends here; its fault, if any, is the client's affair.
        let _ended = timeout(bounds.total_time, http.as_mut()).await;
    };
    tokio::select! {
        // First, so that an evicted connection never begins another request.
        biased;
        () = place.evicted.notified() => {}
        () = turn => {}
    }
}

/// Waits for the next client and for a seat to put it in; `None` only if the room is gone.
async fn admit<D: Door>(room: &Arc<Room>, listener: &D) -> Option<(D::Stream, D::Peer, Seat)> {
    let (stream, peer) = accept(listener).await;
    let seat = Room::seat(room).await?;
    Some((stream, peer, seat))
}

async fn accept<D: Door>(listener: &D) -> (D::Stream, D::Peer) {
    let mut told = false;
    loop {
        match listener.enter().await {
            Ok(accepted) => return accepted,
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                if !told {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    told = true;
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the fault is of the one connection that was about to be accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// The connections: how many there may be, and which of them have no request in progress.
struct Room {
    seats: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    /// Somebody has begun to wait, so somebody can be evicted.
    vacancy: Notify,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    /// By the order in which they began to wait: the first has waited longest.
    places: BTreeMap<u64, Waiter>,
}

struct Waiter {
    since: Instant,
    evicted: Arc<Notify>,
}

struct Seat {
    permit: OwnedSemaphorePermit,
    place: Arc<Place>,
}

/// One connection's entry in the list of those that wait.
struct Place {
    room: Arc<Room>,
    evicted: Arc<Notify>,
    ticket: Mutex<Option<u64>>,
}

impl Room {
    fn new(seats: usize) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats.min(Semaphore::MAX_PERMITS))),
            waiting: Mutex::default(),
            vacancy: Notify::new(),
        }
    }

    async fn seat(room: &Arc<Self>) -> Option<Seat> {
        let permit = room.permit().await?;
        let place = Place {
            room: Arc::clone(room),
            evicted: Arc::new(Notify::new()),
            ticket: Mutex::new(None),
        };
        place.wait();
        Some(Seat { permit, place: Arc::new(place) })
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            // Listening begins before the look, or a place that comes free in between is missed.
            let mut vacancy = pin!(self.vacancy.notified());
            vacancy.as_mut().enable();
            let mut freed = pin!(Arc::clone(&self.seats).acquire_owned());
            let due = self.next_eviction();
            tokio::select! {
                biased;
                freed = freed.as_mut() => return freed.ok(),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if self.evict_longest_waiting() {
                        return freed.await.ok();
                    }
                }
                () = vacancy, if due.is_none() => {}
            }
        }
    }

    /// When the connection that has waited longest may be closed for a newcomer.
    fn next_eviction(&self) -> Option<Instant> {
        lock(&self.waiting).places.first_key_value().map(|(_, waiter)| waiter.since + GRACE)
    }

    fn evict_longest_waiting(&self) -> bool {
        let mut waiting = lock(&self.waiting);
        let Some(longest) = waiting.places.first_entry() else { return false };
        let due = longest.get().since + GRACE <= Instant::now();
        if due {
            longest.remove().evicted.notify_one();
        }
        due
    }
}

impl Place {
    fn wait(&self) {
        let mut waiting = lock(&self.room.waiting);
        let ticket = waiting.next;
        waiting.next += 1;
        let evicted = Arc::clone(&self.evicted);
        waiting.places.insert(ticket, Waiter { since: Instant::now(), evicted });
        drop(waiting);
        *lock(&self.ticket) = Some(ticket);
        self.room.vacancy.notify_waiters();
    }

    fn busy(&self) {
        if let Some(ticket) = lock(&self.ticket).take() {
            lock(&self.room.waiting).places.remove(&ticket);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy();
    }
}

/// The data is whole after every statement under the lock, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
