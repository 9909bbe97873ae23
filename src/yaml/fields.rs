//! Takes a map apart, key by key.

use std::collections::BTreeMap;

use super::node::{Entry, Kind, Node, Place, shown};
use super::report::{Faults, did_you_mean, listed};
use super::suggest::closest;

/// The keys of a map that nobody has asked for yet.
///
/// Ask for each key that has a meaning, then [`Fields::finish`]: what is left is unknown.
#[derive(Debug)]
pub struct Fields<'n> {
    place: Place,
    path: String,
    rest: BTreeMap<&'n str, &'n Entry>,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The keys of `node`, which stands at `path` (empty for the whole file). Anything but a map
    /// is a problem; `expected` says what the map is for.
    pub fn of(node: &'n Node, path: &str, expected: &str, faults: &mut Faults) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self {
                place: node.place,
                path: path.to_owned(),
                rest: entries.iter().map(|entry| (&*entry.key, entry)).collect(),
                asked: Vec::new(),
            }),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {
                faults.problem(node.place, format!("expected {expected}, found {node}"));
                None
            }
        }
    }

    /// No keys at all: what a section that is not in the file looks like.
    pub fn absent(path: &str) -> Self {
        Self {
            place: Place::default(),
            path: path.to_owned(),
            rest: BTreeMap::new(),
            asked: Vec::new(),
        }
    }

    /// Where the map begins.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The entry of `key`, if it is there.
    pub fn take(&mut self, key: &'static str, faults: &mut Faults) -> Option<&'n Entry> {
        faults.asked_for(|| self.path_of(key));
        self.asked.push(key);
        self.rest.remove(key)
    }

    /// The value of `key` as `read` understands it. What is not understood is a problem.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&'n Node) -> Result<T, String>,
    ) -> Option<T> {
        let entry = self.take(key, faults)?;
        match read(&entry.value) {
            Ok(value) => Some(value),
            Err(message) => {
                // Nothing has no place of its own worth showing.
                let place = if entry.value.is_null() { entry.place } else { entry.value.place };
                faults.problem(place, format!("`{key}`: {message}"));
                None
            }
        }
    }

    /// As [`Fields::optional`], and a missing key is a problem at `owner`.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        owner: Place,
        faults: &mut Faults,
        read: impl FnOnce(&'n Node) -> Result<T, String>,
    ) -> Option<T> {
        if !self.rest.contains_key(key) {
            faults.problem(owner, format!("`{key}` is missing"));
        }
        self.optional(key, faults, read)
    }

    /// The map behind `key`; an absent one if the key is not there.
    pub fn section(&mut self, key: &'static str, faults: &mut Faults) -> Self {
        let path = self.path_of(key);
        let expected = format!("a map behind `{key}:`");
        let entry = self.take(key, faults);
        entry
            .and_then(|entry| Self::of(&entry.value, &path, &expected, faults))
            .unwrap_or_else(|| Self::absent(&path))
    }

    /// The value of `key`, if it is there and was not asked for yet.
    pub fn peek(&self, key: &str) -> Option<&'n Node> {
        self.rest.get(key).map(|entry| &entry.value)
    }

    /// Where `key` stands, if it is there and was not asked for yet.
    pub fn key_place(&self, key: &str) -> Option<Place> {
        self.rest.get(key).map(|entry| entry.place)
    }

    /// What nobody asked for so far.
    pub fn rest(&self) -> Vec<&'n Entry> {
        self.rest.values().copied().collect()
    }

    /// Says nothing of `key` at the end: it is accounted for.
    pub fn skip(&mut self, key: &str) {
        self.rest.remove(key);
    }

    /// Whatever nobody asked for is a problem.
    pub fn finish(self, faults: &mut Faults) {
        for (key, entry) in self.rest {
            let place = match &*self.path {
                "" => "at the top level",
                path => &format!("in {path}"),
            };
            let meant = closest(key, &self.asked);
            let hint = match meant {
                Some(_) => did_you_mean(meant),
                None => format!("; expected {}", listed(&self.asked)),
            };
            faults.problem(entry.place, format!("unknown key `{}` {place}{hint}", shown(key)));
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}
