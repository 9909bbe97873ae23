//! The two readings of a clock, passed in with every event, and durations as people write them.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Signed milliseconds, all but the least number. So an instant that may be missing takes no more
/// room than one that is there, and a large fleet has many of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
struct Millis(NonZeroU64);

impl Millis {
    /// Turned over, so that the order is that of the signed numbers.
    const SIGN: u64 = 1 << 63;

    /// The least number becomes the one behind it.
    const fn new(number: i64) -> Self {
        match NonZeroU64::new(number.cast_unsigned() ^ Self::SIGN) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MIN),
        }
    }

    const fn get(self) -> i64 {
        (self.0.get() ^ Self::SIGN).cast_signed()
    }

    fn since(self, earlier: Self) -> Duration {
        let millis = self.get().saturating_sub(earlier.get());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    const fn shifted(self, millis: i64) -> Self {
        Self::new(self.get().saturating_add(millis))
    }
}

impl Default for Millis {
    fn default() -> Self {
        Self::new(0)
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

impl From<i64> for Millis {
    fn from(number: i64) -> Self {
        Self::new(number)
    }
}

impl From<Millis> for i64 {
    fn from(millis: Millis) -> Self {
        millis.get()
    }
}

/// Elapsed since this machine booted, suspend included. Never goes back, never jumps; means nothing
/// in another [`Boot`].
///
/// Signed, because an instant of an earlier boot may be placed before this one began.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Mono(Millis);

impl Mono {
    /// The instant `millis` milliseconds after boot.
    pub const fn from_millis(millis: i64) -> Self {
        Self(Millis::new(millis))
    }

    /// Milliseconds after boot.
    pub const fn millis(self) -> i64 {
        self.0.get()
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// Moves by a signed number of milliseconds.
    pub const fn shifted(self, millis: i64) -> Self {
        Self(self.0.shifted(millis))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        self.shifted(whole_millis(rhs))
    }
}

impl Sub<Duration> for Mono {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        self.shifted(whole_millis(rhs).saturating_neg())
    }
}

/// Rounds up: a hold that ends between two milliseconds ends at the later one.
fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// What the wall clock reads: milliseconds since 1970-01-01T00:00:00Z. It may step either way.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(Millis);

impl Wall {
    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(Millis::new(millis))
    }

    /// Milliseconds after the epoch.
    pub const fn millis(self) -> i64 {
        self.0.get()
    }

    /// Seconds after the epoch, as Prometheus wants them.
    pub fn seconds(self) -> f64 {
        let seconds = Duration::from_millis(self.millis().unsigned_abs()).as_secs_f64();
        if self.millis() < 0 { -seconds } else { seconds }
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// Moves by a signed number of milliseconds.
    pub const fn shifted(self, millis: i64) -> Self {
        Self(self.0.shifted(millis))
    }

    /// As a clock in `zone` reads it, and in UTC: `2026-11-26 08:00 Europe/Berlin (07:00Z)`.
    pub fn local(self, zone: &jiff::tz::TimeZone) -> String {
        let here = zone.to_datetime(self.timestamp());
        let utc = jiff::tz::TimeZone::UTC.to_datetime(self.timestamp());
        let hours = if here.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        let name = zone.iana_name().unwrap_or("UTC");
        if name == "UTC" {
            return here.strftime(&format!("%F {hours}Z")).to_string();
        }
        let date = if here.date() == utc.date() { "" } else { "%F " };
        let utc = utc.strftime(&format!("{date}{hours}Z")).to_string();
        format!("{} {name} ({utc})", here.strftime(&format!("%F {hours}")))
    }

    /// The same instant for calendar work; clamped to the years that a calendar holds.
    pub fn timestamp(self) -> jiff::Timestamp {
        let (least, most) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        let clamped = self.millis().clamp(least.as_millisecond(), most.as_millisecond());
        jiff::Timestamp::from_millisecond(clamped).unwrap_or(most)
    }
}

impl Add<Duration> for Wall {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        self.shifted(whole_millis(rhs))
    }
}

impl Sub<Duration> for Wall {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        self.shifted(whole_millis(rhs).saturating_neg())
    }
}

impl From<jiff::Timestamp> for Wall {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self::from_millis(timestamp.as_millisecond())
    }
}

/// RFC 3339 in UTC, to the second.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.timestamp().round(jiff::Unit::Second).unwrap_or(self.timestamp()))
    }
}

/// Which clock domain a [`Mono`] belongs to: one boot of one machine in one time namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boot(pub u64);

/// One reading of the machine's clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// The clock domain of [`Now::mono`].
    pub boot: Boot,
    /// Elapsed since that boot.
    pub mono: Mono,
    /// What the wall clock read at the same moment.
    pub wall: Wall,
}

impl Now {
    /// What the wall clock will read (or read) at `mono`, if nobody sets it.
    pub const fn wall_at(&self, mono: Mono) -> Wall {
        self.wall.shifted(mono.millis().saturating_sub(self.mono.millis()))
    }

    /// When the wall clock will read `wall`, if nobody sets it.
    pub const fn mono_at(&self, wall: Wall) -> Mono {
        self.mono.shifted(wall.millis().saturating_sub(self.wall.millis()))
    }
}

/// Reads a duration as the configuration writes it: `90s`, `60m`, `1h30m`, `250ms`, `2d`.
///
/// # Errors
/// Says what a duration looks like, when `text` is not one.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a duration; write it like `90s`, `60m` or `1h30m`");
    let (mut rest, mut total, mut last_unit) = (text, 0u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let millis = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1;
        if millis >= last_unit {
            return Err(bad());
        }
        let number: u64 = number.parse().map_err(|_| bad())?;
        total = number.checked_mul(millis).and_then(|n| n.checked_add(total)).ok_or_else(bad)?;
        (rest, last_unit) = (tail, millis);
    }
    if last_unit == u64::MAX || total > DURATION_MAX {
        return Err(bad());
    }
    Ok(Duration::from_millis(total))
}

/// Units from the largest down, as they must appear.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A century: far past any sense, and far from overflow.
const DURATION_MAX: u64 = 36_525 * 86_400_000;

/// Writes a duration as [`parse_duration`] reads it, shortest form: `1h30m`, `90ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, millis) in UNITS {
        if rest >= millis {
            out.push_str(&format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}
