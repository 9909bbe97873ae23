//! The exposition: exact, valid, and without what left the file.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

#[path = "metrics/openmetrics.rs"]
mod openmetrics;
mod view_fixture;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::{Call, CallId, Fate, Request};
use evenkeel::keel::deployment::{AccountId, Action, DeploymentId, Status};
use evenkeel::keel::figures::Figures;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::time::{Mono, Wall};
use evenkeel::keel::view::View;
use evenkeel::metrics::{FAMILIES, Format, Kind, Metrics, PROCESS_FAMILIES, families_table};
use evenkeel::notification;
use view_fixture::{bare, figures, view};

const NOW: Mono = Mono::from_millis(3_600_000);

fn id(text: &str) -> DeploymentId {
    DeploymentId::parse(text).unwrap()
}

fn account() -> AccountId {
    AccountId::new("default")
}

fn ended(call: Call, fate: Fate) -> Notice {
    let took = Duration::from_millis(312);
    Notice::CallEnded { id: CallId(7), call, took, fate, fault: None }
}

fn act(action: Action, deployment: &str, fate: Fate) -> Notice {
    ended(Call::act(account(), action, id(deployment)), fate)
}

const fn answered(code: u16) -> Fate {
    Fate::Answered { code, retry_after: None }
}

fn status(deployment: &str, from: Option<&str>, to: &str, second: i64) -> Notice {
    let (from, to) = (from.map(Status::from_word), Status::from_word(to));
    let at = Mono::from_millis(second * 1000);
    Notice::StatusChanged { deployment: id(deployment), from, to, at }
}

/// The wall clock stands at the same instant in every test that does not set it.
fn metrics() -> Arc<Metrics> {
    Metrics::new("1.2.3", || Wall::from_millis(1_767_225_600_250)).unwrap().into()
}

fn counted() -> Arc<Metrics> {
    let metrics = metrics();
    let read = |fate| ended(Call { account: account(), request: Request::Status(id("a1")) }, fate);
    let list = Call { account: account(), request: Request::List };
    let unexpected = Notice::Unexpected429 {
        call: list.clone(),
        closed_until: Wall::from_millis(0),
        widened_until: None,
    };
    for notice in [
        read(answered(200)),
        read(answered(200)),
        read(answered(503)),
        read(Fate::Unanswered),
        read(Fate::NeverLeft),
        ended(list, answered(429)),
        unexpected,
        act(Action::Start, "b2", answered(201)),
        act(Action::Start, "b2", answered(429)),
        act(Action::Stop, "b2", answered(422)),
        act(Action::Stop, "b2", answered(500)),
        act(Action::Stop, "b2", Fate::Unanswered),
        act(Action::Stop, "gone", Fate::NeverLeft),
        Notice::Reversed { deployment: id("c3"), status: Status::Stopped, count: 1 },
        Notice::ClockStepped { by: -5 },
        status("b2", None, "stopped", 100),
        status("b2", Some("stopped"), "starting", 1000),
        status("b2", Some("starting"), "running", 1138),
        status("b2", Some("running"), "<odd>", 3000),
        status("b2", Some("<odd>"), "running", 3001),
        // It left the file and came back.
        status("c3", None, "stopped", 0),
        status("c3", None, "running", 3599),
    ] {
        metrics.count(&notice);
    }
    metrics
}

/// The exposition of a view and its deployments.
fn encode(metrics: &Arc<Metrics>, view: &View, now: Mono, format: Format) -> String {
    metrics.expose(view, figures(view), now, format).unwrap().collect()
}

fn text(metrics: &Arc<Metrics>, view: &View, now: Mono) -> String {
    encode(metrics, view, now, Format::Text)
}

