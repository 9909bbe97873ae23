//! Answers that are made as their client takes them: those about a large fleet have many megabytes,
//! which nobody should have to hold.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::Query;
use super::ask::{Line, Silent};
use crate::keel::deployment::DeploymentId;
use crate::keel::view::View;

/// The length from which on a piece is handed over, in bytes.
const PIECE: usize = 64 * 1024;

/// The body of an answer in pieces. It breaks off if the control loop does, or whoever makes them:
/// only what says that it has ended has.
///
/// The channel of `http-body-util` ends also without a word, and before its last piece if both ends
/// are on different threads.
#[derive(Debug)]
pub struct Body(mpsc::Receiver<Result<Option<Bytes>, Silent>>);

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Silent;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Silent>>> {
        let piece = self.0.poll_recv(context).map(|piece| piece.unwrap_or(Err(Silent)));
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)).transpose())
    }
}

/// An answer in pieces.
pub(super) trait Pieces: Send + 'static {
    /// The next one; `None` after the last.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Silent>> + Send;

    /// Sees to it that `making` them goes on while the client is written to.
    fn make(making: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(making);
    }
}

/// A body of `begun` and all that follows, none of which is made before there is room for it.
pub(super) fn body<P: Pieces>(begun: [Bytes; 2], mut pieces: P) -> Body {
    let (sender, coming) = mpsc::channel(1);
    P::make(async move {
        let mut begun = begun.into_iter();
        loop {
            let piece = match begun.next() {
                Some(piece) => Ok(Some(piece)),
                None => pieces.next().await,
            };
            let last = !matches!(piece, Ok(Some(_)));
            if sender.send(piece).await.is_err() || last {
                return;
            }
        }
    });
    Body(coming)
}

/// A text, some lines at a time.
pub struct Lines(Box<dyn Iterator<Item = String> + Send>);

impl Lines {
    /// Made as they are asked for.
    pub fn new(lines: impl Iterator<Item = String> + Send + 'static) -> Self {
        Self(Box::new(lines))
    }
}

impl Pieces for Lines {
    async fn next(&mut self) -> Result<Option<Bytes>, Silent> {
        Ok(self.0.next().map(Bytes::from))
    }

    /// On a thread of its own: to make a line costs as much as to write it to a socket.
    fn make(making: impl Future<Output = ()> + Send + 'static) {
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(making));
    }
}

/// A [`View`] as JSON on one line.
pub(super) struct Json {
    line: Line,
    /// Everything but the deployments, until it is written.
    outline: Option<View>,
    /// The last deployment that is written.
    last: Option<DeploymentId>,
    ended: bool,
}

impl Json {
    /// The deployments of `outline` are asked for one after the other.
    pub(super) const fn new(line: Line, outline: View) -> Self {
        Self { line, outline: Some(outline), last: None, ended: false }
    }
}

impl Pieces for Json {
    async fn next(&mut self) -> Result<Option<Bytes>, Silent> {
        let mut text = self.outline.take().map(|outline| head(&outline)).unwrap_or_default();
        while text.len() < PIECE && !self.ended {
            let after = self.last.clone();
            let more = self.line.ask(|reply| Query::Deployments(after, reply)).await?;
            self.ended = more.is_empty();
            for one in more {
                if self.last.is_some() {
                    text.push(b',');
                }
                write(&mut text, &one);
                self.last = Some(one.id);
            }
            if self.ended {
                text.extend_from_slice(b"]}\n");
            }
        }
        Ok((!text.is_empty()).then(|| text.into()))
    }
}

/// Everything up to the first deployment.
fn head(outline: &View) -> Vec<u8> {
    let mut text = Vec::new();
    write(&mut text, outline);
    // The deployments are the last of it, and there are none yet.
    assert!(text.ends_with(b"\"deployments\":[]}"));
    text.truncate(text.len().saturating_sub("]}".len()));
    text
}

fn write<T: serde::Serialize>(text: &mut Vec<u8>, value: &T) {
    // A vector takes everything, and what is shown has nothing that JSON cannot say.
    let _ = serde_json::to_writer(text, value);
}
