//! Schedules that change seldom or never, and the ends of the calendar.

use std::fmt::Write as _;

use evenkeel::keel::schedule::Schedule;
use evenkeel::keel::time::Wall;

use crate::written::{schedule, utc};

/// State, because, since and until, in words.
fn told(schedule: &Schedule, at: &str) -> String {
    let phase = schedule.at(utc(at));
    let instant = |wall: Option<Wall>| wall.map_or("ever".to_owned(), |wall| wall.to_string());
    let (since, until) = (instant(phase.since), instant(phase.until));
    format!("{} {}: {since} to {until}", phase.state, phase.rule)
}

const NOW: &str = "2026-11-25T12:00:00Z";

#[test]
fn no_windows_never_run() {
    let phase = schedule("Europe/Berlin", "").at(utc(NOW));
    assert_eq!(phase.valid_until, None);
    assert_eq!(
        told(&schedule("Europe/Berlin", ""), NOW),
        "stopped schedule s (outside its windows): ever to ever"
    );
}

#[test]
fn all_days_round_run_always() {
    for text in ["00:00-24:00", "Mon-Thu 00:00-24:00; Fri-Sun 00:00-24:00"] {
        for zone in ["Europe/Berlin", "America/Havana", "Pacific/Apia", "America/Sao_Paulo"] {
            let all = schedule(zone, text);
            for at in [NOW, "2011-12-30T10:00:00Z", "2018-11-04T02:30:00Z"] {
                assert!(told(&all, at).ends_with("24:00): ever to ever"), "{zone} {at}");
            }
        }
    }
    // Nor does what begins when another ends leave a gap.
    for text in ["02:00-14:00; 14:00-02:00", "02:30-02:29; 02:00-03:00", "22:00-21:59; 21:59-22:00"]
    {
        let told = told(&schedule("Europe/Berlin", text), NOW);
        assert!(told.ends_with(": ever to ever"), "{told}");
    }
}

#[test]
fn a_date_years_away_is_found_both_ways() {
    let once = schedule("Europe/Berlin", "2041-03-31 01:30-03:30; 2007-01-01 00:00-24:00");
    assert_eq!(
        told(&once, NOW),
        "stopped schedule s (outside its windows): 2007-01-01T23:00:00Z to 2041-03-31T00:30:00Z"
    );
    assert_eq!(
        told(&once, "2041-03-31T00:30:00Z"),
        "running schedule s (2041-03-31 01:30-03:30): 2041-03-31T00:30:00Z to 2041-03-31T01:30:00Z"
    );
    assert_eq!(
        told(&once, "2050-01-01T00:00:00Z"),
        "stopped schedule s (outside its windows): 2041-03-31T01:30:00Z to ever"
    );
    assert_eq!(
        told(&once, "1999-01-01T00:00:00Z"),
        "stopped schedule s (outside its windows): ever to 2006-12-31T23:00:00Z"
    );
}

#[test]
fn an_exception_years_ahead_ends_what_runs_always() {
    let text = "00:00-24:00; except 2035-12-24..2036-01-01; except 2036-01-05 00:00-23:00";
    let all = schedule("Europe/Berlin", text);
    assert_eq!(told(&all, NOW), "running schedule s (00:00-24:00): ever to 2035-12-23T23:00:00Z");
    assert_eq!(
        told(&all, "2035-12-26T12:00:00Z"),
        "stopped schedule s (except 2035-12-24..2036-01-01): \
         2035-12-23T23:00:00Z to 2036-01-01T23:00:00Z"
    );
    assert_eq!(
        told(&all, "2046-01-01T12:00:00Z"),
        "running schedule s (00:00-24:00): 2036-01-05T23:00:00Z to ever"
    );
    // Exceptions that change nothing lie between.
    let mut text = "00:00-24:00; except 2060-01-01".to_owned();
    for year in 2027..2059 {
        write!(text, "; except {year}-05-01..{year}-05-20 00:00-24:00").unwrap();
    }
    let all = schedule("Europe/Berlin", &text);
    assert_eq!(told(&all, NOW), "running schedule s (00:00-24:00): ever to 2059-12-31T23:00:00Z");
}