/// The exposition without the figures of the process, which differ from run to run.
fn ours(text: &str) -> String {
    let of_process = |line: &&str| !line.contains(" process_") && !line.starts_with("process_");
    text.lines().filter(of_process).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_exposition_of_a_fleet() {
    insta::assert_snapshot!(ours(&text(&counted(), &view(), NOW)));
}

#[test]
fn the_exposition_of_nothing_yet() {
    insta::assert_snapshot!(ours(&text(&metrics(), &bare(), NOW)));
}

#[test]
fn what_left_the_file_leaves_the_metrics_and_begins_anew() {
    let metrics = counted();
    let whole = view();
    let accepted =
        "evenkeel_actions_total{deployment=\"b2\",action=\"start\",outcome=\"accepted\"}";
    let encode = |view: &View| text(&metrics, view, NOW);
    assert!(encode(&whole).contains(&format!("{accepted} 1\n")));
    let mut less = whole.clone();
    less.deployments.retain(|one| one.id.as_str() != "b2");
    assert!(!encode(&less).contains("b2"));
    assert!(encode(&whole).contains(&format!("{accepted} 0\n")));
}

/// However often it is looked at, the time in a status is counted once.
#[test]
fn the_time_in_a_status_goes_on_from_scrape_to_scrape() {
    let metrics = metrics();
    metrics.count(&status("b2", None, "stopped", 10));
    let seconds = |now: i64| {
        let text = text(&metrics, &view(), Mono::from_millis(now * 1000));
        let name = "evenkeel_deployment_state_seconds_total{deployment=\"b2\",status=\"";
        let series = text.lines().filter_map(|line| line.strip_prefix(name));
        series.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(seconds(10), ["running\"} 0", "stopped\"} 0"]);
    assert_eq!(seconds(12), ["running\"} 0", "stopped\"} 2"]);
    assert_eq!(seconds(11), ["running\"} 0", "stopped\"} 2"], "never less");
    metrics.count(&status("b2", Some("stopped"), "running", 15));
    assert_eq!(seconds(16), ["running\"} 1", "stopped\"} 5"]);
}

/// `increase()` sees no step from nothing to 1, so what can become of a message is there at 0.
#[test]
fn each_outcome_of_a_message_begins_at_zero() {
    let metrics = metrics();
    metrics.notifications_waiting("chat", 1);
    let text = text(&metrics, &bare(), NOW);
    for fate in notification::Fate::ALL {
        let name = "evenkeel_notifications_total{receiver=\"chat\",outcome=";
        let series = format!("{name}\"{}\"}} 0\n", fate.as_str());
        assert!(text.contains(&series), "{series}{text}");
    }
}

#[test]
fn a_configuration_that_is_refused_shows_beside_a_good_desired_file() {
    let metrics = metrics();
    let mut view = view();
    view.file.fault = None;
    let says = |value: u8| {
        let line = format!("\nevenkeel_config_last_reload_successful {value}\n");
        text(&metrics, &view, NOW).contains(&line)
    };
    assert!(says(1));
    metrics.configuration_reloaded(false);
    assert!(says(0));
    metrics.configuration_reloaded(true);
    assert!(says(1));
    metrics.web_configuration_reloaded(false);
    metrics.configuration_reloaded(true);
    assert!(says(0));
    metrics.web_configuration_reloaded(true);
    assert!(says(1));
}

#[test]
fn both_expositions_are_valid() {
    for view in [view(), bare()] {
        let text = text(&counted(), &view, NOW);
        let families = validate(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        for family in FAMILIES {
            assert_eq!(families.get(family.name), Some(&family.kind.to_string()));
        }
        for name in PROCESS_FAMILIES {
            assert!(!cfg!(target_os = "linux") || families.contains_key(name), "{name}");
        }
        assert!(families.keys().all(|name| {
            PROCESS_FAMILIES.contains(&name.as_str()) || FAMILIES.iter().any(|f| f.name == name)
        }));
    }
}

#[test]
fn the_promised_names_have_their_types_and_labels() {
    let promised: [(&str, Kind, &[&str]); 18] = [
        ("evenkeel_schedule_next_transition_timestamp_seconds", Kind::Gauge, &["deployment"]),
        ("evenkeel_deployment_state_seconds_total", Kind::Counter, &["deployment", "status"]),
        ("evenkeel_build_info", Kind::Gauge, &["version"]),
        ("evenkeel_desired_running", Kind::Gauge, &["deployment"]),
        ("evenkeel_deployment_status", Kind::Gauge, &["deployment", "status"]),
        ("evenkeel_deployment_in_sync", Kind::Gauge, &["deployment"]),
        ("evenkeel_deployment_last_observed_timestamp_seconds", Kind::Gauge, &["deployment"]),
        ("evenkeel_deployment_condition", Kind::Gauge, &["deployment", "reason"]),
        ("evenkeel_budget_remaining", Kind::Gauge, &["deployment", "method"]),
        ("evenkeel_budget_reset_timestamp_seconds", Kind::Gauge, &["deployment", "method"]),
        ("evenkeel_api_requests_total", Kind::Counter, &["method", "code"]),
        ("evenkeel_api_request_duration_seconds", Kind::Histogram, &["method"]),
        ("evenkeel_actions_total", Kind::Counter, &["deployment", "action", "outcome"]),
        ("evenkeel_unexpected_429_total", Kind::Counter, &["method"]),
        ("evenkeel_config_last_reload_successful", Kind::Gauge, &[]),
        ("evenkeel_config_last_reload_success_timestamp_seconds", Kind::Gauge, &[]),
        ("evenkeel_leader", Kind::Gauge, &[]),
        ("evenkeel_ledger_writable", Kind::Gauge, &[]),
    ];
    for (name, kind, labels) in promised {
        let family = FAMILIES.iter().find(|family| family.name == name);
        let family = family.unwrap_or_else(|| panic!("{name} is not declared"));
        assert_eq!((family.kind, family.labels), (kind, labels), "{name}");
    }
}

#[test]
fn declarations_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for family in FAMILIES {
        let name = family.name;
        assert!(names.insert(name), "{name} is declared twice");
        assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
        assert!(!family.help.contains(['\n', '\\', '|']), "{name}: {}", family.help);
        assert!(family.help.ends_with('.') || family.help.ends_with("`never_left`."), "{name}");
    }
}

#[test]
fn the_table_names_every_family_once() {
    let table = families_table();
    for family in FAMILIES {
        let open = format!("| `{}", family.name);
        let row = |line: &&str| line.starts_with(&open) && line.contains(family.help);
        assert_eq!(table.lines().filter(row).count(), 1, "{}", family.name);
    }
    assert_eq!(table.lines().count(), FAMILIES.len() + 3);
    assert!(table.contains(
        "| `evenkeel_deployment_status{deployment,status}` | gauge | 1 for the status last seen, "
    ));
}

#[test]
fn the_validator_finds_faults() {
    for (text, fault) in [
        ("a 1\n", "a: sample outside its family"),
        ("# HELP a A.\n# HELP a A.\n", "a: HELP twice"),
        ("# HELP a A.\n# TYPE a gauge\n# TYPE a gauge\n", "a: TYPE twice"),
        ("# HELP a A.\n# TYPE a gauge\na 1\na 2\n", "a: series twice"),
        ("# HELP a A.\n# TYPE a gauge\na{b=\"c\"d\"} 1\n", "a{b=\"c\"d\"} 1: labels"),
        ("# HELP a A.\n# TYPE a gauge\na{b=\"\\x\"} 1\n", "a{b=\"\\x\"} 1: labels"),
        ("# HELP a A.\n# TYPE a gauge\na one\n", "a one: value"),
        (
            "# HELP a A.\n# TYPE a gauge\n# HELP b B.\n# TYPE b gauge\na 1\n",
            "a: sample outside its family",
        ),
        ("# HELP a A.\n# TYPE a gauge\na 1", "no line feed at the end"),
    ] {
        assert_eq!(validate(text), Err(fault.to_owned()));
    }
}

/// Checks `text` as promtool would: one HELP and TYPE a family, before its samples, samples
/// together, no series twice, labels escaped, values numbers. Gives the type of each family.
fn validate(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut families: BTreeMap<String, String> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut series = BTreeSet::new();
    let mut current = (String::new(), String::new());
    if !text.ends_with('\n') {
        return Err("no line feed at the end".to_owned());
    }
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').ok_or(format!("{line}: no help"))?;
            if !helped.insert(name.to_owned()) {
                return Err(format!("{name}: HELP twice"));
            }
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or(format!("{line}: no type"))?;
            if families.insert(name.to_owned(), kind.to_owned()).is_some() {
                return Err(format!("{name}: TYPE twice"));
            }
            current = (name.to_owned(), kind.to_owned());
        } else {
            let (name, labels, value) = sample(line)?;
            let suffixes: &[&str] =
                if current.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            if !suffixes.iter().any(|suffix| name == format!("{}{suffix}", current.0)) {
                return Err(format!("{name}: sample outside its family"));
            }
            if !series.insert((name.clone(), labels)) {
                return Err(format!("{name}: series twice"));
            }
            value.parse::<f64>().map_err(|_| format!("{line}: value"))?;
        }
    }
    Ok(families)
}

