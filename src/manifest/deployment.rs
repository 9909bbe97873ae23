//! What the desired file says of one deployment.

use std::sync::Arc;

use crate::keel::deployment::{AccountId, Desired};
use crate::keel::intent::{Intent, Override, Suspend, Wanted};
use crate::yaml::{At, Entry, Faults, Fields, Kind, Node, Place, closest, did_you_mean, listed};

use super::meant;
use super::parse::Reader;
use super::prices::prices;
use super::until::instant;
use super::window;

/// What an entry may ask for.
const STATES: [(&str, Desired); 2] = [("running", Desired::Running), ("stopped", Desired::Stopped)];

/// What people write when they mean one of [`STATES`].
const MEANT: [(&str, &str); 16] = [
    ("on", "running"),
    ("up", "running"),
    ("yes", "running"),
    ("true", "running"),
    ("run", "running"),
    ("start", "running"),
    ("started", "running"),
    ("starting", "running"),
    ("off", "stopped"),
    ("down", "stopped"),
    ("no", "stopped"),
    ("false", "stopped"),
    ("stop", "stopped"),
    ("stopping", "stopped"),
    ("paused", "stopped"),
    ("parked", "stopped"),
];

impl Reader<'_> {
    pub(super) fn entry(&mut self, entry: &Entry) -> Option<Intent> {
        match &entry.value.kind {
            Kind::Map(_) => self.long(entry),
            Kind::Null => {
                let message = "nothing is said about this deployment; write `running` or `stopped`";
                self.faults.problem(entry.place, message);
                None
            }
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {
                let wanted = self.wanted(&entry.value);
                let account = self.account(None, entry.place);
                Some(self.intent(account?, wanted?))
            }
        }
    }

    fn long(&mut self, entry: &Entry) -> Option<Intent> {
        let path = "a deployment";
        let mut fields = Fields::of(&entry.value, path, "a state or a map", &mut self.faults)?;
        let wanted = self.wanted_field(&mut fields, entry.place);
        let name = fields.optional("name", &mut self.faults, |node| match node.word()? {
            "" => Err("expected the deployment's name, found an empty text".to_owned()),
            name => Ok(name.into()),
        });
        let named = fields.take("account", &mut self.faults);
        let account = self.account(named, entry.place);
        let protected = fields.key_place("protect");
        let protect = fields.optional("protect", &mut self.faults, Node::boolean).unwrap_or(false);
        let suspend = fields.take("suspend", &mut self.faults).and_then(|e| self.suspend(e));
        let exception = fields.take("override", &mut self.faults).and_then(|e| self.exception(e));
        if let Some(place) = protected.filter(|_| protect) {
            let against = |state| (state == Desired::Stopped).then(|| format!("state: {state}"));
            let said = match &wanted {
                Some(Wanted::Fixed(state)) => against(*state),
                Some(Wanted::Scheduled(schedule)) => Some(format!("state: {}", schedule.name)),
                None => None,
            };
            let other = exception.as_ref().and_then(|o| against(o.state));
            let other = other.map(|said| format!("override: {{ {said} }}"));
            for said in said.into_iter().chain(other) {
                let message = format!(
                    "`protect: true` stands against `{said}`: the deployment will not be stopped"
                );
                self.faults.warning(At::Place(place), message);
            }
        }
        let prices = prices(&mut fields, &mut self.faults).or(self.prices);
        fields.finish(&mut self.faults);
        let intent = self.intent(account?, wanted?);
        Some(Intent { name, protect, suspend, exception, prices, ..intent })
    }

    fn intent(&self, account: AccountId, wanted: Wanted) -> Intent {
        let (zone, prices) = (self.zone.clone(), self.prices);
        Intent { account, wanted, zone, prices, ..Intent::fixed(Desired::Running) }
    }

    /// What the long form asks for; `owner` is the entry's place.
    fn wanted_field(&mut self, fields: &mut Fields<'_>, owner: Place) -> Option<Wanted> {
        if let Some(entry) = fields.take("state", &mut self.faults) {
            let node = behind_state(entry, &mut self.faults);
            return node.and_then(|node| self.wanted(node));
        }
        let (place, message) = if let Some(place) = fields.key_place("schedule") {
            fields.skip("schedule");
            (place, "a schedule is named by `state`: write `state: NAME`")
        } else if let Some(place) = fields.key_place("running") {
            fields.skip("running");
            (place, "windows belong below `schedules:`; `state` names the schedule")
        } else {
            (owner, "`state` is missing; write `state: running` or `state: stopped`")
        };
        self.faults.problem(place, message);
        None
    }

    /// A state or a schedule.
    fn wanted(&mut self, node: &Node) -> Option<Wanted> {
        if let Ok(word) = node.word()
            && state_of(word).is_none()
            && let Some(schedule) = self.schedules.get(word)
        {
            return schedule.cloned().map(Wanted::Scheduled);
        }
        let state = state(node, Some(&self.schedules.names()));
        self.faults.check(node, state).map(Wanted::Fixed)
    }

    /// The account that an entry names, or the default one; `owner` is the entry's place.
    fn account(&mut self, named: Option<&Entry>, owner: Place) -> Option<AccountId> {
        let (name, place) = match named {
            None => (AccountId::DEFAULT, owner),
            Some(entry) => {
                (self.faults.check(&entry.value, entry.value.word())?, entry.value.place)
            }
        };
        let Some(known) = self.accounts else { return Some(AccountId::new(name)) };
        if known.iter().any(|account| account.as_str() == name) {
            return Some(AccountId::new(name));
        }
        let words: Vec<&str> = known.iter().map(AccountId::as_str).collect();
        let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let message = match named {
            None => format!(
                "`account` is missing: the configuration has no account `default`, only {list}"
            ),
            Some(_) => {
                let meant = closest(name, &words);
                let hint = meant.map(|m| format!("; did you mean `{m}`?")).unwrap_or_default();
                let name = name.escape_debug();
                format!("the configuration has no account `{name}`, only {list}{hint}")
            }
        };
        self.faults.problem(place, message);
        None
    }

    fn suspend(&mut self, entry: &Entry) -> Option<Suspend> {
        let node = &entry.value;
        let expected = "a reason, such as `suspend: migration`, or `{ reason: …, until: … }`";
        match &node.kind {
            Kind::Text(reason) if !reason.trim().is_empty() => {
                Some(Suspend { reason: (&**reason).into(), until: None })
            }
            Kind::Map(_) => {
                let faults = &mut self.faults;
                let mut fields = Fields::of(node, "suspend", expected, faults)?;
                let reason = fields.required("reason", entry.place, faults, reason);
                let until = fields.optional("until", faults, |node| instant(node.word()?));
                fields.finish(faults);
                Some(Suspend { reason: reason?, until })
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {
                let place = if node.is_null() { entry.place } else { node.place };
                let hint = if matches!(node.kind, Kind::Bool(_)) {
                    "; to resume, remove `suspend`"
                } else {
                    ""
                };
                self.faults.problem(place, format!("expected {expected}, found {node}{hint}"));
                None
            }
        }
    }

    fn exception(&mut self, entry: &Entry) -> Option<Override> {
        let expected = "a map, such as `override: { state: running, until: 2026-11-27T22:00:00Z }`";
        let fields = Fields::of(&entry.value, "override", expected, &mut self.faults);
        let mut fields = fields?;
        let state = match fields.take("state", &mut self.faults) {
            Some(entry) => fixed_state(entry, &mut self.faults),
            None => {
                self.faults.problem(entry.place, "`state` is missing in `override`");
                None
            }
        };
        let faults = &mut self.faults;
        let until = fields.take("until", faults);
        if until.is_none() {
            let message = "`until` is missing in `override`: an exception without an end is a \
                           change of `state`";
            faults.problem(entry.place, message);
        }
        let until = until
            .and_then(|entry| faults.check(&entry.value, entry.value.word().and_then(instant)));
        let reason = fields.optional("reason", faults, reason);
        fields.finish(faults);
        Some(Override { state: state?, until: until?, reason })
    }
}

