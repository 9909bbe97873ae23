//! The log: the exact line for each notice, and how lines look.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::keel::call::{Call, CallId, Fate, Request};
use evenkeel::keel::deployment::{AccountId, Action, DeploymentId, Desired, Status};
use evenkeel::keel::guard::Release;
use evenkeel::keel::intent::Rule;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::record::Cause;
use evenkeel::keel::time::{Mono, Wall};
use evenkeel::telemetry::{Format, line, subscriber, tell};
use tracing_subscriber::filter::LevelFilter;

/// 2026-11-24T03:10:00Z
const NOW: Wall = Wall::from_millis(1_795_489_800_000);

fn id() -> DeploymentId {
    DeploymentId::parse("w41b11c0").unwrap()
}

fn account() -> AccountId {
    AccountId::new("default")
}

fn start() -> Call {
    Call::act(account(), Action::Start, id())
}

fn read() -> Call {
    Call { account: account(), request: Request::Status(id()) }
}

fn list() -> Call {
    Call { account: account(), request: Request::List }
}

fn ended(call: Call, fate: Fate, fault: Option<&str>) -> Notice {
    let took = Duration::from_micros(312_900);
    Notice::CallEnded { id: CallId(42), call, took, fate, fault: fault.map(Into::into) }
}

const fn answered(code: u16) -> Fate {
    Fate::Answered { code, retry_after: None }
}

fn override_rule() -> Rule {
    Rule::Override(Some("load test".into()))
}

fn acting() -> Notice {
    let cause = Cause {
        desired: Desired::Running,
        rule: override_rule(),
        revision: "3f9c1a2b".into(),
        saw: Status::Stopped,
        seen: NOW,
    };
    Notice::Acting { id: CallId(42), deployment: id(), action: Action::Start, cause }
}

fn reason(from: Option<Reason>, to: Reason, message: &str) -> Notice {
    Notice::ReasonChanged { deployment: id(), from, to, message: message.into() }
}

fn status(from: Option<Status>, to: Status) -> Notice {
    Notice::StatusChanged { deployment: id(), from, to, at: Mono::default() }
}

fn late(by: Duration) -> Notice {
    let message = "stopped, wanted running; it has had its 1 start within 1h".into();
    let reason = Reason::WaitingForBudget;
    Notice::Late { deployment: id(), ready_by: NOW, by, reason, message }
}

fn on_time_at_last(runs: bool) -> Notice {
    let by = Duration::from_secs(192);
    Notice::LateNoMore { deployment: id(), ready_by: NOW, by, runs }
}

/// Every notice, in each of its moods.
fn notices() -> Vec<Notice> {
    vec![
        Notice::Recovered { open: 0, past: 0 },
        Notice::Recovered { open: 1, past: 1 },
        Notice::Recovered { open: 2, past: 30 },
        Notice::ManifestAccepted {
            revision: "3f9c1a2b".into(),
            deployments: 1,
            changed: 0,
            removed: 0,
        },
        Notice::ManifestAccepted {
            revision: "3f9c1a2b".into(),
            deployments: 12,
            changed: 2,
            removed: 1,
        },
        Notice::ManifestRefused { report: "desired.yaml:7:3: unknown key `stat`\n  7 | x".into() },
        Notice::ManifestMended { revision: "3f9c1a2b".into() },
        Notice::Left { deployment: id() },
        Notice::StopsHeld { change: "3f9c1a2b".into(), stops: 12, fleet: 20, since: NOW },
        Notice::StopsReleased { change: "3f9c1a2b".into(), stops: 12, why: Release::Acknowledged },
        Notice::StopsReleased { change: "3f9c1a2b".into(), stops: 1, why: Release::WithinLimits },
        Notice::DesiredChanged {
            deployment: id(),
            from: None,
            to: Desired::Stopped,
            rule: Rule::State,
        },
        Notice::DesiredChanged {
            deployment: id(),
            from: Some(Desired::Stopped),
            to: Desired::Running,
            rule: override_rule(),
        },
        status(None, Status::Stopped),
        status(Some(Status::Starting), Status::Running),
        status(Some(Status::Running), Status::from_word("upgrading")),
        acting(),
        ended(read(), answered(200), None),
        ended(read(), answered(503), Some("503 with `code` 9")),
        ended(read(), Fate::Unanswered, Some("timed out")),
        ended(list(), Fate::NeverLeft, Some("connection refused")),
        ended(start(), answered(201), None),
        ended(start(), answered(200), Some("the body is not what was asked for")),
        ended(start(), Fate::Answered { code: 429, retry_after: Some(90_000) }, None),
        ended(start(), Fate::Unanswered, Some("timed out")),
        ended(start(), Fate::NeverLeft, Some("connection refused")),
        Notice::Unexpected429 { call: list(), closed_until: NOW, widened_until: None },
        Notice::Unexpected429 { call: start(), closed_until: NOW, widened_until: Some(NOW) },
        reason(None, Reason::Unobserved, "not seen yet"),
        reason(Some(Reason::Unobserved), Reason::InSync, "running, as desired"),
        reason(Some(Reason::InSync), Reason::BackingOff, "503; again in 5s"),
        reason(Some(Reason::Starting), Reason::Stalled, "starting for 60m; look at the console"),
        Notice::SlowPassage { deployment: id(), status: Status::Starting, since: NOW },
        Notice::Reversed { deployment: id(), status: Status::Stopped, count: 1 },
        Notice::Reversed { deployment: id(), status: Status::Stopped, count: 2 },
        Notice::CredentialsRefused { account: account() },
        Notice::CredentialsAccepted { account: account() },
        Notice::ListCall { account: account(), available: true },
        Notice::ListCall { account: account(), available: false },
        Notice::ClockStepped { by: 5_400_000 },
        Notice::ClockStepped { by: -1500 },
        Notice::LedgerStuck { fault: "no space left on device".into() },
        Notice::LedgerFree,
        Notice::Leads { epoch: 1, before: None },
        Notice::Leads { epoch: 7, before: Some("node-a/4f1c09ab".into()) },
        Notice::Draining { in_flight: 0 },
        Notice::Draining { in_flight: 2 },
        Notice::DesiredChanged {
            deployment: id(),
            from: Some(Desired::Stopped),
            to: Desired::Running,
            rule: Rule::Schedule {
                name: "office-hours".into(),
                because: "Mon-Fri 08:00-19:00".into(),
            },
        },
        late(Duration::ZERO),
        late(Duration::from_millis(750_999)),
        on_time_at_last(true),
        on_time_at_last(false),
    ]
}

