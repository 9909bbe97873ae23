//! The last good desired file, kept in the state directory.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::yaml::SIZE_MAX;

/// Its name in the state directory.
const NAME: &str = "desired.last-good.yaml";

/// Only the daemon needs it.
const MODE: u32 = 0o600;

/// Where the last good desired file is kept, so that it stays in force across a restart at which
/// the real one cannot be used.
#[derive(Clone, Debug)]
pub struct Kept {
    directory: PathBuf,
}

/// Why the last good file is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// Reading failed.
    #[error("cannot read the last good desired file {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// Writing failed; the one kept before is whole.
    #[error("cannot keep the last good desired file {}", .0.display())]
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
    pub fn load(&self) -> Result<Option<Vec<u8>>, KeptError> {
        let path = self.path();
        match std::fs::metadata(&path).and_then(|metadata| {
            if metadata.len() > SIZE_MAX as u64 {
                return Err(ErrorKind::FileTooLarge.into());
            }
            std::fs::read(&path)
        }) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(KeptError::Read(path, error)),
        }
    }

    /// Keeps `bytes`, durably and whole: written anew, synced, renamed, the directory synced. What
    /// is kept already is not written again.
    ///
    /// # Errors
    /// When a step fails; what was kept before is untouched then.
    pub fn save(&self, bytes: &[u8]) -> Result<(), KeptError> {
        if matches!(self.load(), Ok(Some(kept)) if kept == bytes) {
            return Ok(());
        }
        let path = self.path();
        self.replace(&path, bytes).map_err(|error| KeptError::Write(path, error))
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
