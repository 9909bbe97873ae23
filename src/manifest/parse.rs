//! Text to a [`Manifest`], or all that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::keel::deployment::{AccountId, DeploymentId, Desired};
use crate::keel::intent::{Intent, Manifest, Override, Suspend, Wanted};
use crate::keel::time::Wall;
use crate::yaml::{At, Entry, Faults, Fields, Kind, Node, Place, Report, Source, closest};

use super::until::instant;

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

const SCHEDULES: &str = "schedules are not supported by this version; write `running` or `stopped`";

const EMPTY_FLEET: &str = "an empty fleet is written `deployments: {}`; nothing at all looks like \
                           a file that was cut short";

/// Length of `acknowledge`: the id of a held change, 8 hexadecimal digits.
const ACKNOWLEDGE_LENGTH: usize = 8;

/// Reads a desired file. `name` is what messages call it; `accounts` are those that entries may
/// name, or `None` where no configuration says so. Lines that are odd but valid come as warnings.
///
/// # Errors
/// All that is wrong with the file.
pub fn parse(
    name: &str,
    bytes: &[u8],
    accounts: Option<&[AccountId]>,
) -> Result<(Manifest, Vec<String>), Report> {
    let source = Source::new(name, bytes).map_err(|problem| Report::one(name, problem))?;
    let mut faults = Faults::default();
    let root = source.parse(&mut faults).map_err(|problem| Report::one(name, problem))?;
    let mut reader = Reader { accounts, faults, acknowledged: BTreeSet::new() };
    let intents = reader.file(&root);
    let warnings = reader.faults.finish(name, Some(&source))?;
    let Reader { acknowledged, .. } = reader;
    Ok((Manifest { acknowledged, ..Manifest::new(revision(bytes), intents) }, warnings))
}

/// The short name of exactly this content: CRC-32 in 8 hexadecimal digits. It tells people which
/// edit is meant; it proves nothing.
pub fn revision(bytes: &[u8]) -> Arc<str> {
    format!("{:08x}", crc32fast::hash(bytes)).into()
}

/// What has run out at `now` and is ignored, as warnings: it can leave the file.
pub fn expired(manifest: &Manifest, now: Wall) -> Vec<String> {
    let mut warnings = Vec::new();
    for (id, intent) in &manifest.intents {
        let ends = [
            ("override", intent.exception.as_ref().map(|exception| exception.until)),
            ("suspend", intent.suspend.as_ref().and_then(|suspend| suspend.until)),
        ];
        for (key, until) in ends {
            if let Some(until) = until.filter(|until| *until <= now) {
                let line = format!("`{id}`: `{key}` ended at {until} and is ignored; remove it");
                warnings.push(line);
            }
        }
    }
    warnings
}

struct Reader<'a> {
    accounts: Option<&'a [AccountId]>,
    faults: Faults,
    acknowledged: BTreeSet<Arc<str>>,
}