type Labels = BTreeMap<String, String>;

fn sample(line: &str) -> Result<(String, Labels, &str), String> {
    let bad = || format!("{line}: labels");
    let end = line.find(['{', ' ']).ok_or_else(bad)?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, tail) = rest.split_once("=\"").ok_or_else(bad)?;
            let (value, tail) = quoted(tail).ok_or_else(bad)?;
            let name = label.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if !name || labels.insert(label.to_owned(), value).is_some() {
                return Err(bad());
            }
            match (tail.strip_prefix(','), tail.strip_prefix('}')) {
                (Some(more), _) => rest = more,
                (None, Some(after)) => {
                    rest = after;
                    break;
                }
                (None, None) => return Err(bad()),
            }
        }
    }
    Ok((name.to_owned(), labels, rest.strip_prefix(' ').ok_or_else(bad)?))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                escaped @ ('\\' | '"') => out.push(escaped),
                _ => return None,
            },
            other => out.push(other),
        }
    }
    None
}

/// Where several daemons share a ledger, a sum over all of them counts each deployment once.
#[test]
fn who_stands_by_says_nothing_of_deployments() {
    let follower = View { leader: false, ..view() };
    let exposition = text(&counted(), &follower, NOW);
    let labelled = |label: &str| exposition.lines().find(|line| line.contains(label));
    assert_eq!((labelled("{deployment="), labelled("{account=")), (None, None));
    assert!(exposition.contains("\nevenkeel_leader 0\n"));
    assert!(exposition.contains("\nevenkeel_deployments 6\n"));
}

/// Of a large fleet it is made piece by piece, each of whole lines and none of them large.
#[test]
fn a_large_fleet_comes_in_pieces() {
    let like = &figures(&view())[0];
    let fleet: Vec<_> = (0..5000)
        .map(|number| Figures { id: id(&format!("z{number:04}")), ..like.clone() })
        .collect();
    for format in [Format::Text, Format::OpenMetrics] {
        let pieces = counted().expose(&view(), fleet.clone(), NOW, format).unwrap();
        let pieces: Vec<String> = pieces.collect();
        assert!(pieces.len() > 50, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.ends_with('\n') && piece.len() < 128 * 1024));
        let whole = pieces.concat();
        let samples = whole.lines().filter(|line| line.contains("deployment=\"z"));
        let each: Vec<_> = samples.clone().filter(|line| line.contains("\"z0000\"")).collect();
        assert_eq!(samples.count(), each.len() * 5000, "{each:#?}");
        let headers: Vec<_> = whole.lines().filter(|line| line.starts_with("# TYPE")).collect();
        assert_eq!(headers.len(), headers.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(whole.ends_with("# EOF\n"), format == Format::OpenMetrics);
    }
}
