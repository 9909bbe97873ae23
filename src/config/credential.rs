//! Where a credential is kept, and how it is read: copied as little as can be, and wiped after use.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::yaml::{Faults, Fields, Kind, Node};

/// A credential is a line; whatever is larger is another file.
const SECRET_MAX: usize = 4096;

/// The directory that the supervisor puts credentials into, see systemd.exec(5).
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// How to say where a credential is.
pub(super) const EXPECTED: &str =
    "`{ env: NAME }` or `{ file: PATH }`, or `{ credential: NAME }` under systemd";

/// Where a credential is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable.
    Env(String),
    /// In a file.
    File(PathBuf),
    /// In the file of this name that the supervisor passes: `LoadCredential=` of systemd.
    Credential(String),
}

/// A credential is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The variable is not set, or empty.
    #[error("the environment variable {0} is not set; it is to hold a credential")]
    Unset(String),
    /// The supervisor passes none.
    #[error(
        "no credentials are passed, so there is no `{0}`; under systemd `LoadCredential={0}:PATH` \
         passes it, and elsewhere `{{ file: PATH }}` names a file"
    )]
    NotPassed(String),
    /// The file cannot be read.
    #[error("cannot read the credential in {}", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file holds something else.
    #[error("{} holds no credential: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it holds.
        why: &'static str,
    },
    /// It was another one at each look.
    #[error("the credentials keep changing while they are read")]
    Restless,
}

impl SecretSource {
    /// Reads it as it is now.
    ///
    /// # Errors
    /// Why it is not to be had; never what it is.
    pub fn read(&self) -> Result<SecretString, CredentialsError> {
        match self {
            Self::Env(name) => match std::env::var(name).map(Zeroizing::new) {
                // Of the exact size, so that boxing it does not leave a copy behind.
                Ok(text) if !text.is_empty() => Ok(text.as_str().to_owned().into()),
                Ok(_) | Err(_) => Err(CredentialsError::Unset(name.clone())),
            },
            Self::File(path) => from_file(path),
            Self::Credential(name) => {
                from_file(&passed(name).ok_or_else(|| CredentialsError::NotPassed(name.clone()))?)
            }
        }
    }

    /// Why others may read it, too, and what to do about that.
    pub fn exposure(&self) -> Option<String> {
        match self {
            Self::Env(_) | Self::Credential(_) => None,
            Self::File(path) => exposure(path),
        }
    }
}

fn passed(name: &str) -> Option<PathBuf> {
    let directory = std::env::var_os(DIRECTORY).filter(|directory| !directory.is_empty())?;
    Some(Path::new(&directory).join(name))
}

fn from_file(path: &Path) -> Result<SecretString, CredentialsError> {
    let failed = |error| CredentialsError::Unreadable(path.to_owned(), error);
    let unusable = |why| CredentialsError::Unusable { path: path.to_owned(), why };
    let file = std::fs::File::open(path).map_err(failed)?;
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * SECRET_MAX));
    file.take(SECRET_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > SECRET_MAX {
        return Err(unusable("it is longer than 4 KiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable("it is no UTF-8 text"))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(unusable("it is empty")),
        line if line.contains(['\n', '\r']) => Err(unusable("it has more than one line")),
        line => Ok(line.to_owned().into()),
    }
}

/// Why others than this process may read or write the file of a secret, and the command that ends
/// that. A file of another user is read as one of its group, so that may be needed.
pub fn exposure(path: &Path) -> Option<String> {
    let own = std::env::var_os(DIRECTORY).is_some_and(|passed| path.starts_with(passed));
    if own {
        // The supervisor sees to it, in ways that the mode does not show.
        return None;
    }
    let found = std::fs::metadata(path).ok()?;
    let mine = found.uid() == rustix::process::geteuid().as_raw();
    let (spare, fit) = if mine { (0o066, "0400") } else { (0o026, "0440") };
    if found.mode() & spare == 0 {
        return None;
    }
    let (mode, file) = (found.mode() & 0o7777, path.display());
    let hidden = |part: Component<'_>| part.as_os_str().to_string_lossy().starts_with("..");
    // Kubernetes keeps what it mounts in `..data` and sets its modes.
    let mounted = path.canonicalize().is_ok_and(|real| real.components().any(hidden));
    let fix = if mounted {
        format!("set `defaultMode: {fit}` for the volume")
    } else {
        format!("chmod {fit} {file}")
    };
    Some(format!("{file} holds a secret and is open to others, with mode {mode:04o}: {fix}"))
}

/// Takes where a credential is kept.
pub(super) fn credential(
    fields: &mut Fields<'_>,
    key: &'static str,
    beside: &Path,
    faults: &mut Faults,
) -> Option<SecretSource> {
    let entry = fields.take(key, faults)?;
    if let Kind::Map(_) = entry.value.kind {
        let mut source = Fields::of(&entry.value, key, EXPECTED, faults)?;
        let word = |node: &Node| node.word().map(str::to_owned);
        let env = source.optional("env", faults, word).map(SecretSource::Env);
        let file = source.optional("file", faults, word);
        let file = file.map(|path| SecretSource::File(beside.join(path)));
        let passed = source.optional("credential", faults, |node| match node.word()? {
            name if name.contains('/') => Err("a name without `/`, as in LoadCredential=".into()),
            name => Ok(SecretSource::Credential(name.to_owned())),
        });
        source.finish(faults);
        let mut named = [env, file, passed].into_iter().flatten();
        return match (named.next(), named.next()) {
            (Some(source), None) => Some(source),
            (Some(_) | None, _) => {
                let message = format!("`{key}`: expected either `env` or `file`, or `credential`");
                faults.problem(entry.place, message);
                None
            }
        };
    }
    faults.problem(
        entry.value.place,
        format!(
            "`{key}`: a credential is not written here, where it would be read by everybody and \
             end in Git; expected {EXPECTED}"
        ),
    );
    None
}
