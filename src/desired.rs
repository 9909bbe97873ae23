//! What is seen of the desired files becomes events: merged, kept if good, reported if not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::config::Settings;
use crate::controller::Command;
use crate::keel::intent::Manifest;
use crate::keel::notice::chain;
use crate::keel::reconciler::Event;
use crate::manifest::{self, Bundle, Kept, Options, Picture, Seen, Set, Watch};
use crate::metrics::Metrics;

/// How often the last good files are written again after that has failed.
const KEEP_AGAIN: Duration = Duration::from_secs(2);

/// The desired files under watch.
#[derive(Clone, Debug)]
pub struct Desired {
    watch: Watch,
}

/// Good contents, and what they ask for.
type Good = (Bundle, Arc<Manifest>);

struct Follower {
    set: Set,
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
        let (watch, mut seen) = manifest::watch(options);
        let mut follower = Follower {
            set: Set::new(Some(&settings.policy.accounts)),
            kept: Kept::new(&settings.state_dir),
            clock,
            outbox,
            metrics,
            earlier: None,
            accepting: None,
            owed: None,
        };
        tokio::spawn(async move {
            follower.take_over();
            loop {
                tokio::select! {
                    Some(good) = accepted(&mut follower.accepting) => follower.keep(good),
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

    /// Looks at the files now. Ends once the loop was told what is new.
    pub fn reread(&self) -> impl Future<Output = ()> + use<> {
        self.watch.reread()
    }
}

impl Follower {
    /// What an earlier process left: each file's last good content, before the first look.
    fn take_over(&mut self) {
        match self.kept.load() {
            Ok(None) => (),
            Ok(Some(bundle)) => {
                let taken = self.set.adopt(bundle.clone());
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
    fn take(&mut self, seen: &Seen) -> bool {
        match seen {
            Seen::Picture(picture) => self.merge(picture),
            Seen::Fault(fault) => {
                self.metrics.desired_files_lost();
                self.refuse(fault.clone())
            }
        }
    }

    fn merge(&mut self, picture: &Picture) -> bool {
        let taken = self.set.take(picture);
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
        let bundle = self.set.bundle(picture.commit.as_deref());
        self.accepting = Some(((bundle, manifest.clone()), accepting));
        let event = match report {
            None => Event::ManifestRead(manifest),
            Some(report) => Event::ManifestReadPartly { manifest, report },
        };
        self.outbox.send(Command::Durably(event, accepted)).is_ok()
    }

    fn keep(&mut self, good: Good) {
        self.owed = None;
        // The files themselves are good; what is at stake is only the next start.
        match self.kept.save(&good.0) {
            Ok(()) => _ = self.tell(Event::ManifestKept(good.1)),
            Err(error) => {
                tracing::warn!("{}; tried again until it works", chain(&error));
                self.owed = Some(good);
            }
        }
    }

    fn keep_again(&mut self) {
        if let Some((_, manifest)) = self.owed.take_if(|good| self.kept.save(&good.0).is_ok()) {
            tracing::info!("the last good desired files are kept: {}", shown(&self.kept.path()));
            self.tell(Event::ManifestKept(manifest));
        }
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

/// What is to be kept now. Waits for ever where nothing is.
async fn accepted(accepting: &mut Option<(Good, oneshot::Receiver<()>)>) -> Option<Good> {
    let Some((_, accepted)) = accepting else { return std::future::pending().await };
    let accepted = accepted.await;
    accepting.take().filter(|_| accepted.is_ok()).map(|(good, _)| good)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
