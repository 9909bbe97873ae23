//! Text to a [`Manifest`], or all that is wrong with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::keel::deployment::{AccountId, DeploymentId};
use crate::keel::intent::{Intent, Manifest, Prices};
use crate::yaml::{At, Entry, Faults, Fields, Kind, Node, Report, Source};

use super::beside::{self, Beside};
use super::deployment::state_of;
use super::holidays::Calendars;
use super::prices::prices;
use super::schedules::{Named, Section};
use super::zone;

const EMPTY_FLEET: &str = "an empty fleet is written `deployments: {}`; nothing at all looks like \
                           a file that was cut short";

/// Length of `acknowledge`: the id of a held change, 8 hexadecimal digits.
const ACKNOWLEDGE_LENGTH: usize = 8;

/// Reads a desired file that names no other file. `name` is what messages call it; `accounts` are
/// those that entries may name, or `None` where no configuration says so. Lines that are odd but
/// valid come as warnings.
///
/// # Errors
/// All that is wrong with the file.
pub fn parse(
    name: &str,
    bytes: &[u8],
    accounts: Option<&[AccountId]>,
) -> Result<(Manifest, Vec<String>), Report> {
    parse_beside(name, bytes, accounts, &|_| Err("no other file is read here".to_owned()))
}

/// As [`parse`], where `beside` gives the content of the files that it names.
///
/// # Errors
/// All that is wrong with the file, and with those that it names.
pub fn parse_beside(
    name: &str,
    bytes: &[u8],
    accounts: Option<&[AccountId]>,
    beside: &Beside<'_>,
) -> Result<(Manifest, Vec<String>), Report> {
    let source = Source::new(name, bytes).map_err(|problem| Report::one(name, problem))?;
    let mut faults = Faults::default();
    let root = source.parse(&mut faults).map_err(|problem| Report::one(name, problem))?;
    let mut reader = Reader {
        accounts,
        faults,
        zone: TimeZone::UTC,
        prices: None,
        acknowledged: BTreeSet::new(),
        schedules: Named::default(),
    };
    let intents = reader.file(&root, beside);
    let warnings = reader.faults.finish(name, Some(&source))?;
    let acknowledged = reader.acknowledged;
    Ok((Manifest { acknowledged, ..Manifest::new(revision(bytes), intents) }, warnings))
}

/// The short name of exactly this content: CRC-32 in 8 hexadecimal digits. It tells people which
/// edit is meant; it proves nothing.
pub fn revision(bytes: &[u8]) -> Arc<str> {
    format!("{:08x}", crc32fast::hash(bytes)).into()
}

/// The file as far as it is read. What stands beside `deployments` comes first: entries need it.
pub(super) struct Reader<'a> {
    pub(super) accounts: Option<&'a [AccountId]>,
    pub(super) faults: Faults,
    pub(super) zone: TimeZone,
    pub(super) prices: Option<Prices>,
    acknowledged: BTreeSet<Arc<str>>,
    pub(super) schedules: Named,
}

impl Reader<'_> {
    fn file(&mut self, root: &Node, beside: &Beside<'_>) -> Vec<(DeploymentId, Intent)> {
        if root.is_null() {
            self.faults.problem_at(At::File, format!("the file is empty; {EMPTY_FLEET}"));
            return Vec::new();
        }
        let expected = "a map with the key `deployments`";
        let Some(mut fields) = Fields::of(root, "", expected, &mut self.faults) else {
            return Vec::new();
        };
        self.top(&mut fields, beside);
        let intents = match fields.take("deployments", &mut self.faults) {
            Some(entry) => self.fleet(entry),
            None => {
                let message = format!("`deployments` is missing; {EMPTY_FLEET}");
                self.faults.problem_at(At::File, message);
                Vec::new()
            }
        };
        self.schedules.warn_of_unused(&mut self.faults);
        self.misplaced(&mut fields);
        fields.finish(&mut self.faults);
        intents
    }

    /// The keys beside `deployments`.
    fn top(&mut self, fields: &mut Fields<'_>, beside: &Beside<'_>) {
        let faults = &mut self.faults;
        if let Some(zone) = zone::field(fields, faults) {
            self.zone = zone;
        }
        if let Some(entry) = fields.take("acknowledge", faults) {
            for node in entry.value.one_or_more() {
                if let Err(message) = acknowledged(node).map(|id| self.acknowledged.insert(id)) {
                    let place = if node.is_null() { entry.place } else { node.place };
                    faults.problem(place, format!("`acknowledge`: {message}"));
                }
            }
        }
        self.prices = prices(fields, faults);
        let mut calendars = Calendars::new(beside);
        let holidays = fields.take(beside::KEY, faults);
        let holidays = holidays.and_then(|entry| calendars.of(entry, faults)).unwrap_or_default();
        if let Some(entry) = fields.take("schedules", faults) {
            let zone = self.zone.clone();
            self.schedules = Section { zone, holidays, calendars, faults }.read(entry);
        }
    }

    /// What belongs below `deployments:` or `schedules:` and stands beside them.
    fn misplaced(&mut self, fields: &mut Fields<'_>) {
        for entry in fields.rest() {
            let word = entry.value.word().ok();
            let state = word
                .is_some_and(|word| state_of(word).is_some() || self.schedules.get(word).is_some());
            let windows = match &entry.value.kind {
                Kind::Map(entries) => entries.iter().any(|entry| &*entry.key == "running"),
                Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {
                    false
                }
            };
            let message = if state && DeploymentId::parse(&entry.key).is_ok() {
                "a deployment belongs below `deployments:`; indent it"
            } else if windows {
                "a schedule belongs below `schedules:`; indent it"
            } else {
                continue;
            };
            self.faults.problem(entry.place, message);
            fields.skip(&entry.key);
        }
    }

    fn fleet(&mut self, entry: &Entry) -> Vec<(DeploymentId, Intent)> {
        let mut intents = Vec::new();
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
}

/// The id of a held change.
fn acknowledged(node: &Node) -> Result<Arc<str>, String> {
    let id = node.word()?;
    let digits = id.bytes().all(|b| b.is_ascii_hexdigit());
    if digits && id.len() == ACKNOWLEDGE_LENGTH {
        return Ok(id.to_ascii_lowercase().into());
    }
    Err(format!("expected the id of a held change, 8 hexadecimal digits, found {node}"))
}