#[test]
fn what_each_notice_says() {
    let said: Vec<String> = notices()
        .iter()
        .map(line)
        .map(|line| format!("{:<5} {}\n", line.level.to_string(), line.message))
        .collect();
    insta::assert_snapshot!(said.concat());
}

#[test]
fn nothing_but_a_change_of_reason_tells_that_reads_fail() {
    for fate in [answered(200), answered(500), Fate::Unanswered, Fate::NeverLeft] {
        for call in [read(), list()] {
            assert_eq!(line(&ended(call, fate, Some("fault"))).level, tracing::Level::DEBUG);
        }
    }
}

#[test]
fn what_needs_a_person_is_a_warning() {
    for to in Reason::ALL.into_iter().filter(|reason| reason.needs_a_person()) {
        assert_eq!(line(&reason(None, to, "")).level, tracing::Level::WARN, "{to}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: Format, level: LevelFilter, colour: bool, say: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let log_to = move || writer.clone();
    let subscriber = subscriber(format, level, colour, Arc::new(|| NOW), log_to);
    tracing::subscriber::with_default(subscriber, say);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn tell_all() {
    notices().iter().for_each(tell);
}

#[test]
fn as_text() {
    insta::assert_snapshot!(logged(Format::Text, LevelFilter::DEBUG, false, tell_all));
}

#[test]
fn as_json() {
    let log = logged(Format::Json, LevelFilter::DEBUG, false, tell_all);
    for line in log.lines() {
        let _: serde_json::Value = serde_json::from_str(line).unwrap();
    }
    insta::assert_snapshot!(log);
}

#[test]
fn in_colour() {
    let log = logged(Format::Text, LevelFilter::INFO, true, || tell(&Notice::LedgerFree));
    let want = "\x1b[2m2026-11-24T03:10:00Z\x1b[0m \x1b[32m INFO\x1b[0m the ledger can be written \
                again\n";
    assert_eq!(log, want);
}

#[test]
fn words_of_others_cannot_forge_lines_or_move_the_cursor() {
    let notice = reason(None, Reason::Failed, "\x1b[2J\n2026 INFO all is well");
    let log = logged(Format::Text, LevelFilter::INFO, false, || tell(&notice));
    let want = "2026-11-24T03:10:00Z  WARN w41b11c0 Failed: \\u{1b}[2J\\n2026 INFO all is well  \
                deployment=w41b11c0\n";
    assert_eq!(log, want);
    let report = Notice::ManifestRefused { report: "one\n\x1b[2Jtwo".into() };
    let log = logged(Format::Text, LevelFilter::INFO, false, || tell(&report));
    assert!(log.ends_with("\n    one\n    \\u{1b}[2Jtwo\n"), "{log}");
}

#[test]
fn levels_filter_ours_and_others_are_heard_from_warnings_up() {
    let say = || {
        tell(&Notice::LedgerFree);
        tracing::info!(target: "notify", "chatter");
        tracing::warn!(target: "notify", size = 3, path = "a b", "overflow");
    };
    let theirs = "2026-11-24T03:10:00Z  WARN overflow  size=3 path=\"a b\"\n";
    assert_eq!(logged(Format::Text, LevelFilter::WARN, false, say), theirs);
    let ours = "2026-11-24T03:10:00Z  INFO the ledger can be written again\n";
    let both = format!("{ours}{theirs}");
    assert_eq!(logged(Format::Text, LevelFilter::TRACE, false, say), both);
    assert_eq!(logged(Format::Text, LevelFilter::OFF, false, say), "");
}

#[test]
fn formats_read_as_they_are_written() {
    for format in [Format::Text, Format::Json, Format::Journal] {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let fault = "`logfmt` is not a log format; expected `text`, `json` or `journal`";
    assert_eq!("logfmt".parse::<Format>(), Err(fault.to_owned()));
}
