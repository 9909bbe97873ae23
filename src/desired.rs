//! What is seen of the desired files becomes events: merged, kept if good, reported if not.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::config::Settings;
use crate::controller::Command;
use crate::keel::intent::Manifest;
use crate::keel::notice::chain;
use crate::keel::reconciler::Event;
use crate::manifest::{self, Bundle, Kept, KeptError, Options, Picture, Seen, Set, Watch};
use crate::metrics::Metrics;

/// How often the last good files are written again after that has failed.
const KEEP_AGAIN: Duration = Duration::from_secs(2);

/// The desired files under watch.
#[derive(Clone, Debug)]
pub struct Desired {
    watch: Watch,
    /// Whether something that was seen is being read, and the loop was not told yet.
    reading: watch::Receiver<bool>,
}

/// Good contents, and what they ask for.
type Good = (Bundle, Arc<Manifest>);

struct Follower {
    reading: watch::Sender<bool>,
    /// Shared with the thread that reads: a large file takes longer than the loop may wait.
    set: Arc<Mutex<Set>>,
    kept: Kept,
    clock: Clock,
    outbox: mpsc::UnboundedSender<Command>,
    metrics: Arc<Metrics>,
    /// What an earlier process kept, until something newer is in force.
    earlier: Option<Arc<Manifest>>,
    /// Good contents that are to be kept once the ledger has what they led to: were they kept
    /// before, a crash could forget that their stops are held.
    accepting: Option<(Good, oneshot::Receiver<()>)>,
    /// The last good contents, while they could not be kept.
    owed: Option<Good>,
}

impl Desired {
    /// Watches the desired files of these settings from now on, in a task of its own.
    pub fn follow(
        settings: &Settings,
        clock: Clock,
        outbox: mpsc::UnboundedSender<Command>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let options =
            Options { revision: settings.revision.clone(), ..Options::new(&settings.desired) };
        let set = Arc::new(Mutex::new(Set::new(Some(&settings.policy.accounts))));
        let (watch, mut seen) = manifest::watch(options, ahead(set.clone()));
        let (reading, is_reading) = watch::channel(false);
        let mut follower = Follower {
            reading,
            set,
            kept: Kept::new(&settings.state_dir),
            clock,
            outbox,
            metrics,
            earlier: None,
            accepting: None,
            owed: None,
        };
        tokio::spawn(async move {
            follower.take_over().await;
            loop {
                tokio::select! {
                    Some(good) = accepted(&mut follower.accepting) => follower.keep(good).await,
                    seen = seen.recv() => match seen {
                        Some(seen) => if !follower.take(seen).await { return },
                        None => return,
                    },
                    () = tokio::time::sleep(KEEP_AGAIN), if follower.owed.is_some() => {
                        follower.keep_again().await;
                    }
                }
            }
        });
        Self { watch, reading: is_reading }
    }

    /// Looks at the files now. Ends once the loop was told what is new.
    pub fn reread(&self) -> impl Future<Output = ()> + use<> {
        let (looked, mut reading) = (self.watch.reread(), self.reading.clone());
        async move {
            looked.await;
            let _ = reading.wait_for(|reading| !reading).await;
        }
    }
}

impl Follower {
    /// What an earlier process left: each file's last good content, before the first look.
    async fn take_over(&mut self) {
        let kept = self.kept.clone();
        match aside(move || kept.load()).await.transpose().map(Option::flatten) {
            Ok(None) => (),
            Ok(Some(bundle)) => {
                let (set, whole) = (self.set.clone(), bundle.clone());
                let taken = aside(move || lock(&set).adopt(whole)).await.unwrap_or_default();
                let mut before = taken.manifest.clone();
                if let Some(report) = taken.report() {
                    tracing::error!(%report, "{}: refused", shown(&self.kept.path()));
                    // What was in force then does not depend on the accounts of today.
                    before = Set::new(None).adopt(bundle).manifest;
                }
                if let Some(before) = before {
                    self.tell(Event::ManifestKept(before));
                }
                self.earlier = taken.manifest;
            }
            Err(error) => tracing::error!("{}", chain(&error)),
        }
    }

