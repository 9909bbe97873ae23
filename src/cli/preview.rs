//! `evenkeel preview`: the coming changes of the wanted state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::desired;
use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use super::terminal::style::{self, paint};
use super::terminal::table::{Cell, Keep, Table};
use super::terminal::{self, fold};
use crate::keel::calendar::{Calendar, zone};
use crate::keel::deployment::{DeploymentId, Desired};
use crate::keel::finding;
use crate::keel::intent::{Intent, Manifest};
use crate::keel::message::counted;
use crate::keel::recurrence::{clock, day, local, zone_name};
use crate::keel::time::Wall;
use crate::keel::timeline::Change;
use crate::keel::view::Time;
use crate::yaml::{closest, did_you_mean};

/// Show the coming changes of the wanted state, and what the limits make of them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel preview                                        by the configuration's desired file\n  \
    evenkeel preview --desired desired.yaml --days 14       needs no configuration\n  \
    evenkeel preview --from 2026-12-24 b1f77113             one deployment over the holidays\n\n\
    Each change stands below its day in the schedule's own time zone, with UTC beside it. Windows \
    and gaps that are shorter than the limits can honour come as warnings; they look two weeks \
    ahead. With --output json the changes are an array, and the warnings go to standard error.\n\n\
    Exit code: 0; 2 where a file is not valid or cannot be read.")]
pub struct PreviewArgs {
    /// Only these deployments
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Days to look ahead, of 24 hours
    #[arg(long, value_name = "N", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// From when on: a time with an offset, or a date for its midnight UTC [default: now]
    #[arg(long, value_name = "T", value_parser = desired::instant)]
    pub from: Option<Wall>,
    /// A desired file, a directory of them, or a pattern [default: `desired` of the configuration]
    #[arg(long, value_name = "FILE", env = "EVENKEEL_DESIRED")]
    pub desired: Option<PathBuf>,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// Of a row below its day: clock, offset, zone, UTC, state, deployments, rule.
const COLUMNS: [(&str, Keep); 7] = [
    ("", Keep::Always),
    ("", Keep::Until(0)),
    ("", Keep::Until(2)),
    ("", Keep::Until(1)),
    ("", Keep::Always),
    ("", Keep::Always),
    ("", Keep::Text),
];

/// A change of the wanted state, as JSON.
#[derive(Debug, Serialize)]
struct ChangeView<'a> {
    deployment: &'a DeploymentId,
    at: Time,
    local: String,
    state: Desired,
    rule: String,
}

/// Reads the desired files and lists what is to come.
///
/// # Errors
/// When a file is not valid, or cannot be read.
pub fn run(global: &Global, args: &PreviewArgs) -> Result<Exit, Failure> {
    let settable = Settable { desired: args.desired.clone(), ..Settable::default() };
    let settings = match &args.desired {
        Some(_) => desired::settings(global, &settable)?,
        None => Some(global.settings(&settable)?),
    };
    let policy = desired::policy(settings.as_ref());
    let accounts = settings.as_ref().map(|settings| &*settings.policy.accounts);
    let path = args.desired.as_ref().or(settings.as_ref().map(|settings| &settings.desired));
    let path = path.ok_or_else(|| {
        Failure::new("`--desired` names no file")
            .next("name a desired file, a directory of them, or a pattern such as 'teams/*.yaml'")
    })?;
    let whole = desired::whole(path, accounts)?;
    let manifest = only(&whole, &args.ids)?;
    let from = args.from.map_or_else(desired::now, Ok)?;
    let until = from + Duration::from_secs(u64::from(args.days) * 24 * 3600);
    let coming = Coming::new(&manifest, from, until);
    let warnings = finding::warnings(&manifest, &policy.limits, from);
    match args.output {
        Format::Json => {
            warnings.iter().for_each(|warning| output::aside(&style::warning(warning)));
            output::json(&coming.views())
        }
        Format::Text => {
            output::line(&coming.text(terminal::width()))?;
            let notes = notes(&manifest, &coming);
            let notes = notes.iter().map(|note| style::note(note));
            let warnings = warnings.iter().map(|warning| style::warning(warning));
            for (index, text) in notes.chain(warnings).enumerate() {
                output::prose(&format!("{}{text}", if index == 0 { "\n" } else { "" }), 2)?;
            }
            Ok(Exit::Yes)
        }
    }
}

/// The part of `manifest` that names these; all of it where none is named.
fn only(manifest: &Arc<Manifest>, ids: &[String]) -> Result<Arc<Manifest>, Failure> {
    if ids.is_empty() {
        return Ok(manifest.clone());
    }
    let mut part = Manifest::new(manifest.revision.clone(), []);
    for id in ids {
        let Some((id, intent)) = manifest.intents.get_key_value(id.as_str()) else {
            let known: Vec<_> = manifest.intents.keys().map(DeploymentId::as_str).collect();
            let meant = did_you_mean(closest(id, &known));
            let what = format!("the desired file names no deployment `{id}`{meant}");
            return Err(Failure::new(what).next("`evenkeel preview` without an ID shows all"));
        };
        part.intents.insert(id.clone(), intent.clone());
    }
    Ok(Arc::new(part))
}

