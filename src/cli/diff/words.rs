//! What text and Markdown say alike.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Comparison, Ruling, Verdict};
use crate::keel::deployment::{Action, DeploymentId, Desired};
use crate::keel::diff::{Edit, Kind, Move, amount};
use crate::keel::message::counted;
use crate::keel::recurrence::{clock, clock_beside, date, day, local, weekdays, zone_name};
use crate::keel::schedule::Days;
use crate::keel::time::Wall;

/// Deployments to which the same happens.
pub(super) struct Bunch<'a> {
    pub(super) ids: Vec<&'a DeploymentId>,
    pub(super) edit: &'a Edit,
}

/// The edits, those that are alike together: added, changed, removed.
pub(super) fn bunches(edits: &[Edit]) -> Vec<Bunch<'_>> {
    let mut bunches: Vec<Bunch<'_>> = Vec::new();
    for edit in edits {
        let alike = |bunch: &&mut Bunch<'_>| {
            let deployment = edit.deployment.clone();
            *edit == Edit { deployment, ..bunch.edit.clone() }
        };
        match bunches.iter_mut().find(alike) {
            Some(bunch) => bunch.ids.push(&edit.deployment),
            None => bunches.push(Bunch { ids: vec![&edit.deployment], edit }),
        }
    }
    bunches.sort_by_key(|bunch| bunch.edit.kind);
    bunches
}

