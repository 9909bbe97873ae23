//! The parameters of the paths under `/api/v1`. A name that was mistyped must not show everything
//! as if nothing had been asked.

use std::borrow::Cow;

use crate::keel::deployment::DeploymentId;

/// For how many days a timeline goes back, unless it is asked for more.
pub(super) const DAYS: u32 = 7;

/// A century: longer than anything is remembered, and far from where the calendar ends.
pub(super) const DAYS_MAX: u32 = 36_525;

/// Nothing was asked.
pub(super) fn none(query: Option<&str>) -> Result<(), String> {
    match pairs(query).next() {
        Some((key, value)) => {
            Err(format!("`{key}={value}` is not understood: this path takes no parameters"))
        }
        None => Ok(()),
    }
}

/// `days`.
pub(super) fn days(query: Option<&str>) -> Result<u32, String> {
    let Some(days) = parameter(query, "days")? else { return Ok(DAYS) };
    let digits = days.bytes().all(|byte| byte.is_ascii_digit());
    let number = days.parse().ok().filter(|days| digits && (1..=DAYS_MAX).contains(days));
    number.ok_or_else(|| {
        format!("`days={days}` is no number of days from 1 to {DAYS_MAX}; write it like `days=7`")
    })
}

/// `deployment`.
pub(super) fn deployment(query: Option<&str>) -> Result<Option<DeploymentId>, String> {
    let id = parameter(query, "deployment")?;
    let parse = |id: Cow<'_, str>| DeploymentId::parse(&id);
    id.map(parse).transpose().map_err(|fault| format!("`deployment`: {fault}"))
}

/// The value of the one parameter that a path has.
fn parameter<'a>(query: Option<&'a str>, name: &str) -> Result<Option<Cow<'a, str>>, String> {
    let mut found = None;
    for (key, value) in pairs(query) {
        if key != name {
            return Err(format!("`{key}={value}` is not understood; expected `{name}=…`"));
        }
        if found.replace(value).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    Ok(found)
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}
