//! Windows, exceptions and holidays: whatever is written in the language reads back as the same.

use std::sync::Arc;

use evenkeel::keel::schedule::{Dates, Days, Exception, Hours, On, Schedule, Window};
use evenkeel::manifest::{Beside, parse_beside, references};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::places::outside;
use crate::text::wrong;

const DESIRED: &str = "holidays: h.ics\nschedules: { s: { running: 08:00-19:00 } }\n\
                       deployments: { w1: s }\n";

const CALENDAR: &str = include_str!("../../config/holidays.ics");

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

pub(crate) fn zone() -> impl Strategy<Value = TimeZone> {
    select(&ZONES[..]).prop_map(|name| TimeZone::get(name).unwrap())
}

fn hours() -> impl Strategy<Value = Hours> {
    (0u16..1440, 0u16..=1440).prop_filter_map("equal", |(begin, end)| Hours::new(begin, end))
}

fn dates() -> impl Strategy<Value = Dates> {
    let date = (1i16..=9999, 1i8..=12, 1i8..=31)
        .prop_filter_map("no date", |(y, m, d)| Date::new(y, m, d).ok());
    (date, 0i32..400).prop_map(|(first, days)| {
        let days: Span = days.days();
        Dates { first, last: first.saturating_add(days) }
    })
}

/// Days as a list, or as ranges where neighbours follow each other.
fn weekly() -> impl Strategy<Value = (On, String)> {
    let ranges = vec((0usize..7, 0usize..6), 0..4);
    ranges.prop_map(|ranges| {
        let (mut days, mut words) = (Days::NONE, Vec::new());
        for (first, more) in &ranges {
            for index in *first..=first + more {
                let monday = i8::try_from(index % 7).unwrap();
                days = days.with(Weekday::from_monday_zero_offset(monday).unwrap());
            }
            let (first, last) = (NAMES[*first], NAMES[(first + more) % 7]);
            words.push(if *more == 0 { first.to_owned() } else { format!("{first}-{last}") });
        }
        let days = if ranges.is_empty() { Days::ALL } else { days };
        (On::Days(days), words.join(","))
    })
}

fn window() -> impl Strategy<Value = Window> {
    let once = dates().prop_map(|dates| (On::Dates(dates), dates.to_string()));
    (prop_oneof![weekly(), once], hours()).prop_map(|((on, words), hours)| {
        let text = format!("{words} {hours}").trim_start().into();
        Window { on, hours, text }
    })
}

fn exception() -> impl Strategy<Value = Exception> {
    let reason = option::of("[a-z,:; #'\"{}äß€\t]{0,12}[a-z]");
    (dates(), vec(hours(), 0..3), reason).prop_map(|(dates, hours, reason)| {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        Exception { dates, hours, text: format!("except {dates}{reason}").into() }
    })
}

fn holiday() -> impl Strategy<Value = Exception> {
    let dates = dates().prop_map(|Dates { first, last }| {
        let longest = first.saturating_add(365.days());
        Dates { first, last: last.min(longest) }
    });
    let summary = option::of("[A-Za-z](,|;|:|\\\\|[a-zäß€😀 ]){0,20}[a-z]");
    (dates, summary).prop_map(|(dates, summary)| {
        let summary = summary.map(|summary| format!(": {summary}")).unwrap_or_default();
        let text = format!("holiday {dates}{summary}").into();
        Exception { dates, hours: Vec::new(), text }
    })
}

pub(crate) fn schedule(name: &'static str) -> impl Strategy<Value = Arc<Schedule>> {
    let exceptions = (vec(exception(), 0..3), vec(holiday(), 0..4));
    (zone(), vec(window(), 1..4), exceptions, any::<bool>()).prop_map(
        move |(zone, windows, (mut exceptions, mut holidays), ready)| {
            holidays.sort_by(|a, b| (a.dates, &a.text).cmp(&(b.dates, &b.text)));
            holidays.dedup();
            exceptions.append(&mut holidays);
            Arc::new(Schedule { name: name.into(), zone, windows, exceptions, ready })
        },
    )
}

/// Texts that are much like windows.
fn like_a_window() -> impl Strategy<Value = String> {
    const PIECES: [&str; 30] = [
        "Mon",
        "Tue",
        "fri",
        "Sunday",
        "So",
        "08:00",
        "19:00",
        "24:00",
        "8",
        "8am",
        "5 pm",
        "25",
        "-",
        "–",
        ",",
        " ",
        "..",
        "…",
        ":",
        ".",
        "/",
        "2026-12-24",
        "24.12.2026",
        "20261224",
        "to ",
        " until ",
        "daily",
        "*",
        "ä",
        "00:00",
    ];
    vec(select(&PIECES[..]), 0..9).prop_map(|pieces| pieces.concat())
}

fn in_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

proptest! {
    #![proptest_config(crate::repeatable(2048))]

    #[test]
    fn what_is_no_window_is_told_and_what_is_meant_is_one(text in like_a_window()) {
        let file = |window: &str| format!(
            "schedules: {{ s: {{ running: [{}] }} }}\ndeployments: {{ w1: s }}\n",
            in_quotes(window),
        );
        let beside: &Beside<'_> = &|_| Err("nothing".to_owned());
        let Err(report) = parse_beside("f", file(&text).as_bytes(), None, beside) else {
            return Ok(());
        };
        let message = &report.problems[0].message;
        let meant = message.split("did you mean `").nth(1).and_then(|rest| rest.split('`').next());
        if let Some(meant) = meant {
            let again = parse_beside("f", file(meant).as_bytes(), None, beside);
            prop_assert!(again.is_ok(), "{} {}", text, message);
        }
    }

    #[test]
    fn no_calendar_panics_and_each_fault_is_in_the_desired_file(bytes in wrong(CALENDAR)) {
        let beside: &Beside<'_> = &|_| Ok(bytes.clone().into());
        if let Err(report) = parse_beside("f", DESIRED.as_bytes(), None, beside) {
            prop_assert_eq!(outside(&report, DESIRED.as_bytes()), None);
        }
    }

    #[test]
    fn a_file_asks_for_what_it_refers_to(bytes in wrong(DESIRED)) {
        let known = references(&bytes);
        let asked = std::cell::RefCell::new(Vec::new());
        let beside: &Beside<'_> = &|path| {
            asked.borrow_mut().push(path.to_owned());
            Err("nothing".to_owned())
        };
        let _ = parse_beside("f", &bytes, None, beside);
        let mut asked = asked.into_inner();
        asked.sort();
        prop_assert!(asked.iter().all(|path| known.contains(path)), "{:?} {:?}", asked, known);
    }
}
