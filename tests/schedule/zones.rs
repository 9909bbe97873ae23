//! Windows around the jumps of the clock and at New Year, against `zones.tsv`, which `zones.py`
//! wrote.

use std::sync::Arc;

use evenkeel::keel::almanac::Almanac;
use evenkeel::keel::deployment::Desired::{Running, Stopped};
use evenkeel::keel::time::Wall;
use evenkeel::keel::timeline;

use crate::written::{follows, schedule, utc};

const TABLE: &str = include_str!("zones.tsv");
const DAY: i64 = 86_400_000;

struct Row {
    zone: &'static str,
    date: &'static str,
    hours: &'static str,
    /// From when until when, unless the clock skips all of it.
    run: Option<(Wall, Wall)>,
}

fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let cells: Vec<_> = line.split('\t').collect();
        let &[zone, date, hours, from, until] = &cells[..] else { panic!("{line}") };
        let minute = |cell: &str| utc(&cell.replace('Z', ":00Z"));
        let run = (from != "-").then(|| (minute(from), minute(until)));
        Row { zone, date, hours, run }
    })
}

#[test]
fn the_table_is_whole() {
    let zones: std::collections::BTreeSet<_> = rows().map(|row| row.zone).collect();
    assert_eq!((zones.len(), rows().count()), (20, 2554));
    assert_eq!(rows().filter(|row| row.run.is_none()).count(), 227);
}

#[test]
fn a_window_of_one_date_runs_as_the_table_says() {
    for Row { zone, date, hours, run } in rows() {
        let intent = follows(zone, &format!("{date} {hours}"));
        let noon = utc(&format!("{date}T12:00:00Z"));
        let (from, until) = (noon.shifted(-400 * DAY), noon.shifted(400 * DAY));
        let changes = timeline::changes(&intent, from, until, &mut Almanac::default());
        let found: Vec<_> = changes.iter().map(|change| (change.at, change.desired)).collect();
        let expected = run.map(|(from, until)| vec![(from, Running), (until, Stopped)]);
        assert_eq!(found, expected.unwrap_or_default(), "{zone} {date} {hours}");
    }
}

#[test]
fn so_does_one_of_a_week_and_one_in_an_exception() {
    for Row { zone, date, hours, run } in rows() {
        let weekday = date.parse::<jiff::civil::Date>().unwrap().strftime("%a").to_string();
        // Other weeks have the same window; the exceptions leave this one only.
        let day = date.parse::<jiff::civil::Date>().unwrap();
        let days = |days: i64| day + jiff::Span::new().days(days);
        let others =
            format!("except {}..{}; except {}..{}", days(-60), days(-1), days(1), days(60));
        for text in [
            format!("{weekday} {hours}; {others}"),
            format!("05:00-06:00; except {date} {hours}; {others}"),
        ] {
            let schedule = Arc::new(schedule(zone, &text));
            let place = format!("{zone} {text}");
            let Some((from, until)) = run else {
                let noon = schedule.at(utc(&format!("{date}T12:00:00Z")));
                assert_eq!(noon.state, Stopped, "{place}");
                continue;
            };
            let phase = schedule.at(from);
            assert_eq!((phase.state, phase.since), (Running, Some(from)), "{place}");
            assert_eq!(phase.until, Some(until), "{place}");
            let last = schedule.at(until.shifted(-1));
            assert_eq!((last.state, last.since, last.until), (Running, Some(from), Some(until)));
            assert_eq!(schedule.at(from.shifted(-1)).state, Stopped, "{place}");
            assert_eq!(schedule.at(from.shifted(-1)).until, Some(from), "{place}");
            let after = schedule.at(until);
            assert_eq!((after.state, after.since), (Stopped, Some(until)), "{place}");
        }
    }
}
