//! The section `notify`: who is told, and of what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::credential::{EXPECTED, SecretSource, credential};
use super::file::{duration, set, span};
use crate::keel::deployment::DeploymentId;
use crate::notification::{Format, Kind, Pace, target};
use crate::yaml::{Entry, Faults, Fields, Kind as Value, Node};

/// How news is collected when nothing is said: as long as a fleet's calls take to leave, and as
/// long as most starts and stops take to settle.
const USUAL_PACE: Pace = Pace { wait: Duration::from_secs(30), interval: Duration::from_secs(300) };

/// Who is told, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// How news is collected.
    pub pace: Pace,
    /// By name.
    pub receivers: BTreeMap<String, Receiver>,
}

/// One who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The form of its messages.
    pub format: Format,
    /// Where it is.
    pub url: Address,
    /// What its messages are signed with; a `webhook` has it, the others have not.
    pub secret: Option<SecretSource>,
    /// What it wants to hear of.
    pub events: BTreeSet<Kind>,
    /// Of which deployments; `None`: of all.
    pub deployments: Option<BTreeSet<DeploymentId>>,
}

/// Where a receiver is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Written out.
    Plain(String),
    /// A secret like a credential: whoever knows it may post.
    Kept(SecretSource),
}

impl Default for Notify {
    fn default() -> Self {
        Self { pace: USUAL_PACE, receivers: BTreeMap::new() }
    }
}

/// The section `notify`.
pub(super) fn read(mut fields: Fields<'_>, beside: &Path, faults: &mut Faults) -> Notify {
    let mut notify = Notify::default();
    set(&mut notify.pace.wait, fields.optional("group_wait", faults, duration));
    set(&mut notify.pace.interval, fields.optional("group_interval", faults, span));
    if let Some(entry) = fields.take("receivers", faults) {
        notify.receivers = receivers(&entry.value, beside, faults);
    }
    fields.finish(faults);
    notify
}

fn receivers(node: &Node, beside: &Path, faults: &mut Faults) -> BTreeMap<String, Receiver> {
    let Value::Map(entries) = &node.kind else {
        faults.problem(node.place, "`receivers`: expected a map from names to receivers");
        return BTreeMap::new();
    };
    let one = |entry: &Entry| Some((entry.key.to_string(), receiver(entry, beside, faults)?));
    entries.iter().filter_map(one).collect()
}

fn receiver(entry: &Entry, beside: &Path, faults: &mut Faults) -> Option<Receiver> {
    const FORMATS: [(&str, Format); 3] =
        [("webhook", Format::Webhook), ("slack", Format::Slack), ("teams", Format::Teams)];
    let path = format!("notify.receivers.{}", entry.key);
    let expected = "a receiver: a map with `url`, and `format` or `secret`";
    let mut fields = Fields::of(&entry.value, &path, expected, faults)?;
    let format = fields.take("format", faults);
    let format = format.map_or(Some(Format::Webhook), |it| faults.choice(&it.value, &FORMATS));
    let url = address(&mut fields, entry, format, beside, faults);
    let signed = fields.key_place("secret");
    let secret = credential(&mut fields, "secret", beside, faults);
    match (format, signed) {
        (Some(Format::Webhook), None) => faults.problem(
            entry.place,
            format!("`secret` is missing: {EXPECTED}; messages are signed with it"),
        ),
        (Some(Format::Slack | Format::Teams), Some(place)) => {
            faults.problem(place, "`secret`: only a receiver of `format: webhook` has one");
        }
        (Some(_) | None, _) => (),
    }
    let events = fields.take("events", faults).map(|it| events(&it.value, faults));
    let deployments = fields.take("deployments", faults).map(|it| deployments(&it.value, faults));
    fields.finish(faults);
    let secret = match format? {
        Format::Webhook => Some(secret?),
        Format::Slack | Format::Teams => None,
    };
    Some(Receiver {
        format: format?,
        url: url?,
        secret,
        events: events.unwrap_or_else(|| Kind::ALL.into()),
        deployments,
    })
}

fn address(
    fields: &mut Fields<'_>,
    owner: &Entry,
    format: Option<Format>,
    beside: &Path,
    faults: &mut Faults,
) -> Option<Address> {
    if fields.key_place("url").is_none() {
        faults.problem(owner.place, format!("`url` is missing: {EXPECTED}"));
    }
    let written = fields.peek("url").filter(|it| !it.is_map());
    let Some(written) = written.filter(|_| format == Some(Format::Webhook)) else {
        return credential(fields, "url", beside, faults).map(Address::Kept);
    };
    fields.take("url", faults);
    let text = faults.check(written, written.word().map(str::to_owned))?;
    let checked = target(&text).map_err(|message| format!("`url`: {message}"));
    faults.check(written, checked)?;
    Some(Address::Plain(text))
}

/// Some of the kinds, by their words.
fn events(node: &Node, faults: &mut Faults) -> BTreeSet<Kind> {
    let choices = Kind::ALL.map(|kind| (kind.as_str(), kind));
    some(node, "events", faults, |one, faults| faults.choice(one, &choices))
}

fn deployments(node: &Node, faults: &mut Faults) -> BTreeSet<DeploymentId> {
    some(node, "deployments", faults, |one, faults| {
        faults.check(one, one.word().and_then(DeploymentId::parse))
    })
}

/// A list that is not empty: who wants to hear nothing is no receiver.
fn some<T: Ord>(
    node: &Node,
    key: &str,
    faults: &mut Faults,
    mut read: impl FnMut(&Node, &mut Faults) -> Option<T>,
) -> BTreeSet<T> {
    let list = match node.list() {
        Ok([]) => Err("expected at least one; without this key it is all".to_owned()),
        other => other,
    };
    let list = faults.check(node, list.map_err(|message| format!("`{key}`: {message}")));
    list.unwrap_or_default().iter().filter_map(|one| read(one, faults)).collect()
}
