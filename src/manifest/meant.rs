//! What people write when they mean a window, in the one spelling that there is.
//!
//! Guesses: they become "did you mean …?" and are never acted on. Each is read strictly before it
//! is offered.

use crate::yaml::closest;

use super::window::{DAYS, strict_dates, strict_window};

/// What editors and web pages make of a hyphen.
pub(super) const DASHES: [char; 6] =
    ['\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}'];

/// Words between two times or dates.
const TO: [&str; 5] = [" to ", " until ", " till ", " through ", " bis "];

/// Longer texts are no window of any spelling.
const LENGTH_MAX: usize = 100;

/// The window that `text` means.
pub(super) fn window(text: &str) -> Option<String> {
    let text = plain(text)?;
    let mut words: Vec<&str> = text.split(' ').collect();
    // `08:00-19:00 Mon-Fri`
    if words.len() > 1 && span(words[0]).is_some() && words[0].contains(':') {
        words.rotate_left(1);
    }
    let (hours, on) = words.split_last()?;
    // `Mon-Fri,08:00-19:00`
    let (last, hours) = hours.rsplit_once(',').unwrap_or(("", hours));
    let on: Vec<&str> = on.iter().copied().chain([last]).filter(|word| !word.is_empty()).collect();
    let found = match &*on {
        [] => span(hours)?,
        [one] if one.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{} {}", dates(one)?, span(hours)?)
        }
        words => format!("{}{}", days(&words.join(","))?, span(hours)?),
    };
    strict_window(&found).is_ok().then_some(found)
}

/// The hours that `text` means.
pub(super) fn hours(text: &str) -> Option<String> {
    let found = span(&plain(text)?)?;
    strict_window(&found).is_ok().then_some(found)
}

/// The dates that `text` means.
pub(super) fn dates(text: &str) -> Option<String> {
    let text = plain(text)?;
    let found = match text.split_once("..") {
        Some((first, last)) => format!("{}..{}", date(first)?, date(last)?),
        None => match date(&text) {
            Some(date) => date,
            // `2026-12-24-2027-01-01`, `2026-12-24/2027-01-01`: two dates and what joins them.
            None => format!("{}..{}", date(text.get(..10)?)?, date(text.get(11..)?)?),
        },
    };
    strict_dates(&found).is_ok().then_some(found)
}

/// Whether `text` means days and nothing else.
pub(super) fn is_days(text: &str) -> bool {
    plain(text).and_then(|text| days(&text)).is_some()
}

/// One kind of hyphen, and spaces only between words.
fn plain(text: &str) -> Option<String> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let hyphens = |c: char| if DASHES.contains(&c) { '-' } else { c };
    let mut text: String = text.chars().map(hyphens).collect();
    text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text = text.replace(" from ", " ");
    for word in TO {
        text = text.replace(word, "-");
    }
    text = text.replace('…', "..").replace("...", "..");
    for sign in ["-", ",", "..", "am", "pm", "AM", "PM"] {
        text = text.replace(&format!(" {sign}"), sign);
    }
    for sign in ["-", ",", ".."] {
        text = text.replace(&format!("{sign} "), sign);
    }
    Some(text)
}

/// Days and a space, or nothing for every day.
fn days(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "daily" | "everyday" | "every,day" => return Some(String::new()),
        "weekdays" | "workdays" => return Some("Mon-Fri ".to_owned()),
        "weekend" | "weekends" => return Some("Sat,Sun ".to_owned()),
        _ => (),
    }
    let parts = text.trim_end_matches(':').split(',').map(|part| match part.split_once('-') {
        Some((first, last)) => Some(format!("{}-{}", day(first)?, day(last)?)),
        None => day(part).map(str::to_owned),
    });
    Some(parts.collect::<Option<Vec<_>>>()?.join(",") + " ")
}

fn day(text: &str) -> Option<&'static str> {
    const LONG: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = text.to_ascii_lowercase();
    let begins =
        |word: &str| LONG.iter().position(|long| word.len() >= 2 && long.starts_with(word));
    let found = begins(&lower).or_else(|| begins(lower.strip_suffix('s')?));
    found.map(|index| DAYS[index].0).or_else(|| closest(text, &DAYS.map(|(word, _)| word)))
}

fn span(text: &str) -> Option<String> {
    let (begin, end) = text.split_once('-')?;
    // `9am-5`: nobody knows which five.
    let halves = |text: &str| text.to_ascii_lowercase().ends_with('m');
    if halves(begin) && !halves(end) {
        return None;
    }
    let ((begin, from), (end, to)) = (time(begin)?, time(end)?);
    let next_day = (end, to) > (24, 0);
    let span = format!("{begin:02}:{from:02}-{:02}:{to:02}", if next_day { end - 24 } else { end });
    Some(if span == "00:00-00:00" { "00:00-24:00".to_owned() } else { span })
}

/// Hours and minutes.
fn time(text: &str) -> Option<(u16, u16)> {
    let lower = text.to_ascii_lowercase();
    let half = ["am", "pm"].into_iter().find(|half| lower.ends_with(half));
    let bare = half.map_or(&*lower, |half| lower.trim_end_matches(half));
    if !bare.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.') {
        return None;
    }
    let parts: Vec<&str> = bare.split([':', '.']).collect();
    let (hour, minute) = match *parts {
        [hour] if hour.len() <= 2 => (hour, "0"),
        [both] if both.len() <= 4 => both.split_at(both.len() - 2),
        [hour, minute] | [hour, minute, "00"] => (hour, minute),
        _ => return None,
    };
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match half {
        None => hour,
        Some(_) if hour == 0 || hour > 12 => return None,
        Some("pm") => hour % 12 + 12,
        Some(_) => hour % 12,
    };
    (hour < 48 && minute < 60).then_some((hour, minute))
}

/// In the order of the year where that is clear.
fn date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(['-', '.', '/']).collect();
    let (year, month, day) = match *parts {
        [one] if one.len() == 8 && one.is_ascii() => (&one[..4], &one[4..6], &one[6..]),
        [year, month, day] if year.len() == 4 => (year, month, day),
        // With dots the day comes first; with slashes, in some countries.
        [day, month, year] if year.len() == 4 && text.contains('.') => (year, month, day),
        _ => return None,
    };
    let (year, month, day): (u16, u8, u8) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}
