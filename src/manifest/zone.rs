//! Time zones by their names, and what people write instead of them.

use jiff::tz::TimeZone;

use crate::yaml::{At, Faults, Fields, closest, did_you_mean, shown};

/// Abbreviations, which are no zones: each names an offset, and several places use the same one.
const ABBREVIATIONS: [(&str, &str); 22] = [
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PT", "America/Los_Angeles"),
    ("MDT", "America/Denver"),
    ("MT", "America/Denver"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("CT", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("ET", "America/New_York"),
    ("BST", "Europe/London"),
    ("WEST", "Europe/Lisbon"),
    ("MEZ", "Europe/Berlin"),
    ("MESZ", "Europe/Berlin"),
    ("CEST", "Europe/Berlin"),
    ("EEST", "Europe/Athens"),
    ("MSK", "Europe/Moscow"),
    ("IST", "Asia/Kolkata"),
    ("SGT", "Asia/Singapore"),
    ("JST", "Asia/Tokyo"),
    ("AEST", "Australia/Sydney"),
    ("AEDT", "Australia/Sydney"),
];

/// Names that are in the database, and never change to summer time.
const FIXED: [(&str, &str); 3] =
    [("EST", "America/New_York"), ("MST", "America/Denver"), ("HST", "Pacific/Honolulu")];

/// Reads `timezone:`, if it is there.
pub(super) fn field(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<TimeZone> {
    let mut warning = None;
    let zone = fields.optional("timezone", faults, |node| {
        let (zone, odd) = zone(node.word()?)?;
        warning = odd.map(|odd| (node.place, odd));
        Ok(zone)
    });
    if let Some((place, odd)) = warning {
        faults.warning(At::Place(place), format!("`timezone`: {odd}"));
    }
    zone
}

/// The zone of this name, and a warning if it is most likely not the one that was meant.
///
/// # Errors
/// When there is none; says which was meant.
fn zone(name: &str) -> Result<(TimeZone, Option<String>), String> {
    let known = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown());
    let Some(zone) = known else { return Err(unknown(name)) };
    let fixed = FIXED.iter().find(|(fixed, _)| name.eq_ignore_ascii_case(fixed));
    let warning = fixed.map(|(fixed, place)| {
        format!("`{fixed}` has no summer time; `{place}` is a place with its own rules")
    });
    let inverted = name.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("Etc/GMT"));
    let signed = name.get(7..).filter(|tail| inverted && tail.starts_with(['+', '-']));
    let reversed = signed.map(|tail| {
        let side = if tail.starts_with('+') { "behind" } else { "ahead of" };
        format!("`{name}` is {} hours {side} UTC: in these names the sign is reversed", &tail[1..])
    });
    Ok((zone, warning.or(reversed)))
}

fn unknown(name: &str) -> String {
    let shown = shown(name);
    let bare = name.trim_start_matches("UTC").trim_start_matches("GMT");
    if bare.starts_with(['+', '-']) && bare[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return format!(
            "`{shown}` is an offset, which changes with summer time; name a place, like \
             `Europe/Berlin`"
        );
    }
    let meant = meant(name);
    let like = if meant.is_some() { "" } else { "; write it like `Europe/Berlin`" };
    format!("there is no time zone `{shown}`{like}{}", did_you_mean(meant.as_deref()))
}

fn meant(name: &str) -> Option<String> {
    let found = ABBREVIATIONS.iter().find(|(short, _)| name.eq_ignore_ascii_case(short));
    if let Some((_, place)) = found {
        return Some((*place).to_owned());
    }
    let names: Vec<String> = jiff::tz::db().available().map(|one| one.to_string()).collect();
    let places: Vec<&str> =
        names.iter().map(String::as_str).filter(|one| one.contains('/')).collect();
    let wanted = name.trim().replace(' ', "_");
    let city = |one: &&str| one.rsplit('/').next().is_some_and(|c| c.eq_ignore_ascii_case(&wanted));
    let found = places.iter().copied().find(|one| city(one));
    let found = found.or_else(|| closest(&wanted, &places));
    found.map(str::to_owned)
}
