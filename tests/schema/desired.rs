//! The shape of a desired file.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::shared::{DeploymentId, Name, Text};

/// Days or dates, if any; then the hours.
const WINDOW: &str = concat!(
    r"^\s*(((Mon|Tue|Wed|Thu|Fri|Sat|Sun)(-(Mon|Tue|Wed|Thu|Fri|Sat|Sun))?(,|\s)\s*)+",
    r"|\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?\s+)?",
    r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)\s*$",
);

/// What is to be running and what stopped.
#[derive(JsonSchema)]
#[schemars(title = "evenkeel: desired file", deny_unknown_fields)]
pub(crate) struct DesiredFile {
    /// The time zone of schedules that name none, such as `Europe/Berlin`; UTC if there is none.
    pub(crate) timezone: Option<String>,
    /// An iCalendar file beside this one: the weekly windows of all schedules do not begin on its
    /// all-day events.
    pub(crate) holidays: Option<String>,
    /// Lets the held change with this id through.
    pub(crate) acknowledge: Option<OneOrMore<ChangeId>>,
    /// What an hour costs: `evenkeel diff` shows what an edit saves.
    pub(crate) prices: Option<Prices>,
    /// By name: when a deployment is to run.
    pub(crate) schedules: Option<BTreeMap<Name, Schedule>>,
    /// By deployment id (not by name). What is not named here is left as it is; an empty fleet is
    /// written `{}`.
    pub(crate) deployments: BTreeMap<DeploymentId, Entry>,
}

/// 8 hexadecimal digits. Where they look like a number, YAML takes them for one, and they are read
/// as they are written.
#[derive(JsonSchema)]
#[schemars(transparent, extend("type" = ["string", "number"]))]
pub(crate) struct ChangeId(#[schemars(regex(pattern = "^[0-9A-Fa-f]{8}$"))] pub(crate) String);

/// What an hour costs.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Prices {
    /// While it runs.
    pub(crate) running: Amount,
    /// While it is stopped.
    pub(crate) stopped: Amount,
}

/// An amount of money, with up to four decimals; the currency is that of the bill.
#[derive(JsonSchema)]
#[schemars(transparent, extend("type" = ["number", "string"], "minimum" = 0))]
pub(crate) struct Amount(#[schemars(regex(pattern = r"^\d+(\.\d{1,4})?$"))] pub(crate) String);

/// When a deployment is to run; it is stopped the rest of the time.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// Another schedule, to which this one adds.
    pub(crate) base: Option<Name>,
    /// Windows of local time.
    pub(crate) running: Option<OneOrMore<Window>>,
    /// The clocks that the windows are read on.
    pub(crate) timezone: Option<String>,
    /// An iCalendar file beside this one, or `none`.
    pub(crate) holidays: Option<String>,
    /// Start early enough to be running when a window begins.
    pub(crate) ready: Option<bool>,
    /// Dates on which the weekly windows do not begin.
    pub(crate) except: Option<OneOrMore<Exception>>,
}

/// One, or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum OneOrMore<T> {
    /// One.
    One(T),
    /// Several.
    Several(Vec<T>),
}

/// `Mon-Fri 08:00-19:00`, `22:00-02:00` (every day), `2026-12-05 10:00-14:00` (once). An end that
/// is not after the beginning belongs to the next day.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Window(#[schemars(regex(pattern = WINDOW))] pub(crate) String);

/// Dates that are not like the others: `state`, or the hours in `running`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Exception {
    /// `2026-12-24`, or `2026-12-24..2027-01-01` with both ends.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?$"))]
    pub(crate) dates: String,
    /// The state on these dates.
    pub(crate) state: Option<State>,
    /// The hours in which it runs on these dates instead.
    pub(crate) running: Option<OneOrMore<Window>>,
    /// Why, for people.
    pub(crate) reason: Option<Text>,
}

/// What a deployment is to be.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum State {
    /// Serving clients.
    Running,
    /// Parked.
    Stopped,
}

/// `running`, `stopped`, or the name of a schedule.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Wanted {
    /// Always the same.
    State(State),
    /// By the clock.
    Schedule(Name),
}

/// A state or a schedule, or a map that says more.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Entry {
    /// The short form.
    Short(Wanted),
    /// The long form.
    Long(Box<Deployment>),
}

/// What is asked of one deployment.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Deployment {
    /// What it is to be.
    pub(crate) state: Wanted,
    /// The `deploymentName` that the API must report, or nothing is done.
    pub(crate) name: Option<Text>,
    /// Whose URL and key; `default` if not given.
    pub(crate) account: Option<Text>,
    /// Never stopped, whatever else the file says.
    pub(crate) protect: Option<bool>,
    /// Hands off: neither started nor stopped.
    pub(crate) suspend: Option<Suspend>,
    /// Another state for a while; it ends by itself.
    #[schemars(rename = "override")]
    pub(crate) exception: Option<Override>,
    /// What an hour of this one costs.
    pub(crate) prices: Option<Prices>,
}

/// A reason, or a reason and an end.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Suspend {
    /// Until the line leaves the file.
    Reason(#[schemars(length(min = 1))] String),
    /// Until then.
    Until(SuspendUntil),
}

/// Hands off for a while.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SuspendUntil {
    /// Why, for people.
    pub(crate) reason: Text,
    /// RFC 3339 with an offset, such as `2026-12-01T18:00:00+01:00`.
    pub(crate) until: Option<String>,
}

/// Another state for a while.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Override {
    /// The state meanwhile.
    pub(crate) state: State,
    /// RFC 3339 with an offset, such as `2026-11-27T22:00:00+01:00`.
    pub(crate) until: String,
    /// Why, for people.
    pub(crate) reason: Option<Text>,
}
