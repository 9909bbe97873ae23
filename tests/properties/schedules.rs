//! Schedules written out from what they are, and their holidays as calendars.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::keel::deployment::DeploymentId;
use evenkeel::keel::intent::Intent;
use evenkeel::keel::schedule::{Exception, Schedule};

use super::written::quoted;

fn schedules(
    intents: &BTreeMap<DeploymentId, impl Borrow<Intent>>,
) -> BTreeMap<&str, &Arc<Schedule>> {
    let schedules = intents.values().filter_map(|intent| intent.borrow().schedule());
    schedules.map(|one| (&*one.name, one)).collect()
}

/// `schedules:` with those that the fleet follows; each names a calendar that is called as it is.
pub(crate) fn section(intents: &BTreeMap<DeploymentId, impl Borrow<Intent>>) -> String {
    let schedules = schedules(intents);
    let mut out = String::from(if schedules.is_empty() { "" } else { "schedules:\n" });
    for (name, schedule) in schedules {
        let Schedule { zone, windows, exceptions, ready, .. } = &**schedule;
        let (name, zone) = (quoted(name), zone.iana_name().unwrap_or("UTC"));
        out.push_str(&format!("  {name}:\n    timezone: {zone}\n    ready: {ready}\n"));
        out.push_str(&format!("    holidays: {name}\n    running:\n"));
        for window in windows {
            out.push_str(&format!("    - {}\n", quoted(&window.text)));
        }
        let own: String = exceptions.iter().filter(|one| !is_holiday(one)).map(except).collect();
        // A list with nothing in it has no block style.
        out.push_str(if own.is_empty() { "    except: []\n" } else { "    except:\n" });
        out.push_str(&own);
    }
    out
}

fn is_holiday(exception: &Exception) -> bool {
    exception.text.starts_with("holiday ")
}

fn except(exception: &Exception) -> String {
    let Exception { dates, hours, text } = exception;
    let hours: Vec<String> = hours.iter().map(ToString::to_string).collect();
    let what = match &*hours {
        [] => "state: stopped".to_owned(),
        hours => format!("running: [{}]", hours.join(", ")),
    };
    let reason = text.strip_prefix(&format!("except {dates}: "));
    let reason = reason.map(|reason| format!(", reason: {}", quoted(reason)));
    format!("    - {{ dates: {dates}, {what}{} }}\n", reason.unwrap_or_default())
}

/// The calendars that [`section`] names, by name.
pub(crate) fn calendars(
    intents: &BTreeMap<DeploymentId, impl Borrow<Intent>>,
) -> BTreeMap<String, Arc<[u8]>> {
    let schedules = schedules(intents).into_iter();
    schedules.map(|(name, one)| (name.to_owned(), calendar(one).into_bytes().into())).collect()
}

fn calendar(schedule: &Schedule) -> String {
    let mut out = String::from("BEGIN:VCALENDAR\r\n");
    for Exception { dates, text, .. } in schedule.exceptions.iter().filter(|one| is_holiday(one)) {
        let first = dates.first.to_string().replace('-', "");
        let days = dates.first.until(dates.last).map_or(0, |span| span.get_days()) + 1;
        out.push_str(&format!("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{first}\r\n"));
        out.push_str(&format!("DURATION:P{days}D\r\n"));
        if let Some(summary) = text.strip_prefix(&format!("holiday {dates}: ")) {
            let escaped = summary.chars().flat_map(|c| {
                let escape = "\\;,".contains(c).then_some('\\');
                escape.into_iter().chain([c])
            });
            out.push_str(&format!("SUMMARY:{}\r\n", escaped.collect::<String>()));
        }
        out.push_str("END:VEVENT\r\n");
    }
    out.push_str("END:VCALENDAR\r\n");
    out
}
