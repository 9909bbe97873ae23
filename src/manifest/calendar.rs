//! Holidays from an iCalendar file (RFC 5545): the events that take whole days.
//!
//! Strict and small. What would change which days are meant, and is not read here, is a fault that
//! says what to do instead; nothing is left out in silence.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::keel::schedule::Dates;
use crate::yaml::{Source, printable, shown};

use super::recurrence::{Rule, yearly};

/// Most holidays of one file: those of every country for a decade.
pub(super) const HOLIDAYS_MAX: usize = 4000;

/// Most days of one event. Nobody's holiday is longer than a year.
const DAYS_MAX: i64 = 366;

/// Longest summary that is kept, in characters.
const SUMMARY_MAX: usize = 100;

/// What to write instead of what is not read.
pub(super) const INSTEAD: &str = "give each date an event of its own";

/// A fault's line, from 1 (0: of the file as a whole), and what is wrong.
pub(super) type Fault = (usize, String);

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Calendar {
    /// By date.
    pub(super) holidays: BTreeSet<(Dates, Box<str>)>,
    /// Odd, but valid.
    pub(super) warnings: Vec<Fault>,
}

/// Reads an iCalendar file.
///
/// # Errors
/// All that is wrong with it, line by line.
pub(super) fn calendar(bytes: &[u8]) -> Result<Calendar, Vec<Fault>> {
    let source = Source::new("", bytes)
        .map_err(|problem| vec![(problem.line() as usize, problem.message)])?;
    let mut reader = Reader::default();
    for (line, text) in unfolded(&source.text) {
        if !reader.begun && !text.trim().eq_ignore_ascii_case("BEGIN:VCALENDAR") {
            // Nothing of it is shown: a path may lead to a credential, and reports to the log.
            let message = "expected `BEGIN:VCALENDAR`: this is no iCalendar file".to_owned();
            return Err(vec![(line, message)]);
        }
        match property(&text) {
            Some(property) => reader.take(Line { line, ..property }),
            None => {
                let text = shown(&text);
                reader.fault(line, format!("expected `NAME:value`, found `{text}`"));
            }
        }
    }
    reader.finish()
}

/// One content line.
#[derive(Clone, Debug)]
struct Line {
    line: usize,
    name: String,
    value: String,
}

/// The content lines with the number of the line that each begins in.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            (Some(_), None) | (None, _) if line.trim().is_empty() => (),
            (Some(_), None) | (None, _) => lines.push((number, line.to_owned())),
        }
    }
    lines
}

/// Name and value. A colon in quotes belongs to a parameter; what the parameters say shows in the
/// value, too: a date has eight digits, a time has a `T`.
fn property(text: &str) -> Option<Line> {
    let mut quoted = false;
    let colon = text.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let (head, value) = (&text[..colon], &text[colon + 1..]);
    let name = head.split(';').next().unwrap_or_default();
    let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if name.is_empty() || !name.bytes().all(letters) {
        return None;
    }
    let name = name.to_ascii_uppercase();
    Some(Line { line: 0, name, value: value.to_owned() })
}

