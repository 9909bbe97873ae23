//! Which commit a work tree has checked out, as far as its files say so.
//!
//! Read as Git writes it, without Git: `HEAD` names a commit, or a ref, which is a file or a line
//! of `packed-refs`. The `.git` of a work tree beside the repository is a file that leads there.
//! What is odd has no commit; it is no fault.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Of `.git`, `HEAD`, `commondir` and refs, which are a line each.
const LINE_MAX: u64 = 4096;

/// Of `packed-refs`: some 100,000 refs.
const PACKED_MAX: u64 = 16 << 20;

/// A ref may name a ref, but not for ever.
const HOPS_MAX: usize = 5;

/// Digits of a commit shown.
const DIGITS: usize = 12;

/// Where a work tree's `HEAD` is, and where its refs are.
#[derive(Debug)]
struct Repository {
    own: PathBuf,
    common: PathBuf,
}

/// The first digits of the commit of the work tree that `path` lies in.
pub(super) fn commit(path: &Path) -> Option<Arc<str>> {
    let repository = repository(path)?;
    let mut text = line(&repository.own.join("HEAD"))?;
    for _ in 0..HOPS_MAX {
        let Some(name) = text.strip_prefix("ref:") else {
            return is_commit(&text).then(|| text[..DIGITS].into());
        };
        text = repository.resolve(name.trim())?;
    }
    None
}

/// The directories whose entries change with the commit.
pub(super) fn directories(path: &Path) -> Vec<PathBuf> {
    let Some(repository) = repository(path) else { return Vec::new() };
    let head = line(&repository.own.join("HEAD"));
    let name = head.as_deref().and_then(|head| head.strip_prefix("ref:")).map(str::trim);
    let name = name.map(Path::new).filter(|name| stays_inside(name));
    let below = name.and_then(|name| repository.common.join(name).parent().map(Path::to_owned));
    let all = [Some(repository.own), Some(repository.common), below];
    all.into_iter().flatten().filter(|directory| directory.is_dir()).collect()
}

fn repository(path: &Path) -> Option<Repository> {
    let path = std::fs::canonicalize(path).ok()?;
    let tree = path.ancestors().find(|tree| tree.join(".git").exists())?;
    let git = tree.join(".git");
    let own = if git.is_dir() {
        git
    } else {
        let text = line(&git)?;
        tree.join(text.strip_prefix("gitdir:")?.trim())
    };
    let common = line(&own.join("commondir")).map_or_else(|| own.clone(), |text| own.join(text));
    Some(Repository { own, common })
}

impl Repository {
    /// What a ref says: a commit, or another ref.
    fn resolve(&self, name: &str) -> Option<String> {
        let path = Path::new(name);
        if !stays_inside(path) {
            return None;
        }
        let loose = line(&self.own.join(path)).or_else(|| line(&self.common.join(path)));
        loose.or_else(|| {
            let packed = text(&self.common.join("packed-refs"), PACKED_MAX)?;
            let refs = packed.lines().filter_map(|line| line.split_once(' '));
            refs.into_iter().find(|(_, its)| *its == name).map(|(commit, _)| commit.to_owned())
        })
    }
}

/// Whether it names something below a directory, whatever the directory.
fn stays_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

/// 40 digits of SHA-1, or 64 of SHA-256.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn line(path: &Path) -> Option<String> {
    text(path, LINE_MAX).map(|text| text.trim().to_owned())
}

fn text(path: &Path, limit: u64) -> Option<String> {
    // Asked first: opening a pipe would wait for somebody to write into it.
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > limit {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(limit).read_to_string(&mut text).ok()?;
    Some(text)
}
