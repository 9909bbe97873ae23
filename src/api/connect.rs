//! The last look at the clock: after the connection is there, before a request is written to it.
//!
//! Connecting can take seconds, and a process can be stopped meanwhile. So the permit's deadline is
//! checked where the connection is handed over, which also tells whether there ever was one.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::clock::Clock;
use crate::keel::time::Mono;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    /// The call on whose behalf this task is connecting.
    static GATE: Arc<Gate>;
}

/// The permit's deadline has passed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the permit lapsed before the request could leave")]
pub(super) struct Lapsed;

/// What one call may still do, and what it has done.
#[derive(Debug)]
pub(super) struct Gate {
    clock: Clock,
    send_by: Mono,
    connected: OnceLock<Instant>,
}

impl Gate {
    /// For a call that must have left by `send_by`.
    pub(super) fn new(clock: &Clock, send_by: Mono) -> Arc<Self> {
        Arc::new(Self { clock: clock.clone(), send_by, connected: OnceLock::new() })
    }

    /// Whether the request may leave now.
    pub(super) fn check(&self) -> Result<(), Lapsed> {
        if self.clock.now().mono <= self.send_by { Ok(()) } else { Err(Lapsed) }
    }

    /// When a connection of its own was handed over, if that has happened. A connection that was
    /// kept from an earlier call does not show.
    pub(super) fn connected(&self) -> Option<Instant> {
        self.connected.get().copied()
    }

    /// Runs `sending` with this gate before each connection that it makes.
    pub(super) async fn guard<F: Future>(self: Arc<Self>, sending: F) -> F::Output {
        GATE.scope(self, sending).await
    }
}

/// Puts the gate behind the connector: name resolution, connect and TLS are over.
#[derive(Clone, Copy, Debug)]
pub(super) struct GateLayer;

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated(inner)
    }
}

/// A connector with the gate behind it.
#[derive(Clone, Debug)]
pub(super) struct Gated<S>(S);

impl<S, R> Service<R> for Gated<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            // Without a call it is a connection that lost a race against a kept one, and is kept
            // for a later call, which looks at the clock itself.
            if let Ok(gate) = GATE.try_with(Arc::clone) {
                gate.check()?;
                let _ = gate.connected.set(Instant::now());
            }
            Ok(connection)
        })
    }
}