#[derive(Debug, Default)]
struct Reader {
    /// What has begun and not ended: `VCALENDAR`, `VEVENT`.
    open: Vec<(usize, String)>,
    begun: bool,
    event: Vec<Line>,
    timed: Vec<usize>,
    found: Calendar,
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, line: usize, message: impl Into<String>) {
        self.faults.push((line, message.into()));
    }

    fn take(&mut self, line: Line) {
        let word = line.value.trim().to_ascii_uppercase();
        match (&*line.name, self.open.len()) {
            ("BEGIN", 0) if word == "VCALENDAR" => {
                self.begun = true;
                self.open.push((line.line, word));
            }
            (_, 0) => self.fault(line.line, "text behind `END:VCALENDAR`"),
            ("BEGIN", depth) => {
                if depth == 1 {
                    self.event.clear();
                }
                self.open.push((line.line, word));
            }
            ("END", depth) => self.end(&line, &word, depth),
            (_, 2) if self.open[1].1 == "VEVENT" => self.event.push(line),
            (_, _) => (),
        }
    }

    fn end(&mut self, line: &Line, word: &str, depth: usize) {
        let Some((begin, name)) = self.open.pop() else { return };
        if name != word {
            let word = shown(word);
            let message = format!("`END:{word}`, but line {begin} has begun `{}`", shown(&name));
            self.fault(line.line, message);
        } else if depth == 2 && name == "VEVENT" {
            let lines = std::mem::take(&mut self.event);
            if let Err(fault) = self.event(begin, &lines) {
                self.faults.push(fault);
            }
        }
    }

    fn event(&mut self, begin: usize, lines: &[Line]) -> Result<(), Fault> {
        let named = |name: &str| lines.iter().filter(|line| line.name == name).collect::<Vec<_>>();
        let single = |name: &str| match *named(name) {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            [_, second, ..] => Err((second.line, format!("a second `{name}` in one event"))),
        };
        let cancelled = |line: &Line| line.value.trim().eq_ignore_ascii_case("CANCELLED");
        if single("STATUS")?.is_some_and(cancelled) {
            return Ok(());
        }
        let start = single("DTSTART")?.ok_or((begin, "an event without `DTSTART`".to_owned()))?;
        if start.value.contains('T') {
            self.timed.push(begin);
            return Ok(());
        }
        let first = date(start)?;
        let days = match (single("DTEND")?, single("DURATION")?) {
            (None, None) => 1,
            (Some(end), None) => days_until(first, end)?,
            (None, Some(duration)) => whole_days(duration)?,
            (Some(_), Some(both)) => {
                return Err((both.line, "both `DTEND` and `DURATION` in one event".to_owned()));
            }
        };
        for name in ["RDATE", "EXDATE", "RECURRENCE-ID", "EXRULE"] {
            if let Some(line) = named(name).first() {
                return Err((line.line, format!("`{name}` is not read; {INSTEAD}")));
            }
        }
        let rule = single("RRULE")?
            .map(|line| Rule::read(&line.value, first).map_err(|message| (line.line, message)));
        let summary: Box<str> = single("SUMMARY")?.map(summary).unwrap_or_default().into();
        for first in yearly(first, rule.transpose()?) {
            let last = first.saturating_add(jiff::Span::new().days(days - 1));
            self.found.holidays.insert((Dates { first, last }, summary.clone()));
        }
        if self.found.holidays.len() > HOLIDAYS_MAX {
            self.found.holidays.clear();
            return Err((begin, format!("these are more than {HOLIDAYS_MAX} holidays")));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Calendar, Vec<Fault>> {
        if let Some((line, name)) = self.open.pop() {
            let name = shown(&name);
            self.fault(line, format!("`BEGIN:{name}` has no end; is the file cut short?"));
        }
        if !self.begun && self.faults.is_empty() {
            self.fault(0, "the file is empty; expected `BEGIN:VCALENDAR`");
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        if let [first, rest @ ..] = &*self.timed {
            let count = rest.len() + 1;
            let (are, events) = if count == 1 { ("is", "event") } else { ("are", "events") };
            let message = format!(
                "{count} {events} with a time of day {are} ignored; a holiday has \
                 `DTSTART;VALUE=DATE:20261225`"
            );
            self.found.warnings.push((*first, message));
        } else if self.found.holidays.is_empty() {
            self.found.warnings.push((0, "there is no holiday in it".to_owned()));
        }
        Ok(self.found)
    }
}

fn date(line: &Line) -> Result<Date, Fault> {
    read_date(line.value.trim()).ok_or_else(|| {
        let (name, value) = (&line.name, shown(&line.value));
        (line.line, format!("`{name}`: `{value}` is not a date such as `20261225`"))
    })
}

/// `20261225`.
pub(super) fn read_date(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (&text[..4], &text[4..6], &text[6..]);
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `DTEND` is the day after the last; the same day as the first is one day, as many write it.
fn days_until(first: Date, end: &Line) -> Result<i64, Fault> {
    let last = date(end)?;
    let days = first.until(last).map_or(i64::MAX, |span| span.get_days().into());
    if days < 0 {
        return Err((end.line, "`DTEND` is before `DTSTART`".to_owned()));
    }
    bounded(days.max(1), end)
}

fn whole_days(line: &Line) -> Result<i64, Fault> {
    let text = line.value.trim();
    let bare = text.strip_prefix('+').unwrap_or(text).strip_prefix('P');
    let days = bare.and_then(|bare| {
        let (digits, unit) = bare.split_at_checked(bare.len().checked_sub(1)?)?;
        let unit = match unit {
            "D" => 1,
            "W" => 7,
            _ => return None,
        };
        let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
        i64::checked_mul(number, unit).filter(|days| *days > 0)
    });
    let bad = || format!("`DURATION`: `{}` is not whole days or weeks, like `P2D`", shown(text));
    bounded(days.ok_or_else(|| (line.line, bad()))?, line)
}

fn bounded(days: i64, line: &Line) -> Result<i64, Fault> {
    if days <= DAYS_MAX {
        return Ok(days);
    }
    Err((line.line, format!("`{}`: a holiday of more than {DAYS_MAX} days", line.name)))
}

/// On one line, without the escapes of the format.
fn summary(line: &Line) -> String {
    let mut out = String::new();
    let mut letters = line.value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next().map(|c| if "nN".contains(c) { ' ' } else { c })),
            letter => out.push(letter),
        }
    }
    let spaced = |c: char| if c.is_whitespace() { ' ' } else { c };
    let shown = out.trim().chars().map(spaced).flat_map(printable).take(SUMMARY_MAX);
    shown.collect::<String>().trim_end().to_owned()
}
