//! One HTTP call at a time, for whoever waits for it: a thread of its own does the waiting, so that
//! the ledger's rules need not know of it.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use reqwest::{Client, Request};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::keel::notice::chain;

/// More than any register holds, in base64.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

struct Job {
    request: Request,
    patience: Duration,
    reply: SyncSender<Result<Answer, String>>,
}

/// The way to the thread, which ends with it.
#[derive(Debug)]
pub(super) struct Caller {
    jobs: UnboundedSender<Job>,
}

impl Caller {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no resources for it.
    pub(super) fn new(client: Client) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (jobs, mut inbox) = unbounded_channel::<Job>();
        let serve = async move {
            while let Some(Job { request, patience, reply }) = inbox.recv().await {
                let answer = timeout(patience, exchange(&client, request)).await;
                let silent = |_| Err(format!("no answer within {} ms", patience.as_millis()));
                let _ = reply.send(answer.unwrap_or_else(silent));
            }
        };
        let thread = std::thread::Builder::new().name("shared-ledger".to_owned());
        thread.spawn(move || runtime.block_on(serve))?;
        Ok(Self { jobs })
    }

    /// Sends a request once, and waits for the whole answer.
    ///
    /// # Errors
    /// When none came in time. It is not known whether the request arrived.
    pub(super) fn call(&self, request: Request, patience: Duration) -> Result<Answer, String> {
        let (reply, answer) = sync_channel(1);
        let gone = "the thread that calls the engine has ended";
        self.jobs.send(Job { request, patience, reply }).map_err(|_| gone)?;
        answer.recv().map_err(|_| gone)?
    }
}

async fn exchange(client: &Client, request: Request) -> Result<Answer, String> {
    let said = |error: reqwest::Error| chain(&error.without_url());
    let mut response = client.execute(request).await.map_err(said)?;
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(said)? {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(format!("the answer is longer than {BODY_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}
