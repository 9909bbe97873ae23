//! The guard of the TCP endpoint: TLS, client certificates, passwords and extra headers, by a file
//! in the format of Prometheus' exporter-toolkit. What changes in that file, or in the files that
//! it names, is seen within a second, and in force for the next connection; what is broken changes
//! nothing, and is told.

mod admit;
mod door;
mod read;
mod tls;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use tokio_rustls::TlsAcceptor;

pub use admit::Verdict;
pub use door::{Door, Stream};

use crate::yaml::{Problem, Report};
use admit::{Admission, Users};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What holds for connections that come now.
#[derive(Debug)]
pub struct Rules {
    tls: Option<Arc<tls::Server>>,
    users: Users,
    headers: Vec<(HeaderName, HeaderValue)>,
    warnings: Vec<String>,
}

impl Rules {
    /// Reads the file and those that it names.
    ///
    /// # Errors
    /// All that is wrong with it, or with the first file that it names.
    pub fn read(path: &Path) -> Result<Self, Report> {
        Self::look(path).0
    }

    /// The same, and which files were looked at.
    fn look(path: &Path) -> (Result<Self, Report>, Prints) {
        // Before they are read: a change in between is one that the next look finds.
        let mut prints = vec![print(path)];
        let name = path.display().to_string();
        let rules = fs::read(path)
            .map_err(|error| {
                let what = format!("cannot be read: {error}; `--web-config` names it");
                Report::one(&name, Problem::whole(what))
            })
            .and_then(|bytes| read::file(&name, &bytes, path.parent().unwrap_or(Path::new(""))))
            .and_then(|file| {
                let files = file.tls.iter().flat_map(read::Tls::files);
                prints.extend(files.map(print));
                file.rules().map_err(|what| Report::one(&name, Problem::whole(what)))
            });
        (rules, prints)
    }

    /// Whether connections are to begin with TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What every answer carries.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// What is odd, but no fault.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The file of the private key, if there is one.
    pub fn key_file(&self) -> Option<&Path> {
        self.tls.as_ref().map(|server| &*server.key)
    }

    fn acceptor(&self) -> Option<TlsAcceptor> {
        self.tls.as_ref().map(|server| server.acceptor.clone())
    }
}

/// A file's name and what tells one content from another.
type Print = (PathBuf, Option<(u64, u64, i64, i64)>);
type Prints = Vec<Print>;

fn print(path: impl AsRef<Path>) -> Print {
    let path = path.as_ref();
    let found = fs::metadata(path).ok();
    let found = found.map(|it| (it.ino(), it.size(), it.mtime(), it.mtime_nsec()));
    (path.to_owned(), found)
}

/// The rules as the files say them now.
#[derive(Debug)]
pub struct Live {
    path: PathBuf,
    state: Mutex<State>,
    admission: Admission,
}

#[derive(Debug)]
struct State {
    rules: Arc<Rules>,
    prints: Prints,
}

impl Live {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// As [`Rules::read`].
    pub fn open(path: &Path) -> Result<Self, Report> {
        let (rules, prints) = Rules::look(path);
        let state = Mutex::new(State { rules: Arc::new(rules?), prints });
        Ok(Self { path: path.to_owned(), state, admission: Admission::default() })
    }

    /// What holds now.
    pub fn rules(&self) -> Arc<Rules> {
        self.state().rules.clone()
    }

    /// Keeps the rules as the files say them, for ever. `told` hears of each change, and whether
    /// the files as they are now are in force.
    pub async fn follow(&self, told: impl Fn(bool)) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (path, prints) = (self.path.clone(), self.state().prints.clone());
            // A disk that is slow holds nobody up.
            let look = move || {
                let same = prints.iter().all(|before| print(&before.0) == *before);
                (!same).then(|| Rules::look(&path))
            };
            if let Ok(Some((found, prints))) = tokio::task::spawn_blocking(look).await {
                told(found.is_ok());
                self.turn(found, prints);
            }
        }
    }

    fn turn(&self, found: Result<Rules, Report>, prints: Prints) {
        let mut state = self.state();
        state.prints = prints;
        match found {
            Ok(rules) => {
                tracing::info!("{} and the files it names are in force", self.path.display());
                for warning in rules.warnings() {
                    tracing::warn!("{warning}");
                }
                state.rules = Arc::new(rules);
            }
            Err(report) => {
                let what = "the web configuration is refused, the one in force stays";
                tracing::error!(report = %report, "{what}");
            }
        }
    }

    /// Whether who sends this `Authorization` may come in.
    pub async fn admit(&self, rules: &Rules, authorization: Option<&HeaderValue>) -> Verdict {
        self.admission.admit(&rules.users, authorization).await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
