//! One look at all that the desired state comes from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::yaml::SIZE_MAX;

use super::beside::{on_disk, references};
use super::git;
use super::named::{Named, literal_part, named, parent};
use super::watch::{Options, Seen};

/// The most that all files together may hold, in bytes.
pub(super) const TOTAL_MAX: usize = 4 * SIZE_MAX;

/// Nobody pauses for so long between two pieces of a file.
const RESTED: Duration = Duration::from_secs(60);

/// Everything as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The desired files, in order of their names; never empty.
    pub files: Vec<Found>,
    /// What the files are a state of, if that is known: a Git commit.
    pub commit: Option<Arc<str>>,
}

/// A desired file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path, as people know it.
    pub name: Arc<str>,
    /// What it holds, or why nobody knows, for people, with the path.
    pub text: Result<Text, Arc<str>>,
}

/// The files that lie beside a desired file and that it refers to, as they are named in it.
pub type Neighbours = BTreeMap<Arc<str>, Result<Arc<[u8]>, Arc<str>>>;

/// What a desired file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The whole file.
    pub bytes: Arc<[u8]>,
    /// What it refers to.
    pub beside: Neighbours,
}

impl Text {
    /// The content of a file that this one names, by the name that it writes.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn neighbour(&self, name: &str) -> Result<Arc<[u8]>, String> {
        let found = self.beside.get(name).ok_or_else(|| format!("{name}: was not read"))?;
        found.clone().map_err(|fault| fault.to_string())
    }

    /// The file's content, and then those of the files beside it that are to be had.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&*self.bytes).chain(self.beside.values().flatten().map(|bytes| &**bytes))
    }
}

/// What is there now. Blocks for as long as the file system does.
pub fn look(options: &Options) -> Seen {
    let path = &options.path;
    let files = match named(path) {
        // One file that is not to be had is the whole state.
        Named::One => found(path, "there is no such file; `desired` (or `--desired`) names it")
            .map(|text| vec![Found { name: shown(path), text: Ok(text) }]),
        Named::Many { files, .. } => files.and_then(|files| all(path, &files)),
    };
    match files {
        Ok(files) => Seen::Picture(Picture { files, commit: commit(options) }),
        Err(fault) => Seen::Fault(fault.into()),
    }
}

fn all(path: &Path, files: &[PathBuf]) -> Result<Vec<Found>, String> {
    let mut left = TOTAL_MAX;
    let mut all = Vec::new();
    for file in files {
        let text = found(file, "a link that leads nowhere").map_err(Arc::from);
        let size = text.as_ref().map_or(0, |text| text.contents().map(<[u8]>::len).sum());
        left = left.checked_sub(size).ok_or_else(|| {
            let limit = TOTAL_MAX >> 20;
            format!("{}: the files hold more than {limit} MiB, which is the limit", path.display())
        })?;
        all.push(Found { name: shown(file), text });
    }
    Ok(all)
}

fn shown(path: &Path) -> Arc<str> {
    path.display().to_string().into()
}

fn found(path: &Path, missing: &str) -> Result<Text, String> {
    let bytes = read(path, missing)?;
    let neighbour = on_disk(path);
    let beside = references(&bytes).into_iter().map(|name| {
        let bytes = neighbour(&name).map_err(Arc::from);
        (name.into(), bytes)
    });
    Ok(Text { beside: beside.collect(), bytes: bytes.into() })
}

/// The content of a regular file that is not too large.
pub(super) fn regular(path: &Path) -> Result<Vec<u8>, String> {
    read(path, "there is no such file")
}

/// The whole content, or why not; `missing` is said of a file that is not there.
fn read(path: &Path, missing: &str) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            format!("{shown}: {missing}")
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

fn commit(options: &Options) -> Option<Arc<str>> {
    options.revision.clone().or_else(|| git::commit(&literal_part(&options.path)))
}

/// Whether nobody has written anything for so long that one look is enough: a daemon that starts is
/// to be ready at once. A clock that was set back makes it wait, and nothing else.
pub(super) fn rests(path: &Path) -> bool {
    let rests = |path: &PathBuf| {
        let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= RESTED))
    };
    match named(path) {
        Named::One => rests(&path.to_owned()),
        Named::Many { files: Ok(files), directories } => {
            files.iter().chain(&directories).all(rests)
        }
        Named::Many { files: Err(_), .. } => false,
    }
}

/// The directories whose entries decide what [`look`] finds, each with its identity, so that a
/// replaced one is noticed: where the files are, where links lead to, and where the commit is.
pub(super) fn directories(options: &Options) -> Vec<(PathBuf, Option<(u64, u64)>)> {
    let path = &options.path;
    let (files, mut wanted) = match named(path) {
        Named::One => (vec![path.clone()], Vec::new()),
        Named::Many { files, directories } => (files.unwrap_or_default(), directories),
    };
    for file in &files {
        let named = parent(file);
        let real = named.as_deref().and_then(|named| std::fs::canonicalize(named).ok());
        let linked = std::fs::canonicalize(file).ok().as_deref().and_then(parent);
        wanted.extend(named);
        wanted.extend(linked.filter(|linked| Some(linked) != real.as_ref()));
    }
    if options.revision.is_none() {
        wanted.extend(git::directories(&literal_part(path)));
    }
    wanted.sort();
    wanted.dedup();
    let identified = wanted.into_iter().map(|directory| {
        let identity = identity(&directory);
        (directory, identity)
    });
    identified.collect()
}

/// Device and inode of a directory; `None` if there is none.
fn identity(directory: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(directory).ok().filter(std::fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino()))
}
