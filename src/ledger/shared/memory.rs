//! What this machine has seen of a shared ledger, in a file: by it an engine is noticed that was
//! wiped, or restored from a backup, while nobody ran.
//!
//! One line, `evenkeel-seen 1 4f1c09ab 00000000000000000214 1d3b7e90`: format, the ledger's name,
//! the number of the next record, a checksum. Written in place, and not synced: it outlives the
//! process, and a power cut may take the last of it. It is a second look, and never the ledger.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::ledger::fault::OpenError;

/// The file's name in the state directory.
const NAME: &str = "shared-ledger";

const MAGIC: &str = "evenkeel-seen 1 ";

/// What was seen of the ledger that is shared, if anything was.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    seen: Option<Seen>,
    file: Option<File>,
}

/// How far a ledger had got.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    id: String,
    next: u64,
}

impl Seen {
    fn line(&self) -> String {
        let head = format!("{MAGIC}{} {:020} ", self.id, self.next);
        format!("{head}{:08x}\n", crc32fast::hash(head.as_bytes()))
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = text.strip_prefix(MAGIC)?.split(' ');
        let (id, next) = (fields.next()?.to_owned(), fields.next()?.parse().ok()?);
        let seen = Self { id, next };
        (seen.line() == text).then_some(seen)
    }
}

impl Memory {
    /// What the state directory tells. What is damaged tells nothing.
    ///
    /// # Errors
    /// When the system refuses to read what is there.
    pub fn of(state_dir: &Path) -> Result<Self, OpenError> {
        let path = state_dir.join(NAME);
        match std::fs::read(&path) {
            Ok(text) => {
                let seen = Seen::read(&String::from_utf8_lossy(&text));
                Ok(Self { path, seen, file: None })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self { path, seen: None, file: None })
            }
            Err(source) => Err(OpenError::Io { doing: "read", path, source }),
        }
    }

    /// Whether a shared ledger was ever seen.
    pub const fn is_blank(&self) -> bool {
        self.seen.is_none()
    }

    /// Whether what is there, the name of a ledger and the number of its next record, may be what
    /// was seen, or has grown from it.
    pub(super) fn check(&self, place: &Path, there: Option<(&str, u64)>) -> Result<(), OpenError> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let found = match there {
            Some((id, next)) if id == seen.id && next >= seen.next => return Ok(()),
            Some((id, next)) if id == seen.id => format!("it ends before record {next}"),
            Some((id, _)) => format!("it is ledger {id}"),
            None => "there is none".to_owned(),
        };
        Err(OpenError::Forgot {
            path: place.to_owned(),
            seen: format!("ledger {} before record {}", seen.id, seen.next),
            found,
            memory: self.path.clone(),
        })
    }

    /// Notes how far the ledger has got.
    pub(super) fn note(&mut self, id: &str, next: u64) {
        let seen = Seen { id: id.to_owned(), next };
        if self.seen.as_ref() == Some(&seen) {
            return;
        }
        // A full disk must not keep a leader down whose ledger is elsewhere.
        if self.write(&seen.line()).is_ok() {
            self.seen = Some(seen);
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(false).mode(0o600);
            self.file = Some(options.open(&self.path)?);
        }
        self.file.as_ref().map_or(Ok(()), |file| file.write_all_at(line.as_bytes(), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let seen = Seen { id: "4f1c09ab".to_owned(), next: 214 };
        let line = seen.line();
        assert_eq!(line.len(), Seen { next: u64::MAX, ..seen.clone() }.line().len());
        for bit in 0..line.len() * 8 {
            let mut bytes = line.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Seen::read(&String::from_utf8_lossy(&bytes)), None, "bit {bit}");
        }
        assert_eq!(Seen::read(&line), Some(seen));
    }
}