/// The changes of a span, with what is asked of each deployment.
struct Coming<'a> {
    span: (Wall, Wall),
    /// By time, then by id.
    changes: Vec<(&'a DeploymentId, &'a Intent, Change)>,
}

impl<'a> Coming<'a> {
    fn new(manifest: &'a Manifest, from: Wall, until: Wall) -> Self {
        let mut calendar = Calendar::new(from, until);
        let mut changes = Vec::new();
        for (id, intent) in &manifest.intents {
            let known = calendar.changes(intent);
            changes.extend(known.iter().map(|change| (id, &**intent, change.clone())));
        }
        changes.sort_by(|a, b| (a.2.at, a.0).cmp(&(b.2.at, b.0)));
        Self { span: (from, until), changes }
    }

    fn views(&self) -> Vec<ChangeView<'_>> {
        let view = |(id, intent, change): &(&'a DeploymentId, &Intent, Change)| ChangeView {
            deployment: id,
            at: Time(change.at),
            local: local(zone(intent, &change.rule), change.at).to_string(),
            state: change.desired,
            rule: change.rule.to_string(),
        };
        self.changes.iter().map(view).collect()
    }

    fn text(&self, width: Option<usize>) -> String {
        let (from, until) = self.span;
        if self.changes.is_empty() {
            let text = format!("The wanted state does not change from {from} to {until}.");
            return fold(&text, 2, width);
        }
        let days = self.days();
        let mut table = Table::new(&COLUMNS);
        days.values().flatten().for_each(|row| table.add(row.clone()));
        let mut rows = table.show(width.map(|width| width.saturating_sub(2))).rows.into_iter();
        let count = counted(self.changes.len(), "change");
        let title = format!("{count} of the wanted state from {from} to {until}");
        let mut lines = vec![fold(&title, 2, width)];
        for ((_, heading), day) in &days {
            lines.push(format!("\n{}", paint(style::HEAD, heading)));
            let rows = rows.by_ref().take(day.len());
            lines.extend(rows.map(|row| format!("  {}", row.replace('\n', "\n  "))));
        }
        lines.join("\n")
    }

    /// Rows by local date. Deployments that change together share a row.
    fn days(&self) -> BTreeMap<(jiff::civil::Date, String), Vec<Vec<Cell>>> {
        let mut days: BTreeMap<_, Vec<Vec<Cell>>> = BTreeMap::new();
        let same = |a: &(_, &Intent, Change), b: &(_, &Intent, Change)| {
            a.2 == b.2 && zone(a.1, &a.2.rule) == zone(b.1, &b.2.rule)
        };
        let mut left: Vec<_> = self.changes.iter().collect();
        left.sort_by(|a, b| {
            (a.2.at, a.2.desired, a.2.rule.to_string(), a.0).cmp(&(
                b.2.at,
                b.2.desired,
                b.2.rule.to_string(),
                b.0,
            ))
        });
        for together in left.chunk_by(|a, b| same(a, b)) {
            let (_, intent, change) = together[0];
            let zone = zone(intent, &change.rule);
            let ids: Vec<_> = together.iter().map(|(id, ..)| id.to_string()).collect();
            let heading = (local(zone, change.at).date(), day(zone, change.at));
            days.entry(heading).or_default().push(vec![
                clock(zone, change.at).into(),
                local(zone, change.at).strftime("%:z").into(),
                zone_name(zone).into(),
                utc(zone, change.at).into(),
                Cell::styled(change.desired.as_str(), state(change.desired)),
                output::some(&ids).into(),
                change.rule.to_string().into(),
            ]);
        }
        days
    }
}

const fn state(desired: Desired) -> anstyle::Style {
    match desired {
        Desired::Running => style::GOOD,
        Desired::Stopped => style::FAINT,
    }
}

/// `07:00Z`, with the day where it is another one there.
fn utc(zone: &jiff::tz::TimeZone, at: Wall) -> String {
    let utc = jiff::tz::TimeZone::UTC;
    let clock = clock(&utc, at);
    if local(zone, at).date() == local(&utc, at).date() {
        return format!("{clock}Z");
    }
    format!("{} {clock}Z", local(&utc, at).strftime("%a"))
}

/// What else decides about these changes.
fn notes(manifest: &Manifest, coming: &Coming<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (id, intent) in &manifest.intents {
        let suspend = intent.suspend.as_ref();
        let suspend = suspend.filter(|one| one.until.is_none_or(|until| coming.span.0 < until));
        if let Some(suspend) = suspend {
            let until = suspend.until.map(|until| format!(" until {until}")).unwrap_or_default();
            let reason = &suspend.reason;
            notes.push(format!("`{id}` is suspended{until} ({reason}): nothing is sent to it"));
        }
        let stops = |(one, _, change): &(&DeploymentId, &Intent, Change)| {
            *one == id && change.desired == Desired::Stopped
        };
        if intent.protect && coming.changes.iter().any(stops) {
            notes.push(format!("`{id}` is protected: it is never stopped"));
        }
    }
    let schedules = manifest.intents.values().filter_map(|intent| intent.schedule());
    let ready = schedules.filter(|one| one.ready);
    for name in ready.map(|schedule| &schedule.name).collect::<BTreeSet<_>>() {
        notes.push(format!(
            "schedule {name} is `ready: true`: its starts are sent earlier, by as much as starts \
             have taken"
        ));
    }
    notes
}