/// What stands behind `state:`, if anything does.
fn behind_state<'n>(entry: &'n Entry, faults: &mut Faults) -> Option<&'n Node> {
    if entry.value.is_null() {
        faults.problem(entry.place, "nothing behind `state:`; write `running` or `stopped`");
        return None;
    }
    Some(&entry.value)
}

/// The state behind `state:`, where no schedule would do.
pub(super) fn fixed_state(entry: &Entry, faults: &mut Faults) -> Option<Desired> {
    behind_state(entry, faults).and_then(|node| faults.check(node, state(node, None)))
}

/// A state; the names of `schedules` would do, too, unless that is `None`.
fn state(node: &Node, schedules: Option<&[&str]>) -> Result<Desired, String> {
    let word = match &node.kind {
        Kind::Bool(true) => "true",
        Kind::Bool(false) => "false",
        Kind::Text(text) | Kind::Number(text) => text,
        Kind::Null | Kind::List(_) | Kind::Map(_) => "",
    };
    if let Some(state) = state_of(word) {
        return Ok(state);
    }
    let names = schedules.unwrap_or_default();
    let known: Vec<&str> =
        STATES.iter().map(|(word, _)| *word).chain(names.iter().copied()).collect();
    let hint = match meant_state(word).or_else(|| closest(word, &known)) {
        Some(meant) => did_you_mean(Some(meant)),
        None if !matches!(node.kind, Kind::Text(_)) || word.is_empty() => String::new(),
        None if is_window(word) => {
            "; windows belong below `schedules:`, and here the name of the schedule".to_owned()
        }
        None if schedules.is_none() => String::new(),
        None if names.is_empty() => "; this file has no schedules".to_owned(),
        None => format!("; there is no schedule but {}", listed(names)),
    };
    let expected = if names.is_empty() {
        "`running` or `stopped`"
    } else {
        "`running`, `stopped` or a schedule"
    };
    Err(format!("expected {expected}, found {node}{hint}"))
}

/// Whether somebody has written a window here.
fn is_window(text: &str) -> bool {
    window::window(text).is_ok() || meant::window(text).is_some()
}

/// The state that people mean by `word`, which is none.
pub(super) fn meant_state(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    MEANT.iter().find(|(said, _)| *said == lower).map(|(_, meant)| *meant)
}

/// The state of this name.
pub(super) fn state_of(word: &str) -> Option<Desired> {
    STATES.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
}

/// Why, for people.
pub(super) fn reason(node: &Node) -> Result<Arc<str>, String> {
    match node.word()? {
        text if text.trim().is_empty() => Err("expected a reason, found an empty text".to_owned()),
        text => Ok(text.into()),
    }
}
