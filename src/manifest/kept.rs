//! The last good contents of the desired files, kept in the state directory.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::read::{Found, Picture, TOTAL_MAX, Text};

/// Its name in the state directory.
const NAME: &str = "desired.last-good.json";

/// Only the daemon needs it.
const MODE: u32 = 0o600;

/// As JSON, text takes up to twice its room: quotes and line ends become two characters.
const SIZE_MAX: u64 = 4 * TOTAL_MAX as u64;

/// Where the last good contents are kept, so that they stay in force across a restart at which the
/// real files cannot be used.
#[derive(Clone, Debug)]
pub struct Kept {
    directory: PathBuf,
}

/// What is kept: each file by the name that people know it by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// What the files are a state of, if that was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<Arc<str>>,
    files: BTreeMap<Arc<str>, Content>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    text: Arc<str>,
    /// The files that it refers to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    beside: BTreeMap<Arc<str>, Arc<str>>,
}

impl Bundle {
    /// Of good contents, which are text in UTF-8 therefore.
    pub fn new<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a Text)>,
        commit: Option<&str>,
    ) -> Self {
        let text = |bytes: &[u8]| Arc::from(String::from_utf8_lossy(bytes));
        let content = |content: &Text| {
            let beside = content.beside.iter().filter_map(|(name, bytes)| {
                bytes.as_ref().ok().map(|bytes| (name.clone(), text(bytes)))
            });
            Content { text: text(&content.bytes), beside: beside.collect() }
        };
        let files = files.into_iter().map(|(name, one)| (Arc::from(name), content(one)));
        Self { commit: commit.map(Arc::from), files: files.collect() }
    }

    /// As if the files were there.
    pub(super) fn into_picture(self) -> Picture {
        let bytes = |text: Arc<str>| -> Arc<[u8]> { text.into() };
        let found = |(name, content): (Arc<str>, Content)| {
            let beside = content.beside.into_iter().map(|(name, text)| (name, Ok(bytes(text))));
            let text = Text { bytes: bytes(content.text), beside: beside.collect() };
            Found { name, text: Ok(text) }
        };
        Picture { files: self.files.into_iter().map(found).collect(), commit: self.commit }
    }
}

/// Why the last good contents are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// Reading failed.
    #[error("cannot read the last good desired files {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// Writing failed; what was kept before is whole.
    #[error("cannot keep the last good desired files {}", .0.display())]
    Write(PathBuf, #[source] std::io::Error),
}

impl Kept {
    /// In this state directory, which must exist when something is to be kept.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self { directory: state_dir.into() }
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// What was kept last; `None` if nothing ever was.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(&self) -> Result<Option<Bundle>, KeptError> {
        let path = self.path();
        let bundle = read(&path)
            .and_then(|bytes| bytes.map(|bytes| Ok(serde_json::from_slice(&bytes)?)).transpose());
        bundle.map_err(|error| KeptError::Read(path, error))
    }

    /// Keeps `bundle`, durably and whole: written anew, synced, renamed, the directory synced. What
    /// is kept already is not written again.
    ///
    /// # Errors
    /// When a step fails; what was kept before is untouched then.
    pub fn save(&self, bundle: &Bundle) -> Result<(), KeptError> {
        let path = self.path();
        let saved = serde_json::to_vec_pretty(bundle).map_err(Into::into).and_then(|bytes| {
            if matches!(read(&path), Ok(Some(kept)) if kept == bytes) {
                return Ok(());
            }
            self.replace(&path, &bytes)
        });
        saved.map_err(|error| KeptError::Write(path, error))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let new = self.directory.join(format!("{NAME}.new"));
        match std::fs::remove_file(&new) {
            Ok(()) => (),
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            Err(error) => return Err(error),
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
        // Whatever the umask says.
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(&self.directory)?.sync_all()
    }
}

fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > SIZE_MAX => Err(ErrorKind::FileTooLarge.into()),
        Ok(_) => std::fs::read(path).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
