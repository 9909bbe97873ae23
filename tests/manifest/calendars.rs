//! iCalendar files, and the holidays that they are, or what is wrong with them.
//!
//! `calendars/NAME.ics` is what lies beside a desired file; `NAME.expected` is what comes out.

use evenkeel::manifest::{parse_beside, references};

use crate::golden::compare;

const DESIRED: &str = "holidays: h.ics\n\
                       schedules: { s: { running: 08:00-19:00 } }\n\
                       deployments: { w1: s }\n";

fn holidays(_: &str, bytes: &[u8]) -> String {
    let beside = |path: &str| match path {
        "h.ics" => Ok(bytes.into()),
        path => Err(format!("nobody names {path}")),
    };
    match parse_beside("desired.yaml", DESIRED.as_bytes(), None, &beside) {
        Err(report) => format!("{report}\n"),
        Ok((manifest, warnings)) => {
            let lines = warnings.iter().map(|warning| format!("warning: {warning}\n"));
            let schedule = manifest.intents["w1"].schedule().expect("a schedule");
            let holidays = schedule.exceptions.iter().map(|holiday| {
                assert!(holiday.hours.is_empty());
                format!("{}\n", holiday.text)
            });
            lines.chain(holidays).collect()
        }
    }
}

#[test]
fn each_calendar_is_as_expected() {
    compare("calendars/*.ics", 50, holidays);
}

/// A path may lead to a credential.
#[test]
fn nothing_of_a_file_that_is_no_calendar_is_shown() {
    for text in
        ["hunter2", "key: hunter2\n", "\nhunter2", "hunter2\u{0}", "X:hunter2\nBEGIN:VCALENDAR"]
    {
        let report = holidays("", text.as_bytes());
        assert!(
            report.starts_with("desired.yaml:1:11: ") && !report.contains("hunter2"),
            "{report}"
        );
    }
}

#[test]
fn what_a_file_refers_to_is_known_without_it() {
    let cases: [(&str, &[&str]); 8] = [
        (DESIRED, &["h.ics"]),
        (
            "holidays: b.ics\nschedules: { s: { holidays: a.ics }, t: { holidays: b.ics } }",
            &["a.ics", "b.ics"],
        ),
        ("schedules: { s: { holidays: none } }\nholidays: none", &[]),
        ("holidays: ../out.ics\nschedules: { s: { holidays: /etc/h.ics } }", &["/etc/h.ics"]),
        ("holidays: h.ics\n  broken: [", &[]),
        ("deployments: { w1: { holidays: h.ics } }", &[]),
        ("schedules: [holidays]\nholidays: [h.ics]", &[]),
        ("", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(references(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(references(b"holidays: \xff"), [""; 0]);
}

#[test]
fn a_file_without_holidays_never_asks() {
    let text = DESIRED.replace("holidays: h.ics\n", "");
    let asked = |path: &str| panic!("asked for {path}");
    assert!(parse_beside("f", text.as_bytes(), None, &asked).is_ok());
}
