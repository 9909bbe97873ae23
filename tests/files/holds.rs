//! What holds for any files and any edits of them.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel::keel::deployment::{DeploymentId, Desired};
use evenkeel::keel::intent::Intent;
use evenkeel::manifest::{Set, Taken};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::picture;

/// A file's deployments; `None`: the file is broken.
type Content = Option<BTreeMap<DeploymentId, Desired>>;

/// The files of one look, by number.
type Look = BTreeMap<u8, Content>;

fn id(number: u8) -> DeploymentId {
    DeploymentId::parse(&format!("x{number}")).unwrap()
}

/// Of few deployments, so that files often name the same; `own`: each file has its own.
fn look(own: bool) -> impl Strategy<Value = Look> {
    let state = prop_oneof![Just(Desired::Running), Just(Desired::Stopped)];
    let content = option::weighted(0.8, btree_map(0u8..5, state, 0..4));
    btree_map(0u8..4, content, 1..5).prop_map(move |files| {
        let named = |file: u8, number: u8| id(if own { 10 * file + number } else { number });
        let file = |(file, content): (u8, Option<BTreeMap<u8, Desired>>)| {
            let content = content.map(|content| {
                content.into_iter().map(|(number, state)| (named(file, number), state)).collect()
            });
            (file, content)
        };
        files.into_iter().map(file).collect()
    })
}

fn text(content: &Content) -> String {
    match content {
        None => "deployments:\n".to_owned(),
        Some(content) if content.is_empty() => "deployments: {}\n".to_owned(),
        Some(content) => {
            let lines = content.iter().map(|(id, state)| format!("  {id}: {state}\n"));
            format!("deployments:\n{}", lines.collect::<String>())
        }
    }
}

fn take(set: &mut Set, look: &Look) -> Taken {
    let texts: Vec<(String, String)> =
        look.iter().map(|(name, content)| (name.to_string(), text(content))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
    set.take(&picture(&files))
}

fn intents(taken: &Taken) -> BTreeMap<DeploymentId, Intent> {
    let intents = taken.manifest.iter().flat_map(|manifest| &manifest.intents);
    intents.map(|(id, intent)| (id.clone(), Intent::clone(intent))).collect()
}

fn repeatable() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(20_261_125),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(repeatable())]

    /// Nothing comes from nowhere, and nothing is lost without a word: each entry in force is one
    /// that a file has or had, a file without a fault is in force as it is, and where no file has
    /// a fault the state is the sum of all.
    #[test]
    fn what_is_in_force_is_what_files_say(looks in vec(look(false), 1..6)) {
        let mut set = Set::new(None);
        let mut said: BTreeMap<u8, BTreeSet<(DeploymentId, Desired)>> = BTreeMap::new();
        for look in &looks {
            for (name, content) in look {
                said.entry(*name).or_default().extend(content.clone().unwrap_or_default());
            }
            let taken = take(&mut set, look);
            let in_force = intents(&taken);
            let refused: BTreeSet<u8> =
                taken.refused.iter().map(|one| one.name.parse().unwrap()).collect();
            for (id, intent) in &in_force {
                let says = |state| {
                    look.keys().any(|name| said[name].contains(&(id.clone(), state)))
                };
                let states = [Desired::Running, Desired::Stopped];
                let fits = states.into_iter().any(|state| {
                    *intent == Intent::fixed(state) && says(state)
                });
                prop_assert!(fits, "{id} is {intent:?} in {look:?}");
            }
            for (name, content) in look.iter().filter(|(name, _)| !refused.contains(name)) {
                for (id, state) in content.as_ref().expect("a broken file is refused") {
                    prop_assert_eq!(&in_force[id], &Intent::fixed(*state), "{} of {}", id, name);
                }
            }
            if refused.is_empty() {
                let all: usize = look.values().flatten().map(BTreeMap::len).sum();
                prop_assert_eq!(in_force.len(), all);
            }
        }
    }

    /// A broken file changes nothing about the others, nor about what it had said itself.
    #[test]
    fn a_fault_keeps_only_its_own_file_back(
        looks in vec(look(true), 1..5),
        last in look(true),
        broken in 0u8..4,
    ) {
        let mut set = Set::new(None);
        for look in &looks {
            take(&mut set, look);
        }
        let mut twin = Set::new(None);
        twin.adopt(set.bundle(None));
        let before = intents(&twin.adopt(set.bundle(None)));
        let well = intents(&take(&mut set, &last));
        let mut spoilt = last.clone();
        spoilt.entry(broken).and_modify(|content| *content = None);
        let taken = take(&mut twin, &spoilt);
        if taken.manifest.is_none() {
            return Ok(());
        }
        let own = |id: &DeploymentId| {
            let number: u8 = id.as_str()[1..].parse().unwrap();
            spoilt.contains_key(&broken) && number / 10 == broken
        };
        let others = |all: &BTreeMap<DeploymentId, Intent>| -> BTreeMap<_, _> {
            let others = all.iter().filter(|(id, _)| !own(id));
            others.map(|(id, intent)| (id.clone(), intent.clone())).collect()
        };
        let mine = |all: &BTreeMap<DeploymentId, Intent>| -> BTreeMap<_, _> {
            let mine = all.iter().filter(|(id, _)| own(id));
            mine.map(|(id, intent)| (id.clone(), intent.clone())).collect()
        };
        prop_assert_eq!(others(&intents(&taken)), others(&well));
        prop_assert_eq!(mine(&intents(&taken)), mine(&before));
    }

    /// A restart changes nothing: what is kept stands for all that was.
    #[test]
    fn a_restart_forgets_nothing(looks in vec(look(false), 2..6), at in 1usize..5) {
        let mut set = Set::new(None);
        let mut restarted = Set::new(None);
        for (index, look) in looks.iter().enumerate() {
            if index == at {
                let mut next = Set::new(None);
                next.adopt(restarted.bundle(None));
                restarted = next;
            }
            let (one, other) = (take(&mut set, look), take(&mut restarted, look));
            prop_assert_eq!(&one.manifest, &other.manifest);
            prop_assert_eq!(&one.refused, &other.refused);
        }
    }
}
