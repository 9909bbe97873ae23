//! Rules, runbooks and dashboard in step with the metrics and with each other.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel::http::PATIENCE;
use evenkeel::keel::deployment::Status;
use evenkeel::keel::plan::Reason;
use evenkeel::metrics::{FAMILIES, Family, Kind, PROCESS_FAMILIES};
use evenkeel::notification::Fate;
use serde_json::Value;

use super::*;

const RULES: &str = "deploy/prometheus/evenkeel.rules.yaml";
const BOARD: &str = "deploy/grafana/evenkeel.json";
const RUNBOOKS: &str = "deploy/prometheus/runbooks";

/// Labels that a scrape, a histogram or an alert adds.
const FOREIGN: [&str; 6] = ["job", "instance", "le", "alertname", "severity", "alertstate"];

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rules() -> Vec<Value> {
    let groups = yaml(RULES)["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn named(rules: &[Value], key: &str) -> BTreeSet<String> {
    rules.iter().filter_map(|rule| rule[key].as_str()).map(str::to_owned).collect()
}

/// All `expr` and `definition` of the dashboard, wherever they stand.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(text) if key == "expr" || key == "definition" => {
                        found.push(text.to_owned());
                    }
                    Some(_) | None => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn board() -> Vec<String> {
    let value: Value = serde_json::from_str(&read(BOARD)).unwrap();
    let mut found = Vec::new();
    expressions(&value, &mut found);
    assert!(found.len() > 30, "{} expressions", found.len());
    found
}

fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(RUNBOOKS).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = entries
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

/// The words that look like metrics of ours, each with the labels in the braces behind it.
fn metrics(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut rest = text;
    while let Some(start) = rest.find(part) {
        let word = &rest[start..];
        let end = word.find(|c| !part(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        rest = after;
        if word.starts_with("evenkeel_") || word.starts_with("process_") || word.contains(":eve") {
            let inside = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            found.push((word.to_owned(), inside.map_or(Vec::new(), |(inside, _)| labels(inside))));
        }
    }
    found
}

/// `name="value"` and the like, as names and values.
fn labels(inside: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut parts = inside.split('"');
    while let (Some(head), Some(value)) = (parts.next(), parts.next()) {
        let name = head.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        found.push((name.to_owned(), value.to_owned()));
    }
    found
}

/// The family that a series' name belongs to.
fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| {
        let suffixes: &[&str] = match family.kind {
            Kind::Histogram => &["", "_bucket", "_sum", "_count"],
            Kind::Counter | Kind::Gauge => &[""],
        };
        suffixes.iter().any(|suffix| name == format!("{}{suffix}", family.name))
    })
}

#[test]
fn what_they_name_is_measured() {
    let rules = rules();
    let recorded = named(&rules, "record");
    let mut texts: Vec<(String, String)> = vec![(RULES.to_owned(), read(RULES))];
    texts.extend(board().into_iter().map(|text| (BOARD.to_owned(), text)));
    texts.extend(pages());
    let mut seen = 0;
    for (place, text) in texts {
        for (name, labels) in metrics(&text) {
            seen += 1;
            if name.contains(':') {
                assert!(recorded.contains(&name), "{place}: {name} is not recorded");
                continue;
            }
            if PROCESS_FAMILIES.contains(&name.as_str()) {
                continue;
            }
            let family = family(&name).unwrap_or_else(|| panic!("{place}: no metric {name}"));
            for (label, value) in labels {
                let known =
                    family.labels.contains(&label.as_str()) || FOREIGN.contains(&label.as_str());
                assert!(known, "{place}: {name} has no label {label}");
                values(&place, &label, &value);
            }
        }
    }
    assert!(seen > 80, "{seen} names");
}

