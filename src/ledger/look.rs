//! A look at a ledger that another process may be writing: no lock, nothing kept, nothing changed.

use std::io::ErrorKind;
use std::path::Path;

use super::codec::{End, Header, NoHeader};
use super::fault::{Corrupt, OpenError};
use super::file::LEDGER;
use crate::keel::record::Record;

/// Hands each record of the ledger in `state_dir` to `each`, in order. False if there is none. A
/// line that is just being written, or that a crash tore, ends it.
///
/// # Errors
/// When there is something else than a ledger, or it cannot be read.
pub fn look(state_dir: &Path, each: impl FnMut(Record)) -> Result<bool, OpenError> {
    let path = state_dir.join(LEDGER);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(OpenError::Io { doing: "read", path, source }),
    };
    let corrupt = |line, offset, what: &str| {
        let (path, what) = (path.clone(), what.to_owned());
        Corrupt { path, line, offset, what, copy: None }.into()
    };
    let (header, start) = Header::read(&text).map_err(|none| match none {
        NoHeader::Empty => OpenError::Empty { path: path.clone() },
        NoHeader::Foreign(first) => OpenError::Foreign { path: path.clone(), first },
        NoHeader::Newer(found) => OpenError::Newer { path: path.clone(), found },
        NoHeader::Damaged => corrupt(1, 0, "its header is damaged"),
    })?;
    match header.records(&text, start, each) {
        End::Whole { .. } | End::Torn { .. } => Ok(true),
        End::Bad { line, offset, what } => Err(corrupt(line, offset as u64, &what)),
    }
}
