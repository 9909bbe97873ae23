//! Where clients of the TCP endpoint come in: with TLS where the rules say so.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::Accept;
use tokio_rustls::server::TlsStream;

use super::Live;
use crate::serve;

/// A listener under the rules.
#[derive(Debug)]
pub struct Door {
    /// What clients connect to.
    pub listener: TcpListener,
    /// The rules.
    pub live: Arc<Live>,
}

impl serve::Door for Door {
    type Stream = Stream;
    type Peer = SocketAddr;

    async fn enter(&self) -> io::Result<(Stream, SocketAddr)> {
        let (stream, peer) = serve::Door::enter(&self.listener).await?;
        let rules = self.live.rules();
        let stream = match rules.acceptor() {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Greeting(Box::new(tls.accept(stream))),
        };
        Ok((stream, peer))
    }
}

/// A connection. The handshake is part of the first read, so the time for a request's head bounds
/// it, too, and a place in the middle of it is given up for a newcomer like any that waits.
pub enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// In the handshake.
    Greeting(Box<Accept<TcpStream>>),
    /// After it.
    Secure(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Failed,
}

impl Stream {
    fn greet(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Greeting(accept) = self else { return Poll::Ready(Ok(())) };
        match ready!(Pin::new(accept.as_mut()).poll(context)) {
            Ok(stream) => *self = Self::Secure(Box::new(stream)),
            Err(error) => {
                *self = Self::Failed;
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn gone<T>() -> Poll<io::Result<T>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.greet(context))?;
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Secure(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Greeting(_) | Self::Failed => Self::gone(),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.greet(context))?;
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Secure(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Greeting(_) | Self::Failed => Self::gone(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Secure(stream) => Pin::new(stream).poll_flush(context),
            Self::Greeting(_) | Self::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Greeting(_) | Self::Failed => Poll::Ready(Ok(())),
        }
    }
}
