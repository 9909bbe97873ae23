//! Whatever can be asked for can be written, and reads back as the same.

use std::collections::BTreeMap;

use evenkeel::keel::deployment::{AccountId, DeploymentId, Desired};
use evenkeel::keel::intent::{Intent, Override, Suspend, Wanted};
use evenkeel::keel::time::Wall;
use evenkeel::manifest::parse;
use proptest::option;
use proptest::prelude::*;

/// JSON's quotes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("JSON")
}

fn rendered(intents: &BTreeMap<DeploymentId, Intent>) -> String {
    if intents.is_empty() {
        return "deployments: {}\n".to_owned();
    }
    let mut out = String::from("deployments:\n");
    for (id, intent) in intents {
        let Wanted::Fixed(state) = intent.wanted else { unreachable!("fixed states only") };
        let account = quoted(intent.account.as_str());
        out.push_str(&format!("  {id}:\n    state: {state}\n    account: {account}\n"));
        out.push_str(&format!("    protect: {}\n", intent.protect));
        if let Some(name) = &intent.name {
            out.push_str(&format!("    name: {}\n", quoted(name)));
        }
        if let Some(Suspend { reason, until }) = &intent.suspend {
            out.push_str(&format!("    suspend:\n      reason: {}\n", quoted(reason)));
            if let Some(until) = until {
                out.push_str(&format!("      until: {until}\n"));
            }
        }
        if let Some(Override { state, until, reason }) = &intent.exception {
            out.push_str(&format!("    override:\n      state: {state}\n      until: {until}\n"));
            if let Some(reason) = reason {
                out.push_str(&format!("      reason: {}\n", quoted(reason)));
            }
        }
    }
    out
}

fn state() -> impl Strategy<Value = Desired> {
    prop_oneof![Just(Desired::Running), Just(Desired::Stopped)]
}

fn text() -> impl Strategy<Value = String> {
    "[!-~äß€😀\t ]{0,20}[!-~ä]"
}

/// Whole seconds of four-digit years.
fn wall() -> impl Strategy<Value = Wall> {
    (0i64..250_000_000_000).prop_map(|seconds| Wall::from_millis(seconds * 1000))
}

fn intent() -> impl Strategy<Value = Intent> {
    let suspend = (text(), option::of(wall()))
        .prop_map(|(reason, until)| Suspend { reason: reason.into(), until });
    let exception = (state(), wall(), option::of(text())).prop_map(|(state, until, reason)| {
        Override { state, until, reason: reason.map(Into::into) }
    });
    let rest = (option::of(suspend), option::of(exception));
    (state(), text(), option::of(text()), any::<bool>(), rest).prop_map(
        |(state, account, name, protect, (suspend, exception))| Intent {
            account: AccountId::new(&account),
            name: name.map(Into::into),
            protect,
            suspend,
            exception,
            ..Intent::fixed(state)
        },
    )
}

fn id() -> impl Strategy<Value = DeploymentId> {
    "[A-Za-z0-9][A-Za-z0-9_-]{0,12}".prop_map(|id| DeploymentId::parse(&id).expect("an id"))
}

proptest! {
    #[test]
    fn it_reads_back(intents in proptest::collection::btree_map(id(), intent(), 0..6)) {
        let text = rendered(&intents);
        let (manifest, _) = parse("f", text.as_bytes(), None)
            .map_err(|report| TestCaseError::fail(report.to_string()))?;
        prop_assert_eq!(manifest.intents, intents);
    }
}
