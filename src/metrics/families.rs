//! What is measured: the one declaration of every family that this program adds.

use std::fmt::{self, Write as _};

use prometheus::Opts;

/// The type of a family in the text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at each start of the process.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl Kind {
    /// The word of `# TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A family of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name; stable.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The names of its labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// What it means: one line, without backslash or line break.
    pub help: &'static str,
}

impl Family {
    /// What the prometheus crate's constructors want.
    pub(super) fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

/// Declares the families once: the doc comment is the help text, so neither can lag behind.
macro_rules! families {
    ($(
        $(#[doc = $help:literal])+
        $ident:ident = $kind:ident $name:literal [$($label:literal),*];
    )+) => {
        $(
            $(#[doc = $help])+
            pub(super) const $ident: Family = Family {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: concat!($($help),+).trim_ascii(),
            };
        )+

        /// All of them, in the order of the documentation.
        pub const FAMILIES: &[Family] = &[$($ident),+];
    };
}

families! {
    /// 1, for the version that runs.
    BUILD_INFO = Gauge "evenkeel_build_info" ["version"];
    /// 1 while this process is the one that acts, 0 while it stands by and says nothing of single
    /// accounts and deployments.
    LEADER = Gauge "evenkeel_leader" [];
    /// 1 while the ledger can be written; at 0 no call is sent.
    LEDGER_WRITABLE = Gauge "evenkeel_ledger_writable" [];
    /// 1 while configuration, web configuration and desired file as they are now are in force; at 0
    /// the last good ones stay in force.
    RELOAD_SUCCESSFUL = Gauge "evenkeel_config_last_reload_successful" [];
    /// When the desired file in force was accepted by this process; 0: never.
    RELOAD_SUCCESS_TIME = Gauge "evenkeel_config_last_reload_success_timestamp_seconds" [];
    /// 1 while the desired file as it is now is in force; at 0 its last good content stays so.
    DESIRED_FILE_VALID = Gauge "evenkeel_desired_file_valid" ["file"];
    /// Deployments that the desired file names.
    DEPLOYMENTS = Gauge "evenkeel_deployments" [];
    /// 1 for each deployment that the desired file names, with the account that it belongs to.
    DEPLOYMENT_INFO = Gauge "evenkeel_deployment_info" ["deployment", "account"];
    /// 1 if the deployment is wanted running, 0 if it is wanted stopped.
    DESIRED_RUNNING = Gauge "evenkeel_desired_running" ["deployment"];
    /// 1 for the status last seen, 0 for the others; `unknown` is any word that is not documented.
    /// All 0: not seen yet.
    DEPLOYMENT_STATUS = Gauge "evenkeel_deployment_status" ["deployment", "status"];
    /// 1 while the condition Synced is True, else 0. A suspended deployment is 0: nothing is
    /// compared while it is, so the condition is Unknown.
    DEPLOYMENT_IN_SYNC = Gauge "evenkeel_deployment_in_sync" ["deployment"];
    /// When the status was last seen; 0: not yet.
    LAST_OBSERVED = Gauge "evenkeel_deployment_last_observed_timestamp_seconds" ["deployment"];
    /// 1 for the present reason of the condition Synced; the other reasons have no series.
    DEPLOYMENT_CONDITION = Gauge "evenkeel_deployment_condition" ["deployment", "reason"];
    /// Position in the line for a start or stop that the whole account shares, 1 for who comes
    /// next; no series while it waits in none.
    QUEUE_POSITION = Gauge "evenkeel_queue_position" ["deployment"];
    /// When the turn of a deployment in line comes, if each before it takes its own; no series
    /// while that depends on a call under way.
    QUEUE_ETA = Gauge "evenkeel_queue_eta_timestamp_seconds" ["deployment"];
    /// Stops that the mass-stop guard holds until the desired file acknowledges them.
    GUARD_HELD_STOPS = Gauge "evenkeel_guard_held_stops" [];
    /// When time alone may next change what is wanted: a schedule's next edge, or the end of an
    /// override or of a suspension, whichever comes first; no series where there is none.
    NEXT_TRANSITION =
        Gauge "evenkeel_schedule_next_transition_timestamp_seconds" ["deployment"];
    /// For how long the deployment was last seen in the status, as far as this process saw: the
    /// time between two looks counts as what the first one saw; `unknown` is any word that is not
    /// documented.
    STATE_SECONDS =
        Counter "evenkeel_deployment_state_seconds_total" ["deployment", "status"];
    /// How much earlier than a window begins its start is sent, by the starts that the deployment
    /// has shown; only where the schedule says `ready: true`.
    START_LEAD = Gauge "evenkeel_start_lead_seconds" ["deployment"];
    /// 1 while the deployment should be running since its window began, and has not been; only
    /// where the schedule says `ready: true`.
    LATE = Gauge "evenkeel_deployment_late" ["deployment"];
    /// 1 while a temporary wish stands over the desired file; `kind` is `override` or `suspend`.
    WISH_ACTIVE = Gauge "evenkeel_wish_active" ["deployment", "kind"];
    /// Calls of the method that could be sent for the deployment now.
    BUDGET_REMAINING = Gauge "evenkeel_budget_remaining" ["deployment", "method"];
    /// When a start or stop is next allowed, not in the future if it is allowed now; no series
    /// while that depends on a call under way.
    BUDGET_RESET = Gauge "evenkeel_budget_reset_timestamp_seconds" ["deployment", "method"];
    /// Starts and stops by what came of them: `accepted` (2xx), `limited` (429), `refused` (other
    /// 4xx), `failed` (any other answer), `unanswered`, `never_left`.
    ACTIONS = Counter "evenkeel_actions_total" ["deployment", "action", "outcome"];
    /// How often a settled deployment left the desired state without this daemon's doing.
    REVERSALS = Counter "evenkeel_reversals_total" ["deployment"];
    /// 1 while the API refuses the account's key (401).
    ACCOUNT_UNAUTHORIZED = Gauge "evenkeel_account_unauthorized" ["account"];
    /// Calls of the account under way.
    ACCOUNT_IN_FLIGHT = Gauge "evenkeel_account_requests_in_flight" ["account"];
    /// 1 while the method is counted over the whole account, by configuration or after a 429 that
    /// the count per deployment could not explain.
    ACCOUNT_WIDENED = Gauge "evenkeel_account_limit_widened" ["account", "method"];
    /// Calls of a method counted over the whole account that could be sent now.
    ACCOUNT_BUDGET = Gauge "evenkeel_account_budget_remaining" ["account", "method"];
    /// Calls to the API by HTTP status code, or `unanswered` (it may have arrived), or `never_left`
    /// (not one byte was sent).
    API_REQUESTS = Counter "evenkeel_api_requests_total" ["method", "code"];
    /// From writing a request to the head of its answer or to giving up; without those that never
    /// left.
    API_DURATION = Histogram "evenkeel_api_request_duration_seconds" ["method"];
    /// 429s that this daemon's own count cannot explain: something else uses the key, or the limit
    /// counts over more than one deployment.
    UNEXPECTED_429 = Counter "evenkeel_unexpected_429_total" ["method"];
    /// Messages to the receivers of `notify` that came to their end: `delivered`, `refused` (by the
    /// receiver, for good), `expired` (not taken within a day), `dropped` (more than 64 were
    /// waiting), `gone` (the receiver answered 410 and gets no more).
    NOTIFICATIONS = Counter "evenkeel_notifications_total" ["receiver", "outcome"];
    /// Messages that wait for the receiver, the one under way among them.
    NOTIFICATIONS_WAITING = Gauge "evenkeel_notifications_waiting" ["receiver"];
    /// When the receiver last took a message; 0: not in this process.
    NOTIFICATION_SUCCESS =
        Gauge "evenkeel_notification_last_success_timestamp_seconds" ["receiver"];
    /// Notices that came too fast to be looked at for messages; more than 0 means that some are
    /// missing.
    NOTICES_UNHEARD = Counter "evenkeel_notices_unheard_total" [];
    /// How often the wall clock was set while this process ran.
    CLOCK_STEPS = Counter "evenkeel_clock_steps_total" [];
}

/// The families of the prometheus crate's process collector (Linux only).
pub const PROCESS_FAMILIES: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

/// The documentation's table of all families, as Markdown, with a line break at the end.
pub fn families_table() -> String {
    let mut out = String::from("| metric | type | meaning |\n| --- | --- | --- |\n");
    for family in FAMILIES {
        let labels = match family.labels {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{}{labels}` | {} | {} |", family.name, family.kind, family.help);
    }
    let names = PROCESS_FAMILIES.map(|name| format!("`{name}`")).join(", ");
    let _ = writeln!(out, "| {names} | | The usual figures of the process (Linux). |");
    out
}
