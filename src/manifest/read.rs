//! One look at the file.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::yaml::SIZE_MAX;

use super::watch::Seen;

/// What is there now. Blocks for as long as the file system does.
pub(super) fn look(path: &Path) -> Seen {
    match read(path) {
        Ok(bytes) => Seen::Text(bytes.into()),
        Err(fault) => Seen::Fault(fault.into()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(format!("{shown}: is a directory; `desired` must name a file"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("{shown}: there is no such file; `desired` (or `--desired`) names it"))
        }
        Ok(_) | Err(_) => regular(path),
    }
}

/// The content of a regular file that is not too large.
pub(super) fn regular(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            format!("{shown}: there is no such file")
        } else {
            format!("{shown}: cannot be read: {error}")
        }
    };
    // Asked first: opening a pipe would wait for somebody to write into it.
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(format!("{shown}: is not a regular file"));
    }
    let limit = SIZE_MAX as u64 + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0));
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(cannot)?;
    if bytes.len() > SIZE_MAX {
        let limit = SIZE_MAX >> 20;
        return Err(format!("{shown}: is larger than {limit} MiB, which is the limit"));
    }
    Ok(bytes)
}

/// The directories whose entries decide what [`look`] finds, each with its identity, so that a
/// replaced one is noticed: the path's own parent, and the parent of what a link leads to.
pub(super) fn directories(path: &Path) -> Vec<(PathBuf, Option<(u64, u64)>)> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
        Some(parent) => Some(parent.to_owned()),
        None => None,
    };
    let target = std::fs::canonicalize(path).ok();
    let named = parent(path);
    let real = named.as_deref().and_then(|named| std::fs::canonicalize(named).ok());
    let linked = target.as_deref().and_then(parent).filter(|linked| Some(linked) != real.as_ref());
    named
        .into_iter()
        .chain(linked)
        .map(|directory| {
            let identity = identity(&directory);
            (directory, identity)
        })
        .collect()
}

/// Device and inode of a directory; `None` if there is none.
fn identity(directory: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(directory).ok().filter(std::fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino()))
}
