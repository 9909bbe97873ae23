//! One window, as people write it: `Mon-Fri 08:00-19:00`, `2026-12-05 10:00-14:00`.
//!
//! The grammar has one spelling for each thing; [`meant`] knows the other ones, and
//! is asked only to say which one was meant.

use jiff::civil::{Date, Weekday};

use crate::keel::schedule::{Dates, Days, Hours, On, Window};
use crate::yaml::{did_you_mean, shown};

use super::meant;

/// Days as they are written, from Monday.
pub(super) const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// What a window looks like.
const LIKE: &str = "a window such as `Mon-Fri 08:00-19:00`";

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Reads a window.
///
/// # Errors
/// Says what is wrong, and what was meant.
pub(super) fn window(text: &str) -> Result<Window, String> {
    strict_window(text).map_err(|message| hinted(message, meant::window(text)))
}

/// Reads hours without days: `10:00-14:00`.
///
/// # Errors
/// Says what is wrong, and what was meant.
pub(super) fn hours(text: &str) -> Result<Hours, String> {
    let text = text.trim();
    if let Some((on, hours)) = text.rsplit_once(' ')
        && strict_window(text).is_ok()
    {
        let on = shown(on);
        return Err(format!(
            "`dates` says on which days; write the hours alone: `{hours}`, without `{on}`"
        ));
    }
    let look = odd_signs(text).map_or(Ok(()), Err).and_then(|()| strict_hours(text));
    look.map_err(|message| hinted(message, meant::hours(text)))
}

/// Reads a date or a range of dates: `2026-12-24`, `2026-12-24..2027-01-01`.
///
/// # Errors
/// Says what is wrong, and what was meant.
pub(super) fn dates(text: &str) -> Result<Dates, String> {
    strict_dates(text.trim()).map_err(|message| hinted(message, meant::dates(text)))
}

/// Whether these are days and nothing else: what a comma in `[ ]` leaves of a window.
pub(super) fn is_days(text: &str) -> bool {
    strict_days(text.trim()).is_ok()
}

/// Whether `outer` runs whenever `inner` does, so that `inner` changes nothing.
pub(super) fn lies_inside(inner: &Window, outer: &Window) -> bool {
    let ((from, to), (begin, end)) = (inner.hours.span(), outer.hours.span());
    let holds = |later: u16| begin <= from + later && to + later <= end;
    match (inner.on, outer.on) {
        (On::Days(inner), On::Days(outer)) => DAYS.iter().all(|(_, day)| {
            let same = outer.has(*day) && holds(0);
            !inner.has(*day) || same || outer.has(day.previous()) && holds(DAY)
        }),
        (On::Dates(inner), On::Dates(outer)) => {
            outer.has(inner.first) && outer.has(inner.last) && holds(0)
        }
        // An exception may take the weekly one away.
        (On::Days(_), On::Dates(_)) | (On::Dates(_), On::Days(_)) => false,
    }
}

fn hinted(message: String, meant: Option<String>) -> String {
    format!("{message}{}", did_you_mean(meant.as_deref()))
}

/// The one spelling there is.
pub(super) fn strict_window(text: &str) -> Result<Window, String> {
    if let Some(message) = odd_signs(text) {
        return Err(message);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (on, hours) = match *words {
        [] => return Err(format!("expected {LIKE}, found an empty text")),
        [on] if is_days(on) || strict_dates(on).is_ok() => {
            return Err(format!("`{}` has no hours; all day is `{on} 00:00-24:00`", shown(on)));
        }
        [hours] => (On::Days(Days::ALL), strict_hours(hours)?),
        [on, hours] => (strict_on(on)?, strict_hours(hours)?),
        [_, _, third, ..] if third.contains('/') => {
            return Err(format!("`{}` belongs into `timezone:`", shown(third)));
        }
        [..] => return Err(format!("expected {LIKE}, found more words: `{}`", shown(text))),
    };
    Ok(Window { on, hours, text: words.join(" ").into() })
}

/// What is wrong before any word is looked at.
fn odd_signs(text: &str) -> Option<String> {
    if let Some(dash) = text.chars().find(|c| meant::DASHES.contains(c)) {
        return Some(format!("`{dash}` is a dash of typesetters; the hyphen `-` is wanted"));
    }
    if text.contains('*') {
        return Some(format!("this looks like cron, which has moments; write {LIKE}"));
    }
    let spaced = [" -", "- ", " ,", ", ", " ..", ".. "].iter().find(|part| text.contains(*part));
    spaced.map(|part| format!("no space goes before or after `{}`", part.trim()))
}

fn strict_on(text: &str) -> Result<On, String> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        strict_dates(text).map(On::Dates)
    } else {
        strict_days(text).map(On::Days)
    }
}

