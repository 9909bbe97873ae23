//! A ledger in a directory of its own, locked for as long as the process lives.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::rand::{GetRandomFlags, getrandom};

use super::codec::Recovery;
use super::disk::{Aside, Disk, NotReplaced};
use super::fault::OpenError;
use super::journal::Journal;
use crate::crash;
use crate::keel::record::Record;

/// The ledger's name in its directory.
pub(super) const LEDGER: &str = "ledger";

/// A ledger that is being written anew; left over by a crash, it means nothing.
const NEXT: &str = "ledger.new";

/// Locked by the one process that works with the ledger. A file of its own, since compaction
/// replaces the ledger, and the lock with it.
const LOCK: &str = "lock";

/// Copies of damaged files kept; the same damage is kept once, so this is never met in good faith.
const ASIDE_MAX: u32 = 1000;

/// The state directory, locked.
#[derive(Debug)]
pub struct Directory {
    dir: File,
    root: PathBuf,
    path: PathBuf,
    file: Option<File>,
    _lock: Lock,
}

/// Held while the file is locked.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started still has a copy of the
        // descriptor, and with it the lock, until it becomes another program.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// A ledger in a directory.
pub type FileLedger = Journal<Directory>;

impl Journal<Directory> {
    /// Locks `state_dir`, which is made if it is missing, and opens or begins the ledger in it.
    /// Each record goes to `each`, in order; they mean nothing if this fails.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(state_dir: &Path, each: impl FnMut(Record)) -> Result<(Self, Recovery), OpenError> {
        Self::on(Directory::lock(state_dir)?, each)
    }
}

impl Directory {
    /// Locks `state_dir`, which is made if it is missing, and removes what a compaction left over.
    ///
    /// # Errors
    /// When another process has it, or the system refuses something.
    pub fn lock(state_dir: &Path) -> Result<Self, OpenError> {
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { doing, path, source }
        };
        if !state_dir.exists() {
            let make = DirBuilder::new().recursive(true).mode(0o700).create(state_dir);
            make.map_err(failed("create the state directory", state_dir))?;
            if let Some(parent) = state_dir.parent().filter(|parent| parent.is_dir()) {
                // Without it a power cut may take the directory away, ledger and all.
                let synced = File::open(parent).and_then(|parent| parent.sync_all());
                synced.map_err(failed("sync", parent))?;
            }
        }
        let dir = File::open(state_dir).map_err(failed("open the state directory", state_dir))?;
        let lock = lock_file(state_dir, &state_dir.join(LOCK))?;
        let next = state_dir.join(NEXT);
        match std::fs::remove_file(&next) {
            Ok(()) => (),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => return Err(failed("remove the left-over", &next)(error)),
        }
        let path = state_dir.join(LEDGER);
        let file = open_ledger(&path)?;
        Ok(Self { dir, root: state_dir.to_owned(), path, file, _lock: lock })
    }

    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Writes `bytes` to a new file `name`, durably but for its name.
    fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<File> {
        let mut file = options().create_new(true).open(self.root.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Someone may have removed or replaced the file: what is written to it then is lost with us.
    fn still_there(&self) -> io::Result<()> {
        let (ours, there) = (self.file()?.metadata()?, std::fs::symlink_metadata(&self.path)?);
        if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
            return Ok(());
        }
        Err(io::Error::other("the file was replaced by another while it was in use"))
    }
}

impl Disk for Directory {
    fn path(&self) -> &Path {
        &self.path
    }

    fn random(&mut self) -> io::Result<u32> {
        random()
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = self.file.as_ref() else { return Ok(None) };
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(Some(text))
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()?;
        self.still_there()
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), NotReplaced> {
        let next = self.root.join(NEXT);
        let renamed = self.write_new(NEXT, bytes).and_then(|file| {
            crash::point("compact:before-rename");
            std::fs::rename(&next, &self.path)?;
            Ok(file)
        });
        match renamed {
            Ok(file) => self.file = Some(file),
            Err(error) => {
                // It takes room that is needed elsewhere; if it stays, the next start removes it.
                let _ = std::fs::remove_file(&next);
                return Err(NotReplaced::Kept(error));
            }
        }
        crash::point("compact:after-rename");
        self.dir.sync_all().map_err(NotReplaced::Unknown)
    }

    fn keep_aside(&mut self, why: Aside, bytes: &[u8]) -> io::Result<PathBuf> {
        let kind = match why {
            Aside::Corrupt => "corrupt",
            Aside::Torn => "torn",
        };
        for number in 1..=ASIDE_MAX {
            let name = format!("{LEDGER}.{kind}-{number}");
            let path = self.root.join(&name);
            match self.write_new(&name, bytes) {
                Ok(_) => return self.dir.sync_all().map(|()| path),
                // A restart that meets the same damage again must not fill the disk with it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if std::fs::read(&path).is_ok_and(|kept| kept == bytes) {
                        return Ok(path);
                    }
                }
                Err(error) => {
                    let _ = std::fs::remove_file(&path);
                    return Err(error);
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// A number that no other ledger, and no other process, has.
pub(super) fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    // Not from a device file, which a bare root directory may lack.
    getrandom(&mut bytes[..], GetRandomFlags::empty())?;
    Ok(u32::from_ne_bytes(bytes))
}

/// For reading and writing by this user alone. A link is refused: compaction would replace the
/// link and leave the file behind it as it was.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);
    options.read(true).write(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

/// The ledger, if there is one.
fn open_ledger(path: &Path) -> Result<Option<File>, OpenError> {
    let io = |source| OpenError::Io { doing: "open the ledger", path: path.to_owned(), source };
    let kind = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let what = if kind.is_file() {
        return options().open(path).map(Some).map_err(io);
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "a device, a pipe or a socket"
    };
    Err(OpenError::NotAFile { path: path.to_owned(), what })
}

/// Takes the lock, and leaves this process's number for whoever comes next.
fn lock_file(state_dir: &Path, path: &Path) -> Result<Lock, OpenError> {
    let io = |doing| move |source| OpenError::Io { doing, path: path.to_owned(), source };
    let mut lock = options().create(true).truncate(false).open(path).map_err(io("open"))?;
    if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(io("lock")(error.into()));
        }
        let mut text = String::new();
        // Only for the message.
        let _ = lock.read_to_string(&mut text);
        let pid = text.trim().parse().ok();
        return Err(OpenError::Locked { path: state_dir.to_owned(), pid });
    }
    // The number only serves a message: a full disk must not keep the daemon down for it.
    let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    Ok(Lock(lock))
}
