//! What is seen of the desired file becomes events: parsed, kept if it is good, reported if not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::config::Settings;
use crate::controller::Command;
use crate::keel::deployment::AccountId;
use crate::keel::intent::Manifest;
use crate::keel::notice::chain;
use crate::keel::reconciler::Event;
use crate::manifest::{self, Kept, Options, Seen, Watch};

/// How often the last good file is written again after that has failed.
const KEEP_AGAIN: Duration = Duration::from_secs(2);

/// The desired file under watch.
#[derive(Clone, Debug)]
pub struct Desired {
    watch: Watch,
}

struct Follower {
    name: String,
    accounts: Vec<AccountId>,
    kept: Kept,
    clock: Clock,
    outbox: mpsc::UnboundedSender<Command>,
    in_force: bool,
    /// A good content that is to be kept once the ledger has what it led to: were it kept before,
    /// a crash could forget that its stops are held.
    accepting: Option<(Arc<[u8]>, oneshot::Receiver<()>)>,
    /// The last good content, while it could not be kept.
    owed: Option<Arc<[u8]>>,
}

impl Desired {
    /// Watches the desired file of these settings from now on, in a task of its own.
    pub fn follow(
        settings: &Settings,
        clock: Clock,
        outbox: mpsc::UnboundedSender<Command>,
    ) -> Self {
        let (watch, mut seen) = manifest::watch(Options::new(&settings.desired));
        let mut follower = Follower {
            name: settings.desired.display().to_string(),
            accounts: settings.policy.accounts.clone(),
            kept: Kept::new(&settings.state_dir),
            clock,
            outbox,
            in_force: false,
            accepting: None,
            owed: None,
        };
        follower.tell_kept();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(bytes) = accepted(&mut follower.accepting) => follower.keep(bytes),
                    seen = seen.recv() => match seen {
                        Some(seen) if follower.take(&seen) => (),
                        Some(_) | None => return,
                    },
                    () = tokio::time::sleep(KEEP_AGAIN), if follower.owed.is_some() => {
                        follower.keep_again();
                    }
                }
            }
        });
        Self { watch }
    }

    /// Looks at the file now.
    pub fn reread(&self) {
        self.watch.reread();
    }
}

impl Follower {
    /// Tells what was seen. False once nobody listens any more.
    fn take(&mut self, seen: &Seen) -> bool {
        let refused = match seen {
            Seen::Text(bytes) => match self.parse(&self.name, bytes) {
                Ok(manifest) => return self.accept(manifest, bytes.clone()),
                Err(report) => report,
            },
            Seen::Fault(fault) => fault.clone(),
        };
        self.fall_back();
        self.tell(Event::ManifestRefused(refused))
    }

    fn parse(&self, name: &str, bytes: &[u8]) -> Result<Manifest, Arc<str>> {
        let (manifest, warnings) = manifest::parse(name, bytes, Some(&self.accounts))
            .map_err(|report| Arc::from(report.to_string()))?;
        let expired = manifest::expired(&manifest, self.clock.now().wall);
        for warning in warnings.iter().chain(&expired) {
            tracing::warn!("{warning}");
        }
        Ok(manifest)
    }

    fn keep(&mut self, bytes: Arc<[u8]>) {
        self.owed = None;
        // The file itself is good; what is at stake is only the next start.
        if let Err(error) = self.kept.save(&bytes) {
            tracing::warn!("{}; tried again until it works", chain(&error));
            self.owed = Some(bytes);
        }
    }

    fn keep_again(&mut self) {
        if self.owed.as_ref().is_some_and(|bytes| self.kept.save(bytes).is_ok()) {
            self.owed = None;
            tracing::info!("the last good desired file is kept: {}", shown(&self.kept.path()));
        }
    }

    /// Where no file was good in this process yet, the last good one of an earlier process is.
    fn fall_back(&mut self) {
        if self.in_force {
            return;
        }
        let path = self.kept.path();
        match self.kept.load() {
            Ok(None) => (),
            Ok(Some(bytes)) => match self.parse(&shown(&path), &bytes) {
                Ok(manifest) => {
                    tracing::warn!("the last good desired file stays in force: {}", shown(&path));
                    self.accept(manifest, bytes.into());
                }
                Err(report) => tracing::error!("the last good desired file is refused\n{report}"),
            },
            Err(error) => tracing::error!("{}", chain(&error)),
        }
    }

    fn accept(&mut self, manifest: Manifest, bytes: Arc<[u8]>) -> bool {
        self.in_force = true;
        let (accepted, accepting) = oneshot::channel();
        self.accepting = Some((bytes, accepting));
        self.outbox.send(Command::Manifest(Arc::new(manifest), accepted)).is_ok()
    }

    /// What an earlier process had in force, for the guard that compares the next file with it.
    fn tell_kept(&self) {
        let path = self.kept.path();
        let Ok(Some(bytes)) = self.kept.load() else { return };
        match manifest::parse(&shown(&path), &bytes, None) {
            Ok((manifest, _)) => {
                self.tell(Event::ManifestKept(Arc::new(manifest)));
            }
            Err(report) => tracing::warn!("nothing is known of what was in force\n{report}"),
        }
    }

    fn tell(&self, event: Event) -> bool {
        self.outbox.send(Command::Event(event)).is_ok()
    }
}

/// What is to be kept now. Waits for ever where nothing is.
async fn accepted(accepting: &mut Option<(Arc<[u8]>, oneshot::Receiver<()>)>) -> Option<Arc<[u8]>> {
    let Some((_, accepted)) = accepting else { return std::future::pending().await };
    let accepted = accepted.await;
    accepting.take().filter(|_| accepted.is_ok()).map(|(bytes, _)| bytes)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
