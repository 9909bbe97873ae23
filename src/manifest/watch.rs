//! Watches the desired files.
//!
//! One path: whatever hints at a change (an event of the file system, the regular look, SIGHUP),
//! all of them are read again and their bytes are compared. Events only make it sooner, so it does
//! not matter which ones a file system sends, nor whether some are lost.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::read::{Picture, directories, look, rests};

/// How often the file is looked at without a hint: within the 15 to 60 s that a mounted directory
/// replaced in silence may take to be noticed.
pub const EVERY: Duration = Duration::from_secs(15);

/// How often, while there is a directory that cannot be watched, such as one that does not exist
/// yet.
const EVERY_UNARMED: Duration = Duration::from_secs(1);

/// Hints come in bursts: how long a look waits for the rest of one.
const BURST: Duration = Duration::from_millis(10);

/// A busy directory sends hints all day: how soon after one look they lead to another.
const APART: Duration = Duration::from_millis(50);

/// Two looks this far apart must see the same. A list that is cut at an entry's end is valid YAML,
/// so this is what keeps a half-written file from being taken for a whole one.
const SETTLE: Duration = Duration::from_millis(75);

/// A file that keeps changing for so long is told as a fault; it is not taken before it rests.
const RESTLESS: Duration = Duration::from_secs(5);

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The desired file, a directory of them, or a pattern.
    pub path: PathBuf,
    /// What the files are a state of, if somebody says so; else Git is asked.
    pub revision: Option<Arc<str>>,
    /// How often to look without a hint.
    pub every: Duration,
    /// Whether to ask the file system for events. Without, an edit is seen after `every`.
    pub events: bool,
}

impl Options {
    /// Watches `path` as the daemon does.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), revision: None, every: EVERY, events: true }
    }
}

/// What was found, once it rested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// All that is there.
    Picture(Picture),
    /// Why nothing is to be had at all, for people, with the path.
    Fault(Arc<str>),
}

/// The way to a running watch. It ends when the receiver is dropped.
#[derive(Clone, Debug)]
pub struct Watch {
    hints: Arc<Notify>,
    asking: Asking,
}

/// Who waits for a look.
type Asking = Arc<Mutex<Vec<oneshot::Sender<()>>>>;

impl Watch {
    /// Looks at the files now, as SIGHUP asks for. What has not changed is not told again. Ends
    /// once the receiver has taken what was new, or there is no watch any more.
    pub fn reread(&self) -> impl Future<Output = ()> + use<> {
        let (looked, done) = oneshot::channel();
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).push(looked);
        self.hints.notify_one();
        async move {
            let _ = done.await;
        }
    }
}

/// Starts to watch, in a task of the current runtime. The receiver gets the first look at once, and
/// from then on whatever differs from what it got last.
///
/// What is new and has yet to be found at rest is shown to `glimpse`, which must not block: it may
/// be half written, and is most probably what the receiver gets next.
pub fn watch(
    options: Options,
    glimpse: impl Fn(&Picture) + Send + Sync + 'static,
) -> (Watch, mpsc::Receiver<Seen>) {
    let hints = Arc::new(Notify::new());
    let (sender, receiver) = mpsc::channel(1);
    let watch = Watch { hints: hints.clone(), asking: Asking::default() };
    let asking = watch.asking.clone();
    let eyes = Eyes { options, hints, asking, armed: Vec::new(), watcher: None };
    tokio::spawn(eyes.follow(sender, glimpse));
    (watch, receiver)
}

type Directories = Vec<(PathBuf, Option<(u64, u64)>)>;

struct Eyes {
    options: Options,
    hints: Arc<Notify>,
    asking: Asking,
    /// What [`Eyes::watcher`] watches.
    armed: Directories,
    watcher: Option<RecommendedWatcher>,
}

impl Eyes {
    async fn follow(
        mut self,
        sender: mpsc::Sender<Seen>,
        glimpse: impl Fn(&Picture) + Send + Sync + 'static,
    ) {
        let mut last = None;
        loop {
            // Armed before the look: what changes in between is a hint already.
            let complete = self.arm().await;
            let asking = std::mem::take(&mut *self.asking());
            let seen = if last.is_none() && self.rests().await {
                self.look().await
            } else {
                settled(&self.options.path, last.as_ref(), || self.look(), &glimpse).await
            };
            if let Some(seen) = seen {
                if sender.send(seen.clone()).await.is_err() {
                    return;
                }
                last = Some(seen);
            }
            if !asking.is_empty() {
                // There is room for one, so room again means that it was taken.
                let _room = sender.reserve().await;
                asking.into_iter().for_each(|looked| _ = looked.send(()));
            }
            let (looked, every) = (Instant::now(), self.options.every);
            let pause = if complete { every } else { every.min(EVERY_UNARMED) };
            tokio::select! {
                hint = timeout(pause, self.hints.notified()) => {
                    if hint.is_ok() {
                        sleep_until((Instant::now() + BURST).max(looked + APART)).await;
                    }
                }
                () = sender.closed() => return,
            }
        }
    }

