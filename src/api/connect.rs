//! Connections to one server: made, and kept for the next request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http_body_util::Empty;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tokio::time::{Instant, sleep_until, timeout};
use tower_service::Service as _;

use crate::keel::time::format_duration;

/// The longest that name resolution, connect and TLS may take. A server that is up answers them in
/// well under a second; one that is not should not hold a call's slot for the whole timeout. Half
/// of that at most, so that there is time left for an answer.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long an idle connection is kept for the next request. Shorter than the idle timeout of any
/// usual server or load balancer, so that nothing is written to a connection that is being closed;
/// long enough for a group of polls.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// A connection, for one request at a time. None of them has a body.
pub(super) type Connection = SendRequest<Empty<Bytes>>;

/// There is no connection, so nothing was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    /// Name resolution, connect or TLS failed.
    #[error("cannot connect")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// They took too long.
    #[error("cannot connect: that took longer than {}", format_duration(*.0))]
    TimedOut(Duration),
}

/// A server, and the connections to it that wait for a request.
pub(super) struct Server {
    connector: HttpsConnector<HttpConnector>,
    address: Uri,
    patience: Duration,
    idle: Arc<Mutex<Idle>>,
}

/// In the order in which they came here: the one that waits for longest is the first.
#[derive(Default)]
struct Idle {
    connections: Vec<(Instant, Connection)>,
    /// A task closes those that have waited for too long.
    watched: bool,
}

impl Server {
    /// The server at `address`, a URL without a path; nothing is sent. A request takes `timeout` at
    /// the longest.
    pub(super) fn new(address: Uri, tls: ClientConfig, timeout: Duration) -> Self {
        let patience = CONNECT_MAX.min(timeout / 2);
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        // Shared out over the addresses of a name: one that is down must not be all that is tried.
        connector.set_connect_timeout(Some(patience));
        Self { connector: (connector, tls).into(), address, patience, idle: Arc::default() }
    }

    /// A connection on which nothing was asked for yet.
    ///
    /// # Errors
    /// When there is none in time.
    pub(super) async fn connect(&self) -> Result<Connection, NoConnection> {
        let failed = |error| NoConnection::Failed(error);
        let connecting = async {
            let stream = self.connector.clone().call(self.address.clone()).await.map_err(failed)?;
            handshake(stream).await.map_err(|error| failed(error.into()))
        };
        let (sender, connection) = timeout(self.patience, connecting)
            .await
            .map_err(|_| NoConnection::TimedOut(self.patience))??;
        // What goes wrong with it is told to whoever waits for an answer.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    /// The connection that was used last, if there is one: the server has least reason to close it.
    pub(super) fn kept(&self) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        let ready = |(_, connection): (_, Connection)| connection.is_ready().then_some(connection);
        std::iter::from_fn(|| idle.connections.pop()).find_map(ready)
    }

    /// Keeps a connection for the next request, if it came to the end of the last one.
    pub(super) fn keep(&self, connection: Connection) {
        if !connection.is_ready() {
            return;
        }
        let mut idle = lock(&self.idle);
        idle.connections.push((Instant::now(), connection));
        if !std::mem::replace(&mut idle.watched, true) {
            tokio::spawn(watch(Arc::downgrade(&self.idle)));
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Closes what has waited for too long, until nothing waits any more.
async fn watch(idle: Weak<Mutex<Idle>>) {
    let mut next = Some(Instant::now() + IDLE_MAX);
    while let Some(at) = next {
        sleep_until(at).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = lock(&idle);
        let now = Instant::now();
        idle.connections.retain(|(since, _)| *since + IDLE_MAX > now);
        next = idle.connections.first().map(|(since, _)| *since + IDLE_MAX);
        idle.watched = next.is_some();
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
