//! Which files a desired file refers to: found before it is read, as all are looked at together.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::yaml::{Entry, Faults, Kind, Node, Source};

/// The key that names one, at the top and in each schedule.
const KEY: &str = "holidays";

/// No file.
const NONE: &str = "none";

/// The files that a desired file refers to, as they are named in it. Of a file that is not valid,
/// whatever can be found: what is wrong is said by who reads it.
pub fn references(bytes: &[u8]) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    // Most files name none, and every look asks.
    if !std::str::from_utf8(bytes).is_ok_and(|text| text.contains(KEY)) {
        return found;
    }
    let source = Source::new("", bytes).ok();
    let root = source.and_then(|source| source.parse(&mut Faults::default()).ok());
    let top = root.as_ref().map_or(&[][..], entries);
    let schedules = top.iter().filter(|entry| &*entry.key == "schedules");
    let schedules = schedules.flat_map(|all| entries(&all.value)).map(|one| entries(&one.value));
    for entry in std::iter::once(top).chain(schedules).flatten() {
        if let (KEY, Ok(name)) = (&*entry.key, entry.value.word())
            && name != NONE
        {
            found.insert(name.into());
        }
    }
    found
}

/// The entries of a map; of anything else, none.
pub(super) fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => &[],
    }
}
