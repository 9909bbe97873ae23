//! `config/json.md` lists the keys that commands print, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::daemon::{Daemon, fleet};
use crate::{EVENKEEL, Scratch};

type Keys = BTreeSet<String>;

/// The keys that each section of the page lists.
fn documented() -> BTreeMap<String, Keys> {
    let page = std::fs::read_to_string("config/json.md").unwrap();
    let section = |text: &str| {
        let (title, rest) = text.split_once('\n').unwrap();
        let rows = rest.lines().filter_map(|line| line.strip_prefix("| `"));
        let keys = rows.map(|row| row.split('`').next().unwrap().to_owned());
        (title.to_owned(), keys.collect())
    };
    page.split("\n## ").skip(1).map(section).collect()
}

/// Each key below `at` that holds no other.
fn collect(at: &str, value: &Value, keys: &mut Keys) {
    match value {
        Value::Object(all) => {
            let dot = if at.is_empty() { "" } else { "." };
            all.iter().for_each(|(key, value)| collect(&format!("{at}{dot}{key}"), value, keys));
        }
        Value::Array(all) => {
            keys.insert(format!("{at}[]"));
            all.iter().for_each(|value| collect(&format!("{at}[]"), value, keys));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            keys.insert(at.to_owned());
        }
    }
}

/// The keys of these values; `see` are documented elsewhere, and end there.
fn keys(values: &[Value], see: &[&str]) -> Keys {
    let mut keys = Keys::new();
    values.iter().for_each(|value| collect("", value, &mut keys));
    let cut = |key: String| {
        let fits = |see: &&&str| {
            key.strip_prefix(**see)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        see.iter().find(fits).map_or(key.clone(), |see| (*see).to_owned())
    };
    let keys: Keys = keys.into_iter().map(cut).collect();
    // What was `null` or empty once, and held something at another time.
    let inner = |key: &String, other: &String| {
        other.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let outer = |key: &&String| !keys.iter().any(|other| inner(key, other));
    keys.iter().filter(outer).cloned().collect()
}

struct World {
    scratch: Scratch,
    daemon: Daemon,
}

impl World {
    fn new() -> Self {
        let scratch = Scratch::new();
        let file = |acknowledge: &str, hours: &str, deployments: &str| {
            format!(
                "timezone: Europe/Berlin\nacknowledge: {acknowledge}\n\
                 prices: {{ running: 0.36, stopped: 0.06 }}\n\
                 schedules: {{ office: {{ running: [Mon-Fri {hours}] }} }}\n\
                 deployments: {{ {deployments} }}\n"
            )
        };
        let old = file("11111111", "08:00-19:00", "a1: office, b2: running, c3: running");
        let new = file("22222222", "07:00-19:00", "a1: office, b2: stopped, d4: office");
        scratch.write("old.yaml", &old);
        scratch.write("new.yaml", &new);
        scratch.write("wrong.yaml", "deployments: { a1: on }\n");
        scratch.write("spent.txt", "evenkeel-ledger 1 4f1c09ab 1 60ffbdfe\n");
        let daemon = Daemon::new(fleet());
        let past = fleet()["deployments"][1]["lastAction"].clone();
        daemon.remembers(json!([past]));
        Self { scratch, daemon }
    }

    fn prints(&self, line: &str) -> Value {
        let output = self.output(line);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn output(&self, line: &str) -> std::process::Output {
        let mut command = std::process::Command::new(EVENKEEL);
        command.env_clear().current_dir(&self.scratch.0).args(line.split(' '));
        command.args(["--output", "json"]);
        let variables = [
            ("EVENKEEL_API_URL", "https://cloud.example/public_api/v1"),
            ("EVENKEEL_API_KEY", "key"),
            ("EVENKEEL_API_SECRET", "secret"),
            ("EVENKEEL_DESIRED", "old.yaml"),
            ("EVENKEEL_STATE_DIR", "state"),
            ("EVENKEEL_LISTEN", &self.daemon.address()),
        ];
        command.envs(variables).output().unwrap()
    }

    /// The first line of a watch.
    fn event(&self) -> Value {
        let mut command = std::process::Command::new(EVENKEEL);
        command.env_clear().args(["status", "--watch", "--output", "json"]);
        command.args(["--listen", &self.daemon.address()]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn all(&self, lines: &[&str], see: &[&str]) -> Keys {
        let values: Vec<_> = lines.iter().map(|line| self.prints(line)).collect();
        keys(&values, see)
    }
}

#[test]
fn the_page_lists_the_keys_that_commands_print() {
    let world = World::new();
    let from = "--from 2026-11-25";
    let found = [
        ("The fleet", world.all(&["status", "plan"], &["deployments[]"])),
        (
            "A deployment",
            world.all(&["status a1", "status b2", "status d4", "status e5"], &["lastAction"]),
        ),
        ("The history", world.all(&["history"], &[])),
        ("The preview", world.all(&[&format!("preview {from}")], &[])),
        ("The difference", world.all(&[&format!("diff old.yaml new.yaml {from}")], &[])),
        ("The explanation", world.all(&["explain a1"], &[])),
        ("The check", world.all(&["check old.yaml", "check wrong.yaml"], &[])),
        ("The ledger", world.all(&["ledger verify spent.txt"], &[])),
        ("Changes", keys(&[world.event()], &["object"])),
    ];
    let found: BTreeMap<_, _> =
        found.into_iter().map(|(title, keys)| (title.to_owned(), keys)).collect();
    assert_eq!(documented(), found);
}

#[test]
fn a_mistyped_id_is_told_with_the_one_that_was_meant() {
    let output = World::new().output("explain A1");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`A1`: old.yaml does not name it"), "{said}");
    assert!(said.contains("did you mean `a1`?"), "{said}");
    assert_eq!(output.status.code(), Some(2), "{said}");
}

/// The words of `synced.reason` are those that there are.
#[test]
fn the_page_lists_the_reasons() {
    let page = std::fs::read_to_string("config/json.md").unwrap();
    let row = page.lines().find(|line| line.starts_with("| `synced.reason`")).unwrap();
    let words: Vec<_> = row.split('`').skip(1).step_by(2).skip(1).collect();
    let known = evenkeel::keel::plan::Reason::ALL.map(|reason| reason.as_str());
    assert_eq!(words, known);
}
