//! The HTTP endpoint of a daemon.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use listenfd::ListenFd;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::exit::Failure;
use super::socket::{self, Socket};
use crate::clock::Clock;
use crate::config::{self, Admin, Settings};
use crate::http;
use crate::http::admin::{Gate, Token};
use crate::metrics::{self, Metrics};
use crate::web::Live;

/// The HTTP endpoint, if it was to be served.
#[derive(Debug, Default)]
pub struct Endpoint {
    address: Option<SocketAddr>,
    ends: Vec<oneshot::Sender<()>>,
    tasks: Vec<JoinHandle<()>>,
    /// Goes when the requests under way have ended.
    socket: Option<Socket>,
}

impl Endpoint {
    /// Where it listens; port 0 where it does not.
    pub fn address(&self) -> SocketAddr {
        self.address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Takes what people on this machine ask for, at a socket beside the ledger. A daemon that
    /// cannot have one does without.
    fn offer(&mut self, state_dir: &Path, state: Arc<http::State>) {
        let path = state_dir.join(socket::NAME);
        match socket::bind(&path) {
            Ok((listener, socket)) => {
                let (end, ended) = oneshot::channel::<()>();
                let ended = async move {
                    let _ = ended.await;
                };
                let serving = http::admin::run(listener, state, socket::user_name, ended);
                self.tasks.push(tokio::spawn(serving));
                self.ends.push(end);
                self.socket = Some(socket);
            }
            Err(error) => tracing::warn!(
                "cannot listen at {}, so `evenkeel override` and the like do not work: {error}",
                path.display()
            ),
        }
    }

    /// Lets the requests under way come to their end.
    pub async fn shutdown(self) {
        drop(self.ends);
        for task in self.tasks {
            let _ = task.await;
        }
        drop(self.socket);
    }
}

/// Who may change something over HTTP. A token that is no good is a fault now, and not when it is
/// needed.
pub fn gate(admin: &Admin) -> Result<Gate, Failure> {
    let Some(file) = admin.token_file.clone() else {
        return Ok(Gate::new(admin.max_duration, admin.rate, None));
    };
    let fault = |fault| Failure::new(format!("cannot use `admin.token_file`: {fault}"));
    config::token(&file).map_err(fault)?;
    let token: Token = Arc::new(move || config::token(&file));
    Ok(Gate::new(admin.max_duration, admin.rate, Some(token)))
}

/// Listens where the settings say. `told` hears, whenever the web configuration changes, whether it
/// is in force as it is now.
pub async fn listen(
    settings: &Settings,
    state: Arc<http::State>,
    told: impl Fn(bool) + Send + 'static,
) -> Result<Endpoint, Failure> {
    let live = settings.web_config.as_deref().map(guard).transpose()?;
    let mut endpoint = listen_at(&settings.listen, live, state.clone(), told).await?;
    if settings.admin.socket {
        endpoint.offer(&settings.state_dir, state);
    }
    Ok(endpoint)
}

/// The rules of the endpoint.
fn guard(path: &Path) -> Result<Arc<Live>, Failure> {
    let live = Live::open(path)
        .map_err(|report| Failure::because("the web configuration cannot be used", report))?;
    let rules = live.rules();
    let exposed = rules.key_file().and_then(config::exposure);
    for warning in rules.warnings().iter().chain(&exposed) {
        tracing::warn!("{warning}");
    }
    Ok(Arc::new(live))
}

/// Serves on a thread of its own: whatever strangers do to it, the control loop keeps its core.
async fn listen_at(
    address: &str,
    guard: Option<Arc<Live>>,
    state: Arc<http::State>,
    told: impl Fn(bool) + Send + 'static,
) -> Result<Endpoint, Failure> {
    let failed = |error| {
        let what = format!("cannot listen on {address}; is it taken? `--listen` names another");
        Failure::because(what, error)
    };
    let passed = ListenFd::from_env().take_tcp_listener(0).map_err(|error| {
        let what = "the first socket that was passed is no TCP socket; see evenkeel.socket";
        Failure::because(what, error)
    })?;
    let (listener, whose) = match passed {
        Some(listener) => (listener, ", passed by the supervisor"),
        None => {
            let listener = TcpListener::bind(address).await;
            (listener.and_then(TcpListener::into_std).map_err(failed)?, "")
        }
    };
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let scheme =
        if guard.as_ref().is_some_and(|live| live.rules().is_tls()) { "https" } else { "http" };
    tracing::info!("listening on {scheme}://{address}/{whose}");
    let (end, ended) = oneshot::channel::<()>();
    let ended = async move {
        let _ = ended.await;
    };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let task = tokio::task::spawn_blocking(move || {
        let serving = async move {
            match (TcpListener::from_std(listener), guard) {
                (Ok(listener), None) => http::run(listener, state, ended).await,
                (Ok(listener), Some(live)) => tokio::select! {
                    () = http::guarded::run(listener, live.clone(), state, ended) => {}
                    () = live.follow(told) => {}
                },
                (Err(error), _) => tracing::error!("cannot serve HTTP: {error}"),
            }
        };
        runtime.block_on(serving);
        // A comparison or a look at a slow disk that is still under way is not waited for.
        runtime.shutdown_background();
    });
    Ok(Endpoint { address: Some(address), ends: vec![end], tasks: vec![task], socket: None })
}

/// How a view becomes the text of `/metrics`.
pub fn exposition(metrics: Arc<Metrics>, clock: Clock) -> http::Exposition {
    Box::new(move |view, figures, format| {
        let format = match format {
            http::Format::Text => metrics::Format::Text,
            http::Format::OpenMetrics => metrics::Format::OpenMetrics,
        };
        let text = metrics.expose(view, figures, clock.now().mono, format);
        text.map(http::Lines::new).map_err(|error| error.to_string())
    })
}