/// `3 of 6 deployments change: 1 added, 1 changed, 1 removed`.
pub(super) fn headline(comparison: &Comparison) -> String {
    let diff = &comparison.diff;
    let counts = [(Kind::Added, "added"), (Kind::Changed, "changed"), (Kind::Removed, "removed")];
    let counts: Vec<_> = counts
        .into_iter()
        .map(|(kind, word)| (diff.count(kind), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if counts.is_empty() {
        return "No deployment changes".to_owned();
    }
    let all = diff.fleet.1 + diff.count(Kind::Removed);
    let edits = diff.edits.len();
    let change = if edits == 1 { "changes" } else { "change" };
    format!("{edits} of {} {change}: {}", counted(all, "deployment"), counts.join(", "))
}

/// Each difference of the entries: `state: running -> stopped`.
pub(super) fn fields(edit: &Edit) -> Vec<String> {
    let field = |field: &crate::keel::diff::Field| match (&field.before, &field.after) {
        (Some(before), Some(after)) => format!("{}: {before} -> {after}", field.name),
        (None, Some(after)) => format!("{}: {after}", field.name),
        (Some(before), None) => format!("{}: no longer {before}", field.name),
        (None, None) => field.name.to_owned(),
    };
    edit.fields.iter().map(field).collect()
}

/// Moves of one kind, at the same times of day: `5 starts moved Mon-Fri 08:00 -> 07:00`.
pub(super) fn moves(edit: &Edit, action: Action, from: Wall) -> Vec<String> {
    type Like = (Option<String>, Option<String>, String);
    let mut alike: BTreeMap<Like, Vec<&Move>> = BTreeMap::new();
    let mut order = Vec::new();
    for one in edit.moves.iter().filter(|one| one.action == action) {
        let base = one.before.or(one.after).unwrap_or(from);
        let said = |at: Wall| {
            if at == from { "now".to_owned() } else { clock_beside(&one.zone, at, base) }
        };
        let like = (one.before.map(said), one.after.map(said), zone_name(&one.zone).to_owned());
        if !alike.contains_key(&like) {
            order.push(like.clone());
        }
        alike.entry(like).or_default().push(one);
    }
    let words = |like: &Like| {
        let moves = alike.get(like).map_or(&[][..], Vec::as_slice);
        said(moves, like, action, from)
    };
    order.iter().map(words).collect()
}

fn said(
    moves: &[&Move],
    (before, after, zone): &(Option<String>, Option<String>, String),
    action: Action,
    from: Wall,
) -> String {
    let count = match moves.len() {
        1 => format!("1 {action}"),
        count => format!("{count} {action}s"),
    };
    let bases = || moves.iter().map(|one| (one.before.or(one.after).unwrap_or(from), one));
    let now = bases().all(|(base, _)| base == from);
    let days = match moves {
        [one] => day(&one.zone, one.before.or(one.after).unwrap_or(from)),
        _ => {
            let dates = bases().map(|(base, one)| date(&one.zone, base).weekday());
            let days = dates.fold(Days::NONE, Days::with);
            if days == Days::ALL { "daily".to_owned() } else { weekdays(days) }
        }
    };
    match (before, after) {
        (Some(before), Some(after)) => {
            format!("{count} moved, {days} {before} -> {after} {zone}")
        }
        (Some(before), None) => format!("{count} lost, {days} {before} {zone}"),
        (None, Some(_)) if now => format!("{count} now"),
        (None, Some(after)) => format!("{count} gained, {days} {after} {zone}"),
        (None, None) => count,
    }
}

/// `168 h -> 55 h`.
pub(super) fn hours(edit: &Edit) -> String {
    match edit.running {
        (Some(before), Some(after)) if before == after => hour(after),
        (Some(before), Some(after)) => format!("{} -> {}", hour(before), hour(after)),
        (None, Some(after)) => hour(after),
        (Some(_), None) => "left as it is".to_owned(),
        (None, None) => String::new(),
    }
}

/// `55 h`, `18.75 h`.
pub(super) fn hour(time: Duration) -> String {
    let hundredths = (time.as_secs() + 18) / 36;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{} h", text.trim_end_matches('0').trim_end_matches('.'))
}

/// To the cent.
pub(super) fn money(parts: u64) -> String {
    amount((parts + 50) / 100 * 100)
}

/// `saves 33.90 a week`, `costs 1.50 more a week`.
pub(super) fn saved(parts: i64) -> String {
    let money = money(parts.unsigned_abs());
    match parts.signum() {
        0 => "which changes nothing".to_owned(),
        1 => format!("saves {money} a week"),
        _ => format!("costs {money} more a week"),
    }
}

/// All together, where it can be said.
pub(super) fn totals(comparison: &Comparison) -> Option<String> {
    let Comparison { diff, days, .. } = comparison;
    let (before, after) = diff.running()?;
    let days = counted(*days as usize, "day");
    let mut text = format!("running {} -> {} in {days}", hour(before), hour(after));
    if let Some(cost) = diff.cost() {
        let saved = saved(diff.saved_per_week(cost));
        text.push_str(&format!(", {} -> {}, {saved}", money(cost.0), money(cost.1)));
    }
    Some(text)
}

/// The guard's verdict, with the way out.
pub(super) fn verdict(guard: &Verdict) -> String {
    let Verdict { stops, fleet, limit, change, ruling } = guard;
    let stops = format!("{} of {}", stops.len(), counted(*fleet, "deployment"));
    let limit = format!(
        "`guards.stops` holds more than {} that are more than {} %",
        limit.above, limit.percent
    );
    match ruling {
        Ruling::Held => {
            format!("held: it would stop {stops} at once ({limit}); acknowledge: {change}")
        }
        Ruling::Acknowledged => {
            format!("let through: it stops {stops} at once, and the file acknowledges {change}")
        }
        Ruling::LetThrough if guard.stops.is_empty() => {
            "let through: it stops nothing at once".to_owned()
        }
        Ruling::LetThrough => format!("let through: it stops {stops} at once"),
    }
}

/// `running now`, where the edit changes what is wanted at once.
pub(super) fn now(edit: &Edit) -> Option<Desired> {
    match (edit.kind, edit.now) {
        (Kind::Added, (_, after)) => after,
        (Kind::Changed | Kind::Removed, _) => None,
    }
}

/// `Wed 2026-11-25 08:00Z`.
pub(super) fn instant(at: Wall) -> String {
    let utc = jiff::tz::TimeZone::UTC;
    format!("{} {}Z", local(&utc, at).strftime("%a %Y-%m-%d"), clock(&utc, at))
}

/// What the file lets through, or does not any more.
pub(super) fn acknowledged(comparison: &Comparison) -> Vec<String> {
    let (new, old) = &comparison.diff.acknowledged;
    let new = new.iter().map(|id| format!("acknowledges change {id}"));
    new.chain(old.iter().map(|id| format!("no longer acknowledges change {id}"))).collect()
}