#[test]
fn a_pause_that_ends_in_the_middle_of_a_quiet_week_is_left_with_the_next_window() {
    // Whatever the length of the pause, the windows that come after it are found.
    let days =
        |days: i64| (jiff::civil::date(2026, 11, 25) + jiff::Span::new().days(days)).to_string();
    for length in 0..80 {
        let text = format!("Mon 08:00-10:00; except 2026-11-25..{}", days(length));
        let monday =
            (0..).map(|more| length + more).find(|day| (day + 2) % 7 == 0 && *day > length);
        let next = utc(&format!("{}T08:00:00Z", days(monday.unwrap())));
        assert_eq!(schedule("UTC", &text).at(utc(NOW)).until, Some(next), "{text}");
    }
}

#[test]
fn five_hundred_holidays() {
    let mut text = "Mon-Fri 08:00-19:00".to_owned();
    for year in 1976..2076 {
        for day in ["01-01", "05-01", "10-03", "12-25", "12-26"] {
            write!(text, "; except {year}-{day}").unwrap();
        }
    }
    let office = schedule("Europe/Berlin", &text);
    assert_eq!(
        told(&office, "2026-12-25T12:00:00Z"),
        "stopped schedule s (except 2026-12-25): 2026-12-24T18:00:00Z to 2026-12-28T07:00:00Z"
    );
    // Without a window, they are a hundred years of nothing.
    let (_, holidays) = text.split_once("; ").unwrap();
    assert_eq!(
        told(&schedule("Europe/Berlin", holidays), "2026-12-25T12:00:00Z"),
        "stopped schedule s (except 2026-12-25): ever to ever"
    );
}

#[test]
fn a_day_that_the_clock_skips_has_no_windows_but_may_lend_its_name() {
    // Friday, 2011-12-30, was not in Apia; Saturday followed on Thursday.
    let friday = schedule("Pacific/Apia", "Fri 00:00-24:00");
    let thursday = "2011-12-30T09:59:59Z";
    assert_eq!(
        told(&friday, thursday),
        "stopped schedule s (outside its windows): 2011-12-24T10:00:00Z to 2012-01-05T10:00:00Z"
    );
    // What is left of a night that begins on it.
    assert_eq!(
        told(&schedule("Pacific/Apia", "Fri 22:00-02:00"), "2011-12-30T10:00:00Z"),
        "running schedule s (Fri 22:00-02:00): 2011-12-30T10:00:00Z to 2011-12-30T12:00:00Z"
    );
    assert_eq!(
        told(&schedule("Pacific/Kwajalein", "Sat-Sun 09:00-10:00"), "1993-08-21T13:00:00Z"),
        "stopped schedule s (outside its windows): 1993-08-15T22:00:00Z to 1993-08-21T21:00:00Z"
    );
}

#[test]
fn at_the_ends_of_the_calendar_it_says_something() {
    let texts = ["", "00:00-24:00", "Mon-Fri 08:00-19:00; except 2026-12-24", "22:00-02:00"];
    let walls = [i64::MIN, -377_705_116_800_000, 0, 253_402_207_200_000, i64::MAX];
    for zone in ["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"] {
        for text in texts {
            let schedule = schedule(zone, text);
            for wall in walls.map(Wall::from_millis) {
                for near in [-86_400_000, -1, 0, 1, 86_400_000].map(|by| wall.shifted(by)) {
                    let phase = schedule.at(near);
                    assert!(phase.valid_until.is_none_or(|until| near < until), "{zone} {text}");
                    assert!(phase.until.is_none_or(|until| near < until), "{zone} {text}");
                    assert!(phase.since.is_none_or(|since| since <= near), "{zone} {text}");
                }
            }
        }
    }
}
