//! Word that something has changed, as server-sent events: `/api/v1/events`.
//!
//! An event carries no news but a number, and whoever hears it asks again for what they show. So
//! nothing is kept for a slow client, and the control loop only ever counts up.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::keel::time::Mono;

/// Streams at the same time: people who look, and a wall screen or two.
pub const SUBSCRIBERS_MAX: usize = 32;

/// So often at most an event is sent: a large fleet changes all the time.
const PACE: Duration = Duration::from_secs(2);

/// So often at least something is sent, so that both ends know that the other is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A stream ends by itself before the server would cut it, and the client comes back.
const AGE_MAX: Duration = Duration::from_secs(55);

/// How many times something to see has changed.
#[derive(Clone, Debug)]
pub struct Changes {
    number: Arc<watch::Sender<i64>>,
    closed: Arc<watch::Sender<bool>>,
    seats: Arc<Semaphore>,
}

impl Changes {
    /// Nothing yet. Numbers begin at `now`, so that those of an earlier process are not taken for
    /// this one's.
    pub fn new(now: Mono) -> Self {
        Self {
            number: Arc::new(watch::Sender::new(now.millis())),
            closed: Arc::new(watch::Sender::new(false)),
            seats: Arc::new(Semaphore::new(SUBSCRIBERS_MAX)),
        }
    }

    /// Something is to be seen that was not before. Never waits.
    pub fn publish(&self) {
        self.number.send_modify(|number| *number += 1);
    }

    /// The number of the last change.
    pub fn number(&self) -> i64 {
        *self.number.borrow()
    }

    /// A stream of events, the first at once; `None` when there are enough of them.
    pub(super) fn subscribe(&self) -> Option<Stream> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        // One is on its way to the client, and the next is made when there is room for it.
        let (events, coming) = mpsc::channel(1);
        tokio::spawn(feed(events, self.number.subscribe(), self.closed.subscribe()));
        Some(Stream { coming, _seat: seat })
    }

    /// Ends all streams and lets no more begin.
    pub(super) fn close(&self) {
        self.seats.close();
        self.closed.send_replace(true);
    }
}

async fn feed(
    events: mpsc::Sender<Bytes>,
    mut number: watch::Receiver<i64>,
    mut closed: watch::Receiver<bool>,
) {
    let send = async {
        let mut text = String::from("retry: 2000\n");
        loop {
            let now = *number.borrow_and_update();
            text.push_str(&format!("id: {now}\nevent: change\ndata: {now}\n\n"));
            if events.send(std::mem::take(&mut text).into()).await.is_err() {
                return;
            }
            let paced = Instant::now() + PACE;
            loop {
                tokio::select! {
                    changed = number.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = sleep(HEARTBEAT) => {
                        if events.send(Bytes::from_static(b": still here\n\n")).await.is_err() {
                            return;
                        }
                    }
                }
            }
            sleep_until(paced).await;
        }
    };
    tokio::select! {
        () = send => (),
        () = events.closed() => (),
        _ = closed.wait_for(|closed| *closed) => (),
        () = sleep(AGE_MAX) => (),
    }
}

/// The body of an answer that goes on. Its place is free again as soon as it is dropped.
#[derive(Debug)]
pub struct Stream {
    coming: mpsc::Receiver<Bytes>,
    _seat: OwnedSemaphorePermit,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.coming.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
