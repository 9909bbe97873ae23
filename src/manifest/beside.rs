//! Files that a desired file names: where they lie, and what is in them.

use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::sync::Arc;

use crate::yaml::{Entry, Faults, Kind, Node, Source, shown};

use super::read;

/// Gives the content of a file by the path that the desired file writes, or says why there is none.
pub type Beside<'a> = dyn Fn(&str) -> Result<Arc<[u8]>, String> + 'a;

/// The key whose value names a file.
pub(super) const KEY: &str = "holidays";

/// The value that names none.
pub(super) const NONE: &str = "none";

/// Reads from disk what lies beside the desired file `desired`.
pub fn on_disk(desired: &Path) -> impl Fn(&str) -> Result<Arc<[u8]>, String> {
    let directory = desired.parent().unwrap_or(Path::new("")).to_owned();
    move |path| read::regular(&directory.join(path)).map(Into::into)
}

/// The files that the text of a desired file names, as it writes them. Nothing if it cannot be
/// read: then there is no use for them either.
pub fn references(bytes: &[u8]) -> Vec<String> {
    // Most files name none, and some are large.
    if !bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()) {
        return Vec::new();
    }
    let root = Source::new("", bytes).and_then(|source| source.parse(&mut Faults::default()));
    let Ok(root) = root else { return Vec::new() };
    let schedules = value(&root, "schedules").map(entries).unwrap_or_default();
    let values = schedules.iter().filter_map(|entry| value(&entry.value, KEY));
    let named = value(&root, KEY).into_iter().chain(values).filter_map(|node| path(node).ok()?);
    named.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The path that a value writes: absolute, or below the desired file's folder. `None` for `none`.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn path(node: &Node) -> Result<Option<&str>, String> {
    let path = match &node.kind {
        Kind::Text(text) if &**text == NONE => return Ok(None),
        Kind::Text(text) if !text.trim().is_empty() => text,
        Kind::Null
        | Kind::Bool(_)
        | Kind::Number(_)
        | Kind::Text(_)
        | Kind::List(_)
        | Kind::Map(_) => {
            return Err(format!("expected an iCalendar file's path, or `none`, found {node}"));
        }
    };
    if path.contains("://") {
        return Err("nothing is fetched; keep the calendar as a file beside this one".to_owned());
    }
    let leaves = |part: Component<'_>| part == Component::ParentDir;
    if Path::new(&**path).components().any(leaves) {
        return Err(format!(
            "`{}` leaves this file's folder; keep the calendar in it, or write an absolute path",
            shown(path)
        ));
    }
    Ok(Some(path))
}

fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    entries(node).iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
}

/// The entries of a map; of anything else, none.
pub(super) fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => &[],
    }
}