fn strict_days(text: &str) -> Result<Days, String> {
    let mut days = Days::NONE;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (strict_day(first)?, strict_day(last)?);
        if part.contains('-') && day == last {
            return Err(format!(
                "`{part}` may be one day or all; write `{first}`, or no days at all for every day"
            ));
        }
        days = days.with(day);
        while day != last {
            day = day.next();
            days = days.with(day);
        }
    }
    Ok(days)
}

fn strict_day(text: &str) -> Result<Weekday, String> {
    let day = DAYS.iter().find(|(word, _)| *word == text).map(|(_, day)| *day);
    day.ok_or_else(|| {
        let names = "a day is `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat` or `Sun`";
        match text {
            "" => format!("a day is missing; {names}"),
            text => format!("`{}` is not a day; {names}", shown(text)),
        }
    })
}

fn strict_hours(text: &str) -> Result<Hours, String> {
    if text.starts_with(|c: char| c.is_alphabetic()) && text.contains(':') {
        return Err("a space goes between days and hours".to_owned());
    }
    if text.contains(',') {
        return Err("hours with a gap are two windows; write each with its days".to_owned());
    }
    let Some((begin, end)) = text.split_once('-') else {
        return Err(format!("`{}` is not hours, which have a beginning and an end", shown(text)));
    };
    let (begin, end) = (strict_time(begin)?, strict_time(end)?);
    if begin == DAY {
        return Err("no window begins at 24:00, which is 00:00 of the next day".to_owned());
    }
    Hours::new(begin, end)
        .ok_or_else(|| format!("`{}` ends where it begins; all day is `00:00-24:00`", shown(text)))
}

/// Minutes after midnight; 24:00 is one of them.
fn strict_time(text: &str) -> Result<u16, String> {
    let number = |digits: &str| match digits.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        }
        _ => None,
    };
    let parts = text.split_once(':').and_then(|(h, m)| Some((number(h)?, number(m)?)));
    let name = shown(text);
    match parts {
        None if text.is_empty() => Err("a time is missing before or after `-`".to_owned()),
        None if text.matches(':').count() == 2 => {
            Err(format!("`{name}` has seconds; a time is hours and minutes, such as `08:00`"))
        }
        None => Err(format!("`{name}` is not a time, which has four digits, such as `08:00`")),
        Some((_, minutes)) if minutes > 59 => {
            Err(format!("there is no {name}: minutes end with 59"))
        }
        Some((hours, minutes)) if hours * 60 + minutes > DAY => {
            Err(format!("there is no {name}: a day ends at 24:00, and the next begins with 00:00"))
        }
        Some((hours, minutes)) => Ok(hours * 60 + minutes),
    }
}

pub(super) fn strict_dates(text: &str) -> Result<Dates, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let dates = Dates { first: strict_date(first)?, last: strict_date(last)? };
    if dates.last < dates.first {
        return Err(format!("`{}` ends before it begins", shown(text)));
    }
    Ok(dates)
}

fn strict_date(text: &str) -> Result<Date, String> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    let (year, month, day) = match *parts {
        [y, m, d] if [y, m, d].map(str::len) == [4, 2, 2] && [y, m, d].into_iter().all(digits) => {
            (y.parse().unwrap_or(0), m.parse().unwrap_or(0), d.parse().unwrap_or(0))
        }
        _ if text.is_empty() => return Err("a date is missing before or after `..`".to_owned()),
        _ => {
            return Err(format!(
                "`{}` is not a date, which is written year, month, day, like `2026-01-31`",
                shown(text)
            ));
        }
    };
    if !(1..=12).contains(&month) {
        return Err(format!("there is no {text}: a year has the months 01 to 12"));
    }
    Date::new(year, month, day).map_err(|_| {
        let length = Date::new(year, month, 1).map_or(0, Date::days_in_month);
        format!("there is no {text}: this month has {length} days")
    })
}
