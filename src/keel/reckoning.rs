//! How a desired file comes to what it asks of a deployment at an instant, in words.

use std::fmt;

use super::calendar::zone;
use super::deployment::Desired;
use super::intent::{Intent, Resolved, Rule};
use super::recurrence::{clock, clock_beside, day, local, zone_name};
use super::temporary::Temporary;
use super::time::Wall;

/// One link of the chain: what it is about, and what is the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// One word.
    pub about: &'static str,
    /// For people.
    pub text: String,
}

impl Link {
    /// A link.
    pub fn new(about: &'static str, text: impl Into<String>) -> Self {
        Self { about, text: text.into() }
    }
}

/// From the rule to the clock, and what else in the file stands over or against it.
pub fn reckon(intent: &Intent, at: Wall) -> Vec<Link> {
    let resolved = intent.resolve(at);
    let mut links =
        vec![Link::new("rule", format!("{}: {} is wanted", resolved.rule, resolved.desired))];
    links.extend(reading(intent, &resolved, at));
    if let Some(exception) = &intent.exception {
        let over = Over { at, until: Some(exception.until), zone: &intent.zone };
        links.push(Link::new("override", format!("{} {over}", exception.state)));
    }
    if let Some(suspend) = &intent.suspend {
        let over = Over { at, until: suspend.until, zone: &intent.zone };
        let hands = if over.holds() { "hands off: " } else { "" };
        links.push(Link::new("suspend", format!("{hands}{} {over}", suspend.reason)));
    }
    if intent.protect {
        let against =
            if resolved.desired == Desired::Stopped { ", though that is wanted" } else { "" };
        links.push(Link::new("protect", format!("it is never stopped{against}")));
    }
    links
}

/// What somebody asked the daemon for, which stands over the file: `override running until …`.
pub(super) fn asked(wish: &Temporary, intent: &Intent, at: Wall) -> Link {
    let until = match wish.until {
        Some(until) => format!("until {}", moment(&intent.zone, until, at)),
        None => "until somebody ends it".to_owned(),
    };
    let state = wish.want.state().map(|state| format!("{state} ")).unwrap_or_default();
    Link::new(wish.want.kind(), format!("{state}{until}, by {}", wish.words()))
}

/// `Wed 2026-11-25 08:14 +01:00 in Europe/Berlin; until 19:00 (18:00Z), then stopped`.
fn reading(intent: &Intent, resolved: &Resolved, at: Wall) -> Option<Link> {
    let zone = match &resolved.rule {
        Rule::Schedule { .. } => zone(intent, &resolved.rule),
        Rule::State => return None,
        Rule::Override(_) | Rule::Asked { .. } => &intent.zone,
    };
    let offset = local(zone, at).strftime("%:z").to_string();
    let mut text = format!("{} {} {offset} in {}", day(zone, at), clock(zone, at), zone_name(zone));
    if let Some(since) = resolved.since {
        text.push_str(&format!("; since {}", moment(zone, since, at)));
    }
    match resolved.changes {
        Some(until) => {
            let then = intent.resolve(until).desired;
            text.push_str(&format!("; until {}, then {then}", moment(zone, until, at)));
        }
        None => text.push_str("; for good"),
    }
    Some(Link::new("clock", text))
}

/// `19:00 (18:00Z)`, `Mon 2026-11-30 08:00 (2026-11-30T07:00:00Z)`.
pub fn moment(zone: &jiff::tz::TimeZone, when: Wall, beside: Wall) -> String {
    if local(zone, when).date() == local(zone, beside).date() {
        let utc = jiff::tz::TimeZone::UTC;
        return format!("{} ({}Z)", clock(zone, when), clock_beside(&utc, when, beside));
    }
    format!("{} {} ({when})", day(zone, when), clock(zone, when))
}

/// Until when something holds, or held.
struct Over<'a> {
    at: Wall,
    until: Option<Wall>,
    zone: &'a jiff::tz::TimeZone,
}

impl Over<'_> {
    fn holds(&self) -> bool {
        self.until.is_none_or(|until| self.at < until)
    }
}

impl fmt::Display for Over<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            None => f.write_str("until it leaves the file"),
            Some(until) if self.holds() => write!(f, "until {}", moment(self.zone, until, self.at)),
            Some(until) => write!(f, "ended {}", moment(self.zone, until, self.at)),
        }
    }
}
