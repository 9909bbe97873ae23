//! Several desired files: found, looked at as a whole, merged, and the commit they are a state of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod git;
mod holds;
mod merge;
mod named;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use evenkeel::manifest::{Found, Neighbours, Options, Picture, Seen, Text, look};

/// An empty directory of its own, gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("evenkeel-files-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes as Git does: a new file, renamed over the old one; its directories as well.
    fn write(&self, name: &str, text: &str) {
        let (path, new) = (self.at(name), self.at(".new"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// A picture without the part of the paths that differs from run to run.
    fn told(&self, seen: &Seen) -> String {
        let root = format!("{}/", self.0.display());
        shown(seen).replace(&root, "").replace(root.trim_end_matches('/'), ".")
    }

    fn look(&self, desired: &str) -> String {
        self.told(&look(&Options::new(self.at(desired))))
    }

    fn commit(&self, desired: &str) -> Option<Arc<str>> {
        commit(&self.at(desired))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn commit(desired: &Path) -> Option<Arc<str>> {
    match look(&Options::new(desired)) {
        Seen::Picture(picture) => picture.commit,
        Seen::Fault(fault) => panic!("{fault}"),
    }
}

/// `a.yaml=text b.yaml!fault @commit`, or the fault of it all.
fn shown(seen: &Seen) -> String {
    let picture = match seen {
        Seen::Picture(picture) => picture,
        Seen::Fault(fault) => return format!("!{fault}"),
    };
    let file = |Found { name, text }: &Found| match text {
        Ok(text) => {
            let beside = text.beside.iter().map(|(name, bytes)| match bytes {
                Ok(bytes) => format!("+{name}={}", String::from_utf8_lossy(bytes)),
                Err(fault) => format!("+{name}!{fault}"),
            });
            let beside: String = beside.collect();
            format!("{name}={}{beside}", String::from_utf8_lossy(&text.bytes))
        }
        Err(fault) => format!("!{fault}"),
    };
    let mut all: Vec<String> = picture.files.iter().map(file).collect();
    all.extend(picture.commit.as_ref().map(|commit| format!("@{commit}")));
    all.join(" ")
}

/// These files with these texts; one that begins with `!` cannot be read.
fn picture(files: &[(&str, &str)]) -> Picture {
    let found = |(name, text): &(&str, &str)| {
        let read = |text: &str| Text { bytes: text.as_bytes().into(), beside: Neighbours::new() };
        let text = match text.strip_prefix('!') {
            None => Ok(read(text)),
            Some(fault) => Err(format!("{name}: {fault}").into()),
        };
        Found { name: Arc::from(*name), text }
    };
    Picture { files: files.iter().map(found).collect(), commit: None }
}
