//! Several desired files become one desired state: a pure function of what they hold.
//!
//! Each file counts with what it holds now, or, where that cannot be used, with its last good
//! content. No deployment may be named twice. Who named it in his last good content and still does
//! keeps it; the others fall back to theirs, until nothing is named twice. So a deployment can move
//! from one file to another in one edit, and nobody's mistake holds somebody else's file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::keel::deployment::DeploymentId;
use crate::keel::intent::{Intent, Manifest};
use crate::yaml::{At, Faults, Place, Source};

use super::beside::entries;
use super::read::Text;

/// Places of the same deployment that are shown beside its own.
const OTHERS_MAX: usize = 3;

/// A file that is valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valid {
    /// Its path, as people know it.
    pub name: Arc<str>,
    /// What it holds.
    pub text: Text,
    /// What that asks for.
    pub manifest: Manifest,
    /// Lines that are odd but valid.
    pub warnings: Vec<String>,
}

/// A file that is to count.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its path, as people know it.
    pub name: Arc<str>,
    /// What it holds now, or why that cannot be used, for people.
    pub now: Result<Arc<Valid>, Arc<str>>,
    /// What of it was in force last.
    pub last: Option<Arc<Valid>>,
}

/// What the files add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The contents that count, in the order of the files. No deployment is named twice.
    pub in_force: Vec<Arc<Valid>>,
    /// What they ask for, all together.
    pub intents: BTreeMap<DeploymentId, Arc<Intent>>,
    /// The files whose present content does not count, and why.
    pub refused: Vec<Refused>,
}

/// A file whose present content does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its path, as people know it.
    pub name: Arc<str>,
    /// All that is wrong with it, for people.
    pub report: Arc<str>,
}

/// Which content of a file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Now,
    Last,
    Nothing,
}

/// What these files add up to.
pub fn merge(candidates: &[Candidate]) -> Merged {
    let mut stands: Vec<Stand> = candidates.iter().map(Candidate::highest).collect();
    let mut faults: Vec<Faults> = candidates.iter().map(|_| Faults::default()).collect();
    let mut places = Places::default();
    let intents = loop {
        let named = named(candidates, &stands);
        let clashes = clashes(candidates, &named);
        if clashes.is_empty() {
            break named.iter().map(|one| (one.id.clone(), one.intent.clone())).collect();
        }
        let before = stands.clone();
        let content = |index: usize| candidates[index].content(before[index]);
        let old = |index: usize| before[index] == Stand::Last && candidates[index].differs();
        for Clash { id, owners, falling } in clashes {
            for index in falling {
                stands[index] = candidates[index].below(before[index]);
                let others = owners.iter().filter(|other| **other != index);
                let shown = others
                    .take(OTHERS_MAX)
                    .filter_map(|other| Some(places.of(content(*other)?, id, old(*other))));
                let shown = shown.collect::<Vec<_>>().join(", ");
                let more = match owners.len().saturating_sub(1 + OTHERS_MAX) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let place = content(index).and_then(|own| places.find(own, id, old(index)));
                faults[index].problem_at(
                    place.map_or(At::File, At::Place),
                    format!("`{id}` is named in {shown}{more}, too; one file may name it"),
                );
            }
        }
    };
    let contents = candidates.iter().zip(&stands).filter_map(|(file, stand)| file.content(*stand));
    let refused = candidates.iter().zip(faults).filter_map(|(file, faults)| {
        let report = match &file.now {
            Err(report) => report.clone(),
            Ok(now) => {
                let source = (!faults.is_empty()).then(|| Source::new(&now.name, &now.text.bytes));
                let source = source.and_then(Result::ok);
                faults.finish(&now.name, source.as_ref()).err()?.to_string().into()
            }
        };
        Some(Refused { name: file.name.clone(), report })
    });
    Merged { in_force: contents.cloned().collect(), intents, refused: refused.collect() }
}

/// One state of several contents, which ask for `intents` all together. `commit` is what they are a
/// state of, if that is known.
pub(super) fn united(
    in_force: &[Arc<Valid>],
    intents: BTreeMap<DeploymentId, Arc<Intent>>,
    commit: Option<&str>,
) -> Manifest {
    let acknowledged = in_force.iter().flat_map(|valid| &valid.manifest.acknowledged);
    let acknowledged = acknowledged.cloned().collect();
    Manifest { revision: revision(in_force, commit), intents, acknowledged }
}