    /// Tells what was seen. False once nobody listens any more.
    async fn take(&mut self, seen: Seen) -> bool {
        self.reading.send_replace(true);
        let listened = match seen {
            Seen::Picture(picture) => self.merge(picture).await,
            Seen::Fault(fault) => {
                self.metrics.desired_files_lost();
                self.refuse(fault)
            }
        };
        self.reading.send_replace(false);
        listened
    }

    async fn merge(&mut self, picture: Picture) -> bool {
        let (set, found) = (self.set.clone(), picture.clone());
        let read = move || {
            let mut set = lock(&set);
            let taken = set.take(&found);
            (taken, set.bundle(found.commit.as_deref()))
        };
        let Some((taken, bundle)) = aside(read).await else { return false };
        let now = self.clock.now().wall;
        for valid in &taken.fresh {
            for line in valid.warnings.iter().chain(&manifest::expired(&valid.manifest, now)) {
                tracing::warn!("{line}");
            }
        }
        let valid = |name: &Arc<str>| taken.refused.iter().all(|refused| refused.name != *name);
        let files = picture.files.iter().map(|file| (&*file.name, valid(&file.name)));
        self.metrics.desired_files(files);
        let report = taken.report();
        let Some(manifest) = taken.manifest else {
            return self.refuse(report.unwrap_or_default());
        };
        self.earlier = None;
        let (accepted, accepting) = oneshot::channel();
        self.accepting = Some(((bundle, manifest.clone()), accepting));
        let event = match report {
            None => Event::ManifestRead(manifest),
            Some(report) => Event::ManifestReadPartly { manifest, report },
        };
        self.outbox.send(Command::Durably(event, accepted)).is_ok()
    }

    async fn keep(&mut self, good: Good) {
        self.owed = None;
        // The files themselves are good; what is at stake is only the next start.
        match self.save(&good).await {
            Ok(()) => _ = self.tell(Event::ManifestKept(good.1)),
            Err(error) => {
                tracing::warn!("{}; tried again until it works", chain(&error));
                self.owed = Some(good);
            }
        }
    }

    async fn keep_again(&mut self) {
        let Some(good) = self.owed.take() else { return };
        if self.save(&good).await.is_err() {
            self.owed = Some(good);
            return;
        }
        tracing::info!("the last good desired files are kept: {}", shown(&self.kept.path()));
        self.tell(Event::ManifestKept(good.1));
    }

    async fn save(&self, good: &Good) -> Result<(), KeptError> {
        let (kept, bundle) = (self.kept.clone(), good.0.clone());
        aside(move || kept.save(&bundle)).await.unwrap_or(Ok(()))
    }

    /// Nothing of what is there can be used. Where nothing was in force in this process yet, what
    /// an earlier one kept is.
    fn refuse(&mut self, report: Arc<str>) -> bool {
        if let Some(manifest) = self.earlier.take() {
            let path = shown(&self.kept.path());
            tracing::warn!("the last good desired files stay in force: {path}");
            self.tell(Event::ManifestRead(manifest));
        }
        self.tell(Event::ManifestRefused(report))
    }

    fn tell(&self, event: Event) -> bool {
        self.outbox.send(Command::Event(event)).is_ok()
    }
}

/// Does what takes its time on a thread of its own. `None`: the process is about to end.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Reads what is glimpsed while it is found out whether it rests, unless something is read already.
fn ahead(set: Arc<Mutex<Set>>) -> impl Fn(&Picture) + Send + Sync + 'static {
    move |picture| {
        let (set, picture) = (set.clone(), picture.clone());
        tokio::task::spawn_blocking(move || {
            if let Ok(mut set) = set.try_lock() {
                set.read_ahead(&picture);
            }
        });
    }
}

fn lock(set: &Mutex<Set>) -> MutexGuard<'_, Set> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be kept now. Waits for ever where nothing is.
async fn accepted(accepting: &mut Option<(Good, oneshot::Receiver<()>)>) -> Option<Good> {
    let Some((_, accepted)) = accepting else { return std::future::pending().await };
    let accepted = accepted.await;
    accepting.take().filter(|_| accepted.is_ok()).map(|(good, _)| good)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