/// A value that nothing ever has would make an alert that never fires.
fn values(place: &str, label: &str, value: &str) {
    let known: BTreeSet<&str> = match label {
        "reason" => Reason::ALL.iter().map(|reason| reason.as_str()).collect(),
        "method" => ["status", "list", "start", "stop"].into(),
        "status" => Status::KNOWN.into_iter().chain(["unknown"]).collect(),
        "outcome" => Fate::ALL.iter().map(|fate| fate.as_str()).chain(["accepted"]).collect(),
        _ => return,
    };
    for one in value.split('|') {
        assert!(known.contains(one), "{place}: {label} is never `{one}`");
    }
}

/// Aggregations name labels, too.
#[test]
fn they_aggregate_by_labels_that_there_are() {
    let known: BTreeSet<&str> =
        FAMILIES.iter().flat_map(|family| family.labels).copied().chain(FOREIGN).collect();
    let rules = rules();
    let texts = rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()).chain(board());
    for text in texts {
        for keyword in ["by (", "on (", "without (", "ignoring ("] {
            for part in text.split(keyword).skip(1) {
                for label in part.split(')').next().unwrap().split(',') {
                    assert!(known.contains(label.trim()), "no label `{label}`: {text}");
                }
            }
        }
    }
}

#[test]
fn each_alert_has_its_page_and_its_tests() {
    let rules = rules();
    let alerts = named(&rules, "alert");
    let pages: BTreeMap<_, _> = pages().into_iter().collect();
    let names: BTreeSet<_> = pages.keys().cloned().collect();
    assert_eq!(alerts, names, "alerts and pages");
    let folder = fs::read_dir("tests/prometheus/rules").unwrap();
    let tests: String =
        folder.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let mut bases = BTreeSet::new();
    for rule in rules.iter().filter(|rule| rule["alert"].is_string()) {
        let name = rule["alert"].as_str().unwrap();
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        for key in ["summary", "description"] {
            assert!(
                rule["annotations"][key].as_str().is_some_and(|text| text.len() > 15),
                "{name}"
            );
        }
        let url = rule["annotations"]["runbook_url"].as_str().unwrap();
        bases.insert(url.strip_suffix(&format!("/{RUNBOOKS}/{name}.md")).unwrap().to_owned());
        let fires = format!("alertname=\"{name}\",alertstate=\"firing\"");
        assert!(tests.contains(&fires), "{name} fires in no test");
    }
    assert_eq!(bases.len(), 1, "{bases:?}");
}

#[test]
fn alertmanager_knows_the_alerts_by_their_names() {
    let alerts = named(&rules(), "alert");
    let text = read("deploy/prometheus/alertmanager.yaml");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !".+".contains(c));
    let names: Vec<_> = words.filter(|word| word.starts_with("Evenkeel")).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let open = name.strip_suffix(".+");
        let known = |alert: &String| open.map_or(alert == name, |open| alert.starts_with(open));
        assert!(alerts.iter().any(known), "no alert `{name}`");
    }
}

#[test]
fn each_page_says_what_to_do() {
    let commands: BTreeSet<_> =
        Cli::command().get_subcommands().map(|one| one.get_name().to_owned()).collect();
    for (name, text) in pages() {
        let headings: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
        let title = format!("# {name}");
        let wanted = [&title, "## Meaning", "## Impact", "## Diagnosis", "## Mitigation"];
        assert_eq!(headings, wanted, "{name}");
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let path = Path::new(RUNBOOKS).join(target);
            assert!(path.exists(), "{name} links to {target}");
        }
        for code in quoted(&text).iter().filter_map(|code| code.strip_prefix("evenkeel ")) {
            let mut words = code.split(' ').filter(|word| !word.starts_with("--"));
            let command = words.find(|word| *word != "FILE").unwrap();
            assert!(commands.contains(command), "{name}: no command `evenkeel {command}`");
        }
    }
}

/// A stuck loop is told from a process that is gone by how long a scrape takes.
#[test]
fn the_rules_know_the_patience_of_the_endpoint() {
    let told = format!("scrape_duration_seconds{{job=\"evenkeel\"}} >= {}\n", PATIENCE.as_secs());
    assert_eq!(read(RULES).matches(&told).count(), 2);
}