    fn asking(&self) -> std::sync::MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn rests(&self) -> bool {
        let path = self.options.path.clone();
        tokio::task::spawn_blocking(move || rests(&path)).await.unwrap_or(false)
    }

    /// Off the loop's thread: a network file system may take its time.
    async fn look(&self) -> Option<Seen> {
        let options = self.options.clone();
        tokio::task::spawn_blocking(move || look(&options)).await.ok()
    }

    /// Watches the directories that count now. True if it could watch all there should be.
    async fn arm(&mut self) -> bool {
        if !self.options.events {
            return true;
        }
        let options = self.options.clone();
        let Ok(wanted) = tokio::task::spawn_blocking(move || directories(&options)).await else {
            return false;
        };
        let there = wanted.iter().all(|(_, identity)| identity.is_some());
        if wanted != self.armed || self.watcher.is_none() {
            self.watcher = self.watcher(&wanted);
            self.armed = wanted;
        }
        there && self.watcher.is_some()
    }

    fn watcher(&self, directories: &Directories) -> Option<RecommendedWatcher> {
        let hints = self.hints.clone();
        let told = move |event: notify::Result<notify::Event>| {
            // Every look opens the file, and an opened file is an event.
            let own = event.is_ok_and(|event| {
                matches!(event.kind, EventKind::Access(_)) && !event.need_rescan()
            });
            if !own {
                hints.notify_one();
            }
        };
        let unwatched = |error: notify::Error| {
            let path = self.options.path.display();
            tracing::debug!("no events for {path}, so it is looked at now and then: {error}");
        };
        let mut watcher = notify::recommended_watcher(told).map_err(unwatched).ok()?;
        for (directory, identity) in directories {
            if identity.is_some() {
                watcher.watch(directory, RecursiveMode::NonRecursive).map_err(unwatched).ok()?;
            }
        }
        Some(watcher)
    }
}

/// What is there and differs from `last`, once two looks agree.
async fn settled<L: Future<Output = Option<Seen>>>(
    path: &Path,
    last: Option<&Seen>,
    mut look: impl FnMut() -> L,
    glimpse: impl Fn(&Picture),
) -> Option<Seen> {
    let begin = Instant::now();
    let mut before = look().await?;
    while last != Some(&before) {
        if let Seen::Picture(picture) = &before {
            glimpse(picture);
        }
        sleep(SETTLE).await;
        let now = look().await?;
        if now == before {
            return Some(now);
        }
        if begin.elapsed() > RESTLESS {
            let fault = format!("{}: keeps changing; it is read once it rests", path.display());
            return Some(Seen::Fault(fault.into())).filter(|seen| Some(seen) != last);
        }
        before = now;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Found, Neighbours, Text};

    /// What is told of a file that reads like this, look by look.
    fn told(last: Option<&str>, looks: &[&str]) -> Option<Seen> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let (mut looks, last) = (looks.iter(), last.map(text));
        let look = || std::future::ready(looks.next().map(|content| text(content)));
        let settled = settled(Path::new("f"), last.as_ref(), look, |_| ());
        runtime.expect("a runtime").block_on(settled)
    }

    fn text(content: &str) -> Seen {
        let text = Text { bytes: content.as_bytes().into(), beside: Neighbours::new() };
        let files = vec![Found { name: "f".into(), text: Ok(text) }];
        Seen::Picture(Picture { files, commit: None })
    }

    #[test]
    fn a_file_that_is_being_written_is_not_taken() {
        assert_eq!(told(Some("old"), &["", "ha", "half", "whole", "whole"]), Some(text("whole")));
        assert_eq!(told(None, &["whole", "whole"]), Some(text("whole")));
    }

    #[test]
    fn what_is_back_at_what_was_told_is_not_told_again() {
        assert_eq!(told(Some("old"), &["old"]), None);
        assert_eq!(told(Some("old"), &["", "old"]), None);
    }

    #[test]
    fn a_file_that_never_rests_is_a_fault() {
        let looks: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let looks: Vec<&str> = looks.iter().map(String::as_str).collect();
        let fault = "f: keeps changing; it is read once it rests";
        assert_eq!(told(Some("old"), &looks), Some(Seen::Fault(fault.into())));
    }
}
