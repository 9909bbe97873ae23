//! Instants as the desired file writes them.

use jiff::fmt::temporal::Pieces;
use jiff::{Timestamp, ZonedDateTime};

use crate::keel::time::Wall;

/// What an instant looks like.
const LIKE: &str = "such as `2026-12-01T18:00:00+01:00`";

/// Reads RFC 3339 with an offset; a time zone in brackets behind it must agree with the offset.
///
/// # Errors
/// Says what is missing.
pub fn instant(text: &str) -> Result<Wall, String> {
    let unreadable =
        || format!("`{}` is not a time; write it with an offset, {LIKE}", text.escape_debug());
    let pieces = Pieces::parse(text).map_err(|_| unreadable())?;
    let bare = text.split('[').next().unwrap_or_default();
    if pieces.time().is_none() {
        return Err(format!("`{text}` is a date; add the time of day and its offset, {LIKE}"));
    }
    if pieces.offset().is_none() {
        return Err(format!(
            "`{text}` has no offset from UTC, so it is another instant in every place; add one: \
             `{bare}Z` is UTC, `{bare}+01:00` is an hour ahead of it"
        ));
    }
    if pieces.time_zone_annotation().is_none() {
        return text.parse::<Timestamp>().map(Wall::from).map_err(|_| unreadable());
    }
    match text.parse::<ZonedDateTime>() {
        Ok(zoned) => Ok(zoned.timestamp().into()),
        Err(_) => Err(format!(
            "`{text}`: there is no such time zone, or it has another offset then; the offset alone \
             is enough, {LIKE}"
        )),
    }
}
