//! The desired files as they follow each other: what each held, and what of it was in force last.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::keel::deployment::AccountId;
use crate::keel::intent::Manifest;

use super::kept::Bundle;
use super::merge::{Candidate, Merged, Refused, Valid, merge, united};
use super::parse::parse_beside;
use super::read::{Found, Picture, Text};

/// The refused files whose reports are shown. Where there are more, they have one cause.
const REPORTS_MAX: usize = 20;

/// The desired files, each with its last good content.
#[derive(Debug)]
pub struct Set {
    accounts: Option<Vec<AccountId>>,
    parsed: BTreeMap<Arc<str>, Parsed>,
    /// What was read ahead and not taken yet.
    ahead: BTreeMap<Arc<str>, Parsed>,
    last: BTreeMap<Arc<str>, Arc<Valid>>,
}

#[derive(Debug)]
struct Parsed {
    text: Text,
    result: Result<Arc<Valid>, Arc<str>>,
    told: bool,
}

/// What came of a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What is to be in force; `None` if no file has anything to say, which changes nothing.
    pub manifest: Option<Arc<Manifest>>,
    /// The files that are not in force as they are.
    pub refused: Vec<Refused>,
    /// The valid ones that were not there before.
    pub fresh: Vec<Arc<Valid>>,
}

impl Taken {
    /// All faults, for people; `None` if there are none.
    pub fn report(&self) -> Option<Arc<str>> {
        let shown = self.refused.iter().take(REPORTS_MAX).map(|one| one.report.to_string());
        let mut lines: Vec<String> = shown.collect();
        match self.refused.len().saturating_sub(REPORTS_MAX) {
            0 => (),
            more => lines.push(format!("{more} more files are refused")),
        }
        (!lines.is_empty()).then(|| lines.join("\n").into())
    }
}

impl Set {
    /// No file yet. `accounts` are those that entries may name, or `None` where no configuration
    /// says so.
    pub fn new(accounts: Option<&[AccountId]>) -> Self {
        Self {
            accounts: accounts.map(<[_]>::to_vec),
            parsed: BTreeMap::new(),
            ahead: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// Takes over what an earlier process kept.
    pub fn adopt(&mut self, bundle: Bundle) -> Taken {
        let mut taken = self.take(&bundle.into_picture());
        for valid in taken.fresh.drain(..) {
            self.parsed.entry(valid.name.clone()).and_modify(|parsed| parsed.told = false);
        }
        taken
    }

    /// Reads what is probably taken next, so that this is done by then: a large file takes longer
    /// to read than it takes to see that it rests. Nothing of it counts.
    pub fn read_ahead(&mut self, picture: &Picture) {
        let mut before = std::mem::take(&mut self.ahead);
        let read = |Found { name, text }: &Found| {
            let known = self.parsed.get(name).map(|known| &known.text);
            let text = text.as_ref().ok().filter(|text| known != Some(text))?;
            Some((name.clone(), self.read(before.remove(name), name, text.clone())))
        };
        self.ahead = picture.files.iter().filter_map(read).collect();
    }

    /// Takes what is there now.
    pub fn take(&mut self, picture: &Picture) -> Taken {
        let candidates = self.candidates(&picture.files);
        let Merged { in_force, intents, refused } = merge(&candidates);
        let mut fresh = Vec::new();
        for parsed in self.parsed.values_mut() {
            if let (Ok(valid), false) = (&parsed.result, parsed.told) {
                fresh.push(valid.clone());
            }
            parsed.told = true;
        }
        let manifest = (!in_force.is_empty()).then(|| {
            let named = |valid: &Arc<Valid>| (valid.name.clone(), valid.clone());
            self.last = in_force.iter().map(named).collect();
            Arc::new(united(&in_force, intents, picture.commit.as_deref()))
        });
        Taken { manifest, refused, fresh }
    }

    /// What is in force, to be kept.
    pub fn bundle(&self, commit: Option<&str>) -> Bundle {
        Bundle::new(self.last.values().map(|valid| (&*valid.name, &valid.text)), commit)
    }

    /// Reads what has not been read yet, and forgets what is not there any more.
    fn candidates(&mut self, files: &[Found]) -> Vec<Candidate> {
        let mut before = std::mem::take(&mut self.parsed);
        let mut ahead = std::mem::take(&mut self.ahead);
        let candidate = |Found { name, text }: &Found| {
            let now = text.clone().and_then(|text| {
                let known = before.remove(name).into_iter().chain(ahead.remove(name));
                let parsed = self.read(known, name, text);
                let result = parsed.result.clone();
                self.parsed.insert(name.clone(), parsed);
                result
            });
            Candidate { name: name.clone(), now, last: self.last.get(name).cloned() }
        };
        files.iter().map(candidate).collect()
    }

    /// The file as it is `known` if that was read from the same text, or as it reads.
    fn read(&self, known: impl IntoIterator<Item = Parsed>, name: &Arc<str>, text: Text) -> Parsed {
        let known = known.into_iter().find(|known| known.text == text);
        known.unwrap_or_else(|| self.parse(name, text))
    }

    fn parse(&self, name: &Arc<str>, text: Text) -> Parsed {
        let beside = |path: &str| text.neighbour(path);
        let parsed = parse_beside(name, &text.bytes, self.accounts.as_deref(), &beside);
        let result = parsed.map_err(|report| Arc::from(report.to_string()));
        let result = result.map(|(manifest, warnings)| {
            let (name, text) = (name.clone(), text.clone());
            Arc::new(Valid { name, text, manifest, warnings })
        });
        Parsed { text, result, told: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Neighbours;

    fn picture(text: &str) -> Picture {
        let text = Text { bytes: text.as_bytes().into(), beside: Neighbours::new() };
        Picture { files: vec![Found { name: "f".into(), text: Ok(text) }], commit: None }
    }

    #[test]
    fn what_was_read_ahead_is_not_read_again() {
        let (one, other) = ("deployments: { a: running }", "deployments: { a: stopped }");
        let mut set = Set::new(None);
        set.read_ahead(&picture(one));
        let ahead = set.ahead["f"].result.clone().expect("a valid file");
        set.read_ahead(&picture(one));
        let fresh = set.take(&picture(one)).fresh;
        assert!(matches!(&*fresh, [valid] if Arc::ptr_eq(valid, &ahead)));
        // What is known is not read ahead, and what is gone again is forgotten.
        set.read_ahead(&picture(one));
        assert!(set.ahead.is_empty());
        set.read_ahead(&picture(other));
        assert!(set.take(&picture(one)).fresh.is_empty() && set.ahead.is_empty());
    }
}
