//! A look at a ledger that another process may be writing: no lock, nothing kept, nothing changed.

use std::path::Path;

use super::fault::OpenError;
use super::transcript::Transcript;
use crate::keel::record::Record;

/// Hands each record of the ledger in `state_dir` to `each`, in order. False if there is none. A
/// line that is just being written, or that a crash tore, ends it.
///
/// # Errors
/// When there is something else than a ledger, or it cannot be read; then no record is handed out.
pub fn look(state_dir: &Path, each: impl FnMut(Record)) -> Result<bool, OpenError> {
    let there = Transcript::of(state_dir)?;
    Ok(there.map(|there| there.records.into_iter().for_each(each)).is_some())
}
