//! `schedules:` windows, exceptions, holidays, and bases that they add to.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::keel::schedule::{Exception, Schedule, Window};
use crate::yaml::{At, Entry, Faults, Fields, Kind, Node, Place, closest, did_you_mean, shown};

use super::beside;
use super::deployment::{meant_state, state_of};
use super::exceptions::exceptions;
use super::holidays::{Calendars, Holidays};
use super::windows::{warn_of_no_effect, windows};
use super::zone;

/// Longest name of a schedule.
const NAME_MAX: usize = 64;

/// Most bases behind each other.
const BASES_MAX: usize = 16;

/// Most windows of one schedule, its bases' among them; as many exceptions.
const WINDOWS_MAX: usize = 500;

/// Most windows, exceptions and holidays of all schedules of a file. Bases and calendars multiply
/// what the text's size would bound.
const PARTS_MAX: usize = 1_000_000;

/// The schedules of a file by name; `None` for what is faulty, so that whoever follows it is not at
/// fault, too.
#[derive(Debug, Default)]
pub(super) struct Named {
    schedules: BTreeMap<Box<str>, Option<Arc<Schedule>>>,
    /// Where those that nobody has asked for stand.
    unused: BTreeMap<Box<str>, Place>,
}

impl Named {
    /// The schedule of this name, if there is one, and it itself, if it is not faulty.
    pub(super) fn get(&mut self, name: &str) -> Option<Option<&Arc<Schedule>>> {
        let found = self.schedules.get(name)?;
        self.unused.remove(name);
        Some(found.as_ref())
    }

    /// All names.
    pub(super) fn names(&self) -> Vec<&str> {
        self.schedules.keys().map(|name| &**name).collect()
    }

    pub(super) fn warn_of_unused(&self, faults: &mut Faults) {
        for (name, place) in &self.unused {
            let message = format!("nothing follows the schedule `{name}`");
            faults.warning(At::Place(*place), message);
        }
    }
}

/// The section, and what the file says for all of its schedules.
pub(super) struct Section<'a, 'b> {
    pub(super) zone: TimeZone,
    pub(super) holidays: Holidays,
    pub(super) calendars: Calendars<'a>,
    pub(super) faults: &'b mut Faults,
}

/// What a schedule's own lines say.
struct Own<'n> {
    place: Place,
    base: Option<(&'n str, Place)>,
    zone: Option<TimeZone>,
    windows: Vec<(Place, Window)>,
    exceptions: Vec<Exception>,
    holidays: Option<Holidays>,
    ready: Option<bool>,
}

/// With what it has from its bases.
#[derive(Clone)]
struct Whole {
    zone: TimeZone,
    windows: Vec<Window>,
    exceptions: Vec<Exception>,
    holidays: Holidays,
    ready: bool,
}

impl Section<'_, '_> {
    /// Reads the section.
    pub(super) fn read(mut self, entry: &Entry) -> Named {
        let mut named = Named::default();
        let Kind::Map(entries) = &entry.value.kind else {
            let place = if entry.value.is_null() { entry.place } else { entry.value.place };
            let found = &entry.value;
            let message = format!("expected a map of schedules behind `schedules:`, found {found}");
            self.faults.problem(place, message);
            return named;
        };
        let mut own = BTreeMap::new();
        for entry in entries {
            if let Err(message) = name(&entry.key) {
                self.faults.problem(entry.place, message);
            }
            named.schedules.insert(entry.key.clone(), None);
            named.unused.insert(entry.key.clone(), entry.place);
            if let Some(schedule) = self.own(entry) {
                own.insert(&*entry.key, schedule);
            }
        }
        for own in own.values() {
            self.base(own, &mut named);
        }
        self.resolve(&own, &mut named);
        named
    }