impl Reader<'_> {
    fn file(&mut self, root: &Node) -> BTreeMap<DeploymentId, Intent> {
        if root.is_null() {
            self.faults.problem_at(At::File, format!("the file is empty; {EMPTY_FLEET}"));
            return BTreeMap::new();
        }
        let expected = "a map with the key `deployments`";
        let Some(mut fields) = Fields::of(root, "", expected, &mut self.faults) else {
            return BTreeMap::new();
        };
        self.top(&mut fields);
        let intents = match fields.take("deployments", &mut self.faults) {
            Some(entry) => self.fleet(entry),
            None => {
                let message = format!("`deployments` is missing; {EMPTY_FLEET}");
                self.faults.problem_at(At::File, message);
                BTreeMap::new()
            }
        };
        self.misplaced(&mut fields);
        fields.finish(&mut self.faults);
        intents
    }

    /// The keys beside `deployments`.
    fn top(&mut self, fields: &mut Fields<'_>) {
        let faults = &mut self.faults;
        fields.optional("timezone", faults, |node| {
            let zone = node.word()?;
            jiff::tz::TimeZone::get(zone).map(drop).map_err(|_| {
                format!(
                    "there is no time zone `{}`; write it like `Europe/Berlin`",
                    zone.escape_debug()
                )
            })
        });
        self.acknowledged.extend(fields.optional("acknowledge", faults, |node| {
            let id = node.word()?;
            let digits = id.bytes().all(|b| b.is_ascii_hexdigit());
            if digits && id.len() == ACKNOWLEDGE_LENGTH {
                return Ok(id.to_ascii_lowercase().into());
            }
            Err(format!("expected the id of a held change, 8 hexadecimal digits, found {node}"))
        }));
        if let Some(entry) = fields.take("schedules", faults) {
            faults.problem(entry.place, SCHEDULES);
        }
    }

    /// A deployment beside `deployments:` instead of below it.
    fn misplaced(&mut self, fields: &mut Fields<'_>) {
        for entry in fields.rest() {
            let state = entry.value.word().ok().and_then(state_of);
            if state.is_some() && DeploymentId::parse(&entry.key).is_ok() {
                let message = "a deployment belongs below `deployments:`; indent it";
                self.faults.problem(entry.place, message);
                fields.skip(&entry.key);
            }
        }
    }

    fn fleet(&mut self, entry: &Entry) -> BTreeMap<DeploymentId, Intent> {
        let mut intents = BTreeMap::new();
        match &entry.value.kind {
            Kind::Null => {
                let message = format!("there is nothing behind `deployments:`; {EMPTY_FLEET}");
                self.faults.problem(entry.place, message);
            }
            Kind::Map(entries) => {
                for entry in entries {
                    let id = DeploymentId::parse(&entry.key);
                    let id = id.map_err(|message| self.faults.problem(entry.place, message)).ok();
                    let intent = self.entry(entry);
                    intents.extend(id.zip(intent));
                }
            }
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {
                let found = &entry.value;
                let hint = match found.word() {
                    Ok(text) if text.contains(':') => "; a space is missing behind the `:`",
                    Ok(_) | Err(_) => "",
                };
                let message = format!("expected a map of deployment ids, found {found}{hint}");
                self.faults.problem(found.place, message);
            }
        }
        intents
    }

    fn entry(&mut self, entry: &Entry) -> Option<Intent> {
        match &entry.value.kind {
            Kind::Map(_) => self.long(entry),
            Kind::Null => {
                let message = "nothing is said about this deployment; write `running` or `stopped`";
                self.faults.problem(entry.place, message);
                None
            }
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {
                let state = self.state(&entry.value)?;
                let account = self.account(None, entry.place)?;
                Some(Intent { account, ..Intent::fixed(state) })
            }
        }
    }

    fn long(&mut self, entry: &Entry) -> Option<Intent> {
        let path = "a deployment";
        let mut fields = Fields::of(&entry.value, path, "a state or a map", &mut self.faults)?;
        let state = match fields.take("state", &mut self.faults) {
            Some(entry) => self.state_entry(entry),
            None => {
                let message = "`state` is missing; write `state: running` or `state: stopped`";
                self.faults.problem(entry.place, message);
                None
            }
        };
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
            self.protect_against(place, "state", state);
            self.protect_against(place, "override", exception.as_ref().map(|o| o.state));
        }
        fields.finish(&mut self.faults);
        Some(Intent {
            account: account?,
            name,
            wanted: Wanted::Fixed(state?),
            protect,
            suspend,
            exception,
            prices: None,
            zone: jiff::tz::TimeZone::UTC,
        })
    }

    fn protect_against(&mut self, place: Place, key: &str, state: Option<Desired>) {
        if state == Some(Desired::Stopped) {
            let message = format!(
                "`protect: true` stands against `{key}: stopped`: the deployment will not be \
                 stopped"
            );
            self.faults.warning(At::Place(place), message);
        }
    }

    fn state_entry(&mut self, entry: &Entry) -> Option<Desired> {
        if entry.value.is_null() {
            let message = "nothing behind `state:`; write `running` or `stopped`";
            self.faults.problem(entry.place, message);
            return None;
        }
        self.state(&entry.value)
    }

    fn state(&mut self, node: &Node) -> Option<Desired> {
        let word = match &node.kind {
            Kind::Bool(true) => "true",
            Kind::Bool(false) => "false",
            Kind::Text(text) | Kind::Number(text) => text,
            Kind::Null | Kind::List(_) | Kind::Map(_) => "",
        };
        if let Some(state) = state_of(word) {
            return Some(state);
        }
        let lower = word.to_ascii_lowercase();
        let meant = MEANT.iter().find(|(said, _)| *said == lower).map(|(_, meant)| *meant);
        let meant = meant.or_else(|| closest(word, &STATES.map(|(word, _)| word)));
        let hint = match meant {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None if !matches!(node.kind, Kind::Text(_)) || word.is_empty() => String::new(),
            None => "; schedules are not supported by this version".to_owned(),
        };
        self.faults
            .problem(node.place, format!("expected `running` or `stopped`, found {node}{hint}"));
        None
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
            Some(entry) => self.state_entry(entry),
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

fn state_of(word: &str) -> Option<Desired> {
    STATES.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
}

fn reason(node: &Node) -> Result<Arc<str>, String> {
    match node.word()? {
        text if text.trim().is_empty() => Err("expected a reason, found an empty text".to_owned()),
        text => Ok(text.into()),
    }
}
