//! The one recurrence that is read: the same date every year.

use jiff::civil::Date;

use crate::yaml::shown;

use super::calendar::{INSTEAD, read_date};

/// The years in which a recurrence is followed. A schedule is asked for the days to come, and a
/// rule without an end has to end somewhere.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// `RRULE:FREQ=YEARLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    interval: u16,
    count: Option<u16>,
    until: Option<Date>,
}

impl Rule {
    /// Reads the rule of an event that begins on `first`.
    ///
    /// # Errors
    /// Says what of it is not read, and what to write instead.
    pub(super) fn read(text: &str, first: Date) -> Result<Self, String> {
        let refused = || format!("`RRULE:{}` is not read; {INSTEAD}", shown(text));
        let mut rule = Self { interval: 1, count: None, until: None };
        let mut yearly = false;
        for part in text.trim().trim_end_matches(';').split(';') {
            let (name, value) = part.split_once('=').ok_or_else(refused)?;
            let number = || value.parse().ok().filter(|number: &u16| *number > 0);
            match name.to_ascii_uppercase().as_str() {
                "FREQ" if value.eq_ignore_ascii_case("YEARLY") => yearly = true,
                "INTERVAL" => rule.interval = number().ok_or_else(refused)?,
                "COUNT" => rule.count = Some(number().ok_or_else(refused)?),
                "UNTIL" => {
                    let date = value.get(..8).and_then(read_date);
                    rule.until = Some(date.ok_or_else(refused)?);
                }
                // These only repeat what the first date says.
                "BYMONTH" if number() == u16::try_from(first.month()).ok() => (),
                "BYMONTHDAY" if number() == u16::try_from(first.day()).ok() => (),
                "WKST" => (),
                _ => return Err(refused()),
            }
        }
        let ends_twice = rule.count.is_some() && rule.until.is_some();
        if yearly && !ends_twice { Ok(rule) } else { Err(refused()) }
    }
}

/// The dates of an event that begins on `first`, by its rule: one date if it has none. A 29th of
/// February is in leap years only.
pub(super) fn yearly(first: Date, rule: Option<Rule>) -> Vec<Date> {
    let Some(Rule { interval, count, until }) = rule else { return vec![first] };
    let years = (first.year()..=*YEARS.end()).step_by(interval.into());
    let dates = years.filter_map(|year| Date::new(year, first.month(), first.day()).ok());
    dates
        .take(count.map_or(usize::MAX, usize::from))
        .take_while(|date| until.is_none_or(|until| *date <= until))
        .filter(|date| YEARS.contains(&date.year()))
        .collect()
}