    fn own<'n>(&mut self, entry: &'n Entry) -> Option<Own<'n>> {
        let expected = "a map, such as `{ running: [Mon-Fri 08:00-19:00] }`";
        if entry.value.is_null() {
            let name = shown(&entry.key);
            let message =
                format!("nothing is said about the schedule `{name}`; expected {expected}");
            self.faults.problem(entry.place, message);
            return None;
        }
        let faults = &mut *self.faults;
        let mut fields = Fields::of(&entry.value, "a schedule", expected, faults)?;
        let based = fields.key_place("base").is_some();
        let base = fields.optional("base", faults, |node| Ok((node.word()?, node.place)));
        let running = fields.take("running", faults);
        if running.is_none() && !based {
            let message = "`running` is missing, such as `running: [Mon-Fri 08:00-19:00]`";
            faults.problem(entry.place, message);
        }
        let windows = running.map(|entry| windows(entry, faults)).unwrap_or_default();
        let except = fields.take("except", faults);
        let exceptions = except.map(|entry| exceptions(entry, faults)).unwrap_or_default();
        let zone = zone::field(&mut fields, faults);
        let ready = fields.optional("ready", faults, Node::boolean);
        let named = fields.take(beside::KEY, faults);
        let holidays = named.and_then(|entry| self.calendars.of(entry, faults));
        fields.finish(faults);
        Some(Own { place: entry.place, base, zone, windows, exceptions, holidays, ready })
    }

    /// A base must be there.
    fn base(&mut self, own: &Own<'_>, named: &mut Named) {
        let Some((base, place)) = own.base else { return };
        if named.get(base).is_none() {
            let hint = match state_of(base) {
                Some(_) => "; a base is another schedule".to_owned(),
                None => did_you_mean(closest(base, &named.names())),
            };
            let message = format!("there is no schedule `{}`{hint}", shown(base));
            self.faults.problem(place, message);
        }
    }

    /// Bases first, then what adds to them.
    fn resolve(&mut self, own: &BTreeMap<&str, Own<'_>>, named: &mut Named) {
        let mut done: BTreeMap<&str, Option<Whole>> = BTreeMap::new();
        let mut parts = 0;
        for name in own.keys() {
            for (name, own) in self.bases(name, own, &done).into_iter().rev() {
                let whole = match own.base {
                    None => Some(None),
                    Some((base, _)) => done.get(base).cloned().flatten().map(Some),
                };
                let whole = whole.and_then(|base| self.whole(own, base));
                parts += whole.as_ref().map_or(0, Whole::parts);
                if parts > PARTS_MAX {
                    let message = format!(
                        "with their bases and holidays, the schedules have more than {PARTS_MAX} \
                         windows and dates"
                    );
                    self.faults.problem(own.place, message);
                    return;
                }
                let schedule = whole.as_ref().map(|whole| Arc::new(whole.schedule(name)));
                named.schedules.insert(name.into(), schedule);
                done.insert(name, whole);
            }
        }
    }

    /// A schedule and its bases, as far as they are not done yet. None of them in a circle.
    fn bases<'o, 'n>(
        &mut self,
        name: &'o str,
        own: &'o BTreeMap<&'n str, Own<'n>>,
        done: &BTreeMap<&str, Option<Whole>>,
    ) -> Vec<(&'o str, &'o Own<'n>)> {
        let mut chain: Vec<(&str, &Own<'n>)> = Vec::new();
        let mut next = Some(name);
        while let Some((name, one)) = next.and_then(|name| own.get_key_value(name)) {
            if done.contains_key(name) {
                break;
            }
            chain.push((name, one));
            let Some((base, place)) = one.base else { break };
            if chain.len() > BASES_MAX {
                self.faults
                    .problem(place, format!("more than {BASES_MAX} bases behind each other"));
                break;
            }
            if chain.iter().any(|(name, _)| *name == base) {
                let names = chain.iter().map(|(name, _)| *name);
                let circle: Vec<&str> = names.skip_while(|name| *name != base).collect();
                let circle = circle.join("`, whose base is `");
                let message = format!(
                    "a schedule cannot be its own base: `{circle}`, whose base is `{base}`"
                );
                self.faults.problem(place, message);
                break;
            }
            next = Some(base);
        }
        chain
    }

    fn whole(&mut self, own: &Own<'_>, base: Option<Whole>) -> Option<Whole> {
        let mut whole = base.unwrap_or_else(|| Whole {
            zone: self.zone.clone(),
            windows: Vec::new(),
            exceptions: Vec::new(),
            holidays: self.holidays.clone(),
            ready: false,
        });
        if whole.windows.len() + own.windows.len() > WINDOWS_MAX
            || whole.exceptions.len() + own.exceptions.len() > WINDOWS_MAX
        {
            let message = format!(
                "a schedule has at most {WINDOWS_MAX} windows and {WINDOWS_MAX} exceptions"
            );
            self.faults.problem(own.place, message);
            return None;
        }
        for (place, window) in &own.windows {
            warn_of_no_effect(*place, window, &whole.windows, self.faults);
            whole.windows.push(window.clone());
        }
        whole.exceptions.extend(own.exceptions.iter().cloned());
        whole.zone = own.zone.clone().unwrap_or(whole.zone);
        whole.holidays = own.holidays.clone().unwrap_or(whole.holidays);
        whole.ready = own.ready.unwrap_or(whole.ready);
        Some(whole)
    }
}

impl Whole {
    fn parts(&self) -> usize {
        self.windows.len() + self.exceptions.len() + self.holidays.len()
    }

    fn schedule(&self, name: &str) -> Schedule {
        Schedule {
            name: name.into(),
            zone: self.zone.clone(),
            windows: self.windows.clone(),
            exceptions: self.exceptions.iter().chain(&*self.holidays).cloned().collect(),
            ready: self.ready,
        }
    }
}

/// Whether a schedule may be called so.
fn name(name: &str) -> Result<(), String> {
    let shown = shown(name);
    if state_of(name).is_some() {
        return Err(format!("a schedule cannot be called `{shown}`: that is a state"));
    }
    if let Some(meant) = meant_state(name) {
        return Err(format!("a schedule cannot be called `{shown}`: it reads like `{meant}`"));
    }
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.bytes().all(letters) && name.len() <= NAME_MAX {
        return Ok(());
    }
    Err(format!(
        "`{shown}` cannot be a schedule's name: letters, digits, `-`, `_` and `.`, a letter or a \
         digit first, at most {NAME_MAX}"
    ))
}
