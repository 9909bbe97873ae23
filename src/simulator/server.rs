//! The model behind a socket.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, header};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::audit::Report;
use super::call::{BASE, Call};
use super::deployment::Deployment;
use super::fleet::Change;
use super::model::Service;
use super::options::Options;
use super::reply::{Delivery, Reply};
use crate::serve::{Bounds, Hangup, serve};

/// Changes that a slow subscriber may be behind before it misses some.
const CHANGES_BEHIND: usize = 1024;
/// More than evenkeel's own concurrency many times over; a load test is welcome.
const CONNECTIONS_MAX: usize = 512;
/// Longer than a client polls apart at the documented limit, so that its connection stays: a client
/// that finds it closed while it sends cannot know whether its call arrived.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// The age at which a connection is closed between two calls, and the least that a call may take.
const CONNECTION_TIME: Duration = Duration::from_secs(30 * 60);

/// A simulated service that listens. Dropping it ends it, too, only without waiting for the end.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// No deployment has this id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the simulator has no deployment `{0}`")]
pub struct SetError(pub String);

#[derive(Debug)]
struct Shared {
    service: Mutex<Service>,
    started: Instant,
    /// What happens next has changed.
    planned: Notify,
    changes: broadcast::Sender<Change>,
}

impl Simulator {
    /// Begins to serve at `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(address: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let bounds = bounds(&options);
        let shared = Arc::new(Shared {
            service: Mutex::new(Service::new(options)),
            started: Instant::now(),
            planned: Notify::new(),
            changes: broadcast::Sender::new(CHANGES_BEHIND),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(run(listener, bounds, stopped, Arc::clone(&shared)));
        Ok(Self { address, shared, stop: Some(stop), task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API's base URL, for `url:` and `--api-url`.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE}", self.address)
    }

    /// What it has seen so far.
    pub fn audit(&self) -> Report {
        self.shared.with(|service, now| service.audit(now))
    }

    /// A deployment as it is now.
    pub fn deployment(&self, id: &str) -> Option<Deployment> {
        self.shared.with(|service, _| service.deployment(id).cloned())
    }

    /// Sets a deployment's status at once, to any word.
    ///
    /// # Errors
    /// When there is no such deployment.
    pub fn set_status(&self, id: &str, status: &str) -> Result<(), SetError> {
        let set = self.shared.with(|service, now| service.set_status(id, status, now));
        if set { Ok(()) } else { Err(SetError(id.to_owned())) }
    }

    /// Somebody at the console turns a deployment that rests, picked by chance.
    pub fn drift(&self) {
        self.shared.with(Service::drift);
    }

    /// Every change of status from now on, whatever its cause.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }

    /// Ends it: calls in progress are answered within the server's bound, then every connection is
    /// closed.
    pub async fn shutdown(mut self) {
        self.stop.take();
        // A task that was cancelled with its runtime has ended, too.
        let _ended = (&mut self.task).await;
    }
}

async fn run(
    listener: TcpListener,
    bounds: Bounds,
    stopped: oneshot::Receiver<()>,
    shared: Arc<Shared>,
) {
    let model = Arc::clone(&shared);
    let serving = serve(listener, bounds, async { drop(stopped.await) }, move |request, peer| {
        answer(Arc::clone(&model), &request, peer)
    });
    tokio::select! {
        () = serving => {}
        () = live(&shared) => {}
    }
}

/// Lets what happens without a call happen in time, so that subscribers hear of it.
async fn live(shared: &Shared) {
    loop {
        let mut planned = pin!(shared.planned.notified());
        planned.as_mut().enable();
        let next = shared.with(|service, _| service.next_event());
        // An instant beyond what the clock can name is as good as never.
        match next.and_then(|at| shared.started.checked_add(at)) {
            Some(at) => tokio::select! {
                () = sleep_until(at) => {}
                () = planned => {}
            },
            None => planned.await,
        }
    }
}

/// Not an async function: a call that was read has been sent, so it sets out, or arrives, even if
/// its client is gone before the answer's future is first polled.
fn answer(
    shared: Arc<Shared>,
    request: &Request<Incoming>,
    peer: SocketAddr,
) -> impl Future<Output = Result<Response<Full<Bytes>>, Hangup>> + use<> {
    let call = read(request);
    let stranger = call.verb == "POST" && call.path.starts_with("/_sim/") && !is_local(peer);
    let reply = if stranger { Ok(not_from_there()) } else { carry(shared, call) };
    async move {
        let reply = match reply {
            Ok(reply) => reply,
            Err(arrival) => arrival.await.map_err(|_| Hangup)?,
        };
        sleep(reply.delay).await;
        send(reply)
    }
}

/// The reply to a call that arrives at once, or the task of one that is on its way: a task of its
/// own, so that it arrives even if its client gives up.
fn carry(shared: Arc<Shared>, call: Call) -> Result<Reply, JoinHandle<Reply>> {
    let transit = shared.with(|service, _| service.transit(&call));
    if transit.is_zero() {
        return Ok(shared.handle(&call));
    }
    Err(tokio::spawn(async move {
        sleep(transit).await;
        shared.handle(&call)
    }))
}

fn not_from_there() -> Reply {
    let message = "The simulator's state is set from its own machine only.";
    Reply::json(403, &json!({ "code": "FORBIDDEN", "message": message }))
}

fn read(request: &Request<Incoming>) -> Call {
    let text = |name: &str| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    Call {
        verb: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        authorization: text(header::AUTHORIZATION.as_str()),
        request_id: text("x-request-id"),
    }
}

fn send(reply: Reply) -> Result<Response<Full<Bytes>>, Hangup> {
    match reply.delivery {
        Delivery::Lost | Delivery::Reset => return Err(Hangup),
        Delivery::Answered => {}
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    // The model makes no header that HTTP refuses; were it to, no answer is the honest one.
    response.body(Full::new(Bytes::from(reply.body))).map_err(|_| Hangup)
}

fn is_local(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// No call that the options delay may be cut by the server's own bounds.
fn bounds(options: &Options) -> Bounds {
    let faults = &options.faults;
    let longest = [faults.latency, faults.jitter, faults.late_by, faults.late_by];
    Bounds {
        connections: CONNECTIONS_MAX,
        header_time: IDLE_TIME,
        total_time: longest.into_iter().fold(CONNECTION_TIME, Duration::saturating_add),
        ..Bounds::default()
    }
}

impl Shared {
    fn handle(&self, call: &Call) -> Reply {
        self.with(|service, now| service.handle(call, now))
    }

    /// Runs `turn` at the present time and tells subscribers what changed.
    fn with<T>(&self, turn: impl FnOnce(&mut Service, Duration) -> T) -> T {
        let mut service = self.lock();
        // Under the lock, so that arrivals are counted in the order of their times.
        let now = self.started.elapsed();
        service.advance(now);
        let before = service.next_event();
        let result = turn(&mut service, now);
        let replanned = service.next_event() != before;
        for change in service.take_changes() {
            // Nobody listening is the usual case.
            let _unheard = self.changes.send(change);
        }
        drop(service);
        if replanned {
            self.planned.notify_waiters();
        }
        result
    }

    /// A panic elsewhere while the lock was held would be a fault of the model's; what it still
    /// answers is then worth more than nothing.
    fn lock(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