/// `CONTENT` or `CONTENT@COMMIT`. One file that refers to no other has the name it has by itself.
fn revision(in_force: &[Arc<Valid>], commit: Option<&str>) -> Arc<str> {
    let mut hasher = crc32fast::Hasher::new();
    let contents = in_force.iter().flat_map(|valid| valid.text.contents());
    for (index, bytes) in contents.enumerate() {
        if index > 0 {
            hasher.update(b"\0");
        }
        hasher.update(bytes);
    }
    let content = format!("{:08x}", hasher.finalize());
    commit.map_or_else(|| content.clone(), |commit| format!("{content}@{commit}")).into()
}

impl Candidate {
    fn highest(&self) -> Stand {
        match self.now {
            Ok(_) if self.differs() => Stand::Now,
            Ok(_) | Err(_) => self.below(Stand::Now),
        }
    }

    const fn below(&self, stand: Stand) -> Stand {
        match (stand, &self.last) {
            (Stand::Now, Some(_)) => Stand::Last,
            (Stand::Now | Stand::Last | Stand::Nothing, _) => Stand::Nothing,
        }
    }

    /// Whether it holds something else than what was in force last.
    fn differs(&self) -> bool {
        let now = self.now.as_ref().ok().map(|now| &now.text);
        now != self.last.as_ref().map(|last| &last.text)
    }

    fn content(&self, stand: Stand) -> Option<&Arc<Valid>> {
        match stand {
            Stand::Now => self.now.as_ref().ok(),
            Stand::Last => self.last.as_ref(),
            Stand::Nothing => None,
        }
    }

    /// Whether what was in force last of this file names the deployment.
    fn had(&self, id: &DeploymentId) -> bool {
        self.last.as_ref().is_some_and(|last| last.manifest.intents.contains_key(id))
    }
}

/// A deployment, which file names it, and what that asks of it.
struct Named<'a> {
    id: &'a DeploymentId,
    owner: usize,
    intent: &'a Arc<Intent>,
}

/// All that the contents name, by id, and then in the order of the files.
fn named<'a>(candidates: &'a [Candidate], stands: &[Stand]) -> Vec<Named<'a>> {
    let mut named = Vec::new();
    for (owner, (file, stand)) in candidates.iter().zip(stands).enumerate() {
        let intents = file.content(*stand).into_iter().flat_map(|valid| &valid.manifest.intents);
        named.extend(intents.map(|(id, intent)| Named { id, owner, intent }));
    }
    // Each file's are in order already, which a stable sort makes use of.
    named.sort_by_key(|one| one.id);
    named
}

/// A deployment that several files name, and which of these have to fall back.
struct Clash<'a> {
    id: &'a DeploymentId,
    owners: Vec<usize>,
    falling: Vec<usize>,
}

fn clashes<'a>(candidates: &[Candidate], named: &[Named<'a>]) -> Vec<Clash<'a>> {
    let twice = named.chunk_by(|one, other| one.id == other.id).filter(|alike| alike.len() > 1);
    let clash = twice.map(|alike| {
        let (id, owners) = (alike[0].id, alike.iter().map(|one| one.owner).collect::<Vec<_>>());
        let keepers = owners.iter().filter(|index| candidates[**index].had(id)).count();
        let stays = |index: &usize| keepers == 1 && candidates[*index].had(id);
        let falling = owners.iter().copied().filter(|index| !stays(index)).collect();
        Clash { id, owners, falling }
    });
    clash.collect()
}

/// Where the contents name their deployments: found out only when somebody has to be told.
#[derive(Default)]
struct Places(BTreeMap<(Arc<str>, bool), BTreeMap<Box<str>, Place>>);

impl Places {
    fn find(&mut self, valid: &Valid, id: &DeploymentId, old: bool) -> Option<Place> {
        let key = (valid.name.clone(), old);
        self.0.entry(key).or_insert_with(|| places(valid)).get(id.as_str()).copied()
    }

    /// `a.yaml:12:3`.
    fn of(&mut self, valid: &Valid, id: &DeploymentId, old: bool) -> String {
        let name = &valid.name;
        let place = self.find(valid, id, old);
        let place = place.map_or_else(
            || name.to_string(),
            |place| format!("{name}:{}:{}", place.line, place.column),
        );
        if old { format!("{place} (in its last good content)") } else { place }
    }
}

/// The place of each key below `deployments:`.
fn places(valid: &Valid) -> BTreeMap<Box<str>, Place> {
    let source = Source::new(&valid.name, &valid.text.bytes).ok();
    let root = source.and_then(|source| source.parse(&mut Faults::default()).ok());
    let top = root.as_ref().map_or(&[][..], entries).iter();
    let fleet = top.filter(|entry| &*entry.key == "deployments");
    let ids = fleet.flat_map(|fleet| entries(&fleet.value));
    ids.map(|entry| (entry.key.clone(), entry.place)).collect()
}
